"""Events -> stream bytes: SSE chunks, or for clients without ``alt=sse`` one JSON array.

Text goes out as it comes; a function only when its arguments are complete, since Gemini's are an object.
"""

from dataclasses import replace
from typing import Final

from ccx_addons.core import sse, wire_json
from ccx_addons.core.ids import uuid7
from ccx_addons.core.neutral import (
    NO_EXTRA,
    Event,
    Failed,
    Fault,
    Finished,
    Loss,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Refusal,
    Request,
    Started,
    Text,
    Thinking,
    ToolCall,
    Usage,
    apply_delta,
)
from ccx_addons.protocols.gemini.answers import chunk, client_names, write_answer_part
from ccx_addons.protocols.gemini.wire import Fields, encode_stream_error, error_body, keep, own

STREAMED: Final = (Text, Refusal, Thinking)


class StreamEncoder:
    def __init__(self, request: Request) -> None:
        self.losses: list[Loss] = []
        self._model = request.model
        self._names = client_names(request)
        self._id = ""
        self._usage: Usage | None = None
        self._parts: dict[int, Part] = {}
        self._signatures: dict[int, list[str]] = {}
        self._texts: dict[int, list[str]] = {}
        self._ended = False

    def encode(self, event: Event) -> bytes:
        match event:
            case _ if self._ended:
                return b""
            case Started(id, _, _, usage):
                self._id, self._usage = id or uuid7().replace("-", ""), usage
            case PartStarted(index, part):
                return self._start(index, part)
            case PartDelta(index) if index in self._parts:
                return self._delta(index, event)
            case PartStopped(index) if index in self._parts:
                return self._stop(index)
            case Finished(stop, usage):
                left = b"".join(self._stop(index) for index in sorted(self._parts))
                self._ended = True
                last = chunk(self._id, self._model, [{"text": ""}], stop, usage or self._usage or Usage())
                return left + self._frame(last) + self._end()
            case Failed(fault):
                self._ended = True
                return self._error(fault)
        return b""

    def _start(self, index: int, part: Part) -> bytes:
        self._parts[index] = part
        if isinstance(part, STREAMED):
            self._signatures[index] = [part.signature] if isinstance(part, Thinking) and part.signature else []
            self._parts[index] = replace(part, text="")
            return self._say(part, part.text) if part.text else b""
        self._texts[index] = []
        return b""

    def _delta(self, index: int, delta: PartDelta) -> bytes:
        part = self._parts[index]
        if isinstance(part, STREAMED):
            if delta.signature:
                self._signatures[index].append(delta.signature)
            if delta.extra:
                self._parts[index] = apply_delta(part, replace(delta, text="", signature=None))
            return self._say(part, delta.text) if delta.text else b""
        self._texts[index].append(delta.text)
        if delta.extra:
            self._parts[index] = apply_delta(part, replace(delta, text=""))
        return b""

    def _stop(self, index: int) -> bytes:
        part = self._parts.pop(index)
        if isinstance(part, ToolCall):
            part = replace(part, arguments=part.arguments + "".join(self._texts.pop(index, ())))
        elif isinstance(part, Thinking):
            signature = "".join(self._signatures.pop(index, ())) or None
            part = replace(part, signature=signature) if signature else replace(part, signature=None, extra=NO_EXTRA)
            if signature is None:
                return b""
        elif isinstance(part, Text | Refusal):
            part = Text("", keep(own(part.extra)))
        written = write_answer_part(part, self._names, f"parts[{index}]", self.losses)
        return self._chunk(written) if written else b""

    def _say(self, part: Part, text: str) -> bytes:
        return self._chunk({"text": text, "thought": True} if isinstance(part, Thinking) else {"text": text})

    def _chunk(self, part: Fields) -> bytes:
        return self._frame(chunk(self._id, self._model, [part], None, None))

    def _frame(self, value: Fields) -> bytes:
        return sse.frame(wire_json.dump_text(value))

    def _end(self) -> bytes:
        return b""

    def _error(self, fault: Fault) -> bytes:
        return encode_stream_error(fault)


class ArrayEncoder(StreamEncoder):
    """The same chunks as elements of one JSON array."""

    _begun = False

    def _frame(self, value: Fields) -> bytes:
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + wire_json.dumps(value)

    def _end(self) -> bytes:
        return b"]"

    def _error(self, fault: Fault) -> bytes:
        return self._frame(error_body(fault)) + b"]"


def encode_array_error(fault: Fault) -> bytes:
    """The last element of an array that was passed through and broke off after a whole element."""
    return b"," + wire_json.dumps(error_body(fault)) + b"]"


def encoder(request: Request) -> StreamEncoder:
    return StreamEncoder(request)


def array_encoder(request: Request) -> ArrayEncoder:
    return ArrayEncoder(request)
