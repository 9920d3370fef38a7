"""What every meeting place decides, in the simplest words: the same questions are put to all of them and to this."""

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ccx_addons.io.meeting import Alone, Answer, Member
from ccx_addons.scheduler.budgets import DAY, Budget, Estimate, Sums
from ccx_addons.scheduler.limits import Ask, Cost, Scope, held_of
from ccx_addons.scheduler.tokens import Pace
from tests.io.meeting.rooms import asked, settled

type Worker = Member | Alone

SOME: Final = st.integers(1, 3)
RPM: Final = st.tuples(st.just("a"), SOME, st.just(0))
PLACES: Final = st.tuples(st.just("b"), st.just(0), SOME)
BOTH: Final = st.tuples(st.sampled_from("cd"), SOME, SOME)
"""Places need not count what has no limit."""


@dataclass
class Counted:
    """Nothing here is ever a minute old."""

    starts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    flying: dict[str, Ask] = field(default_factory=dict)
    spent: dict[str, tuple[int, int, float]] = field(default_factory=lambda: defaultdict(lambda: (0, 0, 0.0)))
    used: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def refused(self, ask: Ask) -> tuple[str, str] | None:
        """Whose limit it is, and which."""
        under_way = list(self.flying.values())
        limited = [
            (budget.name, why, most, n % 3)
            for budget in ask.budgets
            for n, (why, most) in enumerate(zip(Sums._fields, budget.most, strict=True))
            if most
        ]
        for name, why, most, n in limited:
            if self.spent[name][n] >= most:
                return name, why
        for name, _, most, n in limited:
            held = [(1, *other.estimate) for other in under_way if name in {budget.name for budget in other.budgets}]
            if self.spent[name][n] + sum(each[n] for each in held) >= most:
                return name, "reserved"
        for name, rpm, concurrency in ask.scopes:
            if concurrency and sum(name == scope.name for other in under_way for scope in other.scopes) >= concurrency:
                return name, "concurrency"
            if rpm and len(self.starts[name]) >= rpm:
                return name, "rpm"
        for name, most in ask.paces:
            flying = sum(other.estimate.tokens for other in under_way for pace in other.paces if pace.name == name)
            if self.used[name] + flying >= most:
                return name, "pace"
        return None

    def enter(self, ask: Ask) -> tuple[str, str] | None:
        refused = self.refused(ask)
        if not refused:
            self.flying[ask.slot] = ask
            for scope in ask.scopes:
                self.starts[scope.name].add(ask.slot)
        return refused

    def undo(self, slot: str) -> None:
        for scope in self.flying.pop(slot).scopes:
            self.starts[scope.name].discard(slot)

    def spend(self, cost: Cost) -> None:
        for name in cost.budgets:
            requests, tokens, usd = self.spent[name]
            self.spent[name] = (requests + cost.requests, tokens + cost.tokens, usd + cost.usd)
        for name in cost.paces:
            self.used[name] += cost.tokens


