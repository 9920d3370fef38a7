from google.genai.types import Tool

from ccx_addons.core.mcp import McpServer
from ccx_addons.protocols.gemini.mcp import read_servers, write_server


def test_both_ways() -> None:
    server = McpServer("a", "https://a.test", headers={"X": "y"})
    wire = write_server(server, "tools[0]", [])
    assert read_servers([wire, {}, {"name": "b"}]) == (server,)
    Tool.model_validate({"mcpServers": [wire]})


def test_snake_case_is_read() -> None:
    assert read_servers([{"name": "a", "streamable_http_transport": {"url": "u", "sse_read_timeout": "5s"}}]) == (
        McpServer("a", "u"),
    )
