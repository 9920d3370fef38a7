"""What a client may use in a day and in a month, of all models or of some: answered requests, tokens, US dollars.

A budget has the name of its limit (``client:NAME``, and the patterns of its models), so that what was used stays with
it when others come or move. Days and months are those of UTC; times are Unix seconds and arguments.
"""

import calendar
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Final, NamedTuple

from ccx_addons.core.config import Client, ClientLimits, ModelLimit, Patterns
from ccx_addons.scheduler.tokens import limits_on, of_client, words_of

DAY: Final = 86_400
SOON: Final = 1.0
"""Seconds a client is told to wait for one of its own requests to end."""
MOST_MODELS: Final = 1_000
"""Names of models that are told apart for one client; clients make up names."""


class Estimate(NamedTuple):
    """What a request may cost."""

    tokens: int = 0
    usd: float = 0.0


FREE: Final = Estimate()
MOST: Final = Estimate(10**9, 10_000.0)
"""Of one request: whatever an upstream says, it does not use up a budget for ever."""


class Sums(NamedTuple):
    """What may be used (0: no limit), or was, in this month and this day; the names are those of the settings.

    The month comes first: who is told when to come again is told of the later one.
    """

    requests_per_month: int = 0
    tokens_per_month: int = 0
    usd_per_month: float = 0.0
    requests_per_day: int = 0
    tokens_per_day: int = 0
    usd_per_day: float = 0.0


NONE: Final = Sums()
RESERVED: Final = "reserved"
_of: Final = attrgetter(*Sums._fields)


def sums_of(limits: ClientLimits | ModelLimit) -> Sums:
    return Sums(*_of(limits))


class Budget(NamedTuple):
    """``spent``: as far as whoever asks knows."""

    name: str
    most: Sums
    spent: Sums = NONE


type Knows = Callable[[str, Patterns], Sums]
"""What a client is known to have used of some models."""


def nothing(client: str, models: Patterns) -> Sums:
    return NONE


def budgets_of(client: Client, model: str, knows: Knows = nothing) -> tuple[Budget, ...]:
    """All that a request for ``model`` counts for."""
    found = []
    if any(most := sums_of(client.limits)):
        found.append(Budget(of_client(client), most, knows(client.name, Patterns())))
    for name, some in limits_on(client, model):
        if any(most := sums_of(some)):
            found.append(Budget(name, most, knows(client.name, some.models)))
    return tuple(found)


def budgeted(client: Client) -> Iterator[tuple[str, Patterns, Sums]]:
    """The client's budgets with their models, in words, too; none for all of them together."""
    yield "", Patterns(), sums_of(client.limits)
    yield from ((words_of(some.models), some.models, sums_of(some)) for some in client.model_limits)


def words_for(name: str, most: float) -> str:
    """Of a used-up budget."""
    what, _, span = name.split("_")
    return f"{most:g} dollars of this {span}" if what == "usd" else f"{most} {what} of this {span}"


