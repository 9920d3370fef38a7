"""Remote MCP servers of a request, in each protocol's words; and that no tool runs which the client did not allow."""

from typing import Any

import pytest

from ccx_addons.core.config import Kind
from ccx_addons.core.leftovers import of_request
from ccx_addons.core.mcp import McpServer, with_token
from ccx_addons.protocols import TEXT_PROTOCOLS

URL = "https://a.test/mcp"
TALK: dict[str, dict[str, Any]] = {
    "messages": {"messages": [{"role": "user", "content": "q"}], "max_tokens": 100},
    "responses": {"input": "q"},
    "gemini": {"contents": "q"},
}


def toolset(**config: Any) -> dict[str, Any]:
    server = {"type": "url", "url": URL, "name": "a", "authorization_token": "t"}
    return {"mcp_servers": [server], "tools": [{"type": "mcp_toolset", "mcp_server_name": "a", **config}]}


def mcp(**fields: Any) -> dict[str, Any]:
    return {"tools": [{"type": "mcp", "server_label": "a", "server_url": URL, "authorization": "t", **fields}]}


def transport(**fields: Any) -> dict[str, Any]:
    way = {"url": URL, "headers": {"Authorization": "Bearer t"}, **fields}
    return {"tools": [{"mcpServers": [{"name": "a", "streamableHttpTransport": way}]}]}


FREE = {"require_approval": "never"}
ONE = {"default_config": {"enabled": False}, "configs": {"x": {"enabled": True}}}


def written(source: Kind, fields: dict[str, Any], target: Kind) -> tuple[dict[str, Any], list[str]]:
    request = TEXT_PROTOCOLS[source].decode_request(TALK[source] | fields, "m", False)
    body, losses = TEXT_PROTOCOLS[target].encode_request(request)
    left = of_request(request, target, TEXT_PROTOCOLS[target].READS)
    return {name: body[name] for name in ("mcp_servers", "tools") if name in body}, [
        loss.path for loss in left + losses
    ]


@pytest.mark.parametrize(
    ("source", "fields", "target", "want"),
    [
        ("messages", toolset(), "responses", mcp(**FREE)),
        ("messages", toolset(), "gemini", transport()),
        ("messages", toolset(**ONE), "responses", mcp(allowed_tools=["x"], **FREE)),
        ("responses", mcp(**FREE), "messages", toolset()),
        ("responses", mcp(**FREE), "gemini", transport()),
        ("responses", mcp(allowed_tools={"tool_names": ["x"]}, **FREE), "messages", toolset(**ONE)),
        ("gemini", transport(), "messages", toolset()),
    ],
)
def test_a_server(source: Kind, fields: dict[str, Any], target: Kind, want: dict[str, Any]) -> None:
    assert written(source, fields, target) == (want, [])


def test_a_server_without_a_toolset_is_one() -> None:
    fields = toolset()
    fields = {"mcp_servers": [fields["mcp_servers"][0] | {"tool_configuration": {"allowed_tools": ["x"]}}]}
    assert written("messages", fields, "responses") == (mcp(allowed_tools=["x"], **FREE), [])
    again = TEXT_PROTOCOLS["messages"].decode_request(TALK["messages"] | fields, "m", False)
    body, _ = TEXT_PROTOCOLS["messages"].encode_request(again)
    assert (body["mcp_servers"], "tools" in body) == (fields["mcp_servers"], False)


