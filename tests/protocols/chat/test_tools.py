"""Tools, choices and calls, both ways."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ccx_addons import vendors
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import Loss, OutputFormat, ServerTool, Tool, ToolCall, ToolChoice
from ccx_addons.protocols.chat import encode_request
from ccx_addons.protocols.chat.tools import (
    FREEFORM_SCHEMA,
    ClientTools,
    Naming,
    legacy_choice,
    legacy_tools,
    made_up_id,
    read_call,
    read_tool,
    read_tool_choice,
    write_tool_choice,
    write_tools,
    write_web_search,
)
from ccx_addons.vendors.facts import Chat
from tests.protocols.chat.values import ask

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}
NEWEST = vendors.chat("", "gpt-5.1")


def function(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


@pytest.mark.parametrize(
    ("wire", "tool"),
    [
        pytest.param(
            function("f", description="d", parameters=SCHEMA, strict=True), Tool("f", "d", SCHEMA, True), id="function"
        ),
        pytest.param({"function": {"name": "f"}}, Tool("f"), id="without type and parameters"),
        pytest.param(
            {**function("f", examples=[1]), "cache_control": {}},
            Tool("f", extra={"chat": {"cache_control": {}, "function": {"examples": [1]}}}), id="unknown fields",
        ),
        pytest.param(
            {"type": "custom", "custom": {"name": "p", "description": "d", "format": GRAMMAR}},
            Tool("p", "d", FREEFORM_SCHEMA, freeform=True, extra={"chat": {"format": GRAMMAR}}), id="custom",
        ),
        pytest.param(
            {"type": "web_search", "web_search": {"enable": True}},
            ServerTool("web_search", "chat", {"type": "web_search", "web_search": {"enable": True}}), id="GLM's search",
        ),
        pytest.param(
            {"type": "builtin_function", "function": {"name": "$web_search"}},
            ServerTool("other", "chat", {"type": "builtin_function", "function": {"name": "$web_search"}}),
            id="Kimi's search",
        ),
    ],
)  # fmt: skip
def test_read_tool(wire: dict[str, Any], tool: Tool | ServerTool) -> None:
    assert read_tool(wire, "tools[0]") == tool


@pytest.mark.parametrize(
    ("wire", "param"),
    [
        (5, "t"),
        ({"type": 5}, "t"),
        ({"type": "function"}, "t.function"),
        (function("f", parameters=[]), "t.function.parameters"),
        ({"type": "function", "function": {}}, "t.function.name"),
        ({"type": "custom", "custom": {}}, "t.custom.name"),
    ],
)
def test_tools_that_cannot_be_understood(wire: Any, param: str) -> None:
    with pytest.raises(BadRequest) as bad:
        read_tool(wire, "t")
    assert bad.value.param == param


ALLOWED = {
    "type": "allowed_tools",
    "allowed_tools": {
        "mode": "required",
        "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "p"}}],
    },
}


@pytest.mark.parametrize(
    ("wire", "choice"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ("any", ToolChoice("any")),
        (function("f"), ToolChoice("any", ("f",))),
        ({"type": "custom", "custom": {"name": "p"}}, ToolChoice("any", ("p",))),
        (ALLOWED, ToolChoice("any", ("f", "p"))),
    ],
)
def test_read_tool_choice(wire: Any, choice: ToolChoice | None) -> None:
    assert read_tool_choice(wire) == choice


@pytest.mark.parametrize("wire", ["sometimes", 5, {}, {"type": "function"}, {"type": "allowed_tools"}])
def test_choices_that_cannot_be_understood(wire: Any) -> None:
    with pytest.raises(BadRequest) as bad:
        read_tool_choice(wire)
    assert bad.value.param == "tool_choice"


def test_deprecated_functions() -> None:
    (tool,) = legacy_tools([{"name": "f", "parameters": SCHEMA}])
    assert (tool.name, tool.parameters) == ("f", SCHEMA)
    assert ClientTools(ask(tools=(tool,))).legacy
    assert legacy_choice({"name": "f"}) == ToolChoice("any", ("f",))
    assert legacy_choice("auto") == ToolChoice("auto")
    (written,) = write_tools(ask(tools=(tool,)), NEWEST, Naming.of(ask(tools=(tool,)), NEWEST), [])
    assert written == function("f", parameters=SCHEMA)


@pytest.mark.parametrize(
    ("wire", "call"),
    [
        ({"id": "c", **function("f", arguments="{}")}, ToolCall("c", "f", "{}")),
        ({"id": "c", **function("f", arguments={"a": 1})}, ToolCall("c", "f", '{"a":1}')),
        ({"id": "c", **function("f")}, ToolCall("c", "f", "")),
        (
            {"id": "c", "type": "custom", "custom": {"name": "p", "input": 'say "hi"\n'}},
            ToolCall("c", "p", '{"input":"say \\"hi\\"\\n"}'),
        ),
        (
            {"id": "c", **function("f", arguments="{}"), "extra_content": {"google": {"thought_signature": "s"}}},
            ToolCall("c", "f", "{}", {"chat": {"extra_content": {"google": {"thought_signature": "s"}}}}),
        ),
    ],
)
def test_read_call(wire: dict[str, Any], call: ToolCall) -> None:
    assert read_call(wire, "c") == call


# ---- towards an upstream ---------------------------------------------------------------------------------------------
PATCH = Tool("patch", "Edits.", FREEFORM_SCHEMA, freeform=True, extra={"chat": {"format": GRAMMAR}})
FLAT = {"responses": {"format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}}}
CODEX = Tool("patch", "Edits.", FREEFORM_SCHEMA, freeform=True, extra=FLAT)
SAID = replace(CODEX, description="Edits.\n\nThe input must match this lark grammar:\nstart: A")


@pytest.mark.parametrize("tool", [pytest.param(PATCH, id="of this protocol"), pytest.param(CODEX, id="of Responses")])
def test_a_freeform_tool_is_custom_where_the_model_has_that(tool: Tool) -> None:
    losses: list[Loss] = []
    request = ask(tools=(tool,))
    (written,) = write_tools(request, NEWEST, Naming.of(request, NEWEST), losses)
    assert written == {"type": "custom", "custom": {"name": "patch", "description": "Edits.", "format": GRAMMAR}}
    assert losses == []


@pytest.mark.parametrize(
    "tool",
    [
        pytest.param(PATCH, id="of this protocol"),
        pytest.param(CODEX, id="of Responses"),
        pytest.param(SAID, id="with the words already"),
    ],
)
def test_a_freeform_tool_is_else_a_function_that_speaks_of_its_grammar(tool: Tool) -> None:
    losses: list[Loss] = []
    request = ask("glm-5", tools=(tool,))
    naming = Naming.of(request, Chat())
    (written,) = write_tools(request, Chat(), naming, losses)
    assert written["type"] == "function"
    assert written["function"]["parameters"] == FREEFORM_SCHEMA
    assert written["function"]["description"].startswith("Edits.\n\n")
    assert "lark" in written["function"]["description"]
    assert written["function"]["description"].count("start: A") == 1
    assert [loss.path for loss in losses] == ["tools[0].format"]
    call = naming.call(ToolCall("c", "patch", '{"input":"x"}'), "c")
    assert call == {"id": "c", **function("patch", arguments='{"input":"x"}')}


@pytest.mark.parametrize(
    ("parameters", "written"),
    [
        ({}, {"type": "object", "properties": {}}),
        ({"type": "object"}, {"type": "object", "properties": {}}),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
        (SCHEMA, SCHEMA),
        ({"type": "string"}, {"type": "string"}),
    ],
)
def test_a_schema_is_an_object_with_properties(parameters: dict[str, Any], written: dict[str, Any]) -> None:
    request = ask(tools=(Tool("f", parameters=parameters),))
    (tool,) = write_tools(request, Chat(), Naming.of(request, Chat()), [])
    assert tool["function"]["parameters"] == written


CLOSED = {**SCHEMA, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "strict", "said", "lost"),
    [
        pytest.param(CLOSED, True, True, [], id="a closed schema"),
        pytest.param(SCHEMA, True, None, ["tools[0].strict"], id="an open schema"),
        pytest.param({**CLOSED, "required": []}, True, None, ["tools[0].strict"], id="an optional property"),
        pytest.param(SCHEMA, False, False, [], id="not strict"),
    ],
)
def test_strict_only_where_the_schema_allows_it(
    schema: dict[str, Any], strict: bool, said: bool | None, lost: list[str]
) -> None:
    """Messages has strict tools with optional properties; this API refuses them."""
    body, losses = encode_request(ask(tools=(Tool("f", "", schema, strict),)))
    assert body["tools"][0]["function"].get("strict") is said
    assert [loss.path for loss in losses] == lost
    body, losses = encode_request(ask(output=OutputFormat("json_schema", schema, "n", strict)))
    assert body["response_format"]["json_schema"].get("strict") is said
    assert [loss.path for loss in losses] == ["output.strict" for _ in lost]


def test_names_are_made_safe_and_found_again() -> None:
    request = ask(tools=(Tool("mcp.files/read"), Tool("mcp.files_read")))
    naming = Naming.of(request, Chat())
    names = [tool["function"]["name"] for tool in write_tools(request, Chat(), naming, [])]
    client = ClientTools(request)
    assert len(set(names)) == 2
    assert [client.name(name) for name in names] == ["mcp.files/read", "mcp.files_read"]
    assert client.name("unknown") == "unknown"


F, G = Tool("f"), Tool("g")


@pytest.mark.parametrize(
    ("model", "choice", "written", "names"),
    [
        ("glm-5", ToolChoice("auto"), "auto", ["f", "g"]),
        ("glm-5", ToolChoice("any"), "required", ["f", "g"]),
        ("glm-5", ToolChoice("none", ("f",)), "none", ["f", "g"]),
        ("glm-5", ToolChoice("any", ("f",)), function("f"), ["f", "g"]),
        ("glm-5", ToolChoice("auto", ("g",)), "auto", ["g"]),
        ("glm-5", ToolChoice("any", ("f", "g")), "required", ["f", "g"]),
        (
            "gpt-5.1",
            ToolChoice("auto", ("g",)),
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function("g")]}},
            ["f", "g"],
        ),
        ("gpt-5.1", None, None, ["f", "g"]),
    ],
)
def test_choices(model: str, choice: ToolChoice | None, written: Any, names: list[str]) -> None:
    request, losses = ask(model, tools=(F, G), tool_choice=choice), list[Loss]()
    rules, naming = vendors.chat("", model), Naming.of(ask(model, tools=(F, G)), vendors.chat("", model))
    tools = write_tools(request, rules, naming, losses)
    assert [tool["function"]["name"] for tool in tools] == names
    assert write_tool_choice(request, tools, rules, naming, losses) == written
    assert losses == []


def test_a_choice_without_tools_is_a_loss_where_it_demands_a_call() -> None:
    losses: list[Loss] = []
    for choice in (ToolChoice("auto"), ToolChoice("any")):
        request = ask(tool_choice=choice)
        assert write_tool_choice(request, [], Chat(), Naming.of(request, Chat()), losses) is None
    assert [loss.path for loss in losses] == ["tool_choice"]


def test_server_tools() -> None:
    own = {"type": "web_search", "web_search": {"enable": True}}
    tools = (
        ServerTool("web_search", "chat", own),
        ServerTool("web_search", "chat", {"search_context_size": "low"}),
        ServerTool("code", "messages", {"type": "code_execution_20250825"}),
    )
    request, losses = ask(tools=tools), list[Loss]()
    assert write_tools(request, NEWEST, Naming.of(request, NEWEST), losses) == [own]
    assert write_web_search(request, losses) == {"web_search_options": {"search_context_size": "low"}}
    assert [loss.path for loss in losses] == ["tools[2]"]


@pytest.mark.parametrize(("model", "options"), [("gpt-5-search-api", {"web_search_options": {}}), ("glm-5", {})])
def test_a_foreign_search_needs_a_model_that_searches(model: str, options: dict[str, Any]) -> None:
    losses: list[Loss] = []
    request = ask(model, tools=(ServerTool("web_search", "messages", {"type": "web_search_20250305"}),))
    assert write_web_search(request, losses) == options
    assert bool(losses) == (not options)


def test_made_up_ids_are_the_same_for_the_same_call() -> None:
    assert made_up_id("a", 1) == made_up_id("a", 1) != made_up_id("a", 2)
    assert len(made_up_id("\ud800")) <= 40
    json.dumps(made_up_id("x"))


@pytest.mark.parametrize(
    ("base_url", "model", "typed"),
    [
        ("https://api.moonshot.ai/v1", "any", True),
        ("", "kimi-k2.5", True),
        ("", "glm-5", False),
    ],
)
def test_schemas_say_their_types_where_the_server_checks_them(base_url: str, model: str, typed: bool) -> None:
    schema = {"type": "object", "properties": {"a": {"description": "anything"}}}
    body, _ = encode_request(ask(model, tools=(Tool("f", parameters=schema),)), base_url)
    found = body["tools"][0]["function"]["parameters"]["properties"]["a"]
    assert found == {"description": "anything", **({"type": "string"} if typed else {})}
