"""Circuit breakers: one for each place that can be at fault, in each kind and channel (``Place``).

    closed --enough failures--> open --its time is over--> half-open --success--> closed
                                  ^------------- failure, one level higher ---------'

A closed one pauses for seconds after a failure, longer with each in a row. Half-open lets one probe through.
All times are Unix seconds and arguments; nothing here looks at a clock.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from ccx_addons.core.config import BreakerPolicy

type BreakerState = Literal["closed", "open", "half-open"]

PRESETS: Final[Mapping[str, BreakerPolicy]] = {
    "gentle": BreakerPolicy(window=50, failure_rate=0.85, consecutive=10),
    "balanced": BreakerPolicy(window=20, failure_rate=0.7, consecutive=5),
    "aggressive": BreakerPolicy(window=10, failure_rate=0.5, consecutive=3),
}

PROBE: Final = 120.0
"""Seconds after which a probe that nobody heard of again no longer holds others off."""
ELSEWHERE: Final = 0.5
"""The same, of another worker's probe that this one was told of."""
MAX_LEVEL: Final = 20


type Place = tuple[str, str, str]
"""(base URL, key id, upstream model), each empty where it does not matter: a key at an address, an address, a model on
a key, a model on the channel, or the channel itself."""


class Sample(NamedTuple):
    """One attempt that counts."""

    at: float
    ok: bool
    model: str = ""


@dataclass(slots=True)
class Breaker:
    """``samples``: the window, oldest first. ``until``: when an open breaker becomes half-open.

    ``pause_until``: a closed one lets nobody through until then. ``probe_until``: a probe is under way, at most until
    then. ``changed_at``: of two workers' opinions the later holds.
    """

    state: BreakerState = "closed"
    level: int = 0
    opened_at: float = 0.0
    until: float = 0.0
    pause_until: float = 0.0
    probe_until: float = 0.0
    reason: str = ""
    changed_at: float = 0.0
    samples: deque[Sample] = field(default_factory=deque)

    @property
    def failures(self) -> int:
        """In a row, up to now."""
        count = 0
        for sample in reversed(self.samples):
            if sample.ok:
                break
            count += 1
        return count

    @property
    def failed(self) -> int:
        return sum(not sample.ok for sample in self.samples)

    def passes(self, now: float) -> bool:
        """Whether a request may go through: closed and no pause, or half-open without a probe under way."""
        if self.state == "closed":
            return self.pause_until <= now
        return self.until <= now and self.probe_until <= now

    def probing(self, now: float) -> bool:
        return self.state != "closed" and self.probe_until > now

    def next_change(self, now: float) -> float:
        """When ``passes`` may turn true by itself; infinity: only by an event."""
        if self.passes(now):
            return float("inf")
        return self.pause_until if self.state == "closed" else max(self.until, self.probe_until)

    def words(self, now: float) -> str:
        """The state for people."""
        if self.state == "closed":
            return "closed" if self.passes(now) else f"pauses for {self.pause_until - now:.0f} s more: {self.reason}"
        if self.probing(now):
            return f"half-open, a probe is under way: {self.reason}"
        if self.until <= now:
            return f"half-open: {self.reason}"
        return f"open for {self.until - now:.0f} s more: {self.reason}"


# ---- transitions -----------------------------------------------------------------------------------------------------
def begin_probe(breaker: Breaker, now: float) -> bool:
    """An attempt goes through. True: it is a probe, also a forced one through an open breaker."""
    if breaker.state == "closed":
        return False
    breaker.state, breaker.probe_until, breaker.changed_at = "half-open", now + PROBE, now
    breaker.until = min(breaker.until, now)
    return True


def end_probe(breaker: Breaker, now: float) -> bool:
    """An attempt ended without a word about health (the client left): the next one may probe."""
    if breaker.probe_until <= 0.0:
        return False
    breaker.probe_until, breaker.changed_at = 0.0, now
    return True


def probed_elsewhere(breaker: Breaker, now: float) -> None:
    """Another worker's probe came first, of which nothing else is known: looked at again in a moment."""
    breaker.probe_until = breaker.changed_at = now
    breaker.probe_until += ELSEWHERE


def half_open(breaker: Breaker, reason: str, now: float) -> None:
    """A key that is back: one probe first."""
    breaker.state, breaker.until, breaker.probe_until = "half-open", now, 0.0
    breaker.opened_at = breaker.opened_at or now
    breaker.reason, breaker.changed_at = reason, now


