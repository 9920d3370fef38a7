"""Identifiers: UUID version 7 (RFC 9562 section 5.7), which sort by time; and ids that follow from what they name."""

import hashlib
import os
import time
from typing import Any, Final

LONGEST: Final = 64
"""Characters that vendors take in ids, keys and names of users."""


_random: list[bytes] = []
"""For the next ids: to ask the system for each costs more than all the rest of it."""
os.register_at_fork(after_in_child=_random.clear)


def _ten_bytes() -> bytes:
    try:
        return _random.pop()
    except IndexError:
        fresh = os.urandom(2560)
        _random.extend(fresh[at : at + 10] for at in range(10, len(fresh), 10))
        return fresh[:10]


def uuid7(now: float | None = None) -> str:
    """A new id for a request. ``now``: Unix seconds."""
    milliseconds = int((time.time() if now is None else now) * 1000)
    value = (milliseconds << 80) | int.from_bytes(_ten_bytes(), "big")
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
