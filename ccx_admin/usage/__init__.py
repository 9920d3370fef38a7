"""Usage: totals and series."""
