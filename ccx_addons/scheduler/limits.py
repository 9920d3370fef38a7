"""How much a client may ask and a channel is asked: requests per minute, at the same time, tokens a day, money a month.

One ``Limits`` a worker counts what that worker has under way. Where several workers serve the same clients they agree
in a meeting place (io/meeting), which counts for all of them, and this is a worker's own part of it. Everything that is
taken has the name of its slot, so that it can be told twice and counts once. Times are Unix seconds and arguments.
"""

import calendar
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from ccx_addons.core.config import Channel, Client, Key
from ccx_addons.scheduler.tokens import MOST as MOST_TOKENS
from ccx_addons.scheduler.tokens import Minute, Pace, Used, limits_on, of_models, paces_of, words_of

MINUTE: Final = 60.0
DAY: Final = 86_400
SOON: Final = 1.0
"""Seconds a client is told to wait for one of its own requests to end."""
HINT: Final = 0.5
"""Seconds for which it counts that others had all places of a channel or key."""
MOST_HINTS: Final = 10_000


class Estimate(NamedTuple):
    """What a request may cost."""

    tokens: int = 0
    usd: float = 0.0


FREE: Final = Estimate()
MOST: Final = Estimate(10**9, 10_000.0)
"""Of one request: whatever an upstream says, it does not use up a budget for ever."""


class Scope(NamedTuple):
    """What one name may: ``client:NAME``, ``channel:ID``, ``key:CHANNEL ID/KEY ID``. 0: no limit."""

    name: str
    rpm: int
    concurrency: int


class Budget(NamedTuple):
    """What a client may use (0: no limit), and what this request may cost. ``spent``: of this UTC day and month, as far
    as whoever asks knows."""

    client: str
    tokens_per_day: int
    usd_per_month: float
    estimate: Estimate = FREE
    spent: Estimate = FREE


class Ask(NamedTuple):
    """A place in every scope, or in none. ``slot`` is unique among all workers. ``tokens``: what it may use of its
    paces, which are tokens a minute."""

    slot: str
    scopes: tuple[Scope, ...]
    budget: Budget | None = None
    paces: tuple[Pace, ...] = ()
    tokens: int = 0


class Cost(NamedTuple):
    """What a request cost that began ``at``. ``budget``: its client has one; ``paces``: names of the tokens a minute
    for which it counts from now on."""

    client: str
    budget: bool
    tokens: int
    usd: float
    at: float
    slot: str = ""
    paces: tuple[str, ...] = ()


type Why = Literal["rpm", "concurrency", "tokens", "usd", "reserved", "pace"]


class Refused(NamedTuple):
    """Whose limit it was, and seconds until it is worth asking again; infinity: as soon as another request ends."""

    name: str
    why: Why
    wait: float


class Held(NamedTuple):
    """The names in which a slot is under way, its client, where that has a budget, and what it may cost; the names of
    its tokens a minute, and how many it may use."""

    names: tuple[str, ...]
    client: str = ""
    estimate: Estimate = FREE
    paces: tuple[str, ...] = ()
    tokens: int = 0


class Part(NamedTuple):
    """What somebody has taken. ``starts``: name -> (Unix seconds, slot) of the last minute; ``spent``: by clients, as
    far as somebody knows. ``used``: tokens of the last minute."""

    starts: Mapping[str, Collection[tuple[float, str]]]
    slots: Mapping[str, Held]
    spent: Mapping[str, Estimate] = {}
    used: Mapping[str, Collection[Used]] = {}


