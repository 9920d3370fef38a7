"""Everything that changes while the gateway runs: what it knows of channels, keys, conversations and limits.

Decisions read it, verdicts change it. What changed is noted in ``changes``, which io/state.py writes down for the other
workers, the panel and the next start. Times are Unix seconds and arguments.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ccx_addons.core.config import BreakerPolicy, Channel, Key, Policy
from ccx_addons.core.verdict import Attempt, Outcome, Target, Verdict
from ccx_addons.scheduler import breaker as circuit
from ccx_addons.scheduler.affinity import Traces
from ccx_addons.scheduler.breaker import Breaker
from ccx_addons.scheduler.index import Entry, Indexes
from ccx_addons.scheduler.keys import (
    KeyState,
    ModelBlock,
    UrlState,
    first_key,
    longest_ago,
    ranked_urls,
    take_turn,
)
from ccx_addons.scheduler.limits import Limits

NEVER: Final = float("inf")
LATELY: Final = 30.0
"""Seconds a base URL's failure speaks against trying it before the key is blamed."""
MAX_STANDINGS: Final = 200
"""Most models whose standing one channel remembers."""
MAX_MODEL_BREAKERS: Final = 500
"""Most breakers of single models that one channel has; the oldest are forgotten."""
UNREACHED: Final = frozenset({"connect", "tls", "connect_timeout", "first_byte_timeout", "reset"})
"""Faults that another base URL of the channel may not have: it is tried before a key is blamed."""

type Triple = tuple[str, str, str]
"""Channel id, key id, base URL."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a channel for one model. ``usable``: it has a key that may be used at all. ``ready``: nothing
    speaks against it now. ``until``: when ``reason`` is over by itself. ``rate``: of failures, 0 to 1."""

    usable: bool
    ready: bool
    reason: str = ""
    until: float = NEVER
    rate: float = 0.0

    def words(self, now: float) -> str:
        left = self.until - now
        return self.reason if left == NEVER else f"{self.reason}, {max(left, 0):.0f} s more"


