"""Writes each attempt's request in the channel's protocol, and turns its answer into the client's.

Same protocol on both sides: the client's bytes go through with only the edits the channel asks for. Otherwise the
request is decoded once per exchange and encoded freshly for each attempt.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from mitmproxy import http

from ccx_addons.core import multipart, read
from ccx_addons.core.config import Channel, Kind
from ccx_addons.core.exchange import Ended, Exchange, Upstream
from ccx_addons.core.urls import join
from ccx_addons.core.verdict import Attempt
from ccx_addons.core.wire_json import BadJson, loads
from ccx_addons.guard import guarded
from ccx_addons.protocols import PROTOCOLS, WireProtocol
from ccx_addons.runtime import Runtime
from ccx_addons.watch import PassWatcher

COMMON_HEADERS: Final = re.compile(
    r"accept|accept-language|content-type|user-agent|idempotency-key|traceparent|tracestate|x-client-request-id"
)
VENDORS: Final[Mapping[Kind, str]] = {
    "messages": "anthropic",
    "chat": "openai",
    "responses": "openai",
    "images": "openai",
    "embeddings": "openai",
    "gemini": "google",
}
VENDOR_HEADERS: Final[Mapping[str, re.Pattern[str]]] = {
    "anthropic": re.compile(r"anthropic-[\w-]+|x-stainless-[\w-]+|x-app|x-claude-[\w-]+"),
    "openai": re.compile(
        r"openai-[\w-]+|x-stainless-[\w-]+|x-codex-[\w-]+|originator|session[-_]id|thread[-_]id|conversation[-_]id"
    ),
    "google": re.compile(r"x-goog-api-client|x-gemini-[\w-]+|x-server-timeout"),
}
"""Request headers that go to an upstream, beside the common ones. Vendor headers go to that vendor's protocols only."""

RESPONSE_HEADERS: Final = re.compile(
    r"content-type|content-length|transfer-encoding|connection|request-id|x-request-id|retry-after|"
    r"(?:anthropic|x)-ratelimit-[\w-]+|openai-(?:model|processing-ms|version)|x-ccx-[\w-]+|access-control-[\w-]+|allow"
)
"""Answer headers that reach the client. Never: cookies, hop-by-hop, anything else of the upstream's."""

USAGE_CHUNK: Final = re.compile(rb'"choices"\s*:\s*\[\s*\]')
"""A Chat stream's closing chunk, which has nothing but the usage."""

ANTHROPIC_VERSION: Final = "2023-06-01"
SENSITIVE_QUERY: Final = frozenset({"key", "api_key", "access_token", "alt"})
"""Query parameters that are never passed on; ``alt`` is chosen for each attempt."""


class Convert:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @guarded
    def upstream_attempt(self, flow: http.HTTPFlow, x: Exchange) -> None:
        record = x.current
        if record is None or record.outcome is not None:
            return
        attempt = record.attempt
        channel = attempt.channel
        protocol = PROTOCOLS[channel.protocol]
        record.upstream_model = model = channel.models.apply(x.model).model
        x.array = x.stream and x.kind == "gemini" and "alt=sse" not in x.query
        path = protocol.upstream_path(x.operation, model, x.stream)
        if x.array:
            path = path.replace("?alt=sse", "")
        write_request(flow.request, x, attempt, protocol, path, native_body(x, attempt, model))
        x.expects_stream = x.stream
        x.watcher = native_watcher(x, protocol, channel) if x.stream else None
        x.upstream = Upstream(
            host=flow.request.data.host,
            port=flow.request.data.port,
            tls=flow.request.scheme == "https",
            timeouts=channel.timeouts,
            verify_tls=channel.verify_tls,
            ca_file=channel.ca_file,
            proxy=channel.proxy,
            fresh=attempt.fresh,
        )
        x.phase = "connecting"

    @guarded
    def upstream_outcome(self, flow: http.HTTPFlow, x: Exchange) -> None:
        """Reads what a complete answer says, before failover judges it."""
        record, response = x.current, flow.response
        if record is None or response is None or x.ended is None or x.committed:
            return
        protocol = PROTOCOLS[record.attempt.channel.protocol]
        content = response.raw_content or b""
        if x.ended.kind == "status":
            headers = {name.lower(): value for name, value in response.headers.items()}
            x.ended.fault = protocol.decode_error(response.status_code, headers, content)
        elif x.ended.kind == "ok":
            x.ended = judge(x, protocol, content)

    @guarded
    def responseheaders(self, flow: http.HTTPFlow, x: Exchange) -> None:
        """Only what the client may see of the upstream's head, and who we are."""
        response = flow.response
        assert response
        kept = [
            field for field in response.headers.fields if RESPONSE_HEADERS.fullmatch(field[0].decode("latin-1").lower())
        ]
        response.headers = http.Headers(kept)
        response.http_version = "HTTP/1.1"
        response.headers["x-ccx-request-id"] = x.id
        if x.attempts:
            response.headers["x-ccx-attempts"] = str(len(x.attempts))
        if x.losses:
            response.headers["x-ccx-losses"] = "; ".join(dict.fromkeys(loss.path for loss in x.losses))[:1000]
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            response.headers["cache-control"] = "no-cache"
            response.headers["x-accel-buffering"] = "no"


