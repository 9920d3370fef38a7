from typing import Any

import pytest

from ccx_addons.core.mcp import McpServer
from ccx_addons.protocols.responses.envelope import envelope
from ccx_addons.protocols.responses.mcp import read_server, without_keys, write_server
from ccx_addons.protocols.responses.requests import decode_request
from ccx_addons.protocols.responses.tools import Naming

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


@pytest.mark.parametrize(
    ("url", "shown"), [("https://u:p@a.test:8/mcp/k-1?x=y", "https://a.test:8"), ("https://[a", "https://"), ("", "")]
)
def test_an_answer_repeats_no_keys_of_a_server(url: str, shown: str) -> None:
    tool = {"type": "mcp", "server_label": "a", "server_url": url, "authorization": "t", "headers": {"X": "y"}}
    assert without_keys(tool) == {"type": "mcp", "server_label": "a", "server_url": shown}
    request = decode_request({"input": "q", "tools": [{**tool, "server_url": "https://a.test/mcp"}]}, "m", False)
    assert envelope(request, Naming(request), "resp_1", 1)["tools"] == [
        {"type": "mcp", "server_label": "a", "server_url": "https://a.test"}
    ]
