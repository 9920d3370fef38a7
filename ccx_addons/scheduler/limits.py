"""How much a client may ask and a channel is asked: requests per minute, at the same time, tokens a day, money a month.

One ``Limits`` a worker. What the other workers have under way and have spent is told to it (io/state.py), so that a
limit holds for the gateway, give or take what happens in a third of a second. Times are Unix seconds and arguments.
"""

import calendar
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from ccx_addons.core.config import Channel, Client, ClientLimits, Key

MINUTE: Final = 60.0
DAY: Final = 86_400
SOON: Final = 1.0
"""Seconds a client is told to wait for one of its own requests to end."""


@dataclass(slots=True)
class Meter:
    """Requests of one client, channel or key: when they began in the last minute, and how many are under way."""

    starts: deque[float] = field(default_factory=deque)
    flying: int = 0

    def wait(self, rpm: int, concurrency: int, elsewhere: tuple[int, int], now: float) -> float:
        """Seconds until one more fits; 0: now. Infinity: as soon as one ends."""
        starts = self.starts
        while starts and starts[0] <= now - MINUTE:
            starts.popleft()
        if concurrency and self.flying + elsewhere[1] >= concurrency:
            return float("inf")
        over = len(starts) + elsewhere[0] - rpm + 1 if rpm else 0
        if over <= 0:
            return 0.0
        if over > len(starts):
            return SOON  # other workers used them up; when theirs began is not known here
        return max(starts[over - 1] + MINUTE - now, 0.001)

    def begin(self, now: float) -> None:
        self.starts.append(now)
        self.flying += 1

    def end(self) -> None:
        self.flying = max(0, self.flying - 1)


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


class Estimate(NamedTuple):
    """What a request may cost."""

    tokens: int = 0
    usd: float = 0.0


FREE: Final = Estimate()
MOST: Final = Estimate(10**9, 10_000.0)
"""Of one request: whatever an upstream says, it does not use up a budget for ever."""


class Limits:
    """Counters by name: ``("client", NAME)``, ``("channel", ID)``, ``("key", CHANNEL ID, KEY ID)``."""

    def __init__(self) -> None:
        self.meters: dict[tuple[str, ...], Meter] = {}
        self.elsewhere: Mapping[tuple[str, ...], tuple[int, int]] = {}
        """Requests of the last minute and under way in other workers."""
        self._spent: dict[str, Spent] = {}
        self._reserved: dict[str, Estimate] = {}
        """What the requests under way will cost, as far as one could say when they came."""

    # ---- channels and keys ------------------------------------------------------------------------------------------
    def pressed(self, channel: Channel, keys: Iterable[Key], now: float) -> bool:
        """Whether its own limits, or those of all ``keys``, hold a channel back just now."""
        limits = channel.limits
        if (limits.rpm or limits.concurrency) and self._wait(
            ("channel", channel.id), limits.rpm, limits.concurrency, now
        ):
            return True
        return all(self.key_wait(channel, key, now) > 0 for key in keys)

    def key_wait(self, channel: Channel, key: Key, now: float) -> float:
        """Seconds until one more request fits under the key's own limits; 0: now."""
        limits = key.limits
        if not (limits.rpm or limits.concurrency):
            return 0.0
        return self._wait(("key", channel.id, key.id), limits.rpm, limits.concurrency, now)

    def enter(self, channel: Channel, key: Key, now: float) -> float:
        """Take a place for one attempt. 0: taken; else seconds until it is worth asking again."""
        limits = channel.limits
        limited = bool(limits.rpm or limits.concurrency)
        wait = self._wait(("channel", channel.id), limits.rpm, limits.concurrency, now) if limited else 0.0
        if wait := max(wait, self.key_wait(channel, key, now)):
            return wait
        if limited:
            self._meter(("channel", channel.id)).begin(now)
        if key.limits.rpm or key.limits.concurrency:
            self._meter(("key", channel.id, key.id)).begin(now)
        return 0.0

    def leave(self, channel: Channel, key: Key) -> None:
        """Give the place back."""
        for name in (("channel", channel.id), ("key", channel.id, key.id)):
            if meter := self.meters.get(name):
                meter.end()

    # ---- clients ----------------------------------------------------------------------------------------------------
    def admit(self, client: Client, now: float, estimate: Estimate = FREE) -> Refusal | None:
        """Count one more request of a client, or say why not. What is admitted has to be given back by ``dismiss``,
        with the same estimate. Budgets count what is under way, so that requests side by side overrun them by one at
        most, as far as estimates hold."""
        limits, name = client.limits, ("client", client.name)
        spent = self._spent.get(client.name)
        if spent and (limits.tokens_per_day or limits.usd_per_month):
            spent.turn(now)
            if limits.tokens_per_day and spent.tokens >= limits.tokens_per_day:
                words = f"the key {client.name!r} has used its {limits.tokens_per_day} tokens of this day (UTC)"
                return Refusal(words, DAY - now % DAY)
            if limits.usd_per_month and spent.usd >= limits.usd_per_month:
                words = f"the key {client.name!r} has used its {limits.usd_per_month:g} dollars of this month (UTC)"
                return Refusal(words, end_of_month(now) - now)
        if (reserved := self._reserved.get(client.name)) and self._is_over(limits, spent or Spent(), reserved):
            return Refusal(f"what is left to the key {client.name!r} may be used up by its requests under way", SOON)
        if limits.rpm or limits.concurrency:
            wait = self._wait(name, limits.rpm, limits.concurrency, now)
            if wait == float("inf"):
                words = f"the key {client.name!r} may have {limits.concurrency} requests at the same time"
                return Refusal(words, SOON)
            if wait > 0:
                return Refusal(f"the key {client.name!r} may ask {limits.rpm} times a minute", wait)
            self._meter(name).begin(now)
        if estimate != FREE:
            tokens, usd = self._reserved.get(client.name, FREE)
            self._reserved[client.name] = Estimate(tokens + estimate.tokens, usd + estimate.usd)
        return None

    @staticmethod
    def _is_over(limits: ClientLimits, spent: Spent, reserved: Estimate) -> bool:
        tokens, usd = spent.tokens + reserved.tokens, spent.usd + reserved.usd
        return bool(
            (limits.tokens_per_day and tokens >= limits.tokens_per_day)
            or (limits.usd_per_month and usd >= limits.usd_per_month)
        )

    def dismiss(self, client: Client, estimate: Estimate = FREE) -> None:
        """An admitted request is over."""
        if estimate != FREE:
            tokens, usd = self._reserved.pop(client.name, FREE)
            if tokens > estimate.tokens or usd > estimate.usd + 1e-9:
                left = Estimate(max(tokens - estimate.tokens, 0), max(usd - estimate.usd, 0.0))
                self._reserved[client.name] = left
        if meter := self.meters.get(("client", client.name)):
            meter.end()

    def spend(self, client: str, tokens: int, usd: float, now: float, at: float | None = None) -> None:
        """What a request cost that began ``at`` (default: now). What belongs to an earlier day or month is left out."""
        spent = self._spent.get(client)
        if spent is None:
            spent = self._spent[client] = Spent()
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

    # ---- meters -----------------------------------------------------------------------------------------------------
    def _meter(self, name: tuple[str, ...]) -> Meter:
        found = self.meters.get(name)
        if found is None:
            found = self.meters[name] = Meter()
        return found

    def _wait(self, name: tuple[str, ...], rpm: int, concurrency: int, now: float) -> float:
        return self._meter(name).wait(rpm, concurrency, self.elsewhere.get(name, (0, 0)), now)


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
