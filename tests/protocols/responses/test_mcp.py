from typing import Any

import pytest

from ccx_addons.core.mcp import McpServer
from ccx_addons.protocols.responses.mcp import read_server, write_server

NAMED = {"server_label": "a", "server_url": "https://a.test"}


@pytest.mark.parametrize(
    ("fields", "unasked"),
    [
        ({}, ()),
        ({"require_approval": "always"}, ()),
        ({"require_approval": "never"}, None),
        ({"require_approval": {"never": {"tool_names": ["x", 1]}}}, ("x",)),
        ({"require_approval": {"never": {"read_only": True}}}, ()),
        ({"require_approval": {"never": {"read_only": True, "tool_names": ["x"]}}}, ()),
        ({"require_approval": {"never": {"tool_names": ["x", "y"]}, "always": {"tool_names": ["y"]}}}, ("x",)),
        ({"require_approval": {"never": {"tool_names": ["x"]}, "always": {"read_only": False}}}, ()),
        ({"require_approval": 3}, ()),
    ],
)
def test_who_is_asked_first(fields: dict[str, Any], unasked: tuple[str, ...] | None) -> None:
    assert [server.unasked for server in read_server(NAMED | fields)] == [unasked]


@pytest.mark.parametrize(
    "allowed", [{"read_only": True}, {"read_only": False, "tool_names": ["x"]}, {"tool_names": "x"}, "x"]
)
def test_where_the_tools_are_not_known_there_is_no_server(allowed: Any) -> None:
    assert read_server(NAMED | {"allowed_tools": allowed}) == ()


def test_a_label_is_a_safe_name() -> None:
    assert write_server(McpServer("my server", "https://a.test"), "tools[0]", []) == {
        "type": "mcp", "server_label": "my_server", "server_url": "https://a.test", "require_approval": "never",
    }  # fmt: skip
