"""What to do after an attempt: tables from outcome to verdict, and the failover generator. No I/O, no clock."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, Protocol

from ccx_addons.core.config import AttemptLimits, Channel, Key
from ccx_addons.core.lessons import trying
from ccx_addons.core.neutral import Fault
from ccx_addons.core.refusals import (
    NO_PICTURES,
    NO_STREAMS,
    PICTURES,
    WHOLE,
    WHOLE_ARGUMENTS,
    refused,
    speaks_of_fields,
)
from ccx_addons.core.value import value
from ccx_addons.core.vendor_errors import Category, category_of
from ccx_addons.core.waits import reset_time

type OutcomeKind = Literal[
    "ok", "connect", "tls", "connect_timeout", "first_byte_timeout", "total_timeout", "reset", "status", "bad_body",
    "empty", "error_body", "stream_error", "first_event_timeout", "converter", "cut", "late_error", "idle",
    "client_left", "refused_loss", "rate_wait", "key_wait", "probe_wait", "unsendable", "no_room",
]  # fmt: skip

type Action = Literal["commit", "same_key", "next_model", "next_offer", "next_key", "next_channel", "stop"]
"""``next_model``: another model of the channel's chain on this key, then another key. ``next_offer``: another model of
the chain, since no key changes anything. Both end with the next channel."""
type Blame = Literal["none", "model", "offer", "key", "address", "channel"]
"""What an answer tells about: nothing but this request, a model on this key, a model on this channel (whatever the
key), the key, the address (base URL), the channel."""
type Health = Literal["success", "failure", "neutral"]
type Need = Literal["", "larger window", "lists the model"]
"""What the next channel must have so that going on makes sense."""

LIMITS: Final = AttemptLimits()
FAST: Final = 10.0
"""Seconds: an empty or broken answer that came this quickly is tried once more on the same key, and a refusal that
came this quickly is none of the attempts that count."""
FORGOTTEN: Final = 2.0
"""Seconds of idleness after which silence may be a connection's: what was used a moment ago still leads somewhere."""
MINUTE: Final = 60.0
HOUR: Final = 3600.0
type Pauses = tuple[float, ...]
"""Seconds of rest: after the first refusal, the second in a row, and so on; the last for all that follow."""
REFUSED: Final[Pauses] = (1 * MINUTE, 5 * MINUTE, 15 * MINUTE, 1 * HOUR)
REVOKED: Final[Pauses] = (6 * HOUR, 12 * HOUR, 24 * HOUR)
LIMITED: Final[Pauses] = (5.0, 15.0, 1 * MINUTE, 5 * MINUTE)
"""Where an upstream does not say how long its limit holds."""


@dataclass(frozen=True)
class Target:
    """Where attempts go. ``model``: the upstream's name of it. ``waits``: another request probes whether this place
    is back, and this one waits a moment for what it finds."""

    channel: Channel
    key: Key
    base_url: str
    model: str = ""
    waits: bool = False
    drop: frozenset[str] = frozenset()
    """What this upstream is known to refuse."""

    @cached_property
    def first(self) -> "Attempt":
        """What an exchange begins with that goes here at once."""
        return self.attempt(1)

    def attempt(self, number: int) -> "Attempt":
        return Attempt(self.channel, self.key, self.base_url, number, False, self.drop, self.model, self.waits)


@value(frozen=True, slots=True)
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


@value(frozen=True, slots=True)
class Outcome:
    """What came of an attempt. ``elapsed``: seconds it took; ``committed``: the client has part of the answer."""

    kind: OutcomeKind
    status: int = 0
    fault: Fault | None = None
    retry_after: float | None = None
    elapsed: float = 0.0
    reused: bool = False
    rested: float = 0.0
    """Seconds its connection had been idle; 0: it was new."""
    committed: bool = False
    first_event: float = 0.0
    """Seconds until a stream said something; 0: it was none."""
    detail: str = ""
    fields: frozenset[str] = frozenset()
    """Names the request had, so that only those can be dropped."""
    dropped: frozenset[str] = frozenset()
    """What the attempt left out already."""
    whole_account: bool = False
    """A limit that was hit is the account's, not the model's."""


@value(frozen=True, slots=True)
class Verdict:
    """What is done next, and what is remembered of whom.

    ``health`` failure: whoever is blamed has one failure more, for its breaker to judge. ``pauses``: it rests that long
    (a key, or a model on a key). ``wait``: seconds that the upstream itself asks for; they come before both.
    ``block``: people see it as blocked, and one real request tries it first when its time is over. ``need``: what the
    next channel must have; where none has it, the verdict is ``stop``.
    """

    action: Action
    reason: str
    blame: Blame = "none"
    health: Health = "neutral"
    pauses: Pauses = ()
    wait: float | None = None
    block: bool = False
    drop: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()
    """What is left out where nobody else is left to ask."""
    need: Need = ""
    status: int = 0
    """The upstream's, for those who ask while it rests."""
    doubtful: bool = False
    """It says that the request is wrong, or not whom it blames: what others answer decides (scheduler/doubts.py)."""


