"""What is asked, and who may answer it: ranks the channels, and starts the failover."""

import re
import time
from collections.abc import Awaitable
from dataclasses import replace
from typing import Final

from mitmproxy import http

from ccx_addons.core.asked import MAX_MODEL, also_named
from ccx_addons.core.config import TEXT_KINDS, Channel, Client
from ccx_addons.core.endpoints import PIN_HEADER, STORED, VECTORS
from ccx_addons.core.estimate import BYTES_PER_TOKEN, output_tokens, prompt_tokens
from ccx_addons.core.exchange import AttemptRecord, Exchange
from ccx_addons.core.faults import OPENAI
from ccx_addons.core.neutral import Fault
from ccx_addons.core.openai import USAGE_LIMIT
from ccx_addons.core.scan import is_near
from ccx_addons.core.verdict import Attempt, Outcome, Verdict, attempts
from ccx_addons.failover import best_fault
from ccx_addons.io.meeting import Answer
from ccx_addons.io.state import write_changes
from ccx_addons.local import counted_instead
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import guarded, refuse
from ccx_addons.route.gate import PATIENCE, Gate
from ccx_addons.scheduler import Pick, Ranking, Search
from ccx_addons.scheduler.affinity import parent_of, trace_of
from ccx_addons.scheduler.index import Plan
from ccx_addons.scheduler.limits import Refusal, Refused
from ccx_addons.scheduler.search import About
from ccx_addons.scheduler.state import Standing
from ccx_addons.scheduler.suspects import body_print
from ccx_addons.sessions import unknown_answer

IMAGE: Final = re.compile(rb'"type"\s*:\s*"(?:image|input_image|image_url)"|"mime_?[tT]ype"\s*:\s*"image/')
"""A picture in a text protocol's body. Inside a JSON string the quotes are escaped, so text does not match."""

CONVERTED: Final = frozenset({"generate", "compact"})
"""Operations that a channel of another protocol can answer."""
MAX_MESSAGE: Final = 800

ALL_BUSY: Final = Fault(
    "rate_limit",
    "every channel that could take this request is at its own limit",
    429,
    "rate_limit_exceeded",
    retry_after=PATIENCE,
)


