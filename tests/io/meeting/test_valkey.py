"""Valkey and Redis, whatever becomes of them: no request waits long, none fails, and everything is told again."""

import asyncio
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from ccx_addons.core.config import Client, ClientLimits
from ccx_addons.io.meeting import Member
from ccx_addons.io.meeting import valkey as module
from ccx_addons.io.meeting.valkey import Valkey
from ccx_addons.scheduler.budgets import Estimate, Sums
from ccx_addons.scheduler.limits import Cost, Limits, cost_of
from tests.io.meeting.rooms import (
    PATIENT,
    Server,
    ValkeyRoom,
    ask,
    asked,
    pay,
    redis_binary,
    running_server,
    settled,
    valkey_binary,
)
from tests.patience import until

ALICE = Client("alice", "", limits=ClientLimits(tokens_per_day=100, usd_per_month=1.0))


def with_server(folder: Path, check: Callable[[Server], Awaitable[None]], *options: str, binary: str = "") -> None:
    async def main() -> None:
        async with running_server(binary or redis_binary(), folder, *options) as server:
            await check(server)

    asyncio.run(main())


def engine_of(member: Member) -> Valkey:
    assert isinstance(member.engine, Valkey)
    return member.engine


async def joined(server: Server, wait: float = PATIENT, sharing: int = 1, count: int = 2) -> list[Member]:
    room = ValkeyRoom(server, wait)
    return [await room.member(sharing) for _ in range(count)]


@pytest.mark.parametrize("binary", [redis_binary, valkey_binary])
def test_a_young_engine_decides_nothing_and_then_knows_what_was_decided(
    tmp_path: Path, binary: Callable[[], str]
) -> None:
    async def check(server: Server) -> None:
        limits = Limits()
        engine = Valkey(server.url, limits.part, "w", "m", PATIENT)
        one = Member(limits, engine, lambda: 1)
        await one.start()
        assert await asked(one, ask("1", ("a", 0, 1))) is None and not one.trouble, "by its share"
        (two,) = await joined(server, count=1)
        await settled(one)
        assert await asked(two, ask("2", ("a", 0, 1)))
        one.stop()
        two.stop()

    with_server(tmp_path, check, binary=binary())


