"""Stream bytes -> events (platform.openai.com/docs/api-reference/responses-streaming).

Every text of a message is a part, and so is every other item. What an upstream leaves out is made up for: ``done``
events whose deltas never came, items without an ``added`` event, and answers that come whole in the last event.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from ccx_addons.core import read
from ccx_addons.core.faults import fault_of
from ccx_addons.core.neutral import (
    NO_EXTRA,
    Event,
    Extra,
    Failed,
    Fault,
    Finished,
    Json,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Refusal,
    Started,
    Text,
    Thinking,
    ToolCall,
    Unread,
    Usage,
)
from ccx_addons.core.sse import EventTooLarge, Reader, ServerEvent
from ccx_addons.core.wire_json import loads_object
from ccx_addons.protocols.responses.answers import (
    answer_extra,
    created_of,
    message_extra,
    read_block,
    read_item,
    read_stop,
    usage_of,
)
from ccx_addons.protocols.responses.calls import CUSTOM_CALL, FUNCTION_CALL, read_call
from ccx_addons.protocols.responses.freeform import CLOSE, OPEN, escaped
from ccx_addons.protocols.responses.thoughts import read_reasoning
from ccx_addons.protocols.responses.wire import PARAGRAPH

type Place = tuple[int, int]
"""Output index and content index; the latter is -1 for an item that is one part."""
type Shape = Literal["text", "thought", "arguments", "input", "whole"]

DELTAS: Final[Mapping[str, Shape]] = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "text",
    "response.reasoning_summary_text.delta": "thought",
    "response.reasoning_text.delta": "thought",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}
ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.done"})
FAILURES: Final = frozenset({"error", "response.failed", "response.error", "response.cancelled"})
NO_THOUGHT: Final[Mapping[str, Json]] = {"summary": [], "content": None, "encrypted_content": None}


@dataclass(slots=True)
class Open:
    """A part that has not stopped. ``written`` counts the characters of text that came as deltas."""

    index: int
    shape: Shape
    part: Part | None = None
    """As it started; None: it waits for its end, since it is one event."""
    written: int = 0
    section: tuple[str, int] | None = None
    """Which of a thought's texts the last delta belongs to."""


