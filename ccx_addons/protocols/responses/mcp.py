"""Remote MCP servers (platform.openai.com/docs/guides/tools-connectors-mcp): one tool each. By default the client is
asked before each call."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from ccx_addons.core import read
from ccx_addons.core.mcp import McpServer, headers_of
from ccx_addons.core.neutral import Json, Loss, safe_name
from ccx_addons.protocols.responses.wire import Item


def read_server(value: Mapping[str, Json]) -> tuple[McpServer, ...]:
    """None for connectors and tunnels, which only this vendor has, and where it is not known which tools may be
    called: those that only read are known to this vendor's server alone."""
    name, url = read.text(value.get("server_label")), read.text(value.get("server_url"))
    allowed = value.get("allowed_tools")
    names = _names(allowed)
    if not (name and url) or (names is None and allowed not in (None, {})):
        return ()
    headers = headers_of(value)
    token = read.text(value.get("authorization"))
    return (McpServer(name, url, token, headers, names, (), _unasked(value.get("require_approval"))),)


def _names(value: Json) -> tuple[str, ...] | None:
    """A list of names, or a filter that is nothing else; None: there is none."""
    if isinstance(value, dict):
        value = value.get("tool_names") if value.get("read_only") is None else None
    return tuple(read.texts(value)) if isinstance(value, list) else None


def _unasked(value: Json) -> tuple[str, ...] | None:
    """A tool of which both is said is asked for."""
    if value == "never":
        return None
    rules = read.mapping(value)
    asked = _names(rules.get("always") or [])
    return () if asked is None else tuple(name for name in _names(rules.get("never")) or () if name not in asked)


def chosen(server: McpServer, choice: Mapping[str, Json]) -> McpServer:
    """The server as far as ``tool_choice`` goes, which may name some tools only (ToolChoiceMcp, ToolChoiceAllowed)."""
    named = read.mappings(choice.get("tools")) if choice.get("type") == "allowed_tools" else [choice]
    found = [one.get("name") for one in named if one.get("type") == "mcp" and one.get("server_label") == server.name]
    if not found:
        return replace(server, off=True)
    if None in found:
        return server
    return replace(
        server, allowed=tuple(name for name in read.texts(found) if server.allowed is None or name in server.allowed)
    )


def write_server(server: McpServer, path: str, losses: list[Loss]) -> Item | None:
    """The tool; None: a tool of the server is refused, and all but some cannot be said."""
    if server.refused:
        losses.append(Loss(path, "single tools cannot be forbidden, so the server is left out"))
        return None
    item: Item = {"type": "mcp", "server_label": safe_name(server.name), "server_url": server.url}
    if server.token:
        item["authorization"] = server.token
    if server.headers:
        item["headers"] = dict(server.headers)
    if server.allowed is not None:
        item["allowed_tools"] = list(server.allowed)
    if server.unasked is None:
        item["require_approval"] = "never"
    return item


def without_keys(tool: Mapping[str, Json]) -> Item:
    """A server as answers repeat it: without its token, its headers, and the path of its address, which open it."""
    shown = {name: value for name, value in tool.items() if name not in ("authorization", "headers")}
    if url := read.text(tool.get("server_url")):
        shown["server_url"] = "://".join((url.partition("://")[0], _host(url)))
    return shown


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""