@dataclass(slots=True)
class Meter:
    """Requests of one client, channel or key: when they began in the last minute, oldest first, and the slots of those
    that are under way."""

    starts: deque[tuple[float, str]] = field(default_factory=deque)
    flying: set[str] = field(default_factory=set)

    def wait(self, rpm: int, concurrency: int, now: float) -> float:
        """Seconds until one more fits; 0: now. Infinity: as soon as one ends."""
        starts = self.starts
        while starts and starts[0][0] <= now - MINUTE:
            starts.popleft()
        if concurrency and len(self.flying) >= concurrency:
            return float("inf")
        over = len(starts) - rpm + 1 if rpm else 0
        return max(starts[over - 1][0] + MINUTE - now, 0.001) if over > 0 else 0.0

    def add(self, starts: Iterable[tuple[float, str]]) -> None:
        """Starts that may be known already, of any time."""
        known = {slot for _, slot in self.starts}
        self.starts = deque(sorted([*self.starts, *(start for start in starts if start[1] not in known)]))

    def forget(self, slot: str) -> None:
        self.starts = deque(start for start in self.starts if start[1] != slot)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a client has to wait, in words for it, and how many seconds."""

    words: str
    retry_after: float


@dataclass(slots=True)
class Spent:
    """What a client used in the running UTC day and month."""

    day: int = 0
    tokens: int = 0
    month: tuple[int, int] = (0, 0)
    usd: float = 0.0

    def turn(self, now: float) -> None:
        """Begin anew when a day or month is over."""
        day, month = int(now // DAY), month_of(now)
        if day != self.day:
            self.day, self.tokens = day, 0
        if month != self.month:
            self.month, self.usd = month, 0.0

    def at_least(self, known: Estimate, now: float) -> None:
        self.turn(now)
        self.tokens, self.usd = max(self.tokens, known.tokens), max(self.usd, known.usd)


class Limits:
    def __init__(self) -> None:
        self.meters: dict[str, Meter] = {}
        self.slots: dict[str, Held] = {}
        self._spent: dict[str, Spent] = {}
        self._reserved: dict[str, Estimate] = {}
        """What the requests under way will cost, as far as one could say when they came."""
        self.minutes: dict[str, Minute] = {}
        self._hints: dict[str, float] = {}
        """Name -> until when others have used up its limits."""

    # ---- places -----------------------------------------------------------------------------------------------------
    def take(self, ask: Ask, now: float, share: int = 1) -> Refused | None:
        """A place in every scope; None: taken, until ``leave``. ``share``: how many count for themselves just now, of
        which each has its part of the limits, rounded up. Budgets count what is under way, so that requests side by
        side overrun them by one at most, as far as estimates hold."""
        if ask.budget and (refused := self._over(ask.budget, now)):
            return refused
        for name, rpm, concurrency in ask.scopes:
            wait = self._meter(name).wait(-(-rpm // share), -(-concurrency // share), now)
            if wait:
                return Refused(name, "concurrency" if wait == float("inf") else "rpm", wait)
        for name, most in ask.paces:
            if (minute := self.minutes.get(name)) and (wait := minute.wait(-(-most // share), now)):
                return Refused(name, "pace", wait)
        self.begin(ask, now)
        return None

    def begin(self, ask: Ask, now: float) -> None:
        """Count it, whatever the limits are."""
        for scope in ask.scopes:
            meter = self._meter(scope.name)
            meter.starts.append((now, ask.slot))
            meter.flying.add(ask.slot)
        self._hold(ask.slot, held_of(ask))

    def _hold(self, slot: str, held: Held) -> None:
        self.slots[slot] = held
        if held.estimate != FREE:
            tokens, usd = self._reserved.get(held.client, FREE)
            self._reserved[held.client] = Estimate(tokens + held.estimate.tokens, usd + held.estimate.usd)
        for name in held.paces:
            self._minute(name).flying[slot] = held.tokens

    def leave(self, slot: str) -> bool:
        """Give a place back. False: there was none."""
        held = self.slots.pop(slot, None)
        if held is None:
            return False
        for name in held.names:
            self.meters[name].flying.discard(slot)
        for name in held.paces:
            self.minutes[name].flying.pop(slot, None)
        if held.estimate != FREE:
            tokens, usd = self._reserved.pop(held.client, FREE)
            left = Estimate(max(tokens - held.estimate.tokens, 0), max(usd - held.estimate.usd, 0.0))
            if left.tokens or left.usd > 1e-9:
                self._reserved[held.client] = left
        return True

    def undo(self, slot: str) -> None:
        """Give a place back that nobody used: it does not count for the minute either."""
        if held := self.slots.get(slot):
            self.leave(slot)
            for name in held.names:
                self.meters[name].forget(slot)

    def wait(self, name: str, rpm: int, concurrency: int, now: float) -> float:
        """Seconds until one more fits, as far as is known here; 0: now."""
        wait = meter.wait(rpm, concurrency, now) if (meter := self.meters.get(name)) else 0.0
        return max(wait, self._hints.get(name, 0.0) - now, 0.0)

    def hint(self, refused: Refused, now: float) -> None:
        """Others have used up what ``refused`` names."""
        if len(self._hints) >= MOST_HINTS:
            self._hints.clear()
        self._hints[refused.name] = now + min(refused.wait, HINT if refused.why == "concurrency" else MINUTE)

    # ---- parts ------------------------------------------------------------------------------------------------------
    def part(self, now: float) -> Part:
        """All that is taken here."""
        began = now - MINUTE
        starts = {name: [start for start in meter.starts if start[0] > began] for name, meter in self.meters.items()}
        spent = {client: Estimate(*self.spent(client, now)) for client in self._spent}
        used = {name: [each for each in minute.used if each[0] > began] for name, minute in self.minutes.items()}
        return Part(_filled(starts), dict(self.slots), spent, _filled(used))

    def part_of(self, slot: str) -> Part:
        """What was just taken under one name."""
        held = self.slots[slot]
        last = {name: self.meters[name].starts[-1] for name in held.names}
        return Part({name: [start] for name, start in last.items()}, {slot: held})

    def put(self, part: Part, now: float) -> None:
        """What somebody has taken counts here as well, however often it is told."""
        for name, starts in part.starts.items():
            self._meter(name).add(starts)
        for slot, held in part.slots.items():
            if slot in self.slots:
                continue
            for name in held.names:
                self._meter(name).flying.add(slot)
            self._hold(slot, held)
        for client, known in part.spent.items():
            self._spent_of(client).at_least(known, now)
        for name, used in part.used.items():
            self._minute(name).add(used)

    # ---- money ------------------------------------------------------------------------------------------------------
    def _over(self, budget: Budget, now: float) -> Refused | None:
        name, tokens, usd = f"client:{budget.client}", budget.tokens_per_day, budget.usd_per_month
        if budget.spent != FREE:
            self._spent_of(budget.client).at_least(budget.spent, now)
        used = Estimate(*self.spent(budget.client, now))
        if tokens and used.tokens >= tokens:
            return Refused(name, "tokens", DAY - now % DAY)
        if usd and used.usd >= usd:
            return Refused(name, "usd", end_of_month(now) - now)
        held = self._reserved.get(budget.client)
        if held and ((tokens and used.tokens + held.tokens >= tokens) or (usd and used.usd + held.usd >= usd)):
            return Refused(name, "reserved", SOON)
        return None

    def pay(self, cost: Cost, now: float) -> None:
        """A request is over."""
        self.spend(cost.client, cost.tokens, cost.usd, now, cost.at)
        for name in cost.paces:
            self._minute(name).used.append((now, cost.slot, min(cost.tokens, MOST_TOKENS)))

    def spend(self, client: str, tokens: int, usd: float, now: float, at: float | None = None) -> None:
        """What a request cost that began ``at`` (default: now). What belongs to an earlier day or month is left out."""
        spent = self._spent_of(client)
        spent.turn(now)
        tokens, usd = min(tokens, MOST.tokens), min(usd, MOST.usd)
        began = now if at is None else at
        if int(began // DAY) == spent.day:
            spent.tokens += tokens
        if month_of(began) == spent.month:
            spent.usd += usd

    def spent(self, client: str, now: float) -> tuple[int, float]:
        """Tokens of this UTC day and dollars of this UTC month."""
        spent = self._spent.get(client)
        if spent is None:
            return 0, 0.0
        spent.turn(now)
        return spent.tokens, spent.usd

    # ---- channels and keys ------------------------------------------------------------------------------------------
    def pressed(self, channel: Channel, keys: Iterable[Key], now: float) -> bool:
        """Whether its own limits, or those of all ``keys``, hold a channel back just now."""
        limits = channel.limits
        if (limits.rpm or limits.concurrency) and self.wait(of_channel(channel), limits.rpm, limits.concurrency, now):
            return True
        return all(self.key_wait(channel, key, now) > 0 for key in keys)

    def key_wait(self, channel: Channel, key: Key, now: float) -> float:
        """Seconds until one more request fits under the key's own limits; 0: now."""
        limits = key.limits
        if not (limits.rpm or limits.concurrency):
            return 0.0
        return self.wait(of_key(channel, key), limits.rpm, limits.concurrency, now)

    # ---- finding ----------------------------------------------------------------------------------------------------
    def _meter(self, name: str) -> Meter:
        found = self.meters.get(name)
        if found is None:
            found = self.meters[name] = Meter()
        return found

    def _minute(self, name: str) -> Minute:
        found = self.minutes.get(name)
        if found is None:
            found = self.minutes[name] = Minute()
        return found

    def _spent_of(self, client: str) -> Spent:
        found = self._spent.get(client)
        if found is None:
            found = self._spent[client] = Spent()
        return found


