from typing import Any

import pytest

from ccx_addons.core.mcp import McpServer
from ccx_addons.core.neutral import Loss, Request, ServerTool, Tool
from ccx_addons.protocols.messages.mcp import with_servers, write_servers, write_toolset

NAMED = {"name": "a", "url": "https://a.test"}


@pytest.mark.parametrize(
    "servers", [None, "x", [], [1], [{"name": "a"}], [{**NAMED, "tool_configuration": {"enabled": False}}]]
)
def test_what_is_no_server_adds_no_tool(servers: Any) -> None:
    tools = (Tool("f"), ServerTool("mcp", "messages", {"mcp_server_name": "a"}))
    assert with_servers(tools, servers) == tools


def test_a_refused_tool_stays_refused() -> None:
    losses: list[Loss] = []
    server = McpServer("a", "https://a.test", refused=("x",))
    block = write_toolset(server, "tools[0]", losses)
    assert block == {"type": "mcp_toolset", "mcp_server_name": "a", "configs": {"x": {"enabled": False}}}
    assert losses == []


def test_a_toolset_without_a_name_is_nobodys() -> None:
    block = {"type": "mcp_toolset", "mcp_server_name": []}
    assert write_servers(Request("m", (), tools=(ServerTool("mcp", "messages", block),)), [block], []) == {}
