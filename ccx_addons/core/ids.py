"""Identifiers: UUID version 7 (RFC 9562 section 5.7), which sort by time; and ids that follow from what they name."""

import hashlib
import os
import time
from typing import Any, Final

LONGEST: Final = 64
"""Characters that vendors take in ids, keys and names of users."""


VARIANT: Final = {digit: "89ab"[n % 4] for n, digit in enumerate("0123456789abcdef")}
"""Of a hexadecimal digit: the one with its last two bits behind those that say whose form it is."""

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
    when = f"{int((time.time() if now is None else now) * 1000):012x}"
    chance = _ten_bytes().hex()
    return f"{when[:8]}-{when[8:]}-7{chance[:3]}-{VARIANT[chance[3]]}{chance[4:7]}-{chance[7:19]}"


def shortened(text: str, prefix: str, most: int = LONGEST) -> str:
    """The text if it has at most so many characters, else an id made from it, the same every time."""
    return text if len(text) <= most else made_up_id(prefix, text)


def made_up_id(prefix: str, *parts: Any) -> str:
    """An id, as vendors form them: the same for the same parts."""
    return f"{prefix}_{hashlib.sha256(repr(parts).encode('utf-8', 'backslashreplace')).hexdigest()[:32]}"
