"""Tolerant reading of wire values: anything of the wrong type reads as absent, so decoders never raise."""

import sys
from collections.abc import Mapping
from typing import Any, Final

type Json = Any

LARGEST: Final = 10**13
"""Of a count: sums of many fit into what SQLite and JavaScript can hold."""


def text(value: Json, default: str = "") -> str:
    return value if isinstance(value, str) else default


def integer(value: Json) -> int | None:
    """A whole number; JSON floats without fraction count, booleans do not."""
    if value is None or type(value) is int:
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def count(value: Json) -> int:
    """A token count: 0 for anything that is not a positive whole number, and never more than can be added up."""
    if value is None or (type(value) is int and 0 <= value <= LARGEST):
        return value or 0
    return min(max(integer(value) or 0, 0), LARGEST)


def number(value: Json) -> float | None:
    """Any number that a float can hold and that is finite; JSON can write larger ones."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) <= sys.float_info.max else None


def flag(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def items(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def mappings(value: Json) -> list[dict[str, Json]]:
    """The objects of a list; other elements are left out."""
    return [item for item in items(value) if isinstance(item, dict)]


def texts(value: Json) -> list[str]:
    """The texts of a list; other elements are left out."""
    return [item for item in items(value) if isinstance(item, str)]


def input_items(value: Json) -> list[Json]:
    """The ``input`` of a Responses request as items: a text is one user message, nothing is none."""
    return value if isinstance(value, list) else [{"role": "user", "content": value}] if value else []


def data_url(url: str) -> tuple[str, str] | None:
    """Mime type and base64 text of ``data:MIME;base64,TEXT``; None for every other URL (RFC 2397)."""
    head, comma, body = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    return head[5:-7].partition(";")[0] or "application/octet-stream", body
