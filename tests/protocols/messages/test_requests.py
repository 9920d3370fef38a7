import json
from typing import Any

import pytest

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import (
    Media,
    Message,
    Opaque,
    OutputFormat,
    Reasoning,
    Request,
    ServerTool,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from ccx_addons.protocols import messages

HI = {"role": "user", "content": "hi"}
CLAUDE_CODE: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 128000,
    "system": [
        {"type": "text", "text": "You are a tool.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Rules"},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "read it"}]},
        {"role": "system", "content": [{"type": "text", "text": "be brief"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "", "signature": "c2ln"},
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": "/a"}},
                {"type": "tool_use", "id": "toolu_2", "name": "Read", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "text"},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "content": [
                        {"type": "text", "text": "page"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
                    ],
                    "is_error": True,
                    "cache_control": {"type": "ephemeral"},
                },
            ],
        },
    ],
    "tools": [
        {
            "name": "Read",
            "description": "Reads",
            "input_schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {"file_path": {"type": "string", "exclusiveMinimum": 0}},
                "additionalProperties": False,
            },
            "eager_input_streaming": True,
        },
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "adaptive", "display": "summarized"},
    "output_config": {"effort": "xhigh", "task_budget": {"type": "tokens", "total": 1}},
    "context_management": {"edits": []},
    "metadata": {"user_id": '{"device_id":"d"}', "trace": "t"},
    "stream": True,
}


def decode(**fields: Any) -> Request:
    return messages.decode_request({"messages": [HI], **fields}, "m", False)


def test_a_real_body() -> None:
    request = messages.decode_request(CLAUDE_CODE, "claude-opus-5-5", True)
    cached = {"messages": {"cache_control": {"type": "ephemeral"}}}
    assert request == Request(
        "claude-opus-5-5",
        (
            Message("user", (Text("read it"),)),
            Message("system", (Text("be brief"),)),
            Message(
                "assistant",
                (
                    Thinking("", "c2ln", "messages"),
                    ToolCall("toolu_1", "Read", '{"file_path":"/a"}'),
                    ToolCall("toolu_2", "Read", "{}"),
                ),
            ),
            Message(
                "user",
                (
                    ToolResult("toolu_1", (Text("text"),)),
                    ToolResult("toolu_2", (Text("page"), Media("image/png", data="aGk=")), True, extra=cached),
                ),
            ),
        ),
        (Text("You are a tool.", cached), Text("Rules")),
        (
            Tool(
                "Read",
                "Reads",
                CLAUDE_CODE["tools"][0]["input_schema"],
                extra={"messages": {"eager_input_streaming": True}},
            ),
            ServerTool("web_search", "messages", CLAUDE_CODE["tools"][1]),
        ),
        ToolChoice("auto"),
        False,
        128000,
        reasoning=Reasoning(True, "xhigh", None, "auto"),
        user='{"device_id":"d"}',
        stream=True,
        extra={
            "messages": {
                "context_management": {"edits": []},
                "output_config": {"task_budget": {"type": "tokens", "total": 1}},
                "metadata": {"trace": "t"},
            }
        },
    )


def test_a_real_body_comes_back() -> None:
    request = messages.decode_request(CLAUDE_CODE, "claude-opus-5-5", True)
    body, losses = messages.encode_request(request)
    assert losses == []
    assert body == CLAUDE_CODE


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        pytest.param({"system": "be"}, "system", (Text("be"),), id="system as text"),
        pytest.param({"system": ""}, "system", (), id="empty system"),
        pytest.param({"max_tokens": 5.0}, "max_tokens", 5, id="whole float"),
        pytest.param({"temperature": 1}, "temperature", 1.0, id="temperature"),
        pytest.param({"top_p": 0.5}, "top_p", 0.5, id="top_p"),
        pytest.param({"top_k": 40}, "top_k", 40, id="top_k"),
        pytest.param({"stop_sequences": ["a", "b"]}, "stop", ("a", "b"), id="stop"),
        pytest.param({"service_tier": "standard_only"}, "service_tier", "standard_only", id="tier"),
        pytest.param({"metadata": {"user_id": "u"}}, "user", "u", id="user"),
        pytest.param({"metadata": {"user_id": None}}, "user", None, id="no user"),
        pytest.param({"tool_choice": {"type": "any"}}, "tool_choice", ToolChoice("any"), id="any"),
        pytest.param({"tool_choice": {"type": "none"}}, "tool_choice", ToolChoice("none"), id="none"),
        pytest.param({"tool_choice": {"type": "tool", "name": "f"}}, "tool_choice", ToolChoice("any", ("f",)), id="tool"),
        pytest.param({"tool_choice": {"type": "auto", "disable_parallel_tool_use": False}}, "parallel_tools", True, id="parallel"),
        pytest.param({"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}}, "reasoning",
                     Reasoning(True, None, 2048, "none"), id="budget"),
        pytest.param({"thinking": {"type": "disabled"}}, "reasoning", Reasoning(False), id="thinking off"),
        pytest.param({"thinking": {"type": "between_tools"}}, "reasoning", Reasoning(False), id="between tools"),
        pytest.param({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "reasoning",
                     Reasoning(True, "max"), id="adaptive"),
        pytest.param({"output_config": {"effort": "low"}}, "reasoning", Reasoning(effort="low"), id="effort alone"),
        pytest.param({"output_config": {"effort": "low"}}, "extra", {"messages": {"thinking": None}}, id="effort alone thinks not"),
        pytest.param({"thinking": {"type": "dreaming"}}, "extra", {"messages": {"thinking": {"type": "dreaming"}}}, id="new thinking"),
        pytest.param({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "output",
                     OutputFormat("json_schema", {"type": "object"}, strict=True), id="format"),
        pytest.param({"output_format": {"type": "json_schema", "schema": {}}}, "output", OutputFormat("json_schema", {}, strict=True), id="old format"),
        pytest.param({"output_config": {"format": {"type": "regex"}}}, "output", None, id="unknown format"),
        pytest.param({"container": None, "speed": "fast"}, "extra", {"messages": {"speed": "fast"}}, id="own fields"),
        pytest.param({"tools": [{"type": "custom", "name": "f", "input_schema": {}, "strict": True}]}, "tools",
                     (Tool("f", strict=True),), id="custom tool"),
    ],
)  # fmt: skip
def test_fields(fields: dict[str, Any], name: str, value: Any) -> None:
    assert getattr(decode(**fields), name) == value


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("web_search_20260318", "web_search"),
        ("web_fetch_20250910", "web_fetch"),
        ("code_execution_20260521", "code"),
        ("mcp_toolset", "mcp"),
    ],
)
def test_server_tools(type_: str, kind: str) -> None:
    value = {"type": type_, "name": "x"}
    assert decode(tools=[value]).tools == (ServerTool(kind, "messages", value),)  # type: ignore[arg-type]


