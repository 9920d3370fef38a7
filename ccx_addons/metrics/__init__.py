"""One row per exchange, one per attempt. Rows are projections of the Exchange, made here and nowhere else.

A row is written at the start, at most once a second while the exchange runs, and finally exactly once: mitmproxy calls
``response`` or ``error``, never neither.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from mitmproxy import http

from ccx_addons.auth.login import masked
from ccx_addons.core.billing import billing_of
from ccx_addons.core.config import Price
from ccx_addons.core.exchange import AttemptRecord, Exchange
from ccx_addons.core.neutral import Usage
from ccx_addons.core.shape import is_conversation
from ccx_addons.core.verdict import Attempt
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.io.aside import aside
from ccx_addons.io.prices import Cost, cost
from ccx_addons.io.rollup import ANSWERED
from ccx_addons.io.rollup_tables import COSTS
from ccx_addons.io.shapes import TURN, Draft, Maker, turn
from ccx_addons.metrics.spending import asked_tier, settle, unsettled
from ccx_addons.metrics.told import Told
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import guarded
from ccx_addons.scheduler import Decision
from ccx_addons.scheduler.budgets import Estimate
from ccx_addons.scheduler.limits import cost_of

MAX_MESSAGE: Final = 800
MAX_NAME: Final = 200
USE_EVERY: Final = 60_000
"""Milliseconds between two notes of a key's use."""
COUNT: Final = "count_tokens"
"""Costs nothing."""
BLANK: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("id", "boot_id", "state", "phase", "kind", "operation", "client_name", "client_key_mask"), ""),
    **dict.fromkeys(("client_ip", "user_agent", "trace_hash", "route_prefix", "model", "upstream_model"), ""),
    **dict.fromkeys(("channel_id", "channel_name", "key_mask", "converted", "error_kind", "error_message"), ""),
    **dict.fromkeys(("stream_end", "usage_source", "price_source", "losses", "config_revision", "source"), ""),
    **dict.fromkeys(("worker", "started_at", "stream", "attempts_n", "status", "bytes_in", "bytes_out"), 0),
    **dict.fromkeys(("ended_at", "ttfb_ms", "first_event_ms", "total_ms", "connect_ms", "tls_ms", "max_gap_ms")),
    **dict.fromkeys(("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")),
    **dict.fromkeys(("cost_usd", *COSTS)),
}
"""A request of which nothing is known: its columns, all in one piece, which costs a tenth of one after the other."""
LONG: Final = 1.0
"""Seconds after which somebody may ask what a request was answered so far."""
MAX_READ_HERE: Final = 256 << 10
"""Bytes of a request that may be read for an estimate while the event loop waits."""


