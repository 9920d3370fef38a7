"""The meeting place in PostgreSQL when its server hangs, dies, and comes back."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from ccx_addons.core.config import Client, ClientLimits
from ccx_addons.io.meeting import Member
from ccx_addons.io.meeting import postgres as module
from ccx_addons.io.meeting.postgres import SESSION, Postgres
from ccx_addons.io.meeting.words import LEASE, ms
from ccx_addons.io.postgres import Link
from ccx_addons.scheduler.budgets import Estimate
from ccx_addons.scheduler.limits import Limits, cost_of
from tests.io.meeting.rooms import PATIENT, PostgresRoom, ask, asked, pay, settled
from tests.patience import until
from tests.postgres import Server, running_postgres

ALICE = Client("alice", "", limits=ClientLimits(tokens_per_day=100))


@pytest.fixture
def server() -> Iterator[Server]:
    """One that may be hurt."""
    with running_postgres() as server:
        yield server


def meet(url: str, check: Callable[[Member, Member], Awaitable[None]]) -> None:
    async def main() -> None:
        room = PostgresRoom(url)
        one, two = await room.member(2), await room.member(2)
        try:
            await check(one, two)
        finally:
            one.stop()
            two.stop()

    asyncio.run(main())


def engine_of(member: Member) -> Postgres:
    assert isinstance(member.engine, Postgres)
    return member.engine


def test_a_young_place_decides_nothing_and_then_knows_what_was_decided(postgres: Server) -> None:
    async def main() -> None:
        room = PostgresRoom(postgres.made())
        limits = Limits()
        one = Member(limits, Postgres(room.url, limits.part, "young", PATIENT), lambda: 1)
        await one.start()
        assert await asked(one, ask("1", ("a", 0, 1))) is None and not one.trouble, "by its share"
        two = await room.member()
        await settled(one)
        assert await asked(two, ask("2", ("a", 0, 1)))
        one.stop()
        two.stop()

    asyncio.run(main())


def test_one_that_hangs_costs_one_wait(server: Server) -> None:
    async def check(one: Member, two: Member) -> None:
        engine_of(one).patience.most = 0.025
        server.signal(signal.SIGSTOP)
        began = engine_of(one).patience.late
        answers = [await asked(one, ask(f"{n}", ("a", 0, 8))) for n in range(5)]
        assert answers[:4] == [None] * 4 and answers[4] and engine_of(one).patience.late == began + 1
        assert one.trouble == "PostgreSQL does not answer in time"
        one.leave("0")
        server.signal(signal.SIGCONT)
        await until(lambda: not one.trouble)
        engine_of(one).patience.most = PATIENT
        await settled(one)
        assert await asked(two, ask("x", ("a", 0, 3))), "what it decided alone was told"
        assert await asked(two, ask("y", ("a", 0, 4))) is None, "and what it gave back"

    meet(server.made(), check)


def test_one_that_hangs_for_longer_is_reached_anew(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection whose statement nobody waits for any more takes no other one."""
    monkeypatch.setattr(module, "SILENT", 0.3)
    monkeypatch.setattr(module, "RENEW", 1e9)

    async def check(one: Member, two: Member) -> None:
        engine_of(one).patience.most = 0.025
        server.signal(signal.SIGSTOP)
        assert await asked(one, ask("1", ("a", 0, 8))) is None
        await asyncio.sleep(0.6)
        monkeypatch.setattr(module, "SILENT", PATIENT)
        server.signal(signal.SIGCONT)
        await asyncio.wait_for(until(lambda: not one.trouble), 20)
        assert await asked(one, ask("x", ("a", 0, 1)))

    meet(server.made(), check)


def test_one_that_is_killed_and_comes_back_empty(server: Server) -> None:
    url = server.made()

    async def check(one: Member, two: Member) -> None:
        for n, member in enumerate((one, two, one)):
            assert await asked(member, ask(f"{n}", ("a", 9, 3))) is None
        one.spend(cost_of(ALICE, "m", "s", Estimate(60, 0.25), time.time()))
        await settled(one)
        server.kill()
        await until(lambda: one.trouble and two.trouble)
        assert "PostgreSQL is away" in one.trouble
        assert await asked(two, ask("3", ("a", 9, 3))) is None, "its share is not used up"
        two.spend(cost_of(ALICE, "m", "s", Estimate(20, 0.25), time.time()))
        server.start()
        await until(lambda: not one.trouble and not two.trouble)
        link = Link(url, "tests")
        link.script("INSERT INTO meet_epoch VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET born = 1")
        link.close()
        await settled(one)
        await settled(two)
        assert await asked(one, ask("x", ("a", 9, 4))) and await asked(one, ask("x", ("a", 4, 0)))
        assert await asked(one, ask("x", ("a", 5, 5))) is None
        assert await asked(two, pay("y", tokens_per_day=61)) is None and await asked(
            two, pay("z", tokens_per_day=60)
        ), "what one knew is known"

    meet(url, check)


def test_places_given_back_do_not_pile_up_between_two_vacuums(postgres: Server) -> None:
    """Counted in entries of the index that decisions look at: as many for the last of them as for the first."""
    read = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'meet_slot_pkey'"
    enter = "SELECT meet_enter(%s, 30000, '{a}', '{0}', '{9}', '{}', '{}', 0, 0, '{}', '{}', '{}', '{}', 0)"
    found = [0]
    with contextlib.closing(Link(postgres.made(), "tests")) as link:
        link.script(f"{SESSION}; INSERT INTO meet_epoch VALUES (1, 1)")
        for n in range(120):
            assert link.raw(enter, (f"{n}",)).fetchone() == ([0, 0, 1],)
            link.raw("SELECT meet_leave(%s, '{a}', '{}')", (f"{n}",))
            if n % 60 == 59:
                link.raw("SELECT pg_stat_force_next_flush()")
                found += [count for (count,) in link.raw(read)]
    assert found[2] - found[1] < 2 * found[1], found


def test_what_a_worker_had_is_free_after_its_lease(postgres: Server) -> None:
    url = postgres.made()

    async def check(one: Member, two: Member) -> None:
        assert await asked(one, ask("1", ("a", 0, 1))) is None
        one.stop()
        assert await asked(two, ask("2", ("a", 0, 1)))
        link = Link(url, "tests")
        link.raw("UPDATE meet_slot SET until = until - %s", (ms(LEASE) + 1,))
        link.close()
        assert await asked(two, ask("2", ("a", 0, 1))) is None

    meet(url, check)


def test_old_names_are_forgotten(postgres: Server) -> None:
    url = postgres.made()

    async def check(one: Member, two: Member) -> None:
        assert await asked(one, ask("1", ("a", 9, 9), ("b", 9, 0))) is None
        link = Link(url, "tests")
        link.script("UPDATE meet_start SET at = 1; UPDATE meet_slot SET until = 1; SELECT meet_tidy()")
        for table in ("meet_start", "meet_slot"):
            assert link.raw(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]
        link.close()

    meet(url, check)