def succeed(breaker: Breaker, policy: BreakerPolicy, model: str, now: float) -> bool:
    """A success. True: this closed it or ended its pause; where it was open, the window begins anew."""
    if breaker.state != "closed":
        reset(breaker, now)
        return True
    paused = breaker.pause_until > now
    if breaker.pause_until:
        breaker.pause_until, breaker.reason, breaker.changed_at = 0.0, "", now
    take(breaker, policy, Sample(now, True, model))
    return paused


def fail(breaker: Breaker, policy: BreakerPolicy, model: str, why: str, now: float, wait: float = 0.0) -> bool:
    """A failure. True: this opened it. ``wait``: seconds that the upstream itself asks for.

    Failures of one single model neither open it nor make it pause: the model's own breaker does. Those that end while
    it pauses are of the same trouble and count no more.
    """
    if not breaker.passes(now) and not breaker.probing(now):
        return False
    probed = breaker.state != "closed"
    take(breaker, policy, Sample(now, False, model))
    breaker.changed_at = now
    reason = f"{why}: the probe failed" if probed else _enough(breaker, policy, why)
    if reason:
        _open(breaker, reason, max(policy.backoff, wait), policy.max_backoff, now)
        return True
    if not _of_one_model(breaker):
        own = policy.pause * 2.0 ** min(breaker.failures - 1, MAX_LEVEL)
        breaker.pause_until, breaker.reason = now + min(max(own, wait), policy.max_backoff), why
    return False


def forget(breaker: Breaker, now: float) -> bool:
    """A success where only failures are remembered. True: there was something to forget."""
    changed = breaker.state != "closed" or bool(breaker.samples)
    reset(breaker, now)
    return changed


def reset(breaker: Breaker, now: float) -> None:
    """Closed, level 0, nothing remembered."""
    breaker.state, breaker.level, breaker.reason, breaker.changed_at = "closed", 0, "", now
    breaker.opened_at = breaker.until = breaker.pause_until = breaker.probe_until = 0.0
    breaker.samples.clear()


def merge(breaker: Breaker, other: Breaker, policy: BreakerPolicy) -> None:
    """What another worker knows: the later opinion holds, the windows become one."""
    if other.changed_at >= breaker.changed_at:
        breaker.state, breaker.level, breaker.reason = other.state, other.level, other.reason
        breaker.opened_at, breaker.until, breaker.probe_until = other.opened_at, other.until, other.probe_until
        breaker.pause_until, breaker.changed_at = other.pause_until, other.changed_at
        if other.state == "closed" and not other.samples:
            breaker.samples.clear()
    known: Iterable[Sample] = {*breaker.samples, *other.samples}
    breaker.samples = deque(sorted(known)[-_most(policy) :])


def _open(breaker: Breaker, reason: str, backoff: float, longest: float, now: float) -> None:
    if breaker.state != "closed":
        breaker.level = min(breaker.level + 1, MAX_LEVEL)
    breaker.state, breaker.reason = "open", reason
    breaker.opened_at, breaker.changed_at = now, now
    breaker.pause_until = breaker.probe_until = 0.0
    breaker.until = now + min(backoff * 2**breaker.level, longest)


def _most(policy: BreakerPolicy) -> int:
    return max(policy.window, policy.consecutive)


def take(breaker: Breaker, policy: BreakerPolicy, sample: Sample) -> None:
    """One more in the window; of a success that ends nothing it is all there is to note."""
    samples, most, oldest = breaker.samples, _most(policy), sample.at - policy.max_age
    samples.append(sample)
    while len(samples) > most or samples[0].at < oldest:
        samples.popleft()


def _enough(breaker: Breaker, policy: BreakerPolicy, why: str) -> str:
    """Why the window is bad enough to open, in words; empty: it is not."""
    if _of_one_model(breaker):
        return ""
    in_a_row = breaker.failures
    if in_a_row >= policy.consecutive:
        return f"{in_a_row} failures in a row, the last: {why}"
    window = list(breaker.samples)[-policy.window :]
    bad = sum(not sample.ok for sample in window)
    if len(window) >= max(3, policy.window // 2) and bad / len(window) >= policy.failure_rate:
        return f"{bad} of {len(window)} attempts failed, the last: {why}"
    return ""


def _of_one_model(breaker: Breaker) -> bool:
    models = {sample.model for sample in breaker.samples if not sample.ok}
    return len(models) == 1 and "" not in models
