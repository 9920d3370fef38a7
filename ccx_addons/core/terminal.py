"""What others wrote, as it may go to a terminal: in clear, and obeyed in nothing."""

import re
from typing import Final

OBEYED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Controls (ECMA-48), and what turns the order of letters around (unicode.org/reports/tr9)."""


def plain(text: str) -> str:
    """JSON stays JSON of the same value: what is changed is written as JSON escapes it."""
    return OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