class Route:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.gate = Gate(runtime.state, runtime.meeting)

    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        """Waits only where other workers have a say in the client's limits."""
        assert x.client
        if model := forbidden(x, x.client):
            words = f"the key {x.client.name!r} may not use the model {model[:MAX_MODEL]!r}"
            flow.response = refuse(flow, Fault("permission", words, status=403, code="model_not_allowed"))
            return None
        admission = self.gate.admit(x)
        if admission is None or isinstance(admission, Refusal):
            self.start(flow, x, admission)
            return None
        return self.start_later(flow, x, admission)

    async def start_later(self, flow: http.HTTPFlow, x: Exchange, admission: Awaitable[Refusal | None]) -> None:
        self.start(flow, x, await admission)

    def start(self, flow: http.HTTPFlow, x: Exchange, refusal: Refusal | None) -> None:
        """Ranks the channels for an admitted request."""
        if refusal:
            fault = Fault("rate_limit", refusal.words, 429, "rate_limit_exceeded", retry_after=refusal.retry_after)
            flow.response = refuse(flow, fault)
            return
        search = self.search(x)
        x.decisions = search.ranking.noted()
        if not search.ranking:
            flow.response = counted_instead(x) or refuse(flow, nobody(x, search.ranking))
            return
        x.other_key, x.other_way = search.other_key, search.other_way
        x.failover = attempts(search, time.monotonic, x.deadline, time.time, x.snapshot.policy.attempts)
        x.next_attempt = next(x.failover, None)
        if x.next_attempt is None:
            flow.response = counted_instead(x) or refuse(flow, nobody(x, search.ranking))

    @guarded
    def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        """The next candidate becomes the attempt; convert writes its request. Waits only where a limit or a probe asks
        for it."""
        attempt, x.next_attempt = x.next_attempt, None
        if attempt is None:
            return None
        if not self.gate.open_for(attempt) or self.gate.probes(x, attempt):
            return self.queue(flow, x, attempt)
        answer = self.gate.enter(x, attempt)
        if answer is None:
            begin(x, attempt)
            return None
        return self.queue(flow, x, attempt) if isinstance(answer, Refused) else self.meet(flow, x, attempt, answer)

    async def meet(self, flow: http.HTTPFlow, x: Exchange, attempt: Attempt, answer: Awaitable[Answer]) -> None:
        if await answer is None:
            begin(x, attempt)
        else:
            await self.queue(flow, x, attempt)

    async def queue(self, flow: http.HTTPFlow, x: Exchange, attempt: Attempt) -> None:
        """One patience for all candidates: those that come when it is used up have to have a place at once."""
        assert x.failover
        x.phase = "queued"
        until = min(time.monotonic() + PATIENCE, x.deadline)
        while outcome := await self.gate.probe(x, attempt) or await self.gate.enter_by(x, attempt, until):
            try:
                attempt = x.failover.send(Outcome(outcome))
            except StopIteration:
                flow.response = refuse(flow, best_fault(x) if x.attempts else ALL_BUSY)
                return
        begin(x, attempt)

    @guarded
    def upstream_outcome(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.gate.leave(x)

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.gate.dismiss(x)

    @guarded
    def error(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.gate.dismiss(x)

    def search(self, x: Exchange) -> Search:
        """The way through the channels, under the snapshot the exchange arrived with."""
        assert x.match
        state, vectors = self.runtime.state, x.operation in VECTORS
        index = state.indexes.of(x.snapshot)
        plan = index.plan(x.kind, x.model, x.match.route_prefix, vectors)
        x.images = index.blind and x.body is not None and is_near(x.body.outline, b"image", IMAGE, 40)
        return Search(self.pick(x, plan, vectors), x.snapshot, state, time.time, Way(self, x), plan)

    def pick(self, x: Exchange, plan: Plan, vectors: bool) -> Pick:
        assert x.match and x.client
        members = x.body.members if x.body else {}
        headers = dict(x.headers)
        x.trace = trace_of(headers, members, x.trace)
        x.parent = parent_of(headers) if x.trace else ""
        x.pin = headers.get(PIN_HEADER, "")
        long = 0 < plan.least_window < len(x.raw) // BYTES_PER_TOKEN
        return Pick(
            kind=x.kind,
            model=x.model,
            client=x.client,
            trace=x.trace,
            route_prefix=x.match.route_prefix,
            pin=x.pin,
            images=x.images,
            prompt_tokens=prompt_tokens(x.raw) if long else 0,
            output_tokens=output_tokens(members),
            home=x.home,
            only_home=x.operation in STORED,
            login=bool(x.login),
            internal=x.internal,
            native=x.operation not in CONVERTED,
            vectors=vectors,
        )


class Way(About):
    """An exchange whose search goes on."""

    __slots__ = ("route", "x")

    def __init__(self, route: Route, x: Exchange) -> None:
        self.route, self.x = route, x

    def told(self, attempt: Attempt, outcome: Outcome, verdict: Verdict) -> None:
        runtime, record = self.route.runtime, self.x.current
        if record and record.attempt.number == attempt.number:
            record.verdict = verdict
        self.route.gate.probed(self.x)
        write_changes(runtime.state, runtime.snapshot, runtime.store, time.time())

    def words(self, outcome: Outcome) -> str:
        said = outcome.fault.message if outcome.fault else outcome.detail
        return self.x.secrets.clean(said)[:MAX_MESSAGE]

    def body(self) -> str:
        return body_print(self.x.raw)


def begin(x: Exchange, attempt: Attempt) -> None:
    x.begin(AttemptRecord(attempt, started=time.monotonic()))


def forbidden(x: Exchange, client: Client) -> str:
    """A model that the request names and the client may not use; empty: there is none."""
    if not client.models.include and not client.models.exclude:
        return ""
    named = [x.model, *(also_named(x.body.members) if x.body else ())]
    return next((model for model in named if model and not client.models.allows(model)), "")


def nobody(x: Exchange, ranking: Ranking) -> Fault:
    """Why no channel can take this: an unknown model is the caller's affair, everything else the gateway's."""
    if x.operation in STORED:
        return unknown_answer(x)
    serving = [c for c in x.snapshot.channels if x.kind in c.serves]
    prefix = x.match.route_prefix if x.match else ""
    if prefix and not any(c.route_prefix == prefix for c in x.snapshot.channels):
        words = f"no channel has the route prefix {prefix!r}; did you mean {x.path.removeprefix(f'/{prefix}')}?"
        return Fault("not_found", words, status=404, code="unknown_path")
    if not serving:
        words = f"no channel serves {x.kind} yet: add one to config/ccx.yaml under channels, or in the panel"
        if x.kind in TEXT_KINDS and (other := next((c for c in x.snapshot.channels if c.serves & TEXT_KINDS), None)):
            words += f"; or let one of yours do so: serves: [{other.protocol}, {x.kind}]"
        return Fault("unavailable", words, status=503, code="no_channel")
    if x.pin and not any(x.pin in (c.name, c.id) for c in serving):
        return Fault("not_found", f"there is no {x.kind} channel named {x.pin!r}", status=404, code="unknown_channel")
    if x.model and not any(listed(channel, x) for channel in serving):
        words = f"no {x.kind} channel offers the model {x.model!r}"
        if off := next((c for c in serving if listed(replace(c, status="active"), x)), None):
            words += f"; {off.name} would, and is {off.status}"
        return Fault("not_found", words, status=404, code="model_not_found", param="model")
    if ranking.soonest:
        return all_rest(x, ranking.soonest, time.time())
    near = [d for d in ranking.decisions if d.rule not in ("allows_model", "has_prefix", "is_active")]
    last = f"{near[-1].channel_name} {near[-1].reason}" if near else "none is active"
    return Fault("unavailable", f"no {x.kind} channel can take this request: {last}", status=503, code="no_channel")


WORTH_WAITING: Final = 300.0
"""Seconds after which a client had better say so than wait: some would wait for hours."""
NOT_THE_CALLERS: Final = frozenset({401, 403})
"""What an upstream says of the gateway's own keys: a caller that reads it would doubt its own."""


def all_rest(x: Exchange, soonest: Standing, now: float) -> Fault:
    """Everybody rests until a known moment: the remembered status of whoever is back first, and how long that is."""
    words = f"no {x.kind} channel can take this request: {soonest.words(now)}"
    wait = max(soonest.until - now, 1.0)
    if soonest.status == 404:
        return Fault("not_found", words, 404, "model_not_found", param="model", retry_after=wait)
    if soonest.status in NOT_THE_CALLERS:
        return Fault("unavailable", words, 503, "no_channel", retry_after=wait)
    if wait > WORTH_WAITING and x.kind in OPENAI:
        return Fault("rate_limit", words, 429, USAGE_LIMIT, USAGE_LIMIT, retry_after=wait, resets_at=now + wait)
    return Fault("rate_limit", words, 429, "rate_limit_exceeded", retry_after=wait)


def listed(channel: Channel, x: Exchange) -> bool:
    assert x.match
    return channel.route_prefix == x.match.route_prefix and channel.allow.allows(x.model) and channel.status == "active"
