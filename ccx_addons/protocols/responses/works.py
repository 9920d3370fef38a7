"""Searches, pages that were opened and code that ran, as this protocol says them: one item each.

Sources: platform.openai.com/docs/guides/tools-web-search, /tools-code-interpreter; the SDK's ResponseFunctionWebSearch
and ResponseCodeInterpreterToolCall.
"""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read, words
from ccx_addons.core.neutral import Json, Opaque, Source
from ccx_addons.core.works import MCP_KINDS, Work, listed, made_id
from ccx_addons.protocols.responses.wire import NAME, Item

SAID: Final = frozenset({
    "type", "id", "status", "action", "query", "queries", "sources", "url", "code", "outputs", "logs",
})  # fmt: skip
"""Members that a work says."""


def read_work(item: Mapping[str, Json]) -> Work | None:
    """None: the item is about something else."""
    kind, id_, failed = item.get("type"), read.text(item.get("id")), item.get("status") == "failed"
    if kind == "web_search_call":
        action = read.mapping(item.get("action"))
        if action.get("type") == "open_page" and (url := read.text(action.get("url"))):
            return Work("web_fetch", "whole", id_, pages=(Source(url),), failed=failed)
        asked = [*read.items(action.get("queries")), action.get("query")]
        queries = tuple(dict.fromkeys(query for query in asked if isinstance(query, str) and query))
        found = (read.text(source.get("url")) for source in read.mappings(action.get("sources")))
        opened = read.text(action.get("url"))  # find_in_page
        pages = tuple(Source(url) for url in (*found, opened) if url)
        return Work("web_search", "whole", id_, queries, pages, failed=failed)
    if kind == "mcp_list_tools" and not item.get("error"):
        server = read.text(item.get("server_label"))
        return Work("mcp_tools", id=id_ or listed(server), server=server, tools=tuple(read.mappings(item.get("tools"))))
    if kind == "mcp_call":
        return _read_mcp(item, id_)
    if kind == "code_interpreter_call":
        outputs = item.get("outputs")
        logs = "".join(read.text(one.get("logs")) for one in read.mappings(outputs))
        output = logs if isinstance(outputs, list) else None
        return Work(
            "code", "whole", id_, code=read.text(item.get("code")), language="python", output=output, failed=failed
        )
    return None


def _read_mcp(item: Mapping[str, Json], id_: str) -> Work:
    """A call of a remote server's tool, and what came of it."""
    error = item.get("error")
    output, failed = read.text(item.get("output")), bool(error) or item.get("status") == "failed"
    if error:
        said = words.text_of(Opaque(NAME, error)) if isinstance(error, dict) else read.text(error)
        output = "\n".join(filter(None, (output, said)))
    server, tool, arguments = (read.text(item.get(name)) for name in ("server_label", "name", "arguments"))
    return Work("mcp", id=id_, output=output, failed=failed, server=server, tool=tool, arguments=arguments)


def _write_mcp(work: Work, status: str) -> Item:
    if work.kind == "mcp_tools":
        tools = [
            {
                "name": read.text(tool.get("name")), "description": tool.get("description"),
                "input_schema": read.mapping(tool.get("input_schema")), "annotations": None,
            }
            for tool in work.tools
        ]  # fmt: skip
        return {"type": "mcp_list_tools", "id": made_id("mcpl", work), "server_label": work.server, "tools": tools}
    content = [{"type": "text", "text": work.output or ""}]
    return {
        "type": "mcp_call", "id": made_id("mcp", work), "status": status,
        "server_label": work.server, "name": work.tool, "arguments": work.arguments or "{}",
        "output": None if work.failed else work.output,
        "error": {"type": "mcp_tool_execution_error", "content": content} if work.failed else None,
    }  # fmt: skip


def write_work(work: Work) -> list[Item]:
    """Its item."""
    status = "failed" if work.failed else "completed"
    if work.kind in MCP_KINDS:
        return [_write_mcp(work, status)]
    if work.kind == "web_search":
        action: Item = {"type": "search", "query": "; ".join(work.queries)}
        if len(work.queries) > 1:
            action["queries"] = list(work.queries)
        if work.pages:
            action["sources"] = [{"type": "url", "url": page.url} for page in work.pages]
        return [{"type": "web_search_call", "id": made_id("ws", work), "status": status, "action": action}]
    if work.kind == "web_fetch":
        action = {"type": "open_page", "url": next((page.url for page in work.pages), None)}
        return [{"type": "web_search_call", "id": made_id("ws", work), "status": status, "action": action}]
    outputs = None if work.output is None else [{"type": "logs", "logs": work.output}]
    return [
        {
            "type": "code_interpreter_call", "id": made_id("ci", work), "status": status, "code": work.code,
            "container_id": made_id("cntr", work), "outputs": outputs,
        }
    ]  # fmt: skip
