"""JSON answers, usage and stop reasons, both ways (platform.claude.com/docs/en/api/messages, Message)."""

import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ccx_addons.core import read, stops, words
from ccx_addons.core.call_names import client_name
from ccx_addons.core.faults import bare_fault, fault_of
from ccx_addons.core.ids import made_up_id, uuid7
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
    ToolCall,
    Usage,
)
from ccx_addons.core.openai import chat_counts
from ccx_addons.protocols.messages.blocks import read_content, write_call, write_citations, write_text, write_thinking
from ccx_addons.protocols.messages.tools import tool_names
from ccx_addons.protocols.messages.wire import NAME, Block, keep, own

REASONS: Final[Mapping[Stop, str]] = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_call": "tool_use",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "pause": "pause_turn",
    "error": "end_turn",
}
NAMELESS: Final = "malformed_function_call"
"""How an answer ends whose call names no tool."""
ANSWER_FIELDS: Final = frozenset({
    "id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage",
})  # fmt: skip
COUNTS: Final = ("input_tokens", "output_tokens", "cache_read_input_tokens")
USAGE_FIELDS: Final = frozenset({
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens_details",
})  # fmt: skip


# ---- usage -----------------------------------------------------------------------------------------------------------
def read_usage(usage: Mapping[str, Json]) -> Usage | None:
    """``input_tokens`` excludes what was read from or written to the cache; the neutral input includes it."""
    if not usage:
        return None
    if counted := chat_counts(usage):
        return counted
    fresh, output, cached, created = _counts(usage)
    for each in _compactions(usage):
        fresh, output, cached, created = map(operator.add, (fresh, output, cached, created), _counts(each))
    return Usage(
        fresh + cached + created,
        output,
        cached,
        created,
        read.count(read.mapping(usage.get("output_tokens_details")).get("thinking_tokens")),
        keep(usage, USAGE_FIELDS),
    )


def _counts(usage: Mapping[str, Json]) -> tuple[int, int, int, int]:
    """Of the prompt beside the cache, of the answer, read from the cache, written to it."""
    taken, given, cached = (read.count(usage.get(name)) for name in COUNTS)
    return taken, given, cached, _created(usage)