# ---- what was used ---------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Spent:
    """Of the running UTC month and day."""

    month: tuple[int, int] = (0, 0)
    day: int = 0
    of_month: list[float] = field(default_factory=lambda: [0, 0, 0.0])
    of_day: list[float] = field(default_factory=lambda: [0, 0, 0.0])

    def turn(self, now: float) -> None:
        """Begin anew when a day or month is over."""
        day = int(now // DAY)
        if day != self.day:
            self.day, self.of_day = day, [0, 0, 0.0]
            if (month := month_of(now)) != self.month:
                self.month, self.of_month = month, [0, 0, 0.0]

    def add(self, requests: int, tokens: int, usd: float, now: float, at: float) -> None:
        """What was used by a request that began ``at``."""
        self.add_all((requests, min(tokens, MOST.tokens), min(usd, MOST.usd)), now, at)

    def add_all(self, used: Sequence[float], now: float, at: float) -> None:
        """What requests used that began ``at``. What belongs to an earlier day or month is left out."""
        self.turn(now)
        if month_of(at) == self.month:
            self.of_month = [known + more for known, more in zip(self.of_month, used, strict=True)]
        if int(at // DAY) == self.day:
            self.of_day = [known + more for known, more in zip(self.of_day, used, strict=True)]

    def at_least(self, known: Sums, now: float) -> None:
        self.turn(now)
        self.of_month, self.of_day = (
            [max(pair) for pair in zip(mine, told, strict=True)]
            for mine, told in ((self.of_month, known[:3]), (self.of_day, known[3:]))
        )

    def sums(self, now: float) -> Sums:
        self.turn(now)
        return Sums(*self.of_month, *self.of_day)  # type: ignore[arg-type]


class Known:
    """What clients used of each model, as far as a worker knows: from the log, and what it served itself."""

    def __init__(self) -> None:
        self.clients: dict[str, dict[str, Spent]] = {}
        self._new: dict[tuple[str, str, float], list[float]] = {}
        """(client, model, UTC day) -> what was used since somebody asked: mostly nobody does."""

    def add(self, client: str, model: str, requests: int, tokens: int, usd: float, now: float, at: float) -> None:
        if not (requests or tokens or usd):
            return
        used = self._new.get((client, model, at // DAY))
        if used is None:
            if len(self._new) >= MOST_MODELS:
                self._count(now)
            used = self._new[client, model, at // DAY] = [0, 0, 0.0]
        used[0] += requests
        used[1] += tokens if tokens < MOST.tokens else MOST.tokens
        used[2] += usd if usd < MOST.usd else MOST.usd

    def _count(self, now: float) -> None:
        for (client, model, day), used in self._new.items():
            models = self.clients.setdefault(client, {})
            if model not in models and len(models) >= MOST_MODELS:
                model = ""
            models.setdefault(model, Spent()).add_all(used, now, day * DAY)
        self._new.clear()

    def of(self, client: str, models: Patterns, now: float) -> Sums:
        self._count(now)
        found = (spent.sums(now) for model, spent in self.clients.get(client, {}).items() if models.allows(model))
        return Sums(*map(sum, zip(*found, strict=True)))


class Ledger:
    """What is used of budgets, and what requests under way may use, as far as one could say when they came."""

    def __init__(self) -> None:
        self.spent: dict[str, Spent] = {}
        self.reserved: dict[str, list[float]] = {}

    def over(self, budgets: Iterable[Budget], now: float) -> tuple[str, str] | None:
        """The name of a budget that is used up and which of its sums, or RESERVED: requests under way may use it up."""
        full = None
        for budget in budgets:
            used = self.of(budget.name)
            used.at_least(budget.spent, now)
            sums, held = used.sums(now), self.reserved.get(budget.name)
            for n, (most, known) in enumerate(zip(budget.most, sums, strict=True)):
                if most and known >= most:
                    return budget.name, Sums._fields[n]
                if most and held and known + held[n % 3] >= most:
                    full = full or (budget.name, RESERVED)
        return full

    def of(self, name: str) -> Spent:
        found = self.spent.get(name)
        if found is None:
            found = self.spent[name] = Spent()
        return found

    def hold(self, names: Iterable[str], estimate: Estimate) -> None:
        for name in names:
            held = self.reserved.setdefault(name, [0, 0, 0.0])
            self.reserved[name] = [held[0] + 1, held[1] + estimate.tokens, held[2] + estimate.usd]

    def release(self, names: Iterable[str], estimate: Estimate) -> None:
        for name in names:
            requests, tokens, usd = self.reserved.pop(name)
            if requests > 1:
                self.reserved[name] = [requests - 1, tokens - estimate.tokens, usd - estimate.usd]

    def told(self, spent: Mapping[str, Sums], now: float) -> None:
        for name, known in spent.items():
            self.of(name).at_least(known, now)


# ---- the calendar ----------------------------------------------------------------------------------------------------
def wait_for(why: str, now: float) -> float:
    """Seconds until there is more."""
    if why == RESERVED:
        return SOON
    return DAY - now % DAY if why.endswith("_day") else end_of_month(now) - now


def month_of(now: float) -> tuple[int, int]:
    return _month_of_day(int(now // DAY))


@lru_cache(64)
def _month_of_day(day: int) -> tuple[int, int]:
    moment = datetime.fromtimestamp(day * DAY, UTC)
    return moment.year, moment.month


def start_of_month(now: float) -> float:
    return datetime(*month_of(now), 1, tzinfo=UTC).timestamp()


def end_of_month(now: float) -> float:
    year, month = month_of(now)
    return start_of_month(now) + calendar.monthrange(year, month)[1] * DAY
