"""The way of a request through keys and channels, in few words: what came alike in a row stands together."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

OTHER_KEY: Final = ("next_key", "next_channel")
ELSEWHERE: Final = ("next_model", *OTHER_KEY)
"""Verdicts after which another model or place is asked."""

type Attempt = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hop:
    """Attempts in a row that one channel answered alike. ``keys``: how many of its keys were asked; ``model``: which
    one, where the channel was asked for several."""

    attempts: tuple[Attempt, ...]
    keys: int
    model: str = ""

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
    attempts = list(attempts)
    asked = {(attempt["channel_id"], attempt.get("upstream_model", "")) for attempt in attempts}
    chains = {id for id, _ in asked if sum(other == id for other, _ in asked) > 1}

    def model(attempt: Attempt) -> str:
        return str(attempt["upstream_model"]) if attempt["channel_id"] in chains else ""

    def alike(attempt: Attempt) -> tuple[Any, ...]:
        return attempt["channel_id"], attempt["channel_name"], model(attempt), attempt["status"], attempt["outcome"]

    groups = (tuple(group) for _, group in itertools.groupby(attempts, alike))
    return [Hop(group, _places(group), model(group[0])) for group in groups]


def _places(attempts: Sequence[Attempt]) -> int:
    """Masks of two keys may be the same: what the verdict says counts."""
    return 1 + sum(attempt["verdict"] in OTHER_KEY for attempt in attempts[:-1])


def moved(attempts: Sequence[Attempt]) -> int:
    """How often another model, key or channel was asked."""
    return sum(attempt["verdict"] in ELSEWHERE for attempt in attempts[:-1])
