"""The first page: problems first, then figures, then what runs now."""
