"""Cache marks travel between the protocols that have them; elsewhere they are losses."""

from typing import Any

import pytest

from ccx_addons.core.neutral import Loss, Message, Request, Text, Tool, ToolCall, ToolResult
from ccx_addons.protocols import TEXT_PROTOCOLS

CONTROL = {"type": "ephemeral"}
BREAKPOINT = {"mode": "explicit"}
CLAUDE, GPT = "anthropic/claude-sonnet-4.5", "gpt-5.6"
OPENROUTER = "https://openrouter.ai/api/v1"
OPENAI = "https://api.openai.com/v1"
SCHEMA = {"type": "object", "properties": {}}
BODIES: dict[str, dict[str, Any]] = {
    "messages": {
        "max_tokens": 99,
        "system": [{"type": "text", "text": "s", "cache_control": CONTROL}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "q", "cache_control": CONTROL}]}],
    },
    "chat": {
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": CONTROL}]},
            {"role": "user", "content": [{"type": "text", "text": "q", "prompt_cache_breakpoint": BREAKPOINT}]},
        ]
    },
    "responses": {
        "input": [
            {"role": role, "content": [{"type": "input_text", "text": text, "prompt_cache_breakpoint": BREAKPOINT}]}
            for role, text in (("developer", "s"), ("user", "q"))
        ]
    },
}


def converted(
    home: Any, target: Any, body: dict[str, Any], model: str, host: str = ""
) -> tuple[dict[str, Any], list[Loss]]:
    return TEXT_PROTOCOLS[target].encode_request(TEXT_PROTOCOLS[home].decode_request(body, model, False), host)


@pytest.mark.parametrize("home", ["chat", "responses"])
def test_to_messages(home: str) -> None:
    body, losses = converted(home, "messages", BODIES[home], "claude-sonnet-5")
    assert body["system"] == [{"type": "text", "text": "s", "cache_control": CONTROL}]
    assert body["messages"][0]["content"] == [{"type": "text", "text": "q", "cache_control": CONTROL}]
    assert losses == []


@pytest.mark.parametrize("home", ["messages", "responses"])
@pytest.mark.parametrize(
    ("model", "host", "mark"),
    [(CLAUDE, OPENROUTER, {"cache_control": CONTROL}), (GPT, OPENAI, {"prompt_cache_breakpoint": BREAKPOINT})],
)
def test_to_chat(home: str, model: str, host: str, mark: dict[str, Any]) -> None:
    body, losses = converted(home, "chat", BODIES[home], model, host)
    assert [message["content"] for message in body["messages"]] == [
        [{"type": "text", "text": text, **mark}] for text in "sq"
    ]
    assert losses == []


@pytest.mark.parametrize("home", ["messages", "chat"])
def test_to_responses(home: str) -> None:
    body, losses = converted(home, "responses", BODIES[home], GPT, OPENAI)
    texts = [item["content"] for item in body["input"]]
    assert texts == [[{"type": "input_text", "text": text, "prompt_cache_breakpoint": BREAKPOINT}] for text in "sq"]
    assert losses == []


@pytest.mark.parametrize(
    ("home", "target", "model", "host"),
    [
        *((home, "gemini", "gemini-3-pro", "") for home in BODIES),
        ("messages", "chat", "gpt-5.4", OPENAI),
        ("messages", "responses", "gpt-5.4", OPENAI),
        ("messages", "chat", "deepseek-chat", ""),
    ],
)
def test_where_there_are_none_that_is_a_loss(home: str, target: str, model: str, host: str) -> None:
    body, losses = converted(home, target, BODIES[home], model, host)
    assert "cache" not in str(body)
    assert [loss.path for loss in losses] == ["system[0].cache_control"]


def test_a_server_that_nobody_knows_gets_the_marks_of_its_models() -> None:
    body, losses = converted("messages", "chat", BODIES["messages"], CLAUDE)
    assert body["messages"][1]["content"][0]["cache_control"] == CONTROL
    assert [loss.path for loss in losses] == ["cache_control"]


