"""How much a client may ask and a channel is asked: requests per minute and at the same time, tokens a minute, and what
a client may use in a day and a month (budgets.py).

One ``Limits`` a worker counts what that worker has under way. Where several workers serve the same clients they agree
in a meeting place (io/meeting), which counts for all of them, and this is a worker's own part of it. Everything that is
taken has the name of its slot, so that it can be told twice and counts once. Times are Unix seconds and arguments.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ccx_addons.core.config import NO_LIMITS, Channel, Client, Key
from ccx_addons.scheduler.budgets import (
    FREE,
    RESERVED,
    SOON,
    Budget,
    Estimate,
    Known,
    Knows,
    Ledger,
    Sums,
    budgets_of,
    nothing,
    sums_of,
    wait_for,
    words_for,
)
from ccx_addons.scheduler.tokens import (
    MINUTE,
    Minute,
    Pace,
    Used,
    forget_old,
    limits_on,
    model_limits,
    of_client,
    paces_of,
    words_of,
)
from ccx_addons.scheduler.tokens import MOST as MOST_TOKENS

HINT: Final = 0.5
"""Seconds for which it counts that others had all places of a channel or key."""
MOST_HINTS: Final = 10_000


class Scope(NamedTuple):
    """What one name may: ``client:NAME``, ``channel:ID``, ``key:CHANNEL ID/KEY ID``. 0: no limit."""

    name: str
    rpm: int
    concurrency: int


class Ask(NamedTuple):
    """A place in every scope, or in none. ``slot`` is unique among all workers. ``estimate``: what it may use of its
    budgets and of its paces, which are tokens a minute."""

    slot: str
    scopes: tuple[Scope, ...]
    budgets: tuple[Budget, ...] = ()
    paces: tuple[Pace, ...] = ()
    estimate: Estimate = FREE


class Cost(NamedTuple):
    """What a request cost that began ``at``. ``requests``: 1 if it was answered. ``budgets``, ``paces``: the names of
    those for which it counts."""

    client: str
    model: str
    requests: int
    tokens: int
    usd: float
    at: float
    slot: str = ""
    budgets: tuple[str, ...] = ()
    paces: tuple[str, ...] = ()


class Refused(NamedTuple):
    """Whose limit it was, and seconds until it is worth asking again; infinity: as soon as another request ends.
    ``why``: rpm, concurrency, pace, the name of a sum that is used up, or RESERVED."""

    name: str
    why: str
    wait: float


class Held(NamedTuple):
    """The names in which a slot is under way, those of its budgets and of its tokens a minute, and what it may use of
    them."""

    names: tuple[str, ...]
    budgets: tuple[str, ...] = ()
    paces: tuple[str, ...] = ()
    estimate: Estimate = FREE


class Part(NamedTuple):
    """What somebody has taken. ``starts``: name -> (Unix seconds, slot) of the last minute; ``spent``: of budgets, as
    far as somebody knows. ``used``: tokens of the last minute."""

    starts: Mapping[str, Collection[tuple[float, str]]]
    slots: Mapping[str, Held]
    spent: Mapping[str, Sums] = {}
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
        if starts:
            forget_old(starts, now)
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


class Limits:
    def __init__(self) -> None:
        self.meters: dict[str, Meter] = {}
        self.slots: dict[str, Held] = {}
        self.ledger = Ledger()
        self.known = Known()
        self.minutes: dict[str, Minute] = {}
        self._hints: dict[str, float] = {}
        """Name -> until when others have used up its limits."""

    # ---- places -----------------------------------------------------------------------------------------------------
    def take(self, ask: Ask, now: float, share: int = 1) -> Refused | None:
        """A place in every scope; None: taken, until ``leave``. ``share``: how many count for themselves just now, of
        which each has its part of the limits, rounded up. Budgets count what is under way, so that requests side by
        side overrun them by one at most, as far as estimates hold."""
        if ask.budgets and (over := self.ledger.over(ask.budgets, now)):
            return Refused(*over, wait_for(over[1], now))
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
        self.ledger.hold(held.budgets, held.estimate)
        for name in held.paces:
            self._minute(name).flying[slot] = held.estimate.tokens

    def leave(self, slot: str) -> bool:
        """Give a place back. False: there was none."""
        held = self.slots.pop(slot, None)
        if held is None:
            return False
        for name in held.names:
            self.meters[name].flying.discard(slot)
        for name in held.paces:
            self.minutes[name].flying.pop(slot, None)
        self.ledger.release(held.budgets, held.estimate)
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
        hint = self._hints.get(name, 0.0) - now
        return max(wait, hint, 0.0) if hint <= MINUTE else wait

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
        spent = {name: known.sums(now) for name, known in self.ledger.spent.items()}
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
        self.ledger.told(part.spent, now)
        for name, used in part.used.items():
            self._minute(name).add(used)

    # ---- what was used ----------------------------------------------------------------------------------------------
    def pay(self, cost: Cost, now: float) -> None:
        """A request is over."""
        for name in cost.budgets:
            self.ledger.of(name).add(cost.requests, cost.tokens, cost.usd, now, cost.at)
        for name in cost.paces:
            self._minute(name).used.append((now, cost.slot, min(cost.tokens, MOST_TOKENS)))

    def serve(self, cost: Cost, now: float) -> None:
        """``pay`` for a request of this worker's own: it knows the model, too, whatever budgets there are later."""
        self.known.add(cost.client, cost.model, cost.requests, cost.tokens, cost.usd, now, cost.at)
        if cost.budgets or cost.paces:
            self.pay(cost, now)

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


