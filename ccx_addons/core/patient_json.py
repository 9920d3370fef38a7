"""JSON of many megabytes in small steps, so that a thread that reads or writes it lets the others run.

The json module holds the interpreter during the whole of one call: a thread of its own helps nobody. Here no call gets
more than a step of the text, but for a single string or number. What is read and refused is the same; see wire_json.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

type Json = Any
type Scan = Callable[[str, int], tuple[Json, int]]
"""Text and place -> a value and where it ends. Raises ValueError, RecursionError, StopIteration: nothing is there."""

BIG: Final = 1 << 20
"""Characters or bytes from which on a text is read in steps, in a thread: about 10 ms of work."""
STEP: Final = 128 << 10
FIRST_STEP: Final = 4 << 10
"""Characters of one call, and of the first try with what may be small."""
MAX_INSIDE: Final = 16
"""Containers larger than a step inside each other."""
SPACE: Final = re.compile(r"[ \t\r\n]*")
ENDS: Final = 256
"""Characters of a large string's beginning and end that are in the outline of a text."""
CUTS: Final = (",", "},", "],", '",')
"""What ends a member, most often: where a step may be cut."""


class PatientScanner:
    """``scan`` reads what ``whole``, the json module's own scanner, reads. For one text."""

    def __init__(self, whole: Scan) -> None:
        self._whole = whole
        self._large: list[tuple[int, int]] = []
        """Where strings larger than a step stand."""

    def outline(self, text: str) -> str:
        """The text without what is inside its large strings: all that has a meaning for its reader stands elsewhere."""
        parts, at = [], 0
        for start, end in self._large:
            parts.append(text[at : start + ENDS])
            at = end - ENDS
        return "".join([*parts, text[at:]])

    def scan(self, text: str, at: int, inside: int | None = None) -> tuple[Json, int]:
        opening = text[at : at + 1]
        if not opening or opening not in "{[":
            value, end = self._whole(text, at)
            if end - at > STEP:
                self._large.append((at, end))
            return value, end
        for step in (FIRST_STEP, STEP):
            try:
                value, end = self._whole(text[at : at + step], 0)
            except (ValueError, StopIteration):
                continue  # it is longer; or wrong, as will be seen
            return value, at + end
        inside = MAX_INSIDE if inside is None else inside
        if not inside:
            raise RecursionError
        return self._container(text, at, "{}" if opening == "{" else "[]", inside - 1)

    def _container(self, text: str, at: int, brackets: str, inside: int) -> tuple[Json, int]:
        found: Any = {} if brackets == "{}" else []
        at, tried = _skip(text, at + 1), 0
        if text[at : at + 1] == brackets[1]:
            return found, at + 1
        while True:
            if at >= tried:
                tried = at + STEP
                if several := self._several(text, at, brackets):
                    found.update(several[0]) if isinstance(found, dict) else found.extend(several[0])
                    at = several[1]
            if isinstance(found, dict):
                name, at = self._name(text, at)
                found[name], at = self.scan(text, at, inside)
            else:
                value, at = self.scan(text, at, inside)
                found.append(value)
            at, over = _next(text, at, brackets[1])
            if over:
                return found, at

    def _name(self, text: str, at: int) -> tuple[str, int]:
        """A member's name, and where its value begins."""
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        name, at = self._whole(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
        return name, _skip(text, at + 1)

    def _several(self, text: str, at: int, brackets: str) -> tuple[Json, int] | None:
        """As many whole members as a step holds. Only a comma of this very container leaves a whole value before it."""
        window = text[at : at + STEP]
        for cut in CUTS:
            end = window.rfind(cut) + len(cut) - 1
            if end < len(cut):
                continue
            piece = brackets[0] + window[:end] + brackets[1]
            try:
                value, length = self._whole(piece, 0)
            except (ValueError, StopIteration):
                continue
            if length == len(piece) and value:
                return value, _skip(text, at + end + 1)
        return None


def _next(text: str, at: int, closing: str) -> tuple[int, bool]:
    """After a member: where the next one begins, or where the container is over."""
    at = _skip(text, at)
    if text[at : at + 1] == closing:
        return at + 1, True
    if text[at : at + 1] != ",":
        raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    return _skip(text, at + 1), False


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    assert found
    return found.end()


def pieces(value: Json, write: Callable[[Json], str]) -> Iterator[str]:
    """The compact text of a value, of which ``write`` gets no more than about a step at once."""
    if not isinstance(value, dict | list) or weight(value) <= STEP:
        yield write(value)
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    before = opening
    batch: list[Any] = []
    size = 0
    for member in value.items() if isinstance(value, dict) else ((None, item) for item in value):
        size += (own := weight(member[1]))
        if own <= STEP:
            batch.append(member)
        if batch and (size > STEP or own > STEP):
            yield before + _write_batch(batch, opening, write)
            before, batch, size = ",", [], 0
        if own > STEP:
            yield before if opening == "[" else f"{before}{write(member[0])}:"
            yield from pieces(member[1], write)
            before, size = ",", 0
    if batch:
        yield before + _write_batch(batch, opening, write)
    yield closing


def _write_batch(batch: list[Any], opening: str, write: Callable[[Json], str]) -> str:
    return write(dict(batch) if opening == "{" else [item for _, item in batch])[1:-1]


def weight(value: Json) -> int:
    """About how many characters a value is, or more than a step."""
    size, waiting = 0, [value]
    while waiting and size <= STEP:
        value = waiting.pop()
        if isinstance(value, str):
            size += len(value) + 2
        elif isinstance(value, dict):
            size += sum(map(len, value)) + 4 * len(value)
            waiting += value.values()
        elif isinstance(value, list):
            size += 2 * len(value) + 2
            if size <= STEP:
                waiting += value
        else:
            size += 4
    return size
