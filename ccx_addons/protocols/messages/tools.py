"""Tools, their schemas and the choice among them.

Source: platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools.
"""

from collections.abc import Callable, Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.leftovers import written_servers, written_tool
from ccx_addons.core.neutral import Json, Loss, Request, ServerTool, Tool, ToolCall, ToolChoice, safe_names
from ccx_addons.core.schemas import ALTERNATIVES, without_alternatives
from ccx_addons.protocols.messages.grammar import Grammar
from ccx_addons.protocols.messages.mcp import write_toolset
from ccx_addons.protocols.messages.natives import NATIVE
from ccx_addons.protocols.messages.wire import NAME, Block, own
from ccx_addons.vendors.facts import Messages as Rules

EMPTY_SCHEMA: Final[Mapping[str, Json]] = {"type": "object", "properties": {}}


def tool_names(request: Request) -> dict[str, str]:
    """Each function's name -> its name on the wire."""
    return safe_names(tool.name for tool in request.tools if isinstance(tool, Tool))


def write_tools(
    request: Request, rules: Rules, names: Mapping[str, str], grammar: Grammar, losses: list[Loss]
) -> list[Block]:
    """The tools; only those that the choice names, where the wire cannot say the choice itself.

    A history with calls needs definitions: where the request has none, they are made up.
    """
    choice = request.tool_choice
    said = choice is None or (choice.mode == "any" and len(choice.names) == 1 and rules.forced_tools)
    allowed = frozenset(() if choice is None or said else choice.names)
    blocks: list[Block] = []
    wished: list[tuple[str, str, Block]] = []
    for n, tool in enumerate(request.tools):
        if isinstance(tool, ServerTool) and tool.servers and tool.protocol != NAME:
            blocks += written_servers(tool, f"tools[{n}]", write_toolset, losses)
            continue
        if isinstance(tool, ServerTool):
            block = _write_server_tool(tool, f"tools[{n}]", losses)
            if block and block.get("name") in names:
                losses.append(Loss(f"tools[{n}]", "a function has its name"))
                continue
        elif allowed and tool.name not in allowed:
            continue
        else:
            block = _write_tool(tool, names[tool.name], f"tools[{n}]", losses)
            if tool.strict and NATIVE not in own(tool.extra):
                wished.append((tool.name, f"tools[{n}].strict", block))
        if block:
            blocks.append(block)
    # Not all may be: a tool that the choice names comes first, since its arguments are what the client waits for.
    for _, path, block in sorted(wished, key=lambda wish: choice is None or wish[0] not in choice.names):
        if why := grammar.refuses(block["input_schema"], tools=1):
            losses.append(Loss(path, why))
        else:
            block["strict"] = True
    if not blocks and not allowed:
        called = (part.name for m in request.messages for part in m.parts if isinstance(part, ToolCall))
        blocks += [{"name": name, "input_schema": EMPTY_SCHEMA} for name in dict.fromkeys(safe_names(called).values())]
    return blocks


def write_tool_choice(request: Request, rules: Rules, tools: list[Block], losses: list[Loss]) -> Block | None:
    """``tool_choice`` with ``disable_parallel_tool_use``; None where the default says it."""
    choice, parallel = request.tool_choice, request.parallel_tools
    if not tools:
        if choice and choice.mode == "any":
            losses.append(Loss("tool_choice", "there is no tool to call"))
        return None
    if not any(
        isinstance(tool, Tool) or tool.protocol == NAME or tool.kind in SERVER_TOOLS or tool.servers
        for tool in request.tools
    ):
        return {"type": "none"}
    if choice is None and parallel is None:
        return None
    if choice and choice.mode == "none":
        return {"type": "none"}
    block = _write_choice(choice or ToolChoice("auto"), request, rules, losses)
    if parallel is not None:
        block["disable_parallel_tool_use"] = not parallel
    return block


def _write_choice(choice: ToolChoice, request: Request, rules: Rules, losses: list[Loss]) -> Block:
    if choice.mode == "auto":
        return {"type": "auto"}
    if not rules.forced_tools:
        losses.append(Loss("tool_choice", "the model cannot be made to call a tool"))
        return {"type": "auto"}
    names = tool_names(request)
    wire = {kind: read.text(write({}).get("name")) for kind, write in SERVER_TOOLS.items()} | names
    if len(choice.names) == 1 and choice.names[0] in wire:
        return {"type": "tool", "name": wire[choice.names[0]]}
    if choice.names and not wire.keys() & set(choice.names):
        losses.append(Loss("tool_choice", "it names a tool that is not among the tools"))
    return {"type": "any"}


def _write_tool(tool: Tool, name: str, path: str, losses: list[Loss]) -> Block:
    kept = own(tool.extra)
    if NATIVE in kept:
        return dict(kept[NATIVE])
    block: Block = {"name": name}
    if tool.description:
        block["description"] = tool.description
    block["input_schema"] = _object_schema(tool.parameters, path, losses)
    if tool.strict is False:
        block["strict"] = False
    return block | kept


def _object_schema(schema: Mapping[str, Json], path: str, losses: list[Loss]) -> Mapping[str, Json]:
    """The schema with an object at its top, which the API demands."""
    if any(name in schema for name in ALTERNATIVES):
        losses.append(Loss(f"{path}.input_schema", "alternatives at the top of a schema were merged"))
        return without_alternatives(schema)
    if schema.get("type") == "object":
        return schema
    return {**EMPTY_SCHEMA, **schema, "type": "object"}


# ---- tools that the upstream runs ------------------------------------------------------------------------------------
def _write_server_tool(tool: ServerTool, path: str, losses: list[Loss]) -> Block | None:
    if tool.protocol == NAME:
        return dict(tool.value)
    writer = SERVER_TOOLS.get(tool.kind)
    if writer is None:
        losses.append(Loss(path, f"there is no {tool.kind} tool here"))
        return None
    return written_tool(tool, path, writer, losses)


def _web_search(value: Mapping[str, Json]) -> Block:
    """Domains and place mean the same in OpenAI's tool (platform.openai.com/docs/guides/tools-web-search), domains that
    are left out in Google's."""
    block: Block = {"type": "web_search_20250305", "name": "web_search"}
    if domains := read.items(read.mapping(value.get("filters")).get("allowed_domains")):
        block["allowed_domains"] = domains
    for name in ("googleSearch", "enterpriseWebSearch"):
        said = read.mapping(value.get(name))
        if domains := read.texts(said.get("excludeDomains") or said.get("exclude_domains")):
            block["blocked_domains"] = domains
    if place := {name: text for name, text in read.mapping(value.get("user_location")).items() if text is not None}:
        block["user_location"] = {"type": "approximate", **read.mapping(place.pop("approximate", None)), **place}
    return block


SERVER_TOOLS: Final[Mapping[str, Callable[[Mapping[str, Json]], Block]]] = {
    "web_search": _web_search,
    "web_fetch": lambda _: {"type": "web_fetch_20250910", "name": "web_fetch"},
    "code": lambda _: {"type": "code_execution_20250825", "name": "code_execution"},
}
"""Neutral kind -> this protocol's tool, which needs no beta header."""
