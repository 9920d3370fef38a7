"""Nothing is lost silently: every field of every request that an official SDK can write is carried to the other protocols,
or it is among the losses, or the request is refused. The fields are those that the SDKs' types have.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

import pytest
from anthropic.types import Message, message_create_params
from google.genai import types as genai
from openai.types.chat import ChatCompletion, completion_create_params
from openai.types.responses import Response, response_create_params

from ccx_addons.convert.translate import judge, outgoing
from ccx_addons.core.config import Kind, Mapped
from ccx_addons.core.errors import BadRequest, UnknownResponse
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.leftovers import OfStream, of_answer
from ccx_addons.core.neutral import Fault, Loss, explode
from ccx_addons.core.verdict import Attempt
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.core.words import AS_TEXT
from ccx_addons.protocols import TEXT_PROTOCOLS
from tests.addons.sdk_types import Case, Json, Walk
from tests.addons.values import channel, exchange

MODELS: Final[dict[Kind, str]] = {
    "messages": "claude-sonnet-4-5",
    "chat": "gpt-5.1",
    "responses": "gpt-5.1",
    "gemini": "gemini-3-pro",
}
HELLO: Final = "hello"
CALL: Final = ("call_1", "get_weather", {"city": "Oslo"})
FUNCTION: Final = {"name": "get_weather"}
SCHEMA: Final = {"type": "object", "properties": {"city": {"type": "string"}}}

HARMLESS: Final[dict[str, str]] = {
    "model": "the channel says which model is asked",
    "stream": "says how the answer comes, not what it says",
    "type": "says which form a value has; its other members are what it says",
    "role": "says who speaks; the message is what is carried",
    "id": "names an item or a call",
    "call_id": "ties a result to its call",
    "tool_call_id": "ties a result to its call",
    "tool_use_id": "ties a result to its call",
    "status": "an item that a request brings is complete",
    "cache_control": "says what may be cached, not what is asked",
    "prompt_cache_breakpoint": "says what may be cached, not what is asked",
    "include_obfuscation": "pads the events of a stream",
    "functionDeclarations.parameters": "schemas are another matter",
    "ChatCompletionFunctionMessageParam.name": "ties a result to its call",
    "namespace": "is in the name of the function",
    "json_schema.name": "a label, which no answer depends on",
    "json_schema.strict": "a schema is a guarantee where it is not said",
    "ResponseFormatTextJSONSchemaConfigParam.name": "a label, which no answer depends on",
    "ResponseFormatTextJSONSchemaConfigParam.strict": "a schema is a guarantee where it is not said",
    "stream_options.include_usage": "the gateway counts, and answers as the client asked",
    "responses.store": "the gateway remembers the answer itself",
    "responses.include": "what the gateway does by itself changes nothing; all else is carried or told",
    **dict.fromkeys(("chat.top_logprobs", "gemini.logprobs"), "says how many, where nothing says that they are wanted"),
    "ToolSearchCall.execution": "a search that is in the history is over, whoever ran it",
    "fileData.mimeType": "says what a file is, which decides where it goes",
    **dict.fromkeys(("Base64ImageSourceParam.media_type", "inlineData.mimeType"), "is read from a picture's data"),
    **dict.fromkeys(
        ("httpOptions", "shouldReturnHttpResponse", "automaticFunctionCalling"), "the SDK keeps it for itself"
    ),
}
"""Fields that need not be told, whatever they hold -> why."""


# ---- requests of each protocol -----------------------------------------------------------------------------------------
def messages_before() -> list[Json]:
    id_, name, arguments = CALL
    call = {"type": "tool_use", "id": id_, "name": name, "input": arguments}
    return [{"role": "user", "content": HELLO}, {"role": "assistant", "content": [call]}]


def chat_before() -> list[Json]:
    id_, name, arguments = CALL
    call = {"id": id_, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return [{"role": "user", "content": HELLO}, {"role": "assistant", "tool_calls": [call]}]


def responses_before() -> list[Json]:
    id_, name, arguments = CALL
    call = {"type": "function_call", "call_id": id_, "name": name, "arguments": json.dumps(arguments)}
    return [{"role": "user", "content": HELLO}, call]


def gemini_before() -> list[Json]:
    id_, name, arguments = CALL
    call = {"functionCall": {"id": id_, "name": name, "args": arguments}}
    return [{"role": "user", "parts": [{"text": HELLO}]}, {"role": "model", "parts": [call]}]


@dataclass(frozen=True)
class Source:
    """``place``: the SDK's value as the body that it sends."""

    hint: Any
    place: Callable[[Json], Json]


