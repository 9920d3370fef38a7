"""Sends spans over OTLP/HTTP with OpenTelemetry's own exporter, from a thread of its own.

Whoever has a span never waits: what does not fit into the queue is dropped and counted.
https://opentelemetry.io/docs/specs/otlp/
"""

import importlib.util
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

log: Final = logging.getLogger("ccx")

QUEUE: Final = 4_000
BATCH: Final = 256
EVERY: Final = 1.0
"""Seconds that spans gather."""
PATIENCE: Final = 10.0
"""Seconds for one post, and at the end for all that is left."""
FAREWELL: Final = 0.5
"""Seconds at the end for a collector that did not take the last post."""
QUIET: Final = 60.0
"""Seconds between two complaints."""
SCOPE: Final = "ccx"


@dataclass(frozen=True, slots=True)
class Span:
    """Times are Unix nanoseconds. ``parent`` 0: there is none. ``remote``: the parent is another program's. ``later``
    gives more attributes, in the thread. ``error``: empty, or what went wrong."""

    name: str
    trace: int
    id: int
    parent: int
    kind: Literal["server", "client"]
    start: int
    end: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    remote: bool = False
    later: Callable[[], Mapping[str, Any]] | None = None


def available() -> bool:
    """Whether the exporter is installed."""
    try:
        return importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


class Exporter:
    """``headers``: as OTEL_EXPORTER_OTLP_HEADERS has them, ``name=value,name=value``."""

    def __init__(self, endpoint: str, headers: str, service: str, version: str) -> None:
        self.endpoint, self.headers = f"{endpoint.rstrip('/')}/v1/traces", pairs(headers)
        self.resource = {"service.name": service, "service.version": version}
        self.waiting: queue.Queue[Span] = queue.Queue(QUEUE)
        self.dropped = 0
        self.unwell = False
        """The last post was not taken."""
        self._complained = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="ccx-otlp", daemon=True)
        self._thread.start()

    def put(self, spans: Sequence[Span]) -> None:
        for span in spans:
            try:
                self.waiting.put_nowait(span)
            except queue.Full:
                self.dropped += 1

    def close(self) -> None:
        self._closing.set()
        self._thread.join(FAREWELL if self.unwell else PATIENCE)

    def _loop(self) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        sender = OTLPSpanExporter(endpoint=self.endpoint, headers=self.headers, timeout=PATIENCE)
        closing = False
        while not closing:
            closing = self._closing.wait(EVERY)
            while batch := self._take():
                self._send(sender, batch)

    def _take(self) -> list[Span]:
        found: list[Span] = []
        while len(found) < BATCH:
            try:
                found.append(self.waiting.get_nowait())
            except queue.Empty:
                break
        return found

    def _send(self, sender: Any, batch: Sequence[Span]) -> None:
        try:
            good = sender.export([self._readable(span) for span in batch]).name == "SUCCESS"
            words = "it was refused, or nobody answered"
        except Exception as error:
            good, words = False, f"{type(error).__name__}"
        self.unwell = not good
        if not good and time.monotonic() - self._complained > QUIET:
            self._complained = time.monotonic()
            log.warning("spans cannot be sent to %s: %s", self.endpoint, words)

    def _readable(self, span: Span) -> Any:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
        from opentelemetry.trace.status import Status, StatusCode

        sampled = TraceFlags(TraceFlags.SAMPLED)
        more = dict(span.later()) if span.later else {}
        return ReadableSpan(
            name=span.name,
            context=SpanContext(span.trace, span.id, False, sampled),
            parent=SpanContext(span.trace, span.parent, span.remote, sampled) if span.parent else None,
            resource=Resource(self.resource),
            attributes={**span.attributes, **more},
            kind=SpanKind.SERVER if span.kind == "server" else SpanKind.CLIENT,
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
            start_time=span.start,
            end_time=max(span.start, span.end),
            instrumentation_scope=InstrumentationScope(SCOPE),
        )


def pairs(headers: str) -> dict[str, str]:
    found = (part.partition("=") for part in headers.split(",") if "=" in part)
    return {name.strip().lower(): value.strip() for name, _equals, value in found}
