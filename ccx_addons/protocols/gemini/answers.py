"""JSON answers, both ways (ai.google.dev/api/generate-content#GenerateContentResponse)."""

from ccx_addons import vendors
from ccx_addons.core import code_assist, read, words
from ccx_addons.core.call_names import client_name
from ccx_addons.core.faults import bare_fault, fault_of
from ccx_addons.core.ids import uuid7
from ccx_addons.core.neutral import (
    Fault,
    Json,
    Loss,
    Media,
    Opaque,
    Part,
    Refusal,
    Request,
    Response,
    Text,
    Thinking,
    ToolCall,
    fold,
)
from ccx_addons.core.signatures import PLACEHOLDER
from ccx_addons.protocols.gemini.finish import STOPS, ending, top_fields, write_usage
from ccx_addons.protocols.gemini.parts import write_call, write_media, write_signature
from ccx_addons.protocols.gemini.reader import AnswerReader
from ccx_addons.protocols.gemini.tools import tool_names
from ccx_addons.protocols.gemini.wire import NAME, Fields, camel, own


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def answer_fault(body: Json) -> Fault | None:
    table = camel(code_assist.answer_in(read.mapping(body)))
    if table.get("error"):
        return fault_of(table)
    if fault := bare_fault(read.mapping(body)):
        return fault
    if (
        "totalTokens" in table
        or "embedding" in table
        or "embeddings" in table
        or read.mapping(table.get("promptFeedback")).get("blockReason")
    ):
        return None
    for candidate in read.mappings(table.get("candidates")):
        parts = read.mappings(read.mapping(candidate.get("content")).get("parts"))
        if any(
            len(part) > 1 or not isinstance(part.get("text"), str) or part["text"].strip() for part in parts if part
        ):
            return None
        reason = read.text(candidate.get("finishReason"))
        if STOPS.get(reason) == "error":
            words = read.text(candidate.get("finishMessage"))
            return Fault("server", words or f"the model ended with {reason}", code=reason)
        if reason not in ("STOP", ""):
            return None
    return Fault("server", "the answer has no content")


def decode_response(body: Json) -> Response | Fault:
    """A complete answer. Never raises; what is no answer is a Fault."""
    try:
        if fault := answer_fault(body):
            return fault
        reader = AnswerReader()
        return fold([*reader.read(read.mapping(body)), *reader.finish()])
    except RecursionError:
        return Fault("server", "the answer is nested too deeply")


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def encode_response(response: Response, request: Request) -> tuple[dict[str, Json], list[Loss]]:
    """The client's answer: its own model name, its own tool names."""
    losses: list[Loss] = []
    writer = PartWriter(request, losses)
    parts = [wire for n, part in enumerate(response.parts) for wire in writer.write(part, f"content[{n}]")]
    parts += writer.flush()
    candidate: Fields = {"content": {"parts": parts or [{"text": ""}], "role": "model"}}
    sources = [source for part in response.parts if isinstance(part, Text) for source in part.sources]
    candidate |= ending(response.stop, response.stop_sequence, response.extra, losses, sources)
    body: Fields = {
        "candidates": [candidate],
        "usageMetadata": write_usage(response.usage),
        "modelVersion": request.model,
        "responseId": response.id or uuid7(),
    }
    return body | top_fields(response.extra), losses


class PartWriter:
    """Writes the parts of one answer in their order."""

    def __init__(self, request: Request, losses: list[Loss]) -> None:
        self._names = {safe: name for name, safe in tool_names(request).items()}
        self._losses = losses
        self._unsigned = vendors.gemini("", request.model).signatures
        """The client may send the answer to a model that demands a signature on the first call."""
        self._pending = ""
        self._spoken = self._quoted = False
        """Whether there was a text, and whether another protocol's words came last."""

    def write(self, part: Part, path: str) -> list[Fields]:
        """The wire parts of a complete part; none for what cannot be said."""
        if isinstance(part, ToolCall):
            return [self._call(part, path)]
        before = self.flush()
        match part:
            case Text(text, extra) | Refusal(text, extra):
                return [*before, {"text": self.gap(part) + text, **own(extra)}] if text else before
            case Thinking(text, signature, origin):
                said = [{"text": text, "thought": True, **own(part.extra)}] if text else []
                return [*before, *said, *self.sign(signature, origin)]
            case Media():
                wire: Fields | str = write_media(part)
            case Opaque(protocol, value) if protocol == NAME:
                wire = value
            case Opaque():
                return [*before, *self._words(part, path)]
            case _:
                wire = f"an answer holds no {type(part).__name__}"
        if isinstance(wire, str):
            self._losses.append(Loss(path, wire))
            return before
        return [*before, wire]

    def gap(self, part: Part) -> str:
        """What stands before a text: clients read the texts of an answer as one."""
        apart = self._spoken and (self._quoted or (isinstance(part, Text) and part.apart))
        self._spoken, self._quoted = True, False
        return "\n\n" if apart else ""

    @property
    def waits(self) -> bool:
        return bool(self._pending)

    def _words(self, part: Opaque, path: str) -> list[Fields]:
        """What only another protocol understands, in words."""
        wire = [each for inner in words.told(part, NAME, path, self._losses) for each in self.write(inner, path)]
        self._quoted = True
        return wire

    def sign(self, signature: str | None, origin: str) -> list[Fields]:
        """The end of a thought. This protocol's own signature waits for the call that it may belong to."""
        if signature and origin == NAME:
            self._pending = signature
            return []
        return [_signature_part(write_signature(signature, origin))] if signature else []

    def flush(self) -> list[Fields]:
        """The signature that waited, when no call follows."""
        signature, self._pending = self._pending, ""
        return [_signature_part(signature)] if signature else []

    def _call(self, part: ToolCall, path: str) -> Fields:
        wire = write_call(part, client_name(self._names, part.name), path, self._losses)
        if self._pending:
            wire["thoughtSignature"] = self._pending
        elif self._unsigned:
            wire.setdefault("thoughtSignature", PLACEHOLDER)
        self._pending = ""
        self._unsigned = False
        return wire


def _signature_part(signature: str) -> Fields:
    return {"text": "", "thought": True, "thoughtSignature": signature}