@dataclass
class Places:
    """Name -> the workers that meet there."""

    loop: asyncio.AbstractEventLoop
    workers: dict[str, Sequence[Worker]]
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def run[T](self, call: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(call)

    def everywhere(self, n: int) -> list[Worker]:
        return [workers[n % len(workers)] for workers in self.workers.values()]


def word(answer: Answer) -> tuple[str, str] | None:
    if answer is None:
        return None
    assert answer.wait == float("inf") if answer.why == "concurrency" else answer.wait > 0
    assert answer.why not in ("rpm", "pace") or answer.wait <= 60.1
    return answer.name, answer.why


class Model(RuleBasedStateMachine):
    """Workers ask, leave, change their mind, pay and tell all again. Names begin with a number of their own, so that
    places need not be emptied."""

    places: Places

    def __init__(self) -> None:
        super().__init__()
        self.prefix, self.number = f"{next(self.places.numbers)}", 0
        self.counted = Counted()
        self.owners: dict[str, int] = {}
        self.day = int(time.time() // DAY)

    few = st.integers(0, 3)

    @initialize()
    def begin(self) -> None:
        self.places.run(self.settle())

    async def settle(self) -> None:
        """What was told before is known to all."""
        for workers in self.places.workers.values():
            for worker in workers:
                if isinstance(worker, Member):
                    await settled(worker)

    @rule(
        worker=few,
        scopes=st.lists(st.one_of(RPM, PLACES, BOTH), max_size=2, unique_by=lambda scope: scope[0]),
        budgets=st.dictionaries(st.sampled_from("xy"), st.tuples(st.sampled_from(Sums._fields), SOME), max_size=2),
        pace=st.none() | st.sampled_from((5, 20)),
        tokens=st.sampled_from((0, 3, 9)),
    )
    def enter(
        self, worker: int, scopes: Any, budgets: dict[str, tuple[str, int]], pace: int | None, tokens: int
    ) -> None:
        self.number += 1
        ask = Ask(
            f"{self.prefix}-{self.number}",
            tuple(Scope(f"{self.prefix}{name}", rpm, most) for name, rpm, most in scopes),
            tuple(self.budget(name, *limit) for name, limit in budgets.items()),
            (Pace(f"{self.prefix}pace", pace),) if pace else (),
            Estimate(tokens, tokens / 16),
        )
        wanted = self.counted.enter(ask)
        found = self.places.run(self.asked(worker, ask))
        if int(time.time() // DAY) == self.day:
            assert found == dict.fromkeys(self.places.workers, wanted)
        self.owners |= {} if wanted else {ask.slot: worker}

    def budget(self, name: str, limit: str, size: int) -> Budget:
        most: dict[str, Any] = {limit: 4 * size if limit.startswith("tokens") else size}
        return Budget(f"{self.prefix}{name}", Sums(**most))

    async def asked(self, worker: int, ask: Ask) -> dict[str, tuple[str, str] | None]:
        each = self.places.everywhere(worker)
        return {name: word(await asked(one, ask)) for name, one in zip(self.places.workers, each, strict=True)}  # type: ignore[arg-type]

    def tell(self, worker: int, call: Callable[[Worker], object]) -> None:
        """Everywhere; until all know it."""

        async def told() -> None:
            for each in self.places.everywhere(worker):
                call(each)
            await self.settle()

        self.places.run(told())

    def slot(self, n: int) -> str:
        return list(self.owners)[n % len(self.owners)]

    @rule(n=few)
    def leave(self, n: int) -> None:
        if self.owners:
            slot = self.slot(n)
            self.tell(self.owners.pop(slot), lambda each: each.leave(slot))
            del self.counted.flying[slot]

    @rule(n=few)
    def change_its_mind(self, n: int) -> None:
        if self.owners:
            slot = self.slot(n)
            held = held_of(self.counted.flying[slot])

            def undo(each: Worker) -> None:
                each.limits.undo(slot)
                if isinstance(each, Member):
                    each.engine.undo(slot, held)

            self.tell(self.owners.pop(slot), undo)
            self.counted.undo(slot)

    @rule(worker=few, tokens=st.sampled_from((0, 2, 7)), paces=st.booleans(), budgets=st.sampled_from(("", "x", "xy")))
    def spend(self, worker: int, tokens: int, paces: bool, budgets: str) -> None:
        self.number += 1
        names = (f"{self.prefix}pace",) if paces else ()
        slot = f"{self.prefix}-{self.number}"
        limited = tuple(f"{self.prefix}{name}" for name in budgets)
        cost = Cost(f"{self.prefix}alice", "m", tokens % 2, tokens, tokens / 8, time.time(), slot, limited, names)
        self.tell(worker, lambda each: each.spend(cost))
        self.counted.spend(cost)

    @rule(worker=few)
    def tell_all_again(self, worker: int) -> None:
        def put(each: Worker) -> None:
            if isinstance(each, Member):
                each.engine.put(each.limits.part(time.time()))

        self.tell(worker, put)

    def teardown(self) -> None:
        for slot, owner in self.owners.items():
            self.tell(owner, lambda each, slot=slot: each.leave(slot))  # type: ignore[misc]