def with_talk(field: str, before: Callable[[], list[Json]], tools: list[Json]) -> Callable[[Json], Json]:
    """A body whose conversation goes on from a call."""

    def place(body: Json) -> Json:
        said, own = body.get(field, []), body.get("tools", [])
        return {**body, "tools": [*tools, *own], field: [*before(), *said] if isinstance(said, list) else said}

    return place


IMAGE: Final = {"image_url": "https://example.com/a.png"}
FILE: Final = {"file_url": "https://example.com/a.pdf"}
NEEDED: Final[dict[str, dict[str, Json]]] = {
    "InputSchemaTyped": {"properties": {"some required": {"type": "string"}}},
    "ResponseInputImageParam": IMAGE,
    "ResponseInputImageContentParam": IMAGE,
    "ResponseInputFileParam": FILE,
    "ResponseInputFileContentParam": FILE,
    "FileFile": {"file_data": "data:application/pdf;base64,iVBORw0KGgo="},
    "FunctionResponsePart": {"inlineData": {"data": "iVBORw0KGgo=", "mimeType": "image/png"}},
    "FunctionResponseFileData": {"fileUri": "https://example.com/a.png", "mimeType": "image/png"},
    "FunctionCall": {"name": "get_weather"},
    "FunctionDeclaration": {"name": "get_weather"},
    "FunctionResponse": {"name": "get_weather"},
    "Part": {"text": "some words"},
    "Blob": {"data": "iVBORw0KGgo=", "mimeType": "image/png"},
    "FileData": {"fileUri": "https://example.com/a.png", "mimeType": "image/png"},
}
BESIDE: Final = {
    "systemInstruction", "tools", "toolConfig", "safetySettings", "cachedContent", "labels", "serviceTier",
    "modelArmorConfig", "store",
}  # fmt: skip
"""Members of google-genai's config that stand beside ``generationConfig`` on the wire."""


def gemini_config(config: Json) -> Json:
    beside = {name: value for name, value in config.items() if name in BESIDE}
    inside = {name: value for name, value in config.items() if name not in BESIDE}
    tools = {"functionDeclarations": [{**FUNCTION, "parameters": SCHEMA}]}
    body = {"contents": gemini_before()[:1], **beside, "tools": [tools, *beside.get("tools", [])]}
    return body | ({"generationConfig": inside} if inside else {})


def gemini_content(content: Json) -> Json:
    return {"contents": [*gemini_before(), content]}


SOURCES: Final[dict[str, tuple[Kind, Source]]] = {
    "messages": (
        "messages",
        Source(
            message_create_params.MessageCreateParamsNonStreaming,
            with_talk("messages", messages_before, [{**FUNCTION, "input_schema": SCHEMA}]),
        ),
    ),
    "chat": (
        "chat",
        Source(
            completion_create_params.CompletionCreateParamsNonStreaming,
            with_talk("messages", chat_before, [{"type": "function", "function": {**FUNCTION, "parameters": SCHEMA}}]),
        ),
    ),
    "responses": (
        "responses",
        Source(
            response_create_params.ResponseCreateParamsNonStreaming,
            with_talk("input", responses_before, [{"type": "function", **FUNCTION, "parameters": SCHEMA}]),
        ),
    ),
    "gemini config": ("gemini", Source(genai.GenerateContentConfig, gemini_config)),
    "gemini tools": ("gemini", Source(genai.Tool, lambda tool: gemini_config({"tools": [tool]}))),
    "gemini content": ("gemini", Source(genai.Content, gemini_content)),
}


# ---- what becomes of them ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Outcome:
    """``body``: empty where the request is refused."""

    body: str
    losses: tuple[Loss, ...]
    refused: str = ""


