from typing import Any

import pytest

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import (
    NO_EXTRA,
    Media,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from ccx_addons.protocols.gemini import decode_request
from ccx_addons.protocols.gemini.requests import CallIds

HI = [{"role": "user", "parts": [{"text": "hi"}]}]


def decoded(**body: Any) -> Request:
    return decode_request({"contents": HI, **body}, "m", False)


def parts_of(*parts: Any, role: str = "model") -> tuple[Part, ...]:
    """The parts of one content."""
    return decoded(contents=[{"role": role, "parts": list(parts)}]).messages[0].parts


def test_everything() -> None:
    body = {
        "contents": HI,
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "safetySettings": [{"category": "x"}],
        "cachedContent": "cachedContents/x",
        "labels": None,
        "serviceTier": "FLEX",
        "generationConfig": {
            "temperature": 1, "topP": 0.95, "topK": 64, "maxOutputTokens": 9, "stopSequences": ["a"], "seed": 3,
            "presencePenalty": 0.5, "frequencyPenalty": -0.5, "candidateCount": 1, "responseLogprobs": True,
            "thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": True, "more": 1},
        },
    }  # fmt: skip
    request = decode_request(body, "gemini-x", True)
    assert (request.model, request.stream) == ("gemini-x", True)
    assert (request.temperature, request.top_p, request.top_k, request.max_tokens) == (1, 0.95, 64, 9)
    assert (request.stop, request.seed, request.presence_penalty, request.frequency_penalty) == (("a",), 3, 0.5, -0.5)
    assert (request.system, request.messages) == ((Text("be brief"),), (Message("user", (Text("hi"),)),))
    assert request.reasoning == Reasoning(None, "high", None, "auto")
    assert request.service_tier == "flex"
    assert request.tool_choice and request.tool_choice.mode == "any" and len(request.tools) == 1
    config = {"responseLogprobs": True, "thinkingConfig": {"more": 1}}
    kept = {"safetySettings": [{"category": "x"}], "cachedContent": "cachedContents/x", "generationConfig": config}
    assert request.extra == {"gemini": kept}


def test_snake_case_says_the_same() -> None:
    body = {
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "aGk="}}, {"function_call": {"name": "f", "args": {"a_b": 1}}}]}],
        "system_instruction": {"parts": [{"text": "s"}]},
        "generation_config": {"max_output_tokens": 5, "thinking_config": {"thinking_budget": 8}, "response_mime_type": "application/json"},
    }  # fmt: skip
    request = decode_request(body, "m", False)
    image, call = request.messages[0].parts
    assert image == Media("image/png", data="aGk=")
    assert isinstance(call, ToolCall) and call.arguments == '{"a_b":1}'
    assert (request.system, request.max_tokens, request.output) == ((Text("s"),), 5, OutputFormat("json"))
    assert request.reasoning == Reasoning(budget=8)


@pytest.mark.parametrize(
    ("system", "parts"),
    [
        (None, ()), ("", ()), ("s", (Text("s"),)), ({"text": "s"}, (Text("s"),)), ({"parts": {"text": "s"}}, (Text("s"),)),
        ({"role": "system", "parts": [{"text": "a"}, {"text": ""}, {"text": "b"}]}, (Text("a"), Text("b"))),
    ],
)  # fmt: skip
def test_system(system: Any, parts: tuple[Part, ...]) -> None:
    assert decoded(systemInstruction=system).system == parts


@pytest.mark.parametrize(
    ("contents", "messages"),
    [
        pytest.param("hi", (Message("user", (Text("hi"),)),), id="text alone"),
        pytest.param({"parts": {"text": "hi"}}, (Message("user", (Text("hi"),)),), id="one in place of many"),
        pytest.param([{"role": "USER", "parts": []}], (Message("user", ()),), id="role in capitals"),
        pytest.param([{"role": "model"}], (Message("assistant", ()),), id="no parts"),
        pytest.param([{"role": "system", "parts": [{"text": "s"}]}], (Message("system", (Text("s"),)),), id="system"),
        pytest.param([{"role": "user", "x": 1}], (Message("user", (), {"gemini": {"x": 1}}),), id="more"),
        pytest.param([], (), id="none"),
    ],
)
def test_contents(contents: Any, messages: tuple[Message, ...]) -> None:
    assert decoded(contents=contents).messages == messages


