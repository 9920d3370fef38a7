"""Judges every attempt that ended, and answers when nothing worked."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from mitmproxy import http

from ccx_addons.core import wire_json
from ccx_addons.core.exchange import AttemptRecord, Exchange
from ccx_addons.core.faults import MAX_TEXT, shortened, translated
from ccx_addons.core.neutral import FAULT_STATUS, Fault, FaultKind, fault_kind
from ccx_addons.core.vendor_errors import Category, category_of
from ccx_addons.core.verdict import Outcome, OutcomeKind
from ccx_addons.core.waits import retry_after, whole_account
from ccx_addons.core.wire_json import BadJson
from ccx_addons.local import counted_instead
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import guarded, refuse, seconds_of

VAGUE: Final = Fault("unavailable", "All upstream channels are currently unavailable", status=503)

TRANSPORT: Final[dict[str, tuple[FaultKind, str, int]]] = {
    "connect": ("unavailable", "the upstream could not be reached", 502),
    "tls": ("unavailable", "no secure connection to the upstream", 502),
    "connect_timeout": ("timeout", "connecting to the upstream took too long", 504),
    "first_byte_timeout": ("timeout", "the upstream did not answer in time", 504),
    "first_event_timeout": ("timeout", "the upstream sent no content in time", 504),
    "total_timeout": ("timeout", "the time for the whole request is over", 504),
    "idle": ("timeout", "the upstream stopped sending", 504),
    "reset": ("unavailable", "the upstream closed the connection without an answer", 502),
    "bad_body": ("unavailable", "the upstream's answer is not usable", 502),
    "empty": ("unavailable", "the upstream's answer has no content", 502),
    "cut": ("unavailable", "the upstream broke its answer off", 502),
    "converter": ("server", "the upstream's answer could not be read", 502),
    "unsendable": ("server", "the gateway would not send this request", 500),
}
"""What the client is told when an attempt ended without words of the upstream's own."""

OF_THE_REQUEST: Final[frozenset[Category]] = frozenset({"context_length", "too_large", "moderation", "over_limit"})
"""What the caller can mend: clients shorten their prompts by these words."""
OF_THE_CALLER: Final = frozenset({400, 401, 403, 404, 422})
"""Statuses by which a caller thinks that it is at fault."""
PASSES: Final[Mapping[Category, int]] = {
    "server": 502, "pool_empty": 503, "overloaded": 529, "rate_limit": 429, "account_busy": 429,
}  # fmt: skip
"""What is over in a moment -> the status that says so."""
OF_THE_KEY: Final[frozenset[Category]] = frozenset({"auth", "revoked", "account"})
"""What an upstream says of the gateway's own key: a caller that reads only that would doubt its own."""


class Failover:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @guarded
    def upstream_outcome(self, flow: http.HTTPFlow, x: Exchange) -> None:
        record = x.current
        if record is None or x.ended is None or x.failover is None:
            return
        now = time.monotonic()
        record.total_ms = (now - record.started) * 1000
        record.outcome = outcome = outcome_of(x, record, flow.response, now)
        if outcome.kind == "status" and flow.response:
            keep_words(x, record, flow.response)
        try:
            x.next_attempt = x.failover.send(outcome)
            x.decision = "retry"
        except StopIteration:
            x.next_attempt = None
            x.decision = "commit" if outcome.kind == "ok" else "stop"
        if x.decision == "stop" and not x.committed:
            flow.response = self.give_up(flow, x)

    @guarded
    def error(self, flow: http.HTTPFlow, x: Exchange) -> None:
        """The client left: whatever was under way is nobody's fault."""
        if x.failover is None:
            return
        record = x.current
        if record and record.outcome is None:
            record.outcome = Outcome("client_left", committed=x.committed)
        x.failover.close()

    def give_up(self, flow: http.HTTPFlow, x: Exchange) -> http.Response:
        """The most telling upstream's own words: as they came, or in the client's shape where that is another one."""
        record = x.current
        assert record
        if counted := counted_instead(x, best_fault(x)):
            return counted
        stopped = record.verdict is not None and record.verdict.action == "stop"
        if x.snapshot.policy.errors == "vague" and not stopped:
            return refuse(flow, VAGUE)
        x.told = best_record(x)
        if x.told and is_of_the_key(x.told):
            return refuse(flow, best_fault(x))
        if x.told and x.told.words and x.told.outcome and x.told.outcome.fault:
            answer: http.Response = x.told.words
            x.fault = x.told.outcome.fault
            answer.status_code = status_of(x.fault)
            wait, own = soonest(x), x.fault.retry_after
            if answer.status_code >= 429 and wait is not None and (own is None or wait < own):
                answer.headers["retry-after"] = seconds_of(wait)
                answer.headers.pop("retry-after-ms", None)
            return answer
        return refuse(flow, best_fault(x))


