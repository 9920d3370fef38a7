"""Values of the neutral form that this protocol can say in full, and the official shape of a stream."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from ccx_addons.core.neutral import (
    NO_EXTRA,
    Event,
    Media,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Request,
    Response,
    ServerTool,
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
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols import responses
from tests.protocols.values import ARGUMENTS, BASE64, decoded, encoded

REASONING = "gpt-5.4"
CLASSIC = "gpt-4.1"
OTHER = "gpt-oss-120b"

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9]{0,12}", fullmatch=True)
IDS = st.from_regex(r"call_[a-zA-Z0-9]{4,12}", fullmatch=True)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin Patch"'}

CITATION = {"type": "url_citation", "url": "https://x.test", "title": "x", "start_index": 0, "end_index": 1}
SOURCE = Source("https://x.test", "x", 0, 1)


def own(**fields: Any) -> dict[str, Any]:
    return {"responses": fields}


# ---- tools -----------------------------------------------------------------------------------------------------------
APPLY_PATCH = {"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": GRAMMAR}
NAMESPACE = {
    "type": "namespace",
    "name": "mcp__docs",
    "description": "Documentation",
    "tools": [
        {"type": "function", "name": "search", "description": "Finds pages.", "parameters": SCHEMA, "strict": False},
        {"type": "custom", "name": "note", "description": "Takes a note."},
    ],
}
CODEX_TOOLS: list[Any] = [
    {
        "type": "function",
        "name": "get_goal",
        "description": "The goal.",
        "parameters": {"type": "object", "properties": {}},
    },
    APPLY_PATCH,
    {"type": "local_shell"},
    NAMESPACE,
    {"type": "web_search", "external_web_access": False},
]
CODEX = responses.decode_request({"input": "go", "tools": CODEX_TOOLS, "stream": True}, "m", True)
"""A request with each of Codex's tools."""

FUNCTIONS = st.builds(
    lambda name, about, strict: Tool(f"f{name}", about, SCHEMA, strict),
    NAMES,
    st.text(max_size=5),
    st.sampled_from([None, True, False]),
)
FIXED_TOOLS = [tool for tool in CODEX.tools if isinstance(tool, Tool | ServerTool)]


@st.composite
def tool_sets(draw: st.DrawFn) -> tuple[Tool | ServerTool, ...]:
    functions = draw(st.lists(FUNCTIONS, min_size=1, max_size=3, unique_by=lambda tool: tool.name))
    return (*functions, *draw(st.sampled_from([[], FIXED_TOOLS])))


# ---- the conversation ------------------------------------------------------------------------------------------------
TEXTS = st.builds(Text, WORDS)
IMAGES = st.one_of(
    st.builds(lambda data: Media("image/png", data=data), BASE64),
    st.builds(lambda path: Media("image/*", url=f"https://x.test/{path}", detail="low"), NAMES),
    st.builds(lambda id_: Media("image/*", file_id=f"file-{id_}"), NAMES),
)
DOCUMENTS = st.one_of(
    st.builds(lambda data, name: Media("application/pdf", data=data, name=f"{name}.pdf"), BASE64, NAMES),
    st.builds(lambda path: Media("application/pdf", url=f"https://x.test/{path}"), NAMES),
    st.builds(lambda id_: Media("application/pdf", file_id=f"file-{id_}"), NAMES),
    st.builds(lambda data: Media("audio/wav", data=data), BASE64),
)
THOUGHTS = st.builds(
    lambda text, sealed, id_: Thinking(text, f"enc_{sealed}", "responses", extra=own(id=f"rs_{id_}")),
    st.text(max_size=8),
    BASE64,
    NAMES,
)
SEARCHES = st.builds(
    lambda id_, query: Opaque(
        "responses",
        {
            "type": "web_search_call",
            "id": f"ws_{id_}",
            "status": "completed",
            "action": {"type": "search", "query": query},
        },
    ),
    NAMES,
    WORDS,
)


