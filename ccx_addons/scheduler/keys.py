"""What happens to keys and base URLs, and which of them comes next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ccx_addons.core.config import Key, Rotate

COOLDOWN: Final = 300.0
LONG_COOLDOWN: Final = 600.0
LONG_AFTER: Final = 3
"""A key rests five minutes after a failure, ten when it failed three times in a row."""
URL_COOLDOWN: Final = 30.0
MAX_MODELS: Final = 200
"""Most models that one key is remembered not to have."""


@dataclass(frozen=True, slots=True)
class ModelBlock:
    """This key does not have a model, ``until`` then (Unix seconds)."""

    until: float
    reason: str = ""
    message: str = ""


@dataclass(slots=True)
class KeyState:
    """Unix seconds throughout. ``reason`` and ``message`` are for people; the message is the upstream's, masked.

    ``place`` is the key's own time in the rotation, ``flying`` its attempts under way.
    """

    failures: int = 0
    failed_at: float = 0.0
    cool_until: float = 0.0
    blocked_until: float = 0.0
    reason: str = ""
    message: str = ""
    changed_at: float = 0.0
    uses: int = 0
    flying: int = 0
    place: float = 0.0
    models: dict[str, ModelBlock] = field(default_factory=dict)

    def blocked(self, now: float) -> bool:
        return self.blocked_until > now

    def cooling(self, now: float) -> bool:
        return self.cool_until > now

    def lacks(self, model: str, now: float) -> bool:
        block = self.models.get(model)
        return block is not None and block.until > now

    # ---- learning ---------------------------------------------------------------------------------------------------
    def succeed(self, now: float) -> bool:
        """True: there was something to forget."""
        if not (self.failures or self.cool_until or self.blocked_until):
            return False
        self.failures, self.cool_until, self.blocked_until = 0, 0.0, 0.0
        self.reason, self.message, self.changed_at = "", "", now
        return True

    def fail(self, reason: str, message: str, rest: float | None, now: float) -> None:
        """It rests for ``rest`` seconds, or by how often it failed in a row."""
        self.failures += 1
        self.failed_at = self.changed_at = now
        self.reason, self.message = reason, message
        own = COOLDOWN if self.failures < LONG_AFTER else LONG_COOLDOWN
        self.cool_until = now + (own if rest is None else rest)

    def block(self, reason: str, message: str, until: float, now: float) -> None:
        self.failures += 1
        self.failed_at = self.changed_at = now
        self.reason, self.message, self.blocked_until = reason, message, until

    def unblock(self, now: float) -> None:
        self.failures, self.cool_until, self.blocked_until = 0, 0.0, 0.0
        self.reason, self.message, self.changed_at = "", "", now

    def block_model(self, model: str, block: ModelBlock, now: float) -> None:
        self.models.pop(model, None)
        self.models[model] = block
        if len(self.models) > MAX_MODELS:
            del self.models[next(iter(self.models))]
        self.changed_at = now


@dataclass(slots=True)
class UrlState:
    failures: int = 0
    failed_at: float = 0.0


# ---- choosing --------------------------------------------------------------------------------------------------------
def ranked_urls(urls: Sequence[str], states: dict[str, UrlState], now: float) -> Sequence[str]:
    """Never failed in their order; then those whose pause is over, fewest failures first; then by how long they still
    pause."""
    if len(urls) < 2 or not states:
        return urls

    def rank(url: str) -> tuple[int, float]:
        state = states.get(url)
        if state is None or not state.failures:
            return (0, 0.0)
        rest = state.failed_at + URL_COOLDOWN - now
        return (1, state.failures) if rest <= 0 else (2, rest)

    return sorted(urls, key=rank)


def first_key(ready: Sequence[Key], states: dict[str, KeyState], rotate: Rotate) -> Key:
    """Of keys that may be used now, in the order of weight and list. A key without a state was never used."""
    if rotate == "fill_first" or len(ready) == 1:
        return ready[0]
    fresh = KeyState()

    def by_turn(key: Key) -> float:
        return states.get(key.id, fresh).place

    def by_use(key: Key) -> tuple[float, float]:
        state = states.get(key.id, fresh)
        return (state.flying / key.weight, state.uses / key.weight)

    return min(ready, key=by_turn) if rotate == "round_robin" else min(ready, key=by_use)


def take_turn(key: Key, states: dict[str, KeyState], turn: float) -> float:
    """The key moves back in the rotation by the share of its weight. ``turn``: the last result; one that was away for
    long begins there, and does not catch up."""
    state = states.get(key.id)
    if state is None:
        state = states[key.id] = KeyState()
    turn = max(state.place, turn)
    state.place = turn + 1 / key.weight
    state.uses += 1
    state.flying += 1
    return turn


def longest_ago(keys: Sequence[Key], states: dict[str, KeyState]) -> Key:
    """When all keys only cool down: the one that failed longest ago."""
    return min(keys, key=lambda key: states[key.id].failed_at if key.id in states else 0.0)
