"""Real meeting places for tests, and members of them in one event loop."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from ccx_addons.io.meeting import Answer, Engine, Member
from ccx_addons.io.meeting.line import Line
from ccx_addons.io.meeting.place import Place, listen, serve
from ccx_addons.scheduler.limits import FREE, Ask, Budget, Estimate, Limits, Scope

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
    """Everything that was told before has arrived."""
    assert await member.engine.enter(Ask("", ())) is None


async def asked(member: Member, ask: Ask) -> Answer:
    answer = member.enter(ask)
    return await answer if asyncio.isfuture(answer) or asyncio.iscoroutine(answer) else answer  # type: ignore[return-value]


def ask(slot: str, *scopes: tuple[str, int, int]) -> Ask:
    return Ask(slot, tuple(Scope(*scope) for scope in scopes))


def pay(slot: str, tokens_per_day: int, estimate: int = 0, usd_per_month: float = 0.0, spent: Estimate = FREE) -> Ask:
    return Ask(slot, (), Budget("alice", tokens_per_day, usd_per_month, Estimate(estimate), spent))


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
    yield path
    os.close(write)
    await task
    os.close(read)


ROOMS: dict[str, Callable[[Path], contextlib.AbstractAsyncContextManager[Room]]] = {"place": place_room}