def _call(draw: st.DrawFn, id_: str) -> tuple[ToolCall, dict[str, Any]]:
    """A call as the wire says it, and the side-car of its result."""
    kind = draw(st.sampled_from(["function", "custom", "shell", "space"]))
    match kind:
        case "custom":
            item = {"type": "custom_tool_call", "name": "apply_patch", "input": draw(st.text(max_size=12))}
            extra = own(type="custom_tool_call", id=f"ctc_{id_}")
            return ToolCall(id_, "apply_patch", dump_text({"input": item["input"]}), extra), own(
                type="custom_tool_call_output"
            )
        case "shell":
            arguments = {"command": ["ls", draw(WORDS)], "workdir": "/w", "timeout_ms": 5, "env": {"A": "b"}}
            return ToolCall(id_, "local_shell", dump_text(arguments), own(type="local_shell_call", id="lsh_1")), own(
                type="local_shell_call_output", id=id_
            )
        case "space":
            extra = own(namespace="mcp__docs", name="search", id=f"fc_{id_}")
            return ToolCall(id_, "mcp__docs__search", draw(ARGUMENTS), extra), {}
    return ToolCall(id_, draw(NAMES), draw(ARGUMENTS), own(id=f"fc_{id_}")), {}


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Turns as items make them: results alone in a message, and every call answered."""
    messages = [Message("user", tuple(draw(st.lists(TEXTS | IMAGES | DOCUMENTS, min_size=1, max_size=2))))]
    ids = iter(draw(st.lists(IDS, unique=True, max_size=4)))
    for n in range(draw(st.integers(0, 2))):
        item = own(item={"id": f"msg_{n}", "phase": "commentary"})
        said: list[Part] = [Text(text, item) for text in draw(st.lists(WORDS, min_size=1, max_size=2))]
        calls = [_call(draw, id_) for id_, _ in zip(ids, range(2), strict=False)]
        turn = (*draw(st.lists(THOUGHTS | SEARCHES, max_size=2)), *said, *(call for call, _ in calls))
        messages.append(Message("assistant", turn))
        if calls:
            contents = st.lists(TEXTS | IMAGES, max_size=2)
            # Only these have a word for failure.
            failed = [draw(st.booleans()) and "local_shell" not in str(x) for _, x in calls]
            results = [
                ToolResult(call.id, tuple(draw(contents)), bad, "", x)
                for (call, x), bad in zip(calls, failed, strict=True)
            ]
            messages.append(Message("user", tuple(results)))
        if draw(st.booleans()):
            messages.append(Message("system", (draw(TEXTS),)))
        messages.append(Message("user", (draw(TEXTS),), draw(st.sampled_from([NO_EXTRA, own(id="msg_u")]))))
    return tuple(messages)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests that a current model takes without loss."""
    tools = draw(tool_sets())
    one = tools[0].name if isinstance(tools[0], Tool) else ""
    choices = [None, *(ToolChoice("auto"), ToolChoice("any"), ToolChoice("none"), ToolChoice("any", (one,)))]
    choices.append(ToolChoice("auto", tuple(tool.name for tool in tools if isinstance(tool, Tool))))
    developer = st.builds(lambda text: Text(text, own(item={"role": "developer"})), WORDS)
    effort = st.sampled_from([None, "low", "medium", "high", "xhigh"])
    kept: list[dict[str, Any]] = [
        {},
        {"store": False, "include": ["reasoning.encrypted_content"], "client_metadata": {"a": "b"}},
        {"metadata": {"k": "v"}, "truncation": "auto", "reasoning": {"context": "auto"}},
    ]
    reasoning = st.builds(Reasoning, st.none(), effort, st.none(), st.sampled_from(["auto", "detailed"]))
    return Request(
        REASONING,
        draw(conversations()),
        system=(*draw(st.lists(TEXTS, max_size=1)), *draw(st.lists(developer, max_size=1))),
        tools=tools,
        tool_choice=draw(st.sampled_from(choices)),
        parallel_tools=draw(st.sampled_from([None, True, False])),
        max_tokens=draw(st.none() | st.integers(16, 64_000)),
        reasoning=draw(st.none() | reasoning),
        output=draw(st.sampled_from([None, OutputFormat("text"), OutputFormat("json_schema", SCHEMA, "answer", True)])),
        verbosity=draw(st.sampled_from([None, "low"])),
        user=draw(st.none() | NAMES),
        cache_key=draw(st.none() | NAMES),
        service_tier=draw(st.sampled_from([None, "auto", "flex", "priority"])),
        stream=draw(st.booleans()),
        extra={"responses": draw(st.sampled_from(kept))},
    )


# ---- answers ---------------------------------------------------------------------------------------------------------
@st.composite
def usages(draw: st.DrawFn) -> Usage:
    fresh, read, write, spoken, thought = (draw(st.integers(0, 9999)) for _ in range(5))
    extra = draw(st.sampled_from([NO_EXTRA, own(cost=1, output_tokens_details={"image_tokens": 3})]))
    return Usage(fresh + read + write, spoken + thought, read, write, thought, extra)


@st.composite
def answers(draw: st.DrawFn, model: str = REASONING) -> Response:
    parts: list[Part] = []
    for n in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["text", "thought", "search", "call", "picture"]))
        item = Text("", own(item={"id": f"msg_{n}"}))
        noted = Text("", own(item={"id": f"msg_{n}"}, annotations=[CITATION]), sources=(SOURCE,))
        texts = st.builds(lambda text, kind: replace(kind, text=text), WORDS, st.sampled_from([item, noted]))
        match kind:
            case "text":
                follows = bool(parts) and isinstance(parts[-1], Text)
                parts.append(replace(draw(texts), apart=follows))
                parts += draw(st.lists(texts, max_size=1))
            case "thought":
                parts.append(Thinking(draw(WORDS), draw(st.none() | BASE64), "responses", extra=own(id=f"rs_{n}")))
            case "search":
                search = draw(SEARCHES)
                parts.append(Opaque("responses", {**search.value, "id": f"ws_{n}"}))
            case "picture":
                extra = own(type="image_generation_call", id=f"ig_{n}", output_format="png")
                parts.append(Media("image/png", data=draw(BASE64), extra=extra))
            case _:
                parts.append(_call(draw, f"call_{n}")[0])
    refused = draw(st.booleans()) and draw(st.booleans())
    if refused:
        parts.append(Refusal(draw(WORDS), own(item={"id": "msg_r"})))
    called = any(isinstance(part, ToolCall) for part in parts)
    whole: Stop = "tool_call" if called else "refusal" if refused else "end"
    stop = draw(st.sampled_from([whole, "length"]))
    extra = draw(st.sampled_from([NO_EXTRA, own(service_tier="default")]))
    number = draw(st.integers(0, 999))
    return Response(f"resp_{number}", model, tuple(parts), stop, draw(st.none() | usages()), None, 1_700_000_000, extra)


