"""Totals and time series, and the page and API that show them."""
