"""One worker's line to the meeting place of its machine, whatever happens to either end."""

import asyncio
import contextlib
import socket
from pathlib import Path

from ccx_addons.io.meeting import Member
from ccx_addons.io.meeting.line import Line
from ccx_addons.scheduler.limits import Cost, Limits
from tests.io.meeting.rooms import PATIENT, ask, asked, place_room, running_place, settled
from tests.patience import until


def member_of(path: Path, wait: float = PATIENT, sharing: int = 1) -> Member:
    limits = Limits()
    return Member(limits, Line(path, limits.part, wait), lambda: sharing)


def test_what_a_worker_had_is_free_when_it_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        async with place_room(tmp_path) as room:
            one, two = await room.member(), await room.member()
            assert await asked(one, ask("1", ("a", 5, 1))) is None
            one.stop()
            while await asked(two, ask("2", ("a", 5, 1))):
                await asyncio.sleep(0.01)
            assert await asked(two, ask("3", ("a", 2, 0))), "what it began counts for its minute"

    asyncio.run(main())


def test_a_place_that_begins_anew_learns_what_everybody_has(tmp_path: Path) -> None:
    async def main() -> None:
        async with running_place(tmp_path) as path:
            one, two = member_of(path), member_of(path)
            for n, member in enumerate((one, two, one)):
                await member.start()
                assert await asked(member, ask(f"{n}", ("a", 0, 3))) is None
        await until(lambda: one.trouble and two.trouble)
        assert "away" in one.trouble and one.limits.slots.keys() == {"0", "2"}
        assert await asked(two, ask("alone", ("b", 0, 1))) is None, "nobody is refused because it is away"
        async with running_place(tmp_path, expects=2):
            await until(lambda: not one.trouble and not two.trouble)
            await settled(one)
            await settled(two)
            assert await asked(two, ask("4", ("a", 0, 3))) and await asked(one, ask("5", ("b", 0, 1)))
            one.leave("0")
            await settled(one)
            assert await asked(two, ask("6", ("a", 0, 3))) is None
            one.stop()
            two.stop()

    asyncio.run(main())


def test_a_place_that_hangs_costs_one_wait_and_nothing_is_forgotten(tmp_path: Path) -> None:
    """The socket takes what is said, and nobody reads it until later."""

    async def main() -> None:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
            path = tmp_path / "silent"
            sock.bind(str(path))
            sock.listen()
            member = member_of(path, 0.01, sharing=2)
            await member.start()
            assert await asked(member, ask("1", ("a", 4, 0))) is None and "does not answer" in member.trouble
            answers = [member.enter(ask(f"{n}", ("a", 4, 0))) for n in (2, 3)]
            assert answers[0] is None and answers[1] is not None, "its share, without any wait"
            engine = member.engine
            assert isinstance(engine, Line) and engine.patience.late == 1
            member.stop()

    asyncio.run(main())


def test_a_line_that_nobody_reads_is_cut_before_it_fills_the_memory(tmp_path: Path) -> None:
    async def main() -> None:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
            path = tmp_path / "silent"
            sock.bind(str(path))
            sock.listen()
            member = member_of(path)
            await member.start()
            sent = 0
            while "away" not in member.trouble:
                member.engine.spend(Cost("x" * 100_000, "m", 1, 1, 0.0, 0.0))
                sent += 1
                await asyncio.sleep(0.01)
            assert sent > 40
            member.stop()

    asyncio.run(main())


def test_a_place_that_is_not_there_yet(tmp_path: Path) -> None:
    async def main() -> None:
        member = member_of(tmp_path / "meeting.sock")
        await member.start()
        assert member.trouble and await asked(member, ask("1", ("a", 1, 0))) is None
        async with running_place(tmp_path):
            await until(lambda: not member.trouble)
            assert await asked(member, ask("2", ("a", 1, 0)))
            member.stop()

    asyncio.run(main())
