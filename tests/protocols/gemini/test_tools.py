from typing import Any

import pytest

from ccx_addons import vendors
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.mcp import McpServer
from ccx_addons.core.neutral import Loss, ServerTool, Tool, ToolChoice
from ccx_addons.protocols.gemini.tools import Tools, read_tool_config, read_tools, tool_names, within
from tests.protocols.gemini.values import OLD, PRO, RELAY, ask

F = Tool("f", "does f")
WIRE_F = {"name": "f", "description": "does f", "parameters": {"type": "object"}}
SEARCH = ServerTool("web_search", "messages", {"type": "web_search_20250305"})


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wire", "tools"),
    [
        pytest.param(None, (), id="none"),
        pytest.param([{"functionDeclarations": [{"name": "f", "description": "does f"}]}], (F,), id="function"),
        pytest.param({"function_declarations": {"name": "f", "description": "does f"}}, (F,), id="one in place of many"),
        pytest.param(
            [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}]}],
            (Tool("f", "", {"type": "object", "properties": {"a": {"type": "string"}}}),), id="capitals",
        ),
        pytest.param(
            [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"$ref": "#/x"}, "behavior": "BLOCKING"}]}],
            (Tool("f", "", {"$ref": "#/x"}, extra={"gemini": {"behavior": "BLOCKING"}}),), id="json schema",
        ),
        pytest.param(
            [{"googleSearch": {}, "url_context": {}}, {"codeExecution": {}}, {"googleMaps": {"enableWidget": True}}, {"fileSearch": None}],
            (
                ServerTool("web_search", "gemini", {"googleSearch": {}}), ServerTool("web_fetch", "gemini", {"urlContext": {}}),
                ServerTool("code", "gemini", {"codeExecution": {}}), ServerTool("other", "gemini", {"googleMaps": {"enableWidget": True}}),
            ), id="Google's own",
        ),
    ],
)  # fmt: skip
def test_read_tools(wire: Any, tools: tuple[Tool | ServerTool, ...]) -> None:
    assert read_tools(wire) == tools


@pytest.mark.parametrize(
    ("wire", "param"),
    [
        ("x", "tools"),
        ([3], "tools[0]"),
        ([{}, {"functionDeclarations": "x"}], "tools[1].functionDeclarations"),
        ([{"functionDeclarations": [3]}], "tools[0].functionDeclarations[0]"),
        ([{"functionDeclarations": [{}]}], "tools[0].functionDeclarations[0].name"),
        ([{"functionDeclarations": [{"name": ""}]}], "tools[0].functionDeclarations[0].name"),
        ([{"functionDeclarations": [{"name": "f", "parameters": []}]}], "tools[0].functionDeclarations[0].parameters"),
    ],
)
def test_tools_that_cannot_be_understood(wire: Any, param: str) -> None:
    with pytest.raises(BadRequest) as bad:
        read_tools(wire)
    assert bad.value.param == param


@pytest.mark.parametrize(
    ("calling", "choice", "kept"),
    [
        pytest.param(None, None, {}, id="nothing"),
        pytest.param({"mode": "MODE_UNSPECIFIED"}, None, {}, id="unspecified"),
        pytest.param({"mode": 0}, None, {}, id="unspecified, by its number"),
        pytest.param({"mode": 2}, ToolChoice("any"), {}, id="any, by its number"),
        pytest.param({"mode": "AUTO"}, ToolChoice("auto"), {}, id="auto"),
        pytest.param({"mode": "any", "allowed_function_names": ["f", 3]}, ToolChoice("any", ("f",)), {}, id="one, in any case"),
        pytest.param({"mode": "NONE"}, ToolChoice("none"), {}, id="none"),
        pytest.param({"mode": "VALIDATED"}, ToolChoice("auto"), {"functionCallingConfig": {"mode": "VALIDATED"}}, id="validated"),
        pytest.param({"streamFunctionCallArguments": True}, None, {"functionCallingConfig": {"streamFunctionCallArguments": True}}, id="more"),
    ],
)  # fmt: skip
def test_read_tool_config(calling: Any, choice: ToolChoice | None, kept: dict[str, Any]) -> None:
    config = {"functionCallingConfig": calling, "retrievalConfig": {"languageCode": "de"}}
    assert read_tool_config(config) == (choice, {"toolConfig": {"retrievalConfig": {"languageCode": "de"}, **kept}})


@pytest.mark.parametrize("calling", ["x", {"mode": "MAYBE"}, {"mode": 33}])
def test_choices_that_cannot_be_understood(calling: Any) -> None:
    with pytest.raises(BadRequest, match=r"mode|object"):
        read_tool_config({"functionCallingConfig": calling})


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def written(*tools: Tool | ServerTool, model: str = PRO, **fields: Any) -> tuple[Tools, list[str]]:
    request = ask(model, tools=tools, **fields)
    losses: list[Loss] = []
    found = Tools(request, vendors.gemini("", model), tool_names(request), losses)
    return found, [loss.path for loss in losses]


def test_functions() -> None:
    found, lost = written(F, Tool("g h"), Tool("g_h", strict=False))
    names = [declaration["name"] for declaration in found.tools[0]["functionDeclarations"]]
    assert found.tools[0]["functionDeclarations"][0] == WIRE_F
    assert len(set(names)) == 3 and names[2] == "g_h"
    assert (lost, found.config, found.has_functions) == ([], {}, True)


MAP = {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}}


