"""What only one protocol understands reaches the others in words: in histories, results, answers and streams."""

import json
from typing import Any

import pytest

from ccx_addons.core.neutral import (
    Event,
    Fault,
    Json,
    Loss,
    Media,
    Message,
    Opaque,
    Part,
    PartStarted,
    Request,
    Response,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    explode,
    fold,
)
from ccx_addons.core.words import said, spoken, told
from ccx_addons.protocols import TEXT_PROTOCOLS

SEARCH_RESULT = {
    "type": "search_result", "source": "https://example.com/a", "title": "Guide",
    "content": [{"type": "text", "text": "secret words"}],
}  # fmt: skip
DOCUMENT = {"type": "document", "title": "T", "source": {"type": "content", "content": "secret words"}}
SCREEN = {
    "type": "computer_call_output", "call_id": "c",
    "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,aGk="},
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(
            {"type": "mcp_approval_response", "approval_request_id": "a", "approve": False, "reason": "too much"},
            "not approved\ntoo much", id="a call that was not allowed",
        ),
        pytest.param({"type": "mcp_approval_response", "approve": True}, "approved", id="a call that was allowed"),
        pytest.param(SEARCH_RESULT, "https://example.com/a\nGuide\nsecret words", id="search result"),
        pytest.param({"type": "tool_reference", "tool_name": "mcp__a"}, "mcp__a", id="reference to a tool"),
        pytest.param(DOCUMENT, "T\nsecret words", id="document with content"),
        pytest.param(
            {"type": "web_fetch_tool_result", "content": {"url": "https://example.com", "content": {
                "type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "page"}}}},
            "https://example.com\npage", id="fetched page",
        ),
        pytest.param(
            {"executableCode": {"language": "PYTHON", "code": "print(1)"}}, "```python\nprint(1)\n```", id="Gemini's code"
        ),
        pytest.param({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n"}}, "42", id="what it printed"),
        pytest.param(
            {"type": "bash_code_execution_tool_result", "content": {"stdout": "42\n", "stderr": "", "return_code": 0}},
            "42", id="Claude's code",
        ),
        pytest.param(
            {"type": "code_interpreter_call", "code": "1", "outputs": [{"type": "logs", "logs": "x"}]},
            "```\n1\n```\nx", id="OpenAI's code",
        ),
        pytest.param(
            {"type": "mcp_call", "server_label": "s", "name": "f", "arguments": '{"a":1}', "output": "o"},
            's\nf\n{"a":1}\no', id="a call to an MCP server",
        ),
        pytest.param(
            {"type": "mcp_tool_result", "tool_use_id": "m", "content": [{"type": "text", "text": "o"}]}, "o", id="its result"
        ),
        pytest.param(
            {"type": "computer_call", "action": {"type": "click", "x": 1}}, '{"type":"click","x":1}', id="an action"
        ),
        pytest.param({"type": "new_block", "deep": {"deeper": [{"text": "new"}]}}, "new", id="what nobody knows"),
        pytest.param(
            {"type": "x", "encrypted_content": "E", "signature": "S", "data": "aGk=", "id": "i", "file_id": "f", "text": " "},
            "", id="no words",
        ),
        pytest.param({"type": "x", "result": "iVBORw0KGgo" * 50, "text": "a" * 300}, "a" * 300, id="data are no words"),
    ],
)  # fmt: skip
def test_words(value: Json, words: str) -> None:
    assert spoken(Opaque("x", value)) == ((Text(words, apart=True),) if words else ())


@pytest.mark.parametrize(
    ("value", "picture"),
    [
        (SCREEN, Media("image/png", data="aGk=")),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}, Media("image/png", data="aGk=")),
        ({"type": "image", "data": "aGk=", "mimeType": "image/png"}, Media("image/png", data="aGk=")),
        ({"type": "image", "url": "https://example.com/a"}, Media("image/*", url="https://example.com/a")),
    ],
)  # fmt: skip
def test_pictures(value: Json, picture: Media) -> None:
    assert spoken(Opaque("x", {"type": "result", "content": [value]})) == (picture,)


def test_nothing_is_too_deep() -> None:
    value: Json = "x"
    for _ in range(100_000):
        value = {"content": value}
    assert spoken(Opaque("x", value)) == ()


def test_its_own_protocol_gets_the_block() -> None:
    losses: list[Loss] = []
    part = Opaque("chat", {"text": "a"})
    assert said(part, "chat", "p", losses) == told(part, "chat", "p", losses) == (part,)
    assert said(Text("a"), "chat", "p", losses) == (Text("a"),) and losses == []


def test_work_behind_an_answer_is_told_as_a_thought() -> None:
    losses: list[Loss] = []
    call = Opaque("messages", {"type": "server_tool_use", "name": "web_search", "input": {"query": "q"}})
    assert told(call, "chat", "p", losses) == (Thinking('web_search\n{"query":"q"}'),)
    assert said(call, "chat", "p", losses) == ()
    code = Opaque("messages", {"type": "server_tool_use", "name": "code_execution", "input": {"code": "1"}})
    assert [type(part) for part in told(code, "chat", "p", losses)] == [Text]
    question = Opaque("responses", {"type": "mcp_approval_request", "name": "f", "arguments": "{}"})
    assert [type(part) for part in told(question, "chat", "p", losses)] == [Text]
    assert [loss.path for loss in losses] == ["p", "p", "p", "p"]


@pytest.mark.parametrize("kind", ["GOOGLE_SEARCH_WEB", "GOOGLE_MAPS", "URL_CONTEXT", "FILE_SEARCH", "MEDIA_PROCESSING"])
def test_geminis_own_tools_are_no_words_of_the_answer(kind: str) -> None:
    """They come beside every answer of a model that has functions and tools of its own."""
    losses: list[Loss] = []
    for name in ("toolCall", "toolResponse"):
        part = Opaque("gemini", {name: {"id": "t", "toolType": kind, "args": {"queries": ["q"]}}})
        assert {type(each) for each in told(part, "chat", "p", losses)} == {Thinking}
        assert (said(part, "chat", "p", losses) == ()) is kind.startswith("GOOGLE_SEARCH")


# ---- in every protocol -----------------------------------------------------------------------------------------------
KINDS = list(TEXT_PROTOCOLS)
PAIRS = [(home, target) for home in KINDS for target in KINDS if home != target]
CALL = ToolCall("c", "f", "{}")


def asked(*messages: Message) -> Request:
    return Request("m", (Message("user", (Text("q"),)), *messages))


@pytest.mark.parametrize(("home", "target"), PAIRS)
@pytest.mark.parametrize("place", ["user", "assistant", "result", "system"])
def test_a_request_says_them_once(home: Any, target: Any, place: str) -> None:
    part = Opaque(home, SEARCH_RESULT)
    if place == "result":
        request = asked(Message("assistant", (CALL,)), Message("user", (ToolResult("c", (part,)),)))
    else:
        request = asked(Message(place, (Text("before"), part, Text("after"))), Message("user", (Text("more"),)))  # type: ignore[arg-type]
    body, losses = TEXT_PROTOCOLS[target].encode_request(request)
    assert json.dumps(body).count("secret words") == 1
    assert len([loss for loss in losses if "its words are said" in loss.reason]) == 1


@pytest.mark.parametrize("target", [kind for kind in KINDS if kind != "responses"])
def test_a_screen_is_shown_to_the_model(target: Any) -> None:
    result = ToolResult("c", (Opaque("responses", SCREEN),))
    body, _ = TEXT_PROTOCOLS[target].encode_request(asked(Message("assistant", (CALL,)), Message("user", (result,))))
    assert json.dumps(body).count("aGk=") == 1


@pytest.mark.parametrize("target", KINDS)
def test_the_user_shows_an_assistants_pictures_to_whom_it_may_not(target: Any) -> None:
    part = Opaque("other", {"type": "x", "text": "seen", "image_url": "data:image/png;base64,aGk="})
    body, losses = TEXT_PROTOCOLS[target].encode_request(
        asked(Message("assistant", (part,)), Message("user", (Text("q"),)))
    )
    assert json.dumps(body).count("aGk=") == 1
    assert ("A picture that the assistant made:" in json.dumps(body)) == (target != "gemini")
    assert losses


def test_a_picture_that_was_made_is_no_text() -> None:
    item = {"type": "image_generation_call", "result": "aGk=", "output_format": "webp", "revised_prompt": "a cat"}
    assert spoken(Opaque("responses", item)) == (Media("image/webp", data="aGk="),)


def answers(home: Any) -> list[tuple[Part, ...]]:
    code = Opaque(home, {"type": "code", "code": "print(6*7)", "output": "42"})
    return [(code,), (Text("before"), code, Text("after")), (code, CALL), (Thinking("hm"), code, code)]


@pytest.mark.parametrize(("home", "target"), PAIRS)
@pytest.mark.parametrize("n", range(4))
def test_an_answer_says_them_and_so_does_its_stream(home: Any, target: Any, n: int) -> None:
    client = TEXT_PROTOCOLS[target]
    response = Response("r", "m", answers(home)[n], "tool_call" if n == 2 else "end", created=1)
    body, losses = client.encode_response(response, asked())
    encoder = client.encoder(asked())
    stream = b"".join(encoder.encode(event) for event in explode(response))
    decoder = client.decoder()
    events: list[Event] = [*decoder.feed(stream), *decoder.flush()]
    whole, folded = client.decode_response(body), fold(events)
    assert not isinstance(whole, Fault) and not isinstance(folded, Fault)
    assert [text_of(part) for part in folded.parts if text_of(part)] == [text_of(p) for p in whole.parts if text_of(p)]
    joined = "".join(map(text_of, whole.parts))
    assert joined.count("42") == response.parts.count(answers(home)[0][0])
    assert encoder.losses == losses and losses
    if n == 1 and target in ("chat", "gemini"):
        assert joined == "before\n\n```\nprint(6*7)\n```\n42\n\nafter"


def text_of(part: Part) -> str:
    return part.text if isinstance(part, Text) else ""


@pytest.mark.parametrize("target", [kind for kind in KINDS if kind != "responses"])
def test_a_call_to_an_mcp_server_stands_in_the_thoughts_of_a_stream(target: Any) -> None:
    call = Opaque("responses", {"type": "mcp_call", "name": "f", "arguments": "{}", "output": "found"})
    client = TEXT_PROTOCOLS[target]
    encoder, decoder = client.encoder(asked()), client.decoder()
    events = explode(Response("r", "m", (call, Text("fine")), "end", created=1))
    found = decoder.feed(b"".join(encoder.encode(event) for event in events))
    answer = fold([*found, *decoder.flush()])
    assert isinstance(answer, Response)
    assert [(type(part), getattr(part, "text", "")) for part in answer.parts] == [
        (Thinking, "f\n{}\nfound"),
        (Text, "fine"),
    ]
    assert any(isinstance(event, PartStarted) for event in found)
