"""How often a breaker policy would have opened, on what really happened. Pure.

It is the scheduler's breaker, one for a channel and base URL, all keys and models together: a number to compare
policies with, not a prophecy, because an open breaker would have sent the requests elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ccx_addons.core.config import BreakerPolicy
from ccx_addons.core.verdict import BY_KIND, WITH_FAULT
from ccx_addons.scheduler.breaker import Breaker, begin_probe, fail, succeed

TRANSIENT: Final = frozenset({408, 409, 425})


@dataclass(frozen=True, slots=True)
class Sample:
    """One attempt: where (a channel and base URL), when (Unix ms), and what came of it."""

    place: str
    at: int
    outcome: str
    status: int


def health(sample: Sample) -> str:
    """success, failure or neutral, as the gateway counts it."""
    if sample.outcome == "ok":
        return "success" if sample.status < 400 else "neutral"
    if sample.outcome in WITH_FAULT:
        return "failure" if sample.status >= 500 or sample.status in TRANSIENT or sample.status == 200 else "neutral"
    known = BY_KIND.get(sample.outcome)
    return known.health if known else "neutral"


def openings(samples: Iterable[Sample], policy: BreakerPolicy) -> int:
    """``samples`` in the order of time. A probe that failed opens again, and counts."""
    breakers: dict[str, Breaker] = {}
    opened = 0
    for sample in samples:
        breaker, now = breakers.setdefault(sample.place, Breaker()), sample.at / 1000
        word = health(sample)
        if word == "neutral" or not breaker.passes(now):
            continue
        begin_probe(breaker, now)
        if word == "success":
            succeed(breaker, policy, "", now)
        else:
            opened += fail(breaker, policy, "", word, now)
    return opened
