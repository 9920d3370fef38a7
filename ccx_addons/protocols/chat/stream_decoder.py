"""Stream bytes -> events (platform.openai.com/docs/api-reference/chat/streaming).

Usage may come after the finish reason and in several chunks, so that the answer ends with ``[DONE]`` or, where the
server sends none, with the body. A body that ends without a finish reason was cut.
"""

from collections.abc import Callable

from ccx_addons.core.neutral import Event, Fault, Unread, Usage
from ccx_addons.core.sse import EventTooLarge, Reader, ServerEvent
from ccx_addons.core.wire_json import loads_object
from ccx_addons.protocols.chat.reader import AnswerReader


class StreamDecoder:
    def __init__(self) -> None:
        self._reader = Reader()
        self._answer = AnswerReader()

    @property
    def counted(self) -> Usage | None:
        return self._answer.counted

    def feed(self, data: bytes) -> list[Event]:
        return self._events(lambda: self._reader.feed(data))

    def flush(self) -> list[Event]:
        events = self._events(self._reader.flush)
        if self._answer.ended:
            return events
        if not self._answer.reason:
            return [*events, *self._answer.fail(Fault("server", "the stream ended without a finish reason"))]
        return [*events, *self._answer.end()]

    def _events(self, found: Callable[[], list[ServerEvent]]) -> list[Event]:
        if self._answer.ended:
            return []
        try:
            events: list[Event] = []
            for message in found():
                if self._answer.ended:
                    break
                events += self._read(message.data)
            return events
        except EventTooLarge as error:
            return self._answer.fail(Unread("server", str(error)))
        except RecursionError:
            return self._answer.fail(Unread("server", "a chunk is nested too deeply"))

    def _read(self, data: str) -> list[Event]:
        if data == "[DONE]":
            return self._answer.end() if self._answer.reason else []
        chunk = loads_object(data)
        return [] if chunk is None else self._answer.read(chunk)


def decoder() -> StreamDecoder:
    return StreamDecoder()
