"""What every meeting place promises, each asked in the same words."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from ccx_addons.core.config import Client, ClientLimits, ModelLimit, Patterns
from ccx_addons.io.meeting import Alone
from ccx_addons.scheduler.budgets import FREE, Estimate, Sums, budgets_of
from ccx_addons.scheduler.limits import Ask, Held, Limits, Refused, ask_of, cost_of
from ccx_addons.scheduler.tokens import Pace
from tests.io.meeting.model import Model, Places, Worker
from tests.io.meeting.rooms import ROOMS, Room, ask, asked, pay, settled
from tests.patience import same_day

type Meet = Callable[[Callable[[Room], Awaitable[None]]], None]
INFINITY = float("inf")
SOME = (ModelLimit(models=Patterns(("m",)), tokens_per_minute=100),)


@pytest.fixture(params=ROOMS)
def meet(request: pytest.FixtureRequest, tmp_path: Path) -> Meet:
    def run(check: Callable[[Room], Awaitable[None]]) -> None:
        async def main() -> None:
            async with ROOMS[request.param](tmp_path) as room:
                await check(room)

        asyncio.run(main())

    return run


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """All of them with two workers, and one worker that is alone."""

    async def opened(stack: AsyncExitStack) -> dict[str, Sequence[Worker]]:
        found: dict[str, Sequence[Worker]] = {"alone": [Alone(Limits())]}
        for name, room in ROOMS.items():
            there = await stack.enter_async_context(room(tmp_path_factory.mktemp(name)))
            found[name] = [await there.member() for _ in range(2)]
        return found

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            yield Places(runner.get_loop(), runner.run(opened(stack)))
        finally:
            runner.run(stack.aclose())


def test_the_same_questions_have_the_same_answers_everywhere(places: Places) -> None:
    Model.places = places
    few = settings(
        max_examples=25,
        stateful_step_count=16,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],  # places remember: a shorter way to a fault would take minutes
        print_blob=False,
    )
    run_state_machine_as_test(Model, settings=few)


@pytest.mark.parametrize("members", [1, 2, 4])
@pytest.mark.parametrize("scope", [("a", 30, 0), ("a", 0, 30), ("a", 30, 30)], ids=str)
def test_twice_as_many_as_the_limit_ask_and_the_limit_is_admitted(
    meet: Meet, members: int, scope: tuple[str, int, int]
) -> None:
    async def check(room: Room) -> None:
        everybody = [await room.member() for _ in range(members)]
        answers = await asyncio.gather(
            *(asked(random.choice(everybody), ask(f"slot {n}", ("whole", 50, 50), scope)) for n in range(60))
        )
        assert answers.count(None) == 30
        assert {refused.name for refused in answers if refused} == {"a"}
        assert sum(len(member.limits.slots) for member in everybody) == 30

    meet(check)


def test_a_place_that_is_given_back_is_the_next_ones(meet: Meet) -> None:
    async def check(room: Room) -> None:
        one, two = await room.member(), await room.member()
        assert await asked(one, ask("1", ("a", 0, 1))) is None
        assert await asked(two, ask("2", ("a", 0, 1))) == Refused("a", "concurrency", INFINITY)
        assert two.limits.wait("a", 0, 1, time.time()) > 0, "a hint for whoever chooses"
        one.leave("1")
        one.leave("1")
        await settled(one)
        assert await asked(two, ask("3", ("a", 0, 1))) is None

    meet(check)


def test_how_long_to_wait(meet: Meet) -> None:
    async def check(room: Room) -> None:
        one, two = await room.member(), await room.member()
        assert await asked(one, ask("1", ("a", 1, 0))) is None
        refused = await asked(two, ask("2", ("a", 1, 0)))
        assert refused and refused.why == "rpm" and 40 < refused.wait <= 60.1

    meet(check)


def test_what_is_told_twice_counts_once(meet: Meet) -> None:
    async def check(room: Room) -> None:
        one, two = await room.member(), await room.member()
        for n in range(3):
            assert await asked(one, ask(f"{n}", ("a", 5, 5))) is None
        for _ in range(3):
            one.engine.put(one.limits.part(time.time()))
        await settled(one)
        answers = [await asked(two, ask(f"other {n}", ("a", 5, 5))) for n in range(4)]
        assert answers.count(None) == 2

    meet(check)


def test_what_was_decided_elsewhere_counts_here_whatever_the_limits_are(meet: Meet) -> None:
    async def check(room: Room) -> None:
        one, two = await room.member(), await room.member()
        for n in range(3):
            assert one.limits.take(ask(f"{n}", ("a", 9, 9), ("b", 9, 9)), time.time()) is None
            one.engine.put(one.limits.part_of(f"{n}"))
        await settled(one)
        assert await asked(two, ask("x", ("a", 3, 0))) and await asked(two, ask("x", ("b", 0, 3)))
        for n in range(3):
            one.leave(f"{n}")
        await settled(one)
        assert await asked(two, ask("x", ("b", 0, 3))) is None and await asked(two, ask("y", ("a", 3, 0)))

    meet(check)


def test_what_was_never_used_counts_for_nothing(meet: Meet) -> None:
    async def check(room: Room) -> None:
        one, two = await room.member(), await room.member()
        assert await one.engine.enter(ask("1", ("a", 1, 1))) is None
        one.engine.undo("1", Held(("a",)))
        one.engine.undo("nobody", Held(("a",)))
        await settled(one)
        assert await asked(two, ask("2", ("a", 1, 1))) is None

    meet(check)


# ---- money -----------------------------------------------------------------------------------------------------------
def test_a_budget_is_one_for_all(meet: Meet) -> None:
    same_day()
    alice = Client("alice", "", limits=ClientLimits(tokens_per_day=100))

    async def check(room: Room) -> None:
        everybody = [await room.member() for _ in range(3)]
        admitted = 0
        for n in range(20):
            member = everybody[n % 3]
            if await asked(member, pay(f"{n}", tokens_per_day=100)) is None:
                admitted += 1
                member.leave(f"{n}")
                member.spend(cost_of(alice, "m", f"{n}", Estimate(10), time.time()))
                await settled(member)
        assert admitted == 10
        refused = await asked(everybody[0], pay("x", tokens_per_day=100))
        assert refused and refused.why == "tokens_per_day" and 0 < refused.wait <= 86_400
        assert await asked(everybody[1], pay("y", usd_per_month=1.0)) is None

    meet(check)


def test_what_is_under_way_anywhere_may_use_up_a_budget(meet: Meet) -> None:
    same_day()

    async def check(room: Room) -> None:
        one, two = await room.member(), await room.member()
        answers = [await asked(member, pay(f"{n}", 40, tokens_per_day=100)) for n, member in enumerate((one, two) * 3)]
        assert answers == [None] * 3 + [Refused("client:alice", "reserved", 1.0)] * 3
        one.leave("0")
        await settled(one)
        assert await asked(two, pay("x", 40, tokens_per_day=100)) is None

    meet(check)


def test_whoever_asks_says_what_was_spent_before(meet: Meet) -> None:
    same_day()

    async def check(room: Room) -> None:
        one, two = await room.member(), await room.member()
        assert await asked(one, pay("1", spent=Sums(tokens_per_day=90), tokens_per_day=100)) is None
        assert await asked(two, pay("2", spent=Sums(tokens_per_day=10), tokens_per_day=90)), "more is known"
        refused = await asked(two, pay("3", spent=Sums(usd_per_month=0.5), usd_per_month=0.5))
        assert refused and refused.why == "usd_per_month" and 0 < refused.wait <= 31 * 86_400

    meet(check)


@pytest.mark.parametrize("limits", [{"limits": ClientLimits(tokens_per_minute=100)}, {"model_limits": SOME}], ids=str)
def test_tokens_a_minute_are_counted_for_all(meet: Meet, limits: dict[str, Any]) -> None:
    alice = Client("alice", "", **limits)

    async def check(room: Room) -> None:
        everybody = [await room.member() for _ in range(3)]
        admitted = 0
        for n in range(20):
            member = everybody[n % 3]
            if await asked(member, ask_of(alice, f"{n}", Estimate(60), "m")) is None:
                admitted += 1
                held = await asked(everybody[(n + 1) % 3], ask_of(alice, "x", Estimate(60), "m"))
                everybody[(n + 1) % 3].leave("x")
                assert (held is None) == (admitted < 5), "what is under way counts"
                member.leave(f"{n}")
                await settled(everybody[(n + 1) % 3])
                member.spend(cost_of(alice, "m", f"{n}", Estimate(10), time.time()))
                await settled(member)
        assert admitted == 10
        for member in everybody:
            member.engine.put(member.limits.part(time.time()))
            await settled(member)
        refused = await asked(everybody[0], ask_of(alice, "y", model="m"))
        assert refused and refused.why == "pace" and 40 < refused.wait <= 60.1
        assert (
            await asked(everybody[0], ask_of(alice, "z", model="m")._replace(paces=(Pace(refused.name, 101),))) is None
        )

    meet(check)


@pytest.mark.parametrize("limit", Sums._fields)
def test_budgets_on_some_models_are_each_ones_own(meet: Meet, limit: str) -> None:
    """Beside that of all models: in requests, tokens and dollars, of the day and of the month."""
    same_day()
    some: Any = ModelLimit(models=Patterns(("m*",)), **{limit: 3})
    alice = Client("alice", "", limits=ClientLimits(requests_per_day=5), model_limits=(some,))

    async def check(room: Room) -> None:
        one, two = await room.member(), await room.member()

        async def served(slot: str, model: str) -> Refused | None:
            refused = await asked(one, ask_of(alice, slot, FREE, model))
            if refused is None:
                one.leave(slot)
                one.spend(cost_of(alice, model, slot, Estimate(1, 1.0), time.time()))
                await settled(one)
            return refused

        found = [await served(f"{n}", model) for n, model in enumerate(("m1", "m2", "m1", "m3", "x", "x", "x"))]
        assert [refused and (refused.name, refused.why) for refused in found] == [
            *(None, None, None, ("client:alice\nm*", limit), None, None, ("client:alice", "requests_per_day"))
        ]
        for member in (one, two):
            member.engine.put(member.limits.part(time.time()))
            await settled(member)
        refused = await asked(two, ask_of(alice, "y", FREE, "m1")._replace(budgets=budgets_of(alice, "m1")[1:]))
        assert refused and refused.why == limit, "everybody hears it, and it is told again without counting again"
        more = tuple(each._replace(most=doubled(each.most)) for each in budgets_of(alice, "m1"))
        assert await asked(two, Ask("z", (), more)) is None

    meet(check)


def doubled(most: Sums) -> Sums:
    return Sums(*(2 * limit for limit in most))  # type: ignore[arg-type]


# ---- news ------------------------------------------------------------------------------------------------------------
def test_news_reach_all_others(meet: Meet) -> None:
    async def check(room: Room) -> None:
        everybody = [await room.member() for _ in range(3)]
        heard = [list[tuple[str, ...]]() for _ in everybody]
        for member, found in zip(everybody, heard, strict=True):
            member.listen("weather", lambda *words, found=found: found.append(words))
        while not all(heard[1:]):  # who has just come may not hear at once
            everybody[0].tell("weather", "sun", "wind")
            await asyncio.sleep(0.02)
        assert heard[0] == [] and {*heard[1], *heard[2]} == {("sun", "wind")}

    meet(check)
