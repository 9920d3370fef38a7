"""The conversation as messages."""

from typing import Any

import pytest

from ccx_addons.core.neutral import (
    Loss,
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from ccx_addons.core.turns import MADE
from ccx_addons.protocols import chat
from ccx_addons.protocols.chat.conversation import wire_id

PNG = Media("image/png", data="aGk=")
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def user(*parts: Part) -> Message:
    return Message("user", parts)


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def written(*messages: Message, model: str = "glm-5", **fields: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """The messages on the wire, and where something got lost."""
    body, losses = chat.encode_request(Request(model, messages, **fields))
    return body["messages"], [loss.path for loss in losses]


def call(id_: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(id_: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def test_system_texts_are_paragraphs_of_one_message() -> None:
    messages, losses = written(user(Text("hi")), system=(Text("a"), Text("b"), PNG))
    assert messages == [{"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "hi"}]
    assert losses == ["system[2]"]


def test_two_messages_of_one_turn_are_paragraphs() -> None:
    messages, _ = written(user(Text("hi")), Message("assistant", (Text("a"), Text("b"), Text("c", apart=True))))
    assert messages[1]["content"] == "ab\n\nc"


def test_a_system_message_in_the_middle_stays_there() -> None:
    messages, _ = written(
        user(Text("a")), Message("system", (Text("b"),), {"chat": {"role": "developer"}}), user(Text("c"))
    )
    assert [message["role"] for message in messages] == ["user", "developer", "user"]


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        pytest.param((Text("a"), Text("b")), "a\n\nb", id="texts"),
        pytest.param((Text("a"), PNG), [text("a"), IMAGE], id="text and image"),
        pytest.param(
            (Text("a", {"chat": {"cache_control": {}}}),), [{**text("a"), "cache_control": {}}], id="a marked text"
        ),
        pytest.param((Text("a", {"messages": {"cache_control": {}}}),), "a", id="another protocol's mark"),
    ],
)
def test_user_content(parts: tuple[Part, ...], content: Any) -> None:
    assert written(user(*parts)) == ([{"role": "user", "content": content}], [])


def test_results_follow_their_calls() -> None:
    messages, losses = written(
        user(Text("go")),
        assistant(Text("ok"), ToolCall("a", "f", ""), ToolCall("b", "f", '{"x":1}')),
        user(Text("wait")),
        user(ToolResult("b", (Text("2"),)), ToolResult("a", (Text("1"),), True), Text("go on")),
    )
    assert messages == [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "ok", "tool_calls": [call("a"), call("b", arguments='{"x":1}')]},
        tool("a", "[error] 1"),
        tool("b", "2"),
        {"role": "user", "content": "wait"},
        {"role": "user", "content": "go on"},
    ]
    assert losses == []


def test_a_missing_result_is_filled() -> None:
    messages, losses = written(assistant(ToolCall("a", "f", "{}")), user(Text("hi")))
    assert messages[1] == tool("a", "[error] No result was recorded for this call.")
    assert messages[0]["content"] is None
    assert losses == ["messages[0].content[0]"]


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param((user(ToolResult("x", (Text("1"), PNG))),), id="no call at all"),
        pytest.param((user(ToolResult("x", (Text("1"), PNG))), assistant(Text("ok"))), id="nothing before it"),
    ],
)
def test_a_result_without_its_call_is_text(messages: tuple[Message, ...]) -> None:
    found, losses = written(*messages)
    assert found[0] == {"role": "user", "content": [text("Result of the tool call x:"), text("1"), IMAGE]}
    assert losses == ["messages[0].content[0]"]


def test_a_result_before_its_call_is_no_result_of_it() -> None:
    messages, losses = written(
        user(ToolResult("a", (Text("1"),))), assistant(ToolCall("a", "f", "{}")), user(ToolResult("a", (Text("2"),)))
    )
    assert messages[-1] == tool("a", "2")
    assert losses == ["messages[0].content[0]"]


def test_images_of_results_are_shown_by_the_next_user_message() -> None:
    note = text("Content of the result of the tool call a:")
    messages, losses = written(
        assistant(ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")),
        user(ToolResult("a", (Text("see"), PNG)), ToolResult("b", ()), Text("well?")),
    )
    assert messages[1:] == [tool("a", "see"), tool("b", ""), {"role": "user", "content": [note, IMAGE, text("well?")]}]
    assert losses == []


def test_images_of_results_are_shown_before_the_assistant_goes_on() -> None:
    messages, _ = written(
        assistant(ToolCall("a", "f", "{}")), user(ToolResult("a", (PNG,))), assistant(Text("nice")), user(Text("yes"))
    )
    assert [message["role"] for message in messages] == ["assistant", "tool", "user", "assistant", "user"]
    assert messages[2]["content"][1] == IMAGE


def test_the_last_images_are_shown_too() -> None:
    messages, _ = written(assistant(ToolCall("a", "f", "{}")), user(ToolResult("a", (PNG,))))
    assert messages[-1]["content"][1] == IMAGE


@pytest.mark.parametrize(
    ("parts", "message", "losses"),
    [
        pytest.param((Text("a"), Text("b")), {"content": "ab"}, [], id="texts that follow each other"),
        pytest.param(
            (Text("a"), Thinking("x", origin="chat"), Text("b")),
            {"content": "a\n\nb", "reasoning_content": "x"}, [], id="texts around a thought",
        ),
        pytest.param((Refusal("no"),), {"content": None, "refusal": "no"}, [], id="refusal"),
        pytest.param((Text("a"), Media("video/mp4", data="aGk=")), {"content": "a"}, ["messages[0].content[1]"], id="a video"),
        pytest.param(
            (Text("a"), Thinking("x", "sig", "messages")), {"content": "a"}, ["messages[0].content[1]"],
            id="another protocol's thought",
        ),
        pytest.param((Text("a"), Thinking("", origin="messages")), {"content": "a"}, [], id="an empty thought"),
        pytest.param((Text("a"), Opaque("messages", {})), {"content": "a"}, ["messages[0].content[1]"], id="opaque"),
        pytest.param(
            (Text("a", {"chat": {"x": 1}}), Text("b")),
            {"content": [{**text("a"), "x": 1}, text("b")]}, [], id="a marked text",
        ),
    ],
)  # fmt: skip
def test_assistant_content(parts: tuple[Part, ...], message: dict[str, Any], losses: list[str]) -> None:
    assert written(assistant(*parts)) == ([{"role": "assistant", **message}], losses)


def test_a_picture_of_the_assistant_is_shown_by_the_user() -> None:
    messages, losses = written(assistant(PNG, Text("a")), user(Text("b")))
    assert messages[0] == {"role": "assistant", "content": "a"}
    assert messages[1] == {"role": "user", "content": [text(MADE), IMAGE, text("b")]}
    assert losses == ["messages[0].content[0]"]


def test_an_assistant_message_without_anything_is_left_out() -> None:
    messages, losses = written(user(Text("hi")), assistant(Thinking("x", "s", "messages")), user(Text("ho")))
    assert [message["role"] for message in messages] == ["user", "user"]
    assert losses == ["messages[1].content[0]"]


def test_the_official_api_takes_no_thoughts_back() -> None:
    thought = assistant(Thinking("x", origin="chat"), Text("a"))
    messages, losses = written(thought, user(Text("b")), model="gpt-5.1")
    assert messages[0] == {"role": "assistant", "content": "a"}
    assert losses == ["messages[0].content[0]"]


@pytest.mark.parametrize(("signature", "losses"), [(None, []), ("sig", ["messages[0].content[0]"])])
def test_open_models_take_the_text_of_other_thoughts(signature: str | None, losses: list[str]) -> None:
    """DeepSeek refuses a tool call without its reasoning, also when another model made it."""
    found = written(assistant(Thinking("x", signature, "messages"), Text("a")), model="deepseek-v4")
    assert found == ([{"role": "assistant", "content": "a", "reasoning_content": "x"}], losses)


# ---- ids -------------------------------------------------------------------------------------------------------------
def test_equal_ids_in_one_turn_are_told_apart() -> None:
    messages, losses = written(
        assistant(ToolCall("a", "f", "{}"), ToolCall("a", "f", "{}")),
        user(ToolResult("a", (Text("1"),)), ToolResult("a", (Text("2"),))),
    )
    ids = [found["id"] for found in messages[0]["tool_calls"]]
    assert len(set(ids)) == 2
    assert messages[1:] == [tool(ids[0], "1"), tool(ids[1], "2")]
    assert losses == []


def test_an_id_may_come_again_in_a_later_turn() -> None:
    messages, losses = written(
        assistant(ToolCall("a", "f", "{}")),
        user(Text("never mind")),
        assistant(ToolCall("a", "f", "{}")),
        user(ToolResult("a", (Text("2"),))),
    )
    assert messages[-1] == tool("a", "2")
    assert losses == ["messages[0].content[0]"]


@pytest.mark.parametrize(
    ("id_", "short", "same"),
    [
        ("call_1", False, True),
        ("toolu_01A09q90qw90lq917835lq9", False, True),
        ("functions.f:0", False, True),
        ("x" * 41, False, False),
        ("", False, False),
        ("abcDEF123", True, True),
        ("call_1", True, False),
    ],
)
def test_wire_id(id_: str, short: bool, same: bool) -> None:
    found = wire_id(id_, short)
    assert (found == id_) == same
    assert 0 < len(found) <= (9 if short else 40)
    assert found == wire_id(id_, short) != wire_id(id_ + "x", short)


def test_losses_are_whole() -> None:
    _, losses = chat.encode_request(Request("glm-5", (user(Opaque("gemini", {})),)))
    assert losses == [Loss("messages[0].content[0]", "only gemini understands this")]


# ---- what servers want of the order ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("base_url", "model", "beside", "lost"),
    [
        ("https://api.mistral.ai/v1", "mistral-large-latest", {"prefix": True}, []),
        ("https://api.moonshot.ai/v1", "kimi-k2.5", {"partial": True}, []),
        ("https://api.openai.com/v1", "gpt-5.1", {}, ["messages"]),
        ("https://relay.test/v1", "some-model", {}, []),
    ],
)
def test_a_beginning_of_the_answer(base_url: str, model: str, beside: dict[str, Any], lost: list[str]) -> None:
    body, losses = chat.encode_request(Request(model, (user(Text("q")), assistant(Text("{")))), base_url)
    assert body["messages"][-1] == {"role": "assistant", "content": "{", **beside}
    assert [loss.path for loss in losses] == lost
    called = (user(Text("q")), assistant(ToolCall("c", "f", "{}")))
    assert chat.encode_request(Request(model, called), base_url)[0]["messages"][-1]["role"] == "tool"


@pytest.mark.parametrize("model", ["devstral-medium-latest", "glm-5"])
def test_a_user_speaks_after_a_result(model: str) -> None:
    turn = user(ToolResult("abcdefghi", (Text("r"), PNG)), Text("and"))
    messages, _ = written(user(Text("q")), assistant(ToolCall("abcdefghi", "f", "{}")), turn, model=model)
    between = ["assistant"] if model != "glm-5" else []
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", *between, "user"]
