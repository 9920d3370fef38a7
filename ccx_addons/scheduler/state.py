"""Everything that changes while the gateway runs: what it knows of channels, keys, conversations and limits.

Decisions read it, verdicts change it. What changed is noted in ``changes``, which io/state.py writes down for the other
workers, the panel and the next start. Times are Unix seconds and arguments.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from ccx_addons.core.config import Channel, Key
from ccx_addons.core.exchange import Seat
from ccx_addons.core.verdict import Attempt, Blame, Outcome, Target, Verdict
from ccx_addons.scheduler import breaker as circuit
from ccx_addons.scheduler.affinity import Traces
from ccx_addons.scheduler.balance import Balance
from ccx_addons.scheduler.breaker import Breaker, Place, Sample
from ccx_addons.scheduler.changes import MOST_NEWS, Changes, Event, News
from ccx_addons.scheduler.doubts import Doubts
from ccx_addons.scheduler.index import Entry, Indexes, Way
from ccx_addons.scheduler.keys import (
    KeyState,
    Rest,
    UrlState,
    in_turn,
    limit_group,
    longest_ago,
    ranked_urls,
    rest_after,
)
from ccx_addons.scheduler.limits import Limits
from ccx_addons.scheduler.refusals import Refusals
from ccx_addons.scheduler.suspects import Suspects
from ccx_addons.scheduler.turns import Changed

NEVER: Final = float("inf")
LATELY: Final = 30.0
"""Seconds a base URL's failure speaks against trying it before the key is blamed."""
MAX_STANDINGS: Final = 200
"""Most models whose standing one channel remembers."""
MAX_BREAKERS: Final = 500
"""Most breakers that one channel has; the oldest is forgotten, rather one of a single model."""
LOOKED_AT: Final = 20
"""How many of the oldest are considered for that."""
RESTING: Final = 2.0
"""A failure rate above all others: a key that rests is the last of the last resorts."""

type Used = tuple[str, str, str, str]
"""Channel id, base URL, key id, upstream model: what one exchange has tried. Empty: whichever it is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a channel for one model. ``usable``: it has a key that may be tried at all. ``ready``: nothing
    speaks against it now. ``until``: when ``reason`` is over by itself; ``status``: what the upstream answered, 0 where
    that is not what speaks against it. ``rate``: of failures, 0 to 1."""

    usable: bool
    ready: bool
    reason: str = ""
    until: float = NEVER
    rate: float = 0.0
    status: int = 0

    def words(self, now: float) -> str:
        left = self.until - now
        return self.reason if left == NEVER else f"{self.reason}, {max(left, 0):.0f} s more"


