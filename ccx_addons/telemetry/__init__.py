"""A span for each request and each attempt, to an OpenTelemetry collector. In the chain only where one is named.

The caller's ``traceparent`` is the parent, and each upstream is told its attempt's span. What a caller does not sample
goes on as it came and leaves no span.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mitmproxy import http

from ccx_addons.capture import redaction
from ccx_addons.core.exchange import Exchange, Tap
from ccx_addons.io.otlp import Exporter, Span
from ccx_addons.io.version import version
from ccx_addons.metrics import Metrics
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import guarded
from ccx_addons.telemetry.spans import (
    answer_attributes,
    attempt_attributes,
    content,
    operation_of,
    parent_of,
    request_attributes,
    traceparent,
)


@dataclass(slots=True)
class Ids:
    """Of one request's spans. ``attempts``: in their order."""

    trace: int
    request: int
    parent: int = 0
    attempts: list[int] = field(default_factory=list)

    def of(self, n: int) -> int:
        """Of the n-th attempt, from 1 on."""
        while len(self.attempts) < n:
            self.attempts.append(new(8))
        return self.attempts[n - 1]


def new(size: int) -> int:
    return int.from_bytes(secrets.token_bytes(size)) or 1


class Telemetry:
    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self.rows = Metrics(runtime)
        self.content = settings.otel_content
        self.open: dict[str, Ids] = {}
        self.exporter = Exporter(settings.otel_endpoint, settings.otel_headers, settings.otel_service, version())

    def done(self) -> None:
        self.exporter.close()

    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> None:
        given = next((value for name, value in x.headers if name == "traceparent"), "")
        parent = parent_of(given)
        if x.client is None or x.match is None or x.test or (parent and not parent[2]):
            return
        self.open[x.id] = Ids(parent[0], new(8), parent[1]) if parent else Ids(new(16), new(8))
        if self.content and x.tap is None:
            x.tap = Tap(x.snapshot.policy.bodies.max_kb << 10)

    @guarded
    def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> None:
        ids = self.open.get(x.id)
        if ids and x.attempts and flow.response is None:
            flow.request.headers["traceparent"] = traceparent(ids.trace, ids.of(len(x.attempts)))

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.close(flow, x)

    @guarded
    def error(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.close(flow, x)

    def close(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if ids := self.open.pop(x.id, None):
            if self.content and x.tap and not x.committed and flow.response and not x.tap.client:
                x.tap.to_client(flow.response.raw_content or b"")
            self.exporter.put(self.spans(x, ids))

    def spans(self, x: Exchange, ids: Ids) -> list[Span]:
        row = self.rows.row(x)
        start, end = nanoseconds(x.started_at), nanoseconds(x.started_at + (x.ended_at or x.clock) - x.clock)
        attributes = request_attributes(row, x.method, x.path)
        error = row["error_message"] or row["stream_end"] or str(row["status"]) if row["state"] == "failed" else ""
        name = f"{x.method} {x.path}"
        found = [
            Span(name, ids.trace, ids.request, ids.parent, "server", start, end, attributes, error, bool(ids.parent))
        ]
        for n, record in enumerate(x.attempts, 1):
            attempt = self.rows.attempt_row(x, n, record)
            begin = nanoseconds(x.started_at + record.started - x.clock)
            until = begin + int((record.total_ms or 0) * 1e6)
            more = attempt_attributes(row, attempt, record.attempt.channel.protocol)
            last = record is x.current and row["state"] in ("ok", "client_left")
            if last:
                until = end
                more |= answer_attributes(row, x.body.members if x.body else {}, x.stop)
            label = f"{operation_of(row['kind'], row['operation'])} {record.upstream_model}".strip()
            error = "" if last else attempt["reason"] or attempt["outcome"]
            later = partial(said, x) if last and self.content else None
            place = ids.trace, ids.of(n), ids.request
            found.append(Span(label, *place, "client", begin, until, more, error, later=later))
        return found


def said(x: Exchange) -> Mapping[str, Any]:
    """What was asked and answered, masked as kept bodies are. In the exporter's thread."""
    redact = redaction(x.secrets, x.snapshot.policy.bodies.redact)
    answered = bytes(x.tap.client) if x.tap else b""
    asked, answer = (redact(body).decode("utf-8", "replace") for body in (x.raw, answered))
    return content(x.kind, x.model, asked, answer)


def nanoseconds(unix: float) -> int:
    return int(unix * 1e9)
