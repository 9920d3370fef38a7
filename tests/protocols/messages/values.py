"""Values of the neutral form that this protocol can say in full, and the official shape of a stream."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from ccx_addons.core.neutral import (
    NO_EXTRA,
    Event,
    Media,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Response,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
)
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols import messages
from tests.protocols.values import ARGUMENTS, BASE64, NAMES, OBJECTS, decoded, encoded

MODERN = "claude-opus-5"
MANUAL = "claude-sonnet-4-5"
OTHER = "glm-5"

WORDS = st.text(min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
IDS = st.from_regex(r"toolu_[a-zA-Z0-9_-]{1,12}", fullmatch=True)
CACHED = st.sampled_from([NO_EXTRA, {"messages": {"cache_control": {"type": "ephemeral"}}}])
SIGNATURES = st.from_regex(r"[A-Za-z0-9+/]{4,20}={0,2}", fullmatch=True)

TEXTS = st.builds(Text, WORDS, CACHED)
IMAGES = st.one_of(
    st.builds(lambda data: Media("image/png", data=data), BASE64),
    st.builds(lambda path: Media("image/*", url=f"https://x.test/{path}"), NAMES),
    st.builds(lambda id_: Media("image/*", file_id=f"file_{id_}"), NAMES),
)
DOCUMENTS = st.one_of(
    st.builds(lambda data, name: Media("application/pdf", data=data, name=name), BASE64, NAMES),
    st.builds(lambda path: Media("application/pdf", url=f"https://x.test/{path}"), NAMES),
    st.just(Media("text/plain", data="aGVsbG8=", extra={"messages": {"citations": {"enabled": True}}})),
)
SIGNED = st.one_of(
    st.builds(lambda text, signature: Thinking(text, signature, "messages"), st.text(max_size=8), SIGNATURES),
    st.builds(lambda data: Thinking("", data, "messages", True), SIGNATURES),
)
SEARCHES = st.builds(
    lambda id_, value: Opaque(
        "messages", {"type": "server_tool_use", "id": f"srv{id_}", "name": "web_search", "input": value}
    ),
    IDS,
    OBJECTS,
)


@st.composite
def conversations(draw: st.DrawFn, system_turns: bool) -> tuple[Message, ...]:
    """Alternating turns from a user turn to a user turn; every call has its result at the head of the next turn."""
    messages: list[Message] = []
    results: list[Part] = []
    ids = iter(draw(st.lists(IDS, unique=True, max_size=4)))
    for _ in range(draw(st.integers(0, 2))):
        said = draw(st.lists(TEXTS | IMAGES | DOCUMENTS, min_size=0 if results else 1, max_size=2))
        messages.append(Message("user", (*results, *said)))
        if system_turns and draw(st.booleans()):
            messages.append(Message("system", (draw(TEXTS),)))
        calls = [ToolCall(id_, draw(NAMES), draw(ARGUMENTS)) for id_, _ in zip(ids, range(2), strict=False)]
        answer: list[Part] = [draw(SIGNED), *draw(st.lists(TEXTS | SEARCHES, max_size=2)), *calls]
        messages.append(Message("assistant", tuple(answer)))
        results = [
            ToolResult(call.id, tuple(draw(st.lists(TEXTS | IMAGES, max_size=2))), draw(st.booleans()))
            for call in calls
        ]
    messages.append(Message("user", (*results, draw(TEXTS))))
    return tuple(messages)


@st.composite
def tool_sets(draw: st.DrawFn) -> tuple[Tool, ...]:
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    return tuple(Tool(name, draw(st.text(max_size=5)), schema, draw(st.sampled_from([None, False]))) for name in names)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests that the current Claude takes without loss."""
    tools = draw(tool_sets())
    choices = [None, ToolChoice("auto"), ToolChoice("any"), ToolChoice("any", (tools[0].name,)), ToolChoice("none")]
    choice = draw(st.sampled_from(choices))
    extra = draw(st.sampled_from([NO_EXTRA, {"messages": {"container": "c", "output_config": {"task_budget": 5}}}]))
    efforts = st.sampled_from([None, "low", "medium", "high"])
    return Request(
        MODERN,
        draw(conversations(system_turns=True)),
        system=tuple(draw(st.lists(TEXTS, max_size=2))),
        tools=tools,
        tool_choice=choice,
        parallel_tools=draw(st.sampled_from([None, True, False])) if choice and choice.mode != "none" else None,
        max_tokens=draw(st.integers(1, 64_000)),
        stop=tuple(draw(st.lists(WORDS, max_size=2))),
        reasoning=draw(
            st.none()
            | st.builds(Reasoning, st.just(True), efforts, st.none(), st.sampled_from([None, "auto", "none"]))
            | st.builds(Reasoning, st.just(False), efforts)
        ),
        output=draw(
            st.sampled_from(
                [
                    None,
                    OutputFormat(
                        "json_schema", {"type": "object", "properties": {}, "additionalProperties": False}, strict=True
                    ),
                ]
            )
        ),
        user=draw(st.none() | NAMES),
        service_tier=draw(st.sampled_from([None, "auto", "standard_only"])),
        stream=draw(st.booleans()),
        extra=extra,
    )


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    fresh, read, write, spoken, thought = (draw(st.integers(0, 9999)) for _ in range(5))
    extra = draw(st.sampled_from([NO_EXTRA, {"messages": {"service_tier": "standard"}}]))
    return Usage(fresh + read + write, spoken + thought, read, write, thought, extra)


