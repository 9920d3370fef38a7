"""Tools, the choice among them, and calls (platform.openai.com/docs/guides/function-calling).

A custom tool takes plain text. Between protocols its arguments are the JSON object ``{"input": text}``.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ccx_addons.core import read
from ccx_addons.core.call_names import client_name
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.freeform import text_in
from ccx_addons.core.leftovers import written_tool
from ccx_addons.core.neutral import (
    Json,
    Loss,
    Request,
    ServerTool,
    Tool,
    ToolCall,
    ToolChoice,
    safe_name,
    safe_names,
)
from ccx_addons.core.openai import fits_strict
from ccx_addons.core.schemas import with_types
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols.chat.foreign import is_flat, nested_choice, nested_tool
from ccx_addons.protocols.chat.wire import NAME, NOTHING, Fields, keep, own, sidecar
from ccx_addons.vendors.facts import Chat as Rules

FREEFORM_SCHEMA: Final[Mapping[str, Json]] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
EMPTY_SCHEMA: Final[Mapping[str, Json]] = {"type": "object", "properties": {}}
LEGACY: Final = "functions"
"""Marks tools that came in the deprecated ``functions``: their client expects ``function_call``."""

TOOL_FIELDS: Final = frozenset({"type", "function"})
FUNCTION_FIELDS: Final = frozenset({"name", "description", "parameters", "strict"})
CUSTOM_FIELDS: Final = frozenset({"name", "description"})
CALL_FIELDS: Final = frozenset({"id", "type", "index", "function", "custom"})

VENDOR: Final = "google"
SIGNATURE: Final = "thought_signature"
"""``extra_content.google.thought_signature`` of a call."""

type ServerKind = Literal["web_search", "web_fetch", "code", "file_search", "computer", "image", "mcp", "other"]
SERVER_KINDS: Final[tuple[tuple[str, ServerKind], ...]] = (
    ("web_search", "web_search"),
    ("code_interpreter", "code"),
    ("file_search", "file_search"),
    ("computer", "computer"),
    ("image_generation", "image"),
    ("mcp", "mcp"),
)
"""How the type of a vendor's own tool begins -> its neutral kind."""


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def read_tool(value: Json, path: str) -> Tool | ServerTool:
    if isinstance(value, dict) and is_flat(value):
        value = nested_tool(value)
    if not isinstance(value, dict) or not isinstance(kind := value.get("type", "function"), str):
        raise BadRequest("a tool must be an object with a type", path)
    if kind == "function":
        function = value.get("function")
        if not isinstance(function, dict):
            raise BadRequest("function must be an object", f"{path}.function")
        return read_function(function, f"{path}.function", {k: v for k, v in value.items() if k not in TOOL_FIELDS})
    if kind == "custom" and isinstance(custom := value.get("custom"), dict):
        name, description = _name(custom, f"{path}.custom"), read.text(custom.get("description"))
        return Tool(name, description, FREEFORM_SCHEMA, freeform=True, extra=keep(custom, CUSTOM_FIELDS))
    other: ServerKind = "other"
    found = next((neutral for prefix, neutral in SERVER_KINDS if kind.startswith(prefix)), other)
    return ServerTool(found, NAME, value)


def read_function(function: Mapping[str, Json], path: str, beside: Mapping[str, Json]) -> Tool:
    """``beside``: fields that stand beside ``function``, e.g. a cache mark."""
    parameters = function.get("parameters")
    if not isinstance(parameters, dict | None):
        raise BadRequest("parameters must be an object", f"{path}.parameters")
    inner = {name: value for name, value in function.items() if name not in FUNCTION_FIELDS and value is not None}
    return Tool(
        _name(function, path),
        read.text(function.get("description")),
        parameters or {},
        read.flag(function.get("strict")),
        extra=sidecar({**beside, "function": inner or None}),
    )


def read_tool_choice(value: Json, path: str = "tool_choice") -> ToolChoice | None:
    match nested_choice(value):
        case None:
            return None
        case "auto":
            return ToolChoice("auto")
        case "none":
            return ToolChoice("none")
        case "required" | "any":
            return ToolChoice("any")
        case {"type": "function", "function": {"name": str(name)}} | {"type": "custom", "custom": {"name": str(name)}}:
            return ToolChoice("any", (name,))
        case {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(tools)}}:
            names = (read.mapping(tool.get(read.text(tool.get("type")))).get("name") for tool in read.mappings(tools))
            return ToolChoice("any" if mode == "required" else "auto", tuple(n for n in names if isinstance(n, str)))
    raise BadRequest("tool_choice must be auto, required, none, or name a tool", path)


