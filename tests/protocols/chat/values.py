"""Values of the neutral form that this protocol can say in full, and the official shape of a stream."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from ccx_addons.core.neutral import (
    NO_EXTRA,
    Event,
    Media,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Request,
    Response,
    Source,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
)
from ccx_addons.protocols import chat
from ccx_addons.protocols.chat.tools import FREEFORM_SCHEMA
from tests.protocols.values import ARGUMENTS, BASE64, NAMES, decoded, encoded

OPENAI = "gpt-5.1"
OTHER = "claude-on-a-relay"

WORDS = st.text(min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
IDS = st.from_regex(r"call_[a-zA-Z0-9]{1,12}", fullmatch=True)
CACHED = st.sampled_from([NO_EXTRA, {"chat": {"prompt_cache_breakpoint": {"mode": "explicit"}}}])

IMAGES = st.one_of(
    st.builds(lambda data: Media("image/png", data=data), BASE64),
    st.builds(
        lambda path: Media("image/*", url=f"https://x.test/{path}", detail="low"),
        NAMES,
    ),
)
FILES = st.one_of(
    st.builds(lambda data, name: Media("application/pdf", data=data, name=f"{name}.pdf"), BASE64, NAMES),
    st.builds(lambda id_: Media("application/pdf", file_id=f"file-{id_}"), NAMES),
    st.builds(lambda data: Media("audio/wav", data=data), BASE64),
)


@st.composite
def conversations(draw: st.DrawFn, model: str) -> tuple[Message, ...]:
    """Turns from a user's to a user's; every call has its result in the turn after it."""
    messages: list[Message] = []
    ids = iter(draw(st.lists(IDS, unique=True, max_size=4)))
    for _ in range(draw(st.integers(0, 2))):
        shown: list[Part] = [*draw(st.lists(IMAGES | FILES, max_size=2)), Text(draw(WORDS), draw(CACHED))]
        named = draw(st.sampled_from([NO_EXTRA, {"chat": {"name": "ann"}}]))
        messages.append(Message("user", tuple(shown), named))
        if draw(st.booleans()):
            role = draw(st.sampled_from([NO_EXTRA, {"chat": {"role": "developer"}}]))
            messages.append(Message("system", (Text(draw(WORDS)),), role))
        answer: list[Part] = []
        if model == OTHER and draw(st.booleans()):
            answer.append(Thinking(draw(WORDS), origin="chat"))
        if draw(st.booleans()):
            answer.append(Text(draw(WORDS)))
        calls = [ToolCall(id_, f"do_{draw(NAMES)}", draw(ARGUMENTS)) for id_, _ in zip(ids, range(2), strict=False)]
        said = (*answer, *calls) if answer or calls else (Refusal(draw(WORDS)),)
        messages.append(Message("assistant", said))
        if calls:
            results = (ToolResult(call.id, (Text(draw(WORDS)),), draw(st.booleans())) for call in calls)
            messages.append(Message("user", tuple(results)))
    messages.append(Message("user", (Text(draw(WORDS)),)))
    return tuple(messages)


@st.composite
def tool_sets(draw: st.DrawFn, model: str) -> tuple[Tool, ...]:
    names = draw(st.lists(NAMES, min_size=2, max_size=3, unique=True))
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    marked = draw(st.sampled_from([NO_EXTRA, {"chat": {"cache_control": {"type": "ephemeral"}}}]))
    strict = draw(st.sampled_from([None, True, False]))
    closed = {**schema, "additionalProperties": False} if strict else schema
    tools = [Tool(name, draw(st.text(max_size=5)), closed, strict, extra=marked) for name in names]
    if model == OPENAI and draw(st.booleans()):
        form = draw(st.sampled_from([NO_EXTRA, {"chat": {"format": {"type": "text"}}}]))
        tools[-1] = Tool("patch", draw(st.text(max_size=5)), FREEFORM_SCHEMA, freeform=True, extra=form)
    return tuple(tools)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests that the model takes without loss."""
    model = draw(st.sampled_from([OPENAI, OTHER]))
    free = model == OTHER
    tools = draw(tool_sets(model))
    names = tuple(tool.name for tool in tools)
    choices = [None, ToolChoice("auto"), ToolChoice("any"), ToolChoice("any", names[:1]), ToolChoice("none")]
    allowed = [] if free else [ToolChoice("auto", names[:1]), ToolChoice("any", names[:2])]
    numbers = st.sampled_from([None, 0.0, 0.5, 1.5]) if free else st.none()
    stream = draw(st.booleans())
    return Request(
        model,
        draw(conversations(model)),
        system=tuple(Text(text) for text in draw(st.lists(WORDS, max_size=1))),
        tools=tools,
        tool_choice=draw(st.sampled_from([*choices, *allowed])),
        parallel_tools=draw(st.sampled_from([None, True, False])),
        max_tokens=draw(st.none() | st.integers(1, 64_000)),
        temperature=draw(numbers),
        top_p=draw(numbers),
        stop=tuple(draw(st.lists(WORDS, max_size=2))) if free else (),
        seed=draw(st.none() | st.integers(0, 9)),
        presence_penalty=draw(numbers),
        frequency_penalty=draw(numbers),
        reasoning=draw(st.sampled_from([None, Reasoning(effort="low"), Reasoning(effort="none")])),
        output=draw(
            st.sampled_from(
                [
                    None,
                    OutputFormat("text"),
                    OutputFormat("json_schema", {"type": "object", "additionalProperties": False}, "answer", True),
                    OutputFormat("json_schema", {"type": "object"}, "answer"),
                ]
            )
        ),
        verbosity=draw(st.sampled_from([None, "low"])),
        user=draw(st.none() | WORDS),
        cache_key=draw(st.none() | WORDS),
        service_tier=draw(st.sampled_from([None, "auto", "flex"])),
        stream=stream,
        stream_usage=stream,
        extra=draw(
            st.sampled_from(
                [
                    NO_EXTRA,
                    {"chat": {"logit_bias": {"1": 2}, "metadata": {"a": "b"}, "store": True}},
                ]
            )
        ),
    )


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    fresh, cached, written, spoken, thought = (draw(st.integers(0, 9999)) for _ in range(5))
    extra = draw(st.sampled_from([NO_EXTRA, {"chat": {"completion_tokens_details": {"audio_tokens": 3}, "cost": 0.5}}]))
    return Usage(fresh + cached + written, spoken + thought, cached, written, thought, extra)


