"""Tools and the choice among them, both ways (platform.openai.com/docs/guides/function-calling).

Every tool that the client runs is a neutral function: a custom tool takes its text in ``{"input": text}``, a tool
inside a namespace is called ``NAMESPACE__NAME``, a native one has the arguments of natives.py. What the wire needs to
call it by its own form stays in ``Tool.extra``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Literal

from ccx_addons.core import read
from ccx_addons.core.call_names import client_name
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.leftovers import written_servers, written_tool
from ccx_addons.core.neutral import Json, Loss, Request, ServerTool, Tool, ToolChoice, safe_name, safe_names
from ccx_addons.core.openai import fits_strict
from ccx_addons.protocols.responses.mcp import chosen, read_server, write_server
from ccx_addons.protocols.responses.natives import NATIVES, is_native
from ccx_addons.protocols.responses.schemas import object_schema
from ccx_addons.protocols.responses.wire import NAME, NOTHING, Item, keep, own, sidecar

FREEFORM_SCHEMA: Final[Mapping[str, Json]] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
FUNCTION_FIELDS: Final = frozenset({"type", "name", "description", "parameters", "strict"})
CUSTOM_FIELDS: Final = frozenset({"type", "name", "description"})
BETWEEN: Final = "__"
"""Stands between a namespace and a name."""

LOADED: Final = "loaded"
"""Marks tools that an item of the input brought, which brings them again."""
SPACE: Final = ("namespace", "namespace_description")
"""Own fields of a tool inside a namespace that are the namespace's."""

BARE_TOOLS: Final[Mapping[str, Item]] = {
    "apply_patch": {"type": "custom", "name": "apply_patch", "description": "Edits files by a patch."},
    "tool_search": {"type": "tool_search", "execution": "client"},
}
"""Tools that some clients send as a bare name."""

type ServerKind = Literal["web_search", "web_fetch", "code", "file_search", "computer", "image", "mcp", "other"]
SERVER_KINDS: Final[tuple[tuple[str, ServerKind], ...]] = (
    ("web_search", "web_search"),
    ("code_interpreter", "code"),
    ("shell", "code"),
    ("file_search", "file_search"),
    ("computer", "computer"),
    ("image_generation", "image"),
    ("mcp", "mcp"),
)
"""How a tool's type begins -> its neutral kind."""


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
class ToolBox:
    """The tools of a request as they are read: no two have the same name, and of two that are the same one stays."""

    def __init__(self) -> None:
        self.tools: list[Tool | ServerTool] = []
        self._names: dict[tuple[str, str], str] = {}
        """Namespace (empty: none) and name on the wire -> neutral name."""

    def add(self, values: Iterable[Json], path: str, loaded: bool = False) -> None:
        for n, value in enumerate(values):
            for tool in _read_tool(value, f"{path}[{n}]"):
                self._add(tool, loaded)

    def _add(self, tool: Tool | ServerTool, loaded: bool) -> None:
        if isinstance(tool, ServerTool):
            if not loaded:
                self.tools.append(tool)
            return
        fields = own(tool.extra)
        place = (read.text(fields.get("namespace")), read.text(fields.get("name"), tool.name))
        if place in self._names:
            return
        name, again = tool.name, 1
        while name in self._names.values():
            again += 1
            name = f"{tool.name}_{again}"
        self._names[place] = name
        extra = sidecar({**fields, LOADED: True}) if loaded else tool.extra
        self.tools.append(Tool(name, tool.description, tool.parameters, tool.strict, tool.freeform, extra))

    def chosen(self, choice: Json) -> Iterator[Tool | ServerTool]:
        """The tools, remote servers as far as ``tool_choice`` goes: an upstream calls them by itself."""
        for tool in self.tools:
            if isinstance(choice, dict) and isinstance(tool, ServerTool) and tool.servers:
                yield replace(tool, servers=tuple(chosen(server, choice) for server in tool.servers))
            else:
                yield tool

    def name(self, namespace: str, name: str) -> str:
        """The neutral name of a function that the wire names so."""
        return self._names.get((namespace, name)) or joined(namespace, name)


def joined(namespace: str, name: str) -> str:
    return f"{namespace.removesuffix(BETWEEN)}{BETWEEN}{name}" if namespace else name


def _read_tool(value: Json, path: str) -> Iterator[Tool | ServerTool]:
    if isinstance(value, str):
        value = BARE_TOOLS.get(value, {"type": value})
    if not isinstance(value, dict) or not isinstance(kind := value.get("type", "function"), str):
        raise BadRequest("a tool must be an object with a type", path)
    if kind == "namespace":
        yield from _read_namespace(value, path)
    elif kind == "function":
        yield _read_function(value, path)
    elif kind == "custom":
        yield _read_custom(value, path)
    elif is_native(value):
        yield _read_native(value, kind)
    else:
        other: ServerKind = "other"
        found = next((neutral for prefix, neutral in SERVER_KINDS if kind.startswith(prefix)), other)
        yield ServerTool(found, NAME, value, read_server(value) if found == "mcp" else ())


