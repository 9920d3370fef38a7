"""What the stream looks at: heads of requests and answers, and why a connection failed."""

import re
from collections.abc import Mapping
from typing import Final

from mitmproxy import http
from mitmproxy.connection import Server

from ccx_addons.core.exchange import AttemptRecord
from ccx_addons.core.neutral import Fault

MAX_TARGET: Final = 8 * 1024
HEADER_NAME: Final = re.compile(rb"[^\x00-\x20\x7f]+")
HEADER_BREAK: Final = re.compile(rb"[\0\r\n]")

TIMEOUT_WORDS: Final[Mapping[str, str]] = {
    "first_byte_timeout": "the upstream did not answer in time",
    "first_event_timeout": "the upstream sent no content in time",
    "idle": "the upstream stopped sending",
    "total_timeout": "the time for the whole request is over",
}


def head_problem(request: http.Request) -> tuple[int, str] | None:
    """Status and words for a request head that is not passed on."""
    if len(request.path) > MAX_TARGET:
        return 414, "the request target is longer than 8 KiB"
    if request.http_version not in ("HTTP/1.0", "HTTP/1.1", "HTTP/2.0"):
        return 505, "this HTTP version is not supported"
    if request.method == "CONNECT":
        return 405, "this is a gateway, not a proxy: CONNECT is not supported"
    if problem := header_problem(request.headers):
        return 400, f"the request has {problem}"
    names = [name.lower() for name, _ in request.headers.fields]
    lengths, encodings = names.count(b"content-length"), names.count(b"transfer-encoding")
    if encodings and (lengths or encodings > 1):
        return 400, "the request has both content-length and transfer-encoding"
    if lengths > 1:
        return 400, "the request has two content-length headers"
    return None


def header_problem(headers: http.Headers) -> str:
    """What is wrong with raw header bytes (RFC 9110 section 5.5); empty: nothing."""
    for name, value in headers.fields:
        if not HEADER_NAME.fullmatch(name):
            return "a header with a malformed name"
        if HEADER_BREAK.search(value):
            return "a header with a NUL or a line break in its value"
    return ""


def declared_size(request: http.Request) -> int:
    """The body's length as the head says it; 0: it does not."""
    value = next((value for name, value in request.headers.fields if name.lower() == b"content-length"), b"")
    return int(value) if value.isdigit() and len(value) < 20 else 0


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


def too_large(limit: int) -> Fault:
    """The answer to a body of more than ``limit`` bytes."""
    message = f"the request body is larger than {limit / (1 << 20):g} MB (MAX_REQUEST_BODY_MB)"
    return Fault("too_large", message, status=413)


def note_connection(record: AttemptRecord, connection: Server, reused: bool) -> None:
    """How long it took to connect, as far as this attempt had to."""
    began, tcp, tls = connection.timestamp_start, connection.timestamp_tcp_setup, connection.timestamp_tls_setup
    record.reused = reused
    if not reused and began and tcp:
        record.connect_ms = (tcp - began) * 1000
        record.tls_ms = (tls - tcp) * 1000 if tls else None
