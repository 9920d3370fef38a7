"""What mitmweb shows of an exchange: plain data for its filters, a comment, marks, and streamed answers as they grow.

Only in ``run.py mitmweb``. The content views are in inspect_views.py.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, Protocol

from mitmproxy import flow as mflow
from mitmproxy import http

from ccx_addons.auth import PROOFS, credentials_of, original, refusal, taken_apart
from ccx_addons.core import endpoints
from ccx_addons.core.exchange import Exchange, Tap
from ccx_addons.core.header_names import LOGIN
from ccx_addons.core.shape import Change, words
from ccx_addons.inspect.held import UPSTREAM_KEY, Held
from ccx_addons.metrics import Metrics, candidate_row
from ccx_addons.processes.periodic import Periodic
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import guarded, refuse

log: Final = logging.getLogger("ccx")

KEY: Final = "ccx"
QUIET: Final = frozenset({"/health", "/health/ready", "/metrics"})
"""Paths that programs ask every few seconds: they are not worth a line."""
MAX_STREAM: Final = 8 << 20
"""Bytes of a streamed answer that are shown, unless the policy keeps bodies and says how much of them."""
EVERY: Final = 0.25
"""Seconds between two looks at growing answers."""
RESUME_POLL: Final = 0.05
LOOKS: Final = 20
WHY: Final = "SELECT why, again_tokens, again_usd FROM shapes WHERE request_id = ?"
ENDS: Final = {"failed": "failed", "client_left": "client left"}
FAILOVER, FAILED = ":warning:", ":x:"
"""Marks, by mitmproxy's names for them."""


class FlowList(Protocol):
    """mitmproxy's view addon, as far as it is used here."""

    def add(self, flows: Sequence[mflow.Flow]) -> None: ...
    def update(self, flows: Sequence[mflow.Flow]) -> None: ...
    def remove(self, flows: Sequence[mflow.Flow]) -> None: ...


class Edits:
    """First in the chain: a request that a person holds back in mitmweb is read once it is edited and let go."""

    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        return self.wait(flow, x) if flow.intercepted else None

    async def wait(self, flow: http.HTTPFlow, x: Exchange) -> None:
        await resumed(flow)
        if flow.error:
            return
        headers, proofs = taken_apart(flow.request)
        x.method = flow.request.method
        x.path, _, query = flow.request.path.partition("?")
        _, x.query = credentials_of(proofs, query)
        x.headers = tuple(field for field in headers if not x.login or field[0] not in LOGIN)
        match = endpoints.find(x.method, x.path)
        x.ask(match, endpoints.kind_of(match, x.path, flow.request.headers))
        if fault := refusal(x):
            flow.response = refuse(flow, fault)


