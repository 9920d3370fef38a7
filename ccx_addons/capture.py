"""Bodies for the panel: kept when the policy says so, and shown live while somebody watches a running request.

Sides of an exchange: the client's request, the last attempt's request and answer, what attempts before it were
answered, and what the client got. Credentials are never among the headers, keys are masked, and the policy's patterns
are redacted in the writer thread.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Final
from urllib.parse import parse_qsl, urlencode

from mitmproxy import http

from ccx_addons.core.confidential import HARMLESS_HEADERS, is_harmless
from ccx_addons.core.config import Bodies
from ccx_addons.core.endpoints import CHOSEN, PARAMETERS
from ccx_addons.core.exchange import Exchange, RawHeaders, Tap
from ccx_addons.core.header_names import LOGIN
from ccx_addons.core.kept import answer_to, line_of
from ccx_addons.core.mask import Secrets, mask
from ccx_addons.io import said
from ccx_addons.processes.periodic import Periodic
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy import answers
from ccx_addons.proxy.guard import guarded

log: Final = logging.getLogger("ccx")

LIVE_EVERY: Final = 0.1
IDLE_EVERY: Final = 0.25
"""Seconds between two looks while somebody watches, and while nobody does."""
LIVE_PACE: Final = 1_000_000
"""Bytes a second at which a watched answer is written down anew: a long one is shown less often."""
LIVE_KB: Final = 256
CREDENTIALS: Final = frozenset(
    {"authorization", "x-api-key", "x-goog-api-key", "api-key", "proxy-authorization", "cookie", "set-cookie"}
)
"""Headers that are masked whoever sends them."""
MEMBERS: Final = re.compile(
    r'("(?:authorization(?:_token)?|(?:x-)?(?:[a-z]{1,20}-)?(?:api[-_]?key|auth-token|access-token))"\s{0,9}:\s{0,9}")'
    r'((?:[^"\\\n]|\\.){4,})',
    re.IGNORECASE,
)
"""The same in a body, and what a request has for the remote servers that its upstream asks (core/mcp.py)."""


class Capture(Periodic):
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.active: dict[str, Exchange] = {}
        self.shown: dict[str, tuple[int, float]] = {}
        """Of watched requests: bytes of the answer that were written down, and when it may be done again."""

    def running(self) -> None:
        self.begin("showing live text", self.show_live, lambda: LIVE_EVERY if self.runtime.watched else IDLE_EVERY)

    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.active[x.id] = x
        bodies = x.snapshot.policy.bodies
        if bodies.capture != "off":
            x.tap = tap_of(bodies)

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.close(flow, x)

    @guarded
    def error(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.close(flow, x)

    def close(self, flow: http.HTTPFlow, x: Exchange) -> None:
        self.active.pop(x.id, None)
        bodies = x.snapshot.policy.bodies
        if x.tap is None and bodies.capture != "off":
            x.tap = tap_of(bodies)  # the gateway itself answered, before anybody was asked
        if x.tap is None:
            return
        watched = self.shown.pop(x.id, None)
        wanted = bodies.capture == "all" or (bodies.capture == "errors" and (x.state != "ok" or len(x.attempts) > 1))
        if wanted and x.client and x.match:
            self.keep(flow, x, x.tap, bodies)
        elif watched:
            self.runtime.store.drop_bodies(x.id)

    def keep(self, flow: http.HTTPFlow, x: Exchange, tap: Tap, bodies: Bodies) -> None:
        redact = redaction(x.secrets, bodies.redact)
        put = partial(self.runtime.store.put_body, x.id, redact=redact)
        asked, answered = partial(said.of_request, x.kind), partial(said.of_answer, x.kind)
        own = x.asked or x.raw
        put(
            "client_request",
            own[: tap.limit],
            asked_head(x),
            len(own) > tap.limit,
            words=asked,
        )
        if x.attempts:
            sent = flow.request.raw_content or b""
            line = line_of(flow.request.method, x.secrets.clean(flow.request.path))
            head = [*line, *safe(pairs(flow.request.headers), x)]
            put("upstream_request", sent[: tap.limit], head, len(sent) > tap.limit)
            times = partial(tap.arrivals["upstream"].times, clock=x.clock)
            put("upstream_response", bytes(tap.upstream), told(tap.head, x), "upstream" in tap.cut, times=times)
        for one in tap.earlier:
            times = partial(one.arrivals.times, clock=x.clock)
            put(answer_to(one.n), one.body, told(one.head, x), one.is_cut, times=times)
        headers = answer_head(flow.response, x, flow.client_conn.tls) if flow.response else ()
        if not x.committed and flow.response:
            tap.to_client(flow.response.raw_content or b"")
        times = partial(tap.arrivals["client"].times, clock=x.clock)
        put("client_response", bytes(tap.client), headers, "client" in tap.cut, words=answered, times=times)

    # ---- live -------------------------------------------------------------------------------------------------------
    def show_live(self) -> None:
        """The text so far of running streams that a page watches (``runtime.watched``, filled by commands)."""
        self.look(time.time())

    def look(self, now: float) -> None:
        watched = self.runtime.watched
        for id in [id for id, until in watched.items() if until < now]:
            del watched[id]
        for id in watched:
            if x := self.active.get(id):
                self.show(x, now)

    def show(self, x: Exchange, now: float) -> None:
        if x.tap is None:
            x.tap = Tap(LIVE_KB << 10)
            x.tap.to_client(x.opening)
        redact = redaction(x.secrets, x.snapshot.policy.bodies.redact)
        put = partial(self.runtime.store.put_body, x.id, redact=redact)
        if x.id not in self.shown:
            put("client_request", x.raw[: x.tap.limit], asked_head(x), len(x.raw) > x.tap.limit)
        size, again = self.shown.get(x.id, (0, 0.0))
        if len(x.tap.client) != size and now >= again:
            times = partial(x.tap.arrivals["client"].so_far().times, clock=x.clock)
            put("client_response", bytes(x.tap.client), truncated="client" in x.tap.cut, times=times)
            size, again = len(x.tap.client), now + len(x.tap.client) / LIVE_PACE
        self.shown[x.id] = size, again


def tap_of(bodies: Bodies) -> Tap:
    return Tap(bodies.max_kb << 10)


def asked_head(x: Exchange) -> list[tuple[str, str]]:
    """What the client said before its body; what a parameter holds that nobody here knows is no one's to see."""
    known, pairs = PARAMETERS[x.kind] | CHOSEN, parse_qsl(x.query, keep_blank_values=True)
    query = urlencode([(name, value if name in known or is_harmless(value) else mask(value)) for name, value in pairs])
    return [*line_of(x.method, x.secrets.clean(x.path + (f"?{query}" if query else ""))), *safe(x.headers, x)]


