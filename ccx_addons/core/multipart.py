"""Fields of a multipart/form-data body, found in place so that the rest goes through byte for byte (RFC 7578)."""

import re
from dataclasses import dataclass
from typing import Final

_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"]{1,200})"|([^;,\s]{1,200}))', re.IGNORECASE)
_NAME: Final = re.compile(rb'\bname="([^"\r\n]{0,200})"', re.IGNORECASE)
MAX_FIELD: Final = 4096
"""A value longer than this is no model name."""
MAX_HEAD: Final = 16 << 10
MAX_PARTS: Final = 1000
"""Bytes of a part's head, and parts of a body: nobody sends more pictures at once."""


@dataclass(frozen=True, slots=True)
class Field:
    """A text field: its value and where it stands in the body."""

    value: str
    start: int
    end: int


def fields(body: bytes, content_type: str, wanted: frozenset[str]) -> dict[str, Field] | None:
    """The wanted text fields (the first of a name). None: not a well-formed multipart body."""
    found = _BOUNDARY.search(content_type)
    if not found:
        return None
    mark = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    at = body.find(mark)
    if at < 0:
        return None
    result: dict[str, Field] = {}
    for _ in range(MAX_PARTS):
        at += len(mark)
        if body[at : at + 2] == b"--":
            return result
        end = body.find(b"\r\n" + mark, at)
        if end < 0:
            return None
        head_end = body.find(b"\r\n\r\n", at, min(end, at + MAX_HEAD))
        if head_end < 0:
            return None
        _take(result, body, (at, head_end + 4, end), wanted)
        at = end + 2
    return None


def _take(result: dict[str, Field], body: bytes, place: tuple[int, int, int], wanted: frozenset[str]) -> None:
    at, start, end = place
    head = body[at:start]
    name = _NAME.search(head)
    if not name or b"filename=" in head.lower() or end - start > MAX_FIELD:
        return
    key = name[1].decode("utf-8", "replace")
    if key in wanted and key not in result:
        result[key] = Field(body[start:end].decode("utf-8", "replace"), start, end)


def replace(body: bytes, field: Field, value: str) -> bytes:
    """The body with one field's value changed."""
    return body[: field.start] + value.encode() + body[field.end :]
