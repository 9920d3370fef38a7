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
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from ccx_addons.protocols import responses
from tests.protocols.responses.values import CODEX_TOOLS, SCHEMA, own


def read(**body: Any) -> Any:
    return responses.decode_request({"input": "hi", **body}, "m", False)


def turns(*items: Any, **body: Any) -> tuple[Message, ...]:
    messages: tuple[Message, ...] = read(input=list(items), **body).messages
    return messages


HI = Message("user", (Text("hi"),))
CODEX_BODY: dict[str, Any] = {
    "model": "gpt-5.4",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "more"}], "id": "msg_d"},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "hi"}],
            "internal_chat_message_metadata_passthrough": {"a": 1},
        },
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc_x"},
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "let me see"}],
        },
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin Patch\n"},
        {"type": "function_call", "call_id": "c2", "name": "search", "namespace": "mcp__docs", "arguments": "{}", "id": "fc_1"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        {"type": "function_call_output", "call_id": "c2", "output": "found"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go on"}]},
    ],
    "tools": CODEX_TOOLS,
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "high", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199-aaaa",
    "text": {"verbosity": "low"},
    "client_metadata": {"x": "y"},
}  # fmt: skip


def test_a_codex_turn() -> None:
    request = responses.decode_request(CODEX_BODY, "gpt-5.4", True)
    developer = own(item={"role": "developer"})
    assert request.system == (Text("rules", developer), Text("more", own(item={"role": "developer", "id": "msg_d"})))
    assert [message.role for message in request.messages] == ["user", "assistant", "user", "user"]
    thought, said, patch, search = request.messages[1].parts
    assert thought == Thinking("", "enc_x", "responses", extra=own(id="rs_1"))
    assert said == Text("let me see", own(item={"id": "msg_1", "phase": "commentary"}))
    assert isinstance(patch, ToolCall) and isinstance(search, ToolCall)
    assert (patch.name, json.loads(patch.arguments)) == ("apply_patch", {"input": "*** Begin Patch\n"})
    assert (search.name, search.id) == ("mcp__docs__search", "c2")
    assert [part.id for part in request.messages[2].parts if isinstance(part, ToolResult)] == ["c1", "c2"]
    assert request.reasoning == Reasoning(effort="high", summary="auto")
    assert (request.verbosity, request.cache_key, request.parallel_tools) == ("low", "0199-aaaa", True)
    assert request.extra["responses"].keys() == {"store", "include", "client_metadata"}


def test_a_codex_turn_goes_back_as_it_came() -> None:
    body, losses = responses.encode_request(responses.decode_request(CODEX_BODY, "gpt-5.4", True))
    assert losses == []
    assert body == CODEX_BODY


# ---- the conversation ------------------------------------------------------------------------------------------------
def test_a_string_is_the_users() -> None:
    assert read().messages == (HI,)
    assert read(input="").messages == (Message("user", ()),)


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "prompt"])
def test_an_input_may_stand_elsewhere(field: str) -> None:
    request = responses.decode_request({field: "x"}, "m", False)
    assert request.messages == ()
    assert request.extra["responses"] == {field: "x"}


def test_instructions_come_before_system_items() -> None:
    request = read(instructions="a", input=[{"role": "system", "content": "b"}, {"role": "user", "content": "hi"}])
    assert request.system == (Text("a"), Text("b", own(item={"role": "system"})))
    assert request.messages == (HI,)


def test_later_system_items_stay_in_their_place() -> None:
    user = {"role": "user", "content": "hi"}
    assert turns(user, {"role": "developer", "content": "b"}, {"role": "system", "content": "c"}) == (
        HI,
        Message("system", (Text("b"),)),
        Message("system", (Text("c"),), own(role="system")),
    )


def test_a_system_item_with_a_picture_is_a_message() -> None:
    picture = {"type": "input_image", "image_url": "https://x.test/a"}
    (message,) = turns({"role": "developer", "content": [picture]})
    assert message == Message("system", (Media("image/*", url="https://x.test/a"),))


def test_what_the_assistant_says_and_calls_is_one_turn() -> None:
    call = {"type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "r"}
    said = {"role": "assistant", "content": "a"}
    roles = [
        message.role for message in turns(said, call, said, result, result, call, {"role": "user", "content": "hi"})
    ]
    assert roles == ["assistant", "user", "assistant", "user"]


def test_texts_of_the_assistant_keep_their_item() -> None:
    (turn,) = turns(
        {"type": "message", "role": "assistant", "id": "msg_1", "content": ["a", "b"]},
        {"role": "assistant", "content": "c"},
    )
    item = own(item={"id": "msg_1"})
    assert turn.parts == (Text("a", item), Text("b", item), Text("c", apart=True))


@pytest.mark.parametrize(
    ("item", "role"),
    [
        ({"type": "web_search_call", "id": "ws"}, "assistant"),
        ({"type": "item_reference", "id": "x"}, "assistant"),
        ({"type": "compaction", "encrypted_content": "gAAA"}, "assistant"),
        ({"type": "computer_call_output", "call_id": "c"}, "user"),
        ({"type": "mcp_approval_response", "approve": True}, "user"),
    ],
)
def test_other_items_are_opaque(item: dict[str, Any], role: str) -> None:
    assert turns(item) == (Message(role, (Opaque("responses", item),)),)  # type: ignore[arg-type]


def test_a_foreign_thought_goes_back_to_its_origin() -> None:
    item = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "ccx-messages:c2ln",
    }
    assert turns(item) == (Message("assistant", (Thinking("hm", "c2ln", "messages"),)),)


