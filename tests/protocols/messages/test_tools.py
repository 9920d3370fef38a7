from typing import Any

import pytest

from ccx_addons.core.neutral import (
    Message,
    Request,
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    safe_name,
)
from ccx_addons.protocols import messages
from tests.protocols.messages.values import MANUAL, MODERN, OTHER, ask

NEWEST = "claude-opus-5-5"
F, G = Tool("f"), Tool("g")


def encode(model: str = MODERN, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    body, losses = messages.encode_request(ask(model, **fields))
    return body, [loss.path for loss in losses]


@pytest.mark.parametrize(
    ("parameters", "schema", "losses"),
    [
        pytest.param({}, {"type": "object", "properties": {}}, [], id="empty"),
        pytest.param({"type": "object", "properties": {"a": {}}, "$schema": "x"}, {"type": "object", "properties": {"a": {}}, "$schema": "x"},
                     [], id="object"),
        pytest.param({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}, [], id="untyped"),
        pytest.param({"anyOf": [{"properties": {"a": {}, "b": {}}, "required": ["a", "b"]}, {"properties": {"a": {}}, "required": ["a"]}]},
                     {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]}, ["tools[0].input_schema"], id="anyOf"),
        pytest.param({"type": "object", "properties": {"c": {"type": "string"}}, "required": ["c"],
                      "allOf": [{"properties": {"a": {}, "c": {}}, "required": ["a"]}, {"properties": {"b": {}}}]},
                     {"type": "object", "properties": {"b": {}, "a": {}, "c": {"type": "string"}}, "required": ["a", "c"]},
                     ["tools[0].input_schema"], id="allOf"),
        pytest.param({"oneOf": "nonsense"}, {"type": "object", "properties": {}, "required": []}, ["tools[0].input_schema"], id="nonsense"),
    ],
)  # fmt: skip
def test_schemas(parameters: dict[str, Any], schema: dict[str, Any], losses: list[str]) -> None:
    body, lost = encode(tools=(Tool("f", "d", parameters),))
    assert body["tools"] == [{"name": "f", "description": "d", "input_schema": schema}]
    assert lost == losses


CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("model", "tool", "strict", "losses"),
    [
        pytest.param(MODERN, Tool("f", parameters=CLOSED), None, [], id="not said"),
        pytest.param(MODERN, Tool("f", parameters=CLOSED, strict=False), False, [], id="no"),
        pytest.param(MODERN, Tool("f", parameters=CLOSED, strict=True), True, [], id="yes"),
        pytest.param(MODERN, Tool("f", parameters={"type": "object", "properties": {"a": {"maximum": 5}}}, strict=True), None,
                     ["tools[0].strict"], id="a schema with limits"),
        pytest.param("claude-sonnet-4-20250514", Tool("f", parameters=CLOSED, strict=True), None, ["tools[0].strict"], id="older model"),
    ],
)  # fmt: skip
def test_strict(model: str, tool: Tool, strict: bool | None, losses: list[str]) -> None:
    body, lost = encode(model, tools=(tool,))
    assert (body["tools"][0].get("strict"), lost) == (strict, losses)


@pytest.mark.parametrize(
    ("model", "choice", "parallel", "wire", "names", "losses"),
    [
        pytest.param(MODERN, None, None, None, "fg", [], id="nothing said"),
        pytest.param(MODERN, None, False, {"type": "auto", "disable_parallel_tool_use": True}, "fg", [], id="one at a time"),
        pytest.param(MODERN, ToolChoice("auto"), True, {"type": "auto", "disable_parallel_tool_use": False}, "fg", [], id="parallel"),
        pytest.param(MODERN, ToolChoice("none"), False, {"type": "none"}, "fg", [], id="none"),
        pytest.param(MODERN, ToolChoice("any"), None, {"type": "any"}, "fg", [], id="any"),
        pytest.param(MODERN, ToolChoice("any", ("g",)), False, {"type": "tool", "name": "g", "disable_parallel_tool_use": True}, "fg", [],
                     id="one"),
        pytest.param(MODERN, ToolChoice("any", ("f", "g")), None, {"type": "any"}, "fg", [], id="any of two"),
        pytest.param(MODERN, ToolChoice("auto", ("g",)), None, {"type": "auto"}, "g", [], id="perhaps one"),
        pytest.param(NEWEST, ToolChoice("any"), None, {"type": "auto"}, "fg", ["tool_choice"], id="no force"),
        pytest.param(NEWEST, ToolChoice("any", ("g",)), None, {"type": "auto"}, "g", ["tool_choice"], id="no force, one"),
    ],
)  # fmt: skip
def test_choices(
    model: str, choice: ToolChoice | None, parallel: bool | None, wire: Any, names: str, losses: list[str]
) -> None:
    body, lost = encode(model, tools=(F, G), tool_choice=choice, parallel_tools=parallel)
    assert body.get("tool_choice") == wire
    assert "".join(tool["name"] for tool in body["tools"]) == names
    assert lost == losses


