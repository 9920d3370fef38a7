"""Events -> stream bytes: server-sent events (``alt=sse``), or one JSON array
(ai.google.dev/api/generate-content#method:-models.streamgeneratecontent).

Texts and thoughts go out as they come. A call goes out whole, when its part stops: its arguments are an object here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ccx_addons.core.code_assist import AROUND, enclosed
from ccx_addons.core.ids import uuid7
from ccx_addons.core.neutral import (
    Event,
    Failed,
    Finished,
    Loss,
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
    merge_extra,
)
from ccx_addons.core.wire_json import dump_text, dumps
from ccx_addons.protocols.gemini.answers import PartWriter
from ccx_addons.protocols.gemini.errors import encode_array_error, encode_stream_error, error_body
from ccx_addons.protocols.gemini.finish import ending, top_fields, write_usage
from ccx_addons.protocols.gemini.wire import Fields, own

_quote: Final = json.encoder.encode_basestring
"""A string as JSON text; what is not ASCII stays, as dump_text writes it."""
PART: Final = '{"candidates":[{"content":{"parts":[{"text":'
ENDS: Final[Mapping[type, str]] = {Text: "}", Refusal: "}", Thinking: ',"thought":true}'}
"""What stands behind the text of a part."""


@dataclass(slots=True)
class Written:
    """A part on its way to the client, and what of it waits for its end."""

    part: Part
    pieces: list[str] = field(default_factory=list)
    signature: str = ""
    gap: str = ""
    """Stands before the first text."""
    end: str = ""
    """What stands behind a text that is all of a delta; empty until one was written."""


class StreamEncoder:
    """``array``: the form without ``alt=sse``; ``envelope``: as Code Assist answers."""

    def __init__(self, request: Request, array: bool = False, envelope: bool = False) -> None:
        self.losses: list[Loss] = []
        self._model = request.model
        self._array = array
        self._envelope = envelope
        self._writer = PartWriter(request, self.losses)
        self._started = Started("", "")
        self._id = ""
        self._around = "", ""
        """What stands before and after a part that is only text, but for the part's own end."""
        self._usage: Usage | None = None
        self._parts: dict[int, Written] = {}
        self._sources: list[Source] = []
        self._begun = self._ended = False

    def encode(self, event: Event) -> bytes:
        if self._ended:
            return b""
        match event:
            case PartDelta(index):
                part = self._parts.get(index)
                if part and part.end and event.text and not (event.extra or event.signature or event.sources):
                    return self._more(part.end, event.text)
                return self._delta(part, event) if part else b""
            case PartStarted(index, part):
                return self._start_part(index, part)
            case PartStopped(index):
                return self._stop_part(index)
            case Started():
                self._started = event
                self._usage = event.usage or self._usage
                return b""
            case Finished():
                return self._finish(event)
            case Failed(fault):
                self._ended = True
                if not self._array:
                    return encode_stream_error(fault)
                return encode_array_error(fault) if self._begun else b"[" + dumps(error_body(fault)) + b"]"

    # ---- parts ----
    def _start_part(self, index: int, part: Part) -> bytes:
        match part:
            case Text() | Refusal():
                if isinstance(part, Text):
                    self._sources += part.sources
                self._parts[index] = written = Written(part, gap=self._writer.gap(part))
                return self._delta(written, PartDelta(index, part.text, extra=part.extra)) if part.text else b""
            case Thinking(text, signature):
                self._parts[index] = Written(part, signature=signature or "")
                return self._say({"text": text, "thought": True, **own(part.extra)}) if text else b""
            case ToolCall():
                self._parts[index] = Written(part)
                return b""
        return self._chunks(self._writer.write(part, f"content[{index}]"))

    def _delta(self, written: Written, delta: PartDelta) -> bytes:
        match written.part:
            case Text() | Refusal():
                self._sources += delta.sources
                if delta.text or (delta.extra and own(delta.extra)):
                    before, written.gap, written.end = written.gap, "", ENDS[type(written.part)]
                    return self._say({"text": before + delta.text, **own(delta.extra)})
            case Thinking():
                written.signature += delta.signature or ""
                if delta.text:
                    written.end = ENDS[Thinking]
                    return self._say({"text": delta.text, "thought": True, **own(delta.extra)})
            case ToolCall():
                written.pieces.append(delta.text)
                if delta.extra:
                    written.part = replace(written.part, extra=merge_extra(written.part.extra, delta.extra))
        return b""

    def _stop_part(self, index: int) -> bytes:
        written = self._parts.pop(index, None)
        match written:
            case Written(Thinking(origin=origin), signature=signature):
                return self._chunks(self._writer.sign(signature, origin))
            case Written(ToolCall() as call, pieces):
                whole = replace(call, arguments=call.arguments + "".join(pieces))
                return self._chunks(self._writer.write(whole, f"content[{index}]"))
        return b""

    # ---- chunks ----
    def _more(self, end: str, text: str) -> bytes:
        """More text, where a chunk was written in the same words."""
        before, after = self._around
        chunk = f"{before}{_quote(text)}{end}{after}".encode("utf-8", "backslashreplace")
        return self._chunks(self._writer.flush()) + chunk if self._writer.waits else chunk

    def _say(self, part: Fields) -> bytes:
        """More text. A signature that waited for a call comes first."""
        return self._chunks([*self._writer.flush(), part])

    def _chunks(self, parts: list[Fields]) -> bytes:
        return b"".join(
            self._chunk({"candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}]}) for part in parts
        )

    def _chunk(self, body: Fields) -> bytes:
        if not self._id:
            self._id = self._started.id or uuid7()
            names = dump_text({"modelVersion": self._model, "responseId": self._id})
            first, last = AROUND if self._envelope else ("", "")
            before, after = f"{first}{PART}", f'],"role":"model"}},"index":0}}],{names[1:]}{last}'
            self._around = (f",\n{before}", after) if self._array else (f"data: {before}", f"{after}\n\n")
        data = dumps({**body, "modelVersion": self._model, "responseId": self._id})
        if self._envelope:
            data = enclosed(data)
        if not self._array:
            return b"data: " + data + b"\n\n"
        begun, self._begun = self._begun, True
        return (b",\n" if begun else b"[") + data

    def _finish(self, event: Finished) -> bytes:
        chunks = [self._stop_part(index) for index in list(self._parts)]
        chunks.append(self._chunks(self._writer.flush()))
        self._ended = True
        extra = merge_extra(self._started.extra, event.extra)
        candidate: Fields = {"content": {"parts": [{"text": ""}], "role": "model"}}
        candidate |= ending(event.stop, event.stop_sequence, extra, self.losses, self._sources)
        usage = write_usage(event.usage or self._usage)
        chunks.append(self._chunk({"candidates": [candidate], "usageMetadata": usage, **top_fields(extra)}))
        return b"".join(chunks) + (b"]" if self._array else b"")


def encoder(request: Request) -> StreamEncoder:
    return StreamEncoder(request)


def array_encoder(request: Request) -> StreamEncoder:
    """The same for a client that did not ask for server-sent events."""
    return StreamEncoder(request, array=True)


def envelope_encoder(request: Request, array: bool) -> StreamEncoder:
    """The same for a client of Code Assist."""
    return StreamEncoder(request, array, envelope=True)
