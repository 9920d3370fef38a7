"""What happens to keys and base URLs, and which of them comes next."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from ccx_addons.core.config import Key, Rotate
from ccx_addons.scheduler.turns import Changed, Line

URL_COOLDOWN: Final = 30.0
MAX_MODELS: Final = 200
"""Most models of which one key is remembered to rest."""
MEMORY: Final = 6 * 3600.0
"""Seconds after the end of a rest in which the next one is the longer one."""
TRIAL_EVERY: Final = 20.0
TRIALS: Final = 3
"""Where nothing else is left, a key is tried although it rests: so many times at once, and then every so many
seconds."""


@dataclass(slots=True)
class Rest:
    """A key, or one model on it, is left alone until ``until`` (Unix seconds).

    ``count``: rests in a row, each longer than the last. ``blocked``: refused rather than limited; when it is over, one
    real request tries first. ``status``: what the upstream answered. ``message`` is the upstream's, masked.
    """

    until: float
    reason: str = ""
    message: str = ""
    count: int = 1
    blocked: bool = False
    status: int = 0
    trial_at: float = 0.0
    """When its trials are used up no more (a generic cell rate)."""

    def running(self, now: float) -> bool:
        return self.until > now

    def next_trial(self) -> float:
        """When it may be tried as a last resort."""
        return self.trial_at - (TRIALS - 1) * TRIAL_EVERY

    def try_it(self, now: float) -> None:
        self.trial_at = max(self.trial_at, now) + TRIAL_EVERY


def rest_after(before: Rest | None, pauses: Sequence[float], wait: float | None, now: float) -> tuple[int, float]:
    """(rests in a row, until when). What the upstream asks for comes first. A refusal while it rests already, of a
    request that was under way or of a last resort, makes it no longer, unless the upstream says so."""
    if before and before.running(now):
        return before.count, now + wait if wait is not None else before.until
    count = before.count + 1 if before and now - before.until < MEMORY else 1
    return count, now + (pauses[min(count, len(pauses)) - 1] if wait is None else wait)


FAMILY: Final = re.compile(r"claude-(opus|sonnet|haiku)-(\d{1,2})(?!\d)", re.IGNORECASE)
DATED: Final = re.compile(r"-20\d\d-\d\d-\d\d$")


@lru_cache(1024)
def limit_group(model: str) -> str:
    """Models whose limits a vendor counts together: Claude's of one generation of a family
    (platform.claude.com/docs/en/api/rate-limits), OpenAI's dated ones with their name; else the model itself."""
    if found := FAMILY.search(model):
        return f"claude-{found[1]}-{found[2]}*".lower()
    return DATED.sub("", model)


@dataclass(slots=True)
class KeyState:
    """Unix seconds throughout. ``models``: rests of single models, by the upstream's name or by ``limit_group``.

    ``place`` is the key's own time in the rotation, ``flying`` its attempts under way.
    """

    rest: Rest | None = None
    models: dict[str, Rest] = field(default_factory=dict)
    failed_at: float = 0.0
    changed_at: float = 0.0
    uses: int = 0
    flying: int = 0
    place: float = 0.0

    def resting(self, model: str, now: float) -> Rest | None:
        """What keeps the key from being used for a model now."""
        if self.rest and self.rest.running(now):
            return self.rest
        for name in (model, limit_group(model)) if self.models else ():
            found = self.models.get(name)
            if found and found.running(now):
                return found
        return None

    def blocked(self, now: float) -> bool:
        return self.rest is not None and self.rest.blocked and self.rest.running(now)

    def take_turn(self, weight: int, turn: float) -> float:
        """The key moves back in the rotation by the share of its weight. ``turn``: the last result; one that was away
        for long begins there, and does not catch up."""
        turn = max(self.place, turn)
        self.place = turn + 1 / weight
        self.uses += 1
        self.flying += 1
        return turn

    # ---- learning ---------------------------------------------------------------------------------------------------
    def succeed(self, model: str, now: float) -> list[str]:
        """What was forgotten: names of models, or empty for the key itself."""
        if not (self.rest or self.models):
            return []
        forgotten = [name for name in {model, limit_group(model)} & self.models.keys() if self.models.pop(name)]
        if self.rest:
            self.rest = None
            forgotten.append("")
        if forgotten:
            self.changed_at = now
        return forgotten

    def begin_rest(self, model: str, rest: Rest, now: float) -> None:
        """``model``: a name or a group; empty: the key itself."""
        self.failed_at = self.changed_at = now
        before = self.of(model)
        rest.trial_at = before.trial_at if before else 0.0
        if not model:
            self.rest = rest
            return
        self.models.pop(model, None)
        self.models[model] = rest
        if len(self.models) > MAX_MODELS:
            del self.models[next(iter(self.models))]

    def resting_names(self) -> list[str]:
        """The models, and empty for the key itself, that have a rest."""
        return [*self.models, *([""] if self.rest else [])]

    def of(self, model: str) -> Rest | None:
        return self.models.get(model) if model else self.rest

    def lift(self, model: str, now: float) -> bool:
        """Used again at once. False: it did not rest."""
        if self.of(model) is None:
            return False
        if model:
            del self.models[model]
        else:
            self.rest = None
        self.changed_at = now
        return True


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


def in_turn(line: Line[Key], states: dict[str, KeyState], changed: Changed, rotate: Rotate) -> Iterable[Key]:
    """Keys, given in the order of weight and list, in the order in which they are used. A key without a state was never
    used."""
    if rotate == "fill_first" or len(line.members) == 1:
        return line.members

    def by_turn(key: Key) -> float:
        return states[key.id].place if key.id in states else 0.0

    def by_use(key: Key) -> tuple[float, float]:
        state = states.get(key.id)
        return (state.flying / key.weight, state.uses / key.weight) if state else (0.0, 0.0)

    return line.walk(changed, by_turn) if rotate == "round_robin" else line.walk(changed, by_use)


def longest_ago(keys: Sequence[Key], states: dict[str, KeyState]) -> Key:
    """When all keys only cool down: the one that failed longest ago."""
    return min(keys, key=lambda key: states[key.id].failed_at if key.id in states else 0.0)
