"""Request bodies -> neutral."""

from typing import Any

import pytest

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import (
    Message,
    OutputFormat,
    Reasoning,
    Refusal,
    Request,
    ServerTool,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from ccx_addons.protocols import chat

HI = {"role": "user", "content": "hi"}


def decode(*messages: Any, **fields: Any) -> Request:
    return chat.decode_request({"model": "m", "messages": list(messages) or [HI], **fields}, "m", False)


def call(id_: str, name: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


# ---- messages --------------------------------------------------------------------------------------------------------
def test_system_text_before_all_others_stands_apart() -> None:
    request = decode(
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b"}]},
        HI,
        {"role": "developer", "content": "c"},
        {"role": "system", "content": "d"},
    )
    assert request.system == (Text("a"), Text("b"))
    assert request.messages == (
        Message("user", (Text("hi"),)),
        Message("system", (Text("c"),), {"chat": {"role": "developer"}}),
        Message("system", (Text("d"),)),
    )


def test_a_named_system_message_is_part_of_the_conversation() -> None:
    request = decode({"role": "system", "name": "example_user", "content": "a"}, HI)
    assert request.system == ()
    assert request.messages[0] == Message("system", (Text("a"),), {"chat": {"name": "example_user"}})


def test_results_become_one_user_turn() -> None:
    request = decode(
        HI,
        {"role": "assistant", "content": None, "tool_calls": [call("a", "f"), call("b", "f", '{"x":1}')]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "[error] no"}], "name": "f"},
        HI,
    )
    assert request.messages[1:3] == (
        Message("assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "f", '{"x":1}'))),
        Message("user", (ToolResult("a", (Text("1"),)), ToolResult("b", (Text("no"),), True, "f"))),
    )


@pytest.mark.parametrize(
    ("content", "result"),
    [
        ("", ToolResult("a", ())),
        (None, ToolResult("a", ())),
        ("[error] ", ToolResult("a", (), True)),
        ("an [error] inside", ToolResult("a", (Text("an [error] inside"),))),
    ],
)
def test_results(content: Any, result: ToolResult) -> None:
    assert decode({"role": "tool", "tool_call_id": "a", "content": content}).messages[0].parts == (result,)


def test_an_assistant_turn_in_full() -> None:
    request = decode(
        {
            "role": "assistant",
            "reasoning_content": "hm",
            "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}],
            "refusal": "no",
            "tool_calls": [call("c", "f")],
            "name": "ann",
            "audio": {"id": "x"},
        }
    )
    assert request.messages == (
        Message(
            "assistant",
            (Thinking("hm", None, "chat"), Text("a"), Refusal("b"), Refusal("no"), ToolCall("c", "f", "{}")),
            {"chat": {"name": "ann", "audio": {"id": "x"}}},
        ),
    )


def test_deprecated_functions() -> None:
    request = decode(
        HI,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "2"},
        {"role": "function", "name": "g", "content": "3"},
        functions=[{"name": "f"}],
        function_call={"name": "f"},
    )
    calls = [part for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    results = [part for message in request.messages for part in message.parts if isinstance(part, ToolResult)]
    assert [found.id for found in calls] == [found.id for found in results[:2]]
    assert len({found.id for found in results}) == 3
    assert request.tool_choice == ToolChoice("any", ("f",))
    assert request.parallel_tools is False


# ---- fields ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"max_completion_tokens": 6, "max_tokens": 5}, "max_tokens", 6),
        ({"max_completion_tokens": None, "max_tokens": 5}, "max_tokens", 5),
        ({"temperature": 0}, "temperature", 0.0),
        ({"top_p": 0.5}, "top_p", 0.5),
        ({"top_k": 5}, "top_k", 5),
        ({"stop": "END"}, "stop", ("END",)),
        ({"stop": ["a", "b"]}, "stop", ("a", "b")),
        ({"stop": None}, "stop", ()),
        ({"seed": 1}, "seed", 1),
        ({"presence_penalty": 1}, "presence_penalty", 1.0),
        ({"frequency_penalty": -1}, "frequency_penalty", -1.0),
        ({"parallel_tool_calls": False}, "parallel_tools", False),
        ({"user": "u"}, "user", "u"),
        ({"safety_identifier": "s"}, "user", "s"),
        ({"prompt_cache_key": "k"}, "cache_key", "k"),
        ({"service_tier": "flex"}, "service_tier", "flex"),
        ({"verbosity": "low"}, "verbosity", "low"),
        ({"n": 1}, "extra", {}),
        ({"response_format": {"type": "text"}}, "output", OutputFormat("text")),
        ({"response_format": {"type": "json_object"}}, "output", OutputFormat("json")),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": True}}},
            "output",
            OutputFormat("json_schema", {}, "a", True),
        ),
        (
            {"web_search_options": {"search_context_size": "low"}},
            "tools",
            (ServerTool("web_search", "chat", {"search_context_size": "low"}),),
        ),
        ({"reasoning_effort": "high"}, "reasoning", Reasoning(effort="high")),
        ({"reasoning_effort": None}, "reasoning", None),
        ({"reasoning": {"effort": "low"}}, "reasoning", Reasoning(effort="low")),
        ({"reasoning": {"max_tokens": 2000}}, "reasoning", Reasoning(budget=2000)),
        ({"reasoning": {"enabled": True}}, "reasoning", Reasoning(True)),
        ({"thinking": {"type": "disabled"}}, "reasoning", Reasoning(False)),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "reasoning", Reasoning(True, budget=5)),
        ({"enable_thinking": False}, "reasoning", Reasoning(False)),
        ({"enable_thinking": True, "thinking_budget": 5}, "reasoning", Reasoning(True, None, 5)),
        ({"thinking": {"type": "adaptive"}}, "reasoning", Reasoning(True)),
        ({"chat_template_kwargs": {"thinking": True}}, "reasoning", Reasoning(True)),
        (
            {"extra_body": {"google": {"thinking_config": {"thinking_level": "LOW", "include_thoughts": True}}}},
            "reasoning",
            Reasoning(effort="low", summary="auto"),
        ),
        ({"extra_body": {"google": {"thinking_config": {"thinking_budget": 0}}}}, "reasoning", Reasoning(False)),
    ],
)
def test_fields(body: dict[str, Any], name: str, value: Any) -> None:
    assert getattr(decode(**body), name) == value


