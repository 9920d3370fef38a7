"""Channels: their pages, their API, and how they are shown and changed."""
