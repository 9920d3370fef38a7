"""The real program and the fake upstream as subprocesses on loopback."""

import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ccx_addons.io.postgres import Link
from tests.patience import PATIENCE, wait_for

ROOT = Path(__file__).resolve().parent.parent.parent
CLIENT_KEY = "test-client-key-0123456789abcdef"
ADMIN_KEY = "test-admin-key-0123456789abcdefg"
KINDS = ("messages", "chat", "responses", "gemini", "images", "embeddings")


def channel(name: str, base_url: str, protocol: str, *keys: str, **more: Any) -> dict[str, Any]:
    """A channel for ccx.yaml. A key ``fake:SPEC:anything`` tells the fake upstream how to misbehave."""
    return {"name": name, "protocol": protocol, "base_urls": [base_url], "keys": list(keys or ["good-key"]), **more}


@dataclass
class Fake:
    """scripts/fake_upstream.py; ``requests`` is what arrived there since ``clear``."""

    url: str

    def requests(self) -> list[dict[str, Any]]:
        return list(httpx.get(f"{self.url}/__requests").json())

    def clear(self) -> None:
        httpx.delete(f"{self.url}/__requests")

    def script(self, scripts: Mapping[str, Mapping[str, Any]]) -> None:
        """What keys ``fake:scripted=NAME:anything`` are answered (scripts/fake/scripted.py)."""
        httpx.put(f"{self.url}/__scripts", json=scripts).raise_for_status()

    def stats(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/__stats").json())

    @contextlib.contextmanager
    def gate(self, ready: Callable[[], object]) -> Iterator[str]:
        """A model whose answers wait for ``ready``: however slow a machine is, who is to be there at once is."""
        name = uuid.uuid4().hex

        def open_it() -> None:
            try:
                wait_for(ready)
            finally:
                httpx.put(f"{self.url}/__gates/{name}")

        opener = threading.Thread(target=open_it)
        opener.start()
        yield f"gpt-fake-gate={name}"
        opener.join()


@dataclass
class Program:
    """A running gateway. ``configure`` rewrites ccx.yaml and waits until it is in force."""

    folder: Path
    url: str
    process: "subprocess.Popen[str]"
    env: dict[str, str]
    log: Path
    config: dict[str, Any] = field(default_factory=dict)
    last_id: str = ""

    @property
    def database(self) -> Path:
        return self.folder / "data" / "ccx.db"

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        if url := self.env.get("CCX_DATABASE_URL"):
            with contextlib.closing(Link(url, "tests")) as link:
                return [dict(row) for row in link.execute(sql, values)]
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=PATIENCE)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(sql, values)]
        finally:
            connection.close()

    def rows(self) -> list[dict[str, Any]]:
        """Finished requests, oldest first, once the writer has nothing more to write."""
        wait_for(lambda: not self.query("select 1 from requests where state = 'running'"))
        return self.query("select * from requests order by id")

    def newest(self) -> dict[str, Any]:
        """The next finished request that no earlier call has returned."""
        sql = "select * from requests where id > ? and state != 'running' order by id limit 1"
        row = dict(wait_for(lambda: self.query(sql, self.last_id))[0])
        self.last_id = row["id"]
        return row

    def row(self, request_id: str) -> dict[str, Any]:
        found = wait_for(lambda: self.query("select * from requests where id = ? and state != 'running'", request_id))
        return dict(found[0])

    def attempts(self, request_id: str) -> list[dict[str, Any]]:
        self.row(request_id)
        return self.query("select * from attempts where request_id = ? order by n", request_id)

    def written(self) -> bytes:
        """Everything in the data folder, with kept bodies as they were before they were packed."""
        files = [path.read_bytes() for path in (self.folder / "data").rglob("*") if path.is_file()]
        return b"".join([*files, *(zlib.decompress(row["body"]) for row in self.query("select body from bodies"))])

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        auth = {"authorization": f"Bearer {CLIENT_KEY}"}
        return httpx.post(f"{self.url}{path}", json=body, headers={**auth, **(headers or {})}, **more)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers={"authorization": f"Bearer {CLIENT_KEY}"})

    def configure(self, *channels: dict[str, Any], **more: Any) -> None:
        self.config = {"version": 1, "channels": list(channels), **more}
        before = self.log.read_text()
        new = self.folder / "ccx.yaml.new"
        new.write_text(json.dumps(self.config))
        new.replace(self.folder / "ccx.yaml")  # nobody reads half of it
        wait_for(lambda: "is in force" in self.log.read_text()[len(before) :])

    def children(self, command: str) -> list[int]:
        """Process numbers of the supervisor's children that run ``run.py COMMAND``."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in found if f"\0{command}\0".encode() in words_of(pid)]

    def stop(self, number: int = signal.SIGTERM, seconds: float = 60) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)


def free_port() -> int:
    """One that nobody is given who asks for any: it is free until its program takes it."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(min(10_000, first // 2), first)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def words_of(pid: str) -> bytes:
    """Its command; nothing where it has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@contextlib.contextmanager
def running_fake() -> Iterator[Fake]:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "fake_upstream.py")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout
        yield Fake(process.stdout.readline().split()[-1])
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextlib.contextmanager
def running_program(
    folder: Path,
    *channels: dict[str, Any],
    env: Mapping[str, str] | None = None,
    command: str = "serve",
    panel: bool = False,
    **more: Any,
) -> Iterator[Program]:
    """``more`` goes into ccx.yaml beside the channels (clients, policy). ``panel``: for who looks at it or at how
    processes live: its start costs as much as all the rest."""
    config = {"version": 1, "channels": list(channels), **more}
    (folder / "ccx.yaml").write_text(json.dumps(config))
    environment = {
        **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "PYTHONPATH")},
        "PORT": "0",
        "PROXY_ACCESS_KEY": CLIENT_KEY,
        "ADMIN_ACCESS_KEY": ADMIN_KEY,
        "CCX_CONFIG": str(folder / "ccx.yaml"),
        "CCX_DATA_DIR": str(folder / "data"),
        "CCX_ENV_FILE": str(folder / ".env"),
        "ENABLE_WEB_UI": str(panel).lower(),
        **(env or {}),
    }
    log = folder / "log.txt"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "run.py"), command],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=environment,
            cwd=ROOT,
        )
    program = Program(folder, "", process, environment, log, config)
    try:
        assert process.stdout
        for line in process.stdout:
            if "is ready on" in line:
                program.url = line.split()[-1]
                break
        else:
            raise AssertionError(f"the gateway did not start: {log.read_text()}")
        yield program
    finally:
        if process.poll() is None:
            program.stop()
        assert process.stdout
        process.stdout.close()


def all_kinds(fake: Fake, key: str = "good-key") -> list[dict[str, Any]]:
    return [channel(f"{kind}-a", fake.url, kind, key) for kind in KINDS]


def dumps(value: Any) -> str:
    return json.dumps(value)
