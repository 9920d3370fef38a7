"""Stream bytes -> events: SSE chunks, or one JSON array that arrives in pieces.

Each chunk is a GenerateContentResponse; text of the same kind in following chunks is one part. Functions come whole.
"""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.faults import fault_of
from ccx_addons.core.neutral import (
    Event,
    Failed,
    Fault,
    Finished,
    Json,
    Media,
    Opaque,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Started,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from ccx_addons.core.sse import EventTooLarge, Reader
from ccx_addons.core.wire_json import dump_text, loads_object
from ccx_addons.protocols.gemini.answers import read_usage, stop_of
from ccx_addons.protocols.gemini.parts import new_call_id
from ccx_addons.protocols.gemini.wire import NAME, SIGNATURE, cameled, keep

MAX_ELEMENT: Final = 16 << 20


class Reading:
    """Chunks -> events. A text that follows a text of the same kind continues it."""

    def __init__(self) -> None:
        self._started = False
        self._index = -1
        self._open: type | None = None
        self._called = False
        self._reason = ""
        self._blocked = ""
        self._usage: Usage | None = None
        self.failed = False

    def chunk(self, value: Mapping[str, Json]) -> list[Event]:
        if self.failed:
            return []
        if value.get("error"):
            self.failed = True
            return [Failed(fault_of(value))]
        events: list[Event] = []
        if not self._started:
            self._started = True
            events.append(Started(read.text(value.get("responseId")), read.text(value.get("modelVersion"))))
        self._usage = read_usage(read.mapping(value.get("usageMetadata"))) or self._usage
        self._blocked = read.text(read.mapping(value.get("promptFeedback")).get("blockReason")) or self._blocked
        for candidate in read.mappings(value.get("candidates"))[:1]:
            for part in read.mappings(read.mapping(candidate.get("content")).get("parts")):
                self._part(cameled(part), events)
            self._reason = read.text(candidate.get("finishReason")) or self._reason
        return events

    def end(self) -> list[Event]:
        if self.failed:
            return []
        events: list[Event] = []
        self._close(events)
        if not self._reason and not self._blocked:
            self.failed = True
            return [*events, Failed(Fault("server", "the stream ended without a finish reason"))]
        stop: Stop = stop_of(self._reason, self._called) if self._reason else "refusal"
        return [*events, Finished(stop, self._usage)]

    def _part(self, part: Mapping[str, Json], events: list[Event]) -> None:
        signature = read.text(part.get(SIGNATURE)) or None
        if "text" in part:
            self._text(part, signature, events)
        elif call := cameled(part.get("functionCall")):
            self._called = True
            id = read.text(call.get("id")) or new_call_id()
            arguments = dump_text(call.get("args") or {})
            self._whole(ToolCall(id, read.text(call.get("name")), arguments, keep({SIGNATURE: signature})), events)
        elif data := cameled(part.get("inlineData")):
            self._whole(Media(read.text(data.get("mimeType")), data=read.text(data.get("data"))), events)
        elif part:
            self._whole(Opaque(NAME, dict(part)), events)

    def _text(self, part: Mapping[str, Json], signature: str | None, events: list[Event]) -> None:
        text = read.text(part.get("text"))
        kind: type = Thinking if part.get("thought") is True else Text
        if not text and signature is None:
            return
        if self._open is not kind:
            self._close(events)
            self._open = kind
            self._index += 1
            events.append(PartStarted(self._index, Thinking("", origin=NAME) if kind is Thinking else Text("")))
        if kind is Thinking:
            events.append(PartDelta(self._index, text, signature))
        else:
            events.append(PartDelta(self._index, text, extra=keep({SIGNATURE: signature})))

    def _whole(self, part: Part, events: list[Event]) -> None:
        self._close(events)
        self._index += 1
        events += [PartStarted(self._index, part), PartStopped(self._index)]

    def _close(self, events: list[Event]) -> None:
        if self._open is not None:
            self._open = None
            events.append(PartStopped(self._index))


class Elements:
    """Cuts a JSON array that arrives in pieces into its objects, looking at every character once."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._depth = 0
        self._in_text = self._escaped = False
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Texts of the objects that are complete. Raises EventTooLarge."""
        text = self._decoded(data)
        found: list[str] = []
        begin = 0
        for at, character in enumerate(text):
            if self._in_text:
                self._inside(character)
            elif character == '"':
                self._in_text = self._depth > 0
            elif character == "{":
                if self._depth == 0:
                    begin = at
                self._depth += 1
            elif character == "}" and self._depth:
                self._depth -= 1
                if self._depth == 0:
                    found.append("".join([*self._pieces, text[begin : at + 1]]))
                    self._pieces, self._size = [], 0
                    begin = at + 1
        if self._depth:
            self._pieces.append(text[begin:])
            self._size += len(text) - begin
            if self._size > MAX_ELEMENT:
                raise EventTooLarge("one element of the array is larger than 16 MiB")
        return found

    def _inside(self, character: str) -> None:
        if self._escaped:
            self._escaped = False
        elif character == "\\":
            self._escaped = True
        elif character == '"':
            self._in_text = False

    def _decoded(self, data: bytes) -> str:
        """Characters, with a cut one kept for the next piece."""
        whole = self._rest + data
        cut = len(whole)
        for back in range(1, min(4, len(whole)) + 1):
            byte = whole[-back]
            if byte >= 0xC0:
                needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
                cut = len(whole) - back if needed > back else cut
                break
            if byte < 0x80:
                break
        self._rest = whole[cut:]
        return whole[:cut].decode("utf-8", "replace")


class StreamDecoder:
    def __init__(self) -> None:
        self._reading = Reading()
        self._reader = Reader()
        self._elements: Elements | None = None
        self._fresh = True

    def feed(self, data: bytes) -> list[Event]:
        if self._fresh and (begun := data.lstrip(b" \t\r\n\xef\xbb\xbf")):
            self._fresh = False
            if begun[:1] == b"[":
                self._elements = Elements()
        try:
            if self._elements is not None:
                texts = self._elements.feed(data)
            else:
                texts = [message.data for message in self._reader.feed(data)]
        except EventTooLarge as error:
            return self._fail(str(error))
        return self._read(texts)

    def flush(self) -> list[Event]:
        try:
            events = self._read([message.data for message in self._reader.flush()])
        except EventTooLarge as error:
            return self._fail(str(error))
        return events + self._reading.end()

    def _read(self, texts: list[str]) -> list[Event]:
        events: list[Event] = []
        for text in texts:
            value = loads_object(text)
            if value is not None:
                events += self._reading.chunk(value)
        return events

    def _fail(self, words: str) -> list[Event]:
        self._reading.failed = True
        return [Failed(Fault("server", words))]


def decoder() -> StreamDecoder:
    return StreamDecoder()
