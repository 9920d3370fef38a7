"""One exchange's way through the channels: what the failover generator (core/verdict.py) asks of the scheduler."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from ccx_addons import vendors
from ccx_addons.core.config import Channel, Snapshot
from ccx_addons.core.exchange import NOWHERE
from ccx_addons.core.verdict import UNSENT, Attempt, Outcome, Target, Verdict
from ccx_addons.scheduler.doubts import REFUTED, Doubt
from ccx_addons.scheduler.index import Entry, Plan
from ccx_addons.scheduler.ranking import rank
from ccx_addons.scheduler.rules import Pick, own_key
from ccx_addons.scheduler.state import State, Used, ways_left
from ccx_addons.scheduler.suspects import Gist

SPREAD: Final = 0.5
"""Part of the attempts after which each one goes to another channel, while healthy ones are left: many keys of broken
channels do not use up what a healthy one needs."""


class About:
    """What a search has to do with its request otherwise."""

    __slots__ = ()

    def told(self, attempt: Attempt, outcome: Outcome, verdict: Verdict) -> None:
        """Hears every verdict as it was settled."""

    def words(self, outcome: Outcome) -> str:
        """The upstream's message, masked."""
        return outcome.fault.message if outcome.fault else ""

    def body(self) -> str:
        """What tells it from others where it belongs to no conversation; asked only when something failed."""
        return ""


NOTHING: Final = About()


