"""What meeting places of several machines are told, and what they answer: names, numbers, and their meaning."""

import time
from collections.abc import Iterator
from typing import Final

from ccx_addons.io.meeting import Answer
from ccx_addons.scheduler.budgets import DAY, RESERVED, Sums, month_of, wait_for
from ccx_addons.scheduler.limits import Ask, Cost, Held, Refused

LEASE: Final = 30.0
RENEW: Final = 10.0
"""Seconds: how long what a worker has under way counts when nothing is heard of the worker, and how often it tells."""
KEPT: Final = 40 * DAY
"""Seconds that sums of a day or month are kept."""
YOUNG: Final = -1
"""The answer of a place that has just begun."""
FIRST_SUM: Final = -2
"""The answer when the first sum of the first budget is used up, or with a wait, reserved; each next one is one less."""


def key(*names: object) -> str:
    return ":".join(("{ccx}", *map(str, names)))


def ms(seconds: float) -> int:
    return int(seconds * 1000)


def names_of(held: Held) -> Iterator[str]:
    """Where its slot is."""
    return iter(dict.fromkeys((*held.names, *held.budgets)))


def sums(name: str, at: float) -> tuple[str, str]:
    """What was used of a budget in a month and in a day."""
    year, month = month_of(at)
    return key("used", name, "month", f"{year}-{month:02}"), key("used", name, "day", int(at // DAY))


def used_by(cost: Cost) -> tuple[int, int, float]:
    return cost.requests, cost.tokens, cost.usd


def said(number: float) -> str | int:
    return f"{number:.9f}" if isinstance(number, float) else number


def refused_of(ask: Ask, index: int, wait: int) -> Answer:
    if index == 0:
        return None
    if index > len(ask.scopes):  # a pace
        return Refused(ask.paces[index - len(ask.scopes) - 1].name, "pace", max(wait / 1000, 0.001))
    if index > 0:
        name = ask.scopes[index - 1].name
        return Refused(name, "concurrency", float("inf")) if wait < 0 else Refused(name, "rpm", max(wait / 1000, 0.001))
    n, sum = divmod(FIRST_SUM - index, len(Sums._fields))
    why = RESERVED if wait else Sums._fields[sum]
    return Refused(ask.budgets[n].name, why, wait_for(why, time.time()))