FAILED: Final = Verdict("next_model", "", "model", "failure")
"""Most faults of an answer: another key, address or model, then another channel; the breaker of the model counts."""
ANSWERED: Final = Verdict("commit", "answered", health="success")
UNREACHED: Final = Verdict("next_key", "", "address", "failure")

BY_KIND: Final[Mapping[str, Verdict]] = {
    "ok": ANSWERED,
    "connect": replace(UNREACHED, reason="could not connect"),
    "tls": replace(UNREACHED, reason="no secure connection"),
    "connect_timeout": replace(UNREACHED, reason="connecting took too long"),
    "reset": replace(UNREACHED, reason="connection closed before an answer"),
    "first_byte_timeout": replace(FAILED, reason="no answer in time"),
    "total_timeout": replace(FAILED, action="stop", reason="the time for the whole request is over"),
    "bad_body": replace(FAILED, reason="the answer is not usable"),
    "empty": replace(FAILED, reason="the answer has no content"),
    "error_body": replace(FAILED, reason="an error inside a 200"),
    "stream_error": replace(FAILED, reason="the stream began with an error"),
    "first_event_timeout": replace(FAILED, reason="no content in time"),
    "converter": replace(FAILED, action="next_channel", reason="the answer could not be read"),
    "cut": replace(FAILED, reason="the answer broke off"),
    "idle": replace(FAILED, reason="the upstream stopped sending"),
    "late_error": replace(FAILED, action="stop", reason="the stream broke after it had begun"),
    "client_left": Verdict("stop", "the client left"),
    "refused_loss": Verdict("next_channel", "the conversion would lose something"),
    "unsendable": Verdict("stop", "the request could not be written safely"),
    "rate_wait": Verdict("next_channel", "its own limits are used up"),
    "key_wait": Verdict("next_key", "the key's own limits are used up, another key's are not", "key"),
    "probe_wait": Verdict("next_key", "another worker tries just now whether it is well", "key"),
    "no_room": Verdict("stop", "the gateway has no memory left for the answer"),
}
"""Outcomes without an upstream error to read."""
NEVER_MADE: Final = frozenset[OutcomeKind]({"rate_wait", "key_wait", "probe_wait"})

BY_CATEGORY: Final[Mapping[Category, Verdict]] = {
    "revoked": Verdict("next_key", "the key is revoked", "key", pauses=REVOKED, block=True),
    "auth": Verdict("next_key", "the key is refused", "key", pauses=REFUSED, block=True),
    "account": Verdict("next_key", "the key's account is shut out", "key", pauses=REFUSED, block=True),
    "location": Verdict("next_key", "the upstream does not serve this place", "key", pauses=REFUSED, block=True),
    "balance": Verdict("next_key", "the key's balance or quota is used up", "key", pauses=REFUSED, block=True),
    "account_busy": Verdict("next_key", "the key's account is asked too often", "key", pauses=LIMITED),
    "rate_limit": Verdict("next_model", "rate limited", "model", pauses=LIMITED),
    "model_not_found": Verdict(
        "next_model",
        "the upstream does not have this model",
        "model",
        pauses=REFUSED,
        block=True,
        need="lists the model",
    ),
    "not_enabled": Verdict("next_model", "the key may not use this model", "model", pauses=REFUSED, block=True),
    "no_channel": Verdict(
        "next_model", "the relay has nobody for this model", "model", pauses=LIMITED, need="lists the model"
    ),
    "overloaded": Verdict("next_offer", "the upstream is overloaded", "offer", "failure"),
    "pool_empty": Verdict("next_channel", "the upstream has no account left", "channel", "failure"),
    "server": replace(FAILED, reason="the upstream failed"),
    "refused": Verdict("next_key", "the upstream forbids this", doubtful=True),
    "over_limit": Verdict("next_model", "the request is more than the key's limits allow"),
    "context_length": Verdict("next_offer", "the prompt is too long for this model", need="larger window"),
    "too_large": Verdict("next_channel", "the request is too large for the upstream"),
    "moderation": Verdict("stop", "the upstream refuses this content"),
    "capability": Verdict("next_offer", "the model cannot do what is asked"),
    "unsupported": Verdict("stop", "the upstream does not know a field of the request"),
    "client": Verdict("stop", "the upstream refuses the request", doubtful=True),
    "unclear": Verdict("next_channel", "the upstream refuses the request and does not say why", doubtful=True),
    "no_path": Verdict("next_channel", "the upstream does not have this path"),
}
"""Outcomes with an upstream error: an HTTP status, an error body in a 200, or an error event before the commit."""

REDIRECT: Final = Verdict("next_channel", "a redirect is not followed", "address", "failure")
TRY_AGAIN_FAST: Final = frozenset({"empty", "bad_body"})
SPEAKS_OF_REQUEST: Final[frozenset[Category]] = frozenset({
    "unsupported", "client", "unclear", "capability", "model_not_found",
})  # fmt: skip
"""Classes whose words may name what an upstream refuses of the request."""
MAX_REFUSALS: Final = 8
"""Most things that are left out because an upstream refused them, one after the other."""
WITH_FAULT: Final = frozenset({"status", "error_body", "stream_error"})
NEVER_SENT: Final = frozenset({"connect", "refused_loss"})
UNSENT: Final = frozenset({"connect", "tls", "connect_timeout"})
"""Failures of an address that has not seen the request."""
REFUSES_KEY: Final[frozenset[Category]] = frozenset(
    {"revoked", "auth", "account", "location", "balance", "rate_limit", "account_busy", "not_enabled"}
)
"""Classes that say the key was turned away before any work was done."""


