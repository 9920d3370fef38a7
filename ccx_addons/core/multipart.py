"""Fields of a multipart/form-data body, found in place so that the rest goes through byte for byte (RFC 7578).

Readers differ in what they make of a body that is written oddly, and what the gateway judged must be what an upstream
reads. So only one way of writing is taken: the way in which every client library writes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"]{1,200})"|([^;,\s]{1,200}))', re.IGNORECASE)
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*)")
_VALUE: Final = rb'(?:"((?:[^"\\\r\n]|\\.)*)"|([^\s;"]+))'
_PARAMETER: Final = re.compile(rb"[ \t]*;[ \t]*([\w-]+\*?)=" + _VALUE)
_DISPOSITION: Final = re.compile(rb"form-data((?:" + _PARAMETER.pattern + rb")*)[ \t]*", re.IGNORECASE)
MAX_FIELD: Final = 4096
"""A value longer than this is no model name."""
MAX_HEAD: Final = 16 << 10
MAX_PARTS: Final = 1000
"""Bytes of a part's head, and parts of a body: nobody sends more pictures at once."""


class BadForm(ValueError):
    """The body is not written as forms are. The message is safe to show to the client."""


@dataclass(frozen=True, slots=True)
class Field:
    """A text field: its value and where that stands in the body, and where its part does, with one boundary."""

    value: str
    start: int
    end: int
    part_start: int
    part_end: int


def fields(body: bytes, content_type: str, wanted: frozenset[str]) -> dict[str, Field]:
    """The wanted text fields. Raises BadForm, also where a wanted name stands twice."""
    found = _BOUNDARY.search(content_type)
    if not found or content_type.lower().count("boundary") != 1:
        raise BadForm("the multipart body has no boundary, or two")
    mark = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    if not body.startswith(mark) or body.count(mark) > MAX_PARTS:
        raise BadForm("the multipart body does not begin with its boundary, or has too many parts")
    result: dict[str, Field] = {}
    seen: set[str] = set()
    at, marks = len(mark), 1
    while body[at : at + 2] != b"--":
        end = body.find(b"\r\n" + mark, at)
        head_end = body.find(b"\r\n\r\n", at, min(end, at + MAX_HEAD)) if end >= 0 else -1
        if head_end < 0 or body[at : at + 2] != b"\r\n":
            raise BadForm("the multipart body is malformed")
        name, is_file = _named(body[at + 2 : head_end])
        if (plain := name.casefold()) != name and plain in wanted:
            raise BadForm(f"the form field {name!r} is written {plain!r}")
        if name in wanted and name in seen:
            raise BadForm(f"the form field {name!r} stands twice")
        seen.add(name)
        start = head_end + 4
        if name in wanted and not is_file and end - start <= MAX_FIELD:
            value = body[start:end].decode("utf-8", "replace")
            result[name] = Field(value, start, end, at, end + 2 + len(mark))
        at, marks = end + 2 + len(mark), marks + 1
    if body[at + 2 : at + 4] not in (b"", b"\r\n") or body.count(mark) != marks:
        raise BadForm("the multipart body is malformed")
    return result


def _named(head: bytes) -> tuple[str, bool]:
    """The name of a part, and whether it is a file. Raises BadForm."""
    dispositions = []
    for line in head.split(b"\r\n"):
        header = _HEADER.fullmatch(line)
        if not header:
            raise BadForm("a part of the multipart body has a malformed head")
        if header[1].lower() == b"content-disposition":
            dispositions.append(_DISPOSITION.fullmatch(header[2]))
    if len(dispositions) != 1 or not dispositions[0]:
        raise BadForm("a part of the multipart body has no content-disposition that can be read")
    parameters = [(name.lower(), quoted or plain) for name, quoted, plain in _PARAMETER.findall(dispositions[0][1])]
    names = [value for name, value in parameters if name == b"name"]
    if (
        len(names) != 1
        or b"\\" in names[0]
        or any(name.startswith(b"name") and name != b"name" for name, _ in parameters)
    ):
        raise BadForm("a part of the multipart body has no name, or two")
    is_file = any(name.startswith(b"filename") for name, _ in parameters)
    return names[0].decode("utf-8", "replace"), is_file


def edited(body: bytes, changes: Mapping[Field, str | None]) -> bytes:
    """The body with some fields' values changed; with None a field is left out."""
    pieces, at = [], 0
    for field in sorted(changes, key=lambda one: one.start):
        value = changes[field]
        start, end = (field.part_start, field.part_end) if value is None else (field.start, field.end)
        pieces += [body[at:start], b"" if value is None else value.encode()]
        at = end
    return b"".join([*pieces, body[at:]])