TEXTS = WORDS.filter(lambda text: not "<think>".startswith(text.lstrip()[:7]))
CITED: dict[str, Any] = {
    "chat": {
        "annotations": [
            {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}
        ]
    }
}
DETAILED = '[{"index":0,"signature":"c2ln","text":"hm","type":"reasoning.text"}]'
SECRET = '[{"data":"eHl6","id":"rs_1","index":1,"type":"reasoning.encrypted"}]'
THOUGHTS = st.builds(
    lambda text, signature: Thinking(text, signature, "chat"),
    WORDS,
    st.sampled_from(["reasoning_content", "reasoning", DETAILED]),
)


@st.composite
def responses(draw: st.DrawFn, model: str = OPENAI) -> Response:
    parts: list[Part] = draw(st.lists(THOUGHTS, max_size=1))
    refused = draw(st.booleans())
    if refused:
        parts.append(Refusal(draw(WORDS)))
    else:
        cited = draw(st.sampled_from([Text(""), Text("", CITED, sources=(Source("u", "t", 0, 1),))]))
        parts.append(replace(cited, text=draw(TEXTS)))
    unique = st.lists(st.builds(ToolCall, IDS, NAMES, ARGUMENTS), max_size=2, unique_by=lambda call: call.id)
    calls = [] if refused else draw(unique)
    parts += calls
    if draw(st.booleans()):
        parts.append(Thinking("", SECRET, "chat", True))
    whole: Stop = "tool_call" if calls else "refusal" if refused else "end"
    stops: list[Stop] = [whole, "length"] if refused or calls else [whole, "length", "refusal", "stop_sequence"]
    stop = draw(st.sampled_from(stops))
    sequence = draw(WORDS) if stop == "stop_sequence" else None
    extra = draw(st.sampled_from([NO_EXTRA, {"chat": {"system_fingerprint": "fp_1", "service_tier": "default"}}]))
    created = draw(st.integers(1, 2**31))
    return Response(draw(IDS), model, tuple(parts), stop, draw(usages()), sequence, created, extra)


def frame(chunk: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(chunk)}\n\n".encode()


DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": choices, **fields}


def stream(*chunks: dict[str, Any]) -> bytes:
    return b"".join(map(frame, chunks)) + DONE


def wire_chunks(answer: dict[str, Any], size: int = 3) -> Iterator[dict[str, Any]]:
    """The stream with which a server sends ``answer``: texts in pieces of ``size`` characters."""
    head = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk"
    choice = answer["choices"][0]
    for delta in _deltas(choice["message"], size):
        yield head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    last = {name: value for name, value in choice.items() if name != "message"}
    yield head | {"choices": [{**last, "delta": {}}]}
    if "usage" in answer:
        yield head | {"choices": [], "usage": answer["usage"]}


def _deltas(message: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    def pieces(text: str | None) -> list[str]:
        return [text[at : at + size] for at in range(0, len(text), size)] if text else []

    yield {"role": "assistant", "content": ""}
    details = message.get("reasoning_details", [])
    for name in ("reasoning_content", "reasoning"):
        yield from ({name: piece} for piece in pieces(message.get(name)))
    if spoken := [item for item in details if item["type"] == "reasoning.text"]:
        yield {"reasoning_details": spoken}
    for name in ("content", "refusal"):
        yield from ({name: piece} for piece in pieces(message.get(name)))
    if message.get("annotations"):
        yield {"annotations": message["annotations"]}
    for index, call in enumerate(message.get("tool_calls") or []):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]}
        for piece in pieces(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
    if secret := [item for item in details if item["type"] == "reasoning.encrypted"]:
        yield {"reasoning_details": secret}


def decode_all(data: bytes, *cuts: int) -> list[Event]:
    return decoded(chat.decoder(), data, *cuts)


def encode_all(events: list[Event], request: Request) -> bytes:
    return encoded(chat.encoder(request), events)


def ask(model: str = OPENAI, **fields: Any) -> Request:
    """A short request with ``fields``, as a client that wants its usage counted."""
    return Request(model, (Message("user", (Text("hi"),)),), **{"stream": True, "stream_usage": True, **fields})