class Inspect(Periodic):
    """Last in the chain: by then everybody has said what there is to say."""

    for_panel = "too"

    def __init__(self, runtime: Runtime, flows: FlowList) -> None:
        self.rows = Metrics(runtime)
        self.flows = flows
        self.growing: dict[http.HTTPFlow, Exchange] = {}
        self.wondering: dict[http.HTTPFlow, int] = {}
        """Flows whose shapes are being made, and how often that was looked at."""
        self.passing: list[http.HTTPFlow] = []
        """Flows of the panel and of health checks, which are forgotten when they are over."""
        self.opened: list[http.HTTPFlow] = []
        """Handshakes of sockets, each of which takes the request over when its answer is out: messages have its key."""
        self.held = Held(
            runtime.settings.web_max_mb << 20, lambda flow: flows.remove([flow]), lambda flow: flows.update([flow])
        )

    def running(self) -> None:
        self.begin("showing growing answers", self.follow, EVERY)

    # ---- an exchange's way ------------------------------------------------------------------------------------------
    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.forward is None:
            original.keep(flow, x)
            x.tap = x.tap or Tap(MAX_STREAM)
            self.show(flow, x)

    @guarded
    def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.show(flow, x)

    @guarded
    def upstream_outcome(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.show(flow, x)

    @guarded
    def responseheaders(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.committed:
            self.growing[flow] = x
        self.show(flow, x)

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        self.close(flow, x)
        return resumed(flow) if flow.intercepted else None

    @guarded
    def error(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.close(flow, x)

    def close(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.growing.pop(flow, None)
        if x.forward or x.path in QUIET:
            self.passing.append(flow)
            return
        if x.client and original.kept(flow) is None:
            original.keep(flow, x)
        if x.operation == "websocket":
            self.opened.append(flow)
        elif not x.attempts:
            flow.request = without_keys(flow.request)
        if x.committed:
            self.fill(flow, x)
        if x.tap and x.current and x.current.converted:
            flow.metadata[UPSTREAM_KEY] = {"body": original.Bytes(x.tap.upstream)}
        self.show(flow, x)
        if flow.metadata.get(KEY, {}).get("input_tokens"):
            self.wondering[flow] = 0
        if flow.marked in ("", FAILOVER, FAILED):
            flow.marked = FAILED if x.state == "failed" else FAILOVER if len(x.attempts) > 1 else ""
        self.held.add(flow)

    def show(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.forward or x.client is None:
            return
        before = flow.metadata.get(KEY, {}).get("comment", "")
        facts = self.facts(x)
        flow.metadata[KEY] = facts
        if flow.comment == before:  # a person's own comment stays
            flow.comment = facts["comment"]

    def facts(self, x: Exchange) -> dict[str, Any]:
        """The exchange's rows of the request log, and its comment."""
        facts = {
            **self.rows.row(x),
            "attempts": [self.rows.attempt_row(x, n, record) for n, record in enumerate(x.attempts, 1)],
            "candidates": [
                {**candidate_row(x, n, decision), "channel_name": decision.channel_name}
                for n, decision in enumerate(x.decisions)
            ],
        }
        return {**facts, "comment": comment(facts)}

    # ---- while it grows ---------------------------------------------------------------------------------------------
    async def follow(self) -> None:
        self.look()
        if self.wondering:
            self.tell(await asyncio.to_thread(self.found))

    def look(self) -> None:
        for flow, x in self.growing.items():
            if self.fill(flow, x):
                self.show(flow, x)
                self.flows.update([flow])
        for flow in self.opened:
            flow.request = without_keys(flow.request)
        self.opened.clear()
        over = [flow for flow in self.passing if not flow.live]
        if over:
            self.passing = [flow for flow in self.passing if flow.live]
            self.flows.remove(over)

    def found(self) -> dict[str, str]:
        """Id of a request -> why its prompt cache was lost; empty: it was not. Beside the event loop."""
        rows: dict[str, str] = {}
        for flow in list(self.wondering):
            id = flow.metadata[KEY]["id"]
            if row := self.rows.runtime.store.read(WHY, id):
                why, tokens, usd = row
                rows[id] = words(Change(*json.loads(why)), tokens, usd) if why else ""
        return rows

    def tell(self, found: Mapping[str, str]) -> None:
        for flow, looks in list(self.wondering.items()):
            said = found.get(flow.metadata[KEY]["id"])
            if said:
                flow.metadata[KEY]["cache_lost"] = said
                self.flows.update([flow])
            if said is not None or looks >= LOOKS:
                del self.wondering[flow]
            else:
                self.wondering[flow] = looks + 1

    def fill(self, flow: http.HTTPFlow, x: Exchange) -> bool:
        """The stream so far becomes the flow's body, which is not sent again. False: nothing new came."""
        if x.tap is None or flow.response is None or len(flow.response.data.content or b"") == len(x.tap.client):
            return False
        flow.response.data.content = bytes(x.tap.client)
        return True


class Listed:
    """Flows that mitmproxy does not hear of by itself: behind Inspect, in a chain of their own."""

    def __init__(self, flows: FlowList) -> None:
        self.flows = flows

    def request(self, flow: http.HTTPFlow) -> None:
        self.flows.add([flow])

    def response(self, flow: http.HTTPFlow) -> None:
        self.flows.update([flow])

    def error(self, flow: http.HTTPFlow) -> None:
        self.flows.update([flow])


def without_keys(request: http.Request) -> http.Request:
    """A client's request that went to no upstream, as others are shown: without what it proved itself with."""
    path, _, query = request.path.partition("?")
    _, left = credentials_of((), query)
    shown = request.copy()
    shown.path = f"{path}?{left}" if left else path
    for name in PROOFS:
        shown.headers.pop(name, None)
    return shown


async def resumed(flow: http.HTTPFlow) -> None:
    """Wait until the person lets it go. mitmproxy's own waiting never ends when the flow is killed meanwhile."""
    while flow.intercepted:
        await asyncio.sleep(RESUME_POLL)


# ---- words -----------------------------------------------------------------------------------------------------------
def channels(facts: Mapping[str, Any]) -> list[str]:
    """The channels that were tried, in their order."""
    return list(dict.fromkeys(attempt["channel_name"] for attempt in facts["attempts"]))


def comment(facts: Mapping[str, Any]) -> str:
    """``main▸backup · opus→glm-5 · 1.9 s · 12k/0.8k``: channels, model, time or phase, tokens in and out."""
    model, upstream = facts["model"], facts["upstream_model"]
    words = ["▸".join(channels(facts)), f"{model}→{upstream}" if upstream not in ("", model) else model]
    words.append(ENDS.get(facts["state"], ""))
    words.append(seconds(facts["total_ms"]) if facts["total_ms"] is not None else facts["phase"])
    if facts["input_tokens"] is not None:
        words.append(f"{thousands(facts['input_tokens'])}/{thousands(facts['output_tokens'])}")
    return " · ".join(word for word in words if word)


def seconds(ms: float) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 100 else f"{ms:.0f} ms"


def thousands(count: int) -> str:
    """``12k``, ``0.8k``, ``96``."""
    if count < 100:
        return str(count)
    return f"{count / 1000:.0f}k" if count >= 9950 else f"{count / 1000:.1f}k"