SIGNED = {"gemini": {"thoughtSignature": "c2ln"}}


@pytest.mark.parametrize(
    ("wire", "part"),
    [
        pytest.param({"text": "a"}, Text("a"), id="text"),
        pytest.param({"text": "a", "thought": False}, Text("a"), id="no thought"),
        pytest.param({"text": "a", "thoughtSignature": "c2ln"}, Text("a", SIGNED), id="signed text"),
        pytest.param({"text": "a", "partMetadata": {"b": 1}}, Text("a", {"gemini": {"partMetadata": {"b": 1}}}), id="side-car"),
        pytest.param({"text": "a", "thought": True}, Thinking("a", None, "gemini"), id="thought"),
        pytest.param({"text": "", "thought": True, "thoughtSignature": "c2ln"}, Thinking("", "c2ln", "gemini", True), id="only a signature"),
        pytest.param({"functionCall": {"name": "f", "id": "c"}, "thoughtSignature": "c2ln"}, ToolCall("c", "f", "{}", SIGNED), id="signed call"),
        pytest.param({"functionCall": {"name": "f", "id": "c"}, "thoughtSignature": "skip_thought_signature_validator"}, ToolCall("c", "f", "{}"), id="call with a placeholder"),
        pytest.param({"functionCall": {"name": "f", "id": "c"}, "thoughtSignature": "Y2N4LW1lc3NhZ2VzOng="}, ToolCall("c", "f", "{}"), id="call with another's signature"),
        pytest.param({"fileData": {"fileUri": "https://x.test/a", "mimeType": "image/png"}, "text": None}, Media("image/png", url="https://x.test/a"), id="file"),
        pytest.param({"executableCode": {"code": "1"}}, Opaque("gemini", {"executableCode": {"code": "1"}}), id="Google's own"),
    ],
)  # fmt: skip
def test_parts(wire: dict[str, Any], part: Part) -> None:
    assert parts_of(wire) == (part,)


@pytest.mark.parametrize(
    "wire",
    [{}, {"text": ""}, {"text": "", "thought": True}, {"functionCall": None}, {"text": "", "thoughtSignature": "c2ln"}],
)
def test_empty_parts_are_dropped(wire: dict[str, Any]) -> None:
    assert parts_of(wire) == ()


def test_texts_of_a_streamed_turn_are_one() -> None:
    assert parts_of({"text": "a"}, {"text": "b", "thoughtSignature": "c2ln"}, {"text": "c"}) == (
        Text("ab", SIGNED),
        Text("c"),
    )
    assert parts_of({"text": "a"}, {"text": "b"}, role="user") == (Text("a"), Text("b"))


# ---- calls and results -----------------------------------------------------------------------------------------------
def call(name: str, id_: str = "") -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {}, **({"id": id_} if id_ else {})}}


def result(name: str, text: str, id_: str = "") -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": {"result": text}, **({"id": id_} if id_ else {})}}


