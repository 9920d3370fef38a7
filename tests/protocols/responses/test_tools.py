from typing import Any

import pytest

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import Loss, Request, ServerTool, Tool, ToolChoice
from ccx_addons.protocols.responses.tools import (
    FREEFORM_SCHEMA,
    Naming,
    ToolBox,
    joined,
    read_tool_choice,
    write_tool_choice,
    write_tools,
)
from tests.protocols.responses.values import (
    APPLY_PATCH,
    CODEX,
    CODEX_TOOLS,
    GRAMMAR,
    NAMESPACE,
    SCHEMA,
    ask,
    asked,
    own,
)


def box_of(*tools: Any) -> ToolBox:
    box = ToolBox()
    box.add(tools, "tools")
    return box


def names(box: ToolBox) -> list[str]:
    return [tool.name for tool in box.tools if isinstance(tool, Tool)]


def written(request: Request) -> tuple[list[dict[str, Any]], list[Loss]]:
    losses: list[Loss] = []
    return write_tools(request, Naming(request), losses), losses


# ---- reading ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "tool"),
    [
        pytest.param(
            {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True, "defer_loading": True},
            Tool("f", "d", SCHEMA, True, extra=own(defer_loading=True)),
            id="function",
        ),
        pytest.param(
            {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}, Tool("f", "", SCHEMA), id="as Chat writes it"
        ),
        pytest.param({"type": "function", "name": "f", "parameters": None}, Tool("f"), id="no parameters"),
        pytest.param(
            {"type": "custom", "name": "c", "description": "d", "format": {"type": "text"}},
            Tool("c", "d", FREEFORM_SCHEMA, freeform=True, extra=own(format={"type": "text"})),
            id="custom",
        ),
        pytest.param({"type": "web_search_preview"}, ServerTool("web_search", "responses", {"type": "web_search_preview"}), id="search"),
        pytest.param({"type": "tool_search"}, ServerTool("other", "responses", {"type": "tool_search"}), id="search on the server"),
        pytest.param("web_search", ServerTool("web_search", "responses", {"type": "web_search"}), id="a bare name"),
    ],
)  # fmt: skip
def test_one_tool(value: Any, tool: Tool | ServerTool) -> None:
    assert box_of(value).tools == [tool]


def test_a_grammar_is_said_in_words_too() -> None:
    (tool,) = box_of(APPLY_PATCH).tools
    assert isinstance(tool, Tool)
    assert tool.freeform and tool.parameters == FREEFORM_SCHEMA
    assert tool.description.startswith("Edits files.\n\n") and GRAMMAR["definition"] in tool.description


@pytest.mark.parametrize("kind", ["local_shell", "shell", "apply_patch"])
def test_native_tools_are_functions(kind: str) -> None:
    (tool,) = box_of({"type": kind}).tools
    assert isinstance(tool, Tool)
    assert (tool.name, tool.freeform, tool.extra) == (kind, False, own(type=kind))
    assert tool.parameters["required"] and tool.description


def test_bare_names_of_codex() -> None:
    patch, search, shell = box_of("apply_patch", "tool_search", "local_shell").tools
    assert isinstance(patch, Tool) and isinstance(search, Tool) and isinstance(shell, Tool)
    assert patch.freeform and not search.freeform
    assert [patch.name, search.name, shell.name] == ["apply_patch", "tool_search", "local_shell"]


def test_a_namespace_is_a_part_of_the_names() -> None:
    box = box_of(NAMESPACE, {"type": "function", "name": "a__b"})
    assert names(box) == ["mcp__docs__search", "mcp__docs__note", "a__b"]
    assert box.name("mcp__docs", "search") == "mcp__docs__search"
    assert box.name("", "a__b") == "a__b"
    assert box.name("other", "search") == "other__search"
    assert joined("mcp__docs__", "search") == "mcp__docs__search"


def test_names_that_look_alike_are_told_apart() -> None:
    space = {"type": "namespace", "name": "a", "tools": [{"type": "function", "name": "b"}]}
    box = box_of(
        {"type": "function", "name": "a__b"}, space, {"type": "function", "name": "a__b", "description": "again"}
    )
    assert names(box) == ["a__b", "a__b_2"]
    assert (box.name("", "a__b"), box.name("a", "b")) == ("a__b", "a__b_2")


def test_a_namespace_without_a_name_is_none() -> None:
    assert names(box_of({"type": "namespace", "tools": [{"type": "function", "name": "b"}]})) == ["b"]


@pytest.mark.parametrize(
    ("value", "param"),
    [
        (5, "tools[0]"),
        ({"type": 5}, "tools[0]"),
        ({"type": "function"}, "tools[0].name"),
        ({"type": "function", "name": "f", "parameters": []}, "tools[0].parameters"),
        ({"type": "custom", "name": 1}, "tools[0].name"),
        ({"type": "namespace", "name": "n"}, "tools[0].tools"),
        ({"type": "namespace", "name": "n", "tools": [{"type": "web_search"}]}, "tools[0].tools[0]"),
        ({"type": "namespace", "name": "n", "tools": [NAMESPACE]}, "tools[0].tools[0]"),
    ],
)
def test_what_cannot_be_read_is_named(value: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        box_of(value)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ({"type": "function", "name": "get_goal"}, ToolChoice("any", ("get_goal",))),
        ({"type": "function", "function": {"name": "get_goal"}}, ToolChoice("any", ("get_goal",))),
        ({"type": "custom", "name": "apply_patch"}, ToolChoice("any", ("apply_patch",))),
        ({"type": "function", "name": "search", "namespace": "mcp__docs"}, ToolChoice("any", ("mcp__docs__search",))),
        ({"type": "local_shell"}, ToolChoice("any", ("local_shell",))),
        ({"type": "shell"}, None),
        ({"type": "web_search"}, ToolChoice("any", ("web_search",))),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a"}, {"type": "mcp"}]},
            ToolChoice("auto", ("a",)),
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "a"}]},
            ToolChoice("any", ("a",)),
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}, None),
    ],
)
def test_choices(value: Any, choice: ToolChoice | None) -> None:
    assert read_tool_choice(value, box_of(*CODEX_TOOLS)) == choice


