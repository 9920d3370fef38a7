"""What holds for every value that this protocol can say."""

import json
from typing import Any

import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import (
    Fault,
    Finished,
    Media,
    Message,
    Opaque,
    OutputFormat,
    Reasoning,
    Refusal,
    Request,
    Response,
    ServerTool,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    explode,
    fold,
)
from ccx_addons.protocols import gemini
from scripts.fake.strict import refusal
from tests.protocols.gemini.values import (
    FLASH,
    OLD,
    PRO,
    RELAY,
    array,
    ask,
    decode_all,
    encode_all,
    frame,
    requests,
    responses,
    wire_chunks,
)
from tests.protocols.values import JSON

FIELDS = st.sampled_from([
    "contents", "parts", "role", "text", "thought", "thoughtSignature", "functionCall", "functionResponse", "inlineData",
    "fileData", "inline_data", "name", "args", "response", "id", "mimeType", "data", "fileUri", "tools", "toolConfig",
    "functionDeclarations", "parameters", "parametersJsonSchema", "type", "properties", "items", "enum", "anyOf", "allOf",
    "$ref", "required", "format", "generationConfig", "thinkingConfig", "thinkingBudget", "thinkingLevel", "googleSearch",
    "responseMimeType", "responseSchema", "stopSequences", "temperature", "systemInstruction", "functionCallingConfig",
    "mode", "allowedFunctionNames", "candidates", "content", "finishReason", "usageMetadata", "promptTokenCount", "error",
    "promptFeedback", "blockReason", "index", "responseId", "serviceTier", "candidateCount", "nullable", "code", "message",
])  # fmt: skip
WORDS = st.sampled_from(
    ["user", "model", "STOP", "SAFETY", "OBJECT", "string", "AUTO", "ANY", "#", "#/properties/a", "c2ln"]
)
WILD = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=24,
)
"""Any JSON, but mostly with the words of this protocol in wrong places."""


@given(requests() | requests(OLD))
def test_a_request_survives_its_wire_form(request: Request) -> None:
    body, losses = gemini.encode_request(request)
    assert losses == []
    assert gemini.decode_request(json.loads(json.dumps(body)), request.model, request.stream) == request


@given(requests() | requests(OLD))
def test_the_real_api_would_take_the_request(request: Request) -> None:
    body, _ = gemini.encode_request(request)
    body.get("generationConfig", {}).pop("presencePenalty", None)
    refused = refusal("gemini", "generate", body, {}, request.model)
    assert refused is None, refused


@given(responses())
def test_an_answer_survives_its_wire_form(response: Response) -> None:
    body, losses = gemini.encode_response(response, ask())
    assert losses == []
    assert gemini.decode_response(body) == response


@given(responses(), st.booleans())
def test_an_answer_survives_its_stream(response: Response, in_array: bool) -> None:
    assert fold(decode_all(encode_all(list(explode(response)), ask(), in_array))) == response


@given(responses(), st.integers(1, 7), st.booleans())
def test_stream_and_json_agree(response: Response, size: int, in_array: bool) -> None:
    answer, _ = gemini.encode_response(response, ask())
    chunks = list(wire_chunks(answer, size))
    stream = array(chunks) if in_array else b"".join(map(frame, chunks))
    assert fold(decode_all(stream)) == gemini.decode_response(answer)


@given(responses(), st.lists(st.integers(0, 4000), max_size=8), st.booleans())
def test_chunk_borders_do_not_matter(response: Response, cuts: list[int], in_array: bool) -> None:
    answer, _ = gemini.encode_response(response, ask())
    chunks = list(wire_chunks(answer))
    stream = array(chunks) if in_array else b"".join(map(frame, chunks))
    assert decode_all(stream, *cuts) == decode_all(stream)


@settings(max_examples=20)
@given(responses(), st.booleans())
def test_single_bytes_do_not_matter(response: Response, in_array: bool) -> None:
    stream = encode_all(list(explode(response)), ask(), in_array)
    assert decode_all(stream, *range(len(stream))) == decode_all(stream)


@given(responses(), st.floats(0, 1, exclude_max=True), st.booleans())
def test_a_cut_stream_fails(response: Response, share: float, in_array: bool) -> None:
    answer, _ = gemini.encode_response(response, ask())
    *chunks, last = wire_chunks(answer)
    if in_array:
        whole = array([*chunks, last])
        whole = whole[: whole.rindex(b'"finishReason"')]
    else:
        whole = b"".join([*map(frame, chunks), frame(last)[:-5]])
    cut = whole if share > 0.9 else whole[: int(len(whole) * share)]
    assert isinstance(fold(decode_all(cut)), Fault)
    assert not any(isinstance(event, Finished) for event in decode_all(cut))


@given(responses(), st.booleans())
def test_the_official_types_take_every_chunk(response: Response, in_array: bool) -> None:
    """google-genai validates each chunk; what it adds up to is what the JSON answer says."""
    data = encode_all(list(explode(response)), ask(), in_array)
    values = json.loads(data) if in_array else [json.loads(line[6:]) for line in data.decode().split("\n\n") if line]
    chunks = [types.GenerateContentResponse.model_validate(value) for value in values]
    answer, _ = gemini.encode_response(response, ask())
    whole = types.GenerateContentResponse.model_validate(answer)
    assert "".join(chunk.text or "" for chunk in chunks) == (whole.text or "")
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    assert calls == (whole.function_calls or [])
    assert chunks[-1].usage_metadata == whole.usage_metadata is not None
    last, only = chunks[-1].candidates, whole.candidates
    assert last and only and last[0].finish_reason == only[0].finish_reason
    assert {chunk.model_version for chunk in chunks} == {PRO}
    assert {chunk.response_id for chunk in chunks} == {whole.response_id}


