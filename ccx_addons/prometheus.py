"""GET /metrics in the Prometheus text format 0.0.4
(https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md).

Every worker has its own numbers and labels them with its own number. Each second it tells the others, so that a scrape,
whichever worker it reaches, has all of them. Counting is constant work at the end of an exchange; what is a state is
looked up when asked.
"""

import asyncio
import logging
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mitmproxy import http

from ccx_addons.core.config import Kind
from ccx_addons.core.exchange import Exchange
from ccx_addons.io.rollup_tables import BOUNDS
from ccx_addons.io.shares import FOLDER, Shares
from ccx_addons.processes.periodic import Periodic
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import guarded
from ccx_addons.scheduler.breaker import Breaker

log: Final = logging.getLogger("ccx")

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS: Final = tuple(bound / 1000 for bound in BOUNDS)
"""Upper bounds in seconds; the same as those of the panel."""
EVERY: Final = 1.0
"""Seconds between two exchanges with the other workers."""
CLOSED, HALF_OPEN, OPEN = range(3)

type Labels = tuple[tuple[str, str], ...]
type Sample = tuple[str, Labels, float]
"""What follows the family's name (``_sum`` and the like), labels, value."""


@dataclass(slots=True)
class Counter:
    """Only ever grows. ``values``: by the values of the labels, in their order."""

    labels: tuple[str, ...]
    values: defaultdict[tuple[str, ...], float] = field(default_factory=lambda: defaultdict(int))

    def add(self, *values: str, by: float = 1) -> None:
        self.values[values] += by

    def samples(self) -> Iterator[Sample]:
        for values, count in self.values.items():
            yield "", tuple(zip(self.labels, values, strict=True)), count


@dataclass(slots=True)
class Histogram:
    """Seconds by kind. ``counts``: how many fell into each bucket; one more takes the rest."""

    counts: defaultdict[Kind, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * (len(BUCKETS) + 1)))
    sums: defaultdict[Kind, float] = field(default_factory=lambda: defaultdict(float))

    def observe(self, kind: Kind, seconds: float) -> None:
        self.counts[kind][bisect_left(BUCKETS, seconds)] += 1
        self.sums[kind] += seconds

    def samples(self) -> Iterator[Sample]:
        for kind, counts in self.counts.items():
            total = 0
            for bound, count in zip((*BUCKETS, float("inf")), counts, strict=True):
                total += count
                yield "_bucket", (("kind", kind), ("le", number(bound))), total
            yield "_sum", (("kind", kind),), self.sums[kind]
            yield "_count", (("kind", kind),), total


