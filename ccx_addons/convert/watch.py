"""Watchers: what stands between an upstream's stream and the client while it runs.

``PassWatcher`` lets the bytes through untouched and only reads along; ``ConvertWatcher`` decodes and encodes. Both
learn the same things for the exchange: usage, how it stopped, whether a tool call is open, whether an error came.
"""

import re
from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.estimate import Said
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.faults import translated
from ccx_addons.core.leftovers import NOTHING, OfStream
from ccx_addons.core.neutral import (
    Event,
    Failed,
    Fault,
    Finished,
    Media,
    Opaque,
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
    own_fields,
)
from ccx_addons.core.spread import Spread
from ccx_addons.core.stops import broken_off
from ccx_addons.core.voices import Frames, Heard, Telling, escaped
from ccx_addons.core.wire_json import dumps
from ccx_addons.protocols import Decoder, Encoder, WireProtocol, before_error, gemini, responses

CONTENT_STOPS: Final = frozenset({"length", "refusal", "stop_sequence", "pause"})
"""Ways to end that explain why there is no content."""

TELLING: Final[Mapping[str, Telling]] = {
    "messages": (
        re.compile(rb'"message_(?:start|delta|stop)"'),
        re.compile(rb'"content_block_st(?:art|op)"'),
        re.compile(rb'"error"'),
    ),
    "chat": (
        re.compile(rb'"usage"\s*:\s*[^n\s]'),
        re.compile(rb'"finish_reason"\s*:\s*"'),
        re.compile(rb'"tool_calls"'),
        re.compile(rb'"refusal"\s*:\s*"'),
        re.compile(rb'"function_call"'),
        re.compile(rb'"error"\s*:\s*[^n\s]'),
        re.compile(rb"\[DONE\]"),
    ),
    "responses": (
        re.compile(rb'"error"\s*:\s*[^n\s]'),
        re.compile(
            rb'"type"\s*:\s*"(?:error|response\.'
            rb"(?!(?:output_text|refusal|function_call_arguments|custom_tool_call_input|reasoning_\w+)\.delta))"
        ),
    ),
}
"""What an event must hold to say more than another piece of text or arguments. Inside a JSON string the quotes are
escaped, so that text about these words does not match. Whole events without it need not be read while they pass.
Each pattern begins with plain text, which re finds several times faster than one pattern of alternatives."""

REPEATING: Final = frozenset({"responses"})
"""Protocols that say a whole part again at its end."""
EVENT_END: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
LONGEST_END: Final = 3
"""Bytes of an event's end that may have come with an earlier chunk."""
MAX_HELD_EVENT: Final = 1 << 20
"""Bytes of one unfinished event that wait for its end; a larger one passes in pieces."""
LONGEST_SECRET: Final = 4096
"""Bytes of such an event that wait for the next piece: a secret may come in two."""


class Watcher:
    """Reads events for the exchange. Subclasses say what the client gets."""

    telling: Telling = ()

    def __init__(self, exchange: Exchange, protocol: WireProtocol, decoder: Decoder) -> None:
        self.x = exchange
        self.protocol = protocol
        self.decoder = decoder
        self.meaningful = False
        self.fault: Fault | None = None
        self.finished = False
        self.open_tools: set[int] = set()
        self.said = Said()
        self.thinking: set[int] = set()
        self.frames = Frames(self.telling)
        self.spread = Spread(exchange.needles, lambda events: exchange.secrets.clean_bytes(events), self.frames)

    def cleaned(self, passed: bytes, heard: Heard | None = None) -> list[bytes]:
        """What goes to the client: an upstream may repeat what it was sent, in an error above all."""
        passed = self.spread.cleaned(passed) if self.fault else self.spread.feed(passed, heard)
        return [passed] if passed else []

    def rest(self) -> list[bytes]:
        """What waited for an event that did not come."""
        return [rest] if (rest := self.spread.rest()) else []

    def before_error(self, fault: Fault) -> tuple[bytes, ...]:
        return () if self.x.array else before_error(self.protocol.NAME, fault)

    @property
    def patient(self) -> bool:
        return bool(self.open_tools or self.thinking)

    def see(self, event: Event) -> None:
        if self.x.events is not None:
            self.x.events.append(event)
        match event:
            case PartDelta(_, text):
                self.said.add(text)
                self.meaningful = self.meaningful or bool(text.strip())
            case PartStarted(index, part):
                self.said.add(_words_of(part))
                self.meaningful = self.meaningful or _means_something(part)
                if isinstance(part, ToolCall):
                    self.open_tools.add(index)
                    self.x.phase = "tool"
                elif isinstance(part, Thinking):
                    self.thinking.add(index)
            case PartStopped(index) if index in self.thinking:
                self.thinking.discard(index)
            case PartStopped(index) if index in self.open_tools:
                self.open_tools.discard(index)
                self.x.phase = "tool" if self.open_tools else "streaming"
            case Started(usage=Usage() as usage):
                self.x.usage = usage
            case Finished(stop, usage):
                self.finished = True
                self.x.container = _container(event)
                self.x.stop = stop
                self.x.usage = usage or self.x.usage
                if stop in CONTENT_STOPS or (usage and usage.output > 0):
                    self.meaningful = True
            case Failed(fault):
                self.fault = self.x.veiled(fault)