def test_one_that_hangs_costs_one_wait(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        one, two = await joined(server, sharing=2)
        engine_of(one).patience.most = 0.025
        assert server.process
        server.process.send_signal(signal.SIGSTOP)
        began = engine_of(one).patience.late
        answers = [await asked(one, ask(f"{n}", ("a", 0, 8))) for n in range(5)]
        assert answers[:4] == [None] * 4 and answers[4] and engine_of(one).patience.late == began + 1
        assert one.trouble == "Valkey does not answer in time"
        one.leave("0")
        server.process.send_signal(signal.SIGCONT)
        await until(lambda: not one.trouble)
        await settled(one)
        assert await asked(two, ask("x", ("a", 0, 3))), "what it decided alone was told"
        assert await asked(two, ask("y", ("a", 0, 4))) is None, "and what it gave back"
        one.stop()
        two.stop()

    with_server(tmp_path, check)


def test_one_that_is_killed_and_comes_back_empty(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        one, two = await joined(server, sharing=2)
        for n, member in enumerate((one, two, one)):
            assert await asked(member, ask(f"{n}", ("a", 9, 3))) is None
        one.spend(cost_of(ALICE, "m", "s", Estimate(60, 0.25), time.time()))
        server.stop()
        await until(lambda: one.trouble and two.trouble)
        assert "Valkey is" in one.trouble
        assert await asked(two, ask("3", ("a", 9, 3))) is None, "its share is not used up"
        two.spend(cost_of(ALICE, "m", "s", Estimate(20, 0.25), time.time()))
        await server.start()
        await until(lambda: not one.trouble and not two.trouble)
        await settled_when_ripe(server, one, two)
        assert await asked(one, ask("x", ("a", 9, 4))) and await asked(one, ask("x", ("a", 4, 0)))
        assert await asked(one, ask("x", ("a", 5, 5))) is None
        assert await asked(two, pay("y", tokens_per_day=81)) is None or "two machines, whose sums are added"
        one.stop()
        two.stop()

    with_server(tmp_path, check)


async def settled_when_ripe(server: Server, *members: Member) -> None:
    await server.ripen()
    for member in members:
        await settled(member)


def test_one_that_comes_back_with_what_it_remembered_long_ago(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        one, two = await joined(server)
        assert await asked(one, ask("old", ("a", 9, 3))) is None
        await server.ask("SAVE")
        shutil.copy(tmp_path / "dump.rdb", tmp_path / "old.rdb")
        one.leave("old")
        assert await asked(one, ask("new", ("a", 9, 3))) is None
        server.stop()
        shutil.copy(tmp_path / "old.rdb", tmp_path / "dump.rdb")
        await until(lambda: one.trouble and two.trouble)
        await server.start()
        await until(lambda: not one.trouble and not two.trouble)
        assert int(await server.ask("GET", "{ccx}:epoch")) > time.time() * 1000 - 60_000, "a new epoch all the same"
        await settled_when_ripe(server, one, two)
        assert await asked(two, ask("x", ("a", 2, 0))), "both starts"
        assert await server.ask("ZCARD", "{ccx}:a:slots") == 2, "the old place is a lease that ends by itself"
        one.stop()
        two.stop()

    with_server(tmp_path, check)


def test_one_that_is_emptied_while_it_runs(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        one, two = await joined(server)
        for n in range(3):
            assert await asked(one, ask(f"{n}", ("a", 9, 3))) is None
        await server.ask("FLUSHALL")
        assert await asked(one, ask("first", ("b", 0, 1))) is None, "by its share: the engine is young again"
        await settled_when_ripe(server, one)
        assert await asked(two, ask("x", ("a", 0, 3)))
        one.stop()
        two.stop()

    with_server(tmp_path, check)


def test_what_a_worker_had_is_free_after_its_lease_and_kept_while_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE", 1.0)
    monkeypatch.setattr(module, "RENEW", 0.2)

    async def check(server: Server) -> None:
        one, two = await joined(server)
        assert engine_of(two).live == 2
        assert await asked(one, ask("1", ("a", 0, 1))) is None
        await asyncio.sleep(1.5)
        assert await asked(two, ask("2", ("a", 0, 1))), "it was renewed"
        one.stop()
        while await asked(two, ask("3", ("a", 0, 1))):
            await asyncio.sleep(0.05)
        await until(lambda: engine_of(two).live == 1)
        two.stop()

    with_server(tmp_path, check)


def test_an_engine_that_may_not_run_scripts_is_said_so(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        await server.ask("ACL", "SETUSER", "default", "-eval", "-evalsha")
        limits = Limits()
        one = Member(limits, Valkey(server.url, limits.part, "w", "m", PATIENT), lambda: 2)
        await one.start()
        await until(lambda: "Valkey refuses" in one.trouble)
        assert await asked(one, ask("1", ("a", 4, 0))) is None and "permissions" in one.trouble
        await server.ask("ACL", "SETUSER", "default", "+eval", "+evalsha")
        await until(lambda: not one.trouble)
        await server.ask("CONFIG", "SET", "maxmemory", "1")
        assert await asked(one, ask("2", ("a", 4, 0))) is None
        await until(lambda: "Valkey refuses" in one.trouble)
        assert "maxmemory" in one.trouble and "script" not in one.trouble
        one.stop()

    with_server(tmp_path, check)


def test_a_wrong_password_is_said_without_the_password(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        limits = Limits()
        url = server.url.replace("unix://", "unix://:not-the-password@")
        one = Member(limits, Valkey(url, limits.part, "w", "m", PATIENT), lambda: 2)
        await one.start()
        await until(lambda: "invalid" in one.trouble.lower() or "wrongpass" in one.trouble.lower())
        assert "not-the-password" not in one.trouble and await asked(one, ask("1", ("a", 4, 0))) is None
        one.stop()

    with_server(tmp_path, check, "--requirepass", "right")


def test_one_that_became_a_replica_is_left_until_it_may_write(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        (one,) = await joined(server, count=1)
        await server.ask("REPLICAOF", "127.0.0.1", "1")
        assert await asked(one, ask("1", ("a", 4, 0))) is None
        await until(lambda: "read only replica" in one.trouble)
        await server.ask("REPLICAOF", "NO", "ONE")
        await until(lambda: not one.trouble)
        one.stop()

    with_server(tmp_path, check)


def test_connections_that_are_used_up_are_said_so(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        async with Redis(unix_socket_path=str(server.path)) as other:
            await other.ping()
            limits = Limits()
            one = Member(limits, Valkey(server.url, limits.part, "w", "m", PATIENT), lambda: 2)
            await one.start()
            await until(lambda: "max number of clients" in one.trouble)
            assert await asked(one, ask("1", ("a", 2, 0))) is None and await asked(one, ask("2", ("a", 2, 0)))
        await until(lambda: not one.trouble)
        one.stop()

    with_server(tmp_path, check, "--maxclients", "1")


def test_who_listens_never_takes_the_last_place_from_who_decides(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        limits = Limits()
        engine = Valkey(server.url, limits.part, "w", "m", PATIENT)
        greet, refused = engine._greet, list[Any]()

        async def late(connection: Any) -> int:
            if refused:
                return await greet(connection)
            refused.append(connection)
            await asyncio.sleep(0.05)
            raise ResponseError("not yet")

        engine._greet = late  # type: ignore[method-assign]
        one = Member(limits, engine, lambda: 2)
        await one.start()
        await until(lambda: not one.trouble)
        assert refused
        one.stop()

    with_server(tmp_path, check, "--maxclients", "1")


class Cable:
    """All that one machine says to the engine and hears of it goes through here; pulled, nothing does, and nobody is
    told: no end and no reset, as between networks that are cut."""

    def __init__(self, to: Path) -> None:
        self.to, self.plugged = to, asyncio.Event()
        self.plugged.set()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.plugged.wait()
        there, here = await asyncio.open_unix_connection(self.to)
        await asyncio.gather(self.carry(reader, here), self.carry(there, writer), return_exceptions=True)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            await self.plugged.wait()
            writer.write(data)
        writer.close()


def test_a_machine_that_is_cut_off_goes_on_and_so_do_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE", 1.0)
    monkeypatch.setattr(module, "RENEW", 0.2)
    monkeypatch.setattr(module, "SILENT", 0.5)

    async def check(server: Server) -> None:
        cable, path = Cable(server.path), tmp_path / "cable"
        async with await asyncio.start_unix_server(cable.join, path):
            limits = Limits()
            far = Member(limits, Valkey(f"unix://{path}", limits.part, "far", "far", 0.2), lambda: 2)
            await far.start()
            (near,) = await joined(server, count=1)
            await settled(far)
            for n, member in enumerate((far, near)):
                assert await asked(member, ask(f"{n}", ("a", 9, 2))) is None
            cable.plugged.clear()
            assert await asked(far, ask("x", ("b", 2, 0))) is None and await asked(far, ask("y", ("b", 2, 0)))
            assert far.trouble and not near.trouble
            while await asked(near, ask("2", ("a", 9, 2))):
                await asyncio.sleep(0.05)  # until the lease of who is not heard of is over
            cable.plugged.set()
            await until(lambda: not far.trouble)
            await settled(far)
            assert await asked(near, ask("3", ("a", 9, 3))), "its place is known again"
            assert await asked(near, ask("4", ("b", 1, 0))), "and what it decided meanwhile"
            for member in (far, near):
                member.stop()

    with_server(tmp_path, check)


def test_scripts_that_somebody_took_away_are_sent_again(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        one, two = await joined(server, sharing=2)
        assert await asked(one, ask("1", ("a", 0, 9))) is None
        await server.ask("SCRIPT", "FLUSH")
        assert [await asked(one, ask(f"{n}", ("a", 0, 9))) for n in (2, 3)] == [None, None]
        await settled(one)
        assert await asked(two, ask("x", ("a", 0, 3))) and await asked(two, ask("y", ("a", 0, 4))) is None
        one.stop()
        two.stop()

    with_server(tmp_path, check)


def test_what_waits_for_one_that_hangs_is_not_kept_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_UNSENT", 100)

    async def check(server: Server) -> None:
        (one,) = await joined(server, count=1)
        assert await asked(one, ask("kept", ("a", 0, 1))) is None
        for n in range(1000):
            engine_of(one).spend(Cost("bob", "m", 1, n, 0.0, time.time(), "s", ("client:bob",)))
        assert len(engine_of(one).unsent) <= 100
        await settled(one)
        assert await server.ask("ZCARD", "{ccx}:a:slots") == 1
        one.stop()

    with_server(tmp_path, check)


def test_machines_add_up_and_the_workers_of_one_do_not(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        room = ValkeyRoom(server)
        one, same = await room.member(), await room.member()
        room.machine = "two"
        other = await room.member()
        for member, known in ((one, 30), (same, 40), (other, 50)):
            assert (
                await asked(
                    member,
                    pay(f"{known}", spent=Sums(tokens_per_day=known, usd_per_month=known / 1000), tokens_per_day=1000),
                )
                is None
            )
        assert await asked(one, pay("x", tokens_per_day=91)) is None, "40 and 50"
        refused = await asked(one, pay("y", tokens_per_day=90))
        assert refused and refused.why == "tokens_per_day"
        refused = await asked(one, pay("z", usd_per_month=0.09))
        assert refused and refused.why == "usd_per_month"
        for member in (one, same, other):
            member.stop()

    with_server(tmp_path, check)


def test_a_reservation_ends_with_its_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE", 0.3)

    async def check(server: Server) -> None:
        one, two = await joined(server)
        assert await asked(one, pay("1", 200, tokens_per_day=100)) is None and await asked(
            two, pay("2", 10, tokens_per_day=100)
        )
        one.stop()
        while await asked(two, pay("3", 10, tokens_per_day=100)):
            await asyncio.sleep(0.05)
        two.stop()

    with_server(tmp_path, check)
