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
    ServerTool,
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
from ccx_addons.protocols import gemini
from tests.protocols.values import ARGUMENTS, BASE64, NAMES, OBJECTS, decoded, encoded

PRO = "gemini-3.1-pro-preview"
FLASH = "gemini-3.8-flash"
OLD = "gemini-2.5-flash"
RELAY = "some-model"

WORDS = st.text(min_size=1, max_size=12)
IDS = st.from_regex(r"call_[a-zA-Z0-9_-]{1,12}", fullmatch=True)
SIGNATURES = st.sampled_from(["c2ln", "c2lnbmF0dXJl", "c2ln+/c2"])
SIGNED = st.sampled_from([NO_EXTRA, {"gemini": {"thoughtSignature": "c2ln"}}])

PLAIN = st.builds(Text, WORDS)
TEXTS = st.builds(Text, WORDS, SIGNED)
MEDIA = st.one_of(
    st.builds(lambda data: Media("image/png", data=data), BASE64),
    st.builds(
        lambda data: Media(
            "application/pdf", data=data, extra={"gemini": {"mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}}
        ),
        BASE64,
    ),
    st.builds(lambda path: Media("video/mp4", url=f"https://x.test/{path}"), NAMES),
    st.builds(
        lambda id_: Media("image/png", file_id=f"https://generativelanguage.googleapis.com/v1beta/files/{id_}"), NAMES
    ),
)
THOUGHTS = st.one_of(
    st.builds(lambda text, signature: Thinking(text, signature, "gemini"), WORDS, st.none() | SIGNATURES),
    st.builds(lambda signature: Thinking("", signature, "gemini", True), SIGNATURES),
)
OWN = st.sampled_from([
    Opaque("gemini", {"executableCode": {"language": "PYTHON", "code": "print(1)"}}),
    Opaque("gemini", {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}),
])  # fmt: skip
SCHEMAS: st.SearchStrategy[dict[str, Any]] = st.sampled_from([
    {"type": "object"},
    {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    {"type": "object", "properties": {"n": {"type": ["integer", "null"], "minimum": 1}, "e": {"type": "string", "enum": ["x", "y"]}}},
    {"type": "object", "properties": {"l": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "number"}]}}}},
])  # fmt: skip
SERVER_TOOLS = st.sampled_from([
    ServerTool("web_search", "gemini", {"googleSearch": {}}),
    ServerTool("code", "gemini", {"codeExecution": {}}),
    ServerTool("other", "gemini", {"googleMaps": {}}),
])  # fmt: skip


@st.composite
def results(draw: st.DrawFn, call: ToolCall, media: bool) -> ToolResult:
    plain = WORDS.filter(lambda text: not text.startswith("{"))
    text = draw(st.none() | plain | OBJECTS.filter(lambda table: len(table) > 1).map(dump_text))
    parts: list[Part] = [] if text is None else [Text(text)]
    parts += draw(st.lists(MEDIA, max_size=1)) if media else []
    return ToolResult(call.id, tuple(parts), draw(st.booleans()), call.name)


@st.composite
def conversations(draw: st.DrawFn, media_results: bool) -> tuple[Message, ...]:
    """Alternating turns from a user's to a user's; every call has its result at the head of the next turn."""
    messages: list[Message] = []
    answers: list[Part] = []
    ids = iter(draw(st.lists(IDS, unique=True, max_size=4)))
    for _ in range(draw(st.integers(0, 2))):
        said = draw(st.lists(PLAIN | MEDIA, min_size=0 if answers else 1, max_size=2))
        messages.append(Message("user", (*answers, *said)))
        calls = [
            ToolCall(
                id_, draw(NAMES), draw(ARGUMENTS), {"gemini": {"thoughtSignature": "c2ln"}} if n == 0 else NO_EXTRA
            )
            for n, (id_, _) in enumerate(zip(ids, range(2), strict=False))
        ]
        spoken: list[Part] = [*draw(st.lists(THOUGHTS, max_size=1)), draw(TEXTS | OWN)]
        messages.append(Message("assistant", (*spoken, *calls)))
        answers = [draw(results(call, media_results)) for call in calls]
    messages.append(Message("user", (*answers, draw(PLAIN))))
    return tuple(messages)