def judge(x: Exchange, protocol: WireProtocol, content: bytes) -> Ended:
    """Whether a 2xx body is an answer; takes its usage."""
    if x.operation == "delete" and not content:
        return Ended("ok")
    if x.stream:
        return Ended("bad_body", "the upstream answered a stream request without a stream")
    try:
        value = loads(content)
    except BadJson as bad:
        return Ended("bad_body" if content else "empty", str(bad) if content else "the answer is empty")
    if fault := protocol.answer_fault(value):
        has_error = isinstance(value, dict) and bool(value.get("error"))
        return Ended("error_body" if has_error else "empty", fault.message, fault)
    x.usage = protocol.usage_of(value)
    return Ended("ok")


def native_body(x: Exchange, attempt: Attempt, model: str) -> bytes:
    """The client's own body with the model renamed and refused fields left out; not one other byte changes."""
    if x.body is None:
        place = x.form.get("model") if x.form else None
        return multipart.replace(x.raw, place, model) if place and place.value != model else x.raw
    in_body = x.match is not None and x.match.endpoint.model_in == "body"
    changes: dict[str, Any] = {"model": model} if in_body and model != x.model else {}
    if hides_usage(x, attempt.channel):
        changes["stream_options"] = {**read.mapping(x.body.members.get("stream_options")), "include_usage": True}
    drop = attempt.drop & x.body.members.keys()
    return x.body.edit(changes, drop) if changes or drop else x.raw


def hides_usage(x: Exchange, channel: Channel) -> bool:
    """A Chat stream counts its tokens only when asked to: the gateway asks, and hides what the client did not want."""
    if x.kind != "chat" or not x.stream or x.body is None or "no_stream_options" in channel.quirks:
        return False
    return read.mapping(x.body.members.get("stream_options")).get("include_usage") is not True


def native_watcher(x: Exchange, protocol: WireProtocol, channel: Channel) -> PassWatcher:
    return PassWatcher(x, protocol, protocol.decoder(), USAGE_CHUNK if hides_usage(x, channel) else None)


def write_request(
    request: http.Request, x: Exchange, attempt: Attempt, protocol: WireProtocol, path: str, body: bytes
) -> None:
    """``flow.request`` becomes the upstream's: what mitmproxy sends and mitmweb shows. Only its own key is on it."""
    channel = attempt.channel
    name, value = protocol.auth_header(attempt.key.secret, channel.auth)
    query = [part for part in x.query.split("&") if part and part.partition("=")[0] not in SENSITIVE_QUERY]
    if name == "?key":
        query.append(f"key={value}")
    url = join(attempt.base_url, protocol.DEFAULT_VERSION, path)
    for part in query:
        url += ("&" if "?" in url else "?") + part
    parts = urlsplit(url)
    request.data.method = x.method.encode()
    request.data.http_version = b"HTTP/1.1"
    request.data.authority = b""
    request.data.scheme = parts.scheme.encode()
    request.data.host = parts.hostname or ""
    request.data.port = parts.port or (443 if parts.scheme == "https" else 80)
    request.data.path = (parts.path + (f"?{parts.query}" if parts.query else "")).encode()
    headers = [("host", parts.netloc.rpartition("@")[2]), *forwarded_headers(x, channel, attempt.drop)]
    if name != "?key":
        headers.append((name, value))
    headers += channel.headers
    if body or x.method == "POST":
        headers.append(("content-length", str(len(body))))
    request.headers = http.Headers([(n.encode(), v.encode("utf-8", "surrogateescape")) for n, v in headers])
    request.data.content = body


def forwarded_headers(x: Exchange, channel: Channel, drop: Iterable[str]) -> list[tuple[str, str]]:
    """The client's headers that this upstream may see."""
    hop = {name.strip().lower() for key, value in x.headers if key == "connection" for name in value.split(",")}
    vendor = VENDORS[channel.protocol]
    pattern = VENDOR_HEADERS[vendor] if vendor == VENDORS[x.kind] else None
    own = {name for name, _ in channel.headers}
    kept = [
        (name, _without(value, drop) if name == "anthropic-beta" else value)
        for name, value in x.headers
        if name not in hop
        and name not in own
        and (COMMON_HEADERS.fullmatch(name) or (pattern and pattern.fullmatch(name)))
    ]
    names = {name for name, _ in kept} | own
    if vendor == "anthropic" and "anthropic-version" not in names:
        kept.append(("anthropic-version", ANTHROPIC_VERSION))
    if "user-agent" not in names:
        kept.append(("user-agent", "ccx"))
    return [*(pair for pair in kept if pair[1]), ("accept-encoding", "identity")]


def _without(betas: str, drop: Iterable[str]) -> str:
    dropped = set(drop)
    return ",".join(token for token in (part.strip() for part in betas.split(",")) if token not in dropped)
