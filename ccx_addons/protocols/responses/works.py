"""Searches, pages that were opened and code that ran, as this protocol says them: one item each.

Sources: platform.openai.com/docs/guides/tools-web-search, /tools-code-interpreter; the SDK's ResponseFunctionWebSearch
and ResponseCodeInterpreterToolCall.
"""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Json, Source
from ccx_addons.core.works import Work, made_id
from ccx_addons.protocols.responses.wire import Item

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
    if kind == "code_interpreter_call":
        outputs = item.get("outputs")
        logs = "".join(read.text(one.get("logs")) for one in read.mappings(outputs))
        output = logs if isinstance(outputs, list) else None
        return Work(
            "code", "whole", id_, code=read.text(item.get("code")), language="python", output=output, failed=failed
        )
    return None


def write_work(work: Work) -> list[Item]:
    """Its item."""
    status = "failed" if work.failed else "completed"
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
