"""Remote MCP servers whose tools an upstream calls itself: the same server in each protocol's words, in neutral ones.

Sources: platform.claude.com/docs/en/agents-and-tools/mcp-connector,
platform.openai.com/docs/guides/tools-connectors-mcp, the SDKs' BetaMCPToolset, Mcp and McpServer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.value import value

BEARER: Final = "Bearer "
SAID: Final = frozenset({
    "type", "mcp_server_name", "default_config", "configs", "server_label", "server_url", "authorization", "headers",
    "allowed_tools", "require_approval", "mcpServers",
})  # fmt: skip
"""Settings of a tool that its servers say."""


@value(frozen=True, slots=True)
class McpServer:
    """``allowed``: the only tools that may be called; None: all but ``refused``.

    ``unasked``: the tools that may be called before the client is asked; None: all. ``off``: no tool of it may be
    called this time.
    """

    name: str
    url: str
    token: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    allowed: tuple[str, ...] | None = None
    refused: tuple[str, ...] = ()
    unasked: tuple[str, ...] | None = None
    off: bool = False

    @property
    def free(self) -> tuple[str, ...] | None:
        """The tools that may be called and of which nobody is to be asked; None: all but ``refused``."""
        if self.allowed is None or self.unasked is None:
            return self.unasked if self.allowed is None else self.allowed
        return tuple(name for name in self.allowed if name in self.unasked)

    @property
    def serves(self) -> bool:
        """Whether any tool may be called unasked."""
        return not self.off and self.free != ()


def unsaid(settings: Mapping[str, Any]) -> Iterator[str]:
    """Settings that they do not say: what is loaded later, what a server is good for, how long it may take."""
    yield from (name for name, value in settings.items() if value and name not in SAID)
    configs = [read.mapping(settings.get("default_config")), *read.mapping(settings.get("configs")).values()]
    if any(read.mapping(config).get("defer_loading") for config in configs):
        yield "default_config.defer_loading"
    for server in read.mappings(settings.get("mcpServers")):
        way = read.mapping(server.get("streamableHttpTransport"))
        yield from (f"mcpServers.{name}" for name in way if name not in ("url", "headers"))


def calls_servers(members: Mapping[str, Any]) -> bool:
    """Whether a request of any protocol has its upstream call tools elsewhere."""
    given = members.get("tools")
    tools = read.mappings(given if isinstance(given, list) else [given])
    return bool(members.get("mcp_servers")) or any(
        tool.get("type") == "mcp" or tool.get("mcpServers") or tool.get("mcp_servers") for tool in tools
    )


def headers_of(value: Mapping[str, Any]) -> dict[str, str]:
    """What a server is sent, of those who say it by this name."""
    return {name: said for name, said in read.mapping(value.get("headers")).items() if isinstance(said, str)}


def with_token(headers: Mapping[str, str], token: str) -> tuple[dict[str, str], str]:
    """Headers without the one that only carries a token, and the token."""
    left = {}
    for name, said in headers.items():
        if name.lower() == "authorization" and said.startswith(BEARER) and not token:
            token = said.removeprefix(BEARER)
        else:
            left[name] = said
    return left, token
