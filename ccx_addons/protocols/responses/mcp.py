"""Remote MCP servers (platform.openai.com/docs/guides/tools-connectors-mcp): one tool each. By default the client is
asked before each call."""

from collections.abc import Mapping

from ccx_addons.core import read
from ccx_addons.core.mcp import McpServer
from ccx_addons.core.neutral import Json, Loss, safe_name
from ccx_addons.protocols.responses.wire import Item


def read_server(value: Mapping[str, Json]) -> tuple[McpServer, ...]:
    """None for connectors and tunnels, which only this vendor has."""
    name, url = read.text(value.get("server_label")), read.text(value.get("server_url"))
    if not (name and url):
        return ()
    headers = {name: said for name, said in read.mapping(value.get("headers")).items() if isinstance(said, str)}
    token, allowed = read.text(value.get("authorization")), value.get("allowed_tools")
    if isinstance(allowed, dict) and "tool_names" not in allowed and allowed.get("read_only"):
        return ()  # which tools only read is known to this vendor's server alone
    return (McpServer(name, url, token, headers, _names(allowed), (), _unasked(value.get("require_approval"))),)


def _names(value: Json) -> tuple[str, ...] | None:
    """A list of names, or a filter with one; None: there is none."""
    value = value.get("tool_names") if isinstance(value, dict) else value
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else None


def _unasked(value: Json) -> tuple[str, ...] | None:
    if value == "never":
        return None
    return _names(read.mapping(value).get("never")) or ()


def write_server(server: McpServer, path: str, losses: list[Loss]) -> Item | None:
    """The tool; None: a tool of the server is refused, and all but some cannot be said."""
    allowed = server.allowed
    if server.refused and allowed is None:
        losses.append(Loss(path, "single tools cannot be forbidden, so the server is left out"))
        return None
    item: Item = {"type": "mcp", "server_label": safe_name(server.name), "server_url": server.url}
    if server.token:
        item["authorization"] = server.token
    if server.headers:
        item["headers"] = dict(server.headers)
    if allowed is not None:
        item["allowed_tools"] = list(allowed)
    if server.unasked is None:
        item["require_approval"] = "never"
    return item
