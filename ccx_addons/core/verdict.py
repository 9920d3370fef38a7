"""What to do after an attempt: tables from outcome to verdict, and the failover generator. No I/O, no clock."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from ccx_addons.core.config import AttemptLimits, Channel, Key
from ccx_addons.core.neutral import Fault
from ccx_addons.core.refusals import refused, speaks_of_fields
from ccx_addons.core.vendor_errors import Category, category_of
from ccx_addons.core.waits import reset_time

type OutcomeKind = Literal[
    "ok", "connect", "tls", "connect_timeout", "first_byte_timeout", "total_timeout", "reset", "status", "bad_body",
    "empty", "error_body", "stream_error", "first_event_timeout", "converter", "cut", "late_error", "idle",
    "client_left", "refused_loss", "rate_wait", "unsendable", "no_room",
]  # fmt: skip

type Action = Literal["commit", "same_key", "next_key", "next_channel", "stop"]
type Blame = Literal["none", "key", "model", "channel"]
type Health = Literal["success", "failure", "open", "neutral"]
type Need = Literal["", "larger window", "lists the model"]
"""What the next channel must have so that going on makes sense."""

LIMITS: Final = AttemptLimits()
FAST: Final = 10.0
"""Seconds: an empty or broken answer that came this quickly is tried once more on the same key, and a refusal that
came this quickly is none of the attempts that count."""
BLOCK: Final = 3600.0
"""Seconds a key rests when an upstream does not say how long its balance or model is gone."""
FOR_EVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Target:
    """Where an attempt goes. ``model``: the upstream's name of it. ``waits``: another request probes whether this place
    is back, and this one waits a moment for what it finds."""

    channel: Channel
    key: Key
    base_url: str
    model: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. ``fresh``: not on a reused connection. ``drop``: request fields and beta tokens left out this time."""

    channel: Channel
    key: Key
    base_url: str
    number: int
    fresh: bool = False
    drop: frozenset[str] = frozenset()
    model: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt. ``elapsed``: seconds it took; ``committed``: the client has part of the answer."""

    kind: OutcomeKind
    status: int = 0
    fault: Fault | None = None
    retry_after: float | None = None
    elapsed: float = 0.0
    reused: bool = False
    committed: bool = False
    detail: str = ""
    fields: frozenset[str] = frozenset()
    """Names the request had, so that only those can be dropped."""
    dropped: frozenset[str] = frozenset()
    """What the attempt left out already."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``cooldown``: seconds the blamed key or channel rests (None: by its own count). ``block``: it is unusable.

    ``until``: Unix seconds a block ends; infinity: until somebody lifts it. ``need``: what the next channel must have;
    where none has it, the verdict is ``stop`` and nothing is blamed.
    """

    action: Action
    reason: str
    blame: Blame = "none"
    health: Health = "neutral"
    cooldown: float | None = None
    block: bool = False
    until: float = 0.0
    drop: frozenset[str] = frozenset()
    need: Need = ""


FAILED: Final = Verdict("next_key", "", "key", "failure")
"""Most transport faults: another key or base URL, then another channel; the key cools, the breaker counts."""

BY_KIND: Final[Mapping[str, Verdict]] = {
    "ok": Verdict("commit", "answered", health="success"),
    "connect": replace(FAILED, reason="could not connect"),
    "tls": replace(FAILED, reason="no secure connection"),
    "connect_timeout": replace(FAILED, reason="connecting took too long"),
    "first_byte_timeout": replace(FAILED, reason="no answer in time"),
    "total_timeout": Verdict("stop", "the time for the whole request is over", "key", "failure"),
    "reset": replace(FAILED, reason="connection closed before an answer"),
    "bad_body": replace(FAILED, reason="the answer is not usable"),
    "empty": replace(FAILED, reason="the answer has no content"),
    "error_body": replace(FAILED, reason="an error inside a 200"),
    "stream_error": replace(FAILED, reason="the stream began with an error"),
    "first_event_timeout": replace(FAILED, reason="no content in time"),
    "converter": Verdict("next_channel", "the answer could not be read", "none", "failure"),
    "cut": replace(FAILED, reason="the answer broke off"),
    "idle": replace(FAILED, reason="the upstream stopped sending"),
    "late_error": Verdict("stop", "the stream broke after it had begun", "none", "failure"),
    "client_left": Verdict("stop", "the client left"),
    "refused_loss": Verdict("next_channel", "the conversion would lose something"),
    "unsendable": Verdict("stop", "the request could not be written safely"),
    "rate_wait": Verdict("next_channel", "its own limits are used up"),
    "no_room": Verdict("stop", "the gateway has no memory left for the answer"),
}
"""Outcomes without an upstream error to read."""

BY_CATEGORY: Final[Mapping[Category, Verdict]] = {
    "auth": Verdict("next_key", "the key is refused", "key", block=True, until=FOR_EVER),
    "permission": Verdict("next_key", "the key may not do this", "key", block=True, until=FOR_EVER),
    "refused": Verdict("next_key", "the upstream forbids this", "key"),
    "balance": Verdict("next_key", "the key's balance or quota is used up", "key", block=True),
    "rate_limit": Verdict("next_key", "rate limited", "key"),
    "account_busy": Verdict("next_key", "the key's account is asked too often", "key", cooldown=15.0),
    "overloaded": Verdict("next_channel", "the upstream is overloaded", "channel", "open", 15.0),
    "pool_empty": Verdict("next_channel", "the upstream has no account left", "channel", "open", 60.0),
    "model_not_found": Verdict(
        "next_channel", "the upstream does not have this model", "model", block=True, need="lists the model"
    ),
    "no_channel": Verdict("next_channel", "the relay has nobody for this model", need="lists the model"),
    "not_enabled": Verdict("next_key", "the key may not use this model", "model", block=True),
    "context_length": Verdict("next_channel", "the prompt is too long for this model", need="larger window"),
    "moderation": Verdict("stop", "the upstream refuses this content"),
    "capability": Verdict("next_channel", "the model cannot do what is asked"),
    "unsupported": Verdict("stop", "the upstream does not know a field of the request"),
    "client": Verdict("stop", "the upstream refuses the request"),
    "unclear": Verdict("next_channel", "the upstream refuses the request and does not say why"),
    "no_path": Verdict("next_channel", "the upstream does not have this path"),
    "server": replace(FAILED, reason="the upstream failed"),
}
"""Outcomes with an upstream error: an HTTP status, an error body in a 200, or an error event before the commit."""

REDIRECT: Final = Verdict("next_channel", "a redirect is not followed", "none", "failure")
TRY_AGAIN_FAST: Final = frozenset({"empty", "bad_body"})
SPEAKS_OF_REQUEST: Final[frozenset[Category]] = frozenset({
    "unsupported", "client", "unclear", "capability", "model_not_found",
})  # fmt: skip
"""Classes whose words may name what an upstream refuses of the request."""
MAX_REFUSALS: Final = 8
"""Most things that are left out because an upstream refused them, one after the other."""
WITH_FAULT: Final = frozenset({"status", "error_body", "stream_error"})
NEVER_SENT: Final = frozenset({"connect", "refused_loss"})
REFUSES_KEY: Final[frozenset[Category]] = frozenset(
    {"auth", "permission", "refused", "balance", "rate_limit", "account_busy", "not_enabled"}
)
"""Classes that say the key was turned away before any work was done."""
HONOURS_WAIT: Final[frozenset[Category]] = frozenset({"rate_limit", "account_busy", "refused", "server"})
"""Classes whose cooldown the upstream may set itself (Retry-After and its kin)."""


def classify(outcome: Outcome, tries: int, now: float, per_key: int = LIMITS.per_key) -> Verdict:
    """The verdict on an attempt. ``tries``: how often this key was tried in this exchange, this time included;
    ``per_key``: how often it may be."""
    if outcome.committed and outcome.kind not in ("ok", "client_left"):
        return BY_KIND["late_error"]
    if is_stale(outcome):
        return Verdict("same_key", "an idle connection was closed; trying a fresh one")
    if outcome.kind in TRY_AGAIN_FAST and tries < per_key and outcome.elapsed < FAST:
        return Verdict("same_key", BY_KIND[outcome.kind].reason + "; trying once more")
    if outcome.kind not in WITH_FAULT or outcome.fault is None:
        return BY_KIND.get(outcome.kind) or replace(FAILED, reason="the upstream failed")
    if 300 <= outcome.status < 400:
        return replace(REDIRECT, reason=f"a redirect ({outcome.status}) is not followed")
    return _by_fault(outcome, outcome.fault, tries, now, per_key)


def is_stale(outcome: Outcome) -> bool:
    """A reused connection that turned out to be closed: no try at all."""
    return outcome.kind == "reset" and outcome.reused


def is_refusal(outcome: Outcome) -> bool:
    """Whether the attempt was turned away at once: another one costs the client next to nothing."""
    if outcome.elapsed >= FAST or outcome.committed:
        return False
    if outcome.kind in WITH_FAULT and outcome.fault:
        return category_of(outcome.fault) in REFUSES_KEY
    return outcome.kind in NEVER_SENT


def _by_fault(outcome: Outcome, fault: Fault, tries: int, now: float, per_key: int) -> Verdict:
    category = category_of(fault)
    if category in SPEAKS_OF_REQUEST and len(outcome.dropped) < MAX_REFUSALS:
        names = refused(fault, outcome.fields) - outcome.dropped
        if names:
            return Verdict("same_key", f"trying without {', '.join(sorted(names))}", drop=names)
        if tries < per_key and outcome.elapsed < FAST and speaks_of_fields(fault):
            return Verdict("same_key", "it refuses what was not sent; trying once more")
    if category in ("client", "unclear", "server") and outcome.kind == "error_body":
        if tries < per_key and outcome.elapsed < FAST:
            return Verdict("same_key", BY_KIND["error_body"].reason + "; trying once more")
        category = "server"
    elif category in ("client", "unclear") and outcome.kind != "status":
        category = "server"
    verdict = BY_CATEGORY[category]
    reason = f"{verdict.reason} ({outcome.status})" if outcome.status else verdict.reason
    if category == "server" and outcome.kind != "status":
        reason = BY_KIND[outcome.kind].reason
    if category == "balance":
        wait = now + (outcome.retry_after or BLOCK)
        return replace(verdict, reason=reason, until=reset_time(fault.message, now, fault.code) or wait)
    if verdict.block and not verdict.until:
        return replace(verdict, reason=reason, until=now + BLOCK)
    return replace(verdict, reason=reason, cooldown=_cooldown(category, verdict, outcome, fault, now))


def _cooldown(category: Category, verdict: Verdict, outcome: Outcome, fault: Fault, now: float) -> float | None:
    """What the upstream asks for comes before our own numbers; an overloaded one may only ask for more."""
    if verdict.blame == "channel":
        return max(verdict.cooldown or 0.0, outcome.retry_after or 0.0)
    if category not in HONOURS_WAIT:
        return verdict.cooldown
    if outcome.retry_after is not None:
        return outcome.retry_after
    if category == "rate_limit" and (until := reset_time(fault.message, now, fault.code)):
        return until - now
    return verdict.cooldown


class Search(Protocol):
    """What the failover generator asks of the scheduler, for one exchange (scheduler/search.py)."""

    def find(self) -> Target | None:
        """The best target not used up yet; None: nothing is left."""

    def begin(self, attempt: Attempt) -> None:
        """The attempt is about to be made; ``learn`` ends it."""

    def settle(self, attempt: Attempt, verdict: Verdict) -> Verdict:
        """The verdict with its need looked at, and what it means for later targets of this exchange."""

    def learn(self, attempt: Attempt, outcome: Outcome, verdict: Verdict) -> None:
        """What it means for everybody."""


def attempts(
    search: Search,
    clock: Callable[[], float],
    deadline: float,
    now: Callable[[], float],
    limits: AttemptLimits = LIMITS,
) -> Generator[Attempt, Outcome, None]:
    """Yields attempts and is sent their outcomes; returns when an answer is committed or nothing is left.

    ``clock`` and ``deadline`` are monotonic seconds, ``now`` is Unix time. Closing it early means that the client left.
    An outcome ``rate_wait`` says that the attempt never was made. Attempts that were refused at once
    are not counted at first, so that dead keys and channels do not use up what a live one needs.
    """
    number = refused = 0

    def may_go_on() -> bool:
        return number - min(refused, limits.refused) < limits.max and clock() < deadline

    while may_go_on() and (target := search.find()):
        attempt = Attempt(
            target.channel, target.key, target.base_url, number + 1, model=target.model, waits=target.waits
        )
        tries = 0
        while True:
            search.begin(attempt)
            try:
                outcome = yield attempt
            except GeneratorExit:
                search.learn(attempt, Outcome("client_left"), BY_KIND["client_left"])
                raise
            number += outcome.kind != "rate_wait"
            refused += is_refusal(outcome)
            tries += not is_stale(outcome)
            verdict = search.settle(attempt, classify(outcome, tries, now(), limits.per_key))
            search.learn(attempt, outcome, verdict)
            if verdict.action != "same_key" or not may_go_on():
                break
            attempt = replace(attempt, number=number + 1, fresh=True, drop=attempt.drop | verdict.drop, waits=False)
        if verdict.action in ("commit", "stop"):
            return