@pytest.mark.parametrize(
    ("options", "stream", "wanted"),
    [
        ({"include_usage": True}, True, True),
        ({"include_usage": True}, False, False),
        ({"include_usage": 1}, True, False),
        (None, True, False),
    ],
)
def test_usage_in_streams_is_for_those_who_ask(options: Any, stream: bool, wanted: bool) -> None:
    body = {"messages": [HI], "stream_options": options}
    assert chat.decode_request(body, "m", stream).stream_usage is wanted


@pytest.mark.parametrize(
    ("usage", "kept"), [({"include": True}, {}), ({"include": True, "x": 1}, {"include": True, "x": 1})]
)
def test_usage_in_openrouters_words(usage: dict[str, Any], kept: dict[str, Any]) -> None:
    request = chat.decode_request({"messages": [HI], "usage": usage}, "m", True)
    assert request.stream_usage and request.extra.get("chat", {}).get("usage", {}) == kept


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"]}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0]"),
        ({"messages": [HI], "n": 2}, "n"),
        ({"messages": [HI], "max_tokens": "many"}, "max_tokens"),
        ({"messages": [HI], "temperature": "hot"}, "temperature"),
        ({"messages": [HI], "temperature": 10**400}, "temperature"),
        ({"messages": [HI], "stop": 5}, "stop"),
        ({"messages": [HI], "stop": [5]}, "stop"),
        ({"messages": [HI], "tools": {}}, "tools"),
        ({"messages": [HI], "functions": [5]}, "functions[0]"),
        ({"messages": [HI], "functions": [{"name": "f"}], "function_call": {}}, "function_call.name"),
        ({"messages": [HI], "tool_choice": "maybe"}, "tool_choice"),
        (
            {"messages": [HI], "response_format": {"type": "json_schema", "json_schema": {"schema": 5}}},
            "response_format.json_schema.schema",
        ),
    ],
)
def test_bodies_that_cannot_be_understood(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as bad:
        chat.decode_request(body, "m", False)
    assert bad.value.param == param


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"logit_bias": {"1": 2}, "logprobs": True, "top_logprobs": 3}, id="fields without a neutral name"),
        pytest.param({"top_k": 5}, id="top_k of servers that have it"),
        pytest.param({"reasoning": {"effort": "low", "exclude": True}}, id="OpenRouter's switch"),
        pytest.param({"thinking": {"type": "enabled"}, "reasoning_effort": "high"}, id="a switch and an effort"),
        pytest.param({"reasoning_effort": "extreme"}, id="an effort that nobody knows"),
        pytest.param({"response_format": {"type": "grammar", "grammar": "x"}}, id="a format that nobody knows"),
        pytest.param(
            {"response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": {"type": "object"}, "description": "d"},
            }},
            id="a description of a schema",
        ),
        pytest.param({"safety_identifier": "s"}, id="safety_identifier"),
        pytest.param({"user": "u", "safety_identifier": "s"}, id="user and safety_identifier"),
        pytest.param({"web_search_options": {"search_context_size": "low"}}, id="search"),
        pytest.param({"tools": [{"type": "web_search", "web_search": {"enable": True}}]}, id="a vendor's tool"),
    ],
)  # fmt: skip
def test_what_only_this_protocol_knows_comes_back(fields: dict[str, Any]) -> None:
    body, losses = chat.encode_request(decode(**fields))
    assert body == {"model": "m", "messages": [HI], **fields}
    assert losses == []


def test_options_of_the_stream_come_back() -> None:
    body = {"messages": [HI], "stream_options": {"include_obfuscation": False}}
    encoded, _ = chat.encode_request(chat.decode_request(body, "m", True))
    assert encoded["stream_options"] == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        ({"reasoning_effort": "low"}, None),
        ({"reasoning_effort": "low", "include_reasoning": True}, "auto"),
        ({"reasoning_effort": "low", "include_reasoning": False}, "none"),
        ({"reasoning": {"effort": "low", "summary": "detailed"}}, "detailed"),
        ({"reasoning": {"effort": "low", "exclude": False}}, "auto"),
        ({"reasoning": {"effort": "low", "exclude": True}}, "none"),
    ],
)
def test_who_wants_to_see_thoughts(body: dict[str, Any], summary: str | None) -> None:
    request = chat.decode_request({"messages": [], **body}, "m", False)
    assert request.reasoning == Reasoning(effort="low", summary=summary)
