"""Identifiers: UUID version 7 (RFC 9562 section 5.7), which sort by time; and ids that follow from what they name."""

import hashlib
import os
import time
from typing import Any, Final

LONGEST: Final = 64
"""Characters that vendors take in ids, keys and names of users."""


def uuid7(now: float | None = None) -> str:
    """A new id for a request. ``now``: Unix seconds."""
    milliseconds = int((time.time() if now is None else now) * 1000)
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def shortened(text: str, prefix: str, most: int = LONGEST) -> str:
    """The text if it has at most so many characters, else an id made from it, the same every time."""
    return text if len(text) <= most else made_up_id(prefix, text)


def made_up_id(prefix: str, *parts: Any) -> str:
    """An id, as vendors form them: the same for the same parts."""
    return f"{prefix}_{hashlib.sha256(repr(parts).encode('utf-8', 'backslashreplace')).hexdigest()[:32]}"
