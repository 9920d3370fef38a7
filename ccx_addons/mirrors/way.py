"""The way of a mirrored request: the chain's own steps from the attempt on, to one channel, with nobody to answer."""

import time
from collections.abc import Awaitable, Iterable
from typing import Any, Final

from mitmproxy import http

from ccx_addons.capture import Capture
from ccx_addons.convert import Convert
from ccx_addons.core.config import Mirror
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.ids import uuid7
from ccx_addons.core.neutral import Fault
from ccx_addons.core.verdict import Outcome, Target, Verdict, attempts
from ccx_addons.failover import Failover
from ccx_addons.metrics import Metrics
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import attach, guarded
from ccx_addons.proxy.hooks import DirectHooks
from ccx_addons.proxy.unasked import request_of
from ccx_addons.route import begin
from ccx_addons.rules import Rewrites
from ccx_addons.scheduler.single import Single

OVER: Final = Fault("timeout", "the mirror's time is over", status=504)
OF_ONE_REQUEST: Final = frozenset({
    "idempotency-key", "x-client-request-id", "traceparent", "tracestate", "content-length",
})  # fmt: skip
"""Headers that say which request it is: an upstream may answer the second one with the first one's answer."""


class Begin:
    """First: the attempt."""

    @guarded
    def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> None:
        attempt, x.next_attempt = x.next_attempt, None
        if attempt:
            begin(x, attempt)

    @guarded
    def error(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if (record := x.current) and record.outcome is None:
            record.outcome = Outcome("total_timeout", record.status, OVER, committed=x.committed)


class Rewritten:
    """The operator's own rules see what goes to an upstream, whoever asks."""

    def __init__(self, rewrites: Rewrites) -> None:
        self.rewrites = rewrites

    def upstream_attempt(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        return self.rewrites.upstream_attempt(flow)


class Rows(Metrics):
    """Nobody left: what ended without an answer failed."""

    @guarded
    def error(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        x.state, x.fault = "failed", x.fault or OVER
        x.status = x.status or x.fault.status
        if (record := x.current) and record.total_ms is None:
            record.total_ms = (time.monotonic() - record.started) * 1000
        return self.settle(x)


def hooks(runtime: Runtime, capture: Capture, rewrites: Rewrites | None, others: Iterable[Any] = ()) -> DirectHooks:
    """``others``: addons that only look on."""
    steps: list[Any] = [Begin(), Convert(runtime)]
    if rewrites:
        steps.append(Rewritten(rewrites))
    return DirectHooks([*steps, Failover(runtime), Rows(runtime), capture, *others])


def once_more(x: Exchange, mirror: Mirror) -> Exchange:
    """What is asked again of an exchange that is over."""
    return Exchange(
        id=uuid7(),
        started_at=x.started_at,
        clock=x.clock,
        snapshot=x.snapshot,
        method=x.method,
        path=x.path,
        query=x.query,
        headers=tuple(field for field in x.headers if field[0] not in OF_ONE_REQUEST),
        client_ip=x.client_ip,
        match=x.match,
        client=x.client,
        kind=x.kind,
        operation=x.operation,
        mirror=mirror.name,
        total=mirror.timeout,
        raw=x.raw,
        body=x.body,
        model=x.model,
        ignored=x.ignored,
        stream=x.stream,
        history=x.history,
        home=x.home,
        images=x.images,
    )


def start(x: Exchange, target: Target) -> http.HTTPFlow:
    """Its time begins now."""
    x.started_at, x.clock = time.time(), time.monotonic()

    def told(verdict: Verdict) -> None:
        if x.current:
            x.current.verdict = verdict

    x.failover = attempts(Single(target, told), time.monotonic, x.deadline, time.time)
    x.next_attempt = next(x.failover, None)
    flow = request_of(x.method, x.path + (f"?{x.query}" if x.query else ""), (), x.raw)
    attach(flow, x)
    return flow