@st.composite
def requests(draw: st.DrawFn, model: str = PRO) -> Request:
    """Requests that the model takes without loss."""
    third = model != OLD
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    tools = tuple(Tool(name, draw(st.text(max_size=5)), draw(SCHEMAS)) for name in names)
    own_tools: tuple[ServerTool, ...] = tuple(draw(st.lists(SERVER_TOOLS, max_size=1))) if third else ()
    kept: dict[str, Any] = {
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"},
    }
    kept_anyway = draw(st.booleans())
    if own_tools:
        kept["toolConfig"] = {"includeServerSideToolInvocations": True}
    shown = st.sampled_from(["auto", "none"])
    if third:
        thinking = st.builds(Reasoning, st.none(), st.sampled_from(["low", "medium", "high"]), st.none(), shown)
    else:
        thinking = st.builds(
            Reasoning, st.none(), st.none(), st.sampled_from([-1, 128, 1024, 24576]), shown
        ) | st.builds(Reasoning, st.just(False))
    schema = OutputFormat(
        "json_schema", {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "string"}}}, strict=True
    )
    return Request(
        model,
        draw(conversations(media_results=third)),
        system=tuple(draw(st.lists(PLAIN, max_size=2))),
        tools=(*own_tools, *tools),
        tool_choice=draw(
            st.sampled_from(
                [None, ToolChoice("auto"), ToolChoice("any"), ToolChoice("any", (names[0],)), ToolChoice("none")]
            )
        ),
        max_tokens=draw(st.none() | st.integers(1, 65_536)),
        temperature=draw(st.none() | st.floats(0, 2)),
        top_p=draw(st.none() | st.floats(0, 1)),
        top_k=draw(st.none() | st.integers(1, 64)),
        stop=tuple(draw(st.lists(WORDS, max_size=5))),
        seed=draw(st.none() | st.integers(0, 2**31 - 1)),
        presence_penalty=draw(st.none() | st.floats(-2, 1.9)),
        frequency_penalty=draw(st.none() | st.floats(-2, 1.9)),
        reasoning=draw(st.none() | thinking),
        output=draw(st.sampled_from([None, OutputFormat("text"), OutputFormat("json"), schema] if third else [None])),
        service_tier=draw(st.sampled_from([None, "default", "flex", "priority"])),
        stream=draw(st.booleans()),
        extra={"gemini": kept} if own_tools or kept_anyway else NO_EXTRA,
    )


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    fresh, cached, spoken, thought = (draw(st.integers(0, 9999)) for _ in range(4))
    details = {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}], "toolUsePromptTokenCount": fresh}
    extra = draw(st.sampled_from([NO_EXTRA, {"gemini": details}]))
    return Usage(fresh + cached, spoken + thought, cached, 0, thought, extra)


@st.composite
def responses(draw: st.DrawFn, model: str = PRO) -> Response:
    """No two texts and no two thoughts in a row: they would be one part."""
    parts: list[Part] = []
    for part in draw(st.lists(TEXTS | THOUGHTS | OWN | MEDIA, min_size=1, max_size=4)):
        if not parts or type(parts[-1]) is not type(part) or isinstance(part, Opaque | Media):
            parts.append(part)
    if isinstance(parts[-1], Thinking):
        parts.append(Text("end"))
    calls: list[Part] = [
        ToolCall(id_, draw(NAMES), draw(ARGUMENTS)) for id_ in draw(st.lists(IDS, unique=True, max_size=2))
    ]
    if calls:
        # Where a thought has no text, only a call can follow what carries its signature.
        parts.append(draw(st.builds(lambda signature: Thinking("", signature, "gemini", True), SIGNATURES)))
    stops: list[Stop] = ["length", "refusal", "error", "tool_call" if calls else "end"]
    kept: dict[str, Any] = {
        "candidate": {"groundingMetadata": {"webSearchQueries": ["x"]}, "avgLogprobs": -0.5},
        "createTime": "2026-01-01T00:00:00Z",
    }
    extra = draw(st.sampled_from([NO_EXTRA, {"gemini": kept}]))
    return Response(draw(IDS), model, (*parts, *calls), draw(st.sampled_from(stops)), draw(usages()), extra=extra)


def frame(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"


def wire_chunks(answer: dict[str, Any], size: int = 3) -> Iterator[dict[str, Any]]:
    """The stream with which the real API sends ``answer``: texts in pieces of ``size`` characters, usage in each."""
    candidate = answer["candidates"][0]
    same = {name: answer[name] for name in ("modelVersion", "responseId")}
    early = {**same, "usageMetadata": {"promptTokenCount": answer["usageMetadata"]["promptTokenCount"]}}
    for part in candidate["content"]["parts"]:
        for piece in _pieces(part, size):
            yield {"candidates": [{"content": {"parts": [piece], "role": "model"}, "index": 0}], **early}
    last = {**candidate, "content": {"parts": [{"text": ""}], "role": "model"}}
    yield {**answer, "candidates": [last]}


def _pieces(part: dict[str, Any], size: int) -> list[dict[str, Any]]:
    text = part.get("text", "")
    pieces = [{**part, "text": text[at : at + size]} for at in range(0, len(text), size)]
    for piece in pieces[:-1]:
        piece.pop("thoughtSignature", None)
    return pieces or [part]


def array(chunks: list[dict[str, Any]]) -> bytes:
    """The form without ``alt=sse``, as Google lays it out."""
    return b"[" + b"\n,\r\n".join(json.dumps(chunk, indent=2).encode() for chunk in chunks) + b"\n]\n"


def decode_all(data: bytes, *cuts: int) -> list[Event]:
    return decoded(gemini.decoder(), data, *cuts)


def encode_all(events: list[Event], request: Request, in_array: bool = False) -> bytes:
    encoder = gemini.array_encoder(request) if in_array else gemini.encoder(request)
    return encoded(encoder, events)


def ask(model: str = PRO, **fields: Any) -> Request:
    """A short request with ``fields``."""
    return Request(model, (Message("user", (Text("hi"),)),), **fields)