@pytest.mark.parametrize(
    ("home", "target", "given", "wanted"),
    [
        ("chat", "messages", {"type": "ephemeral", "ttl": "1h"}, {"type": "ephemeral", "ttl": "1h"}),
        ("chat", "messages", {"type": "ephemeral", "ttl": "5m"}, CONTROL),
        ("responses", "messages", {"mode": "explicit", "ttl": "30m"}, {"type": "ephemeral", "ttl": "1h"}),
        ("messages", "responses", {"type": "ephemeral", "ttl": "1h"}, {"mode": "explicit", "ttl": "12h"}),
        ("chat", "responses", {"mode": "explicit", "ttl": "30m"}, BREAKPOINT),
    ],
)  # fmt: skip
def test_lifetimes(home: str, target: str, given: dict[str, Any], wanted: dict[str, Any]) -> None:
    field = "cache_control" if "type" in given else "prompt_cache_breakpoint"
    request = Request(GPT, (Message("user", (Text("q", {home: {field: given}}),)),))
    body, _ = TEXT_PROTOCOLS[target].encode_request(request, OPENAI if target == "responses" else "")  # type: ignore[index]
    found = body["messages" if target == "messages" else "input"][0]["content"][0]
    assert found["cache_control" if target == "messages" else "prompt_cache_breakpoint"] == wanted


def marked(text: str) -> Text:
    return Text(text, {"chat": {"cache_control": CONTROL}})


def test_at_most_four_are_sent_the_first_and_the_last() -> None:
    request = Request("claude-sonnet-5", (Message("user", tuple(map(marked, "bcdef"))),), (marked("a"),))
    body, losses = TEXT_PROTOCOLS["messages"].encode_request(request)
    blocks = [*body["system"], *body["messages"][0]["content"]]
    assert "".join(block["text"] for block in blocks if "cache_control" in block) == "adef"
    assert [loss.path for loss in losses] == ["messages[0].content[0].cache_control"]


TOOLED = Request(
    GPT,
    (
        Message("user", (Text("q"),)),
        Message("assistant", (ToolCall("c", "f", "{}", {"messages": {"cache_control": CONTROL}}),)),
        Message("user", (ToolResult("c", (Text("r"),), extra={"messages": {"cache_control": CONTROL}}),)),
    ),
    tools=(Tool("f", "d", SCHEMA, extra={"messages": {"cache_control": CONTROL}}),),
)


def test_tools_and_results_are_marked_where_they_can_be() -> None:
    body, losses = TEXT_PROTOCOLS["responses"].encode_request(TOOLED, OPENAI)
    assert body["input"][-1]["output"] == [{"type": "input_text", "text": "r", "prompt_cache_breakpoint": BREAKPOINT}]
    lost = ["tools[0].cache_control", "messages[1].content[0].cache_control"]
    assert [loss.path for loss in losses] == lost
    body, losses = TEXT_PROTOCOLS["chat"].encode_request(
        Request(CLAUDE, TOOLED.messages, tools=TOOLED.tools), OPENROUTER
    )
    assert body["tools"][0]["cache_control"] == CONTROL
    assert body["messages"][-1]["content"] == [{"type": "text", "text": "r", "cache_control": CONTROL}]
    assert [loss.path for loss in losses] == lost[1:]


def test_a_tool_of_a_chat_client() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}, "cache_control": CONTROL}
    body, losses = converted(
        "chat", "messages", {"messages": [{"role": "user", "content": "q"}], "tools": [tool]}, CLAUDE
    )
    assert body["tools"][0]["cache_control"] == CONTROL and losses == []


@pytest.mark.parametrize(
    ("home", "target", "model", "host", "sent", "lost"),
    [
        ("messages", "chat", CLAUDE, OPENROUTER, True, []),
        ("chat", "messages", "claude-sonnet-5", "", True, []),
        ("messages", "responses", GPT, OPENAI, False, []),
        ("messages", "gemini", "gemini-3-pro", "", False, ["cache_control"]),
        ("messages", "chat", "deepseek-chat", "", False, ["cache_control"]),
    ],
)
def test_at_the_top_of_a_request(home: str, target: str, model: str, host: str, sent: bool, lost: list[str]) -> None:
    body = {"max_tokens": 99, "messages": [{"role": "user", "content": "q"}], "cache_control": CONTROL}
    found, losses = converted(home, target, body, model, host)
    assert found.get("cache_control") == (CONTROL if sent else None)
    assert [loss.path for loss in losses if "cache" in loss.path] == lost
