from typing import Any

import pytest
from google.genai import types

from ccx_addons.core.neutral import (
    Fault,
    Media,
    Opaque,
    Part,
    Refusal,
    Response,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from ccx_addons.protocols.gemini import answer_fault, decode_response, encode_response
from tests.protocols.gemini.values import OLD, PRO, ask

PLACEHOLDER = {"thoughtSignature": "skip_thought_signature_validator"}


def candidate(*parts: Any, reason: str | None = "STOP") -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": reason}]}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(candidate({"text": "a"}), id="text"),
        pytest.param(candidate({"functionCall": {"name": "f"}}), id="call"),
        pytest.param(candidate({"text": "", "thoughtSignature": "c2ln"}), id="a signature"),
        pytest.param(candidate(reason="MAX_TOKENS"), id="cut before a word"),
        pytest.param({"promptFeedback": {"blockReason": "SAFETY"}}, id="blocked"),
        pytest.param({"prompt_feedback": {"blockReason": "SAFETY"}}, id="blocked in snake case"),
        pytest.param({"totalTokens": 3}, id="a count"),
        pytest.param({"embedding": {"values": []}}, id="an embedding"),
        pytest.param({"embeddings": []}, id="embeddings"),
    ],
)
def test_answers(body: dict[str, Any]) -> None:
    assert answer_fault(body) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"error": {"code": 500, "message": "oops"}}, "oops", id="an error"),
        pytest.param({"error": "oops"}, "oops", id="a relay's error"),
        pytest.param(candidate(), "the answer has no content", id="no parts"),
        pytest.param(candidate({"text": " "}), "the answer has no content", id="blank"),
        pytest.param({"candidates": []}, "the answer has no content", id="no candidate"),
        pytest.param([1], "the answer has no content", id="no object"),
        pytest.param(None, "the answer has no content", id="nothing"),
    ],
)
def test_no_answers(body: Any, message: str) -> None:
    fault = answer_fault(body)
    assert fault and fault.message == message
    assert decode_response(body) == fault


def test_a_call_that_the_model_could_not_write_is_no_answer() -> None:
    found = decode_response(candidate(reason="MALFORMED_FUNCTION_CALL"))
    assert isinstance(found, Fault) and "MALFORMED_FUNCTION_CALL" in found.message


def test_decode_response() -> None:
    body = candidate({"text": "a"}) | {
        "modelVersion": "gemini-x",
        "responseId": "r",
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2},
    }
    assert decode_response(body) == Response("r", "gemini-x", (Text("a"),), "end", Usage(1, 2))


def written(*parts: Part, stop: Stop = "end", model: str = OLD, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    body, losses = encode_response(Response("r", "upstream", parts, stop), ask(model, **fields))
    types.GenerateContentResponse.model_validate(body)
    return body, [loss.path for loss in losses]


CALL = {"functionCall": {"id": "c", "name": "f", "args": {}}}
MARKED = "Y2N4LW1lc3NhZ2VzOnM="


@pytest.mark.parametrize(
    ("parts", "wire", "lost"),
    [
        pytest.param([], [{"text": ""}], [], id="nothing"),
        pytest.param([Text("a"), Text(""), Refusal("no")], [{"text": "a"}, {"text": "no"}], [], id="texts"),
        pytest.param([Text("a"), Text("b", apart=True)], [{"text": "a"}, {"text": "\n\nb"}], [], id="two messages"),
        pytest.param([Thinking("t", "s", "messages"), Text("a")], [{"text": "t", "thought": True}, {"text": "", "thought": True, "thoughtSignature": MARKED}, {"text": "a"}], [], id="another's thought"),
        pytest.param([Thinking("t", "c2ln", "gemini"), Text("a")], [{"text": "t", "thought": True}, {"text": "", "thought": True, "thoughtSignature": "c2ln"}, {"text": "a"}], [], id="its own thought"),
        pytest.param([Thinking("t", "c2ln", "gemini"), ToolCall("c", "f", "{}")], [{"text": "t", "thought": True}, {**CALL, "thoughtSignature": "c2ln"}], [], id="a signature for a call"),
        pytest.param([Thinking("t", "c2ln", "gemini")], [{"text": "t", "thought": True}, {"text": "", "thought": True, "thoughtSignature": "c2ln"}], [], id="a signature at the end"),
        pytest.param([Thinking("", None, "chat")], [{"text": ""}], [], id="an empty thought"),
        pytest.param([ToolCall("c", "f", "[")], [{"functionCall": {"id": "c", "name": "f", "args": {"raw_arguments": "["}}}], ["content[0]"], id="arguments that are no object"),
        pytest.param([Media("image/png", data="aGk=")], [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}], [], id="a picture"),
        pytest.param([Media("image/gif", data="aGk=")], [{"text": ""}], ["content[0]"], id="a picture it has no word for"),
        pytest.param([Opaque("gemini", {"executableCode": {"code": "1", "language": "PYTHON"}})], [{"executableCode": {"code": "1", "language": "PYTHON"}}], [], id="Google's own"),
        pytest.param([Opaque("messages", {}), ToolResult("c", ())], [{"text": ""}], ["content[0]", "content[1]"], id="another's own"),
    ],
)  # fmt: skip
def test_parts(parts: list[Part], wire: list[dict[str, Any]], lost: list[str]) -> None:
    body, losses = written(*parts)
    assert (body["candidates"][0]["content"], losses) == ({"parts": wire, "role": "model"}, lost)


def test_the_first_call_may_go_to_a_model_that_wants_a_signature() -> None:
    calls = (ToolCall("c", "f", "{}"), ToolCall("c", "f", "{}"))
    assert written(*calls, model=PRO)[0]["candidates"][0]["content"]["parts"] == [{**CALL, **PLACEHOLDER}, CALL]
    assert written(*calls, model=OLD)[0]["candidates"][0]["content"]["parts"] == [CALL, CALL]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("end", "STOP"),
        ("tool_call", "STOP"),
        ("length", "MAX_TOKENS"),
        ("refusal", "SAFETY"),
        ("error", "MALFORMED_RESPONSE"),
    ],
)
def test_stops(stop: Stop, reason: str) -> None:
    body, lost = written(Text("a"), stop=stop)
    assert (body["candidates"][0]["finishReason"], lost) == (reason, [])


def test_the_client_sees_its_own_names() -> None:
    body, _ = written(ToolCall("c", "g_h", "{}"), tools=(Tool("g h"),), model="my-model")
    assert body["candidates"][0]["content"]["parts"][0]["functionCall"]["name"] == "g h"
    assert (body["modelVersion"], body["responseId"]) == ("my-model", "r")


def test_an_answer_without_id_gets_one() -> None:
    first, _ = encode_response(Response("", "m", (), "end"), ask())
    second, _ = encode_response(Response("", "m", (), "end"), ask())
    assert first["responseId"] and first["responseId"] != second["responseId"]
    assert first["usageMetadata"]["totalTokenCount"] == 0
