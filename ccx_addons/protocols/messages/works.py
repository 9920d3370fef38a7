"""Searches, pages that were read and code that ran, as this protocol says them: a call, and a block with its result.

Sources: platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool, /web-fetch-tool, /code-execution-tool.
"""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Json, Source
from ccx_addons.core.signatures import mark
from ccx_addons.core.wire_json import dump_text, loads_object
from ccx_addons.core.works import MCP_KINDS, Work, listed, made_id
from ccx_addons.protocols.messages.blocks import OURS
from ccx_addons.protocols.messages.wire import Block

CODE: Final[Mapping[str, str]] = {"code_execution": "code", "bash_code_execution": "command"}
"""Tool -> where its input has the code."""
RAN: Final = frozenset({"code_execution_tool_result", "bash_code_execution_tool_result"})
SEARCHED: Final = "web_search_tool_result"
FETCHED: Final = "web_fetch_tool_result"


SAID: Final = frozenset({
    "type", "id", "tool_use_id", "name", "input", "content", "query", "code", "command", "url", "title", "stdout",
    "stderr",
})  # fmt: skip
"""Members that a work says."""


def read_work(block: Mapping[str, Json]) -> Work | None:
    """None: the block is about something else."""
    kind, id_ = read.text(block.get("type")), read.text(block.get("tool_use_id"))
    if kind.startswith("mcp_"):
        return _read_mcp(block, kind, id_)
    if kind == "server_tool_use":
        return _read_call(block)
    content = block.get("content")
    if kind == SEARCHED:
        found = (Source(read.text(one.get("url")), read.text(one.get("title"))) for one in read.mappings(content))
        pages = tuple(page for page in found if page.url) if isinstance(content, list) else ()
        return Work("web_search", "result", id_, pages=pages, failed=not isinstance(content, list))
    if kind == FETCHED:
        url, page = read.text(read.mapping(content).get("url")), read.mapping(read.mapping(content).get("content"))
        pages = (Source(url, read.text(page.get("title"))),) if url else ()
        return Work("web_fetch", "result", id_, pages=pages, failed=not pages)
    if kind in RAN:
        said = read.mapping(content)
        output = "\n".join(filter(None, (read.text(said.get("stdout")), read.text(said.get("stderr")))))
        failed = "error_code" in said or bool(said.get("return_code"))
        return Work("code", "result", id_, output=output or read.text(said.get("error_code")), failed=failed)
    return None


def _read_mcp(block: Mapping[str, Json], kind: str, id_: str) -> Work | None:
    """What a remote server did."""
    match kind:
        case "mcp_tool_use":
            server, tool = read.text(block.get("server_name")), read.text(block.get("name"))
            arguments = dump_text(read.mapping(block.get("input")))
            return Work("mcp", "call", read.text(block.get("id")), server=server, tool=tool, arguments=arguments)
        case "mcp_tool_result":
            content = block.get("content")
            texts = [read.text(part.get("text")) for part in read.mappings(content)]
            output = content if isinstance(content, str) else "\n".join(texts)
            return Work("mcp", "result", id_, output=output, failed=block.get("is_error") is True)
        case "mcp_tool_listing":
            server = read.text(block.get("mcp_server_name"))
            return Work("mcp_tools", id=listed(server), server=server, tools=tuple(read.mappings(block.get("tools"))))
    return None


def _read_call(block: Mapping[str, Json]) -> Work | None:
    id_, name, asked = read.text(block.get("id")), read.text(block.get("name")), read.mapping(block.get("input"))
    if name == "web_search":
        query = read.text(asked.get("query"))
        return Work("web_search", "call", id_, queries=(query,) if query else ())
    if name == "web_fetch":
        url = read.text(asked.get("url"))
        return Work("web_fetch", "call", id_, pages=(Source(url),) if url else ())
    if field := CODE.get(name):
        language = "bash" if name.startswith("bash") else "python"
        return Work("code", "call", id_, code=read.text(asked.get(field)), language=language)
    return None


def write_work(work: Work) -> list[Block]:
    """Its blocks."""
    if work.kind in MCP_KINDS:
        return _write_mcp(work)
    id_ = made_id("srvtoolu", work)
    blocks: list[Block] = []
    if work.half != "result":
        name, asked = _asked(work)
        blocks.append({"type": "server_tool_use", "id": id_, "name": name, "input": asked})
    if work.half != "call":
        kind, content = _result(work)
        blocks.append({"type": kind, "tool_use_id": id_, "content": content})
    return blocks


def _write_mcp(work: Work) -> list[Block]:
    if work.kind == "mcp_tools":
        tools = [
            {
                "name": read.text(tool.get("name")), "description": tool.get("description"),
                "input_schema": read.mapping(tool.get("input_schema")),
            }
            for tool in work.tools
        ]  # fmt: skip
        return [{"type": "mcp_tool_listing", "mcp_server_name": work.server, "tools": tools}] if tools else []
    id_ = made_id("mcptoolu", work)
    blocks: list[Block] = []
    if work.half != "result":
        asked = loads_object(work.arguments) or {}
        blocks.append(
            {"type": "mcp_tool_use", "id": id_, "name": work.tool, "server_name": work.server, "input": asked}
        )
    if work.half != "call":
        content = [{"type": "text", "text": work.output, "citations": None}] if work.output else []
        blocks.append({"type": "mcp_tool_result", "tool_use_id": id_, "is_error": work.failed, "content": content})
    return blocks


def _asked(work: Work) -> tuple[str, Block]:
    match work.kind:
        case "web_search":
            return "web_search", {"query": "; ".join(work.queries)}
        case "web_fetch":
            return "web_fetch", {"url": next((page.url for page in work.pages), "")}
    return "code_execution", {"code": work.code}


def _result(work: Work) -> tuple[str, Json]:
    match work.kind:
        case "web_search":
            return SEARCHED, _pages(work)
        case "web_fetch":
            return FETCHED, _fetched(work)
    return "code_execution_tool_result", _ran(work)


def _fetched(work: Work) -> Block:
    """The page, whose words no other protocol gives."""
    if work.failed or not work.pages:
        return {"type": "web_fetch_tool_result_error", "error_code": "url_not_accessible"}
    url, title = work.pages[0].url, work.pages[0].title
    words = {"type": "text", "media_type": "text/plain", "data": ""}
    page = {"type": "document", "source": words, "title": title or url, "citations": None}
    return {"type": "web_fetch_result", "url": url, "content": page, "retrieved_at": None}


def _pages(work: Work) -> Json:
    if work.failed:
        return {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    return [
        {
            "type": "web_search_result", "url": page.url, "title": page.title or page.url,
            "encrypted_content": mark("", OURS), "page_age": None,
        }
        for page in work.pages
    ]  # fmt: skip


def _ran(work: Work) -> Block:
    out, err = ("", work.output or "") if work.failed else (work.output or "", "")
    return {
        "type": "code_execution_result", "stdout": out, "stderr": err, "return_code": int(work.failed), "content": [],
    }  # fmt: skip