def _container(event: Finished) -> str:
    """Id of Claude's container, which a stream names at its end."""
    named = own_fields(event.extra, "messages").get("container") if event.extra else None
    return read.text(read.mapping(named).get("id"))


def _means_something(part: object) -> bool:
    match part:
        case Text(text):
            return bool(text.strip())
        case Thinking() | ToolCall() | Refusal() | Media() | Opaque():
            return True
    return False


def _words_of(part: object) -> str:
    match part:
        case Text(text) | Thinking(text) | Refusal(text):
            return text
        case ToolCall(name=name, arguments=arguments):
            return name + arguments
    return ""


class PassWatcher(Watcher):
    """Same protocol on both sides: every byte passes, event by event, so that a cut never leaves half an event.

    ``hidden`` matches events that the gateway asked the upstream for and the client did not: they stay here.
    """

    def __init__(
        self, exchange: Exchange, protocol: WireProtocol, decoder: Decoder, hidden: re.Pattern[bytes] | None = None
    ) -> None:
        self.telling = TELLING.get(protocol.NAME, ()) if exchange.events is None else ()
        super().__init__(exchange, protocol, decoder)
        self.hidden = hidden
        self._held = bytearray()
        self._frame = -1
        """Bytes of an event around its text; -1: not seen yet."""
        self._begun: Started | None = None
        self._last = b""

    def see(self, event: Event) -> None:
        super().see(event)
        if isinstance(event, Started):
            self._begun = event
        if isinstance(event, PartStopped) and self.protocol.NAME in REPEATING:
            self.said.skimmed = 0

    def feed(self, data: bytes) -> list[bytes]:
        self._last = data
        if self.telling and not self._held:
            if self.meaningful and self._frame >= 0 and (size := self.spread.passes(data, True)) >= 0:
                self._count(1, size - escaped(data, 0, len(data)))
                return [data]
            if data.endswith(b"\n\n"):
                return self._told(self._skim(data))
        return self._told(self._pass(data))

    def _told(self, passed: list[bytes]) -> list[bytes]:
        if self.fault is None:
            return passed
        if isinstance(self.fault, Unread):
            # Half an event may have passed. The client must not take it, or the silence behind it, for an end.
            passed += [*([] if self.x.array else [b"\n\n"]), *self.abort(self.fault)]
        elif not any(b'"response.failed"' in chunk for chunk in passed):
            passed += [*self.before_error(self.fault), *self._failed(self.fault)]
        return passed

    def _failed(self, fault: Fault) -> list[bytes]:
        """Behind the error: the end of an answer of Responses, without which Codex cannot say what went wrong."""
        if self.protocol.NAME != responses.NAME or self._begun is None:
            return []
        return [responses.encode_failed(fault, self._begun, self._last)]

    def _pass(self, data: bytes) -> list[bytes]:
        self._read(data)
        if not self._held and self.hidden is None and (self.x.array or data.endswith(b"\n\n")):
            return self.cleaned(data) if data else []
        passed = self._whole_events(data)
        if len(self._held) > MAX_HELD_EVENT:
            passed += self._held[:-LONGEST_SECRET]
            del self._held[:-LONGEST_SECRET]
        return self.cleaned(bytes(passed)) if passed else []

    def _read(self, data: bytes) -> None:
        for event in self.decoder.feed(data):
            self.see(event)

    def _skim(self, data: bytes) -> list[bytes]:
        """Whole events: reads those that tell something, and before the stream means anything every one."""
        at, passed = 0, bytearray()
        while at < len(data) and not (self.meaningful and self._frame >= 0):
            end = data.index(b"\n\n", at) + 2
            passed += self._seen(data[at:end])
            at = end
        chunks = self.cleaned(bytes(passed)) if passed else []
        if at < len(data):
            chunks += self._skim_rest(data[at:] if at else data)
        return [b"".join(chunks)] if len(chunks) > 1 else chunks

    def _skim_rest(self, data: bytes) -> list[bytes]:
        """Only those that look like none before, or like one that told something, have to be looked at."""
        heard, start, kept = self.frames.read(data), 0, []
        for begin, end, is_odd in heard.looked:
            event = data[begin:end]
            if is_odd and not any(pattern.search(event) for pattern in self.telling):
                self._count(1, len(event) - self._frame - escaped(event, 0, len(event)))
            elif not self._seen(event):
                kept.append(data[start:begin])
                start = end
        self._count(heard.pieces, heard.size)
        if not kept:
            return self.cleaned(data, heard)
        whole = b"".join((*kept, data[start:]))
        return self.cleaned(whole) if whole else []

    def _seen(self, event: bytes) -> bytes:
        """A whole event, read; nothing of it if it is hidden."""
        self._read_one(event)
        if self.finished and not self.x.final_event:
            self.x.final_event = event
        return b"" if self.hidden and self.hidden.search(event) else event

    def _count(self, pieces: int, size: int) -> None:
        """Pieces of text that nobody reads."""
        self.said.skimmed += max(pieces, size)
        self.said.pieces += pieces

    def _read_one(self, event: bytes) -> None:
        events = self.decoder.feed(event)
        for found in events:
            self.see(found)
        if self._frame < 0 and (text := "".join(found.text for found in events if isinstance(found, PartDelta))):
            around = len(event) - escaped(event, 0, len(event)) - (len(dumps(text)) - 2)
            self._frame = max(0, around)

    def _whole_events(self, data: bytes) -> bytearray:
        held, passed, begin = self._held, bytearray(), 0
        unseen = max(0, len(held) - LONGEST_END)
        held += data
        for end in EVENT_END.finditer(held, unseen):
            if self.finished and held.find(b'"response.', begin, end.end()) >= 0:
                self.x.final_event = bytes(held[begin : end.end()])
            if self.hidden is None or not self.hidden.search(held, begin, end.end()):
                passed += held[begin : end.end()]
            begin = end.end()
        del held[:begin]
        return passed

    def finish(self) -> list[bytes]:
        if self.fault and self.x.array:
            # The upstream's own error was the last element, and its array is complete.
            return []
        for event in self.decoder.flush():
            self.see(event)
        if self.fault or not self.finished:
            return self.abort(self.fault or Fault("server", "the upstream's stream ended without its end event"))
        return [*(self.cleaned(bytes(self._held)) if self._held else []), *self.rest()]

    def abort(self, fault: Fault) -> list[bytes]:
        self.fault = fault = self.fault or self.x.veiled(fault)
        encode = gemini.encode_array_error if self.x.array else self.protocol.encode_stream_error
        return [*self.rest(), *self.before_error(fault), encode(fault), *self._failed(fault)]


