"""How mitmproxy's web UI is put together. What it does: wire/test_mitmweb."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import httpx

from ccx_addons import chain
from ccx_addons.core.config import Snapshot
from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.mitmweb import MitmwebMaster, make_master
from ccx_addons.proxy.pool import Pool
from ccx_addons.proxy.replay import Replays
from ccx_addons.proxy.terms import Limits

PUBLIC = ("0.0.0.0", 3000)


def made(folder: Path, check: Any) -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as sock:
            sock.setblocking(False)
            store = Store(folder / "ccx.db")
            runtime = Runtime(Settings(ccx_data_dir=str(folder), web_password="pass"), Snapshot("r", 0), store)
            await check(make_master(runtime, chain(runtime)[2:], sock, PUBLIC, Limits(), Pool()), sock.getsockname()[1])

    asyncio.run(run())


def test_nothing_can_reach_an_upstream_without_the_gateway(tmp_path: Path) -> None:
    async def check(master: MitmwebMaster, port: int) -> None:
        names = list(master.addons.lookup)
        assert isinstance(master.addons.get("clientplayback"), Replays) and "tlsconfig" not in names
        order = [names.index(name) for name in ("intercept", "view", "edits", "auth", "route", "inspect")]
        assert order == sorted(order)
        options = master.options
        assert (options.mode, options.web_host, options.web_port, options.web_password) == (
            [], "127.0.0.1", port, "pass",
        )  # fmt: skip
        assert (options.listen_host, options.listen_port) == PUBLIC, "what the page says at its foot"
        assert not options.onboarding and not options.web_open_browser and "comment" in options.web_columns

    made(tmp_path, check)


def test_it_answers_on_the_given_socket_and_leaves_no_files(tmp_path: Path) -> None:
    async def check(master: MitmwebMaster, port: int) -> None:
        running = asyncio.ensure_future(master.run())
        url, headers = f"http://127.0.0.1:{port}/flows", {"authorization": "Bearer pass"}
        refused = await asyncio.to_thread(httpx.get, url)
        allowed = await asyncio.to_thread(httpx.get, url, headers=headers)
        for host in ("evil.example", "127.0.0.1.evil.example", f"localhost.:{port}", "evil@localhost", ""):
            foreign = await asyncio.to_thread(httpx.get, url, headers={**headers, "host": host})
            assert foreign.status_code in (400, 404), host
        named = await asyncio.to_thread(httpx.get, url, headers={**headers, "host": f"localhost:{port}"})
        assert named.status_code == 200
        master.should_exit.set()
        await running
        assert (refused.status_code, allowed.status_code, allowed.json()) == (403, 200, [])
        assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("ccx.db")] == []

    made(tmp_path, check)