@pytest.mark.parametrize(
    ("choice", "losses"), [(None, []), (ToolChoice("auto"), []), (ToolChoice("none"), []), (ToolChoice("any"), ["tool_choice"])]
)  # fmt: skip
def test_a_choice_without_tools(choice: ToolChoice | None, losses: list[str]) -> None:
    body, lost = encode(tool_choice=choice, parallel_tools=False)
    assert "tool_choice" not in body
    assert "tools" not in body
    assert lost == losses


def test_a_history_with_calls_has_definitions() -> None:
    talk = (
        Message("user", (Text("a"),)),
        Message("assistant", (ToolCall("1", "ns.f", "{}"), ToolCall("2", "ns.f", "{}"))),
        Message("user", (ToolResult("1", ()), ToolResult("2", ()))),
    )
    body, losses = messages.encode_request(Request(MODERN, talk))
    assert body["tools"] == [{"name": "ns_f", "input_schema": {"type": "object", "properties": {}}}]
    assert body["tool_choice"] == {"type": "none"}
    assert body["messages"][1]["content"][0]["name"] == "ns_f"
    assert losses == []


def test_names_that_are_not_taken_are_renamed() -> None:
    tools = (Tool("a.b"), Tool("a_b"), Tool("x" * 70))
    body, _ = encode(tools=tools, tool_choice=ToolChoice("any", ("a.b",)))
    first, second, third = (tool["name"] for tool in body["tools"])
    assert (second, third) == ("a_b", safe_name("x" * 70))
    assert first not in (second, "a.b")
    assert body["tool_choice"]["name"] == first


def test_a_function_comes_before_a_served_tool_of_its_name() -> None:
    body, losses = encode(tools=(ServerTool("web_search", "chat", {}), Tool("web_search"), Tool("f")))
    assert [(tool["name"], tool.get("type")) for tool in body["tools"]] == [("web_search", None), ("f", None)]
    assert losses == ["tools[0]"]


@pytest.mark.parametrize(
    ("tool", "wire", "losses"),
    [
        pytest.param(ServerTool("other", "messages", {"type": "bash_20250124", "name": "bash"}), {"type": "bash_20250124", "name": "bash"}, [],
                     id="own"),
        pytest.param(ServerTool("web_search", "responses", {"type": "web_search", "filters": {"allowed_domains": ["a.test"]},
                                "user_location": {"type": "approximate", "city": "Bern", "region": None}}),
                     {"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.test"],
                      "user_location": {"type": "approximate", "city": "Bern"}}, [], id="search of Responses"),
        pytest.param(ServerTool("web_search", "chat", {"user_location": {"type": "approximate", "approximate": {"country": "CH"}}}),
                     {"type": "web_search_20250305", "name": "web_search", "user_location": {"type": "approximate", "country": "CH"}}, [],
                     id="search of Chat"),
        pytest.param(ServerTool("web_search", "gemini", {"googleSearch": {}}), {"type": "web_search_20250305", "name": "web_search"}, [],
                     id="search of Gemini"),
        pytest.param(ServerTool("web_search", "gemini", {"googleSearch": {"excludeDomains": ["a.test"]}}),
                     {"type": "web_search_20250305", "name": "web_search", "blocked_domains": ["a.test"]}, [], id="domains left out"),
        pytest.param(ServerTool("web_search", "gemini", {"enterpriseWebSearch": {"exclude_domains": ["a.test"]}}),
                     {"type": "web_search_20250305", "name": "web_search", "blocked_domains": ["a.test"]}, [], id="search of firms"),
        pytest.param(ServerTool("web_fetch", "gemini", {"urlContext": {}}), {"type": "web_fetch_20250910", "name": "web_fetch"}, [], id="fetch"),
        pytest.param(ServerTool("code", "responses", {"type": "code_interpreter"}),
                     {"type": "code_execution_20250825", "name": "code_execution"}, [], id="code"),
        pytest.param(ServerTool("file_search", "responses", {"type": "file_search"}), None, ["tools[0]"], id="file search"),
        pytest.param(ServerTool("image", "responses", {"type": "image_generation"}), None, ["tools[0]"], id="image"),
        pytest.param(ServerTool("mcp", "responses", {"type": "mcp"}), None, ["tools[0]"], id="mcp"),
    ],
)  # fmt: skip
def test_server_tools(tool: ServerTool, wire: Any, losses: list[str]) -> None:
    body, lost = encode(tools=(tool,))
    assert body.get("tools") == ([wire] if wire else None)
    assert lost == losses


@pytest.mark.parametrize("model", [MODERN, MANUAL, OTHER])
def test_own_fields_of_a_tool(model: str) -> None:
    tool = Tool("f", parameters=CLOSED, extra={"messages": {"defer_loading": True}, "chat": {"x": 1}})
    assert encode(model, tools=(tool,))[0]["tools"] == [{"name": "f", "input_schema": CLOSED, "defer_loading": True}]