FRESH: Final = Standing(True, True)
NO_KEY: Final = Standing(False, False, "has no key for this model")


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What speaks against a key, and until when."""

    until: float
    reason: str


@dataclass(slots=True)
class ChannelState:
    """One channel in one kind. ``breakers``: by (base URL, key id); ``models``: by (key id, upstream model)."""

    cool_until: float = 0.0
    cool_reason: str = ""
    turn: float = 0.0
    keys: dict[str, KeyState] = field(default_factory=dict)
    urls: dict[str, UrlState] = field(default_factory=dict)
    breakers: dict[tuple[str, str], Breaker] = field(default_factory=dict)
    models: dict[tuple[str, str], Breaker] = field(default_factory=dict)
    standings: dict[str, tuple[Entry, float, Standing]] = field(default_factory=dict)
    """Upstream model -> its standing, for what (another configuration has other keys) and until when it holds; emptied
    when anything changes."""

    def key(self, key_id: str) -> KeyState:
        found = self.keys.get(key_id)
        if found is None:
            found = self.keys[key_id] = KeyState()
        return found

    def breaker(self, base_url: str, key_id: str) -> Breaker:
        found = self.breakers.get((base_url, key_id))
        if found is None:
            found = self.breakers[(base_url, key_id)] = Breaker()
        return found

    def standing(self, entry: Entry, now: float) -> Standing:
        found = self.standings.get(entry.model)
        if found is None or found[0] is not entry or found[1] <= now:
            if len(self.standings) >= MAX_STANDINGS:
                self.standings.clear()
            found = self.standings[entry.model] = (entry, *self._judge(entry, now))
        return found[2]

    def _judge(self, entry: Entry, now: float) -> tuple[float, Standing]:
        """The standing, and until when it holds if nothing happens."""
        held: list[Hindrance] = []
        lost: list[Hindrance] = []
        for key in entry.keys:
            if hindrance := self.unusable(key, entry.model, now):
                lost.append(hindrance)
            elif hindrance := self._held(entry, key, now):
                held.append(hindrance)
            elif self.cool_until <= now:
                return NEVER, FRESH
            else:
                held.append(Hindrance(self.cool_until, self.cool_reason))
        over = min((hindrance.until for hindrance in (*held, *lost)), default=NEVER)
        worst = min(held or lost, key=lambda hindrance: hindrance.until, default=Hindrance(NEVER, NO_KEY.reason))
        rate = self.failure_rate() if held else 1.0
        return over, Standing(bool(held), False, worst.reason, worst.until, rate)

    def unusable(self, key: Key, model: str, now: float) -> Hindrance | None:
        """Why a key may not be used for a model at all."""
        state = self.keys.get(key.id)
        if state is None:
            return None
        if state.blocked(now):
            return Hindrance(state.blocked_until, f"key {key.mask} is blocked: {state.reason}")
        if state.lacks(model, now):
            return Hindrance(state.models[model].until, f"key {key.mask} does not have {model}")
        return None

    def _held(self, entry: Entry, key: Key, now: float) -> Hindrance | None:
        """Why a usable key is better not used now: it cools down, or no base URL of it is open."""
        state = self.keys.get(key.id)
        if state and state.cooling(now):
            return Hindrance(state.cool_until, f"key {key.mask} cools down: {state.reason}")
        found = self.models.get((key.id, entry.model))
        if found and not found.passes(now):
            return Hindrance(found.next_change(now), f"the breaker of {entry.model} is {found.state}: {found.reason}")
        soonest = Hindrance(NEVER, "no base URL")
        for url in (key.base_url,) if key.base_url else entry.channel.base_urls:
            found = self.breakers.get((url, key.id))
            if found is None or found.passes(now):
                return None
            if found.next_change(now) < soonest.until:
                soonest = Hindrance(found.next_change(now), f"the breaker is {found.state}: {found.reason}")
        return soonest

    def failure_rate(self) -> float:
        total = sum(len(found.samples) for found in self.breakers.values())
        return sum(found.failed for found in self.breakers.values()) / total if total else 0.0

    def target(self, entry: Entry, used: frozenset[Triple], now: float, limits: Limits | None = None) -> Target | None:
        """The next key and base URL that are not used up; keys at their own limits come after the others.

        Nothing ready: once in an exchange the key that failed longest ago, whatever its breaker says.
        """
        channel = entry.channel
        usable = [key for key in entry.keys if not self.unusable(key, entry.model, now)]
        places = [
            (url, [key for key in usable if key.base_url in ("", url) and (channel.id, key.id, url) not in used])
            for url in ranked_urls(channel.base_urls, self.urls, now)
        ]
        for url, keys in places:
            ready = [key for key in keys if self._ready(key, url, entry.model, now)]
            if limits and ready:
                ready = [key for key in ready if not limits.key_wait(channel, key, now)] or ready
            if ready:
                return Target(channel, first_key(ready, self.keys, channel.rotate), url, entry.model)
        if any(triple[0] == channel.id for triple in used):
            return None
        for url, keys in places:
            if keys:
                key = longest_ago(keys, self.keys)
                waits = any(found.probing(now) for found in self.breakers_of(key.id, url, entry.model))
                return Target(channel, key, url, entry.model, waits)
        return None

    def _ready(self, key: Key, url: str, model: str, now: float) -> bool:
        state = self.keys.get(key.id)
        if state and state.cooling(now):
            return False
        return all(found.passes(now) for found in self.breakers_of(key.id, url, model))

    def breakers_of(self, key_id: str, url: str, model: str) -> Iterator[Breaker]:
        if found := self.breakers.get((url, key_id)):
            yield found
        if found := self.models.get((key_id, model)):
            yield found


@dataclass(frozen=True, slots=True)
class Override:
    """A conversation's channels, chosen by hand. ``until``: Unix seconds; infinity: until it is taken away."""

    channels: tuple[str, ...] = ()
    avoid: frozenset[str] = frozenset()
    until: float = NEVER