def pairs(*contents: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """(name, texts of its results) of each call, by the ids that decoding gave."""
    found = [{"role": "model" if "functionCall" in parts[0] else "user", "parts": parts} for parts in contents]
    parts = [part for message in decoded(contents=found).messages for part in message.parts]
    calls = [part for part in parts if isinstance(part, ToolCall)]
    results = [part for part in parts if isinstance(part, ToolResult)]
    assert len({call.id for call in calls}) == len(calls)
    for answer in results:
        assert all(answer.name == call.name for call in calls if call.id == answer.id)
    return [
        (call.name, [t.text for r in results if r.id == call.id for t in r.parts if isinstance(t, Text)])
        for call in calls
    ]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        pytest.param([[call("f"), call("f")], [result("f", "1"), result("f", "2")]], [("f", ["1"]), ("f", ["2"])], id="parallel, by order"),
        pytest.param([[call("f"), call("g")], [result("g", "1"), result("f", "2")]], [("f", ["2"]), ("g", ["1"])], id="by name"),
        pytest.param([[call("f", "a"), call("f", "b")], [result("f", "1", "b"), result("f", "2", "a")]], [("f", ["2"]), ("f", ["1"])], id="by id"),
        pytest.param([[call("f", "f"), call("f", "f")], [result("f", "1", "f"), result("f", "2", "f")]], [("f", ["1"]), ("f", ["2"])], id="the same id twice"),
        pytest.param([[call("f", "a")], [result("f", "1")]], [("f", ["1"])], id="an id that does not come back"),
        pytest.param([[call("f")], [result("f", "1", "x")]], [("f", ["1"])], id="an id that nobody gave"),
        pytest.param([[call("f", "a")], [result("g", "1", "a")]], [("f", ["1"])], id="the id counts more than the name"),
        pytest.param([[call("f")], [result("f", "1")], [call("f")], [result("f", "2")]], [("f", ["1"]), ("f", ["2"])], id="turn by turn"),
        pytest.param([[call("f"), call("f")], [result("f", "1")], [call("f")], [result("f", "2")]], [("f", ["1"]), ("f", []), ("f", ["2"])], id="an old call without a result"),
        pytest.param([[call("f")], [result("g", "1")]], [("f", [])], id="a result without a call"),
    ],
)  # fmt: skip
def test_results_find_their_calls(contents: list[list[dict[str, Any]]], expected: list[tuple[str, list[str]]]) -> None:
    assert pairs(*contents) == expected


@pytest.mark.parametrize(
    ("calls", "results", "kept"),
    [
        (["a", "b"], [("1", "a"), ("2", "b"), ("1", "a"), ("2", "b")], 2),
        (["a", "b"], [("1", "a"), ("1", "b")], 2),
        (["a", "a"], [("1", "a"), ("1", "a")], 2),
        (["", ""], [("1", "x"), ("1", "x")], 2),
        (["", ""], [("1", ""), ("1", "")], 2),
        (["a"], [("1", "a"), ("2", "a")], 2),
    ],
    ids=["said twice", "alike", "one id for both", "an id that nobody gave", "no ids", "another result"],
)
def test_a_result_that_is_said_twice_is_one(calls: list[str], results: list[tuple[str, str]], kept: int) -> None:
    """As Gemini CLI 0.61 sends those of a conversation that it resumes."""
    said = [call("f", id_) for id_ in calls], [result("f", text, id_) for text, id_ in results]
    contents = [{"role": role, "parts": parts} for role, parts in zip(("model", "user"), said, strict=True)]
    assert len(decoded(contents=contents).messages[1].parts) == kept


def test_ids_are_the_same_on_the_next_turn() -> None:
    history = [[call("f"), call("g")], [result("f", "1"), result("g", "2")], [call("f")]]
    ids = []
    for length in (1, 3):
        contents = [{"role": "model", "parts": parts} for parts in history[:length]]
        parts = [part for message in decoded(contents=contents).messages for part in message.parts]
        ids.append([part.id for part in parts if isinstance(part, ToolCall)])
    assert ids[1][:2] == ids[0] and len(set(ids[1])) == 3


def test_an_orphan_has_an_id_of_its_own() -> None:
    ids = CallIds()
    assert ids.call("result_1", "f") == "result_1"
    assert ids.result("", "g") == ("result_1_1", "g")
    assert ids.result("x", "g") == ("x", "g")
    assert ids.result("", "f") == ("result_1", "f")


# ---- generationConfig ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("thinking", "reasoning"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"thinkingBudget": 0}, Reasoning(False), id="off"),
        pytest.param({"thinkingBudget": -1}, Reasoning(budget=-1), id="dynamic"),
        pytest.param(
            {"thinkingBudget": 512, "includeThoughts": False}, Reasoning(budget=512, summary="none"), id="budget"
        ),
        pytest.param({"thinkingLevel": "MINIMAL"}, Reasoning(effort="minimal"), id="level"),
        pytest.param({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None, id="no level"),
        pytest.param({"includeThoughts": True}, Reasoning(summary="auto"), id="thoughts"),
    ],
)
def test_reasoning(thinking: dict[str, Any], reasoning: Reasoning | None) -> None:
    assert decoded(generationConfig={"thinkingConfig": thinking}).reasoning == reasoning