def held_of(ask: Ask) -> Held:
    names, paces = tuple(scope.name for scope in ask.scopes), tuple(pace.name for pace in ask.paces)
    client, estimate = (ask.budget.client, ask.budget.estimate) if ask.budget else ("", FREE)
    return Held(names, client, estimate, paces, ask.tokens if paces else 0)


def _filled[T](found: Mapping[str, Collection[T]]) -> dict[str, Collection[T]]:
    return {name: items for name, items in found.items() if items}


# ---- what is asked for -----------------------------------------------------------------------------------------------
def of_channel(channel: Channel) -> str:
    return f"channel:{channel.id}"


def of_key(channel: Channel, key: Key) -> str:
    return f"key:{channel.id}/{key.id}"


def scopes_of(channel: Channel, key: Key) -> tuple[Scope, ...]:
    """What limits an attempt; empty: nothing."""
    whole, own = channel.limits, key.limits
    if not (whole.rpm or whole.concurrency or own.rpm or own.concurrency):
        return ()
    both = (
        Scope(of_channel(channel), whole.rpm, whole.concurrency),
        Scope(of_key(channel, key), own.rpm, own.concurrency),
    )
    return tuple(scope for scope in both if scope.rpm or scope.concurrency)


def is_limited(client: Client) -> bool:
    limits = client.limits
    some = limits.rpm or limits.concurrency or limits.tokens_per_day or limits.usd_per_month
    return bool(some or limits.tokens_per_minute or client.model_limits)


