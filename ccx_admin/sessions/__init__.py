"""Conversations: where they stay, and why their prompt cache was lost."""