class Search:
    fresh = True
    done: frozenset[str] = frozenset()
    used: frozenset[Used] = frozenset()
    window = 0
    """The next channel's context window has to be larger; 0: any will do."""
    refused = 0
    """The largest window that a prompt was too long for."""
    listed = False
    """Channels that list the model come first."""
    asked: frozenset[str] = frozenset()
    answers: frozenset[tuple[str, str, str]] = frozenset()
    """(channel id, key id, what it answered about the request itself): nobody who rests is woken for it."""
    shunned: frozenset[str] = frozenset()
    """Channels at which this request failed before; nobody has answered it since."""
    suspect = False
    held: tuple[tuple[Attempt, Verdict], ...] = ()
    """Failures that count when somebody answers."""
    doubts: tuple[Doubt, ...] = ()

    def __init__(
        self,
        pick: Pick,
        snapshot: Snapshot,
        state: State,
        now: Callable[[], float],
        about: About = NOTHING,
        plan: Plan | None = None,
    ) -> None:
        self.pick, self.snapshot, self.state, self.now, self.about, self.plan = pick, snapshot, state, now, about, plan
        self.ranking = rank(pick, snapshot, state, now(), plan)
        """The first choice, with its reasons."""
        if state.suspects and (shunned := state.suspects.failed_at(self.gist(), now())):
            self.shunned, self.suspect = shunned, True

    def gist(self) -> Gist:
        return self.pick.kind, self.pick.model, self.pick.trace or self.about.body()

    def find(self) -> Target | None:
        now, state, kind = self.now(), self.state, self.pick.kind
        for entry in self._left(self.done):
            own = own_key(self.pick, self.snapshot, state, entry.channel, now)
            known = state.of(kind, entry.channel.id)
            if target := known.target(entry, self.used, now, state.limits, not self.answers, own):
                drop = state.refusals.of(kind, target.channel, target.model, now)
                return replace(target, drop=drop) if drop else target
            self.done |= {entry.channel.id}
        return None

    def other_key(self, attempt: Attempt) -> bool:
        """Whether another key of the attempt's channel is well and has a place free, as far as is known."""
        channel, now = attempt.channel, self.now()
        entry = self.ranking.entry(channel.id)
        if entry is None:
            return False
        used = self.used | {(channel.id, url, attempt.key.id, "") for url in (attempt.base_url, *channel.base_urls)}
        target = self.state.of(self.pick.kind, channel.id).target(entry, used, now, self.state.limits)
        return target is not None and not self.state.limits.key_wait(channel, target.key, now)

    def other_way(self) -> bool:
        """Whether a key of this channel or of another one is well: nobody has to wait for what a probe finds."""
        kind, now = self.pick.kind, self.now()
        return any(self.state.standing(kind, entry, now).ready for entry in self._left(self.done))

    def begin(self, attempt: Attempt) -> None:
        self.state.begin(self.pick.kind, attempt, self.now())
        if self.snapshot.policy.balance == "weight":
            self.state.balance.take(self.pick.kind, attempt.channel)

    def _left(self, done: frozenset[str]) -> Iterable[Entry]:
        """Channels that may still be asked, in their order; those that may lack what is needed come after those that
        say so."""
        ranking = self.ranking if self.fresh else rank(self.pick, self.snapshot, self.state, self.now(), self.plan)
        self.fresh = False
        if not (done or self.window or self.listed or self.shunned):
            return ranking
        left: Iterable[Entry] = (e for e in ranking if e.channel.id not in done and self._suits(e))
        if self.shunned and self.pick.home is NOWHERE:
            left = sorted_late(left, self._shyness, 0)
        return sorted_late(left, self._doubt, (False, False)) if self.window or self.listed else left

    def _shyness(self, entry: Entry) -> int:
        """A suspect goes first to who is well and does not know it."""
        if not self.state.standing(self.pick.kind, entry, self.now()).ready:
            return 2
        return int(entry.channel.id in self.shunned)

    def _doubt(self, entry: Entry) -> tuple[bool, bool]:
        unknown = self.window > 0 and not entry.window
        return unknown, self.listed and not entry.lists and entry.channel.id not in self.asked

    def _suits(self, entry: Entry) -> bool:
        """A window that the channel says is compared with the estimate, one of its model with those refused before."""
        said = entry.channel.limits.context_window
        least = self.window if said else self.refused
        return not self.window or not entry.window or entry.window > least

    def settle(self, attempt: Attempt, verdict: Verdict) -> Verdict:
        channel = attempt.channel
        if verdict.action == "same_key":
            return verdict
        self.asked |= {channel.id}
        doubts, wrong = self.state.doubts, verdict.doubtful and verdict.action == "stop"
        if wrong and doubts.stopped(self.pick.kind, channel.id, self.gist()):
            verdict = replace(verdict, action="next_channel", reason=f"{verdict.reason}, like all lately")
        verdict = self._used_up(attempt, verdict)
        if verdict.blame == "none":
            verdict = self._about_the_request(attempt, verdict)
        if (
            channel.credential == "client"
            or verdict.action == "next_channel"
            or (attempt.number >= self.snapshot.policy.attempts.max * SPREAD and self._others_ready(channel))
        ):
            self.done |= {channel.id}
        if verdict.last and not self._goes_on(channel):
            reason = f"{verdict.reason}; trying without"
            return replace(verdict, action="same_key", reason=reason, drop=verdict.last)
        if verdict.need:
            return self._needing(attempt, verdict)
        return verdict

    def _used_up(self, attempt: Attempt, verdict: Verdict) -> Verdict:
        """What is not tried again, and the verdict as it is in a channel whose chain has no other model."""
        id, url, key, model = attempt.channel.id, attempt.base_url, attempt.key.id, attempt.model
        self.used |= {(id, url, key, model)}
        match verdict.action:
            case "next_key":
                self.used |= {(id, url, key, "")}
            case "next_model" if not self._other_model(attempt, url, key):
                return replace(verdict, action="next_key")
            case "next_offer":
                self.used |= {(id, "", "", model)}
                return replace(verdict, action="next_model" if self._other_model(attempt) else "next_channel")
        return verdict

    def _other_model(self, attempt: Attempt, url: str = "", key: str = "") -> bool:
        """Whether the channel, or one key of it at an address, has a model of the chain that was not tried."""
        entry = self.ranking.entry(attempt.channel.id)
        urls = (url,) if url else attempt.channel.base_urls
        ways = [way for each in urls for way in ways_left(entry, each, self.used)] if entry else []
        return any(way[1] != attempt.model and key in ("", way[0].id) for way in ways)

    def _about_the_request(self, attempt: Attempt, verdict: Verdict) -> Verdict:
        """A second key that answers the same shows that the request is at fault: no third one is asked."""
        id, own, reason = attempt.channel.id, attempt.key.id, verdict.reason
        if verdict.action == "next_key" and any(a[0] == id and a[1] != own and a[2] == reason for a in self.answers):
            return replace(verdict, action="next_channel", reason=f"{reason}, and so says a second key")
        self.answers |= {(id, own, reason)}
        return verdict

    def _others_ready(self, channel: Channel) -> bool:
        kind, now = self.pick.kind, self.now()
        left = (entry for entry in self._left(self.done) if entry.channel.id != channel.id)
        return any(self.state.standing(kind, entry, now).ready for entry in left)

    def _needing(self, attempt: Attempt, verdict: Verdict) -> Verdict:
        """Going on makes sense only where another channel has what this one lacks."""
        channel = attempt.channel
        before = (self.window, self.refused, self.listed)
        if verdict.need == "larger window":
            said = channel.limits.context_window
            self.refused = max(self.refused, said or vendors.size(channel.base_urls[0], attempt.model).window)
            self.window = max(self.window, said, self.pick.prompt_tokens, 1)
        else:
            self.listed = True
        if self._goes_on(channel):
            return verdict
        self.window, self.refused, self.listed = before
        return replace(verdict, action="stop")

    def _goes_on(self, channel: Channel) -> bool:
        """Whether another channel is left, or another key of this one."""
        known, now = self.state.of(self.pick.kind, channel.id), self.now()
        return any(
            entry.channel.id != channel.id or known.target(entry, self.used, now) for entry in self._left(self.done)
        )

    def learn(self, attempt: Attempt, outcome: Outcome, verdict: Verdict) -> None:
        now, pick = self.now(), self.pick
        if attempt.channel.credential == "client" and verdict.blame not in ("address", "none"):
            verdict = replace(verdict, health="neutral", blame="none")  # one login says nothing about the others
        if verdict.health == "success":
            if self.suspect:
                self._cleared(now)
            if self.doubts:
                self._refuted(attempt, now)
            if pick.trace:
                self.state.keep(pick.kind, pick.place, attempt, self.snapshot.policy.affinity.ttl, now)
        elif verdict.health == "failure" and outcome.kind not in UNSENT and verdict.wait is None:
            verdict = self._doubted(attempt, verdict, now)
        elif verdict.doubtful and attempt.channel.credential != "client":
            self.doubts = (*self.doubts, Doubt(attempt, verdict, self.about.words(outcome)))
        words = self.about.words(outcome) if verdict.pauses or verdict.drop else ""
        self.state.learn(pick.kind, attempt, outcome, verdict, now, words)
        if attempt.drop or verdict.drop:
            self.state.refusals.learn(pick.kind, attempt, outcome, verdict, now, words)
        self.about.told(attempt, outcome, verdict)

    def _doubted(self, attempt: Attempt, verdict: Verdict, now: float) -> Verdict:
        """A failure counts at once where it is the request's first."""
        gist, suspects = self.gist(), self.state.suspects
        first = not (self.suspect or suspects.failed_at(gist, now))
        self.suspect = True
        suspects.add(gist, attempt.channel.id, now)
        if first:
            return verdict
        self.held = (*self.held, (attempt, verdict))
        return replace(verdict, health="neutral", reason=f"{verdict.reason}; the request may be at fault")

    def _cleared(self, now: float) -> None:
        """The request is well: whoever failed with it is at fault."""
        self.state.suspects.clear(self.gist())
        for attempt, verdict in self.held:
            self.state.failed(self.pick.kind, attempt, verdict, now)
        self.held = ()

    def _refuted(self, answering: Attempt, now: float) -> None:
        """What others had refused was answered: where that goes on, their keys are at fault."""
        kind, doubts = self.pick.kind, self.doubts
        self.doubts = ()
        for doubt in doubts:
            known, attempt = self.state.of(kind, doubt.attempt.channel.id), doubt.attempt
            elsewhere = attempt.key.id != answering.key.id or attempt.channel.id != answering.channel.id
            if elsewhere and self.state.doubts.refuted(kind, attempt, self.gist()):
                verdict = replace(REFUTED, status=doubt.verdict.status)
                self.state.rest(kind, known, attempt, verdict, now, doubt.words)
                known.standings.clear()


def sorted_late[T](items: Iterable[T], key: Callable[[T], Any], best: object) -> Iterator[T]:
    """As ``sorted`` does it, but the best ones come as soon as they are seen. ``best``: the smallest key there is."""
    others = []
    for item in items:
        if key(item) == best:
            yield item
        else:
            others.append(item)
    yield from sorted(others, key=key)
