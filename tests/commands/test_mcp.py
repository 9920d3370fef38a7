"""The MCP server, asked by the official SDK's own client."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from ccx_addons.commands import told
from ccx_addons.commands.mcp import mcp
from ccx_addons.io.store import Store
from tests.commands.test_flows import put, store
from tests.wire.program import ROOT

__all__ = ["store"]


async def talk(calls: list[tuple[str, dict[str, Any]]]) -> tuple[list[Any], list[Any]]:
    env = {name: value for name, value in os.environ.items() if name.startswith("CCX_") or name in ("PATH", "HOME")}
    place = StdioServerParameters(command=sys.executable, args=[str(ROOT / "run.py"), "mcp"], env=env)
    async with Client(place) as client:
        tools = (await client.list_tools()).tools
        return tools, [await client.call_tool(name, given) for name, given in calls]


def test_an_agent_reads_the_log(store: Store) -> None:
    put(store, "aa11", "hello")
    put(store, "bb22", "hello", "and more")
    calls: list[tuple[str, dict[str, Any]]] = [
        ("list_requests", {"limit": 1}),
        ("show_request", {"id": "aa"}),
        ("compare_requests", {"id": "bb22"}),
        ("lost_caches", {}),
        ("show_request", {"id": "zz"}),
    ]
    tools, answers = asyncio.run(talk(calls))
    assert {tool.name for tool in tools} == {"list_requests", "show_request", "compare_requests", "lost_caches"}
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
    said = ["".join(part.text for part in answer.content) for answer in answers]
    assert json.loads(said[0])["id"] == "bb22" and "hello" in said[1]
    assert json.loads(said[2])["summary"] == "messages added: 2 user"
    assert json.loads(said[3]) == {"clients": [], "channels": []}
    assert answers[4].is_error and "there is no request 'zz'" in said[4]


def test_without_the_sdk_a_line_says_what_to_do(store: Store, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert Path(str(store.path)).exists()
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    assert told(mcp, []) == 1 and "pip install 'ccx[mcp]'" in capsys.readouterr().err
