"""What the stream looks at: heads of requests and answers, and why a connection failed."""

import re
import time
from collections.abc import Mapping
from typing import Final

from mitmproxy import http
from mitmproxy.connection import Server

from ccx_addons.core import urls
from ccx_addons.core.exchange import AttemptRecord, Exchange
from ccx_addons.core.neutral import Fault
from ccx_addons.proxy import framing
from ccx_addons.proxy.headers import Headers
from ccx_addons.proxy.upstream import UpstreamConnection

MAX_TARGET: Final = 8 * 1024
METHODS: Final = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
"""Every other method ends here, whatever its case: no upstream and no panel ever sees it."""

VERSIONS: Final = frozenset({b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0"})
TARGET: Final = re.compile(rb"/[!\"$-~]*+")
"""Visible ASCII without ``#``, which never leaves a browser."""
AUTHORITY: Final = re.compile(rb"[!-~]*+")
HEADER_NAME: Final = re.compile(framing.TOKEN)
HEADER_VALUE: Final = re.compile(framing.VALUE)
ANSWER_NAME: Final = re.compile(rb"[^\x00-\x20\x7f]+")
HEADER_BREAK: Final = re.compile(rb"[\0\r\n]")
LENGTH: Final = re.compile(rb"[0-9]{1,15}")
MERGED: Final = re.compile(rb"//+")

WELCOME: Final = frozenset({(b"te", b"trailers"), (b"expect", b"100-continue")})
"""Headers of a connection that HTTP/2 knows."""

FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"content_length", b"transfer_encoding", b"host"})
"""What must not be there twice. With an underscore: servers behind CGI's rules take it for the real one."""

NOT_ADMITTED: Final = Fault("server", "the gateway could not check who is asking", status=500)
UNTRUE: Final = Fault("invalid_request", "the request's content-length is not the length of its body", status=400)

MAX_UNKNOWN: Final = 64 << 10
"""Bytes of a body of somebody who has no valid key."""
MAX_PANEL: Final = 8 << 20
"""Bytes of a body for the panel, which looks itself who is asking."""
TOO_SLOW: Final = Fault("timeout", "the request body did not arrive in time", status=408)

TIMEOUT_WORDS: Final[Mapping[str, str]] = {
    "first_byte_timeout": "the upstream did not answer in time",
    "first_event_timeout": "the upstream sent no content in time",
    "idle": "the upstream stopped sending",
    "total_timeout": "the time for the whole request is over",
}


def head_problem(request: http.Request, ended: bool = False) -> tuple[int, str] | None:
    """Status and words for a request head that is not passed on. ``ended``: no body follows it."""
    data = request.data
    if len(data.path) > MAX_TARGET:
        return 414, "the request target is longer than 8 KiB"
    if data.http_version not in VERSIONS:
        return 505, "this HTTP version is not supported"
    if data.method == b"CONNECT":
        return 405, "this is a gateway, not a proxy: CONNECT is not supported"
    if data.method not in METHODS:  # as it came: mitmproxy's own ``method`` is in capitals
        return 405, f"the method is not one of {b', '.join(METHODS).decode()}"
    if not TARGET.fullmatch(data.path) or not AUTHORITY.fullmatch(data.authority):
        return 400, "the request target is not a path of visible ASCII characters"
    if urls.climbs(data.path.partition(b"?")[0].decode("ascii")):
        return 400, "the request target has . or .. as a part of its path"
    try:
        size = body_size(request)
    except ValueError as error:
        return 400, str(error)
    if ended and size:
        return 400, "the request has a content-length, but no body"
    problem = http2_problem(data.headers) if data.http_version == b"HTTP/2.0" else ""
    return (400, f"the request has {problem}") if problem else None


def body_size(request: http.Request) -> int | None:
    """The body's length as the head says it (RFC 9112 section 6); None: it is chunked, or HTTP/2 without a length.

    Raises ValueError for every head that two readers could take for different lengths. An exchange asks three times.
    """
    headers = request.data.headers
    if not isinstance(headers, Headers):
        return _body_size(request)
    if headers.measured is None or headers.measured[0] is not headers.fields:
        headers.measured = headers.fields, _body_size(request)
    return headers.measured[1]