class StreamDecoder:
    counted: Usage | None = None
    """The protocol counts at its end only."""

    def __init__(self) -> None:
        self.reader = Reader()
        self.failed = self.finished = False
        self._started = False
        self._open: dict[Place, Open] = {}
        self._items: dict[int, Extra] = {}
        """Messages that were added -> what their texts keep of them."""
        self._done: set[int] = set()
        self._blocks: set[Place] = set()
        """Texts of messages that are complete."""
        self._kinds: list[Part] = []
        """A part of each kind that came: they decide how the answer stopped."""
        self._count = 0

    def feed(self, data: bytes) -> list[Event]:
        return self._events(lambda: self.reader.feed(data))

    def flush(self) -> list[Event]:
        events = self._events(self.reader.flush)
        if self.failed or self.finished:
            return events
        return [*events, *self._fail(Fault("server", "the stream ended without response.completed"))]

    def _events(self, found: Callable[[], list[ServerEvent]]) -> list[Event]:
        if self.failed or self.finished:
            return []
        try:
            events: list[Event] = []
            for message in found():
                events += self._read(message)
            return events
        except EventTooLarge as error:
            return self._fail(Unread("server", str(error)))
        except RecursionError:
            return self._fail(Unread("server", "an event is nested too deeply"))

    def _fail(self, fault: Fault) -> list[Event]:
        self.failed = True
        return [Failed(fault)]

    def _read(self, message: ServerEvent) -> list[Event]:
        value = loads_object(message.data)
        if value is None or self.failed or self.finished:
            return []
        kind = read.text(value.get("type")) or message.name
        if shape := DELTAS.get(kind):
            return list(self._delta(value, shape, kind))
        return self._event(kind, value)

    def _event(self, kind: str, value: Mapping[str, Json]) -> list[Event]:
        position = read.count(value.get("output_index"))
        match kind:
            case "response.created" | "response.queued" | "response.in_progress":
                return self._start(read.mapping(value.get("response")))
            case "response.output_item.added":
                return list(self._add_item(position, read.mapping(value.get("item"))))
            case "response.output_item.done":
                return list(self._end_item(position, read.mapping(value.get("item"))))
            case "response.content_part.added":
                place = position, read.count(value.get("content_index"))
                return list(self._start_block(place, read.mapping(value.get("part"))))
            case "response.content_part.done":
                place = position, read.count(value.get("content_index"))
                return list(self._end_block(place, read.mapping(value.get("part"))))
        if kind in ENDS:
            return list(self._finish(read.mapping(value.get("response"))))
        if kind in FAILURES or value.get("error"):
            return self._fail(fault_of(value))
        return []

    # ---- the answer ----
    def _start(self, answer: Mapping[str, Json]) -> list[Event]:
        if self._started:
            return []
        self._started = True
        return [Started(read.text(answer.get("id")), read.text(answer.get("model")), created_of(answer))]

    def _finish(self, answer: Mapping[str, Json]) -> Iterator[Event]:
        yield from self._start(answer)
        for position, item in enumerate(read.mappings(answer.get("output"))):
            if position not in self._done:
                yield from self._end_item(position, item)
        for opened in self._open.values():
            yield from self._stop(opened)
        self._open.clear()
        if answer.get("status") in ("failed", "cancelled"):
            yield from self._fail(fault_of({"response": answer}))
            return
        self.finished = True
        yield Finished(read_stop(answer, self._kinds), usage_of(answer), extra=answer_extra(answer))

    # ---- items ----
    def _add_item(self, position: int, item: Mapping[str, Json]) -> Iterator[Event]:
        kind = item.get("type")
        if (position, -1) in self._open or position in self._items or position in self._done:
            return
        if kind == "message":
            self._items[position] = message_extra(item)
        elif kind == "reasoning":
            yield self._begin((position, -1), "thought", read_reasoning({**item, **NO_THOUGHT}))
        elif kind == FUNCTION_CALL:
            yield self._begin((position, -1), "arguments", read_call({**item, "arguments": ""}))
        elif kind == CUSTOM_CALL:
            yield self._begin((position, -1), "input", replace(read_call(item), arguments=OPEN))
        else:
            self._open[position, -1] = Open(self._next(), "whole")

    def _end_item(self, position: int, item: Mapping[str, Json]) -> Iterator[Event]:
        if position in self._done:
            return
        yield from self._add_item(position, item)
        if position in self._items:
            for n, block in enumerate(read.mappings(item.get("content"))):
                yield from self._end_block((position, n), block)
            for place in [place for place in self._open if place[0] == position]:
                yield from self._stop(self._open.pop(place))
        elif opened := self._open.pop((position, -1), None):
            parts = read_item(item)
            yield from self._complete(opened, parts[0] if parts else None)
        self._done.add(position)

    # ---- texts of a message ----
    def _start_block(self, place: Place, block: Mapping[str, Json]) -> Iterator[Event]:
        if place in self._open or place in self._blocks or place[0] in self._done or (place[0], -1) in self._open:
            return
        extra = self._items.setdefault(place[0], NO_EXTRA)
        part = read_block(block, extra)
        match part:
            case Text():
                yield self._begin(place, "text", Text("", extra))
            case Refusal():
                yield self._begin(place, "text", Refusal("", extra))
            case _:
                self._open[place] = Open(self._next(), "whole")

    def _end_block(self, place: Place, block: Mapping[str, Json]) -> Iterator[Event]:
        if place not in self._open:
            yield from self._start_block(place, block)
        if opened := self._open.pop(place, None):
            self._blocks.add(place)
            yield from self._complete(opened, read_block(block, self._items.get(place[0], NO_EXTRA)))

    # ---- parts ----
    def _delta(self, value: Mapping[str, Json], shape: Shape, kind: str) -> Iterator[Event]:
        text = read.text(value.get("delta"))
        position = read.count(value.get("output_index"))
        place = position, read.count(value.get("content_index")) if shape == "text" else -1
        opened = self._open.get(place)
        if opened is None and text:
            if shape == "text":
                block = {"type": "refusal" if kind == "response.refusal.delta" else "output_text"}
                yield from self._start_block(place, block)
            elif shape == "thought":
                yield from self._add_item(position, {"type": "reasoning"})
            opened = self._open.get(place)
        if opened is None or opened.shape != shape or not text:
            return
        if shape == "thought":
            section = kind, read.count(value.get("summary_index", value.get("content_index")))
            if opened.section not in (None, section):
                text = PARAGRAPH + text
            opened.section = section
        text = escaped(text) if shape == "input" else text
        opened.written += len(text)
        yield PartDelta(opened.index, text)

    def _begin(self, place: Place, shape: Shape, part: Part) -> PartStarted:
        opened = self._open[place] = Open(self._next(), shape, part)
        self._see(part)
        return PartStarted(opened.index, part)

    def _complete(self, opened: Open, whole: Part | None) -> Iterator[Event]:
        """The rest of the part, now that it is known, and its end."""
        if opened.part is None:
            if whole is not None:
                self._see(whole)
                yield PartStarted(opened.index, whole)
                yield PartStopped(opened.index)
            return
        if whole is not None and type(whole) is type(opened.part):
            yield from _rest(opened, whole)
        yield from self._stop(opened)

    def _stop(self, opened: Open) -> Iterator[Event]:
        if opened.part is None:
            return
        if opened.shape == "input":
            yield PartDelta(opened.index, CLOSE)
        yield PartStopped(opened.index)

    def _see(self, part: Part) -> None:
        if all(type(part) is not type(kind) for kind in self._kinds):
            self._kinds.append(part)

    def _next(self) -> int:
        self._count += 1
        return self._count - 1


def _rest(opened: Open, whole: Part) -> Iterator[PartDelta]:
    """What the deltas of an open part did not say of the whole."""
    before = opened.part
    match whole, before:
        case Text(text, extra=extra) | Refusal(text, extra=extra), Text() | Refusal():
            signature = None
        case Thinking(text, signature, extra=extra), Thinking():
            pass
        case ToolCall(arguments=text, extra=extra), ToolCall():
            signature = None
            if opened.shape == "input":
                text = text.removeprefix(OPEN).removesuffix(CLOSE)
        case _:
            return
    if before.extra == extra:
        extra = NO_EXTRA
    text = text[opened.written :]
    if text or signature or extra:
        yield PartDelta(opened.index, text, signature, extra)


def decoder() -> StreamDecoder:
    return StreamDecoder()
