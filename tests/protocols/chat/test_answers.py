"""Complete answers, both ways."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from ccx_addons.core.neutral import (
    Fault,
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Response,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    Usage,
    fold,
)
from ccx_addons.protocols import chat
from ccx_addons.protocols.chat.reader import AnswerReader
from ccx_addons.protocols.chat.tools import FREEFORM_SCHEMA
from tests.protocols.chat.values import ask


def body(message: dict[str, Any], finish: str | None = "stop", **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion", "created": 7, "model": "m", "choices": [choice], **fields}


def encoded(*parts: Part, stop: Stop = "end", tools: tuple[Tool, ...] = ()) -> tuple[dict[str, Any], str, list[str]]:
    """The message without nulls and role, the finish reason, and where something got lost."""
    response = Response("c1", "upstream", parts, stop, Usage(1, 2), created=7)
    answer, losses = chat.encode_response(response, ask("mine", tools=tools))
    ChatCompletion.model_validate(answer)
    (choice,) = answer["choices"]
    message = {k: v for k, v in choice["message"].items() if v is not None and k != "role"}
    return message, choice["finish_reason"], [loss.path for loss in losses]


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def test_an_answer_in_full() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = body(
        {
            "content": "hi",
            "refusal": None,
            "reasoning_content": "hm",
            "annotations": [],
            "tool_calls": [call, {**call, "id": "b"}, call],
        },
        "tool_calls",
        usage={"prompt_tokens": 3, "completion_tokens": 4},
        system_fingerprint="fp",
    )
    assert chat.decode_response(answer) == Response(
        "c1",
        "m",
        (
            Thinking("hm", "reasoning_content", "chat"),
            Text("hi"),
            ToolCall("a", "f", "{}"),
            ToolCall("b", "f", "{}"),
        ),
        "tool_call",
        Usage(3, 4),
        created=7,
        extra={"chat": {"system_fingerprint": "fp"}},
    )


@pytest.mark.parametrize(
    ("message", "finish", "more"),
    [
        ({"content": "hi"}, "stop", {"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}),
        ({"content": " hi", "tool_calls": [], "refusal": None}, "length", {"system_fingerprint": "f"}),
        ({"content": "hi"}, "tool_calls", {"service_tier": "default", "usage": None}),
        ({"content": "hi"}, "content_filter", {"created": "soon", "model": 3}),
        ({"content": "<think>so</think>hi"}, "stop", {}),
        ({"content": "hi", "reasoning_content": "so"}, "stop", {}),
        ({"content": "hi"}, "a word of its own", {"citations": ["https://a.test"]}),
        ({"content": [{"type": "text", "text": "hi"}]}, "stop", {"x_groq": {"usage": {"prompt_tokens": 1}}}),
    ],
)
def test_a_text_alone_is_read_as_what_any_answer_would_be(
    message: dict[str, Any], finish: str, more: dict[str, Any]
) -> None:
    answer, reader = body(message, finish) | more, AnswerReader()
    assert chat.decode_response(answer) == fold([*reader.read(answer), *reader.end()])


@pytest.mark.parametrize(
    ("answer", "parts", "stop"),
    [
        pytest.param(body({"content": "<think>hm</think>\n\na"}), (Thinking("hm", None, "chat"), Text("a")), "end", id="tags"),
        pytest.param(body({"content": "a"}, None), (Text("a"),), "end", id="no finish reason"),
        pytest.param(body({"content": ""}, "length"), (), "length", id="nothing but the limit"),
        pytest.param(body({"content": None, "refusal": "no"}), (Refusal("no"),), "refusal", id="a refusal"),
        pytest.param(
            body({"content": None, "audio": {"id": "x", "transcript": "a", "data": "aGk="}}), (Text("a"), Opaque("chat", {"type": "audio"})), "end",
            id="the words of sound",
        ),
        pytest.param(
            {"choices": [{"message": {"content": "a"}}]}, (Text("a"),), "end", id="the least that is an answer"
        ),
    ],
)  # fmt: skip
def test_answers(answer: dict[str, Any], parts: tuple[Part, ...], stop: Stop) -> None:
    response = chat.decode_response(answer)
    assert isinstance(response, Response)
    assert (response.parts, response.stop) == (parts, stop)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param({"error": {"message": "no"}}, "no", id="an error"),
        pytest.param(body({"content": ""}), "the answer has no content", id="nothing"),
        pytest.param(body({"content": "a"}, "error"), "the upstream broke off: error", id="broken off"),
        pytest.param({"choices": []}, "the answer has no content", id="no choice"),
        pytest.param([], "the answer has no content", id="a list"),
        pytest.param("hi", "the answer has no content", id="text"),
        pytest.param({"base_resp": {"status_code": 1008, "status_msg": "poor"}}, "poor", id="MiniMax"),
    ],
)
def test_what_is_no_answer(answer: Any, message: str) -> None:
    fault = chat.decode_response(answer)
    assert isinstance(fault, Fault)
    assert fault.message == message
    assert chat.answer_fault(answer) == fault


def test_usage_of_any_value() -> None:
    assert chat.usage_of({"usage": {"prompt_tokens": 1, "completion_tokens": 2}}) == Usage(1, 2)
    assert chat.usage_of([]) is chat.usage_of({"usage": 5}) is None


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def test_the_client_sees_its_own_model() -> None:
    answer, _ = chat.encode_response(Response("msg_1", "claude", (Text("a"),), "end", created=7), ask("mine"))
    assert (answer["id"], answer["model"], answer["created"]) == ("msg_1", "mine", 7)
    assert "usage" not in answer


def test_an_answer_without_id_and_time_gets_both() -> None:
    answer, _ = chat.encode_response(Response("", "", (Text("a"),), "end"), ask())
    assert answer["id"].startswith("chatcmpl-")
    assert answer["created"] > 0


SIGNED = {"type": "reasoning.text", "text": "b", "signature": "s", "format": "ccx-messages", "index": 0}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("parts", "message", "finish", "losses"),
    [
        pytest.param((Text("a"), Text("b")), {"content": "ab"}, "stop", [], id="texts"),
        pytest.param((Text("a"), Text("b", apart=True)), {"content": "a\n\nb"}, "stop", [], id="two messages"),
        pytest.param(
            (Text("a"), Thinking("x"), Text("b")), {"content": "a\n\nb", "reasoning_content": "x"}, "stop", [],
            id="paragraphs",
        ),
        pytest.param(
            (Thinking("a", origin="gemini"), Thinking("b", "s", "messages")),
            {"reasoning_content": "a\n\nb", "reasoning_details": [SIGNED]}, "stop", [], id="foreign thoughts",
        ),
        pytest.param(
            (Thinking("", "s", "messages", True),),
            {"reasoning_details": [
                {"type": "reasoning.encrypted", "data": "s", "format": "ccx-messages", "index": 0}
            ]}, "stop", [], id="a redacted thought",
        ),
        pytest.param((Refusal("no"),), {"refusal": "no"}, "stop", [], id="refusal"),
        pytest.param((ToolCall("a", "f", ""),), {"tool_calls": [CALL]}, "tool_calls", [], id="a call without arguments"),
        pytest.param(
            (Media("image/png", data="aGk="),),
            {"images": [{"index": 0, "type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
            "stop", [], id="a picture",
        ),
        pytest.param((Media("audio/wav", data="aGk="),), {"content": "[A sound: this API cannot hold it]"}, "stop", ["content[0]"], id="sound"),
        pytest.param((Opaque("messages", {}), Text("a")), {"content": "a"}, "stop", ["content[0]"], id="opaque"),
    ],
)  # fmt: skip
def test_messages(parts: tuple[Part, ...], message: dict[str, Any], finish: str, losses: list[str]) -> None:
    assert encoded(*parts) == (message, finish, losses)


def test_calls_have_the_clients_names() -> None:
    message, _, _ = encoded(ToolCall("a", "mcp_x_y", "{}"), tools=(Tool("mcp.x/y"),))
    assert message["tool_calls"][0]["function"]["name"] == "mcp.x/y"


def test_calls_of_custom_tools_are_text() -> None:
    tools = (Tool("p", parameters=FREEFORM_SCHEMA, freeform=True),)
    message, finish, _ = encoded(ToolCall("a", "p", '{"input":"x\\n"}'), tools=tools)
    assert message["tool_calls"] == [{"id": "a", "type": "custom", "custom": {"name": "p", "input": "x\n"}}]
    assert finish == "tool_calls"


def test_clients_of_deprecated_functions_get_one_function_call() -> None:
    request = chat.decode_request(
        {"messages": [{"role": "user", "content": "hi"}], "functions": [{"name": "f"}]}, "m", False
    )
    parts = (ToolCall("a", "f", "{}"), ToolCall("b", "f", "[]"))
    answer, losses = chat.encode_response(Response("c", "m", parts, "tool_call"), request)
    (choice,) = answer["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert choice["finish_reason"] == "function_call"
    assert [loss.path for loss in losses] == ["content[1]"]


@pytest.mark.parametrize(("stop", "finish"), [("pause", "stop"), ("error", "length")])
def test_stops_without_a_word(stop: Stop, finish: str) -> None:
    assert encoded(Text("a"), stop=stop) == ({"content": "a"}, finish, ["finish_reason"])


def test_a_signed_thought_comes_back_with_the_clients_next_request() -> None:
    thought = Thinking("hm", "c2ln", "messages")
    answer, _ = chat.encode_response(Response("c", "m", (thought, Text("a")), "end"), ask())
    history = {"messages": [{"role": "user", "content": "hi"}, answer["choices"][0]["message"]]}
    assert chat.decode_request(history, "m", False).messages[1] == Message("assistant", (thought, Text("a")))


@pytest.mark.parametrize(
    ("choices", "parts"),
    [
        pytest.param([{"index": 0, "text": "a", "finish_reason": "stop"}], (Text("a"),), id="the older completions"),
        pytest.param(
            [{"message": {"content": "a"}, "finish_reason": "tool_calls"},
             {"message": {"tool_calls": [{"id": "i", "function": {"name": "f", "arguments": "{}"}}]}}],
            (Text("a"), ToolCall("i", "f", "{}")), id="Copilot: the calls of a text in another choice",
        ),
        pytest.param([{"index": 0, "message": {"content": "a"}}, {"index": 1, "message": {"content": "b"}}],
                     (Text("a"),), id="several answers"),
    ],
)  # fmt: skip
def test_the_answer_among_choices(choices: list[dict[str, Any]], parts: tuple[Part, ...]) -> None:
    found = chat.decode_response({"id": "c", "choices": choices})
    assert isinstance(found, Response) and found.parts == parts