def _read_function(value: Mapping[str, Json], path: str) -> Tool:
    nested = value.get("function")
    fields = {**value, **nested} if isinstance(nested, dict) else value
    parameters = fields.get("parameters")
    if not isinstance(parameters, dict | None):
        raise BadRequest("parameters must be an object", f"{path}.parameters")
    return Tool(
        _name(fields, path),
        read.text(fields.get("description")),
        parameters or {},
        read.flag(fields.get("strict")),
        extra=keep(fields, FUNCTION_FIELDS | {"function"}),
    )


def _read_custom(value: Mapping[str, Json], path: str) -> Tool:
    """A grammar is said in words too, for those who cannot hold the model to it."""
    description = read.text(value.get("description"))
    fields = {name: field for name, field in value.items() if name not in CUSTOM_FIELDS}
    form = read.mapping(value.get("format"))
    if form.get("type") == "grammar":
        fields["description"] = description
        words = f"The input must match this {read.text(form.get('syntax'))} grammar:\n{form.get('definition')}"
        description = f"{description}\n\n{words}" if description else words
    return Tool(_name(value, path), description, FREEFORM_SCHEMA, freeform=True, extra=sidecar(fields))


def _read_native(value: Mapping[str, Json], kind: str) -> Tool:
    native = NATIVES[kind]
    description = read.text(value.get("description")) or native.description
    return Tool(kind, description, read.mapping(value.get("parameters")) or native.parameters, extra=sidecar(value))


def _read_namespace(value: Mapping[str, Json], path: str) -> Iterator[Tool]:
    namespace = read.text(value.get("name"))
    about = value.get("description")
    inner = value.get("tools")
    if not isinstance(inner, list):
        raise BadRequest("a namespace must have tools", f"{path}.tools")
    for n, each in enumerate(inner):
        for tool in _read_tool(each, f"{path}.tools[{n}]"):
            if not isinstance(tool, Tool) or "namespace" in own(tool.extra):
                raise BadRequest("a namespace holds functions and custom tools", f"{path}.tools[{n}]")
            if not namespace:
                yield tool
                continue
            inside = {"namespace": namespace, "name": tool.name, "namespace_description": about}
            extra = sidecar({**own(tool.extra), **inside})
            name = joined(namespace, tool.name)
            yield Tool(name, tool.description, tool.parameters, tool.strict, tool.freeform, extra)


def read_tool_choice(value: Json, box: ToolBox) -> ToolChoice | None:
    """The choice; None where nothing is said, and for a tool that is not among the tools."""
    match value:
        case None:
            return None
        case "auto":
            return ToolChoice("auto")
        case "none":
            return ToolChoice("none")
        case "required" | "any":
            return ToolChoice("any")
        case {"type": "allowed_tools", "mode": mode, "tools": list(tools)}:
            names = [name for tool in read.mappings(tools) if (name := _referred(tool, box))]
            if names:
                return ToolChoice("any" if mode == "required" else "auto", tuple(names))
            return None
        case {"type": str()}:
            name = _referred(value, box)
            return ToolChoice("any", (name,)) if name else None
    raise BadRequest("tool_choice must be auto, required, none, or name a tool", "tool_choice")


def _referred(tool: Mapping[str, Json], box: ToolBox) -> str:
    kind = read.text(tool.get("type"))
    if kind in NATIVES:
        return box.name("", kind) if any(t.name == kind for t in box.tools if isinstance(t, Tool)) else ""
    if kind not in ("function", "custom"):
        served = (t.kind for t in box.tools if isinstance(t, ServerTool) and t.value.get("type") == kind)
        return next(served, "")
    return box.name(read.text(tool.get("namespace")), _name({**read.mapping(tool.get(kind)), **tool}, "tool_choice"))


def _name(fields: Mapping[str, Json], path: str) -> str:
    if not isinstance(name := fields.get("name"), str):
        raise BadRequest("name must be a string", f"{path}.name")
    return name


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
class Naming:
    """How the functions of a request are called on the wire.

    Towards an upstream names are made safe; towards the client, whose answer may have come with safe names, each is
    the client's own.
    """

    def __init__(self, request: Request) -> None:
        self._tools = {tool.name: tool for tool in request.tools if isinstance(tool, Tool)}
        self._safe = safe_names(self._tools)
        self._given = {safe: name for name, safe in self._safe.items()}

    def wire_name(self, name: str) -> str:
        return self._safe.get(name) or safe_name(name)

    def client_name(self, name: str) -> str:
        return client_name(self._given, name)

    def tool(self, name: str) -> Tool | None:
        """The definition of a neutral name."""
        return self._tools.get(name)

    def reference(self, name: str) -> Item:
        """The tool as a choice names it."""
        tool = self._tools.get(name)
        if tool is None and name in SERVER_TOOLS:
            return {"type": SERVER_TOOLS[name]({})["type"]}
        kept = own(tool.extra) if tool else {}
        if kept.get("type") in NATIVES:
            return {"type": kept["type"]}
        kind = "custom" if tool and tool.freeform else "function"
        if kept.get("namespace"):
            return {"type": kind, "name": kept["name"], "namespace": kept["namespace"]}
        return {"type": kind, "name": self.wire_name(name)}