class ConvertWatcher(Watcher):
    """The upstream speaks another protocol than the client."""

    def __init__(
        self,
        exchange: Exchange,
        protocol: WireProtocol,
        decoder: Decoder,
        encoder: Encoder,
        said: frozenset[str] = NOTHING,
    ) -> None:
        """``said``: fields of the upstream's answer that the encoder says."""
        super().__init__(exchange, protocol, decoder)
        self.upstream = exchange.current.attempt.channel.protocol if exchange.current else protocol.NAME
        self.encoder = encoder
        self.left = OfStream(exchange.kind, said)

    def feed(self, data: bytes) -> list[bytes]:
        return self._convert(self.decoder.feed(data))

    def finish(self) -> list[bytes]:
        chunks = self._convert(self.decoder.flush())
        if not self.finished and not self.fault:
            chunks += self.abort(Fault("server", "the upstream's stream ended without its end event"))
        chunks += self.rest()
        self.x.losses += [*self.encoder.losses, *self.left.losses()]
        return chunks

    def abort(self, fault: Fault) -> list[bytes]:
        self.fault = fault = self.fault or self.x.veiled(fault)
        chunk = self.encoder.encode(Failed(fault))
        return [*self.rest(), *self.before_error(fault), chunk] if chunk else self.rest()

    def _convert(self, events: list[Event]) -> list[bytes]:
        chunks, encode = [], self.encoder.encode
        for event in events:
            if isinstance(event, PartDelta) and self.meaningful and self.x.events is None:
                self.said.add(event.text)
                if event.extra or event.sources:
                    self.left.see(event)
            else:
                if isinstance(event, Finished) and (fault := broken_off(event.stop, event.extra)):
                    event = Failed(fault)
                if isinstance(event, Failed):
                    event = Failed(translated(self.x.veiled(event.fault), self.upstream, self.x.kind))
                self.see(event)
                self.left.see(event)
            if chunk := encode(event):
                chunks.append(chunk)
                if isinstance(event, Finished):
                    self.x.final_event = chunk
        if self.fault and chunks and (before := self.before_error(self.fault)):
            return [*self.cleaned(b"".join(chunks[:-1])), *before, *self.cleaned(chunks[-1])]
        return self.cleaned(b"".join(chunks)) if chunks else []
