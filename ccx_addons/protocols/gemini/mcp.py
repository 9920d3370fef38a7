"""Remote MCP servers (google-genai, McpServer): a list of them is one tool. All their tools may be called, unasked."""

from collections.abc import Mapping

from ccx_addons.core import read
from ccx_addons.core.mcp import BEARER, McpServer, headers_of
from ccx_addons.core.neutral import Json, Loss
from ccx_addons.protocols.gemini.wire import Fields, camel

TRANSPORT = "streamableHttpTransport"


def read_servers(values: Json) -> tuple[McpServer, ...]:
    found = []
    for value in map(camel, read.mappings(values)):
        way = camel(read.mapping(value.get(TRANSPORT)))
        name, url = read.text(value.get("name")), read.text(way.get("url"))
        if name and url:
            found.append(McpServer(name, url, headers=headers_of(way)))
    return tuple(found)


def write_server(server: McpServer, path: str, losses: list[Loss]) -> Fields | None:
    """None: not all tools of the server may be called, or not unasked."""
    if server.free is not None or server.refused:
        losses.append(Loss(path, "single tools cannot be forbidden or asked for, so the server is left out"))
        return None
    headers: Mapping[str, str] = server.headers
    if server.token:
        headers = {**headers, "Authorization": f"{BEARER}{server.token}"}
    return {"name": server.name, TRANSPORT: {"url": server.url, **({"headers": dict(headers)} if headers else {})}}