SCHEMA = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
PLAIN = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("config", "output", "kept"),
    [
        pytest.param({}, None, None, id="nothing"),
        pytest.param({"responseMimeType": "text/plain"}, OutputFormat("text"), None, id="text"),
        pytest.param({"responseMimeType": "application/json"}, OutputFormat("json"), None, id="json"),
        pytest.param({"responseMimeType": "application/json", "responseSchema": SCHEMA}, OutputFormat("json_schema", PLAIN, strict=True), None, id="schema"),
        pytest.param({"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}, OutputFormat("json_schema", PLAIN, strict=True), None, id="json schema in capitals"),
        pytest.param({"responseMimeType": "text/x.enum", "responseSchema": SCHEMA}, None, {"responseMimeType": "text/x.enum", "responseSchema": SCHEMA}, id="enum"),
    ],
)  # fmt: skip
def test_output(config: dict[str, Any], output: OutputFormat | None, kept: dict[str, Any] | None) -> None:
    request = decoded(generationConfig=config)
    assert request.output == output
    assert request.extra == ({"gemini": {"generationConfig": kept}} if kept else NO_EXTRA)


@pytest.mark.parametrize(
    ("tier", "neutral"), [("standard", "default"), ("PRIORITY", "priority"), ("unspecified", None), (3, None)]
)
def test_service_tier(tier: Any, neutral: str | None) -> None:
    assert decoded(serviceTier=tier).service_tier == neutral


# ---- complaints ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"contents": None}, "contents"),
        ({"contents": 3}, "contents"),
        ({"contents": [3]}, "contents[0]"),
        ({"contents": [{"role": "narrator"}]}, "contents[0].role"),
        ({"contents": [{"role": 3}]}, "contents[0].role"),
        ({"contents": [{"parts": "x"}]}, "contents[0].parts"),
        ({"contents": [{"parts": [3]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": 3}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{"functionCall": 3}]}]}, "contents[0].parts[0].functionCall"),
        ({"contents": [{"parts": [{"functionCall": {}}]}]}, "contents[0].parts[0].functionCall.name"),
        ({"contents": [{"parts": [{"functionCall": {"name": "f", "args": 3}}]}]}, "contents[0].parts[0].functionCall.args"),
        ({"contents": [{"parts": [{"functionResponse": {"name": "f", "response": "x"}}]}]}, "contents[0].parts[0].functionResponse.response"),
        ({"contents": [{"parts": [{"inlineData": {}}]}]}, "contents[0].parts[0]"),
        ({"systemInstruction": 3}, "systemInstruction"),
        ({"tools": 3}, "tools"),
        ({"toolConfig": 3}, "toolConfig"),
        ({"generationConfig": []}, "generationConfig"),
        ({"generationConfig": {"candidateCount": 2}}, "generationConfig.candidateCount"),
        ({"generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
        ({"generationConfig": {"maxOutputTokens": 1.5}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"temperature": 10**400}}, "generationConfig.temperature"),
        ({"generationConfig": {"stopSequences": "x"}}, "generationConfig.stopSequences"),
        ({"generationConfig": {"stopSequences": [1]}}, "generationConfig.stopSequences"),
        ({"generationConfig": {"thinkingConfig": 1}}, "generationConfig.thinkingConfig"),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": "x"}}}, "generationConfig.thinkingConfig.thinkingBudget"),
        ({"generationConfig": {"responseMimeType": 1}}, "generationConfig.responseMimeType"),
        ({"generationConfig": {"responseSchema": 1}}, "generationConfig.responseSchema"),
    ],
)  # fmt: skip
def test_bodies_that_cannot_be_understood(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as bad:
        decoded(**body)
    assert bad.value.param == param


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"responseSchema": {"type": "STRING", "enum": ["yes", "no"]}}, '"yes", "no"'),
        ({"responseJsonSchema": {"enum": [1, "é"]}}, '1, "é"'),
        ({"responseSchema": {"type": "STRING"}}, ""),
        ({}, ""),
    ],
)
def test_one_of_some_words_is_asked_for_in_words(config: dict[str, Any], words: str) -> None:
    body = {"contents": "q", "generationConfig": {"responseMimeType": "text/x.enum", **config}}
    system = decode_request(body, "m", False).system
    assert [part.text.rpartition(": ")[2] for part in system if isinstance(part, Text)] == ([words] if words else [])