def test_tools_that_came_with_the_conversation() -> None:
    found = {"type": "function", "name": "mail", "parameters": SCHEMA}
    items = [
        {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "extra"}]},
        {"type": "tool_search_call", "call_id": "c", "arguments": {"query": "q"}, "execution": "client"},
        {"type": "tool_search_output", "call_id": "c", "tools": [found], "execution": "client"},
        {"type": "tool_search_output", "call_id": "d", "tools": [found], "execution": "client"},
        {"type": "function_call", "name": "mail", "call_id": "e", "arguments": "{}"},
    ]
    request = read(input=items, tools=["tool_search"])
    assert [tool.name for tool in request.tools] == ["tool_search", "extra", "mail"]
    body, _ = responses.encode_request(request)
    assert [tool.get("name", tool["type"]) for tool in body["tools"]] == ["tool_search", "extra"]
    again = responses.decode_request(body, "m", False)
    assert [tool.name for tool in again.tools if isinstance(tool, Tool)] == ["tool_search", "extra", "mail"]


# ---- fields ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "neutral"),
    [
        ({"max_output_tokens": 5}, {"max_tokens": 5}),
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"parallel_tool_calls": False}, {"parallel_tools": False}),
        ({"user": "u"}, {"user": "u"}),
        ({"safety_identifier": "s"}, {"user": "s"}),
        ({"user": "u", "safety_identifier": "s"}, {"user": "u"}),
        ({"prompt_cache_key": "k"}, {"cache_key": "k"}),
        ({"service_tier": "flex"}, {"service_tier": "flex"}),
        ({"stop": ["a", 5], "presence_penalty": 1}, {"stop": ("a",), "presence_penalty": 1.0}),
        ({"reasoning": {"effort": "HIGH"}}, {"reasoning": Reasoning(effort="high")}),
        ({"reasoning": {"generate_summary": "concise"}}, {"reasoning": Reasoning(summary="concise")}),
        ({"reasoning": {"effort": None, "summary": None}}, {"reasoning": None}),
        ({"reasoning": {"effort": "extreme"}}, {"reasoning": None}),
        ({"text": {"format": {"type": "text"}}}, {"output": OutputFormat("text")}),
        ({"text": {"format": {"type": "json_object"}}}, {"output": OutputFormat("json")}),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}},
            {"output": OutputFormat("json_schema", SCHEMA, "n", True)},
        ),
        ({"text": {"verbosity": "high"}}, {"verbosity": "high", "output": None}),
    ],
)
def test_fields(fields: dict[str, Any], neutral: dict[str, Any]) -> None:
    request = read(**fields)
    assert {name: getattr(request, name) for name in neutral} == neutral


@pytest.mark.parametrize(
    "fields",
    [
        {"safety_identifier": "s"},
        {"metadata": {"a": "b"}, "truncation": "auto", "background": False, "include": ["x"], "made_up": 1},
        {"reasoning": {"effort": "extreme", "context": "auto"}},
        {"text": {"format": {"type": "grammar", "a": 1}, "other": 2}},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "description": "d"}}},
        {"tool_choice": {"type": "web_search"}, "tools": [{"type": "web_search"}]},
        {"stop": ["a"], "frequency_penalty": 1.0},
    ],
)
def test_what_has_no_neutral_name_goes_back(fields: dict[str, Any]) -> None:
    body, losses = responses.encode_request(read(**fields))
    assert losses == []
    assert {name: body[name] for name in fields} == fields


def test_every_request_is_known_to_be_of_this_protocol() -> None:
    assert read().extra == {"responses": {}}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"a": 1}]}, "input[0].type"),
        ({"input": [{"type": 5}]}, "input[0].type"),
        ({"input": [{"role": "robot"}]}, "input[0].role"),
        ({"input": [{"type": "message", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name"),
        ({"input": [{"type": "function_call", "name": "f", "call_id": 1}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": 1}]}, "input[0].arguments"),
        ({"input": [{"type": "custom_tool_call", "name": "f", "input": {}}]}, "input[0].input"),
        ({"input": [{"type": "function_call_output", "call_id": 1}]}, "input[0].call_id"),
        ({"input": "hi", "instructions": ["a"]}, "instructions"),
        ({"input": "hi", "tools": {}}, "tools"),
        ({"input": "hi", "tools": [5]}, "tools[0]"),
        ({"input": [{"type": "additional_tools", "tools": [5]}]}, "input[0].tools[0]"),
        ({"input": "hi", "tool_choice": 5}, "tool_choice"),
        ({"input": "hi", "temperature": "hot"}, "temperature"),
        ({"input": "hi", "temperature": 10**400}, "temperature"),
        ({"input": "hi", "max_output_tokens": 1.5}, "max_output_tokens"),
        ({"input": "hi", "reasoning": "high"}, "reasoning"),
        ({"input": "hi", "text": []}, "text"),
        ({"input": "hi", "text": {"format": {"type": "json_schema", "schema": []}}}, "text.format.schema"),
    ],
)
def test_what_cannot_be_understood_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        responses.decode_request(body, "m", False)
    assert caught.value.param == param


@pytest.mark.parametrize("named", [{"call_id": "c"}, {"id": "c"}, {"id": "lsh_1"}])
def test_the_result_of_a_local_shell_names_its_call_or_the_calls_item(named: dict[str, str]) -> None:
    shell = {"type": "local_shell_call", "id": "lsh_1", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}}
    _, done = turns(shell, {"type": "local_shell_call_output", "output": "x", **named})
    assert [part.id for part in done.parts if isinstance(part, ToolResult)] == ["c"]