CITED = st.builds(
    lambda text, cited: Text(text, {"messages": {"citations": [{"type": "char_location", "cited_text": cited}]}}),
    WORDS,
    WORDS,
)


@st.composite
def responses(draw: st.DrawFn, model: str = MODERN) -> Response:
    parts = draw(st.lists(st.builds(Text, WORDS) | CITED | SIGNED | SEARCHES, min_size=1, max_size=3))
    calls = draw(st.lists(st.builds(ToolCall, IDS, NAMES, ARGUMENTS), max_size=2))
    whole: Stop = "tool_call" if calls else "end"
    stops: list[Stop] = ["length", "stop_sequence", "refusal", "pause", whole]
    stop = draw(st.sampled_from(stops))
    extra = draw(
        st.sampled_from([NO_EXTRA, {"messages": {"container": {"id": "c", "expires_at": "2026-01-01T00:00:00Z"}}}])
    )
    sequence = draw(WORDS) if stop == "stop_sequence" else None
    return Response(draw(IDS), model, (*parts, *calls), stop, draw(usages()), sequence, extra=extra)


def frame(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def wire_events(answer: dict[str, Any], size: int = 3) -> Iterator[dict[str, Any]]:
    """The stream with which the real API sends ``answer``: texts in pieces of ``size`` characters."""
    start = {**answer, "content": [], "stop_reason": None, "stop_sequence": None}
    yield {
        "type": "message_start",
        "message": start | {"usage": {**answer["usage"], "output_tokens": min(1, answer["usage"]["output_tokens"])}},
    }
    yield {"type": "ping"}
    for index, block in enumerate(answer["content"]):
        empty, deltas = _deltas(block, size)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": answer["stop_reason"], "stop_sequence": answer["stop_sequence"]}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": answer["usage"]["output_tokens"]}}
    yield {"type": "message_stop"}


def _deltas(block: dict[str, Any], size: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    def pieces(kind: str, name: str, text: str) -> list[dict[str, Any]]:
        return [{"type": kind, name: text[at : at + size]} for at in range(0, len(text), size)]

    match block["type"]:
        case "text":
            cited = [{"type": "citations_delta", "citation": one} for one in block.get("citations") or ()]
            return {**block, "text": "", "citations": None}, [*pieces("text_delta", "text", block["text"]), *cited]
        case "thinking":
            signature = {"type": "signature_delta", "signature": block["signature"]}
            empty = {**block, "thinking": "", "signature": ""}
            return empty, [*pieces("thinking_delta", "thinking", block["thinking"]), signature]
        case "tool_use" | "server_tool_use":
            text = dump_text(block["input"])
            return {**block, "input": {}}, pieces("input_json_delta", "partial_json", text)
    return block, []


def decode_all(data: bytes, *cuts: int) -> list[Event]:
    return decoded(messages.decoder(), data, *cuts)


def encode_all(events: list[Event], request: Request) -> bytes:
    return encoded(messages.encoder(request), events)


def ask(model: str = MODERN, **fields: Any) -> Request:
    """A short request with ``fields``."""
    return Request(model, (Message("user", (Text("hi"),)),), **fields)
