"""Tools and the choice among them (ai.google.dev/api/caching#Tool, #ToolConfig; /gemini-api/docs/tool-combination)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Literal

from ccx_addons.core import read
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.leftovers import written_servers, written_tool
from ccx_addons.core.neutral import Json, Loss, Request, ServerTool, Tool, ToolChoice, safe_names
from ccx_addons.protocols.gemini.mcp import read_servers, write_server
from ccx_addons.protocols.gemini.schema import Room, clean_object, read_schema, whole
from ccx_addons.protocols.gemini.wire import NAME, Fields, camel, enumerated, keep, one_or_many, own
from ccx_addons.vendors.facts import Gemini as Rules

DECLARATION_FIELDS: Final = frozenset({"name", "description", "parameters", "parametersJsonSchema"})
CONFIG_FIELDS: Final = frozenset({"functionCallingConfig"})
MODE_NAMES: Final = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")
CALLING_FIELDS: Final = frozenset({"mode", "allowedFunctionNames"})

MCP: Final = "mcpServers"
SEARCH: Final = "googleSearch"

type ServerKind = Literal["web_search", "web_fetch", "code", "file_search", "computer", "mcp", "other"]

SERVER_KINDS: Final[Mapping[str, ServerKind]] = {
    SEARCH: "web_search",
    "googleSearchRetrieval": "web_search",
    "enterpriseWebSearch": "web_search",
    "parallelAiSearch": "web_search",
    "exaAiSearch": "web_search",
    "urlContext": "web_fetch",
    "codeExecution": "code",
    "fileSearch": "file_search",
    "retrieval": "file_search",
    "computerUse": "computer",
    MCP: "mcp",
}
"""Google's own tools -> neutral kinds; every other one is ``other``."""
SERVER_TOOLS: Final[Mapping[str, str]] = {
    "web_search": SEARCH,
    "web_fetch": "urlContext",
    "code": "codeExecution",
}
"""Neutral kinds that Google has a tool for which needs no settings."""

MODES: Final[Mapping[str, Literal["auto", "any", "none"]]] = {
    "AUTO": "auto",
    "VALIDATED": "auto",
    "ANY": "any",
    "NONE": "none",
}


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def read_tools(value: Json) -> tuple[Tool | ServerTool, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | dict):
        raise BadRequest("tools must be a list", "tools")
    found: list[Tool | ServerTool] = []
    for n, item in enumerate(one_or_many(value)):
        if not isinstance(item, dict):
            raise BadRequest("a tool must be an object", f"tools[{n}]")
        for name, inner in camel(item).items():
            if name == "functionDeclarations":
                path = f"tools[{n}].{name}"
                found += [_read_declaration(each, f"{path}[{d}]") for d, each in enumerate(_list(inner, path))]
            elif inner is not None:
                servers = read_servers(inner) if name == MCP else ()
                found.append(ServerTool(SERVER_KINDS.get(name, "other"), NAME, {name: inner}, servers))
    return tuple(found)


def _read_declaration(value: Json, path: str) -> Tool:
    if not isinstance(value, dict):
        raise BadRequest("a function declaration must be an object", path)
    declaration = camel(value)
    name = declaration.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequest("name must be a string that is not empty", f"{path}.name")
    schema = declaration.get("parametersJsonSchema")
    if schema is None:
        schema = declaration.get("parameters")
    if not isinstance(schema, dict | None):
        raise BadRequest("parameters must be an object", f"{path}.parameters")
    description = read.text(declaration.get("description"))
    return Tool(name, description, read_schema(schema or {}), extra=keep(declaration, DECLARATION_FIELDS))


def _list(value: Json, path: str) -> list[Json]:
    if not isinstance(value, list | dict | None):
        raise BadRequest(f"{path} must be a list", path)
    return one_or_many(value)


def read_tool_config(config: Mapping[str, Json]) -> tuple[ToolChoice | None, Fields]:
    """The choice, and what of ``toolConfig`` has no neutral word."""
    calling = config.get("functionCallingConfig")
    if not isinstance(calling, dict | None):
        raise BadRequest("functionCallingConfig must be an object", "toolConfig.functionCallingConfig")
    calling = camel(calling or {})
    rest = dict(keep(config, CONFIG_FIELDS).get(NAME, {}))
    kept = dict(keep(calling, CALLING_FIELDS).get(NAME, {}))
    choice = None
    if (mode := enumerated(calling.get("mode"), MODE_NAMES)) not in (None, "MODE_UNSPECIFIED"):
        word = read.text(mode).upper()
        if word not in MODES:
            raise BadRequest("mode must be AUTO, ANY, NONE or VALIDATED", "toolConfig.functionCallingConfig.mode")
        names = read.texts(calling.get("allowedFunctionNames"))
        choice = ToolChoice(MODES[word], tuple(names))
        if word == "VALIDATED":
            kept["mode"] = word
    elif calling.get("allowedFunctionNames"):
        kept["allowedFunctionNames"] = calling["allowedFunctionNames"]
    if kept:
        rest["functionCallingConfig"] = kept
    return choice, ({"toolConfig": rest} if rest else {})