@lru_cache(100_000)
def _outcome(kind: Kind, body: str, target: Kind) -> Outcome:
    x: Exchange = exchange(kind, model="m")
    x.raw = body.encode()
    x.body = JsonBody.parse(x.raw)
    where = channel("there", target)
    try:
        out = outgoing(x, Attempt(where, where.keys[0], where.base_urls[0], 1), Mapped(MODELS[target]))
    except (BadRequest, UnknownResponse) as bad:
        return Outcome("", (), str(bad) or type(bad).__name__)
    return Outcome(out.body.decode(), out.losses)


def outcome(kind: Kind, body: Json, target: Kind) -> Outcome:
    return _outcome(kind, json.dumps(body, sort_keys=True), target)


def is_told(case: Case, becomes: Callable[[Json], Outcome]) -> bool:
    """Whether each value but one, which is what nobody says means, makes a difference: in the body or in the losses; or
    the field is told as lost with any value; or something around it is lost as a whole, and told; or it is told that only
    the words of what is around it are said."""
    bare = becomes(case.bare)
    same = [value for value in case.values if becomes(value) == bare]
    name = case.path.rpartition(".")[2]
    if len(same) < (2 if len(case.values) > 1 else 1) or any(loss.path.endswith(name) for loss in bare.losses):
        return True
    for out in map(becomes, case.around):
        told = set(bare.losses) - set(out.losses)
        if any(out.body == bare.body or loss.reason.endswith(AS_TEXT) for loss in told):
            return True
    return False


def is_known(root: str, path: str, known: Mapping[str, str]) -> bool:
    """Whether a field is one of those, or below one."""
    names = [root, *re.findall(r"\w+", path)]
    pairs = {f"{a}.{b}" for a, b in itertools.pairwise(names)}
    return any(name in names[1:] or name in pairs for name in known)


@cache
def cases(name: str) -> list[Case]:
    return list(Walk(NEEDED).cases(SOURCES[name][1].hint))


def targets() -> Iterator[tuple[str, Kind]]:
    for name, (kind, _) in SOURCES.items():
        yield from ((name, target) for target in MODELS if target != kind)


@pytest.mark.parametrize(("name", "target"), targets())
def test_every_field_is_carried_or_lost_or_refused(name: str, target: Kind) -> None:
    kind, source = SOURCES[name]
    silent = [
        case.path
        for case in cases(name)
        if not is_known(kind, case.path, HARMLESS)
        and not is_told(case, lambda body: outcome(kind, source.place(body), target))
    ]
    assert silent == []


