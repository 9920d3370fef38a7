"""Events -> stream bytes (platform.claude.com/docs/en/build-with-claude/streaming).

message_start, then each block from its start to its stop, then message_delta with the whole usage, message_stop. Blocks
follow each other: a part that starts while another is open waits until that one stops. A block without content does
not appear, because a client would send it back and the API refuses empty text.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Final

from ccx_addons.core import read, sse, words
from ccx_addons.core.call_names import client_name
from ccx_addons.core.neutral import (
    Event,
    Failed,
    Finished,
    Json,
    Loss,
    Media,
    Opaque,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Refusal,
    Request,
    Source,
    Started,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.messages.answers import client_names, new_id, write_reason, write_usage
from ccx_addons.protocols.messages.blocks import write_citations, write_signature, write_thinking
from ccx_addons.protocols.messages.errors import encode_stream_error
from ccx_addons.protocols.messages.wire import NAME, Block, own

MESSAGE_STOP: Final = sse.frame('{"type":"message_stop"}', "message_stop")

_quote: Final = json.encoder.encode_basestring
"""A string as JSON text; what is not ASCII stays, as dump_text writes it."""


@dataclass(slots=True)
class Written:
    """A part on its way to the client. ``index`` is the block's on the wire, -1 before it has started."""

    part: Part
    index: int = -1
    before: str = ""
    """What stands before the string of a delta that is only text; empty until one may be written."""
    signature: str = ""
    sources: tuple[Source, ...] = ()
    stopped: bool = False
    waiting: list[PartDelta] = field(default_factory=list)


