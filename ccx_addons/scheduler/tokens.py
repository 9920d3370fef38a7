"""Tokens a minute: of a client, and of one on some models.

Counted when a request is over, for the minute that follows; what is under way counts with its estimate. Times are Unix
seconds and arguments.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ccx_addons.core.config import Client, ModelLimit, Patterns

MINUTE: Final = 60.0
SOON: Final = 1.0
"""Seconds to wait for a request under way."""
MOST: Final = 10**9
"""Tokens of one request that count, whatever an upstream says."""

type Used = tuple[float, str, int]
"""When a request was over, its slot, and its tokens."""


class Pace(NamedTuple):
    """What one name may use: ``most`` tokens a minute."""

    name: str
    most: int


@dataclass(slots=True)
class Minute:
    """What was used in the last minute, oldest first, and the estimates of what is under way: slot -> tokens."""

    used: deque[Used] = field(default_factory=deque)
    flying: dict[str, int] = field(default_factory=dict)

    def wait(self, most: int, now: float) -> float:
        """Seconds until less than ``most`` are used; 0: now. A request goes over by itself at most."""
        used = self.used
        if used:
            forget_old(used, now)
        left, wait = sum(tokens for _, _, tokens in used) + sum(self.flying.values()), 0.0
        for at, _, tokens in used:
            if left < most:
                break
            left -= tokens
            wait = at + MINUTE - now
        return wait if left < most else SOON

    def add(self, used: Iterable[Used]) -> None:
        """What may be known already, of any time."""
        known = {slot for _, slot, _ in self.used}
        self.used = deque(sorted([*self.used, *(each for each in used if each[1] not in known)]))


def forget_old(found: deque[Any], now: float) -> None:
    """Leaves the last minute, of tuples that begin with their time. What lies ahead was noted before the clock was set
    back."""
    while found and found[0][0] <= now - MINUTE:
        found.popleft()
    if found and max(found[0][0], found[-1][0]) > now + MINUTE:
        kept = [each for each in found if each[0] <= now + MINUTE]
        found.clear()
        found.extend(kept)


def paces_of(client: Client, model: str) -> tuple[Pace, ...]:
    """All limits that a request counts for."""
    if not (client.limits.tokens_per_minute or client.model_limits):
        return ()
    most = client.limits.tokens_per_minute
    own = (Pace(of_client(client), most),) if most else ()
    return (
        *own,
        *(Pace(name, some.tokens_per_minute) for name, some in limits_on(client, model) if some.tokens_per_minute),
    )


def limits_on(client: Client, model: str) -> Sequence[tuple[str, ModelLimit]]:
    """The client's limits on some models that are about this one, and their names."""
    if not client.model_limits:
        return ()
    return [(name, some) for name, some in model_limits(client) if some.models.allows(model)]


def model_limits(client: Client) -> Iterator[tuple[str, ModelLimit]]:
    """With their names, which are those of the models; one more sign for each time that these come again."""
    seen = list[str]()
    for some in client.model_limits:
        words = words_of(some.models)
        yield f"{of_client(client)}\n{words}{'+' * seen.count(words)}", some
        seen.append(words)


def of_client(client: Client) -> str:
    return f"client:{client.name}"


def words_of(models: Patterns) -> str:
    return ", ".join((*models.include, *(f"!{pattern}" for pattern in models.exclude))) or "*"
