"""Tokens a minute: of a client, and of one on some models.

Counted when a request is over, for the minute that follows; what is under way counts with its estimate. Requests of
other workers count as soon as their rows are read, a moment later. Times are Unix seconds and arguments.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ccx_addons.core.config import Client, ModelLimit

MINUTE: Final = 60.0
SOON: Final = 1.0
"""Seconds to wait for a request under way."""
MOST: Final = 10**9
"""Tokens of one request that count, whatever an upstream says."""


@dataclass(frozen=True, slots=True)
class Over:
    """``most``: tokens a minute; ``models``: on which they are spent, empty: on all."""

    most: int
    models: str
    wait: float


@dataclass(slots=True)
class Minute:
    """What was used in the last minute, oldest first, and the estimates of what is under way: slot -> tokens."""

    used: deque[tuple[float, int]] = field(default_factory=deque)
    flying: dict[str, int] = field(default_factory=dict)

    def wait(self, most: int, now: float) -> float:
        """Seconds until less than ``most`` are used; 0: now. A request goes over by itself at most."""
        used = self.used
        while used and used[0][0] <= now - MINUTE:
            used.popleft()
        left, wait = sum(tokens for _, tokens in used) + sum(self.flying.values()), 0.0
        for at, tokens in used:
            if left < most:
                break
            left -= tokens
            wait = at + MINUTE - now
        return wait if left < most else SOON


@dataclass(slots=True)
class Tokens:
    minutes: dict[str, Minute] = field(default_factory=dict)

    def over(self, client: Client, model: str, now: float) -> Over | None:
        """Whose limit is used up; None: there is room."""
        for name, most, words in scopes(client, model):
            minute = self.minutes.get(name)
            if minute and (wait := minute.wait(most, now)):
                return Over(most, words, wait)
        return None

    def begin(self, client: Client, model: str, slot: str, tokens: int) -> None:
        for name, _, _ in scopes(client, model):
            self.minutes.setdefault(name, Minute()).flying[slot] = tokens

    def end(self, client: Client, model: str, slot: str) -> None:
        for name, _, _ in scopes(client, model):
            if minute := self.minutes.get(name):
                minute.flying.pop(slot, None)

    def spend(self, client: Client, model: str, tokens: int, now: float) -> None:
        """A request is over."""
        for name, _, _ in scopes(client, model):
            self.minutes.setdefault(name, Minute()).used.append((now, min(tokens, MOST)))


def scopes(client: Client, model: str) -> list[tuple[str, int, str]]:
    """(name, tokens a minute, models) of all limits that a request counts for."""
    most = client.limits.tokens_per_minute
    found = [(client.name, most, "")] if most else []
    for n, limit in enumerate(client.model_limits):
        if limit.tokens_per_minute and limit.models.allows(model):
            found.append((f"{client.name}\n{n}", limit.tokens_per_minute, words_of(limit)))
    return found


def words_of(limit: ModelLimit) -> str:
    return ", ".join((*limit.models.include, *(f"!{pattern}" for pattern in limit.models.exclude))) or "*"