class StreamEncoder:
    def __init__(self, request: Request) -> None:
        self.losses: list[Loss] = []
        self._model = request.model
        self._names = client_names(request)
        self._usage: Usage | None = None
        self._started = self._ended = False
        self._called = False
        self._count = 0
        self._parts: dict[int, Written] = {}
        """Parts that are not written to their end, in order; the first one is being written."""

    def encode(self, event: Event) -> bytes:
        if self._ended:
            return b""
        match event:
            case PartDelta(index):
                part = self._parts.get(index)
                if part is None or part.stopped:
                    return b""
                if part.before and event.text and not (event.extra or event.signature or event.sources):
                    return f"{part.before}{_quote(event.text)}}}}}\n\n".encode("utf-8", "backslashreplace")
                if next(iter(self._parts)) == index:
                    return self._write_delta(part, event)
                part.waiting.append(event)
                return b""
            case PartStarted(index, part):
                return self._start_part(index, part)
            case PartStopped(index):
                return self._stop_part(index)
            case Started():
                return self._start(event)
            case Finished():
                return self._finish(event)
            case Failed(fault):
                self._ended = True
                return encode_stream_error(fault)

    # ---- the message ----
    def _start(self, event: Started) -> bytes:
        self._usage = event.usage or self._usage
        if self._started:
            return b""
        self._started = True
        message: Block = {
            "id": event.id or new_id(),
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(event.usage),
        }
        return _frame("message_start", {"message": message | own(event.extra)})

    def _finish(self, event: Finished) -> bytes:
        chunks = [b"" if self._started else self._start(Started("", ""))]
        chunks += [self._stop_part(index) for index in list(self._parts)]
        self._ended = True
        reason = write_reason(event.stop, self._called, self.losses)
        delta = {"stop_reason": reason, "stop_sequence": event.stop_sequence, **own(event.extra)}
        usage = write_usage(event.usage or self._usage)
        return b"".join([*chunks, _frame("message_delta", {"delta": delta, "usage": usage}), MESSAGE_STOP])

    # ---- parts ----
    def _start_part(self, index: int, part: Part) -> bytes:
        head = b"" if self._started else self._start(Started("", ""))
        match part:
            case Text() | Refusal() | Thinking() | ToolCall() | Opaque(protocol="messages"):
                pass
            case Opaque():
                found = words.told(part, NAME, f"content[{index}]", self.losses)
                return head + b"".join(self._start_part(index, inner) for inner in found)
            case Media():
                return head + self._start_part(index, words.unseen(part, f"content[{index}]", self.losses))
            case _:
                self.losses.append(Loss(f"content[{index}]", f"an answer holds no {type(part).__name__}"))
                return head
        first = not self._parts
        self._parts[index] = written = Written(part)
        return head + self._open(written) if first else head

    def _stop_part(self, index: int) -> bytes:
        """Ends the part, and writes those that waited for it as far as they have come."""
        part = self._parts.get(index)
        if part is None:
            return b""
        part.stopped = True
        chunks = []
        while self._parts:
            index, first = next(iter(self._parts.items()))
            if not first.stopped:
                break
            chunks.append(self._close(first))
            del self._parts[index]
            if self._parts:
                chunks.append(self._open(next(iter(self._parts.values()))))
        return b"".join(chunks)

    def _open(self, written: Written) -> bytes:
        """What the part already holds: with its start, and deltas that came while it waited."""
        deltas, written.waiting = written.waiting, []
        chunks = [self._write_head(written)]
        chunks += [self._write_delta(written, delta) for delta in deltas]
        return b"".join(chunks)

    def _write_head(self, written: Written) -> bytes:
        match written.part:
            case Text(text, extra, sources=sources):
                return self._write_delta(written, PartDelta(0, text, extra=extra, sources=sources))
            case Refusal(text, extra):
                return self._write_delta(written, PartDelta(0, text, extra=extra))
            case Thinking(text, signature):
                return self._write_delta(written, PartDelta(0, text, signature))
            case ToolCall(id_, name, arguments, extra):
                self._called = True
                call = {
                    "type": "tool_use",
                    "id": id_,
                    "name": client_name(self._names, name),
                    "input": {},
                    **own(extra),
                }
                return self._start_block(written, call) + self._write_delta(written, PartDelta(0, arguments))
            case Opaque(value=value) if read.mapping(value).get("input"):
                piece = {"type": "input_json_delta", "partial_json": dump_text(value["input"])}
                return self._start_block(written, {**value, "input": {}}) + _delta(written.index, piece)
            case Opaque(value=value):
                return self._start_block(written, value)
        return b""

    def _write_delta(self, written: Written, delta: PartDelta) -> bytes:
        match written.part:
            case Text() | Refusal():
                return self._write_text(written, delta)
            case Thinking(redacted=redacted):
                written.signature += delta.signature or ""
                if not delta.text or redacted:
                    return b""
                head = self._begin(written, {"type": "thinking", "thinking": "", "signature": ""})
                return head + _text_delta(written, "thinking_delta", "thinking", delta.text)
            case ToolCall() if delta.text:
                return _text_delta(written, "input_json_delta", "partial_json", delta.text)
        return b""

    def _write_text(self, written: Written, delta: PartDelta) -> bytes:
        cited = own(delta.extra).get("citations")
        if isinstance(written.part, Text) and delta.sources and not cited:
            written.sources = delta.sources
        if not delta.text and not (cited and written.index >= 0):
            return b""
        chunks = [self._begin(written, {"type": "text", "text": ""})]
        if delta.text:
            chunks.append(_text_delta(written, "text_delta", "text", delta.text))
        chunks += [_delta(written.index, {"type": "citations_delta", "citation": item}) for item in read.items(cited)]
        return b"".join(chunks)

    def _begin(self, written: Written, block: Block) -> bytes:
        return b"" if written.index >= 0 else self._start_block(written, block | self._fields(written.part))

    def _fields(self, part: Part) -> dict[str, Json]:
        """Own fields of the block, but for citations, which have deltas."""
        extra = own(part.extra)
        return {name: value for name, value in extra.items() if name != "citations"}

    def _start_block(self, written: Written, block: Block) -> bytes:
        written.index = self._count
        self._count += 1
        return _frame("content_block_start", {"index": written.index, "content_block": block})

    def _close(self, written: Written) -> bytes:
        chunks = []
        if written.index >= 0 and written.sources:
            cited = write_citations(written.sources)
            chunks += [_delta(written.index, {"type": "citations_delta", "citation": item}) for item in cited]
        if isinstance(written.part, Thinking) and written.signature:
            chunks.append(self._write_signature(written, written.part))
        if written.index >= 0:
            chunks.append(_frame("content_block_stop", {"index": written.index}))
        return b"".join(chunks)

    def _write_signature(self, written: Written, part: Thinking) -> bytes:
        """As one delta: the official client keeps only the last one."""
        if part.redacted:
            return self._start_block(written, write_thinking(replace(part, signature=written.signature)))
        signature = write_signature(written.signature, part.origin)
        head = self._begin(written, {"type": "thinking", "thinking": "", "signature": ""})
        return head + _delta(written.index, {"type": "signature_delta", "signature": signature})


def _text_delta(written: Written, kind: str, name: str, text: str) -> bytes:
    """One more text of a block; the next one stands in the same words."""
    block = f'"index":{written.index},"delta":{{"type":"{kind}","{name}":'
    written.before = f'event: content_block_delta\ndata: {{"type":"content_block_delta",{block}'
    return f"{written.before}{_quote(text)}}}}}\n\n".encode("utf-8", "backslashreplace")


def _delta(index: int, delta: Block) -> bytes:
    return _frame("content_block_delta", {"index": index, "delta": delta})


def _frame(name: str, fields: Block) -> bytes:
    return sse.frame(dump_text({"type": name, **fields}), name)


def encoder(request: Request) -> StreamEncoder:
    return StreamEncoder(request)
