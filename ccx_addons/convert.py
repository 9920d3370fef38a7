"""Writes each attempt's request in the channel's protocol, and turns its answer into the client's.

Same protocol on both sides: the client's bytes go through with only the edits the channel asks for. Otherwise the request
is decoded once per exchange and encoded freshly for each attempt.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from mitmproxy import http

from ccx_addons.core import multipart, wire_json
from ccx_addons.core.config import TEXT_KINDS, Channel, Kind
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.exchange import Exchange, Upstream
from ccx_addons.core.neutral import Fault
from ccx_addons.core.urls import join
from ccx_addons.core.verdict import Attempt
from ccx_addons.guard import guarded
from ccx_addons.protocols import PROTOCOLS, TEXT_PROTOCOLS, WireProtocol
from ccx_addons.runtime import Runtime
from ccx_addons.watch import ConvertWatcher, PassWatcher

COMMON_HEADERS: Final = re.compile(
    r"accept|accept-language|content-type|user-agent|idempotency-key|traceparent|tracestate|x-client-request-id"
)
VENDOR_HEADERS: Final[dict[str, re.Pattern[str]]] = {
    "messages": re.compile(r"anthropic-[\w-]+|x-stainless-[\w-]+|x-app|x-claude-[\w-]+"),
    "openai": re.compile(
        r"openai-[\w-]+|x-stainless-[\w-]+|x-codex-[\w-]+|originator|session[-_]id|thread[-_]id|conversation[-_]id"
    ),
    "gemini": re.compile(r"x-goog-api-client|x-gemini-[\w-]+|x-server-timeout"),
}
"""Request headers that go to an upstream; everything else stays here. Vendor headers go to that vendor's protocol only."""

RESPONSE_HEADERS: Final = re.compile(
    r"content-type|request-id|x-request-id|retry-after|(?:anthropic|x)-ratelimit-[\w-]+|"
    r"openai-(?:model|processing-ms|version)|x-ccx-[\w-]+|transfer-encoding|connection|location"
)
"""Answer headers that reach the client. Never: cookies, hop-by-hop, the upstream's own lengths."""

DEFAULT_ANTHROPIC_VERSION: Final = "2023-06-01"


class Convert:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @guarded
    def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> None:
        record = x.current
        if record is None or x.next_attempt is not None:
            return
        attempt = record.attempt
        channel = attempt.channel
        protocol = PROTOCOLS[channel.protocol]
        mapped = channel.models.apply(x.model)
        record.upstream_model = mapped.model
        record.converted = channel.protocol != x.kind
        body = self.native_body(x, channel, mapped.model)
        path = protocol.upstream_path(x.operation, mapped.model, x.stream)
        self.write_request(flow, x, attempt, path, body)
        x.watcher = self.watcher(x, protocol)
        x.expects_stream = x.stream
        x.upstream = self.upstream_of(attempt, flow)
        x.phase = "connecting"

    def native_body(self, x: Exchange, channel: Channel, model: str) -> bytes:
        """The client's own body with the model renamed; not one other byte changes."""
        if x.body is None:
            place = x.form.get("model") if x.form else None
            return multipart.replace(x.raw, place, model) if place and place.value != model else x.raw
        if x.match and x.match.endpoint.model_in == "body" and model != x.model:
            return x.body.edit({"model": model})
        return x.raw

    def watcher(self, x: Exchange, protocol: WireProtocol) -> PassWatcher | ConvertWatcher | None:
        if not x.stream:
            return None
        return PassWatcher(x, protocol, protocol.decoder())

    def write_request(self, flow: http.HTTPFlow, x: Exchange, attempt: Attempt, path: str, body: bytes) -> None:
        """flow.request becomes the upstream's: this is what mitmproxy sends and what mitmweb shows."""
        channel = attempt.channel
        protocol = PROTOCOLS[channel.protocol]
        url = join(attempt.base_url, protocol.DEFAULT_VERSION, path)
        name, value = protocol.auth_header(attempt.key.secret, channel.auth)
        query = [part for part in (x.query if not record_converted(x) else "",) if part]
        if name == "?key":
            query.append(f"key={value}")
        for part in query:
            url += ("&" if "?" in url else "?") + part
        parts = urlsplit(url)
        request = flow.request
        request.data.method = x.method.encode()
        request.http_version = "HTTP/1.1"
        request.authority = ""
        request.scheme = parts.scheme
        request.data.host = parts.hostname or ""
        request.data.port = parts.port or (443 if parts.scheme == "https" else 80)
        request.data.path = (parts.path + (f"?{parts.query}" if parts.query else "")).encode()
        headers = [("host", parts.netloc.rpartition("@")[2]), *self.headers_for(x, channel)]
        if name != "?key":
            headers.append((name, value))
        headers += list(channel.headers)
        if body or x.method == "POST":
            headers.append(("content-length", str(len(body))))
        request.headers = http.Headers([(n.encode(), v.encode("utf-8", "surrogateescape")) for n, v in headers])
        request.data.content = body

    def headers_for(self, x: Exchange, channel: Channel) -> list[tuple[str, str]]:
        dropped = {name.strip().lower() for key, value in x.headers if key == "connection" for name in value.split(",")}
        vendor = VENDOR_HEADERS[vendor_of(channel.protocol)]
        same = vendor_of(channel.protocol) == vendor_of(x.kind)
        kept = [
            (name, value)
            for name, value in x.headers
            if name not in dropped and (COMMON_HEADERS.fullmatch(name) or (same and vendor.fullmatch(name)))
        ]
        names = {name for name, _ in kept}
        if channel.protocol == "messages" and "anthropic-version" not in names:
            kept.append(("anthropic-version", DEFAULT_ANTHROPIC_VERSION))
        if "user-agent" not in names:
            kept.append(("user-agent", "ccx"))
        kept.append(("accept-encoding", "identity"))
        return kept

    def upstream_of(self, attempt: Attempt, flow: http.HTTPFlow) -> Upstream:
        channel = attempt.channel
        return Upstream(
            host=flow.request.data.host,
            port=flow.request.data.port,
            tls=flow.request.scheme == "https",
            timeouts=channel.timeouts,
            verify_tls=channel.verify_tls,
            ca_file=channel.ca_file,
            proxy=channel.proxy,
            fresh=attempt.fresh,
        )

    @guarded
    def responseheaders(self, flow: http.HTTPFlow, x: Exchange) -> None:
        """Only what the client may see of the upstream's head, and who we are."""
        response = flow.response
        assert response
        kept = [(name, value) for name, value in response.headers.fields if allowed_header(name)]
        response.headers = http.Headers(kept)
        response.http_version = "HTTP/1.1"
        response.reason = ""
        response.headers["x-ccx-request-id"] = x.id
        if x.attempts:
            response.headers["x-ccx-attempts"] = str(len(x.attempts))
        if x.losses:
            response.headers["x-ccx-losses"] = "; ".join(dict.fromkeys(loss.path for loss in x.losses))[:1000]
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            response.headers["cache-control"] = "no-cache"
            response.headers["x-accel-buffering"] = "no"
