"""What a Gemini client keeps and sends back: thoughts of other protocols, pictures, results in any order."""

import base64
import json
from typing import Any

import pytest

from ccx_addons.core.neutral import (
    Media,
    Message,
    Part,
    Request,
    Response,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    explode,
)
from ccx_addons.protocols import gemini

ASKED = Request("gemini-2.5-pro", (Message("user", (Text("hi"),)),))


def back(parts: list[dict[str, Any]], role: str = "model") -> tuple[Part, ...]:
    """The parts of a content in a client's request."""
    return gemini.decode_request({"contents": [{"role": role, "parts": parts}]}, "m", False).messages[0].parts


def through_client(response: Response, stream: bool) -> list[dict[str, Any]]:
    """The parts that a client has of an answer."""
    if not stream:
        return list(gemini.encode_response(response, ASKED)[0]["candidates"][0]["content"]["parts"])
    encoder = gemini.encoder(ASKED)
    chunks = b"".join(encoder.encode(event) for event in explode(response)).decode().split("\n\n")
    found = []
    for chunk in filter(None, chunks):
        body = json.loads(chunk.removeprefix("data: "))
        found += body["candidates"][0]["content"]["parts"]
    return found


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("url_safe", [False, True], ids=["standard", "url-safe"])
@pytest.mark.parametrize(
    "thought",
    [
        pytest.param(Thinking("let me think", "sig_a/b+c==", "messages"), id="messages"),
        pytest.param(Thinking("", "data>>>???", "messages", True), id="redacted"),
        pytest.param(Thinking("hm", "reasoning_content", "chat"), id="chat"),
        pytest.param(Thinking("hm", "c2ln", "gemini"), id="its own"),
        pytest.param(Thinking("hm", origin="gemini"), id="unsigned"),
    ],
)
def test_thoughts_find_their_way_back(thought: Thinking, stream: bool, url_safe: bool) -> None:
    """The Python SDK sends signatures back in the URL-safe alphabet."""
    response = Response("r", "m", (thought, Text("done")), "end")
    parts = [part for part in through_client(response, stream) if part != {"text": ""}]
    for part in parts:
        if url_safe and "thoughtSignature" in part:
            part["thoughtSignature"] = part["thoughtSignature"].translate(str.maketrans("+/", "-_"))
    assert back(parts) == (thought, Text("done"))


def test_thoughts_in_pieces_are_one() -> None:
    pieces = [{"text": "let ", "thought": True}, {"text": "me", "thought": True, "thoughtSignature": "c2ln"}]
    other = {"text": "more", "thought": True}
    assert back([*pieces, other, {"text": "x"}]) == (
        Thinking("let me", "c2ln", "gemini"),
        Thinking("more", None, "gemini"),
        Text("x"),
    )


@pytest.mark.parametrize(
    "signature", ["c2ln", "not base64!", base64.b64encode(b"ccx:").decode(), base64.b64encode(b"\xff\xfe").decode()]
)
def test_other_signatures_stay(signature: str) -> None:
    part = {"text": "a", "thought": True, "thoughtSignature": signature}
    assert back([part]) == (Thinking("a", signature, "gemini"),)


def test_url_safe_data_is_standard_for_everyone_else() -> None:
    part = {"inline_data": {"data": "-_-_", "mime_type": "image/png"}}
    assert back([part], "user") == (Media("image/png", data="+/+/"),)


CALLS = Message("assistant", (ToolCall("a", "look", "{}"), ToolCall("b", "look", "{}"), ToolCall("c", "find", "{}")))
PICTURE = Media("image/png", data="aGk=")


def results(*parts: Part, model: str = "gemini-2.5-pro") -> list[dict[str, Any]]:
    request = Request(model, (Message("user", (Text("hi"),)), CALLS, Message("user", parts)))
    return list(gemini.encode_request(request)[0]["contents"][-1]["parts"])


def test_results_stand_as_their_calls() -> None:
    c, b, a = (ToolResult(id, (Text(id),)) for id in "cba")
    parts = results(Text("so?"), c, b, a)
    assert [part.get("functionResponse", {}).get("id") for part in parts] == ["a", "b", "c", None]
    assert parts[-1] == {"text": "so?"}


@pytest.mark.parametrize(("model", "inside"), [("gemini-2.5-pro", False), ("gemini-3-pro", True)])
def test_pictures_of_results(model: str, inside: bool) -> None:
    parts = results(ToolResult("a", (PICTURE,)), ToolResult("b", ()), ToolResult("c", ()), model=model)
    picture = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    assert parts[0]["functionResponse"].get("parts") == ([picture] if inside else None)
    assert parts[3:] == ([] if inside else [picture])
