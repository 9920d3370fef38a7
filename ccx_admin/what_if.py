"""How often a breaker policy would have opened, on what really happened. Pure.

It follows routing.md for one channel and base URL, all models together: a number to compare policies with, not a
prophecy, because an open breaker would have sent the requests elsewhere.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ccx_addons.core.config import BreakerPolicy
from ccx_addons.core.verdict import BY_KIND, WITH_FAULT

OVERLOADED: Final = 529
TRANSIENT: Final = frozenset({408, 409, 425})


@dataclass(frozen=True, slots=True)
class Sample:
    """One attempt: where (a channel and base URL), when (Unix ms), and what came of it."""

    place: str
    at: int
    outcome: str
    status: int


@dataclass(slots=True)
class Window:
    """What a breaker remembers of one place."""

    samples: deque[tuple[int, bool]]
    in_a_row: int = 0
    until: int = 0
    level: int = 0


def health(sample: Sample) -> str:
    """success, failure, open (the upstream says that it is overloaded) or neutral, as the gateway counts it."""
    if sample.outcome == "ok":
        return "success" if sample.status < 400 else "neutral"
    if sample.outcome in WITH_FAULT:
        if sample.status == OVERLOADED:
            return "open"
        return "failure" if sample.status >= 500 or sample.status in TRANSIENT or sample.status == 200 else "neutral"
    known = BY_KIND.get(sample.outcome)
    return known.health if known else "neutral"


def openings(samples: Iterable[Sample], policy: BreakerPolicy) -> int:
    """``samples`` in the order of time."""
    windows: dict[str, Window] = {}
    opened = 0
    for sample in samples:
        window = windows.setdefault(sample.place, Window(deque(maxlen=policy.window)))
        word = health(sample)
        if word == "neutral" or sample.at < window.until:
            continue
        if word == "success":
            window.in_a_row, window.level = 0, 0
        else:
            window.in_a_row += 1
        window.samples.append((sample.at, word != "success"))
        if word == "open" or (word == "failure" and is_over(window, policy, sample.at)):
            opened += 1
            rest = min(policy.max_backoff, policy.backoff * 2**window.level)
            window.until, window.level, window.in_a_row = sample.at + rest * 1000, min(window.level + 1, 20), 0
            window.samples.clear()
    return opened


def is_over(window: Window, policy: BreakerPolicy, now: int) -> bool:
    if window.in_a_row >= policy.consecutive:
        return True
    recent = [bad for at, bad in window.samples if now - at <= policy.max_age * 1000]
    return len(recent) >= max(3, policy.window // 2) and sum(recent) / len(recent) >= policy.failure_rate
