"""What to do after an attempt: tables from outcome to verdict, and the failover generator. No I/O, no clock."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from ccx_addons.core.config import Channel, Key
from ccx_addons.core.neutral import Fault
from ccx_addons.core.vendor_errors import Category, category_of, dropped_beta, dropped_field, reset_time

type OutcomeKind = Literal[
    "ok", "connect", "tls", "connect_timeout", "first_byte_timeout", "total_timeout", "reset", "status", "bad_body",
    "empty", "error_body", "stream_error", "first_event_timeout", "converter", "cut", "late_error", "idle",
    "client_left", "refused_loss", "rate_wait",
]  # fmt: skip

type Action = Literal["commit", "same_key", "next_key", "next_channel", "stop"]
type Blame = Literal["none", "key", "model", "channel"]
type Health = Literal["success", "failure", "open", "neutral"]

MAX_ATTEMPTS: Final = 12
MAX_PER_KEY: Final = 2
FAST: Final = 10.0
"""Seconds: an empty or broken answer that came this quickly is tried once more on the same key."""
BLOCK: Final = 3600.0
"""Seconds a key rests when an upstream does not say how long its balance or model is gone."""
FOR_EVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. ``fresh``: not on a reused connection. ``drop``: request fields and beta tokens left out this time."""

    channel: Channel
    key: Key
    base_url: str
    number: int
    fresh: bool = False
    drop: frozenset[str] = frozenset()


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """``cooldown``: seconds the blamed key or channel rests (None: by its own count). ``block``: it is unusable.

    ``until``: Unix seconds a block ends; infinity: until somebody lifts it.
    """

    action: Action
    reason: str
    blame: Blame = "none"
    health: Health = "neutral"
    cooldown: float | None = None
    block: bool = False
    until: float = 0.0
    drop: frozenset[str] = frozenset()


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
    "rate_wait": Verdict("next_channel", "its own limits are used up"),
}
"""Outcomes without an upstream error to read."""

BY_CATEGORY: Final[Mapping[Category, Verdict]] = {
    "auth": Verdict("next_key", "the key is refused", "key", block=True, until=FOR_EVER),
    "permission": Verdict("next_key", "the key may not do this", "key", block=True, until=FOR_EVER),
    "balance": Verdict("next_key", "the key's balance or quota is used up", "key", block=True),
    "rate_limit": Verdict("next_key", "rate limited", "key"),
    "overloaded": Verdict("next_channel", "the upstream is overloaded", "channel", "open", 15.0),
    "pool_empty": Verdict("next_channel", "the upstream has no account left", "channel", "open", 60.0),
    "model_not_found": Verdict("next_channel", "the upstream does not have this model", "model", block=True),
    "context_length": Verdict("stop", "the prompt is too long for this model"),
    "moderation": Verdict("stop", "the upstream refuses this content"),
    "capability": Verdict("next_channel", "the model cannot do what is asked"),
    "unsupported": Verdict("stop", "the upstream does not know a field of the request"),
    "client": Verdict("stop", "the upstream refuses the request"),
    "server": replace(FAILED, reason="the upstream failed"),
}
"""Outcomes with an upstream error: an HTTP status, an error body in a 200, or an error event before the commit."""

TRY_AGAIN_FAST: Final = frozenset({"empty", "bad_body"})
WITH_FAULT: Final = frozenset({"status", "error_body", "stream_error"})


def classify(outcome: Outcome, tries: int, now: float) -> Verdict:
    """The verdict on an attempt. ``tries``: how often this key was tried in this exchange, this time included."""
    if outcome.committed and outcome.kind not in ("ok", "client_left"):
        return BY_KIND["late_error"]
    if outcome.kind == "reset" and outcome.reused:
        return Verdict("same_key", "an idle connection was closed; trying a fresh one")
    if outcome.kind in TRY_AGAIN_FAST and tries < MAX_PER_KEY and outcome.elapsed < FAST:
        return Verdict("same_key", BY_KIND[outcome.kind].reason + "; trying once more")
    if outcome.kind not in WITH_FAULT or outcome.fault is None:
        return BY_KIND.get(outcome.kind) or replace(FAILED, reason="the upstream failed")
    return _by_fault(outcome, outcome.fault, tries, now)


def _by_fault(outcome: Outcome, fault: Fault, tries: int, now: float) -> Verdict:
    if 300 <= outcome.status < 400:
        return Verdict("next_channel", f"redirect ({outcome.status}) is not followed", "none", "failure")
    category = category_of(fault)
    if category in ("unsupported", "client") and tries < MAX_PER_KEY:
        names = {dropped_field(fault.message), dropped_beta(fault.message)} & outcome.fields
        if names:
            return Verdict("same_key", f"trying without {', '.join(sorted(names))}", drop=frozenset(names))
    if category == "client" and outcome.status == 404:
        return Verdict("next_channel", "the upstream does not have this path", "none", "neutral")
    if category == "client" and outcome.kind != "status":
        return replace(FAILED, reason=BY_KIND[outcome.kind].reason)
    verdict = BY_CATEGORY[category]
    reason = f"{verdict.reason} ({outcome.status})" if outcome.status else verdict.reason
    if verdict.block and verdict.until == 0:
        until = reset_time(fault.message) or now + (outcome.retry_after or BLOCK)
        return replace(verdict, reason=reason, until=until)
    if category in ("rate_limit", "server"):
        return replace(verdict, reason=reason, cooldown=outcome.retry_after)
    return replace(verdict, reason=reason)


type Choose = Callable[[Channel, frozenset[tuple[str, str, str]]], tuple[Key, str] | None]
"""The next key and base URL of a channel, given the (channel, key, base URL) triples that are used up."""


def attempts(
    channels: Callable[[frozenset[str]], list[Channel]],
    choose: Choose,
    learn: Callable[[Attempt, Outcome, Verdict], None],
    clock: Callable[[], float],
    deadline: float,
    now: Callable[[], float],
    pinned: bool = False,
) -> Generator[Attempt, Outcome, None]:
    """Yields attempts and is sent their outcomes; returns when an answer is committed or nothing is left.

    ``channels`` ranks what is left, given the channel ids that are used up; ``learn`` is told every verdict;
    ``clock`` and ``deadline`` are monotonic, ``now`` is Unix time. All seconds.
    """
    done: frozenset[str] = frozenset()
    used: frozenset[tuple[str, str, str]] = frozenset()
    number = 0
    while number < MAX_ATTEMPTS and clock() < deadline:
        left = channels(done)
        choice = choose(left[0], used) if left else None
        if not left:
            return
        if choice is None:
            if pinned:
                return
            done |= {left[0].id}
            continue
        channel, (key, base_url) = left[0], choice
        attempt = Attempt(channel, key, base_url, number + 1)
        tries = 0
        while True:
            number += 1
            tries += 1
            outcome = yield replace(attempt, number=number)
            verdict = classify(outcome, tries, now())
            learn(attempt, outcome, verdict)
            if verdict.action != "same_key" or number >= MAX_ATTEMPTS or clock() >= deadline:
                break
            attempt = replace(attempt, fresh=True, drop=attempt.drop | verdict.drop)
        if verdict.action in ("commit", "stop"):
            return
        used |= {(channel.id, key.id, base_url)}
        if verdict.action == "next_channel":
            done |= {channel.id}
