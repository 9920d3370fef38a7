"""Clients: who may call, and how each tool is pointed here."""
