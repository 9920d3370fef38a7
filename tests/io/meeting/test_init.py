"""A worker alone, and a member whose engine is away."""

import asyncio
import time

import pytest

from ccx_addons.core.config import Client, ClientLimits, Patterns
from ccx_addons.io.meeting import Alone, Answer, Away, Hear, Member, Patience, deaf
from ccx_addons.scheduler.budgets import Estimate, Sums
from ccx_addons.scheduler.limits import Ask, Cost, Held, Limits, Part, Refused, cost_of
from tests.io.meeting.rooms import ask, asked

RICH = Client("alice", "", limits=ClientLimits(tokens_per_day=100))


class Absent:
    """An engine that is away, or begins to be so with the next question."""

    def __init__(self, trouble: str) -> None:
        self.trouble, self.told = trouble, list[tuple[str, object]]()
        self.hear: Hear = deaf

    async def start(self) -> None:
        self.told.append(("start", None))

    def stop(self) -> None:
        self.told.append(("stop", None))

    async def enter(self, ask: Ask) -> Answer:
        await asyncio.sleep(0)
        raise Away("it does not answer")

    def leave(self, slot: str, held: Held) -> None:
        self.told.append(("leave", slot))

    def undo(self, slot: str, held: Held) -> None:
        self.told.append(("undo", slot))

    def put(self, part: Part) -> None:
        self.told.append(("put", [*part.slots]))

    def spend(self, cost: Cost) -> None:
        self.told.append(("spend", cost.client))

    def tell(self, topic: str, words: tuple[str, ...]) -> None:
        self.told.append((topic, words))


def test_a_worker_alone_waits_for_nobody() -> None:
    alone, limits = Alone(Limits()), ("a", 2, 0)
    assert [alone.enter(ask(slot, limits)) is None for slot in "xyz"] == [True, True, False]
    alone.leave("x")
    alone.spend(cost_of(RICH, "m", "x", Estimate(5, 1.0), time.time()))
    known = alone.limits.known.of("alice", Patterns(), time.time())
    assert known == Sums(1, 5, 1.0, 1, 5, 1.0) and not alone.trouble and len(alone.limits.slots) == 1
    asyncio.run(alone.start())
    alone.stop()


def test_without_an_engine_each_one_has_its_share_and_says_so_later() -> None:
    for trouble in ("it is away", ""):
        engine = Absent(trouble)
        member = Member(Limits(), engine, lambda: 4)

        async def main(member: Member = member) -> list[Answer]:
            await member.start()
            return [await asked(member, ask(slot, ("a", 0, 8))) for slot in "xyz"]

        answers = asyncio.run(main())
        assert answers == [None, None, Refused("a", "concurrency", float("inf"))] and member.trouble == trouble
        member.leave("x")
        member.leave("x")
        member.spend(cost_of(RICH, "m", "x", Estimate(1, 0.0), time.time()))
        member.spend(cost_of(Client("bob", ""), "m", "y", Estimate(1, 0.0), time.time()))
        member.stop()
        told = [("put", ["x"]), ("put", ["y"]), ("undo", "z"), ("leave", "x"), ("spend", "alice")]
        assert engine.told == [("start", None), *told, ("stop", None)]


def test_news_reach_who_listens_and_nonsense_nobody(caplog: pytest.LogCaptureFixture) -> None:
    engine, found = Absent(""), list[str]()
    engine.hear("before", [])
    member = Member(Limits(), engine, lambda: 1)
    member.listen("weather", lambda what: found.append(what))
    member.tell("weather", "rain")
    engine.hear("weather", ["sun"])
    engine.hear("other", ["x"])
    engine.hear("weather", ["too", "much"])
    assert found == ["sun"] and engine.told == [("weather", ("rain",))] and "was not understood" in caplog.text
    alone = Alone(Limits())
    alone.listen("weather", found.append)
    alone.tell("weather", "snow")
    assert found == ["sun"]


def test_who_leaves_while_he_is_asked_about_takes_no_place() -> None:
    engine = Absent("")

    async def main() -> None:
        answer = Member(Limits(), engine, lambda: 1).enter(ask("x", ("a", 0, 8)))
        assert asyncio.iscoroutine(answer)
        task = asyncio.ensure_future(answer)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(main())
    assert engine.told == [("undo", "x")]


def test_who_is_late_is_asked_by_nobody_but_its_watcher(monkeypatch: object) -> None:
    async def main() -> None:
        signs = list[int]()
        patience = Patience(0.0, lambda: signs.append(patience.begin()[0]))
        answer = patience.begin()[1]
        await asyncio.wait([answer])
        assert isinstance(answer.exception(), Away) and patience.away and patience.late == 1
        while len(signs) < 2:
            await asyncio.sleep(0.01)
        assert patience.away, "nor does one that is asked again and again"
        patience.answer(signs[0], None)
        assert not patience.away and not [number for number in patience.waiting if number not in signs]

    import ccx_addons.io.meeting as module

    before, module.AGAIN = module.AGAIN, 0.01  # type: ignore[misc]
    try:
        asyncio.run(main())
    finally:
        module.AGAIN = before  # type: ignore[misc]
