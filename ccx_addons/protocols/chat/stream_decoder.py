"""Stream bytes -> events (platform.openai.com/docs/api-reference/chat/streaming).

Usage may come after the finish reason and in several chunks, so that the answer ends with ``[DONE]`` or, where the
server sends none, with the body. A body that ends without a finish reason was cut, even behind ``[DONE]``, which relays
add to whatever they got; but not where all it said is calls that are whole (CLIProxyAPI#5308).
"""

from collections.abc import Iterable

from ccx_addons.core.faults import spoken_fault
from ccx_addons.core.neutral import Event, Fault, PartDelta, Unread, Usage
from ccx_addons.core.pieces import Pieces
from ccx_addons.core.sse import EventTooLarge, ServerEvent
from ccx_addons.core.wire_json import loads_object
from ccx_addons.protocols.chat.reader import AnswerReader


class StreamDecoder:
    def __init__(self) -> None:
        self._pieces = Pieces()
        self._answer = AnswerReader()

    @property
    def counted(self) -> Usage | None:
        return self._answer.counted

    def feed(self, data: bytes) -> list[Event]:
        return self._events(self._pieces.feed(data))

    def flush(self) -> list[Event]:
        events = self._events(self._pieces.flush())
        if self._answer.ended:
            return events
        if not self._answer.reason:
            return [*events, *self._answer.fail(Fault("server", "the stream ended without a finish reason"))]
        return [*events, *self._answer.end()]

    def _events(self, found: Iterable[ServerEvent | PartDelta]) -> list[Event]:
        if self._answer.ended:
            return []
        try:
            events: list[Event] = []
            for message in found:
                if isinstance(message, PartDelta):
                    events.append(message)
                    continue
                if self._answer.ended:
                    break
                events += self._read(message)
            return events
        except EventTooLarge as error:
            return self._answer.fail(Unread("server", str(error)))
        except RecursionError:
            return self._answer.fail(Unread("server", "a chunk is nested too deeply"))

    def _read(self, message: ServerEvent) -> list[Event]:
        if message.data == "[DONE]":
            return self._answer.end() if self._answer.reason or self._answer.called else []
        chunk = loads_object(message.data)
        if chunk is None:
            return self._answer.fail(fault) if (fault := spoken_fault(message)) else []
        events = self._answer.read(chunk)
        if (more := self._answer.more) and len(events) == 1 and isinstance(piece := events[0], PartDelta):
            self._pieces.learn(message, piece.text, more)
        return events


def decoder() -> StreamDecoder:
    return StreamDecoder()