def _body_size(request: http.Request) -> int | None:
    headers = request.data.headers
    names = headers.names if isinstance(headers, Headers) else [name.lower() for name, _ in headers.fields]
    there = FRAMING.intersection(names)
    if len(there) < sum(map(names.count, there)):
        twice = min(name for name in there if names.count(name) > 1)
        raise ValueError(f"the request has two {twice.decode()} headers")
    if b"content_length" in there or b"transfer_encoding" in there:
        raise ValueError("the request has a framing header with an underscore in its name")
    length = headers.fields[names.index(b"content-length")][1] if b"content-length" in there else None
    encoding = headers.fields[names.index(b"transfer-encoding")][1] if b"transfer-encoding" in there else None
    version = request.data.http_version
    if encoding is not None:
        if length is not None:
            raise ValueError("the request has both content-length and transfer-encoding")
        if version != b"HTTP/1.1" or encoding.lower() != b"chunked":
            raise ValueError("the request has a transfer-encoding that is not supported")
        return None
    if length is None:
        return None if version == b"HTTP/2.0" else 0
    if not LENGTH.fullmatch(length):
        raise ValueError("the request has a content-length that is not a number")
    return int(length)


def wants_close(request: http.Request) -> bool:
    """Whether the client's connection ends behind the answer (RFC 9112 section 9.3)."""
    said = request.headers.get("connection", "")
    tokens = [token.strip() for token in said.lower().split(",")] if said else []
    return "close" in tokens or (request.data.http_version == b"HTTP/1.0" and "keep-alive" not in tokens)


def merge_slashes(request: http.Request) -> None:
    """``//v1/messages`` is ``/v1/messages``: a base URL that ends with a slash is a frequent slip."""
    path, mark, query = request.data.path.partition(b"?")
    if b"//" in path:
        request.data.path = MERGED.sub(b"/", path) + mark + query


def http2_problem(headers: http.Headers) -> str:
    """What is wrong with header fields that no HTTP/1 parser has seen (RFC 9113 section 8.2); empty: nothing."""
    for name, value in headers.fields:
        if not HEADER_NAME.fullmatch(name) or name != name.lower():
            return "a header with a malformed name"
        if not HEADER_VALUE.fullmatch(value):
            return "a header with a control character in its value"
        if name in framing.OF_CONNECTION and (name, value) not in WELCOME:
            return "a header that HTTP/2 does not know"
    return ""


def header_problem(headers: http.Headers) -> str:
    """What is wrong with the raw header bytes of an answer (RFC 9110 section 5.5); empty: nothing."""
    for name, value in headers.fields:
        if not ANSWER_NAME.fullmatch(name):
            return "a header with a malformed name"
        if HEADER_BREAK.search(value):
            return "a header with a NUL or a line break in its value"
    return ""


def answer_problem(response: http.Response, request: http.Request, x: Exchange) -> str:
    """What makes the head of an upstream's answer unusable; empty: nothing. Only pages of the panel ask for a 101."""
    status = response.status_code
    upgrades = x.forward is not None and "upgrade" in request.headers
    if not 200 <= status <= 599 and not (status == 101 and upgrades):
        return f"the status {status}, which was not asked for"
    headers = response.data.headers
    return "" if isinstance(headers, Headers) and headers.sound else header_problem(headers)


def is_sse(response: http.Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return kind.lower().startswith("text/event-stream")


def is_stream(response: http.Response, expected: bool, array: bool) -> bool:
    """An event stream, also when a relay forgot to say so; HTML never is, JSON only when the client wants an array."""
    kind = response.headers.get("content-type", "").lower()
    if kind.startswith("text/event-stream"):
        return True
    return expected and not kind.startswith("text/html") and (array or not kind.startswith("application/json"))


def go_on() -> http.Response:
    """100 Continue."""
    response = http.Response.make(100)
    response.headers.clear()
    return response


def body_limit(x: Exchange | None, limit: int) -> int:
    """Bytes that a request may have; ``limit``: of a client's."""
    if x and x.client:
        return limit
    return min(MAX_PANEL if x and x.forward else MAX_UNKNOWN, limit)


def too_large(limit: int, setting: bool = True) -> Fault:
    """The answer to a body of more than ``limit`` bytes; ``setting``: whether the operator chose that number."""
    where = " (MAX_REQUEST_BODY_MB)" if setting else ""
    message = f"the request body is larger than {limit / (1 << 20):g} MB{where}"
    return Fault("too_large", message, status=413)


def note_connection(record: AttemptRecord, connection: Server, reused: bool) -> None:
    """How long it took to connect, as far as this attempt had to; or how long the connection was idle."""
    began, tcp, tls = connection.timestamp_start, connection.timestamp_tcp_setup, connection.timestamp_tls_setup
    record.reused = reused
    if reused and isinstance(connection, UpstreamConnection) and connection.wire:
        record.rested = time.monotonic() - connection.wire.idle_since
    if not reused and began and tcp:
        record.connect_ms = (tcp - began) * 1000
        record.tls_ms = (tls - tcp) * 1000 if tls else None