def held_of(ask: Ask) -> Held:
    scopes, budgets, paces = (tuple(each.name for each in some) for some in (ask.scopes, ask.budgets, ask.paces))
    return Held(scopes, budgets, paces, ask.estimate)


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
    if limits is NO_LIMITS and not client.model_limits:
        return False
    some = limits.rpm or limits.concurrency or limits.tokens_per_minute or client.model_limits
    return bool(some or any(sums_of(limits)))


def ask_of(client: Client, slot: str, estimate: Estimate = FREE, model: str = "", knows: Knows = nothing) -> Ask:
    """A place for one request of a client that is limited."""
    limits = client.limits
    scopes = (Scope(of_client(client), limits.rpm, limits.concurrency),) if limits.rpm or limits.concurrency else ()
    for about, some in limits_on(client, model):
        if some.rpm or some.concurrency:
            scopes = (*scopes, Scope(about, some.rpm, some.concurrency))
    return Ask(slot, scopes, budgets_of(client, model, knows), paces_of(client, model), estimate)


def cost_of(client: Client, model: str, slot: str, used: Estimate, at: float, requests: int = 1) -> Cost:
    """``requests``: 0, if it was not answered."""
    if not is_limited(client):
        return Cost(client.name, model, requests, used.tokens, used.usd, at, slot)
    budgets = tuple([each.name for each in budgets_of(client, model)])
    paces = tuple([each.name for each in paces_of(client, model)])
    return Cost(client.name, model, requests, *used, at, slot, budgets, paces)


def refusal_of(client: Client, refused: Refused, now: float) -> Refusal:
    """What the client is told."""
    about = {of_client(client): ("", client.limits)}
    about |= {name: (words_of(some.models), some) for name, some in model_limits(client)}
    models, limits = about.get(refused.name, ("", client.limits))
    who, wait = f"the key {client.name!r}", refused.wait
    on, of = (f" {word} {models}" if models else "" for word in ("on", "of"))
    match refused.why:
        case "rpm":
            return Refusal(f"{who} may ask {limits.rpm} times a minute{of}", wait)
        case "concurrency":
            return Refusal(f"{who} may have {limits.concurrency} requests{of} at the same time", SOON)
        case "pace":
            return Refusal(f"{who} may use {limits.tokens_per_minute} tokens a minute{on}", wait)
        case why if why == RESERVED:
            return Refusal(f"what is left to {who}{on} may be used up by its requests under way", wait)
    again = datetime.fromtimestamp(round(now + wait), UTC)
    used = words_for(refused.why, getattr(limits, refused.why, 0))
    return Refusal(f"{who} has used its {used}{on}; there is more from {again:%Y-%m-%d %H:%M} UTC", wait)
