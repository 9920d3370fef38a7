"""The way of a request through keys and channels, in few words: what came alike in a row stands together."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

ELSEWHERE: Final = ("next_key", "next_channel")
"""Verdicts after which another place is asked."""
MOVED: Final = (
    "attempts_n > 1 AND EXISTS (SELECT 1 FROM attempts WHERE request_id = requests.id AND n < requests.attempts_n"
    " AND verdict IN ('next_key', 'next_channel'))"
)
"""SQL over requests: whether another key or channel was asked. To ask the same one again is no failover."""

type Attempt = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hop:
    """Attempts in a row that one channel answered alike. ``keys``: how many of its keys were asked."""

    attempts: tuple[Attempt, ...]
    keys: int

    @property
    def first(self) -> Attempt:
        return self.attempts[0]

    @property
    def times(self) -> int:
        return len(self.attempts)

    @property
    def name(self) -> str:
        return str(self.first["channel_name"] or self.first["channel_id"])

    @property
    def good(self) -> bool:
        return bool(self.first["outcome"] == "ok" and self.first["status"] < 400)


def hops(attempts: Iterable[Attempt]) -> list[Hop]:
    def alike(attempt: Attempt) -> tuple[Any, ...]:
        return attempt["channel_id"], attempt["channel_name"], attempt["status"], attempt["outcome"]

    groups = (tuple(group) for _, group in itertools.groupby(attempts, alike))
    return [Hop(group, _places(group)) for group in groups]


def _places(attempts: Sequence[Attempt]) -> int:
    """Masks of two keys may be the same: what the verdict says counts."""
    return 1 + sum(attempt["verdict"] in ELSEWHERE for attempt in attempts[:-1])


def moved(attempts: Sequence[Attempt]) -> int:
    """How often another key or channel was asked."""
    return sum(attempt["verdict"] in ELSEWHERE for attempt in attempts[:-1])