def read_call(value: Json, path: str) -> ToolCall:
    """A call in an assistant message that a client sends."""
    if not isinstance(value, dict) or not isinstance(id_ := value.get("id"), str):
        raise BadRequest("a tool call must be an object with an id", path)
    custom = value.get("custom")
    if isinstance(custom, dict):
        arguments = dump_text({"input": read.text(custom.get("input"))})
        return ToolCall(id_, _name(custom, f"{path}.custom"), arguments, keep(value, CALL_FIELDS))
    function = read.mapping(value.get("function"))
    name = _name(function, f"{path}.function")
    return ToolCall(id_, name, arguments_text(function.get("arguments")), keep(value, CALL_FIELDS))


def arguments_text(value: Json) -> str:
    """Arguments are JSON text; some servers send the object itself."""
    return dump_text(value) if isinstance(value, dict | list) else read.text(value)


def _name(fields: Mapping[str, Json], path: str) -> str:
    if not isinstance(name := fields.get("name"), str):
        raise BadRequest("name must be a string", f"{path}.name")
    return name


# ---- neutral -> wire, towards an upstream ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Naming:
    """How the functions of one request are called on the wire, and which of them take plain text there."""

    names: Mapping[str, str]
    custom: frozenset[str]

    @classmethod
    def of(cls, request: Request, rules: Rules) -> "Naming":
        tools = [tool for tool in request.tools if isinstance(tool, Tool)]
        freeform = frozenset(tool.name for tool in tools if tool.freeform) if rules.newest_tools else frozenset()
        return cls(safe_names(tool.name for tool in tools), freeform)

    def wire_name(self, name: str) -> str:
        return self.names.get(name) or safe_name(name)

    def call(self, call: ToolCall, id_: str) -> Fields:
        return write_call(call, id_, self.wire_name(call.name), call.name in self.custom)


def write_call(call: ToolCall, id_: str, name: str, custom: bool) -> Fields:
    if custom:
        said = {"type": "custom", "custom": {"name": name, "input": text_in(call.arguments)}}
    else:
        said = {"type": "function", "function": {"name": name, "arguments": call.arguments or "{}"}}
    return {"id": id_, **said, **own(call.extra)}


def write_tools(request: Request, rules: Rules, naming: Naming, losses: list[Loss]) -> list[Fields]:
    """The tools; only those that the choice names, where the model cannot be told the choice itself."""
    choice = request.tool_choice
    narrowed = choice is not None and _restricts(choice) and not rules.newest_tools
    blocks: list[Fields] = []
    for n, tool in enumerate(request.tools):
        if isinstance(tool, Tool):
            if not (choice and narrowed and tool.name not in choice.names):
                blocks.append(_write_tool(tool, naming, f"tools[{n}]", losses, rules.typed_schemas))
        elif tool.protocol == NAME and "type" in tool.value:
            blocks.append(dict(tool.value))
    return blocks


def write_web_search(request: Request, losses: list[Loss]) -> Fields:
    """``web_search_options``, which the search models take in place of a tool; a loss for every foreign tool."""
    options: Fields = {}
    for n, tool in enumerate(request.tools):
        if isinstance(tool, Tool) or (tool.protocol == NAME and "type" in tool.value):
            continue
        if tool.kind == "web_search" and (tool.protocol == NAME or "search" in request.model):
            own_tool = tool.protocol == NAME
            found = dict(tool.value) if own_tool else written_tool(tool, f"tools[{n}]", lambda _: {}, losses)
            options["web_search_options"] = found
        else:
            losses.append(Loss(f"tools[{n}]", f"there is no {tool.kind} tool here"))
    return options


def write_tool_choice(request: Request, tools: list[Fields], rules: Rules, naming: Naming, losses: list[Loss]) -> Json:
    """``tool_choice``, or None where nothing is to be said."""
    choice = request.tool_choice
    if choice is None or not tools:
        if choice and choice.mode == "any":
            losses.append(Loss("tool_choice", "there is no tool to call"))
        return None
    if choice.mode == "none":
        return "none"
    if not choice.names or (_restricts(choice) and not rules.newest_tools):
        return "required" if choice.mode == "any" else "auto"
    named = [_reference(name, naming) for name in choice.names]
    if choice.mode == "any" and len(named) == 1:
        return named[0]
    mode = "required" if choice.mode == "any" else "auto"
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}


