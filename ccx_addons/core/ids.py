"""Identifiers: UUID version 7 (RFC 9562 section 5.7), which sort by time."""

import os
import time


def uuid7(now: float | None = None) -> str:
    """A new id for a request. ``now``: Unix seconds."""
    milliseconds = int((time.time() if now is None else now) * 1000)
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
