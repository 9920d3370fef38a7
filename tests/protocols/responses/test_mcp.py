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
        ({"require_approval": 3}, ()),
    ],
)
def test_who_is_asked_first(fields: dict[str, Any], unasked: tuple[str, ...] | None) -> None:
    assert [server.unasked for server in read_server(NAMED | fields)] == [unasked]


def test_tools_that_only_read_are_not_known_here() -> None:
    assert read_server(NAMED | {"allowed_tools": {"read_only": True}}) == ()


def test_a_label_is_a_safe_name() -> None:
    assert write_server(McpServer("my server", "https://a.test"), "tools[0]", []) == {
        "type": "mcp", "server_label": "my_server", "server_url": "https://a.test", "require_approval": "never",
    }  # fmt: skip
