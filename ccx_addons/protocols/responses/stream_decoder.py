"""Stream bytes -> events (platform.openai.com/docs/api-reference/responses-streaming).

Every text of a message is a part, and so is every other item. What an upstream leaves out is made up for: ``done``
events whose deltas never came, items without an ``added`` event, and answers that come whole in the last event.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from ccx_addons.core import read
from ccx_addons.core.arguments import Arguments
from ccx_addons.core.faults import bare_fault, fault_of, spoken_fault
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
from ccx_addons.core.pieces import Pieces, told
from ccx_addons.core.sse import EventTooLarge, ServerEvent
from ccx_addons.core.wire_json import loads_object
from ccx_addons.protocols.responses.answers import (
    answer_extra,
    apart_from,
    blocks_of,
    call_key,
    created_of,
    kind_of,
    message_extra,
    output_of,
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
WHOLES: Final[Mapping[str, tuple[str, str]]] = {
    "response.output_text.done": ("response.output_text.delta", "text"),
    "response.refusal.done": ("response.refusal.delta", "refusal"),
    "response.reasoning_summary_text.done": ("response.reasoning_summary_text.delta", "text"),
    "response.reasoning_text.done": ("response.reasoning_text.delta", "text"),
    "response.function_call_arguments.done": ("response.function_call_arguments.delta", "arguments"),
    "response.custom_tool_call_input.done": ("response.custom_tool_call_input.delta", "input"),
}
"""Events with a whole text -> that of its deltas, some of which or all may never have come; where the text stands."""
ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.done"})
AGAIN: Final = '{"type":"response.in_progress",'
"""How an event begins that says the whole request again and nothing new."""
FAILURES: Final = frozenset({"error", "response.failed", "response.error", "response.cancelled"})
NO_THOUGHT: Final[Mapping[str, Json]] = {"summary": [], "content": None, "encrypted_content": None}


@dataclass(slots=True)
class Open:
    """A part that has not stopped. ``written`` counts the characters of its text that have come."""

    index: int
    shape: Shape
    part: Part | None = None
    """As it started; None: it waits for its end, since it is one event."""
    written: int = 0
    came: int = 0
    """The same before arguments were mended."""
    arguments: Arguments = field(default_factory=Arguments)
    sections: dict[tuple[str, int], int] = field(default_factory=dict)
    """The texts of a thought, in their order -> the characters that have come."""
    section: tuple[str, int] = "", 0
    """Where its last text stands."""

    def more(self, text: str) -> PartDelta:
        text = escaped(text) if self.shape == "input" else text
        self.came += len(text)
        self.written += len(text)
        if self.shape == "thought":
            self.sections[self.section] += len(text)
        return PartDelta(self.index, text)


class StreamDecoder:
    counted: Usage | None = None
    """The protocol counts at its end only."""

    def __init__(self) -> None:
        self.pieces = Pieces()
        self.failed = self.finished = False
        self._started = False
        self._open: dict[Place, Open] = {}
        self._items: dict[int, Extra] = {}
        """Messages that were added -> what their texts keep of them."""
        self._done: set[int] = set()
        self._blocks: set[Place] = set()
        """Texts of messages that are complete."""
        self._ids_of_calls: set[str] = set()
        self._calls: set[tuple[str, str]] = set()
        """Ids of calls and of their items: the same call may come in two places."""
        self._kinds: list[Part] = []
        """A part of each kind that came: they decide how the answer stopped."""
        self._last: Part | None = None
        """The part that began last, and the message of the last text."""
        self._speaks = -1
        self._count = 0
        self._named: dict[tuple[int | None, str], int] = {}
        """Output index as it is given (None: it is not) and id of an item -> its position."""
        self._ids: dict[str, int] = {}
        self._latest: dict[int | None, int] = {}
        """Output index -> the last item that had it."""
        self._taken: set[int] = set()
        self._at: Place = 0, 0
        """Where the last text was, and what its event said of that."""
        self._words: tuple[Json, ...] = ()
        self._free = 0
        """Above all positions that are taken."""

    def feed(self, data: bytes) -> list[Event]:
        return self._events(self.pieces.feed(data))

    def flush(self) -> list[Event]:
        events = self._events(self.pieces.flush())
        if self.failed or self.finished:
            return events
        return [*events, *self._fail(Fault("server", "the stream ended without response.completed"))]

    def _events(self, found: Iterable[ServerEvent | PartDelta]) -> list[Event]:
        if self.failed or self.finished:
            return []
        try:
            return told(found, self._read)
        except EventTooLarge as error:
            return self._fail(Unread("server", str(error)))
        except RecursionError:
            return self._fail(Unread("server", "an event is nested too deeply"))

    def _fail(self, fault: Fault) -> list[Event]:
        self.failed = True
        return [Failed(fault)]

    def _read(self, message: ServerEvent) -> list[Event]:
        if self._started and message.data.startswith(AGAIN):
            return []
        value = loads_object(message.data)
        if self.failed or self.finished:
            return []
        if value is None:
            return self._fail(fault) if (fault := spoken_fault(message)) else []
        kind = read.text(value.get("type")) or message.name
        if shape := DELTAS.get(kind):
            text = read.text(value.get("delta"))
            events = list(self._delta(value, shape, kind, text))
            if (
                len(events) == 1
                and isinstance(events[0], PartDelta)
                and (opened := self._open.get(self._at))
                and (shape != "thought" or events[0].text == text)
                and (shape != "arguments" or opened.arguments.plain)
            ):
                self.pieces.learn(message, text, opened.more)
            return events
        if found := WHOLES.get(kind):
            return list(self._delta(value, DELTAS[found[0]], found[0], read.text(value.get(found[1])), whole=True))
        return self._event(kind, value)

    def _event(self, kind: str, value: Mapping[str, Json]) -> list[Event]:
        match kind:
            case "response.created" | "response.queued" | "response.in_progress":
                return self._start(_answer(value))
            case "response.output_item.added":
                return list(self._add_item(self._position(value, True), read.mapping(value.get("item"))))
            case "response.output_item.done":
                return list(self._end_item(self._position(value), read.mapping(value.get("item"))))
            case "response.content_part.added" | "response.content_part.done":
                part = read.mapping(value.get("part"))
                if part.get("type") != "reasoning_text":
                    act = self._start_block if kind.endswith("added") else self._end_block
                    return list(act(self._place(value, "text"), part))
                return list(self._end_thought(value, "response.reasoning_text.delta"))
            case "response.reasoning_summary_part.done":
                return list(self._end_thought(value, "response.reasoning_summary_text.delta"))
        if kind in ENDS:
            return list(self._finish(_answer(value)))
        if kind in FAILURES or value.get("error"):
            return self._fail(fault_of(value))
        fault = bare_fault(value)
        return self._fail(fault) if fault else []

    # ---- the answer ----
    def _start(self, answer: Mapping[str, Json]) -> list[Event]:
        if self._started:
            return []
        self._started = True
        return [Started(read.text(answer.get("id")), read.text(answer.get("model")), created_of(answer))]

    def _finish(self, answer: Mapping[str, Json]) -> Iterator[Event]:
        yield from self._start(answer)
        for n, item in enumerate(output_of(answer)):
            position = self._ids.get(read.text(item.get("id")), n)
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
    def _position(self, value: Mapping[str, Json], begins: bool = False) -> int:
        """Where an item stands. Its id says it as well as its index, which some servers leave out (llama.cpp#20607) or
        give all items alike. ``begins``: the event announces an item."""
        given, id_ = _name(value)
        if id_ and (known := self._named.get((given, id_))) is not None:
            return known
        position = self._latest.get(given)
        whole = begins or "item" in value
        if position is None or (begins and (id_ or given is None)):
            return self._new(given, id_)
        if position in self._done and (begins or given is None or (whole and id_)):
            return self._new(given, id_)
        if id_:
            self._named[given, id_] = position
            self._ids.setdefault(id_, position)
        return position

    def _new(self, given: int | None, id_: str) -> int:
        """A place for one more item: at its index where no other stands."""
        free = given is not None and given >= 0 and given not in self._taken
        position = given if free and given is not None else self._free
        self._taken.add(position)
        self._free = max(self._free, position + 1)
        self._latest[given] = position
        self._words = ()
        if id_:
            self._named[given, id_] = position
            self._ids.setdefault(id_, position)
        return position

    def _place(self, value: Mapping[str, Json], shape: Shape) -> Place:
        """Where a text stands. Most are more of the last one."""
        words = shape, value.get("output_index"), value.get("item_id"), value.get("content_index")
        if words != self._words or self._at not in self._open:
            self._at, self._words = self._find_place(value, shape), words
        return self._at

    def _find_place(self, value: Mapping[str, Json], shape: Shape) -> Place:
        position = self._position(value)
        opened = self._open.get((position, -1))
        if shape == "text":
            at = position if opened is None else self._new(*_name(value))
            return at, read.count(value.get("content_index"))
        fits = position not in self._items and (opened is None or opened.shape == shape)
        return position if fits else self._new(*_name(value)), -1

    def _add_item(self, position: int, item: Mapping[str, Json]) -> Iterator[Event]:
        kind = kind_of(item)
        if (position, -1) in self._open or position in self._items or position in self._done:
            return
        if item.get("call_id") and (key := call_key(item)):
            if key in self._calls:
                self._done.add(position)
                return
            self._calls.add(key)
        if kind == "message":
            self._items[position] = message_extra(item)
        elif kind == "reasoning":
            yield self._begin((position, -1), "thought", read_reasoning({**item, **NO_THOUGHT}))
        elif kind == FUNCTION_CALL:
            yield self._begin((position, -1), "arguments", self._call({**item, "arguments": ""}))
        elif kind == CUSTOM_CALL:
            yield self._begin((position, -1), "input", replace(self._call(item), arguments=OPEN))
        else:
            self._open[position, -1] = Open(self._next(), "whole")

    def _call(self, item: Mapping[str, Json]) -> ToolCall:
        call = read_call(item)
        call = replace(call, arguments="", id=apart_from(self._ids_of_calls, call.id))
        self._ids_of_calls.add(call.id)
        return call

    def _end_item(self, position: int, item: Mapping[str, Json]) -> Iterator[Event]:
        if position in self._done:
            return
        yield from self._add_item(position, item)
        if position in self._items:
            for n, block in enumerate(blocks_of(item)):
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
                apart = isinstance(self._last, Text) and place[0] != self._speaks
                self._speaks = place[0]
                yield self._begin(place, "text", Text("", extra, apart))
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
    def _delta(
        self, value: Mapping[str, Json], shape: Shape, kind: str, text: str, whole: bool = False
    ) -> Iterator[Event]:
        """More of a part; ``whole``: all of its text, of which only the rest is new."""
        place = self._place(value, shape)
        if place not in self._open and text:
            yield from self._begin_bare(place, shape, kind, value)
        opened = self._open.get(place)
        if opened is None or opened.shape != shape:
            return
        text = escaped(text) if shape == "input" else text
        if shape == "thought":
            text = _section(
                opened, (kind, read.count(value.get("summary_index", value.get("content_index")))), text, whole
            )
        elif whole:
            text = text[opened.came :]
        opened.came += len(text)
        if shape == "arguments":
            text = opened.arguments.feed(text)
        if text:
            opened.written += len(text)
            yield PartDelta(opened.index, text)

    def _end_thought(self, value: Mapping[str, Json], kind: str) -> Iterator[Event]:
        text = read.text(read.mapping(value.get("part")).get("text"))
        return self._delta(value, "thought", kind, text, whole=True)

    def _begin_bare(self, place: Place, shape: Shape, kind: str, value: Mapping[str, Json]) -> Iterator[Event]:
        """A part whose text comes without a word of its beginning."""
        if shape == "text":
            block = {"type": "refusal" if kind == "response.refusal.delta" else "output_text"}
            yield from self._start_block(place, block)
        elif shape == "thought":
            yield from self._add_item(place[0], {"type": "reasoning"})
        elif shape == "arguments" and value.get("name"):
            item = {"type": FUNCTION_CALL, "call_id": value.get("item_id"), "name": value["name"]}
            yield from self._add_item(place[0], item)

    def _begin(self, place: Place, shape: Shape, part: Part) -> PartStarted:
        opened = self._open[place] = Open(self._next(), shape, part)
        self._last = part
        self._see(part)
        return PartStarted(opened.index, part)

    def _complete(self, opened: Open, whole: Part | None) -> Iterator[Event]:
        """The rest of the part, now that it is known, and its end."""
        if opened.part is None:
            if whole is not None:
                self._last = whole
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
        elif not opened.written and (held := opened.arguments.end()):
            yield PartDelta(opened.index, held)
        yield PartStopped(opened.index)

    def _see(self, part: Part) -> None:
        if all(type(part) is not type(kind) for kind in self._kinds):
            self._kinds.append(part)

    def _next(self) -> int:
        self._count += 1
        return self._count - 1


def _name(value: Mapping[str, Json]) -> tuple[int | None, str]:
    """What an event calls its item: index and id."""
    id_ = read.text(value.get("item_id")) or read.text(read.mapping(value.get("item")).get("id"))
    return read.integer(value.get("output_index")), id_


def _answer(value: Mapping[str, Json]) -> Mapping[str, Json]:
    """The answer in an event; some relays send it in the event's place."""
    return read.mapping(value.get("response")) or (value if value.get("object") == "response" else {})


def _section(opened: Open, section: tuple[str, int], text: str, whole: bool) -> str:
    """What is new of a text of a thought; texts are paragraphs."""
    begun = bool(opened.sections)
    said = opened.sections.get(section)
    if whole:
        text = text[said or 0 :] if said is None or section == next(reversed(opened.sections)) else ""
    if not text:
        return ""
    opened.section = section
    opened.sections[section] = (said or 0) + len(text)
    return PARAGRAPH + text if begun and said is None else text


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
    opened.written += len(text)
    if text or signature or extra:
        yield PartDelta(opened.index, text, signature, extra, whole.sources if isinstance(whole, Text) else ())


def decoder() -> StreamDecoder:
    return StreamDecoder()
