"""The panel as a process of its own: served from an inherited socket, gone with its supervisor."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from websockets.sync.client import connect

from ccx_addons.io.store import Store
from tests.admin.conftest import ADMIN_KEY
from tests.patience import PATIENCE

ROOT: Final = Path(__file__).resolve().parents[2]

PROGRAM: Final = {
    "gunicorn": "from ccx_admin import serve; raise SystemExit(serve.main({fd}, {pipe}))",
    "werkzeug": "from ccx_admin import serve; serve.BaseApplication = object; raise SystemExit(serve.main({fd}, {pipe}))",
}


@contextmanager
def panel_process(folder: Path, program: str) -> "Iterator[tuple[subprocess.Popen[bytes], str, int]]":
    """(process, address, our end of its pipe)."""
    listener = socket.create_server(("127.0.0.1", 0))
    there, here = os.pipe()
    env = {
        "PATH": os.environ["PATH"],
        "ADMIN_ACCESS_KEY": ADMIN_KEY,
        "PROXY_ACCESS_KEY": "proxy-key-0123456789",
        "CCX_CONFIG": str(folder / "ccx.yaml"),
        "CCX_DATA_DIR": str(folder),
    }
    code = PROGRAM[program].format(fd=listener.fileno(), pipe=there)
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=env, pass_fds=(listener.fileno(), there), stderr=subprocess.PIPE
    )
    os.close(there)
    try:
        yield process, f"127.0.0.1:{listener.getsockname()[1]}", here
    finally:
        os.close(here)
        listener.close()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.communicate()


def get(address: str, path: str) -> dict[str, object]:
    asked = urllib.request.Request(f"http://{address}{path}", headers={"x-api-key": ADMIN_KEY})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        found: dict[str, object] = json.load(answer)
    return found


@pytest.mark.parametrize("program", ["gunicorn", "werkzeug"])
def test_serves_pushes_rows_and_ends_with_its_supervisor(folder: Path, program: str) -> None:
    with panel_process(folder, program) as (process, address, _):
        assert get(address, "/api/status")["version"]
        with connect(f"ws://{address}/api/live", additional_headers={"x-api-key": ADMIN_KEY}) as socket:
            hello = json.loads(socket.recv(PATIENCE))
            store = Store.open(folder / "ccx.db", boot_id="gateway")
            store.put_request({"id": "01a2114b-0000-7000-8000-000000000001", "started_at": 1, "state": "ok"})
            pushed = json.loads(socket.recv(PATIENCE))
            store.close()
        assert [row["id"] for row in pushed["rows"]] == ["01a2114b-0000-7000-8000-000000000001"]
        assert pushed["rev"] > hello["rev"]
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("program", ["gunicorn", "werkzeug"])
def test_no_header_says_how_or_where_it_is_served(folder: Path, program: str) -> None:
    with panel_process(folder, program) as (_, address, _):
        get(address, "/api/status")  # it is up
        for name, value in (
            ("SCRIPT_NAME", "/evil"), ("PATH_INFO", "/evil"), ("X-Script-Name", "/evil"), ("X-Forwarded-Prefix", "/evil"),
            ("X-Forwarded-Proto", "https"), ("X-Forwarded-Ssl", "on"), ("X-Forwarded-Protocol", "ssl"),
            ("X-Forwarded-Host", "evil.example"), ("Forwarded", "proto=https;host=evil.example"),
        ):  # fmt: skip
            asked = urllib.request.Request(f"http://{address}/login", headers={name: value})
            with urllib.request.urlopen(asked, timeout=20) as answer:
                page, cookie = answer.read().decode(), answer.headers["set-cookie"]
            assert "evil" not in page and "Secure" not in cookie, name
