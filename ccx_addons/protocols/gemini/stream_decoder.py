"""Stream bytes -> events: server-sent events, or one JSON array that arrives in pieces."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from ccx_addons.core.faults import spoken_fault
from ccx_addons.core.neutral import Event, Failed, Fault, PartDelta, Unread, Usage
from ccx_addons.core.pieces import Pieces
from ccx_addons.core.sse import MAX_EVENT, EventTooLarge, ServerEvent
from ccx_addons.core.wire_json import loads_object
from ccx_addons.protocols.gemini.reader import AnswerReader

BLANK: Final = b" \t\r\n\xef\xbb\xbf"
"""White space and byte order mark."""
OUTSIDE: Final = re.compile(rb'["{}]')
INSIDE: Final = re.compile(rb'["\\]')


class ArrayReader:
    """The objects of a JSON array, or of JSON texts that follow each other, as soon as they are complete.

    Every byte is looked at once. What stands between objects is not checked.
    """

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._depth = 0
        self._quoted = self._escaped = False

    def feed(self, data: bytes) -> list[bytes]:
        found: list[bytes] = []
        at = begin = 0
        if self._escaped and data:
            at, self._escaped = 1, False
        while match := (INSIDE if self._quoted else OUTSIDE).search(data, at):
            at = match.end()
            match data[at - 1]:
                case 0x22:
                    self._quoted = not self._quoted
                case 0x5C:
                    self._escaped = at == len(data)
                    at += 1
                case 0x7B:
                    if self._depth == 0:
                        begin = at - 1
                    self._depth += 1
                case _ if self._depth:
                    self._depth -= 1
                    if self._depth == 0:
                        found.append(b"".join([*self._held, data[begin:at]]))
                        self._held, self._size, begin = [], 0, at
        if self._depth:
            self._hold(data[begin:])
        return found

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        self._size += len(data)
        if self._size > MAX_EVENT:
            raise EventTooLarge(f"one element is larger than {MAX_EVENT} bytes")


class StreamDecoder:
    def __init__(self) -> None:
        self._form: Literal["unknown", "events", "array"] = "unknown"
        self._pieces = Pieces()
        self._array = ArrayReader()
        self._answer = AnswerReader()
        self._ended = False

    @property
    def counted(self) -> Usage | None:
        return self._answer.counted

    def feed(self, data: bytes) -> list[Event]:
        if self._form == "unknown":
            data = data.lstrip(BLANK)
            if not data:
                return []
            self._form = "array" if data[:1] in (b"[", b"{") else "events"
        if self._form == "array":
            return self._read(self._elements(data))
        return self._read(self._pieces.feed(data))

    def flush(self) -> list[Event]:
        events = self._read(self._pieces.flush())
        if self._ended:
            return events
        self._ended = True
        if not self._answer.reason:
            return [*events, Failed(Fault("server", "the stream ended without a finish reason"))]
        return [*events, *self._answer.finish()]

    def _elements(self, data: bytes) -> Iterator[bytes]:
        yield from self._array.feed(data)

    def _read(self, found: Iterable[bytes | ServerEvent | PartDelta]) -> list[Event]:
        if self._ended:
            return []
        events: list[Event] = []
        try:
            for message in found:
                if self._ended:
                    break
                if isinstance(message, PartDelta):
                    events.append(message)
                elif isinstance(message, bytes):
                    events += self._answer.read(loads_object(message) or {})
                else:
                    events += self._event(message)
        except EventTooLarge as error:
            events.append(Failed(Unread("server", str(error))))
            self._ended = True
        except RecursionError:
            events.append(Failed(Unread("server", "a chunk is nested too deeply")))
            self._ended = True
        self._ended = self._ended or self._answer.failed
        return events

    def _event(self, message: ServerEvent) -> list[Event]:
        value = loads_object(message.data)
        if value is None and (fault := spoken_fault(message)):
            self._ended = True
            return [Failed(fault)]
        events = self._answer.read(value or {})
        if (more := self._answer.more) and len(events) == 1 and isinstance(piece := events[0], PartDelta):
            self._pieces.learn(message, piece.text, more)
        return events


def decoder() -> StreamDecoder:
    return StreamDecoder()