# ---- answers -----------------------------------------------------------------------------------------------------------
ANSWERS: Final[dict[Kind, Any]] = {
    "messages": Message,
    "chat": ChatCompletion,
    "responses": Response,
    "gemini": genai.GenerateContentResponse,
}
SAID: Final = {"content": {"role": "model", "parts": [{"text": "some words"}]}}
NEEDED_OF_ANSWERS: Final[dict[str, dict[str, Json]]] = {
    **NEEDED,
    "Choice": {"index": 0},
    "ChatCompletionMessage": {"content": "some words"},
    "Response": {"status": "completed"},
    "GenerateContentResponse": {"candidates": [SAID]},
    "Part": {},
    "Candidate": SAID,
}
NOT_TOLD: Final[dict[str, str]] = {
    "CitationsWebSearchResultLocation.cited_text": "the page that it is from is carried",
    "CitationsWebSearchResultLocation.encrypted_index": "only the search that made it can read it",
    "url_citation.start_index": "the page is carried, and the text in which it is cited",
    "url_citation.end_index": "the page is carried, and the text in which it is cited",
    **dict.fromkeys(("id", "type", "role", "object", "index"), "names or places a value"),
    **dict.fromkeys(("model", "modelVersion"), "the client gets the name that it asked for"),
    **dict.fromkeys(("created", "created_at", "completed_at", "createTime"), "when, not what"),
    **dict.fromkeys(("usage", "usageMetadata"), "sums are carried, and the log has them"),
    **dict.fromkeys(("sdkHttpResponse", "automaticFunctionCallingHistory", "parsed"), "the SDK adds it"),
    **dict.fromkeys(("call_id", "tool_use_id"), "ties a result to its call"),
    **dict.fromkeys(("status", "error"), "an answer is complete, or a failure"),
    **dict.fromkeys(
        ("stop_reason", "finish_reason", "finishReason", "incomplete_details"), "is said in the client's words"
    ),
    **dict.fromkeys(("functionCall.partialArgs", "functionCall.willContinue"), "pieces, which are put together"),
    **dict.fromkeys(("audio.data", "audio.expires_at"), "sound is told as a part that an answer cannot hold"),
    **dict.fromkeys(("parts.thought", "parts.thoughtSignature"), "of a text: a part of its own says nothing"),
    "fileData.mimeType": "says what a file is",
    "inlineData.mimeType": "is read from a picture's data",
    "responseId": "names the answer",
    **dict.fromkeys(("cited_text", "encrypted_index"), "stands at the source's address, which is carried"),
    **dict.fromkeys(("start_index", "end_index"), "a source stands at the text that it is for"),
    "execution": "a search in an answer is over, whoever ran it",
    **{
        f"Response.{name}": "repeats the request"
        for name in response_create_params.ResponseCreateParamsNonStreaming.__annotations__
    },
}
"""Members of answers that need not be told -> why."""
MADE_UP: Final = re.compile(r'((?:resp|msg|rs|fc|ctc|chatcmpl|call)[_-])\w{20,}|("created(?:_at)?": ?)\d+')


def said(kind: Kind, body: Json) -> Json:
    """The answer with words before whatever it says."""
    match kind:
        case "messages":
            return {**body, "content": [{"type": "text", "text": HELLO}, *body.get("content", [])]}
        case "responses":
            text = {"type": "output_text", "text": HELLO, "annotations": []}
            return {**body, "output": [{"type": "message", "content": [text]}, *body.get("output", [])]}
        case "gemini":
            return {**body, "candidates": [_said(candidate) for candidate in body.get("candidates", [{}])]}
    return body


def _said(candidate: Json) -> Json:
    parts = candidate.get("content", {}).get("parts", [])
    return {**candidate, "content": {"role": "model", "parts": [{"text": HELLO}, *parts]}}


@lru_cache(100_000)
def _answered(kind: Kind, body: str, client: Kind) -> Outcome:
    x = exchange(client, model="m")
    asked = {"contents": [{"parts": [{"text": "hi"}]}]} if client == "gemini" else {"messages": [], "input": "hi"}
    x.body = JsonBody.parse(json.dumps(asked).encode())
    ended, answer = judge(x, channel("there", kind), body.encode())
    if ended.kind != "ok":
        return Outcome("", (), ended.kind)
    return Outcome(MADE_UP.sub(r"\1\2", answer.decode()), tuple(x.losses))


def answered(kind: Kind, body: Json, client: Kind) -> Outcome:
    return _answered(kind, json.dumps(said(kind, body), sort_keys=True), client)


@pytest.mark.parametrize(
    ("kind", "client"), [(kind, client) for kind in ANSWERS for client in ANSWERS if kind != client]
)
def test_every_field_of_an_answer_is_carried_or_lost(kind: Kind, client: Kind) -> None:
    silent = [
        case.path
        for case in Walk(NEEDED_OF_ANSWERS).cases(ANSWERS[kind])
        if not is_known(ANSWERS[kind].__name__, case.path, NOT_TOLD)
        and not is_told(case, lambda body: answered(kind, body, client))
    ]
    assert silent == []


@pytest.mark.parametrize("kind", ANSWERS)
def test_streams_lose_what_answers_lose(kind: Kind) -> None:
    for case in Walk(NEEDED_OF_ANSWERS).cases(ANSWERS[kind]):
        answer = TEXT_PROTOCOLS[kind].decode_response(case.values[0])
        if isinstance(answer, Fault):
            continue
        stream = OfStream("images")
        for event in explode(answer):
            stream.see(event)
        assert set(stream.losses()) == set(of_answer(answer, "images")), case.path