FRESH: Final = Standing(True, True)
NO_KEY: Final = Standing(False, False, "has no key for this model")
NONE_SET: Final = Standing(False, False, "has no key: none is set, or still right")


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What speaks against a key, and until when. ``rest``: it rests, and is only tried as a last resort."""

    until: float
    reason: str
    rest: Rest | None = None


@dataclass(slots=True)
class ChannelState:
    """One channel in one kind."""

    turn: float = 0.0
    keys: dict[str, KeyState] = field(default_factory=dict)
    turned: Changed = field(default_factory=Changed)
    """Ids of keys whose place in the rotation is another one."""
    urls: dict[str, UrlState] = field(default_factory=dict)
    breakers: dict[Place, Breaker] = field(default_factory=dict)
    doubted: set[Place] = field(default_factory=set)
    """Those places whose breakers may say something: all others are closed, pause not, and have nothing to forget."""
    standings: dict[str, tuple[Entry, float, Standing]] = field(default_factory=dict)
    """Upstream model -> its standing, for what (another configuration has other keys) and until when it holds; emptied
    when anything changes."""

    def key(self, key_id: str) -> KeyState:
        found = self.keys.get(key_id)
        if found is None:
            found = self.keys[key_id] = KeyState()
        return found

    def breaker(self, place: Place) -> Breaker:
        found = self.breakers.get(place)
        if found is None:
            found = self.breakers[place] = Breaker()
            if len(self.breakers) > MAX_BREAKERS:
                oldest = islice(self.breakers, LOOKED_AT)
                old = next((known for known in oldest if known[2] and known != place), None)
                gone = old or next(iter(self.breakers))
                self.breakers.pop(gone)
                self.doubted.discard(gone)
        return found

    def doubt(self, place: Place) -> Breaker:
        """The breaker of a place, for whoever has something to say against it."""
        self.doubted.add(place)
        return self.breaker(place)

    def standing(self, entry: Entry, now: float) -> Standing:
        found = self.standings.get(entry.model)
        if found is None or found[0] is not entry or found[1] <= now:
            if len(self.standings) >= MAX_STANDINGS:
                self.standings.clear()
            found = self.standings[entry.model] = (entry, *self._judge(entry, now))
        return found[2]

    def _judge(self, entry: Entry, now: float) -> tuple[float, Standing]:
        """The standing, and until when it holds if nothing happens."""
        for key, model in entry.ways:
            if any(self._ready(key, url, model, now) for url in urls_of(entry, key)):
                return NEVER, FRESH
        held = [self._held(entry, key, model, now) for key, model in entry.ways]
        worst = min(held, key=lambda hindrance: hindrance.until, default=Hindrance(NEVER, NO_KEY.reason))
        rests = [hindrance.rest for hindrance in held if hindrance.rest]
        status = worst.rest.status if worst.rest else 0
        over = [hindrance.until for hindrance in held]
        if len(rests) < len(held):
            rate, usable = self.failure_rate(), True
        else:
            trials = [rest.next_trial() for rest in rests]
            rate, usable = RESTING, any(trial <= now for trial in trials)
            over += [trial for trial in trials if trial > now]
        return min(over, default=NEVER), Standing(usable, False, worst.reason, worst.until, rate, status)

    def _held(self, entry: Entry, key: Key, model: str, now: float) -> Hindrance:
        """Why a key is better not used for a model now: it rests, or a breaker is open at every address of it. Only
        asked where that is so of all: of thousands of keys nobody reads more than one reason."""
        state = self.keys.get(key.id)
        rest = state.resting(model, now) if state else None
        if state and rest:
            whose = f"key {key.label}" if rest is state.rest else f"key {key.label} for {model}"
            word = "is blocked" if rest.blocked else "rests"
            return Hindrance(rest.until, f"{whose} {word}: {rest.reason}", rest)
        soonest = Hindrance(NEVER, "no base URL")
        for url in urls_of(entry, key):
            closed = [found for found in self.breakers_of(key.id, url, model) if not found.passes(now)]
            last = max(closed, key=lambda found: found.next_change(now))
            if last.next_change(now) < soonest.until:
                word = "pauses" if last.state == "closed" else f"is {last.state}"
                soonest = Hindrance(last.next_change(now), f"the breaker {word}: {last.reason}")
        return soonest

    def failure_rate(self) -> float:
        total = sum(len(found.samples) for found in self.breakers.values())
        return sum(found.failed for found in self.breakers.values()) / total if total else 0.0

    def target(
        self,
        entry: Entry,
        used: frozenset[Used],
        now: float,
        limits: Limits | None = None,
        wake: bool = True,
        own: str = "",
    ) -> Target | None:
        """The next base URL, key and model that are not used up: the conversation's ``own`` key first, and keys at
        their own limits after the others; on a key the first model of the chain that is ready.

        Nothing ready: once in an exchange for each model the key that failed longest ago, whatever its breaker says, or
        else (``wake``) one that rests, if it has not been tried too often.
        """
        if entry.sole and not (used or self.doubted):
            state = self.keys.get(entry.sole.key.id)
            if state is None or not (state.rest or state.models):
                return entry.sole
        channel = entry.channel
        urls = ranked_urls(channel.base_urls, self.urls, now) if self.urls else channel.base_urls
        if own and (stay := entry.by_id.get(own)):
            for url in urls:
                model = self._model(entry, stay, url, used, now)
                if model is not None and not (limits and limits.key_wait(channel, stay, now)):
                    return entry.target(stay, url, model)
        for url in urls:
            if found := self._next(entry, url, used, now, limits):
                return found
        tried = {model for id, _, _, model in used if id == channel.id}
        if "" in tried:
            return None
        places = [(url, ways_left(entry, url, used)) for url in urls]
        untried = [(url, [way for way in ways if way[1] not in tried]) for url, ways in places] if tried else places
        return self._last_resort(entry, untried, now, (True, False) if wake else (True,))

    def _next(self, entry: Entry, url: str, used: frozenset[Used], now: float, limits: Limits | None) -> Target | None:
        """Of an address: the next key that is ready and has a place, else the first one that is ready."""
        busy = None
        for key in in_turn(entry.turns, self.keys, self.turned, entry.channel.rotate):
            model = self._model(entry, key, url, used, now)
            if model is None:
                continue
            if not (limits and limits.key_wait(entry.channel, key, now)):
                return entry.target(key, url, model)
            busy = busy or entry.target(key, url, model)
        return busy

    def _model(self, entry: Entry, key: Key, url: str, used: frozenset[Used], now: float) -> str | None:
        """The first model of the chain that a key may be asked for at an address now."""
        if key.base_url not in ("", url):
            return None
        for model in entry.models[key.id]:
            if self._ready(key, url, model, now) and (not used or is_left(entry.channel.id, url, key, model, used)):
                return model
        return None

    def _last_resort(
        self, entry: Entry, places: Sequence[tuple[str, list[Way]]], now: float, awake_or_not: Sequence[bool]
    ) -> Target | None:
        def may_try(way: Way, awake: bool) -> bool:
            state = self.keys.get(way[0].id)
            rest = state.resting(way[1], now) if state else None
            return rest is None if awake else rest is not None and rest.next_trial() <= now

        for awake in awake_or_not:
            for url, ways in places:
                if fit := [way for way in ways if may_try(way, awake)]:
                    key = longest_ago([key for key, _ in fit], self.keys)
                    model = model_with(key, fit)
                    waits = any(found.probing(now) for found in self.breakers_of(key.id, url, model))
                    return Target(entry.channel, key, url, model, waits)
        return None

    def _ready(self, key: Key, url: str, model: str, now: float) -> bool:
        state = self.keys.get(key.id)
        if state and (state.rest or state.models) and state.resting(model, now):
            return False
        return not self.doubted or all(found.passes(now) for found in self.breakers_of(key.id, url, model))

    def passes(self, keys: Iterable[Key], url: str, now: float) -> bool:
        """Whether one of the keys does not rest, and no breaker holds it back at an address."""
        return any(self._ready(key, url, "", now) for key in keys)

    def breakers_of(self, key_id: str, url: str, model: str) -> Iterator[Breaker]:
        for place in places_of(key_id, url, model):
            if found := self.breakers.get(place):
                yield found


def urls_of(entry: Entry, key: Key) -> Sequence[str]:
    """The addresses at which a key is used."""
    return (key.base_url,) if key.base_url else entry.channel.base_urls


def ways_left(entry: Entry, url: str, used: frozenset[Used]) -> list[Way]:
    """Keys and models that may still be asked at an address."""
    fit = [way for way in entry.ways if way[0].base_url in ("", url)]
    if not used:
        return fit
    return [way for way in fit if is_left(entry.channel.id, url, *way, used)]


def is_left(id: str, url: str, key: Key, model: str, used: frozenset[Used]) -> bool:
    return used.isdisjoint(((id, url, key.id, model), (id, url, key.id, ""), (id, "", "", model)))


def model_with(key: Key, ways: Iterable[Way]) -> str:
    """The first one that is asked with a key."""
    return next(model for other, model in ways if other is key)


def places_of(key_id: str, url: str, model: str) -> tuple[Place, ...]:
    """All that an attempt passes, the key at its address first."""
    return ((url, key_id, ""), ("", key_id, model), (url, "", ""), ("", "", model), ("", "", ""))


@dataclass(frozen=True, slots=True)
class Override:
    """A conversation's channels, chosen by hand. ``until``: Unix seconds; infinity: until it is taken away."""

    channels: tuple[str, ...] = ()
    avoid: frozenset[str] = frozenset()
    until: float = NEVER


