"""Remote MCP servers (platform.claude.com/docs/en/agents-and-tools/mcp-connector): servers stand beside the tools, and
each has a toolset among them, or, as it was before, its own list of allowed tools."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.mcp import McpServer, with_token
from ccx_addons.core.neutral import Json, Loss, Request, ServerTool, Tool
from ccx_addons.protocols.messages.wire import NAME, Block

SERVERS: Final = "mcp_servers"
BETA: Final = "mcp-client-2025-11-20"
"""The token of ``anthropic-beta`` that a request with servers needs."""


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def with_servers(tools: Sequence[Tool | ServerTool], servers: Json) -> tuple[Tool | ServerTool, ...]:
    """The tools, each toolset with its server; a server without one is a tool by itself."""
    known = {server.name: server for value in read.mappings(servers) if (server := _read_server(value))}
    found: list[Tool | ServerTool] = []
    for tool in tools:
        name = read.text(tool.value.get("mcp_server_name")) if isinstance(tool, ServerTool) else ""
        if isinstance(tool, ServerTool) and (server := known.pop(name, None)):
            tool = replace(tool, servers=(_limited(server, tool.value),))
        found.append(tool)
    return (*found, *(ServerTool("mcp", NAME, {}, (server,)) for server in known.values()))


def _read_server(value: Mapping[str, Json]) -> McpServer | None:
    name, url = read.text(value.get("name")), read.text(value.get("url"))
    limits = read.mapping(value.get("tool_configuration"))
    allowed = None if limits.get("allowed_tools") is None else tuple(read.texts(limits["allowed_tools"]))
    if limits.get("enabled") is False or not (name and url):
        return None
    return McpServer(name, url, read.text(value.get("authorization_token")), {}, allowed)


def _limited(server: McpServer, toolset: Mapping[str, Json]) -> McpServer:
    configs = {name: read.mapping(config) for name, config in read.mapping(toolset.get("configs")).items()}
    refused = tuple(name for name, one in configs.items() if one.get("enabled") is False)
    allowed = server.allowed
    if read.mapping(toolset.get("default_config")).get("enabled") is False:
        enabled = (name for name, one in configs.items() if one.get("enabled") is True)
        return replace(server, allowed=tuple(name for name in enabled if allowed is None or name in allowed))
    if allowed is not None:
        return replace(server, allowed=tuple(name for name in allowed if name not in refused))
    return replace(server, refused=refused)


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def write_toolset(server: McpServer, path: str, losses: list[Loss]) -> Block | None:
    """The toolset of a server; None: no tool of it may be called without a question, which is not asked here."""
    free = server.free
    if free is not None and not free:
        losses.append(Loss(path, "each call is to be approved by the client, who is not asked here"))
        return None
    block: Block = {"type": "mcp_toolset", "mcp_server_name": server.name}
    if free is not None:
        if server.unasked is not None:
            losses.append(Loss(f"{path}.require_approval", "only tools that need no approval are there"))
        block["default_config"] = {"enabled": False}
        block["configs"] = {name: {"enabled": True} for name in free}
    elif server.refused:
        block["configs"] = {name: {"enabled": False} for name in server.refused}
    return block


def write_servers(request: Request, tools: Sequence[Block], losses: list[Loss]) -> dict[str, Json]:
    """``mcp_servers`` of those that have a toolset, for requests of other protocols."""
    wanted = {read.text(block.get("mcp_server_name")) for block in tools}
    found = []
    for n, tool in enumerate(request.tools):
        for server in tool.servers if isinstance(tool, ServerTool) and tool.protocol != NAME else ():
            if server.name not in wanted:
                continue
            headers, token = with_token(server.headers, server.token)
            if headers:
                losses.append(Loss(f"tools[{n}].headers", "a server is sent no headers but its token"))
            one: Block = {"type": "url", "url": server.url, "name": server.name}
            found.append(one | ({"authorization_token": token} if token else {}))
    return {SERVERS: found} if found else {}
