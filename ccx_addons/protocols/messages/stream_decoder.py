"""Stream bytes -> events (platform.claude.com/docs/en/build-with-claude/streaming)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ccx_addons.core import read, stops
from ccx_addons.core.arguments import EMPTY, Arguments
from ccx_addons.core.faults import bare_fault, fault_of, spoken_fault
from ccx_addons.core.neutral import (
    NO_EXTRA,
    Event,
    Extra,
    Failed,
    Fault,
    Finished,
    Json,
    Opaque,
    PartDelta,
    PartStarted,
    PartStopped,
    Started,
    Text,
    ToolCall,
    Unread,
    Usage,
    merge_extra,
)
from ccx_addons.core.pieces import Pieces, told
from ccx_addons.core.sources import of_citations
from ccx_addons.core.sse import EventTooLarge, ServerEvent
from ccx_addons.core.wire_json import loads_object
from ccx_addons.protocols.messages.answers import (
    ANSWER_FIELDS,
    NAMELESS,
    identified,
    is_nameless,
    rare_reason,
    read_usage,
    stop_of,
)
from ccx_addons.protocols.messages.blocks import parse_arguments, read_block, write_arguments
from ccx_addons.protocols.messages.wire import NAME, keep

DELTA_FIELDS: Final = frozenset({"stop_sequence"})
DELTA_EVENT_FIELDS: Final = frozenset({"type", "delta", "usage"})
DELTA_TEXTS: Final[Mapping[str, str]] = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}
"""Delta type -> the field with more of the block's text."""

BARE_BLOCKS: Final[Mapping[str, str]] = {"text_delta": "text", "thinking_delta": "thinking"}
"""Delta type -> the block it opens when the upstream sent no start, or one of another type (litellm#29518)."""
ANOTHERS: Final[Mapping[str, frozenset[str]]] = {
    "text_delta": frozenset({"thinking", "tool_use"}),
    "thinking_delta": frozenset({"text", "tool_use"}),
}
"""Delta type -> types of blocks that it has no place in."""


@dataclass(slots=True)
class Open:
    """A block that has not stopped. ``index`` is the part's; an opaque block is one event, so it waits for its end."""

    index: int
    block: dict[str, Any]
    opaque: bool = False
    call: bool = False
    arguments: Arguments = field(default_factory=Arguments)
    written: int = 0
    """Some of the call's arguments came as deltas."""
    citations: list[Json] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    def more(self, text: str) -> PartDelta:
        self.written += len(text)
        return PartDelta(self.index, text)


