"""The policy, the file with its history, events, and what must not be shown of it."""