def test_what_the_subset_cannot_say_goes_as_json_schema() -> None:
    found, lost = written(Tool("f", "", {"$schema": "x", **MAP}))
    assert found.tools == [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": MAP}]}]
    assert lost == []


@pytest.mark.parametrize("model", [RELAY, "gemini-2.0-flash"])
def test_or_gets_lost_where_json_schema_is_not_taken(model: str) -> None:
    found, lost = written(Tool("f", "", MAP), model=model)
    schema = {"type": "object", "properties": {"a": {"type": "object"}}}
    assert found.tools == [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]
    assert lost == ["tools[0].parameters"]


def test_strict_functions_are_a_loss() -> None:
    assert written(Tool("f", strict=True))[1] == ["tools[0].strict"]


@pytest.mark.parametrize(
    ("tool", "wire"),
    [
        (SEARCH, {"googleSearch": {}}),
        (ServerTool("web_fetch", "messages", {}), {"urlContext": {}}),
        (ServerTool("code", "responses", {}), {"codeExecution": {}}),
        (ServerTool("other", "gemini", {"googleMaps": {}}), {"googleMaps": {}}),
    ],
)
def test_tools_of_the_upstream(tool: ServerTool, wire: dict[str, Any]) -> None:
    found, lost = written(tool)
    assert (found.tools, lost, found.config, found.has_functions) == ([wire], [], {}, False)


@pytest.mark.parametrize(
    ("url", "settings", "lost"),
    [
        ("https://europe-west1-aiplatform.googleapis.com", {"excludeDomains": ["a.test"]}, []),
        ("https://generativelanguage.googleapis.com", {}, ["tools[0].blocked_domains"]),
    ],
)
def test_domains_that_a_search_leaves_out(url: str, settings: dict[str, Any], lost: list[str]) -> None:
    request = ask(PRO, tools=(ServerTool("web_search", "messages", {"blocked_domains": ["a.test"]}),))
    losses: list[Loss] = []
    found = Tools(request, vendors.gemini(url, PRO), {}, losses)
    assert (found.tools, [loss.path for loss in losses]) == ([{"googleSearch": settings}], lost)


@pytest.mark.parametrize(
    ("names", "off", "allowed"), [((), False, None), (("f",), True, None), (("f", "x"), False, ("x",))]
)
def test_names_that_are_no_functions_are_of_servers(names: tuple[str, ...], off: bool, allowed: Any) -> None:
    servers = ServerTool("mcp", "gemini", {}, (McpServer("s", "https://s.test"),))
    _, limited, search = within((F, servers, SEARCH), ToolChoice("any", names))
    assert isinstance(limited, ServerTool) and search is SEARCH
    assert [(server.off, server.allowed) for server in limited.servers] == [(off, allowed)]


@pytest.mark.parametrize("kind", ["file_search", "computer", "image", "mcp", "other"])
def test_tools_that_google_has_not(kind: Any) -> None:
    assert written(ServerTool(kind, "responses", {}))[1] == ["tools[0]"]


def test_functions_and_tools_together() -> None:
    found, lost = written(SEARCH, F)
    assert found.tools == [{"googleSearch": {}}, {"functionDeclarations": [WIRE_F]}]
    assert (found.config, lost) == ({"includeServerSideToolInvocations": True}, [])
    found, lost = written(SEARCH, F, model=OLD)
    assert (found.tools, found.config, lost) == ([{"functionDeclarations": [WIRE_F]}], {}, ["tools[0]"])


G = Tool("g")


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        pytest.param(ToolChoice("auto"), {"mode": "AUTO"}, id="auto"),
        pytest.param(ToolChoice("none"), {"mode": "NONE"}, id="none"),
        pytest.param(ToolChoice("any"), {"mode": "ANY"}, id="any"),
        pytest.param(ToolChoice("any", ("g", "x")), {"mode": "ANY", "allowedFunctionNames": ["g"]}, id="one"),
        pytest.param(ToolChoice("any", ("x",)), {"mode": "ANY"}, id="one that is not there"),
    ],
)
def test_choices(choice: ToolChoice, calling: dict[str, Any]) -> None:
    found, lost = written(F, G, tool_choice=choice)
    assert (found.config, lost) == ({"functionCallingConfig": calling}, [])


def test_auto_among_some_declares_only_those() -> None:
    found, lost = written(F, G, tool_choice=ToolChoice("auto", ("g",)))
    assert [declaration["name"] for declaration in found.tools[0]["functionDeclarations"]] == ["g"]
    assert (found.config, lost) == ({"functionCallingConfig": {"mode": "AUTO"}}, [])


def test_validated_comes_back() -> None:
    kept = {"gemini": {"toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}}}}
    found, _ = written(F, G, tool_choice=ToolChoice("auto", ("g",)), extra=kept)
    assert found.config == {"functionCallingConfig": {"mode": "VALIDATED", "allowedFunctionNames": ["g"]}}
    assert len(found.tools[0]["functionDeclarations"]) == 2


def test_a_choice_without_functions() -> None:
    assert written(tool_choice=ToolChoice("any"))[1] == ["tool_choice"]
    assert written(tool_choice=ToolChoice("none"))[1] == []


def test_parallel_calls_cannot_be_forbidden() -> None:
    assert written(F, parallel_tools=False)[1] == ["parallel_tools"]
    assert written(F, parallel_tools=True)[1] == written(parallel_tools=False)[1] == []