def classify(outcome: Outcome, tries: int, now: float, per_key: int = LIMITS.per_key) -> Verdict:
    """The verdict on an attempt. ``tries``: how often this key was tried in this exchange, this time included;
    ``per_key``: how often it may be."""
    if outcome.committed and outcome.kind not in ("ok", "client_left"):
        return BY_KIND["late_error"]
    if is_stale(outcome):
        return Verdict("same_key", "an idle connection was dead; trying a fresh one")
    if outcome.kind in TRY_AGAIN_FAST and tries < per_key and outcome.elapsed < FAST:
        return Verdict("same_key", BY_KIND[outcome.kind].reason + "; trying once more")
    if outcome.kind not in WITH_FAULT or outcome.fault is None:
        return BY_KIND.get(outcome.kind) or replace(FAILED, reason="the upstream failed")
    if 300 <= outcome.status < 400:
        return replace(REDIRECT, reason=f"a redirect ({outcome.status}) is not followed")
    return _by_fault(outcome, outcome.fault, tries, now, per_key)


def is_stale(outcome: Outcome) -> bool:
    """A reused connection that turned out to be closed, or that somebody on the way forgot: no try at all."""
    if outcome.kind == "first_byte_timeout":
        return outcome.rested >= FORGOTTEN
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
    if category == "server" and WHOLE_ARGUMENTS in refused(fault, outcome.fields) - outcome.dropped:
        return Verdict("same_key", trying({WHOLE_ARGUMENTS}), drop=frozenset({WHOLE_ARGUMENTS}))
    if category in SPEAKS_OF_REQUEST and len(outcome.dropped) < MAX_REFUSALS:
        names = refused(fault, outcome.fields) - outcome.dropped
        if names:
            return Verdict("same_key", trying(names), drop=names)
        if WHOLE not in outcome.dropped and NO_STREAMS.search(fault.message):
            return Verdict("next_key", "the key may not have streams of this model", last=frozenset({WHOLE}))
        retries = tries < per_key and outcome.elapsed < FAST
        if retries and category != "model_not_found" and speaks_of_fields(fault):
            return Verdict("same_key", "it refuses what was not sent; trying once more")
        if PICTURES not in outcome.dropped and NO_PICTURES.search(fault.message):
            return Verdict("next_offer", "the model sees no pictures", last=frozenset({PICTURES}))
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
    if category == "rate_limit" and outcome.whole_account:
        verdict = replace(verdict, action="next_key", blame="key")
    wait = _asked(outcome, fault, now) if verdict.pauses or verdict.health == "failure" else None
    return replace(verdict, reason=reason, wait=wait, status=outcome.status)


def _asked(outcome: Outcome, fault: Fault, now: float) -> float | None:
    """Seconds that the upstream asks for: the moment that it names, one in its words, else a header's pause. To be
    asked again at once is nothing that a refusal asks for."""
    if moment := fault.resets_at if fault.resets_at > now else reset_time(fault.message, now, fault.code):
        return moment - now
    return outcome.retry_after or None


class Search(Protocol):
    """What the failover generator asks of the scheduler, for one exchange (scheduler/search.py)."""

    def find(self) -> Target | None:
        """The best target not used up yet; None: nothing is left."""

    def begin(self, attempt: Attempt) -> None:
        """The attempt is about to be made; ``learn`` ends it."""

    def settle(self, attempt: Attempt, verdict: Verdict) -> Verdict:
        """The verdict on an attempt that failed with its need looked at, and what it means for later targets of this
        exchange."""

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
    The outcomes of NEVER_MADE say that the attempt never was made. Attempts that were refused at once are not
    counted at first, so that dead keys and channels do not use up what a live one needs.
    """
    number = refused = 0
    while limits.allow(number, refused) and clock() < deadline and (target := search.find()):
        attempt = target.attempt(number + 1) if number else target.first
        tries = 0
        while True:
            search.begin(attempt)
            try:
                outcome = yield attempt
            except GeneratorExit:
                search.learn(attempt, Outcome("client_left"), BY_KIND["client_left"])
                raise
            if outcome.kind == "ok":
                search.learn(attempt, outcome, ANSWERED)
                return
            number += outcome.kind not in NEVER_MADE
            refused += is_refusal(outcome)
            tries += not is_stale(outcome)
            verdict = search.settle(attempt, classify(outcome, tries, now(), limits.per_key))
            search.learn(attempt, outcome, verdict)
            if verdict.action == "stop":
                return
            if verdict.action != "same_key" or not limits.allow(number, refused) or clock() >= deadline:
                break
            attempt = replace(attempt, number=number + 1, fresh=True, drop=attempt.drop | verdict.drop, waits=False)