class Metrics:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.shapes = Maker(runtime.settings.seal)
        self.used: dict[tuple[str, str], int] = {}
        self.told = Told()

    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.failover is not None:
            self.progress(x)

    @guarded
    def upstream_outcome(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.decision == "retry":
            self.progress(x)
            if time.monotonic() - x.clock >= LONG:
                self.runtime.store.put_attempts(self.attempt_rows(x))

    @guarded
    def responseheaders(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.committed:
            self.progress(x)

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        assert flow.response
        x.status = flow.response.status_code
        if x.body and not x.stream and asks_why(x.body):
            x.opening = flow.response.raw_content or b""
        x.state = "failed" if x.status >= 400 or x.stream_end not in ("", "done") else "ok"
        return self.settle(x)

    @guarded
    def error(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        x.state = "client_left"
        x.status = x.status or 499
        record = x.current
        if record and record.total_ms is None:
            record.total_ms = (time.monotonic() - record.started) * 1000
        return self.settle(x)

    def settle(self, x: Exchange) -> Awaitable[None] | None:
        """Close it with its usage. Waits only where a large request has to be read for an estimate."""
        if not x.closed and unsettled(x):
            if len(x.raw) > MAX_READ_HERE:
                return self.settle_apart(x)
            settle(x)
        self.close(x)
        return None

    async def settle_apart(self, x: Exchange) -> None:
        await aside(settle, x)
        self.close(x)

    def progress(self, x: Exchange) -> None:
        self.runtime.store.put_running(x.id, partial(self.under_way, x))

    def under_way(self, x: Exchange) -> dict[str, Any]:
        """Made in the writer's thread, maybe just while it ends: its last row alone says that it is over."""
        return {**self.row(x), "state": "running"}

    def close(self, x: Exchange) -> None:
        """The final row. What never was a request of a model (health checks, unknown paths, handshakes) leaves none."""
        if x.closed:
            return
        x.closed = True
        x.phase = "done"
        x.ended_at = time.monotonic()
        if x.client is None or x.match is None or x.status == 101:
            return
        store = self.runtime.store
        attempts = self.attempt_rows(x)
        candidates: list[dict[str, Any]] = []
        if x.decisions and (len(x.decisions) > 1 or x.state == "failed"):
            candidates = [candidate_row(x, n, decision) for n, decision in enumerate(x.decisions)]
        row = self.row(x)
        store.put_request(row, attempts, candidates)
        for record in x.attempts:
            self.note_use(record.attempt, row["ended_at"])
        if x.state == "failed":
            self.told.failed(row, len(x.attempts))
        if x.body and x.operation == "generate" and not x.mirror and (x.trace or is_conversation(x.kind, x.body)):
            self.keep_shape(x, x.body, row)
        if row["source"] == "proxy":
            used = Estimate((row["input_tokens"] or 0) + (row["output_tokens"] or 0), row["cost_usd"] or 0.0)
            answered = int(x.state in ANSWERED)
            self.runtime.meeting.spend(cost_of(x.client, x.model, x.id, used, x.started_at, answered))

    def keep_shape(self, x: Exchange, body: JsonBody, row: Mapping[str, Any]) -> None:
        """Of a conversation's request: the writer's thread makes it and says what was lost. It holds on to the body's
        text alone."""
        if row["source"] != "proxy":
            return
        usage = x.usage if x.state == "ok" and not x.usage_estimated else None
        answer = x.opening + x.final_event if asks_why(body) else b""
        draft = Draft(
            x.id,
            x.kind,
            x.trace,
            row["client_name"],
            row["channel_id"],
            body.text,
            body.spans,
            x.raw,
            turn([row[name] for name in TURN]),
            usage,
            pricer(x, x.current),
            answer,
        )
        self.runtime.store.put_shape(draft, self.shapes)

    def note_use(self, attempt: Attempt, now: int) -> None:
        """When a key was used last (Unix ms), give or take a minute."""
        place = attempt.channel.id, attempt.key.id
        if now - self.used.get(place, 0) >= USE_EVERY:
            self.used[place] = now
            self.runtime.store.put_key_use({"channel_id": place[0], "key_id": place[1], "used_at": now})

    def row(self, x: Exchange) -> dict[str, Any]:
        """The columns of table requests (io/store.py)."""
        row, record, usage = dict(BLANK), x.current, x.usage
        row["id"] = x.id
        row["boot_id"] = self.runtime.boot_id
        row["worker"] = self.runtime.worker
        row["started_at"] = milliseconds(x.started_at)
        row["state"] = x.state
        row["phase"] = x.phase
        row["kind"] = x.kind
        row["operation"] = x.asked_for
        row["stream"] = int(x.stream)
        row["client_ip"] = x.client_ip
        row["user_agent"] = header(x, "user-agent")[:MAX_NAME]
        row["trace_hash"] = x.trace
        row["model"] = x.model[:MAX_NAME]
        row["attempts_n"] = len(x.attempts)
        row["status"] = x.status
        row["stream_end"] = x.stream_end
        row["ttfb_ms"] = since(x, x.first_byte_at)
        row["first_event_ms"] = since(x, x.first_event_at)
        row["max_gap_ms"] = tenths(x.max_gap)
        row["bytes_in"] = len(x.asked or x.raw)
        row["bytes_out"] = x.bytes_out
        row["config_revision"] = x.snapshot.revision
        row["source"] = x.source
        if x.ended_at:
            row["ended_at"] = milliseconds(x.started_at + (x.ended_at - x.clock))
            row["total_ms"] = since(x, x.ended_at)
        if x.client:
            row["client_name"] = x.client.name
            row["client_key_mask"] = x.client.key_mask
        if x.match:
            row["route_prefix"] = x.match.route_prefix
        if record:
            attempted(row, x, record)
        if x.fault:
            row["error_kind"] = x.fault.kind
            row["error_message"] = x.secrets.clean(x.fault.message)[:MAX_MESSAGE]
        if usage:
            used(row, x, usage)
        if x.losses:
            row["losses"] = json.dumps([[loss.path, loss.reason] for loss in x.losses])
        return row

    def attempt_rows(self, x: Exchange) -> list[dict[str, Any]]:
        return [self.attempt_row(x, n, record) for n, record in enumerate(x.attempts, 1)]

    def attempt_row(self, x: Exchange, n: int, record: AttemptRecord) -> dict[str, Any]:
        """The columns of table attempts."""
        attempt, outcome, verdict = record.attempt, record.outcome, record.verdict
        clean = x.secrets.clean
        fault = outcome.fault if outcome else None
        words = fault.message if fault else outcome.detail if outcome and outcome.kind != "ok" else ""
        return {
            "request_id": x.id,
            "n": n,
            "channel_id": attempt.channel.id,
            "channel_name": attempt.channel.name,
            "key_mask": key_mask(x, record),
            "base_url": clean(attempt.base_url),
            "upstream_model": record.upstream_model,
            "started_at": milliseconds(x.started_at + (record.started - x.clock)),
            "connect_ms": record.connect_ms,
            "tls_ms": record.tls_ms,
            "ttfb_ms": record.ttfb_ms,
            "total_ms": record.total_ms,
            "reused": int(record.reused),
            "status": record.status,
            "outcome": outcome.kind if outcome else "client_left",
            "verdict": verdict.action if verdict else "",
            "reason": clean(verdict.reason)[:MAX_MESSAGE] if verdict else "",
            "error_message": clean(words)[:MAX_MESSAGE] if words else "",
            "retry_after": outcome.retry_after if outcome else None,
            "source": x.source,
        }


def attempted(row: dict[str, Any], x: Exchange, record: AttemptRecord) -> None:
    """What the last attempt says in the request's row."""
    channel = record.attempt.channel
    row["upstream_model"] = record.upstream_model[:MAX_NAME]
    row["channel_id"] = channel.id
    row["channel_name"] = channel.name
    row["key_mask"] = key_mask(x, record)
    row["connect_ms"] = record.connect_ms
    row["tls_ms"] = record.tls_ms
    if record.converted:
        row["converted"] = f"{x.kind}>{channel.protocol}"


def used(row: dict[str, Any], x: Exchange, usage: Usage) -> None:
    """The tokens, and what they cost once it is over."""
    row["input_tokens"] = usage.input
    row["cache_read_tokens"] = usage.cache_read
    row["cache_write_tokens"] = usage.cache_write
    row["output_tokens"] = usage.output
    row["reasoning_tokens"] = usage.reasoning
    row["usage_source"] = "estimated" if x.usage_estimated else "reported"
    if x.closed and x.operation != COUNT:
        price = price_of(*terms(x, x.current), usage)
        row["cost_usd"], row["price_source"] = price.usd, price.source
        if price.parts:
            row.update(zip(COSTS, price.parts, strict=True))


def pricer(x: Exchange, record: AttemptRecord | None) -> Callable[[Usage], Cost]:
    """What tokens cost of this exchange, which it does not hold on to."""
    return partial(price_of, *terms(x, record))


def terms(x: Exchange, record: AttemptRecord | None) -> tuple[str, str, Mapping[str, Price], float, Any, float]:
    """What decides the price beside the usage, as ``price_of`` takes it."""
    if record is None:
        return x.model, "", x.snapshot.prices, x.started_at, None, 1.0
    channel = record.attempt.channel
    tier = asked_tier(x, channel)
    return record.upstream_model, channel.protocol, x.snapshot.prices, x.started_at, tier, channel.price_multiplier


def price_of(
    model: str, hint: str, prices: Mapping[str, Price], at: float, tier: Any, times: float, usage: Usage
) -> Cost:
    return cost(model, usage, hint, prices, at, billing_of(usage, tier)).times(times)


def asks_why(body: JsonBody) -> bool:
    """Whether the client wants to be told why its prompt cache was missed."""
    return "diagnostics" in body.members or "prompt_cache_options" in body.members


def candidate_row(x: Exchange, n: int, decision: Decision) -> dict[str, Any]:
    """The columns of table candidates."""
    return {
        "request_id": x.id,
        "order": n,
        "channel_id": decision.channel_id,
        "verdict": "kept" if decision.kept else "dropped",
        "reason": f"{decision.rule}: {decision.reason}",
    }


def key_mask(x: Exchange, record: AttemptRecord) -> str:
    """Of the key that an attempt was made with, or of the client's own login."""
    return masked(x.login) if x.login and record.attempt.channel.credential == "client" else record.attempt.key.label


def milliseconds(unix: float) -> int:
    """UTC milliseconds, as every time in the database."""
    return int(unix * 1000)


def since(x: Exchange, at: float | None) -> float | None:
    return None if at is None else tenths(at - x.clock)


def tenths(seconds: float) -> float:
    """Milliseconds with one digit behind the point."""
    return round(seconds * 10_000) / 10


def header(x: Exchange, name: str) -> str:
    for key, value in x.headers:
        if key == name:
            return value
    return ""