def ask_of(client: Client, slot: str, estimate: Estimate = FREE, spent: Estimate = FREE, model: str = "") -> Ask:
    """A place for one request of a client that is limited."""
    limits, name = client.limits, client.name
    scopes = (Scope(f"client:{name}", limits.rpm, limits.concurrency),) if limits.rpm or limits.concurrency else ()
    for about, some in limits_on(client, model) if client.model_limits else ():
        if some.rpm or some.concurrency:
            scopes = (*scopes, Scope(about, some.rpm, some.concurrency))
    budget = None
    if limits.tokens_per_day or limits.usd_per_month:
        budget = Budget(name, limits.tokens_per_day, limits.usd_per_month, estimate, spent)
    return Ask(slot, scopes, budget, paces_of(client, model), estimate.tokens)


def cost_of(client: Client, model: str, slot: str, tokens: int, usd: float, at: float) -> Cost:
    budget = bool(client.limits.tokens_per_day or client.limits.usd_per_month)
    return Cost(client.name, budget, tokens, usd, at, slot, tuple(pace.name for pace in paces_of(client, model)))


def refusal_of(client: Client, refused: Refused) -> Refusal:
    """What the client is told."""
    limits, who, wait = client.limits, f"the key {client.name!r}", refused.wait
    on = tokens_on = ""
    for n, some in enumerate(client.model_limits):
        if refused.name == of_models(client, n):
            on, tokens_on = f" of {words_of(some)}", f" on {words_of(some)}"
            limits = replace(
                limits, rpm=some.rpm, concurrency=some.concurrency, tokens_per_minute=some.tokens_per_minute
            )
    match refused.why:
        case "tokens":
            return Refusal(f"{who} has used its {limits.tokens_per_day} tokens of this day (UTC)", wait)
        case "usd":
            return Refusal(f"{who} has used its {limits.usd_per_month:g} dollars of this month (UTC)", wait)
        case "reserved":
            return Refusal(f"what is left to {who} may be used up by its requests under way", wait)
        case "pace":
            return Refusal(f"{who} may use {limits.tokens_per_minute} tokens a minute{tokens_on}", wait)
        case "concurrency":
            return Refusal(f"{who} may have {limits.concurrency} requests{on} at the same time", SOON)
    return Refusal(f"{who} may ask {limits.rpm} times a minute{on}", wait)


# ---- the calendar ----------------------------------------------------------------------------------------------------
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
