"""Mirrors: what another channel would have answered, request by request and in sum."""