def _restricts(choice: ToolChoice) -> bool:
    """Whether only a choice among allowed tools says it: neither free nor one forced function."""
    return len(choice.names) > 1 or (choice.mode == "auto" and bool(choice.names))


def _reference(name: str, naming: Naming) -> Fields:
    kind = "custom" if name in naming.custom else "function"
    return {"type": kind, kind: {"name": naming.wire_name(name)}}


def _write_tool(tool: Tool, naming: Naming, path: str, losses: list[Loss], typed: bool) -> Fields:
    kept = own(tool.extra)
    kept.pop(LEGACY, None)
    inner: Fields = {"name": naming.names[tool.name]}
    description = tool.description
    if tool.name in naming.custom:
        if description:
            inner["description"] = description
        if form := _custom_format(tool):
            inner["format"] = form
        return {"type": "custom", "custom": {**inner, **{k: v for k, v in kept.items() if k != "format"}}}
    if tool.freeform and (form := _custom_format(tool)):
        grammar = read.mapping(form.get("grammar"))
        description = _with_grammar(description, grammar)
        if grammar:
            losses.append(Loss(f"{path}.format", "the grammar is said in words"))
    if description:
        inner["description"] = description
    inner["parameters"] = _object_schema(tool.parameters)
    if typed:
        inner["parameters"] = with_types(inner["parameters"], f"{path}.parameters", losses)
    if tool.strict and not fits_strict(inner["parameters"]):
        losses.append(Loss(f"{path}.strict", "the schema does not allow strict mode"))
    elif tool.strict is not None:
        inner["strict"] = tool.strict
    kept.pop("format", None)
    return {"type": "function", "function": {**inner, **kept.pop("function", NOTHING)}, **kept}


def _custom_format(tool: Tool) -> Fields:
    """The input format, also as the Responses protocol writes it: its grammar is flat there."""
    form = dict(read.mapping(own(tool.extra).get("format")))
    if form:
        return form
    flat = read.mapping(tool.extra.get("responses", NOTHING).get("format"))
    if flat.get("type") == "grammar":
        grammar = {"definition": flat.get("definition"), "syntax": flat.get("syntax")}
        return {"type": "grammar", "grammar": grammar}
    return dict(flat)


def _with_grammar(description: str, grammar: Mapping[str, Json]) -> str:
    words = f"The input must match this {read.text(grammar.get('syntax'))} grammar:\n{grammar.get('definition')}"
    if not grammar or words in description:
        return description
    return f"{description}\n\n{words}" if description else words


def _object_schema(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """The schema as the API demands it: an object with properties."""
    if schema.get("type") == "object" and "properties" in schema:
        return schema
    return {**EMPTY_SCHEMA, **schema} if schema.get("type", "object") == "object" else schema


# ---- neutral -> wire, towards a client -------------------------------------------------------------------------------
class ClientTools:
    """What the client's own request says about calls in its answer: its names, custom tools, deprecated functions."""

    def __init__(self, request: Request) -> None:
        tools = [tool for tool in request.tools if isinstance(tool, Tool)]
        self.names = {safe: name for name, safe in safe_names(tool.name for tool in tools).items()}
        self.freeform = frozenset(tool.name for tool in tools if tool.freeform)
        self.legacy = any(LEGACY in own(tool.extra) for tool in tools)

    def name(self, wire_name: str) -> str:
        return client_name(self.names, wire_name)


def made_up_id(*parts: Any) -> str:
    """An id for a call without one: the same for the same answer."""
    return "call_" + hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()[:24]


def legacy_tools(values: Iterable[Json]) -> list[Tool]:
    tools = []
    for n, value in enumerate(values):
        if not isinstance(value, dict):
            raise BadRequest("a function must be an object", f"functions[{n}]")
        tools.append(read_function(value, f"functions[{n}]", {LEGACY: True}))
    return tools


def legacy_choice(value: Json) -> ToolChoice | None:
    if isinstance(value, dict):
        return ToolChoice("any", (_name(value, "function_call"),))
    return read_tool_choice(value, "function_call")
