"""What meeting places of several machines are told, and what they answer: names, numbers, and their meaning."""

import time
from collections.abc import Iterator
from typing import Any, Final

from ccx_addons.io.meeting import Answer
from ccx_addons.scheduler.limits import DAY, SOON, Ask, Budget, Held, Refused, end_of_month, month_of

LEASE: Final = 30.0
RENEW: Final = 10.0
"""Seconds: how long what a worker has under way counts when nothing is heard of the worker, and how often it tells."""
KEPT: Final = 40 * DAY
"""Seconds that sums of a day or month are kept."""
YOUNG: Final = -1
"""The answer of a place that has just begun."""


def key(*names: object) -> str:
    return ":".join(("{ccx}", *map(str, names)))


def ms(seconds: float) -> int:
    return int(seconds * 1000)


def of(client: str) -> str:
    return f"client:{client}"


def names_of(held: Held) -> Iterator[str]:
    """Where its slot is: the client's name as well where only its budget is limited."""
    yield from held.names
    if held.client and of(held.client) not in held.names:
        yield of(held.client)


def sums(client: str, at: float) -> list[str]:
    year, month = month_of(at)
    return [key("spent", client, "day", int(at // DAY)), key("spent", client, "month", f"{year}-{month:02}")]


def said(cost: tuple[int, float]) -> tuple[int, str]:
    return cost[0], f"{cost[1]:.9f}"


def limits_of(budget: Budget) -> list[Any]:
    return [budget.tokens_per_day, budget.usd_per_month, *said(budget.estimate)]


def refused_of(ask: Ask, index: int, wait: int) -> Answer:
    if index == 0:
        return None
    if index > len(ask.scopes):
        return Refused(ask.paces[index - len(ask.scopes) - 1].name, "pace", max(wait / 1000, 0.001))
    if index > 0:
        name = ask.scopes[index - 1].name
        return Refused(name, "concurrency", float("inf")) if wait < 0 else Refused(name, "rpm", max(wait / 1000, 0.001))
    assert ask.budget
    now, name = time.time(), of(ask.budget.client)
    match index:
        case -2:
            return Refused(name, "tokens", DAY - now % DAY)
        case -3:
            return Refused(name, "usd", end_of_month(now) - now)
    return Refused(name, "reserved", SOON)
