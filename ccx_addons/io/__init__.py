"""The only code that touches files, SQLite and httpx."""