def keep_words(x: Exchange, record: AttemptRecord, response: http.Response) -> None:
    """An upstream's error as it came, if the client can read it; of those before it only what the caller can mend."""
    if record.converted or not is_json(response.raw_content or b""):
        return
    for earlier in x.attempts:
        if not is_of_the_request(earlier) or is_of_the_request(record):
            earlier.words = None
    record.words = response


def is_of_the_request(record: AttemptRecord) -> bool:
    fault = record.outcome.fault if record.outcome else None
    return fault is not None and category_of(fault) in OF_THE_REQUEST


def is_of_the_key(record: AttemptRecord) -> bool:
    fault = record.outcome.fault if record.outcome else None
    own = record.attempt.channel.credential != "client"
    return fault is not None and own and category_of(fault) in OF_THE_KEY


def is_json(body: bytes) -> bool:
    """Whether a client can read an upstream's error; some upstreams, and what stands before them, answer with pages."""
    try:
        wire_json.loads(body)
    except BadJson:
        return False
    return True


def outcome_of(x: Exchange, record: AttemptRecord, response: http.Response | None, now: float) -> Outcome:
    """What the verdict tables need to know."""
    assert x.ended
    kind: OutcomeKind = x.ended.kind
    detail, elapsed = x.ended.detail[:MAX_TEXT], now - record.started
    if kind == "ok":
        first = record.first_event_at - record.started if record.first_event_at else 0.0
        return Outcome(kind, record.status, elapsed=elapsed, committed=x.committed, first_event=first, detail=detail)
    fault = x.ended.fault
    headers = {name.lower(): value for name, value in response.headers.items()} if response else {}
    if fault is None and kind in TRANSPORT:
        word, message, status = TRANSPORT[kind]
        fault = Fault(word, f"{message} ({detail})" if detail and detail not in message else message, status=status)
    fault = fault and shortened(fault)
    betas = next((value for name, value in x.headers if name == "anthropic-beta"), "")
    return Outcome(
        kind=kind,
        status=record.status,
        fault=fault,
        retry_after=fault.retry_after
        if fault and fault.retry_after is not None
        else retry_after(headers, time.time(), record.status),
        elapsed=elapsed,
        reused=record.reused,
        rested=record.rested,
        committed=x.committed,
        detail=detail,
        fields=record.fields | ({token.strip() for token in betas.split(",")} - {""}),
        dropped=record.attempt.drop,
        whole_account=record.status == 429 and whole_account(headers),
    )


def best_record(x: Exchange) -> AttemptRecord | None:
    """The most telling attempt: what is said of the request itself before what is said of keys, an upstream's own words
    before a broken connection, the last first."""
    failed = [record for record in x.attempts if record.outcome and record.outcome.fault]
    spoken = [record for record in failed if record.outcome and record.outcome.kind not in TRANSPORT]
    own = [record for record in spoken if is_of_the_request(record)]
    others = [record for record in spoken if not is_of_the_key(record)]
    return next(reversed(own or others or spoken or failed), None)


def best_fault(x: Exchange) -> Fault:
    """What the most telling attempt says, in the client's words."""
    record = best_record(x)
    fault = (record and record.outcome and record.outcome.fault) or VAGUE
    if record and record.converted:
        fault = translated(fault, record.attempt.channel.protocol, x.kind)
    if record and is_of_the_key(record):
        fault = replace(fault, message=f"the upstream refuses the gateway's own key: {fault.message}")
    status = status_of(fault)
    kind = fault_kind(status) if fault.status and status != fault.status else fault.kind
    return replace(fault, kind=kind, status=status, retry_after=soonest(x))


def soonest(x: Exchange) -> float | None:
    """Seconds until the first of those that were asked may be well again, as far as they say."""
    faults = [record.outcome.fault for record in x.attempts if record.outcome and record.outcome.fault]
    return min((found.retry_after for found in faults if found.retry_after is not None), default=None)


def status_of(fault: Fault) -> int:
    """The upstream's status, unless its words mean another one: what means an unknown model becomes 404, since after a
    5xx somebody would ask again, and after a 401 doubt its own key; what is over in a moment is told so, since after a
    400 nobody asks again."""
    category = category_of(fault)
    if (fault.status >= 500 or fault.status == 401) and category in ("model_not_found", "no_channel"):
        return 404
    if fault.status == 401 and category == "balance":
        return 402
    if fault.status in OF_THE_CALLER and category in PASSES:
        return PASSES[category]
    return fault.status if 400 <= fault.status < 600 else FAULT_STATUS[fault.kind]
