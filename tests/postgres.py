"""A real PostgreSQL for tests: one server for each process of the tests, and a database of its own for each test."""

import atexit
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg

from ccx_addons.io import postgres_schema
from ccx_addons.io.postgres import Link
from scripts.fronts import find

QUICK: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "autovacuum": "off",
}
READY: Final = 60.0


class Server:
    """``settings``: of postgresql.conf. ``prefix``: words before the server's command."""

    def __init__(self, prefix: Sequence[str] = (), **settings: str) -> None:
        self.prefix = prefix
        self.folder = Path(tempfile.mkdtemp(prefix="ccx-pg-"))
        self.settings = {**QUICK, **settings}
        self.numbers = itertools.count(1)
        self.template = ""
        self.user: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        self.process: subprocess.Popen[bytes] | None = None
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
        words = ["-D", str(self.data), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run([self._program("initdb"), *words], check=True, stdout=subprocess.DEVNULL, cwd="/", **self.user)

    def _program(self, name: str) -> str:
        found = find("postgres")
        assert found, "scripts/fronts.py brings PostgreSQL"
        return str(Path(found).with_name(name))

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        options = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        command = [self._program("postgres"), "-D", str(self.data), "-k", str(self.folder), *options]
        user = self.user
        if self.prefix:  # it may need to be root
            drop = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups") if user else ()
            command, user = [*self.prefix, *drop, *command], {}
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/", **user)
        until = time.monotonic() + READY
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                assert self.process.poll() is None and time.monotonic() < until
                time.sleep(0.02)
            else:
                return

    def signal(self, number: signal.Signals) -> None:
        """To the postmaster and all that it started."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in (self.process.pid, *map(int, children)):
            with suppress(ProcessLookupError):  # one of them ended by itself
                os.kill(pid, number)

    def kill(self) -> None:
        """As when the machine's memory ends."""
        assert self.process
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={quote(str(self.folder))}&port={self.settings.get('port', 5432)}"

    def trust(self, network: str) -> None:
        """Whoever comes from there needs no password."""
        with (self.data / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {network} trust\n")

    def run(self, sql: str, name: str = "postgres") -> None:
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(sql.encode())

    def empty(self) -> str:
        """The URL of a new database without any table."""
        name = f"test{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def made(self) -> str:
        """The URL of a new database with all tables."""
        if not self.template:
            self.run("CREATE DATABASE made")
            link = Link(self.url("made"), "tests")
            postgres_schema.make(link)
            link.close()
            self.template = "made"
        name = f"test{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE made")
        return self.url(name)


@lru_cache(1)
def server_of_tests() -> Server:
    """The one of this process; it ends with it."""
    server = Server()
    atexit.register(server.stop)
    server.start()
    return server


@contextmanager
def running_postgres(**settings: str) -> Iterator[Server]:
    server = Server(**settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()
