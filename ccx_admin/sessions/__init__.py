"""Sessions: conversations."""