def answer_head(response: http.Response, x: Exchange, secure: bool) -> list[tuple[str, str]]:
    """What the client was told before its body."""
    return safe(pairs(answers.finished(response.headers, x.forward is not None, secure)), x)


def pairs(headers: http.Headers) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers.items(multi=True)]


def told(head: RawHeaders, x: Exchange) -> list[tuple[str, str]]:
    """What an upstream said before its body."""
    return safe(pairs(http.Headers(head)), x)


def safe(headers: Iterable[tuple[str, str]], x: Exchange) -> list[tuple[str, str]]:
    """Headers as they may be kept: credentials, and what a channel adds, as masks."""
    record, clean = x.current, x.secrets.clean
    added = {name for name, _ in record.attempt.channel.headers} - HARMLESS_HEADERS if record else frozenset()
    return [
        (name, mask(value) if name in CREDENTIALS or name in LOGIN or name in added else clean(value))
        for name, value in headers
    ]


def redaction(secrets: Secrets, patterns: tuple[str, ...]) -> Callable[[bytes], bytes]:
    """Masks the secrets, what looks like a key, and whatever the policy's patterns find. A body may be cut anywhere."""

    def redact(body: bytes) -> bytes:
        text = body.decode("utf-8", "surrogateescape")
        for pattern in patterns:
            text = compiled(pattern).sub("[redacted]", text)
        text = MEMBERS.sub(lambda found: found[1] + mask(found[2]), text)
        return secrets.clean(text, cut=True).encode("utf-8", "surrogateescape")

    return redact


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
