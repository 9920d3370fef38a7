"""Answers, usage and stop reasons, both ways (ai.google.dev/api/generate-content#GenerateContentResponse)."""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.faults import fault_of
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
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    fold,
    safe_names,
)
from ccx_addons.protocols.gemini.parts import arguments_of, write_media, write_signature
from ccx_addons.protocols.gemini.wire import NAME, SIGNATURE, Fields, own

STOPS: Final[Mapping[str, Stop]] = {
    "STOP": "end",
    "MAX_TOKENS": "length",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "LANGUAGE": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
    "IMAGE_SAFETY": "refusal",
    "IMAGE_PROHIBITED_CONTENT": "refusal",
    "IMAGE_RECITATION": "refusal",
}
"""Others (MALFORMED_FUNCTION_CALL, OTHER, ...) are errors of the model: ``error``."""
REASONS: Final[Mapping[Stop, str]] = {
    "end": "STOP",
    "length": "MAX_TOKENS",
    "tool_call": "STOP",
    "stop_sequence": "STOP",
    "refusal": "SAFETY",
    "pause": "STOP",
    "error": "OTHER",
}


def stop_of(reason: str, called: bool) -> Stop:
    """Gemini says STOP also when it calls a function."""
    stop = STOPS.get(reason, "error")
    return "tool_call" if called and stop == "end" else stop


# ---- reading ---------------------------------------------------------------------------------------------------------
def read_usage(usage: Mapping[str, Json]) -> Usage | None:
    """``promptTokenCount`` includes the cache; thoughts are counted apart from candidates."""
    if not usage:
        return None
    thoughts = read.count(usage.get("thoughtsTokenCount"))
    return Usage(
        read.count(usage.get("promptTokenCount")) + read.count(usage.get("toolUsePromptTokenCount")),
        read.count(usage.get("candidatesTokenCount")) + thoughts,
        read.count(usage.get("cachedContentTokenCount")),
        0,
        thoughts,
    )


def usage_of(body: Json) -> Usage | None:
    return read_usage(read.mapping(read.mapping(body).get("usageMetadata")))


def answer_fault(body: Json) -> Fault | None:
    table = read.mapping(body)
    if table.get("error"):
        return fault_of(table)
    if "totalTokens" in table or "embedding" in table or "embeddings" in table:
        return None
    if read.mapping(table.get("promptFeedback")).get("blockReason"):
        return None
    for candidate in read.mappings(table.get("candidates")):
        parts = read.mappings(read.mapping(candidate.get("content")).get("parts"))
        if any(
            len(part) > 1 or not isinstance(part.get("text"), str) or part["text"].strip() for part in parts if part
        ):
            return None
        if candidate.get("finishReason") not in ("STOP", None):
            return None
    return Fault("server", "the answer has no content")


def _says_something(part: Mapping[str, Json]) -> bool:
    text = part.get("text")
    return bool(part) and (len(part) > 1 or not isinstance(text, str) or bool(text.strip()))


def decode_response(body: Json) -> Response | Fault:
    """The answer as the stream decoder reads it: a JSON answer is a stream of one chunk."""
    from ccx_addons.protocols.gemini.stream_decoder import Reading

    table = read.mapping(body)
    if table.get("error") or not table:
        return fault_of(table)
    reading = Reading()
    events = [*reading.chunk(table), *reading.end()]
    return fold(events)


# ---- writing ---------------------------------------------------------------------------------------------------------
def client_names(request: Request) -> dict[str, str]:
    """Names that went to the upstream -> the client's own."""
    names = safe_names(tool.name for tool in request.tools if isinstance(tool, Tool))
    return {safe: name for name, safe in names.items()}


def encode_response(response: Response, request: Request) -> tuple[Fields, list[Loss]]:
    losses: list[Loss] = []
    names = client_names(request)
    parts: list[Fields] = []
    for n, part in enumerate(response.parts):
        written = write_answer_part(part, names, f"parts[{n}]", losses)
        if written:
            parts.append(written)
    body = chunk(response.id, request.model, parts, response.stop, response.usage)
    if response.stop_sequence:
        losses.append(Loss("stop_sequence", "Gemini does not say which one stopped it"))
    return body, losses


def write_answer_part(part: Part, names: Mapping[str, str], path: str, losses: list[Loss]) -> Fields | None:
    match part:
        case Text(text) | Refusal(text):
            signature = own(part.extra).get(SIGNATURE)
            return {"text": text, **({SIGNATURE: signature} if signature else {})} if text or signature else None
        case Thinking(text):
            signed = write_signature(part)
            return (
                {"text": text, "thought": True, **({SIGNATURE: signed} if signed else {})} if text or signed else None
            )
        case ToolCall(id, name, _):
            function: Fields = {"name": names.get(name, name), "args": arguments_of(part)}
            if id:
                function["id"] = id
            signature = own(part.extra).get(SIGNATURE)
            return {"functionCall": function, **({SIGNATURE: signature} if signature else {})}
        case Media():
            return write_media(part)
        case Opaque(protocol, value) if protocol == NAME:
            return dict(value)
        case Opaque(protocol, _):
            losses.append(Loss(path, f"only {protocol} clients understand this"))
        case ToolResult():
            losses.append(Loss(path, "a result of a tool that the upstream ran"))
    return None


def chunk(id: str, model: str, parts: list[Fields], stop: Stop | None, usage: Usage | None) -> Fields:
    """One GenerateContentResponse: a whole answer, or a piece of a stream."""
    candidate: Fields = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if stop is not None:
        candidate["finishReason"] = REASONS[stop]
    found: Fields = {"candidates": [candidate]}
    if usage is not None:
        found["usageMetadata"] = write_usage(usage)
    return {**found, "modelVersion": model, "responseId": id or uuid7().replace("-", "")}


def write_usage(usage: Usage) -> Fields:
    found = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": max(0, usage.output - usage.reasoning),
        "totalTokenCount": usage.input + usage.output,
    }
    if usage.cache_read:
        found["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        found["thoughtsTokenCount"] = usage.reasoning
    return found
