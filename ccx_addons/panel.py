"""Requests for the panel go to its own process, through the gateway's port, untouched: pages, API and live socket."""

import re
import time
from html import escape
from typing import Final

from mitmproxy import http

from ccx_addons.auth import peer_of
from ccx_addons.core.config import Timeouts
from ccx_addons.core.endpoints import GATEWAY_HEADER
from ccx_addons.core.exchange import Exchange, Upstream
from ccx_addons.core.forwarded import Proxies
from ccx_addons.core.neutral import Fault
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy import framing
from ccx_addons.proxy.guard import guarded
from ccx_addons.proxy.headers import Headers

PATIENCE: Final = Timeouts(total=120, connect=3, first_byte=60, idle=60)
NOT_THE_CLIENTS: Final = re.compile(rb"forwarded|x-forwarded\b.*|.*_.*|" + GATEWAY_HEADER.encode(), re.IGNORECASE)
"""Names that only the gateway may use towards the panel. A name with ``_`` looks to WSGI like one with ``-``."""
AWAY: Final = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>CCX</title>
<p>The panel is starting; this page loads again by itself. Traffic is not affected. ({reason})"""


class Through:
    """Lets the panel's event streams through as they come. Other answers are complete before they are sent."""

    patient = False
    fault: Fault | None = None

    def __init__(self) -> None:
        self.meaningful = False

    def feed(self, data: bytes) -> list[bytes]:
        self.meaningful = True
        return [data]

    def finish(self) -> list[bytes]:
        return []

    def abort(self, fault: Fault) -> list[bytes]:
        """The page sees that the stream ends without its last event."""
        return []


class Panel:
    for_panel = "only"

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.proxies = Proxies.of(runtime.settings.trusted_proxies)

    @guarded
    def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.forward is None:
            return
        request = flow.request
        framing.reframe(request)
        self.introduce(flow, x)
        request.data.scheme = b"http"
        request.data.host, request.data.port = x.forward
        x.upstream = Upstream(*x.forward, tls=False, timeouts=PATIENCE)
        x.watcher = Through()

    def introduce(self, flow: http.HTTPFlow, x: Exchange) -> None:
        """Who asks, how and under which name: the gateway's word, and that of proxies which it trusts."""
        headers, peer = flow.request.headers, peer_of(flow)
        host, proto, prefix = (headers.get(f"x-forwarded-{name}", "") for name in ("host", "proto", "prefix"))
        kept = Headers.of(field for field in headers.fields if not NOT_THE_CLIENTS.fullmatch(field[0]))
        if asked := self.proxies.host(peer, kept.get("host", ""), host):
            kept["host"] = asked
        kept["x-forwarded-for"] = x.client_ip
        kept["x-forwarded-proto"] = self.proxies.scheme(peer, flow.request.scheme, proto)
        if below := self.proxies.prefix(peer, self.runtime.settings.base_path, prefix):
            kept["x-forwarded-prefix"] = below
        kept[GATEWAY_HEADER] = self.runtime.panel_secret
        flow.request.headers = kept

    @guarded
    def upstream_outcome(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.forward is None or x.ended is None or x.committed:
            return
        if x.ended.kind not in ("ok", "status"):
            page = AWAY.format(reason=escape(x.ended.kind.replace("_", " ")))
            headers = {"content-type": "text/html; charset=utf-8", "retry-after": "2", "cache-control": "no-store"}
            flow.response = http.Response.make(503, page, headers)
        elif flow.response:
            flow.response.headers.pop("transfer-encoding", None)
            if flow.response.status_code not in (101, 204, 304):
                flow.response.headers["content-length"] = str(len(flow.response.raw_content or b""))
            flow.response.timestamp_end = time.time()