@dataclass(frozen=True, slots=True)
class Event:
    level: str
    kind: str
    message: str


@dataclass(slots=True)
class Changes:
    """What has to be written down: places in the state, by their keys in the tables of io/schema.py."""

    breakers: set[tuple[str, str, str, str, str]] = field(default_factory=set)
    """(kind, channel id, base URL, key id, model)."""
    keys: set[tuple[str, str, str, str]] = field(default_factory=set)
    """(kind, channel id, key id, model)."""
    traces: set[tuple[str, str]] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)

    def clear(self) -> None:
        self.breakers.clear()
        self.keys.clear()
        self.traces.clear()
        self.events.clear()

    def __bool__(self) -> bool:
        return bool(self.breakers or self.keys or self.traces or self.events)


class State:
    def __init__(self) -> None:
        self.channels: dict[tuple[str, str], ChannelState] = {}
        """(kind, channel id); what is not here never had anything to remember."""
        self.traces = Traces()
        self.overrides: dict[tuple[str, str], Override] = {}
        """(kind, trace)."""
        self.limits = Limits()
        self.indexes = Indexes()
        self.changes = Changes()
        self.restore_at = NEVER
        """When the next block of a key ends."""

    def of(self, kind: str, channel_id: str) -> ChannelState:
        found = self.channels.get((kind, channel_id))
        if found is None:
            found = self.channels[(kind, channel_id)] = ChannelState()
        return found

    def standing(self, kind: str, entry: Entry, now: float) -> Standing:
        if not entry.keys:
            return NO_KEY
        known = self.channels.get((kind, entry.channel.id))
        return FRESH if known is None else known.standing(entry, now)

    def override(self, kind: str, trace: str, now: float) -> Override | None:
        found = self.overrides.get((kind, trace)) if trace else None
        return found if found and found.until > now else None

    # ---- attempts ---------------------------------------------------------------------------------------------------
    def begin(self, kind: str, attempt: Attempt, now: float) -> None:
        """An attempt is about to be made; it is the probe where a breaker is half-open. ``learn`` ends it."""
        known = self.of(kind, attempt.channel.id)
        known.turn = take_turn(attempt.key, known.keys, known.turn)
        if not attempt.waits:
            self.probe(kind, attempt, now)

    def probe(self, kind: str, attempt: Attempt, now: float) -> bool:
        """Make the attempt the probe of its breakers. False: another one's probe is under way."""
        known, key_id = self.of(kind, attempt.channel.id), attempt.key.id
        if any(found.probing(now) for found in known.breakers_of(key_id, attempt.base_url, attempt.model)):
            return False
        for base_url, model in ((attempt.base_url, ""), ("", attempt.model)):
            found = known.models.get((key_id, model)) if model else known.breakers.get((base_url, key_id))
            if found and circuit.begin_probe(found, now):
                self.changes.breakers.add((kind, attempt.channel.id, base_url, key_id, model))
                known.standings.clear()
        return True

    def learn(
        self, kind: str, attempt: Attempt, outcome: Outcome, verdict: Verdict, policy: Policy, now: float, message: str
    ) -> None:
        """What a verdict means for the key, the base URL and the channel. ``message``: the upstream's words, masked."""
        known = self.of(kind, attempt.channel.id)
        key = known.key(attempt.key.id)
        key.flying = max(0, key.flying - 1)
        match verdict.health:
            case "success":
                self._succeeded(kind, known, attempt, policy.breaker, now)
            case "failure" | "open":
                self._failed(kind, known, attempt, verdict, policy.breaker, now)
            case "neutral":
                self._probe_over(kind, known, attempt, now)
        other_url = outcome.kind in UNREACHED and self._other_url(known, attempt, now)
        if verdict.blame == "key" and not other_url:
            self._blame_key(kind, known, attempt, verdict, now, message)
        elif verdict.blame == "model":
            key.block_model(attempt.model, ModelBlock(verdict.until, verdict.reason, message), now)
            self._changed_key(kind, attempt, attempt.model)
        elif verdict.blame == "channel":
            known.cool_until, known.cool_reason = now + (verdict.cooldown or 0.0), verdict.reason
            self.changes.breakers.add((kind, attempt.channel.id, "", "", ""))
        if self.changes or verdict.health != "success":
            known.standings.clear()

    def _succeeded(self, kind: str, known: ChannelState, attempt: Attempt, policy: BreakerPolicy, now: float) -> None:
        place, key = (kind, attempt.channel.id), attempt.key
        known.urls.pop(attempt.base_url, None)
        if known.key(key.id).succeed(now):
            self._changed_key(kind, attempt)
        if known.cool_until:
            known.cool_until, known.cool_reason = 0.0, ""
            self.changes.breakers.add((*place, "", "", ""))
        found = known.breaker(attempt.base_url, key.id)
        if circuit.succeed(found, policy, attempt.model, now):
            self.changes.breakers.add((*place, attempt.base_url, key.id, ""))
            self._event("info", "breaker", attempt, "closed: the probe was answered")
        model = known.models.get((key.id, attempt.model))
        if model and circuit.succeed_model(model, now):
            self.changes.breakers.add((*place, "", key.id, attempt.model))

    def _failed(
        self,
        kind: str,
        known: ChannelState,
        attempt: Attempt,
        verdict: Verdict,
        policy: BreakerPolicy,
        now: float,
    ) -> None:
        place, key = (kind, attempt.channel.id), attempt.key
        if verdict.health == "failure":
            url = known.urls.setdefault(attempt.base_url, UrlState())
            url.failures += 1
            url.failed_at = now
        at_once = verdict.health == "open"
        found = known.breaker(attempt.base_url, key.id)
        if circuit.fail(found, policy, attempt.model, verdict.reason, now, at_once):
            self._event("warning", "breaker", attempt, f"opened for {found.until - now:.0f} s: {found.reason}")
        self.changes.breakers.add((*place, attempt.base_url, key.id, ""))
        if at_once:
            return
        model = known.models.setdefault((key.id, attempt.model), Breaker())
        if len(known.models) > MAX_MODEL_BREAKERS:
            del known.models[next(iter(known.models))]
        if circuit.fail_model(model, verdict.reason, now):
            words = f"opened for {attempt.model}, {model.until - now:.0f} s: {model.reason}"
            self._event("warning", "breaker", attempt, words)
        self.changes.breakers.add((*place, "", key.id, attempt.model))

    def _probe_over(self, kind: str, known: ChannelState, attempt: Attempt, now: float) -> None:
        """Nothing was learnt about health: whoever comes next may probe."""
        place, key_id = (kind, attempt.channel.id), attempt.key.id
        found = known.breakers.get((attempt.base_url, key_id))
        if found and circuit.end_probe(found, now):
            self.changes.breakers.add((*place, attempt.base_url, key_id, ""))
        found = known.models.get((key_id, attempt.model))
        if found and circuit.end_probe(found, now):
            self.changes.breakers.add((*place, "", key_id, attempt.model))

    def _other_url(self, known: ChannelState, attempt: Attempt, now: float) -> bool:
        """Whether the channel has another base URL for this key that has not just failed, too."""
        if attempt.key.base_url:
            return False
        ranked = ranked_urls(attempt.channel.base_urls, known.urls, now)
        state = known.urls.get(ranked[0])
        return ranked[0] != attempt.base_url and (state is None or state.failed_at < now - LATELY)

    def _blame_key(
        self, kind: str, known: ChannelState, attempt: Attempt, verdict: Verdict, now: float, message: str
    ) -> None:
        state = known.key(attempt.key.id)
        if verdict.block:
            state.block(verdict.reason, message, verdict.until, now)
            known.breaker(attempt.base_url, attempt.key.id)  # half-open when the key is back
            self.restore_at = min(self.restore_at, verdict.until)
            until = "until it is unblocked" if verdict.until == NEVER else f"for {verdict.until - now:.0f} s"
            self._event("warning", "key", attempt, f"key {attempt.key.mask} is blocked {until}: {verdict.reason}")
        else:
            state.fail(verdict.reason, message, verdict.cooldown, now)
        self._changed_key(kind, attempt)

    # ---- keys that come back ----------------------------------------------------------------------------------------
    def restore(self, now: float) -> None:
        """Keys whose block is over are half-open."""
        if now < self.restore_at:
            return
        self.restore_at = NEVER
        for (kind, channel_id), known in self.channels.items():
            for key_id, state in known.keys.items():
                if state.blocked(now):
                    self.restore_at = min(self.restore_at, state.blocked_until)
                elif state.blocked_until:
                    self._half_open(kind, channel_id, known, key_id, "the key was blocked; its time is over", now)

    def unblock(self, kind: str, channel_id: str, key_id: str, model: str, now: float) -> bool:
        """Lift a block by hand, of a key or (``model``) of one model on it. False: there was none."""
        known = self.channels.get((kind, channel_id))
        state = known.keys.get(key_id) if known else None
        if known is None or state is None:
            return False
        if model:
            if state.models.pop(model, None) is None:
                return False
            self.changes.keys.add((kind, channel_id, key_id, model))
            known.standings.clear()
            return True
        if not (state.blocked_until or state.cool_until):
            return False
        self._half_open(kind, channel_id, known, key_id, "the key was unblocked by hand", now)
        return True

    def reset(self, kind: str, channel_id: str, now: float) -> None:
        """Forget failures, breakers and cooldowns of a channel. Blocked keys stay blocked."""
        known = self.channels.get((kind, channel_id))
        if known is None:
            return
        known.cool_until, known.cool_reason = 0.0, ""
        known.urls.clear()
        self.changes.breakers.add((kind, channel_id, "", "", ""))
        for (url, key_id), found in known.breakers.items():
            circuit.reset(found, now)
            self.changes.breakers.add((kind, channel_id, url, key_id, ""))
        for (key_id, model), found in known.models.items():
            circuit.reset(found, now)
            self.changes.breakers.add((kind, channel_id, "", key_id, model))
        for key_id, state in known.keys.items():
            if not state.blocked(now) and (state.cool_until or state.failures):
                state.unblock(now)
                self.changes.keys.add((kind, channel_id, key_id, ""))
        known.standings.clear()

    def _half_open(self, kind: str, channel_id: str, known: ChannelState, key_id: str, reason: str, now: float) -> None:
        known.keys[key_id].unblock(now)
        self.changes.keys.add((kind, channel_id, key_id, ""))
        places: Sequence[tuple[str, str]] = [place for place in known.breakers if place[1] == key_id]
        for url, _ in places:
            circuit.half_open(known.breakers[(url, key_id)], reason, now)
            self.changes.breakers.add((kind, channel_id, url, key_id, ""))
        known.standings.clear()

    # ---- notes ------------------------------------------------------------------------------------------------------
    def _changed_key(self, kind: str, attempt: Attempt, model: str = "") -> None:
        self.changes.keys.add((kind, attempt.channel.id, attempt.key.id, model))

    def _event(self, level: str, kind: str, attempt: Attempt, words: str) -> None:
        self.changes.events.append(Event(level, kind, f"{attempt.channel.name}: {words}"))

    def keep(self, kind: str, trace: str, channel: Channel, ttl: float, now: float) -> None:
        """A conversation was answered by a channel."""
        if self.traces.keep(kind, trace, channel.id, now + ttl):
            self.changes.traces.add((kind, trace))