def write_tools(request: Request, naming: Naming, losses: list[Loss]) -> list[Item]:
    """The tools; those of one namespace in one place. A strict mode that nobody asked for is switched off.

    Functions are strict here by default, and not with other protocols.
    """
    strict = None if NAME in request.extra else False
    blocks: list[Item] = []
    spaces: dict[str, Item] = {}
    for n, tool in enumerate(request.tools):
        if isinstance(tool, ServerTool):
            blocks += _write_server_tool(tool, f"tools[{n}]", losses)
            continue
        kept = own(tool.extra)
        if kept.pop(LOADED, False):
            continue
        block = _write_tool(tool, kept, naming.wire_name(tool.name), strict, f"tools[{n}]", losses)
        namespace = kept.get("namespace")
        if not namespace:
            blocks.append(block)
            continue
        if namespace not in spaces:
            about = read.text(kept.get("namespace_description"))
            spaces[namespace] = {"type": "namespace", "name": namespace, "description": about, "tools": []}
            blocks.append(spaces[namespace])
        spaces[namespace]["tools"].append({name: value for name, value in block.items() if name not in SPACE})
    return blocks


def _write_tool(tool: Tool, kept: Item, name: str, strict: bool | None, path: str, losses: list[Loss]) -> Item:
    if kept.get("type") in NATIVES:
        return kept
    block: Item = {"type": "custom" if tool.freeform else "function", "name": name}
    if tool.description:
        block["description"] = tool.description
    if tool.freeform:
        if form := _custom_format(tool):
            block["format"] = form
        return block | kept
    block["parameters"] = schema = object_schema(tool.parameters, path, losses)
    strict = strict if tool.strict is None else tool.strict
    if strict and not fits_strict(schema):
        losses.append(Loss(f"{path}.strict", "the schema does not allow strict mode"))
        strict = False
    if strict is not None:
        block["strict"] = strict
    return block | kept


def _custom_format(tool: Tool) -> Item:
    """The input format as Chat writes it: its grammar is nested there."""
    form = read.mapping(tool.extra.get("chat", NOTHING).get("format"))
    return {"type": form.get("type"), **read.mapping(form.get("grammar"))} if form else {}


def write_tool_choice(request: Request, tools: list[Item], naming: Naming, losses: list[Loss]) -> Json:
    """``tool_choice``, or None where nothing is to be said."""
    choice = request.tool_choice
    if choice is None or not tools:
        if choice and choice.mode == "any":
            losses.append(Loss("tool_choice", "there is no tool to call"))
        return None
    if choice.mode == "none":
        return "none"
    if not choice.names:
        return "required" if choice.mode == "any" else "auto"
    named = [naming.reference(name) for name in choice.names]
    if choice.mode == "any" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "mode": "required" if choice.mode == "any" else "auto", "tools": named}


# ---- tools that the upstream runs ------------------------------------------------------------------------------------
def _write_server_tool(tool: ServerTool, path: str, losses: list[Loss]) -> list[Item]:
    if tool.protocol == NAME:
        return [dict(tool.value)]
    if tool.servers:
        return written_servers(tool, path, write_server, losses)
    writer = SERVER_TOOLS.get(tool.kind)
    if writer is None:
        losses.append(Loss(path, f"the {tool.kind} tool of {tool.protocol} has no equal here"))
        return []
    return [written_tool(tool, path, writer, losses)]


def _web_search(value: Mapping[str, Json]) -> Item:
    """Domains and place as Messages and Chat say them, which mean the same here."""
    block: Item = {"type": "web_search"}
    if domains := read.items(value.get("allowed_domains")):
        block["filters"] = {"allowed_domains": domains}
    place = read.mapping(value.get("user_location"))
    place = {**place, **read.mapping(place.get("approximate"))}
    if found := {name: text for name, text in place.items() if isinstance(text, str) and name != "type"}:
        block["user_location"] = {"type": "approximate", **found}
    if isinstance(size := value.get("search_context_size"), str):
        block["search_context_size"] = size
    return block


SERVER_TOOLS: Final[Mapping[str, Callable[[Mapping[str, Json]], Item]]] = {
    "web_search": _web_search,
    "code": lambda _: {"type": "code_interpreter", "container": {"type": "auto"}},
    "image": lambda _: {"type": "image_generation"},
}
"""Neutral kind -> this protocol's tool."""