def _compactions(usage: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """What the upstream's own summaries of the conversation cost: it is no part of the counts at the top
    (platform.claude.com/docs/en/build-with-claude/compaction)."""
    return [each for each in read.mappings(usage.get("iterations")) if each.get("type") == "compaction"]


def _created(usage: Mapping[str, Json]) -> int:
    """The total where it is given, else the sum of its parts by lifetime."""
    total = usage.get("cache_creation_input_tokens")
    if total is not None:
        return read.count(total)
    return read.count(sum(read.count(part) for part in read.mapping(usage.get("cache_creation")).values()))


def write_usage(usage: Usage | None) -> dict[str, Json]:
    usage = usage or Usage()
    kept = own(usage.extra)
    fresh = max(0, usage.input - usage.cache_read - usage.cache_write)
    counts = (fresh, usage.output, usage.cache_read, usage.cache_write)
    for each in _compactions(kept):
        counts = tuple(map(operator.sub, counts, _counts(each)))
    wire: dict[str, Json] = dict(zip((*COUNTS, "cache_creation_input_tokens"), counts, strict=True))
    if usage.reasoning:
        wire["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return wire | kept


def usage_of(body: Json) -> Usage | None:
    return read_usage(read.mapping(read.mapping(body).get("usage")))


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def answer_fault(body: Json) -> Fault | None:
    table = read.mapping(body)
    if table.get("error") or table.get("type") == "error":
        return fault_of(table)
    if fault := bare_fault(table):
        return fault
    if kind := stops.broken(reason := read.text(table.get("stop_reason"))):
        return Fault(kind, f"the upstream broke off: {reason}", code=reason)
    if "input_tokens" in table:
        return None
    if read.text(content := table.get("content")).strip():
        return None
    for block in read.mappings(content):
        if block.get("type") != "text" or read.text(block.get("text")).strip():
            return None
    if fault := stops.full(reason):
        return fault
    if stops.stop_of(reason) in ("length", "refusal", "stop_sequence", "pause"):
        return None
    return Fault("server", "the answer has no content")


def decode_response(body: Json) -> Response | Fault:
    """A complete answer. Never raises; what is no answer is a Fault."""
    try:
        if fault := answer_fault(body):
            return fault
        answer = read.mapping(body)
        reason = read.text(answer.get("stop_reason"))
        id_ = read.text(answer.get("id"))
        said = read_content(answer.get("content"))
        parts = tuple(identified(part, id_, n) for n, part in enumerate(said) if not is_nameless(part))
        called = any(isinstance(part, ToolCall) for part in parts)
        if len(parts) < len(said) and stops.stop_of(reason) != "length":
            reason = NAMELESS
            if not parts:
                return Fault("server", f"the model ended with {NAMELESS}", code=NAMELESS)
        return Response(
            id_,
            read.text(answer.get("model")),
            parts,
            stop_of(reason, called),
            usage_of(answer),
            read.text(answer.get("stop_sequence")) or None,
            extra=keep({**answer, **rare_reason(reason)}, ANSWER_FIELDS - {"stop_reason"}),
        )
    except RecursionError:
        return Fault("server", "the answer is nested too deeply")


def is_nameless(part: Part) -> bool:
    """Whether it is a call that names no tool: nobody can run it, and no server takes it back."""
    return isinstance(part, ToolCall) and not part.name


def identified(part: Part, answer_id: str, n: int) -> Part:
    """The ``n``-th part of an answer: a call without an id gets one, the same whenever this answer is read."""
    if isinstance(part, ToolCall) and not part.id:
        return replace(part, id=made_up_id("toolu", answer_id, n))
    return part


def stop_of(reason: str, called: bool) -> Stop:
    """The neutral word; without a call there is none to wait for."""
    stop = stops.stop_of(reason) or "end"
    return "end" if stop == "tool_call" and not called else stop


def rare_reason(reason: str) -> dict[str, Json]:
    """The stop reason for the side-car: null where the neutral word gives it back."""
    known = stops.stop_of(reason)
    return {"stop_reason": None if not reason or (known and REASONS[known] == reason) else reason}


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def encode_response(response: Response, request: Request) -> tuple[dict[str, Json], list[Loss]]:
    """The client's answer: its own model name, its own tool names."""
    losses: list[Loss] = []
    names = client_names(request)
    spoken = ((f"content[{n}]", part) for n, part in enumerate(response.parts))
    content = [
        block
        for path, part in spoken
        for inner in words.told(part, NAME, path, losses)
        if (block := _write_part(inner, names, path, losses))
    ]
    called = any(isinstance(part, ToolCall) for part in response.parts)
    body: dict[str, Json] = {
        "id": response.id or new_id(),
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
        "stop_reason": write_reason(response.stop, called, losses),
        "stop_sequence": response.stop_sequence,
        "usage": write_usage(response.usage),
    }
    return body | own(response.extra), losses


def client_names(request: Request) -> dict[str, str]:
    """A function's name upstream -> the name that the client gave it."""
    return {safe: name for name, safe in tool_names(request).items()}


def write_reason(stop: Stop, called: bool, losses: list[Loss]) -> str:
    """Clients run tools only on ``tool_use``, whatever word the upstream has for it."""
    if stop == "error":
        losses.append(Loss("stop_reason", "there is no word for an answer that broke off"))
    return "tool_use" if stop == "end" and called else REASONS[stop]


def new_id() -> str:
    return "msg_" + uuid7().replace("-", "")


def _write_part(part: Part, names: Mapping[str, str], path: str, losses: list[Loss]) -> Block | None:
    match part:
        case Text(text, extra) | Refusal(text, extra):
            block = write_text(text, extra)
            if isinstance(part, Text) and part.sources and "citations" not in block:
                block["citations"] = write_citations(part.sources)
            return block if text else None
        case Thinking():
            return write_thinking(part)
        case ToolCall(id_, name):
            return write_call(part, id_, client_name(names, name), path, losses)
        case Opaque(value=dict(value)):
            return value
        case Media():
            return write_text(words.unseen(part, path, losses).text, {})
    losses.append(Loss(path, f"an answer holds no {type(part).__name__}"))
    return None