@pytest.mark.parametrize(
    ("source", "fields", "target", "want", "lost"),
    [
        ("responses", mcp(), "messages", {}, ["tools[0]"]),
        ("responses", mcp(require_approval="always"), "gemini", {}, ["tools[0]"]),
        ("responses", mcp(require_approval={"always": {"tool_names": ["y"]}}), "messages", {}, ["tools[0]"]),
        ("responses", mcp(allowed_tools=["x"], **FREE), "gemini", {}, ["tools[0]"]),
        ("responses", mcp(allowed_tools=[], **FREE), "messages", {}, ["tools[0]"]),
        ("messages", toolset(configs={"x": {"enabled": False}}), "responses", {}, ["tools[0]"]),
        ("messages", toolset(configs={"x": {"enabled": False}}), "gemini", {}, ["tools[0]"]),
        ("responses", {"tools": [{"type": "mcp", "server_label": "a", "connector_id": "c"}]}, "messages", {}, ["tools[0]"]),
        ("responses", mcp(require_approval={"never": {"tool_names": ["x", "y"]}}, allowed_tools=["x", "z"]), "messages",
         toolset(**ONE), ["tools[0].require_approval"]),
        ("responses", mcp(headers={"X-A": "b"}, **FREE), "messages", toolset(), ["tools[0].headers"]),
        ("responses", mcp(server_description="d", defer_loading=True, **FREE), "messages", toolset(),
         ["tools[0].server_description", "tools[0].defer_loading"]),
        ("gemini", transport(timeout="5s"), "messages", toolset(), ["tools[0].mcpServers.timeout"]),
        ("messages", toolset(default_config={"defer_loading": True}), "responses", mcp(**FREE),
         ["tools[0].default_config.defer_loading"]),
    ],
)  # fmt: skip
def test_what_cannot_be_said_runs_nothing_else(
    source: Kind, fields: dict[str, Any], target: Kind, want: dict[str, Any], lost: list[str]
) -> None:
    """A tool that the client forbids, or of which it wants to be asked first, is not there."""
    assert written(source, fields, target) == (want, lost)


F = {"type": "function", "name": "f"}
A = {"type": "mcp", "server_label": "a"}
B = {"type": "mcp", "server_label": "b"}


def among(*tools: Any) -> dict[str, Any]:
    return {"type": "allowed_tools", "mode": "auto", "tools": list(tools)}


@pytest.mark.parametrize(
    ("choice", "target", "left"),
    [
        ("none", "gemini", []),
        (among(F), "messages", []),
        (among(F), "gemini", []),
        (among(A, F), "messages", ["a"]),
        (among(A), "gemini", ["a"]),
        (A, "messages", ["a"]),
        ({**A, "name": "x"}, "messages", ["a"]),
        ({**A, "name": "x"}, "gemini", []),
        (among(B, F), "messages", []),
    ],
)
def test_a_choice_of_tools_is_one_of_servers_too(choice: Any, target: Kind, left: list[str]) -> None:
    """An upstream calls their tools by itself, and nobody could say no any more."""
    fields = mcp(**FREE)
    tools = {"tools": [*fields["tools"], F], "tool_choice": choice}
    body, _ = written("responses", tools, target)
    named = [tool["mcp_server_name"] for tool in body["tools"] if "mcp_server_name" in tool]
    named += [server["name"] for tool in body["tools"] for server in tool.get("mcpServers", ())]
    assert (named, [server["name"] for server in body.get("mcp_servers", ())]) == (
        left, left if target == "messages" else [],
    )  # fmt: skip
    if isinstance(choice, dict) and choice.get("name") and target == "messages":
        assert body["tools"][0] == toolset(**ONE)["tools"][0]


def test_both_ways_of_limiting_a_toolset_count() -> None:
    fields = toolset(configs={"y": {"enabled": False}})
    old = {"mcp_servers": [fields["mcp_servers"][0] | {"tool_configuration": {"allowed_tools": ["x", "y"]}}]}
    assert written("messages", fields | old, "responses")[0] == mcp(allowed_tools=["x"], **FREE)
    fields = toolset(default_config={"enabled": False}, configs={"x": {"enabled": True}, "z": {"enabled": True}})
    assert written("messages", fields | old, "responses")[0] == mcp(allowed_tools=["x"], **FREE)


def test_a_token_may_be_a_header() -> None:
    assert with_token({"authorization": "Bearer t", "X": "y"}, "") == ({"X": "y"}, "t")
    assert with_token({"Authorization": "Basic b"}, "t") == ({"Authorization": "Basic b"}, "t")
    assert McpServer("a", URL, allowed=("x",)).free == ("x",)