@pytest.mark.parametrize("value", [5, "sometimes", {"name": "f"}, {"type": "function"}])
def test_choices_that_cannot_be_read(value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        read_tool_choice(value, box_of())
    assert caught.value.param.startswith("tool_choice")


# ---- writing ---------------------------------------------------------------------------------------------------------
def test_codex_tools_go_back_as_they_came() -> None:
    tools, losses = written(CODEX)
    assert tools == CODEX_TOOLS
    assert losses == []


def test_strict_mode_is_off_unless_it_was_asked_for() -> None:
    loose = {"type": "object", "properties": {"a": {}}}
    tools, losses = written(ask(tools=(Tool("a", "", SCHEMA), Tool("b", "", SCHEMA, True), Tool("c", "", loose, True))))
    assert [tool["strict"] for tool in tools] == [False, True, False]
    assert [loss.path for loss in losses] == ["tools[2].strict"]
    assert "strict" not in written(asked(tools=[{"type": "function", "name": "a"}]))[0][0]


def test_custom_tools_of_chat() -> None:
    nested = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}
    tool = Tool("patch", "Edits.", FREEFORM_SCHEMA, freeform=True, extra={"chat": {"format": nested}})
    plain = Tool("note", "", FREEFORM_SCHEMA, freeform=True)
    assert written(ask(tools=(tool, plain)))[0] == [
        {
            "type": "custom",
            "name": "patch",
            "description": "Edits.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"},
        },
        {"type": "custom", "name": "note"},
    ]


def test_names_are_made_safe() -> None:
    request = ask(tools=(Tool("a.b"), Tool("a/b")))
    naming = Naming(request)
    first, second = (naming.wire_name(name) for name in ("a.b", "a/b"))
    assert first != second and [tool["name"] for tool in written(request)[0]] == [first, second]
    assert [naming.client_name(name) for name in (first, second, "other")] == ["a.b", "a/b", "other"]
    assert naming.wire_name("not.there") == "not_there"


@pytest.mark.parametrize(
    ("tool", "block"),
    [
        pytest.param(
            ServerTool("web_search", "messages", {"allowed_domains": ["x.test"], "user_location": {"type": "approximate", "city": "Bonn"}}),
            {
                "type": "web_search",
                "filters": {"allowed_domains": ["x.test"]},
                "user_location": {"type": "approximate", "city": "Bonn"},
            },
            id="of Messages",
        ),
        pytest.param(
            ServerTool("web_search", "chat", {"search_context_size": "low", "user_location": {"type": "approximate", "approximate": {"city": "Bonn"}}}),
            {"type": "web_search", "user_location": {"type": "approximate", "city": "Bonn"}, "search_context_size": "low"},
            id="of Chat",
        ),
        pytest.param(ServerTool("web_search", "gemini", {}), {"type": "web_search"}, id="of Gemini"),
        pytest.param(
            ServerTool("code", "messages", {}), {"type": "code_interpreter", "container": {"type": "auto"}}, id="code"
        ),
        pytest.param(ServerTool("mcp", "responses", {"type": "mcp", "a": 1}), {"type": "mcp", "a": 1}, id="its own"),
    ],
)  # fmt: skip
def test_tools_of_the_upstream(tool: ServerTool, block: dict[str, Any]) -> None:
    tools, losses = written(ask(tools=(tool,)))
    assert tools == [block]
    assert losses == []


def test_tools_of_another_upstream_get_lost() -> None:
    tools, losses = written(ask(tools=(ServerTool("computer", "messages", {}), Tool("f"))))
    assert [tool["name"] for tool in tools] == ["f"]
    assert [loss.path for loss in losses] == ["tools[0]"]


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (None, None),
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("any"), "required"),
        (ToolChoice("any", ("get_goal",)), {"type": "function", "name": "get_goal"}),
        (ToolChoice("any", ("apply_patch",)), {"type": "custom", "name": "apply_patch"}),
        (ToolChoice("any", ("local_shell",)), {"type": "local_shell"}),
        (
            ToolChoice("any", ("mcp__docs__search",)),
            {"type": "function", "name": "search", "namespace": "mcp__docs"},
        ),
        (
            ToolChoice("auto", ("get_goal", "apply_patch")),
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "get_goal"}, {"type": "custom", "name": "apply_patch"}],
            },
        ),
        (
            ToolChoice("any", ("a.b", "c")),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "a_b"}, {"type": "function", "name": "c"}],
            },
        ),
    ],
)
def test_writing_choices(choice: ToolChoice | None, wire: Any) -> None:
    request = ask(tools=CODEX.tools, tool_choice=choice)
    assert write_tool_choice(request, written(request)[0], Naming(request), []) == wire


def test_a_choice_without_tools() -> None:
    losses: list[Loss] = []
    request = ask(tool_choice=ToolChoice("any"))
    assert write_tool_choice(request, [], Naming(request), losses) is None
    assert [loss.path for loss in losses] == ["tool_choice"]
