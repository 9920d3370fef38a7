"""Server-sent events, read incrementally and written (https://html.spec.whatwg.org/multipage/server-sent-events.html).

The reader tolerates what upstreams send: CR, LF and CRLF, no space after the colon, comments, several data lines,
a byte order mark, UTF-8 cut anywhere, bare JSON lines without ``data:``.
"""

import codecs
from dataclasses import dataclass
from typing import Final

MAX_EVENT: Final = 64 << 20
"""Characters of one event, which may be a picture of 4096 pixels; a longer one is an error of the upstream."""


class EventTooLarge(ValueError):
    """One event grew past MAX_EVENT."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """``data`` lines are joined by a newline; ``name`` is the event field, empty when there was none."""

    data: str
    name: str = ""


class Reader:
    """Feed bytes as they come; get the events that are complete.

    ``flush`` gives the last event when the stream ended without its empty line, which real upstreams do.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
        self._tail: list[str] = []
        self._tail_size = 0
        self._swallow_lf = False
        self._name = ""
        self._data: list[str] = []
        self._data_size = 0

    def feed(self, data: bytes) -> list[ServerEvent]:
        return self._lines(self._decode(data))

    def flush(self) -> list[ServerEvent]:
        events = self._lines(self._decode(b"", True))
        if self._tail:
            events += self._lines("\n")
        last = self._dispatch()
        return [*events, last] if last else events

    def _lines(self, text: str) -> list[ServerEvent]:
        if self._swallow_lf and text:
            self._swallow_lf = False
            text = text.removeprefix("\n")
        if not text:
            return []
        self._swallow_lf = text.endswith("\r")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        first, *rest = text.split("\n")
        self._tail.append(first)
        self._tail_size += len(first)
        if self._tail_size + self._data_size > MAX_EVENT:
            raise EventTooLarge(f"one event is larger than {MAX_EVENT} characters")
        if not rest:
            return []
        lines = ["".join(self._tail), *rest[:-1]]
        self._tail = [rest[-1]] if rest[-1] else []
        self._tail_size = len(rest[-1])
        return [event for line in lines if (event := self._line(line))]

    def _line(self, line: str) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        if line[0] in "{[" and not self._data:
            # Some relays send bare JSON lines without the data field.
            return ServerEvent(line, self._take_name())
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
            self._data_size += len(value) + 1
        elif field == "event":
            self._name = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        name = self._take_name()
        if not self._data:
            return None
        event = ServerEvent("\n".join(self._data), name)
        self._data = []
        self._data_size = 0
        return event

    def _take_name(self) -> str:
        name, self._name = self._name, ""
        return name


def frame(data: str, name: str = "") -> bytes:
    """One event as bytes. ``data`` is JSON text and so has no line breaks of its own."""
    if name:
        return f"event: {name}\ndata: {data}\n\n".encode("utf-8", "backslashreplace")
    return f"data: {data}\n\n".encode("utf-8", "backslashreplace")


COMMENT: Final = b": keepalive\n\n"
"""Sent to a waiting client; every SSE reader skips it."""
