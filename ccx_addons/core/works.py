"""What an upstream's own tools did for an answer: a search of the web, a page that was read, code that ran. Each
protocol but Chat has blocks or items of its own for that; between them the same is said in the other's form.

What only its maker can use again (encrypted pages, containers) does not come along, so what a conversion has written is
known by its id, and is taken back as words where it comes to an upstream of the client's own protocol.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ccx_addons.core import read
from ccx_addons.core.ids import uuid7
from ccx_addons.core.neutral import Json, Source
from ccx_addons.core.signatures import MARK

type Half = Literal["call", "result", "whole"]


@dataclass(frozen=True, slots=True)
class Work:
    """``half``: some protocols say in two blocks what was asked for and what came of it, as ``id`` tells.

    ``output`` None: it is not said what came of it. ``mcp`` is a call of a ``tool`` that a ``server`` has, with
    ``arguments`` as JSON, ``mcp_tools`` the list of all that it has.
    """

    kind: Literal["web_search", "web_fetch", "code", "mcp", "mcp_tools"]
    half: Half = "whole"
    id: str = ""
    queries: tuple[str, ...] = ()
    pages: tuple[Source, ...] = ()
    code: str = ""
    language: str = ""
    output: str | None = None
    failed: bool = False
    server: str = ""
    tool: str = ""
    arguments: str = ""
    tools: tuple[Mapping[str, Json], ...] = ()


def joined(call: Work, result: Work) -> Work:
    """Both halves."""
    return Work(
        call.kind, "whole", call.id, call.queries, result.pages or call.pages, call.code, call.language, result.output,
        result.failed, call.server, call.tool, call.arguments,
    )  # fmt: skip


def left(value: Json, said: frozenset[str]) -> Iterator[str]:
    """Names of what a block holds beside what its work says. ``said``: names of members that it says.

    What holds a page's words is no loss by itself, but each of its members.
    """
    if isinstance(value, dict) and read.text(value.get("type")).startswith("mcp_"):
        yield from (name for name, inner in value.items() if name not in MCP and inner not in UNSET)
        for tool in read.mappings(value.get("tools")):
            yield from (f"tools.{name}" for name, inner in tool.items() if name not in MCP_TOOL and inner not in UNSET)
    elif isinstance(value, list):
        for item in value:
            yield from left(item, said)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == SOURCE and isinstance(inner, dict):
                yield from (f"{name}.{member}" for member in left(inner, WORDLESS))
            elif name not in said:
                if inner not in UNSET:
                    yield name
            elif name not in TEXTS:
                yield from left(inner, said)


def listed(server: str) -> str:
    """The id of a server's list, where its protocol gives none: the same every time."""
    return f"list_{server}".replace(" ", "-")


def made_id(prefix: str, work: Work) -> str:
    """An id by which is seen that a conversion made it."""
    return f"{prefix}_{MARK}{work.id.rpartition('_')[2].removeprefix(MARK) or uuid7().replace('-', '')}"


def is_made(value: Mapping[str, Json]) -> bool:
    """Whether a block or an item was made so: it goes by its own id, or by that of its call."""
    return any(MARK in id for name in IDS if isinstance(id := value.get(name), str))


MCP: Final = frozenset({
    "type", "id", "tool_use_id", "name", "server_name", "server_label", "mcp_server_name", "input", "arguments",
    "tools", "content", "output", "error", "is_error", "status",
})  # fmt: skip
"""Members that the work of a remote server says, in any protocol: a call's arguments are the tool's own."""
MCP_TOOL: Final = frozenset({"name", "description", "input_schema"})
MCP_KINDS: Final = frozenset({"mcp", "mcp_tools"})
UNSET: Final[tuple[Json, ...]] = (None, "", [], {})
IDS: Final = ("id", "tool_use_id")
SOURCE: Final = "source"
"""Where a page that was read has its words."""
WORDLESS: Final = frozenset({"type"})
TEXTS: Final = frozenset({"code", "command", "query"})
"""What a model wrote itself is said as it stands."""