def within(tools: Iterable[Tool | ServerTool], choice: ToolChoice | None) -> Iterator[Tool | ServerTool]:
    """The tools, remote servers as far as the choice names their tools: names that are no function's are theirs."""
    given = tuple(tools)
    named = () if choice is None else choice.names
    functions = {tool.name for tool in given if isinstance(tool, Tool)}
    left = tuple(name for name in named if name not in functions)
    for tool in given:
        if named and isinstance(tool, ServerTool) and tool.servers:
            servers = (replace(server, allowed=left) if left else replace(server, off=True) for server in tool.servers)
            yield replace(tool, servers=tuple(servers))
        else:
            yield tool


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def _excluded(value: Mapping[str, Json]) -> Fields:
    domains = read.texts(value.get("blocked_domains"))
    return {"excludeDomains": domains} if domains else {}


def tool_names(request: Request) -> dict[str, str]:
    """Each function's name -> its name on the wire."""
    return safe_names(tool.name for tool in request.tools if isinstance(tool, Tool))


class Tools:
    """What ``tools`` and ``toolConfig`` say of one request: ``tools`` and ``config`` are the result."""

    def __init__(self, request: Request, rules: Rules, names: Mapping[str, str], losses: list[Loss]) -> None:
        self._rules = rules
        self._names = names
        self._losses = losses
        self._choice = request.tool_choice
        self._room = Room()
        self._kept: Fields = own(request.extra).get("toolConfig", {})
        functions: list[Fields] = []
        self.tools: list[Fields] = []
        has_functions = any(isinstance(tool, Tool) for tool in request.tools)
        place = 0
        for n, tool in enumerate(request.tools):
            path = f"tools[{n}]"
            if isinstance(tool, ServerTool):
                if wire := self._server_tool(tool, has_functions, path):
                    self.tools.append(wire)
            elif self._declared(tool):
                place = place if functions else len(self.tools)
                functions.append(self._declaration(tool, path))
        combined = bool(functions and self.tools)
        if functions:
            self.tools.insert(place, {"functionDeclarations": functions})
        self.has_functions = bool(functions)
        self.config = self._config(request, combined)

    def _declared(self, tool: Tool) -> bool:
        """``auto`` among some functions is said by declaring only those: names go with ANY alone."""
        choice = self._choice
        return (
            choice is None or choice.mode != "auto" or not choice.names or tool.name in choice.names or self._validated
        )

    @property
    def _validated(self) -> bool:
        return "mode" in self._kept.get("functionCallingConfig", {})

    def _declaration(self, tool: Tool, path: str) -> Fields:
        declaration: Fields = {"name": self._names[tool.name]}
        if tool.description:
            declaration["description"] = tool.description
        schema, lost = clean_object(tool.parameters, self._room)
        if lost and self._rules.json_schema:
            declaration["parametersJsonSchema"] = {**whole(tool.parameters, self._room), "type": "object"}
        else:
            declaration["parameters"] = schema
            if lost:
                self._losses.append(Loss(f"{path}.parameters", f"there is no word here for: {', '.join(lost)}"[:300]))
        if tool.strict:
            self._losses.append(Loss(f"{path}.strict", "there are no strict functions here"))
        return declaration | own(tool.extra)

    def _server_tool(self, tool: ServerTool, has_functions: bool, path: str) -> Fields | None:
        if tool.protocol == NAME:
            return dict(tool.value)
        if tool.servers and self._choice and self._choice.mode == "none":
            return None  # the mode is one of functions
        if tool.servers:
            servers = written_servers(tool, path, write_server, self._losses)
            return {MCP: servers} if servers else None
        name = SERVER_TOOLS.get(tool.kind)
        if name is None:
            self._losses.append(Loss(path, f"there is no {tool.kind} tool here"))
            return None
        if has_functions and not self._rules.server_tools_with_functions:
            self._losses.append(Loss(path, "the model takes either functions or tools of its own"))
            return None
        excludes = name == SEARCH and self._rules.excludes
        return written_tool(tool, path, lambda value: {name: _excluded(value) if excludes else {}}, self._losses)

    def _config(self, request: Request, combined: bool) -> Fields:
        calling: Fields = {}
        choice = self._choice
        if choice and not self.has_functions:
            if choice.mode == "any":
                self._losses.append(Loss("tool_choice", "there is no function to call"))
        elif choice:
            calling["mode"] = choice.mode.upper()
            names = [self._names[name] for name in choice.names if name in self._names]
            if names and (choice.mode == "any" or self._validated):
                calling["allowedFunctionNames"] = names
        if request.parallel_tools is False and self.has_functions:
            self._losses.append(Loss("parallel_tools", "parallel calls cannot be forbidden"))
        config = {name: value for name, value in self._kept.items() if name != "functionCallingConfig"}
        if self.has_functions:
            calling |= self._kept.get("functionCallingConfig", {})
        if calling:
            config["functionCallingConfig"] = calling
        if combined and self._rules.server_tools_with_functions and self._rules.signatures:
            config.setdefault("includeServerSideToolInvocations", True)
        return config