@given(requests() | requests(OLD))
def test_the_official_types_take_every_request(request: Request) -> None:
    body, _ = gemini.encode_request(request)
    for content in body["contents"]:
        types.Content.model_validate(content)
    for tool in body["tools"]:
        types.Tool.model_validate(tool)
    types.GenerationConfig.model_validate(body.get("generationConfig", {}))
    types.ToolConfig.model_validate(body.get("toolConfig", {}))


@given(st.binary(max_size=300))
def test_any_bytes_decode(data: bytes) -> None:
    assert isinstance(fold(decode_all(data)), Fault | Response)
    assert isinstance(fold(decode_all(b"[" + data, 7, 50)), Fault | Response)


@given(st.lists(st.dictionaries(FIELDS, WILD, max_size=6), max_size=8), st.booleans())
def test_any_chunks_decode(values: list[dict[str, Any]], in_array: bool) -> None:
    stream = array(values) if in_array else b"".join(map(frame, values))
    encode_all(decode_all(stream), ask(), in_array)


@given(WILD)
def test_any_answer_decodes(value: Any) -> None:
    assert isinstance(gemini.decode_response(value), Response | Fault)
    gemini.usage_of(value)
    gemini.answer_fault(value)


@settings(max_examples=500)
@given(st.dictionaries(FIELDS, WILD, max_size=8), st.sampled_from([PRO, OLD, FLASH, RELAY, "gemini-2.0-flash"]))
def test_any_request_decodes_or_is_refused(body: dict[str, Any], model: str) -> None:
    try:
        request = gemini.decode_request(body, model, False)
    except BadRequest as bad:
        assert str(bad)
    else:
        json.dumps(gemini.encode_request(request)[0])


@pytest.mark.parametrize("depth", [100, 300, 600, 900, 5000])
def test_deep_nesting_is_refused_or_read(depth: int) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    declared = {"functionDeclarations": [{"name": "f", "parameters": schema}]}
    try:
        request = gemini.decode_request({"contents": [], "tools": [declared]}, PRO, False)
    except BadRequest as bad:
        assert "deep" in str(bad)
    else:
        gemini.encode_request(request)
    gemini.encode_request(ask(tools=(Tool("f", "", schema),)))


# ---- every neutral value, also what this protocol cannot say ---------------------------------------------------------
FOREIGN = st.one_of(
    st.builds(Text, st.text(max_size=3)),
    st.builds(Refusal, st.text(max_size=3)),
    st.builds(Thinking, st.text(max_size=3), st.none() | st.just("sig"), st.sampled_from(["messages", "chat", ""])),
    st.builds(
        ToolCall,
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["f", "g h", "ü"]),
        st.sampled_from(["", "{}", "[1]", "{"]),
    ),
    st.builds(
        lambda id_, text, error: ToolResult(id_, (Text(text), Media("image/gif", data="aGk=")), error),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["", "{}", '{"error":1}', "x"]),
        st.booleans(),
    ),
    st.builds(Media, st.sampled_from(["", "image/*", "image/png", "x/y", "audio/wav"]), st.just("aGk=")),
    st.just(Opaque("messages", {"type": "x"})),
    st.just(Media("image/png", url="data:image/png;base64,aGk=")),
)
SCHEMAS = WILD.filter(lambda value: isinstance(value, dict)) | st.dictionaries(FIELDS, WILD, max_size=5)


@settings(max_examples=300)
@given(
    st.lists(
        st.builds(Message, st.sampled_from(["user", "assistant", "system"]), st.lists(FOREIGN, max_size=4).map(tuple)),
        max_size=6,
    ),
    st.lists(st.sampled_from(["f", "g h", "g_h", "ü"]), max_size=4),
    SCHEMAS,
    st.sampled_from([None, ToolChoice("auto", ("f",)), ToolChoice("any", ("g h", "x")), ToolChoice("none")]),
    st.sampled_from([PRO, FLASH, OLD, "gemini-2.0-flash", RELAY, "gemini-4-argon", "gemini-3-flash-preview"]),
    st.sampled_from([None, Reasoning(True), Reasoning(False), Reasoning(effort="max"), Reasoning(budget=200)]),
)
def test_the_real_api_would_take_any_request(
    messages: list[Message],
    names: list[str],
    schema: dict[str, Any],
    choice: ToolChoice | None,
    model: str,
    reasoning: Reasoning | None,
) -> None:
    """Whatever came from another protocol's client."""
    tools: tuple[Tool | ServerTool, ...] = (
        *(Tool(name, "", schema) for name in dict.fromkeys(names)),
        ServerTool("web_search", "chat", {}),
    )
    request = Request(
        model, tuple(messages), tools=tools, tool_choice=choice, reasoning=reasoning,
        output=OutputFormat("json_schema", schema), temperature=3.0, stop=("",) * 3 + ("a",) * 9, seed=1 << 40,
    )  # fmt: skip
    body, _ = gemini.encode_request(request)
    json.dumps(body)
    # The checker knows no Gemini 4; it is like 3.
    refused = refusal("gemini", "generate", body, {}, model.replace("gemini-4", "gemini-3.9"))
    assert refused is None, refused