# ---- streams ---------------------------------------------------------------------------------------------------------
def frame(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def wire_events(answer: dict[str, Any], size: int = 3) -> Iterator[dict[str, Any]]:
    """The stream with which the real API sends ``answer``: texts in pieces of ``size`` characters."""
    begun = {**answer, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for n, item in enumerate(answer["output"]):
        empty = {name: _EMPTY.get(name, value) for name, value in item.items() if name != "encrypted_content"}
        yield {"type": "response.output_item.added", "output_index": n, "item": empty}
        for event in _item_events(item, size):
            yield {"item_id": item.get("id"), "output_index": n, **event}
        yield {"type": "response.output_item.done", "output_index": n, "item": item}
    kind = "response.incomplete" if answer["status"] == "incomplete" else "response.completed"
    yield {"type": kind, "response": answer}


_EMPTY: dict[str, Any] = {
    "content": [],
    "summary": [],
    "arguments": "",
    "input": "",
    "status": "in_progress",
    "result": None,
}


def _pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _item_events(item: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    match item["type"]:
        case "message":
            for n, block in enumerate(item["content"]):
                name, kind = ("text", "output_text") if block["type"] == "output_text" else ("refusal", "refusal")
                at = {"content_index": n}
                yield {"type": "response.content_part.added", **at, "part": {"type": block["type"], name: ""}}
                for piece in _pieces(block[name], size):
                    yield {"type": f"response.{kind}.delta", **at, "delta": piece}
                yield {"type": f"response.{kind}.done", **at, name: block[name]}
                yield {"type": "response.content_part.done", **at, "part": block}
        case "reasoning":
            for n, block in enumerate(item["summary"]):
                at = {"summary_index": n}
                yield {
                    "type": "response.reasoning_summary_part.added",
                    **at,
                    "part": {"type": "summary_text", "text": ""},
                }
                for piece in _pieces(block["text"], size):
                    yield {"type": "response.reasoning_summary_text.delta", **at, "delta": piece}
                yield {"type": "response.reasoning_summary_text.done", **at, "text": block["text"]}
                yield {"type": "response.reasoning_summary_part.done", **at, "part": block}
        case "function_call":
            for piece in _pieces(item["arguments"], size):
                yield {"type": "response.function_call_arguments.delta", "delta": piece}
            yield {"type": "response.function_call_arguments.done", "arguments": item["arguments"]}
        case "custom_tool_call":
            for piece in _pieces(item["input"], size):
                yield {"type": "response.custom_tool_call_input.delta", "delta": piece}
            yield {"type": "response.custom_tool_call_input.done", "input": item["input"]}


def decode_all(data: bytes, *cuts: int) -> list[Event]:
    return decoded(responses.decoder(), data, *cuts)


def encode_all(events: list[Event], request: Request) -> bytes:
    return encoded(responses.encoder(request), events)


def read_frames(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream that we wrote; name and type must agree."""
    found = []
    for text in stream.decode().split("\n\n")[:-1]:
        name, data = text.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


SDK_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def accumulate(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The last event's response as the official client's accumulator fires it."""
    state: ResponseStreamState[None] = ResponseStreamState(input_tools=omit, text_format=omit)
    fired: list[Any] = []
    for event in events:
        fired = state.handle_event(SDK_EVENT.validate_python(event))
    whole: dict[str, Any] = _unparsed(fired[-1].response.to_dict(mode="json"))
    return whole


def _unparsed(value: Any) -> Any:
    """Without what the client adds of its own."""
    if isinstance(value, list):
        return [_unparsed(item) for item in value]
    if isinstance(value, dict):
        return {name: _unparsed(item) for name, item in value.items() if name not in ("parsed", "parsed_arguments")}
    return value


def ask(model: str = REASONING, **fields: Any) -> Request:
    """A short request with ``fields``, as a client of another protocol makes it."""
    return Request(model, (Message("user", (Text("hi"),)),), **fields)


def asked(**fields: Any) -> Request:
    """A short request of a client of this protocol."""
    return responses.decode_request({"input": "hi", **fields}, REASONING, bool(fields.get("stream")))