def test_blocks_without_neutral_form_are_kept() -> None:
    block = {"type": "mid_conv_system", "content": []}
    request = decode(
        messages=[{"role": "user", "content": [block, {"type": "text", "text": "x"}], "output_config": {}}]
    )
    assert request.messages == (
        Message("user", (Opaque("messages", block), Text("x")), {"messages": {"output_config": {}}}),
    )


def test_a_foreign_signature_comes_home() -> None:
    block = {"type": "thinking", "thinking": "why", "signature": "ccx-responses:gAAAA"}
    request = decode(messages=[HI, {"role": "assistant", "content": [block]}])
    assert request.messages[1].parts == (Thinking("why", "gAAAA", "responses"),)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        pytest.param({"messages": None}, "messages", id="no messages"),
        pytest.param({"messages": "hi"}, "messages", id="messages as text"),
        pytest.param({"messages": ["hi"]}, "messages[0]", id="message as text"),
        pytest.param({"messages": [HI, {"role": "tool", "content": "x"}]}, "messages[1].role", id="role"),
        pytest.param({"messages": [{"role": []}]}, "messages[0].role", id="role is a list"),
        pytest.param({"messages": [{"role": "user"}]}, "messages[0].content", id="no content"),
        pytest.param({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", id="content"),
        pytest.param({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]", id="block"),
        pytest.param({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type", id="no type"),
        pytest.param({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text", id="no text"),
        pytest.param({"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": []}]}]},
                     "messages[0].content[0].input", id="input"),
        pytest.param({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [5]}]}]},
                     "messages[0].content[0].content[0]", id="inside a result"),
        pytest.param({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source", id="image"),
        pytest.param({"system": 5}, "system", id="system"),
        pytest.param({"max_tokens": "5"}, "max_tokens", id="max_tokens"),
        pytest.param({"max_tokens": True}, "max_tokens", id="max_tokens true"),
        pytest.param({"temperature": "hot"}, "temperature", id="temperature"),
        pytest.param({"temperature": 10**400}, "temperature", id="huge temperature"),
        pytest.param({"stop_sequences": "x"}, "stop_sequences", id="stop"),
        pytest.param({"stop_sequences": [5]}, "stop_sequences[0]", id="stop item"),
        pytest.param({"tools": {}}, "tools", id="tools"),
        pytest.param({"tools": ["f"]}, "tools[0]", id="tool"),
        pytest.param({"tools": [{}]}, "tools[0].name", id="tool name"),
        pytest.param({"tools": [{"type": 5}]}, "tools[0].type", id="tool type"),
        pytest.param({"tools": [{"name": "f", "input_schema": []}]}, "tools[0].input_schema", id="schema"),
        pytest.param({"tool_choice": "auto"}, "tool_choice", id="choice"),
        pytest.param({"tool_choice": {"type": "required"}}, "tool_choice.type", id="choice type"),
        pytest.param({"tool_choice": {"type": "tool"}}, "tool_choice.name", id="choice name"),
        pytest.param({"thinking": True}, "thinking", id="thinking"),
        pytest.param({"output_config": []}, "output_config", id="output_config"),
        pytest.param({"metadata": "u"}, "metadata", id="metadata"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode(**fields)
    assert caught.value.param == param


def test_the_body_is_not_changed() -> None:
    before = json.dumps(CLAUDE_CODE)
    messages.encode_request(messages.decode_request(CLAUDE_CODE, "claude-sonnet-4-5", True))
    assert json.dumps(CLAUDE_CODE) == before
