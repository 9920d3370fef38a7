"""Server-sent events, read incrementally and written (https://html.spec.whatwg.org/multipage/server-sent-events.html).

The reader tolerates what upstreams send: CR, LF and CRLF, no space after the colon, comments, several data lines,
a byte order mark, UTF-8 cut anywhere, bare JSON without ``data:``, in one line or spread over several, and events
without the empty line between them (rexxars/eventsource-parser#31).
"""

import codecs
from typing import Final, NamedTuple

MAX_EVENT: Final = 64 << 20
"""Characters of one event, which may be a picture of 4096 pixels; a longer one is an error of the upstream."""


class EventTooLarge(ValueError):
    """One event grew past MAX_EVENT."""


class ServerEvent(NamedTuple):
    """``data`` lines are joined by a newline; ``name`` is the event field, empty when there was none."""

    data: str
    name: str = ""


class Reader:
    """Feed bytes as they come; get the events that are complete.

    ``flush`` gives the last event when the stream ended without its empty line, which real upstreams do.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._decode = self._decoder.decode
        self._whole = False
        """The text has begun, and no character of it waits for its last bytes."""
        self._tail: list[str] = []
        self._tail_size = 0
        self._swallow_lf = False
        self._name = ""
        self._data: list[str] = []
        self._data_size = 0
        self._spread = False

    def feed(self, data: bytes) -> list[ServerEvent]:
        return self.lines(self.text(data))

    def flush(self) -> list[ServerEvent]:
        events = self.lines(self._decode(b"", True))
        if self._tail:
            events += self.lines("\n")
        last = self._dispatch()
        return [*events, last] if last else events

    @property
    def between(self) -> bool:
        """Whether nothing of an event has come whose end has not."""
        return not (self._tail or self._data or self._name or self._swallow_lf)

    def text(self, data: bytes) -> str:
        """The next bytes of the stream as text."""
        if self._whole:
            try:
                return data.decode()
            except UnicodeDecodeError:
                pass
        text = self._decode(data)
        self._whole = bool(text) and not self._decoder.getstate()[0]
        return text

    def lines(self, text: str) -> list[ServerEvent]:
        """The events that end in the next characters of the stream."""
        if text.endswith("\n\n") and self.between and len(text) < MAX_EVENT and (whole := _plain(text)):
            return whole
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
        if self._spread:
            return self._more(line)
        if line[0] in "{[" and not self._data:
            if line in "{[":
                self._spread = True
                return self._more(line)
            # Some relays send bare JSON lines without the data field.
            return ServerEvent(line, self._take_name())
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            return self._more_data(value)
        if field == "event":
            before = self._dispatch() if self._data and self._data[-1].endswith("}") else None
            self._name = value
            return before
        return None

    def _more_data(self, value: str) -> ServerEvent | None:
        """One more line of the event; a new event where both were JSON and cannot be one value."""
        before = None
        if self._data and self._data[-1].endswith("}") and (value[:1] == "{" or value == "[DONE]"):
            before = self._dispatch()
        self._data.append(value)
        self._data_size += len(value) + 1
        return before

    def _more(self, line: str) -> ServerEvent | None:
        """A line of JSON as people write it, which ends where it began: Google says so what went wrong in a stream
        (googleapis/python-genai, _api_client.py)."""
        self._data.append(line)
        self._data_size += len(line) + 1
        return self._dispatch() if line in "}]" else None

    def _dispatch(self) -> ServerEvent | None:
        self._spread = False
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


def _plain(text: str) -> list[ServerEvent] | None:
    """Whole events, each of one line of data and perhaps a name before it, as nearly all are written. None: others."""
    events = []
    for event in text[:-2].split("\n\n"):
        name, data = "", event
        if event.startswith("event: "):
            name, _, data = event[7:].partition("\n")
        if not data.startswith("data: ") or "\n" in data or "\r" in event:
            return None
        events.append(ServerEvent(data[6:], name))
    return events


def frame(data: str, name: str = "") -> bytes:
    """One event as bytes. ``data`` is JSON text and so has no line breaks of its own."""
    if name:
        return f"event: {name}\ndata: {data}\n\n".encode("utf-8", "backslashreplace")
    return f"data: {data}\n\n".encode("utf-8", "backslashreplace")


COMMENT: Final = b": keepalive\n\n"
"""Sent to a waiting client; every SSE reader skips it."""
