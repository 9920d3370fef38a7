"""Requests: the list and its search, one request, live rows, exports."""