class StreamDecoder:
    def __init__(self) -> None:
        self.pieces = Pieces()
        self.more: Callable[[str], PartDelta] | None = None
        """What the next text in the same words is, where the last event said nothing but a text."""
        self.failed = self.finished = False
        self.reason: str | None = None
        self.id = ""
        self.called = self.nameless = False
        self.stop_sequence: str | None = None
        self.extra: Extra = NO_EXTRA
        self.usage: dict[str, Json] = {}
        self.open: dict[int, Open] = {}
        self.count = 0

    @property
    def counted(self) -> Usage | None:
        return read_usage(self.usage)

    def feed(self, data: bytes) -> list[Event]:
        return self._events(self.pieces.feed(data))

    def flush(self) -> list[Event]:
        events = self._events(self.pieces.flush())
        if self.failed or self.finished:
            return events
        if self.reason is None:
            return [*events, *self._fail(Fault("server", "the stream ended without message_stop"))]
        return [*events, *self._finish()]

    def _events(self, found: Iterable[ServerEvent | PartDelta]) -> list[Event]:
        if self.failed or self.finished:
            return []
        try:
            return told(found, self._read)
        except EventTooLarge as error:
            return self._fail(Unread("server", str(error)))

    def _fail(self, fault: Fault) -> list[Event]:
        self.failed = True
        return [Failed(fault)]

    def _read(self, message: ServerEvent) -> list[Event]:
        value = loads_object(message.data)
        if self.failed or self.finished:
            return []
        if value is None:
            return self._fail(fault) if (fault := spoken_fault(message)) else []
        self.more = None
        try:
            events = self._event(value, value.get("type") or message.name)
        except RecursionError:
            return self._fail(Unread("server", "an event is nested too deeply"))
        if self.more and len(events) == 1 and isinstance(piece := events[0], PartDelta):
            self.pieces.learn(message, piece.text, self.more)
        return events

    def _event(self, value: dict[str, Json], kind: Json) -> list[Event]:
        match kind:
            case "content_block_delta":
                return self._delta(read.count(value.get("index")), read.mapping(value.get("delta")))
            case "content_block_start":
                return self._start_block(read.count(value.get("index")), read.mapping(value.get("content_block")))
            case "content_block_stop":
                return self._stop_block(read.count(value.get("index")))
            case "message_start":
                return self._start(read.mapping(value.get("message")))
            case "message_delta":
                self._message_delta(value)
                return []
            case "message_stop":
                return self._finish()
            case "ping":
                return []
        if kind == "error" or value.get("error"):
            return self._fail(fault_of(value))
        fault = bare_fault(value)
        return self._fail(fault) if fault else []

    # ---- the message ----
    def _start(self, message: Mapping[str, Json]) -> list[Event]:
        self.usage = dict(read.mapping(message.get("usage")))
        self.id = read.text(message.get("id"))
        usage = read_usage(self.usage)
        extra = keep(message, ANSWER_FIELDS)
        return [Started(self.id, read.text(message.get("model")), usage=usage, extra=extra)]

    def _message_delta(self, value: Mapping[str, Json]) -> None:
        """Usage is cumulative; a relay's null or zero does not undo what message_start said."""
        for name, count in read.mapping(value.get("usage")).items():
            if count or name not in self.usage:
                self.usage[name] = count
        delta = read.mapping(value.get("delta"))
        reason = read.text(delta.get("stop_reason"))
        if reason:
            self.reason = reason
        self.stop_sequence = read.text(delta.get("stop_sequence")) or self.stop_sequence
        extra = keep({**value, **delta, **rare_reason(reason)}, DELTA_EVENT_FIELDS | DELTA_FIELDS)
        self.extra = merge_extra(self.extra, extra)

    def _finish(self) -> list[Event]:
        if self.nameless and stops.stop_of(self.reason or "") != "length":
            self.reason = NAMELESS
            if not self.count:
                return self._fail(Fault("server", f"the model ended with {NAMELESS}", code=NAMELESS))
        if kind := stops.broken(self.reason or ""):
            return self._fail(Fault(kind, f"the upstream broke off: {self.reason}", code=self.reason or ""))
        if not self.count and (fault := stops.full(self.reason or "")):
            return self._fail(fault)
        self.finished = True
        events = [event for index in list(self.open) for event in self._stop_block(index)]
        usage = read_usage(self.usage)
        return [*events, Finished(stop_of(self.reason or "", self.called), usage, self.stop_sequence, self.extra)]

    # ---- blocks ----
    def _start_block(self, wire_index: int, block: Mapping[str, Json]) -> list[Event]:
        before = self.open.get(wire_index)
        if before and before.call and before.block.get("id") == block.get("id") and block.get("id"):
            return []  # said again with each piece (OmniRoute#682)
        stopped = self._stop_block(wire_index)
        part = read_block(block)
        if is_nameless(part):
            self.nameless = True
            return stopped
        opened = self.open[wire_index] = Open(self.count, dict(block))
        self.count += 1
        opened.written = len(part.text) if isinstance(part, Text) else 0
        match part:
            case Opaque():
                opened.opaque = True
                return stopped
            case ToolCall():
                opened.call = self.called = True
                part = identified(replace(part, arguments=""), self.id, opened.index)
            case Text(text, extra) if citations := extra.get(NAME, {}).get("citations"):
                opened.citations = list(read.items(citations))
                part = Text(text, keep(block, frozenset({"type", "text", "citations"})))
        return [*stopped, PartStarted(opened.index, part)]

    def _delta(self, wire_index: int, delta: Mapping[str, Json]) -> list[Event]:
        kind = read.text(delta.get("type"))
        opened = self.open.get(wire_index)
        if opened and kind in BARE_BLOCKS and opened.block.get("type") in ANOTHERS[kind]:
            wire_index = ~wire_index
            opened = self.open.get(wire_index)
        started: list[Event] = []
        if opened is None:
            if kind not in BARE_BLOCKS:
                return []
            started = self._start_block(wire_index, {"type": BARE_BLOCKS[kind]})
            opened = self.open[wire_index]
        if opened.opaque:
            _grow(opened, kind, delta)
            return started
        if name := DELTA_TEXTS.get(kind):
            if kind == "input_json_delta" and not opened.call:
                return started
            text = read.text(delta.get(name))
            if not text:
                return started
            if opened.call and not opened.arguments.plain:
                text = opened.arguments.feed(text)
                return [*started, opened.more(text)] if text else started
            self.more = opened.more
            return [*started, opened.more(text)]
        if kind == "signature_delta":
            signature = read.text(delta.get("signature"))
            return [PartDelta(opened.index, signature=signature)] if signature else []
        if kind == "citations_delta":
            opened.citations.append(delta.get("citation"))
        return started

    def _stop_block(self, wire_index: int) -> list[Event]:
        beside = self._stop_block(~wire_index) if wire_index >= 0 and ~wire_index in self.open else []
        opened = self.open.pop(wire_index, None)
        if opened is None:
            return beside
        return [*beside, *_last_words(opened), PartStopped(opened.index)]


def _last_words(opened: Open) -> Iterator[Event]:
    """What is known only at a block's end."""
    if opened.opaque:
        if opened.pieces:
            opened.block["input"] = parse_arguments("".join(opened.pieces)) or {}
        yield PartStarted(opened.index, Opaque(NAME, opened.block))
    elif opened.call and not opened.written:
        whole, held = write_arguments(opened.block.get("input")), opened.arguments.end()
        yield PartDelta(opened.index, held if held.strip() and whole == EMPTY else whole)
    elif opened.citations:
        found = of_citations(opened.citations, opened.written)
        yield PartDelta(opened.index, extra={NAME: {"citations": opened.citations}}, sources=found)


def _grow(opened: Open, kind: str, delta: Mapping[str, Json]) -> None:
    """More of a block without a neutral form: its input, or fields whose texts are appended."""
    if kind == "input_json_delta":
        opened.pieces.append(read.text(delta.get("partial_json")))
        return
    for name, value in delta.items():
        if name == "type" or value is None:
            continue
        before = opened.block.get(name)
        opened.block[name] = before + value if isinstance(before, str) and isinstance(value, str) else value


def decoder() -> StreamDecoder:
    return StreamDecoder()
