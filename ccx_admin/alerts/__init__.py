"""Telling people what goes wrong."""