class State:
    def __init__(self) -> None:
        self.channels: dict[tuple[str, str], ChannelState] = {}
        """(kind, channel id); what is not here never had anything to remember."""
        self.traces = Traces()
        self.overrides: dict[tuple[str, str], Override] = {}
        """(kind, trace)."""
        self.limits = Limits()
        self.balance = Balance()
        self.indexes = Indexes()
        self.changes = Changes()
        self.refusals = Refusals()
        self.news: News = deque(maxlen=MOST_NEWS)
        self.suspects, self.doubts = Suspects(self.news), Doubts(self.news)
        self.restore_at = NEVER
        """When the next block of a key ends."""

    def of(self, kind: str, channel_id: str) -> ChannelState:
        found = self.channels.get((kind, channel_id))
        if found is None:
            found = self.channels[(kind, channel_id)] = ChannelState()
        return found

    def standing(self, kind: str, entry: Entry, now: float) -> Standing:
        if not entry.keys:
            return NO_KEY if entry.channel.keys else NONE_SET
        known = self.channels.get((kind, entry.channel.id))
        return FRESH if known is None else known.standing(entry, now)

    def is_well(self, channel: Channel, now: float) -> bool:
        """Whether a request could go to the channel's first address, as far as is known without its model."""
        url = channel.base_urls[0]
        keys = [key for key in channel.keys if key.enabled and key.base_url in ("", url)]
        known = [self.channels.get((kind, channel.id)) for kind in channel.serves]
        return channel.status == "active" and any(each is None or each.passes(keys, url, now) for each in known if keys)

    def override(self, kind: str, trace: str, now: float) -> Override | None:
        found = self.overrides.get((kind, trace)) if trace else None
        return found if found and found.until > now else None

    # ---- attempts ---------------------------------------------------------------------------------------------------
    def begin(self, kind: str, attempt: Attempt, now: float) -> None:
        """An attempt is about to be made; it is the probe where a breaker is half-open. ``learn`` ends it."""
        known = self.of(kind, attempt.channel.id)
        key = known.key(attempt.key.id)
        known.turn = key.take_turn(attempt.key.weight, known.turn)
        if len(attempt.channel.keys) > 1:
            known.turned.tell(attempt.key.id)
        if (key.rest or key.models) and (rest := key.resting(attempt.model, now)):
            self.news.append(("trial", kind, attempt.channel.id, attempt.key.id, attempt.model))
            rest.try_it(now)
            known.standings.clear()
        if known.doubted and not attempt.waits:
            self.probe(kind, attempt, now)

    def tried_elsewhere(self, kind: str, channel_id: str, key_id: str, model: str, now: float) -> None:
        """Another worker has tried a key that rests."""
        known = self.channels.get((kind, channel_id))
        key = known.keys.get(key_id) if known else None
        if known and key and (rest := key.resting(model, now)):
            rest.try_it(now)
            known.standings.clear()

    def probe(self, kind: str, attempt: Attempt, now: float) -> bool:
        """Make the attempt the probe of its breakers. False: another one's probe is under way."""
        known, channel_id = self.of(kind, attempt.channel.id), attempt.channel.id
        places = places_of(attempt.key.id, attempt.base_url, attempt.model)
        if any(found.probing(now) for place in places if (found := known.breakers.get(place))):
            return False
        for place in places:
            found = known.breakers.get(place)
            if found and circuit.begin_probe(found, now):
                self.changes.breakers.add((kind, channel_id, place))
                known.standings.clear()
        return True

    def probed(self, kind: str, attempt: Attempt, now: float) -> list[Place]:
        """What the attempt passes of which a probe is under way: its own, or one that it waits for."""
        known = self.channels.get((kind, attempt.channel.id))
        if known is None or not known.doubted:
            return []
        places = places_of(attempt.key.id, attempt.base_url, attempt.model)
        return [place for place in places if (found := known.breakers.get(place)) and found.probing(now)]

    def probed_elsewhere(self, kind: str, attempt: Attempt, now: float) -> None:
        """The attempt is no probe: another worker's came first."""
        known = self.of(kind, attempt.channel.id)
        for place in self.probed(kind, attempt, now):
            circuit.probed_elsewhere(known.breakers[place], now)
            self.changes.breakers.add((kind, attempt.channel.id, place))
        known.standings.clear()

    def learn(self, kind: str, attempt: Attempt, outcome: Outcome, verdict: Verdict, now: float, message: str) -> None:
        """What a verdict means for whom it blames. ``message``: the upstream's words, masked."""
        known = self.of(kind, attempt.channel.id)
        key = known.key(attempt.key.id)
        key.flying = max(0, key.flying - 1)
        if len(attempt.channel.keys) > 1:
            known.turned.tell(attempt.key.id)
        if verdict.health == "success":
            if outcome.first_event:
                self.balance.answered(kind, attempt, outcome.first_event, now)
            if self.doubts.known:
                self.doubts.answered(kind, attempt)
            if known.doubted or known.urls or key.rest or key.models:
                self._well_again(kind, known, attempt, now)
            else:
                own = known.breaker((attempt.base_url, attempt.key.id, ""))
                circuit.take(own, attempt.channel.breaker, Sample(now, True, attempt.model))
            return
        if verdict.health == "failure":
            self.failed(kind, attempt, verdict, now)
        if outcome.kind != "probe_wait":
            self._probe_over(kind, known, attempt, outcome.status > 0 and verdict.blame != "address", now)
        if verdict.pauses:
            self.rest(kind, known, attempt, verdict, now, message)
        known.standings.clear()

    def _well_again(self, kind: str, known: ChannelState, attempt: Attempt, now: float) -> None:
        """What spoke against the places that an answered attempt passed is over."""
        channel_id, key = attempt.channel.id, attempt.key
        known.urls.pop(attempt.base_url, None)
        for model in known.key(key.id).succeed(attempt.model, now):
            self._changed_key(kind, attempt, model)
        places = own, *others = places_of(key.id, attempt.base_url, attempt.model)
        if circuit.succeed(known.breaker(own), attempt.channel.breaker, attempt.model, now):
            self.changes.breakers.add((kind, channel_id, own))
            self._event("info", "breaker", attempt, "closed: the probe was answered")
        for place in others:
            found = known.breakers.get(place)
            if found and circuit.forget(found, now):
                self.changes.breakers.add((kind, channel_id, place))
        known.doubted.difference_update(places)
        if self.changes:
            known.standings.clear()

    def failed(self, kind: str, attempt: Attempt, verdict: Verdict, now: float) -> None:
        """Whoever is blamed has one failure more."""
        known = self.of(kind, attempt.channel.id)
        known.standings.clear()
        known.key(attempt.key.id).failed_at = now
        url = known.urls.setdefault(attempt.base_url, UrlState())
        url.failures += 1
        url.failed_at = now
        policy, wait = attempt.channel.breaker, verdict.wait or 0.0
        for place, model in self._at_fault(known, attempt, verdict.blame, now):
            found = known.doubt(place)
            if circuit.fail(found, policy, model, verdict.reason, now, wait):
                what = f"opened for {place[2]}," if place[2] else "opened for"
                self._event("warning", "breaker", attempt, f"{what} {found.until - now:.0f} s: {found.reason}")
            self.changes.breakers.add((kind, attempt.channel.id, place))

    def _at_fault(
        self, known: ChannelState, attempt: Attempt, blame: Blame, now: float
    ) -> tuple[tuple[Place, str], ...]:
        """The places that have one failure more, and of which model: an address comes before what is asked there, as
        long as the channel has another one."""
        own, on_key, address, offer, channel = places_of(attempt.key.id, attempt.base_url, attempt.model)
        if blame == "channel":
            return ((channel, ""),)
        if blame == "offer":
            return ((offer, ""),)
        if blame == "address" or self._other_url(known, attempt, now):
            return ((address, ""),)
        return ((own, attempt.model), (on_key, ""))

    def _probe_over(self, kind: str, known: ChannelState, attempt: Attempt, answered: bool, now: float) -> None:
        """Nothing was learnt about the health of a place that is not at fault: whoever comes next may probe. An address
        that answered, whatever it said, is well."""
        for place in places_of(attempt.key.id, attempt.base_url, attempt.model):
            found = known.breakers.get(place)
            if found is None:
                continue
            is_address = place == (attempt.base_url, "", "")
            if circuit.forget(found, now) if answered and is_address else circuit.end_probe(found, now):
                self.changes.breakers.add((kind, attempt.channel.id, place))

    def _other_url(self, known: ChannelState, attempt: Attempt, now: float) -> bool:
        """Whether the channel has another base URL for this key that has not just failed, too."""
        if attempt.key.base_url:
            return False
        ranked = ranked_urls(attempt.channel.base_urls, known.urls, now)
        state = known.urls.get(ranked[0])
        return ranked[0] != attempt.base_url and (state is None or state.failed_at < now - LATELY)

    def rest(
        self, kind: str, known: ChannelState, attempt: Attempt, verdict: Verdict, now: float, message: str
    ) -> None:
        """The key, or the model on it, rests."""
        state, model = known.key(attempt.key.id), ""
        if verdict.blame == "model":
            model = attempt.model if verdict.block else limit_group(attempt.model)
        before = state.of(model)
        count, until = rest_after(before, verdict.pauses, verdict.wait, now)
        rest = Rest(until, verdict.reason, message, count, verdict.block, verdict.status)
        news = before is None or not before.running(now)
        state.begin_rest(model, rest, now)
        self._changed_key(kind, attempt, model)
        if verdict.block:
            known.breaker(("", attempt.key.id, model) if model else (attempt.base_url, attempt.key.id, ""))
            self.restore_at = min(self.restore_at, until)
            if news:
                what = f"key {attempt.key.label}" + (f" for {model}" if model else "")
                words = f"{what} is blocked for {until - now:.0f} s: {verdict.reason}"
                self._event("warning", "key", attempt, words)

    # ---- keys that come back ----------------------------------------------------------------------------------------
    def restore(self, now: float) -> None:
        """Whoever was blocked and is not any more is tried by one request first."""
        if now < self.restore_at:
            return
        self.restore_at = NEVER
        for (kind, channel_id), known in self.channels.items():
            for key_id, state in known.keys.items():
                rests = [("", state.rest), *state.models.items()] if state.rest or state.models else []
                for model, rest in rests:
                    if rest is None or not rest.blocked:
                        continue
                    if rest.running(now):
                        self.restore_at = min(self.restore_at, rest.until)
                    else:
                        rest.blocked = False
                        self._half_open(kind, channel_id, key_id, model, "its pause is over", now)

    def unblock(
        self, kind: str, channel_id: str, key_id: str, model: str, now: float, why: str = "lifted by hand"
    ) -> bool:
        """End the rests of a key, or (``model``) that of one model on it. False: there was none."""
        known = self.channels.get((kind, channel_id))
        state = known.keys.get(key_id) if known else None
        if state is None:
            return False
        lifted = [name for name in ([model] if model else ["", *state.models]) if state.lift(name, now)]
        for name in lifted:
            self._half_open(kind, channel_id, key_id, name, why, now)
        return bool(lifted)

    def edited(self, channel_id: str, key_ids: Iterable[str], now: float) -> None:
        """The configuration of these keys, or of their channel, is another one: what they did before says nothing."""
        for kind, id in self.channels:
            if id != channel_id:
                continue
            for key_id in key_ids:
                self.unblock(kind, channel_id, key_id, "", now, "its configuration changed")

    def reset(self, kind: str, channel_id: str, now: float) -> None:
        """Forget failures, breakers and rests of a channel. Blocked keys stay blocked."""
        known = self.channels.get((kind, channel_id))
        if known is None:
            return
        known.urls.clear()
        for place, found in known.breakers.items():
            circuit.reset(found, now)
            self.changes.breakers.add((kind, channel_id, place))
        known.doubted.clear()
        for key_id, state in known.keys.items():
            for model, rest in [("", state.rest), *state.models.items()]:
                if rest and not rest.blocked:
                    state.lift(model, now)
                    self.changes.keys.add((kind, channel_id, key_id, model))
        known.standings.clear()

    def _half_open(self, kind: str, channel_id: str, key_id: str, model: str, reason: str, now: float) -> None:
        """One request tries first: a key wherever it was used, a model on its key."""
        known = self.channels[(kind, channel_id)]
        self.changes.keys.add((kind, channel_id, key_id, model))
        for place in list(known.breakers):
            if place[1] == key_id and place[2] == model:
                circuit.half_open(known.doubt(place), reason, now)
                self.changes.breakers.add((kind, channel_id, place))
        known.standings.clear()

    # ---- notes ------------------------------------------------------------------------------------------------------
    def _changed_key(self, kind: str, attempt: Attempt, model: str = "") -> None:
        self.changes.keys.add((kind, attempt.channel.id, attempt.key.id, model))

    def _event(self, level: str, kind: str, attempt: Attempt, words: str) -> None:
        self.changes.events.append(Event(level, kind, f"{attempt.channel.name}: {words}"))

    def keep(self, kind: str, trace: str, attempt: Attempt, ttl: float, now: float) -> None:
        """A conversation was answered."""
        if self.traces.keep(kind, trace, Seat(attempt.channel.id, attempt.key.id, now + ttl)):
            self.changes.traces.add((kind, trace))