class Prometheus(Periodic):
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.requests = Counter(("kind", "channel", "state"))
        self.attempts = Counter(("channel", "outcome"))
        self.tokens = Counter(("kind", "channel", "direction"))
        self.first = Histogram()
        self.total = Histogram()
        self.flying: dict[str, Kind] = {}
        """Exchange id -> kind."""
        self.shares = Shares(Path(runtime.settings.ccx_data_dir) / FOLDER, runtime.boot_id, runtime.worker)
        self.others: list[str] = []
        """What the other workers last said."""
        self.begun = False
        self.trouble = ""
        """Why nothing is shared just now."""

    # ---- among the workers ------------------------------------------------------------------------------------------
    def running(self) -> None:
        if self.runtime.settings.worker_count > 1:
            self.begin("sharing the workers' metrics", self.share, EVERY, first=0.0)

    async def share(self) -> None:
        try:
            if not self.begun:
                await asyncio.to_thread(self.shares.begin)
            self.begun = True
            await asyncio.to_thread(self.shares.put, self.own(time.time()))
            self.others = await asyncio.to_thread(self.shares.others, self.runtime.settings.worker_count)
        except OSError as error:
            if str(error) != self.trouble:
                log.warning("the workers' metrics cannot be shared: %s", error)
            self.trouble = str(error)
        else:
            self.trouble = ""

    # ---- counting ---------------------------------------------------------------------------------------------------
    @guarded
    def requestheaders(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.operation == "metrics":
            flow.response = http.Response.make(200, self.text(time.time()), {"content-type": CONTENT_TYPE})
        elif x.operation != "websocket":
            self.flying[x.id] = x.kind

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.count(x)

    @guarded
    def error(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.count(x)

    def count(self, x: Exchange) -> None:
        """An exchange is over. What the log does not count is not counted here either."""
        self.flying.pop(x.id, None)
        if x.client is None or x.match is None or x.status == 101 or x.source != "proxy":
            return
        kind, channel = x.kind, x.current.attempt.channel.name if x.current else ""
        self.requests.add(kind, channel, x.state)
        for record in x.attempts:
            self.attempts.add(record.attempt.channel.name, record.outcome.kind if record.outcome else "client_left")
        if x.usage:
            self.tokens.add(kind, channel, "input", by=x.usage.input)
            self.tokens.add(kind, channel, "output", by=x.usage.output)
        if x.state == "ok" and (first := x.first_event_at or x.first_byte_at):
            self.first.observe(kind, first - x.clock)
        if x.ended_at is not None:
            self.total.observe(kind, x.ended_at - x.clock)

    # ---- telling ----------------------------------------------------------------------------------------------------
    def text(self, now: float) -> str:
        """Everything of all workers, as the endpoint answers it. ``now``: Unix seconds."""
        return merged([self.own(now), *self.others])

    def own(self, now: float) -> str:
        """Everything of this worker."""
        health = self.runtime.store.health()
        flying = Counter(("kind",))
        for kind in self.flying.values():
            flying.add(kind)
        revision = (("revision", self.runtime.snapshot.revision),)
        families = (
            ("ccx_requests_total", "counter", "Finished requests.", self.requests.samples()),
            ("ccx_attempts_total", "counter", "Attempts at upstreams, by how they ended.", self.attempts.samples()),
            ("ccx_tokens_total", "counter", "Tokens of prompts and answers.", self.tokens.samples()),
            ("ccx_first_event_seconds", "histogram", "Time until an answer began.", self.first.samples()),
            ("ccx_request_seconds", "histogram", "Time until a request was over.", self.total.samples()),
            ("ccx_requests_in_flight", "gauge", "Requests under way.", flying.samples()),
            ("ccx_store_queue_rows", "gauge", "Rows that wait to be written.", [("", (), health.queued)]),
            (
                "ccx_store_dropped_total",
                "counter",
                "What the request log gave up because its queue was full.",
                [("", (("what", what),), count) for what, count in health.dropped.items()],
            ),
            (
                "ccx_breaker_state",
                "gauge",
                "The worst breaker of a channel: 0 closed, 1 half-open, 2 open.",
                self.breakers(now),
            ),
            ("ccx_keys_blocked", "gauge", "Keys of a channel that may not be used now.", self.blocked(now)),
            ("ccx_config_info", "gauge", "The configuration in force.", [("", revision, 1)]),
            ("ccx_start_time_seconds", "gauge", "When the worker started.", [("", (), self.runtime.started)]),
        )
        worker = ("worker", str(self.runtime.worker))
        return "".join(
            line for name, kind, words, samples in families for line in lines(name, kind, words, samples, worker)
        )

    def breakers(self, now: float) -> Iterator[Sample]:
        for labels, kind, channel_id in self.places():
            known = self.runtime.state.channels.get((kind, channel_id))
            found = known.breakers.values() if known else ()
            yield "", labels, max((level(breaker, now) for breaker in found), default=0)

    def blocked(self, now: float) -> Iterator[Sample]:
        for labels, kind, channel_id in self.places():
            known = self.runtime.state.channels.get((kind, channel_id))
            yield "", labels, sum(key.blocked(now) for key in known.keys.values()) if known else 0

    def places(self) -> Iterator[tuple[Labels, Kind, str]]:
        """Every channel of the configuration in every kind it serves."""
        for channel in self.runtime.snapshot.channels:
            for kind in sorted(channel.serves):
                yield (("channel", channel.name), ("kind", kind)), kind, channel.id


def level(breaker: Breaker, now: float) -> int:
    if breaker.state == "closed":
        return CLOSED
    return OPEN if breaker.until > now else HALF_OPEN


# ---- the format ------------------------------------------------------------------------------------------------------
def lines(name: str, kind: str, words: str, samples: Iterable[Sample], *common: tuple[str, str]) -> Iterator[str]:
    """One family; ``common`` are labels of every sample."""
    yield f"# HELP {name} {words}\n# TYPE {name} {kind}\n"
    for suffix, labels, value in samples:
        pairs = ",".join(f'{label}="{escape(text)}"' for label, text in (*common, *labels))
        yield f"{name}{suffix}{{{pairs}}} {number(value)}\n"


def merged(texts: Iterable[str]) -> str:
    """One text of several: each family once, with the samples of all."""
    families: dict[str, list[str]] = {}
    for text in texts:
        for line in text.splitlines():
            if line.startswith("# HELP "):
                family = families.setdefault(line.split(" ", 3)[2], [])
                is_new = not family
            if is_new or not line.startswith("# "):
                family.append(line)
    return "".join(f"{line}\n" for family in families.values() for line in family)


def escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
