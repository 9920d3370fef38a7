"""``ccx mcp``: the request log for agents, over the Model Context Protocol on standard input and output. Read-only."""

import functools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ccx_addons.commands import parser
from ccx_addons.commands.flows import opened
from ccx_addons.core.errors import CcxError
from ccx_addons.processes.supervisor import StartError
from ccx_admin.requests.flows import Flows
from ccx_admin.requests.search_box import QueryError
from ccx_admin.sessions import cache_loss

if TYPE_CHECKING:
    from mcp.server import MCPServer

MISSING: Final = "this needs the official SDK: pip install 'ccx[mcp]'"
ABOUT: Final = (
    "The request log of a CCX gateway: what clients asked of AI models, who answered, what it cost, and what changed "
    "between two requests. Keys and secrets are masked. Bodies are there only as far as the gateway keeps them."
)
MOST: Final = 100


def mcp(arguments: list[str]) -> int:
    """The request log for agents, read-only: an MCP server on standard input and output, to be started by a client."""
    parser("mcp", mcp).parse_args(arguments)
    server(opened()).run("stdio")
    return 0


def server(log: Flows) -> "MCPServer":
    """Raises StartError where the SDK is not installed."""
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.types import ToolAnnotations
    except ImportError:
        raise StartError(MISSING) from None
    made = MCPServer("ccx", instructions=ABOUT)
    for tool in tools(log):
        made.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))(plainly(tool, ToolError))
    return made


def tools(log: Flows) -> list[Callable[..., Any]]:
    def list_requests(query: str = "", limit: int = 20) -> list[dict[str, Any]]:
        """The latest requests, newest first. The query is that of the panel's search box: words, or fields such as
        state:failed, model:opus, channel:main, client:ci, status:429, cost:>0.1, session:ID, after:1h."""
        return log.found(query, int(time.time() * 1000), max(1, min(limit, MOST)))

    def show_request(id: str) -> dict[str, Any]:
        """One request: its attempts, tokens and cost, why its prompt cache was lost, and what was asked and answered as
        far as it was kept. The id may be its beginning, or the word last."""
        return log.show(id)

    def compare_requests(id: str, other: str = "before") -> dict[str, Any]:
        """What is different between a request and another one: an id, the word before for the request that it
        continues, or upstream for what its upstream was sent. By parts (settings, tools, system, messages), then lines.
        """
        return log.diff(id, other).plain()

    def lost_caches() -> dict[str, Any]:
        """What clients and channels paid in the last 7 days for prompts that had been in a cache."""
        now = int(time.time() * 1000)
        return {
            name: [{"name": t.name, "times": t.times, "tokens": t.tokens, "usd": t.usd} for t in found]
            for name, column in (("clients", "client_name"), ("channels", "channel_id"))
            for found in [cache_loss.totals(log.db, column, now)]
        }

    return [list_requests, show_request, compare_requests, lost_caches]


def plainly[**P, T](tool: Callable[P, T], kind: type[Exception]) -> Callable[P, T]:
    """What is wrong becomes the tool's own error, in the words that people get."""

    @functools.wraps(tool)
    def call(*args: P.args, **options: P.kwargs) -> T:
        try:
            return tool(*args, **options)
        except (CcxError, QueryError) as error:
            raise kind(str(error)) from None

    return call
