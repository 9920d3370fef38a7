import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.connection import Server

from ccx_addons.core.config import Channel, Key, Snapshot
from ccx_addons.core.exchange import AttemptRecord, Exchange
from ccx_addons.core.verdict import Attempt
from ccx_addons.proxy import checks
from ccx_addons.proxy.dial import Wire
from ccx_addons.proxy.upstream import UpstreamConnection


def request(
    method: str = "POST", path: str = "/x", version: str = "HTTP/1.1", *fields: tuple[bytes, bytes]
) -> http.Request:
    made = http.Request.make(method, "http://a.test", b"")
    made.path, made.http_version, made.headers = path, version, http.Headers(fields)
    return made


LENGTH, CHUNKED = (b"content-length", b"1"), (b"transfer-encoding", b"chunked")


def h1(*fields: tuple[bytes, bytes]) -> http.Request:
    return request("POST", "/x", "HTTP/1.1", *fields)


def h2(*fields: tuple[bytes, bytes]) -> http.Request:
    return request("POST", "/x", "HTTP/2.0", *fields)


@pytest.mark.parametrize(
    ("made", "status"),
    [
        pytest.param(request(), None, id="fine"),
        pytest.param(request(version="HTTP/1.0"), None, id="HTTP/1.0"),
        pytest.param(request(version="HTTP/2.0"), None, id="HTTP/2"),
        pytest.param(request(version="HTTP/3.0"), 505, id="HTTP/3"),
        pytest.param(request(path="/" + "a" * 8191), None, id="longest target"),
        pytest.param(request(path="/" + "a" * 8192), 414, id="longer target"),
        *(pytest.param(request(method.decode()), None, id=method.decode()) for method in checks.METHODS),
        *(
            pytest.param(request(method), 405, id=repr(method))
            for method in ("CONNECT", "post", "Get", "TRACE", "FOO", "GET /", "POST\r\nx: y", "")
        ),
        *(
            pytest.param(request(path=path), 400, id=repr(path))
            for path in (
                "", "*", "x", "http://a.test/x", "/a b", "/a\tb", "/?a=\r\nb", "/?\0", "/?\xff", "/a#b", "/\x7f",
                "/a/../b", "/./a", "/..", "/a/%2e%2E/b", "/a%2f..%2fb", "/a\\..\\b", "/a/..;/b",
            )
        ),
        *(
            pytest.param(request(path=path), None, id=path)
            for path in ("/a.b/..c/d..", "/v1beta/models/gemini-2.5:x", "/?a=/../b", "/...", "/%ff", "/a//b", "/~!$&'()")
        ),
        pytest.param(h1(LENGTH), None, id="a length"),
        pytest.param(h1(CHUNKED), None, id="chunks"),
        pytest.param(h1((b"Transfer-Encoding", b"Chunked")), None, id="chunks in capitals"),
        pytest.param(h1(LENGTH, LENGTH), 400, id="two lengths"),
        pytest.param(h1(LENGTH, (b"Content-Length", b"2")), 400, id="two different lengths"),
        pytest.param(h1(LENGTH, CHUNKED), 400, id="both framings"),
        pytest.param(h1(CHUNKED, (b"Transfer-Encoding", b"gzip")), 400, id="two codings"),
        pytest.param(h1((b"host", b"a"), (b"Host", b"b")), 400, id="two hosts"),
        pytest.param(h1((b"content_length", b"1")), 400, id="length with an underscore"),
        pytest.param(h1((b"Transfer_Encoding", b"chunked")), 400, id="coding with an underscore"),
        *(
            pytest.param(h1((b"content-length", value)), 400, id=f"length {value!r}")
            for value in (b"", b"+5", b"-5", b"0x5", b"5, 5", b"5 5", b"5_0", b"1e3", b"\xb2", b"5\n", b"9" * 16)
        ),
        *(
            pytest.param(h1((b"transfer-encoding", value)), 400, id=f"coding {value!r}")
            for value in (b"", b"gzip", b"identity", b"gzip, chunked", b"chunked, chunked", b"xchunked", b"\x0bchunked")
        ),
        pytest.param(request("POST", "/x", "HTTP/1.0", CHUNKED), 400, id="chunks of HTTP/1.0"),
        pytest.param(h2(LENGTH, (b"a", b"\xff\t ~"), (b"te", b"trailers")), None, id="HTTP/2 with all that may be"),
        pytest.param(h2(CHUNKED), 400, id="HTTP/2 with chunks"),
        pytest.param(h2((b"connection", b"close")), 400, id="HTTP/2 with a connection"),
        pytest.param(h2((b"te", b"gzip")), 400, id="HTTP/2 with te"),
        pytest.param(h2((b"a b", b"1")), 400, id="space in a name"),
        pytest.param(h2((b"a: b", b"1")), 400, id="colon in a name"),
        pytest.param(h2((b"A", b"1")), 400, id="capital in a name"),
        pytest.param(h2((b"", b"1")), 400, id="no name"),
        pytest.param(h2((b"a", b"1\r\nb: 2")), 400, id="line break in a value"),
        pytest.param(h2((b"a", b"\0")), 400, id="NUL in a value"),
        pytest.param(h2((b"a", b"\x1b")), 400, id="control character in a value"),
    ],
)  # fmt: skip
def test_head_problem(made: http.Request, status: int | None) -> None:
    found = checks.head_problem(made)
    assert (found[0] if found else None) == status and (found is None or found[1])


@pytest.mark.parametrize(("length", "status"), [(b"0", None), (b"40", 400)])
def test_a_length_without_a_body(length: bytes, status: int | None) -> None:
    found = checks.head_problem(h2((b"content-length", length)), ended=True)
    assert (found[0] if found else None) == status


@pytest.mark.parametrize(
    ("made", "size"),
    [
        (h1((b"Content-Length", b"12")), 12),
        (h1((b"content-length", b"007")), 7),
        (h1(), 0),
        (h2(), None),
        (h1(CHUNKED), None),
    ],
)
def test_body_size(made: http.Request, size: int | None) -> None:
    assert checks.body_size(made) == size


@pytest.mark.parametrize(
    ("version", "said", "closes"),
    [
        ("HTTP/1.1", None, False),
        ("HTTP/1.1", b"Close", True),
        ("HTTP/1.1", b"x, close", True),
        ("HTTP/1.1", b"closed", False),
        ("HTTP/1.0", None, True),
        ("HTTP/1.0", b"Keep-Alive", False),
    ],
)
def test_wants_close(version: str, said: bytes | None, closes: bool) -> None:
    fields = [(b"Connection", said)] if said else []
    assert checks.wants_close(request("POST", "/x", version, *fields)) is closes


@pytest.mark.parametrize(
    ("path", "merged"),
    [
        ("/a/b?c=//d", "/a/b?c=//d"),
        ("//v1/x", "/v1/x"),
        ("/v1///x//?a//b", "/v1/x/?a//b"),
        ("//evil.test/", "/evil.test/"),
    ],
)
def test_merge_slashes(path: str, merged: str) -> None:
    made = request(path=path)
    checks.merge_slashes(made)
    assert made.path == merged


@given(st.binary(max_size=10), st.binary(max_size=10))
def test_a_header_that_passes_cannot_break_out(name: bytes, value: bytes) -> None:
    if not checks.header_problem(http.Headers([(name, value)])):
        assert name and not set(b"\0\r\n :"[:4]) & set(name) and not set(b"\0\r\n") & set(value)
    if not checks.http2_problem(http.Headers([(name, value)])):
        assert name and not set(b"\0\r\n :") & set(name) and not set(range(32)) - {9} & set(value)


@pytest.mark.parametrize(
    ("status", "upgrades", "usable"),
    [
        (200, False, True),
        (599, False, True),
        (101, True, True),
        (101, False, False),
        (102, True, False),
        (99, False, False),
        (600, False, False),
    ],
)
def test_answer_problem(status: int, upgrades: bool, usable: bool) -> None:
    response, asked = http.Response.make(200), request("GET", "/", "HTTP/1.1", (b"upgrade", b"websocket"))
    response.status_code = status
    x = Exchange("id", 0, 0, Snapshot("r", 0), "GET", "/", "", ())
    x.forward = ("127.0.0.1", 1) if upgrades else None
    assert (checks.answer_problem(response, asked, x) == "") is usable
    assert (checks.answer_problem(response, request(), x) == "") is (200 <= status <= 599)


@pytest.mark.parametrize(
    ("kind", "expected", "array", "stream"),
    [
        ("text/event-stream", True, False, True),
        ("Text/Event-Stream; charset=utf-8", False, False, True),
        ("", True, False, True),
        ("text/plain", True, False, True),
        ("application/octet-stream", True, False, True),
        ("application/json", True, False, False),
        ("application/json; charset=utf-8", True, True, True),
        ("text/html", True, True, False),
        ("text/plain", False, False, False),
        ("", False, False, False),
    ],
)
def test_is_stream(kind: str, expected: bool, array: bool, stream: bool) -> None:
    response = http.Response.make(200, b"", {"content-type": kind} if kind else {})
    assert checks.is_stream(response, expected, array) is stream
    assert checks.is_sse(response) is kind.lower().startswith("text/event-stream")


def test_too_large_names_the_setting() -> None:
    fault = checks.too_large(1 << 19)
    assert (fault.status, fault.kind) == (413, "too_large") and "0.5 MB (MAX_REQUEST_BODY_MB)" in fault.message


def test_go_on() -> None:
    assert checks.go_on().status_code == 100 and not checks.go_on().headers


@pytest.mark.parametrize(
    ("times", "reused", "connect", "tls"),
    [
        ((1.0, 1.25, None), False, 250.0, None),
        ((1.0, 1.25, 1.5), False, 250.0, 250.0),
        ((1.0, 1.25, 1.5), True, None, None),
        ((1.0, None, None), False, None, None),
    ],
)
def test_note_connection(
    times: tuple[float, float | None, float | None], reused: bool, connect: float | None, tls: float | None
) -> None:
    channel = Channel("c", "c", "chat", ("https://a",), (), frozenset({"chat"}))
    record = AttemptRecord(Attempt(channel, Key("k", "s"), "https://a", 1), 0)
    server = Server(address=("a", 443))
    server.timestamp_start, server.timestamp_tcp_setup, server.timestamp_tls_setup = times
    checks.note_connection(record, server, reused)
    assert (record.reused, record.connect_ms, record.tls_ms) == (reused, connect, tls)


@pytest.mark.parametrize("reused", [True, False])
async def test_how_long_a_connection_was_idle_is_noted(reused: bool) -> None:
    channel = Channel("c", "c", "chat", ("https://a",), (), frozenset({"chat"}))
    record = AttemptRecord(Attempt(channel, Key("k", "s"), "https://a", 1), 0)
    connection = UpstreamConnection(address=("a", 443))
    writer: Any = None
    connection.wire = Wire(asyncio.StreamReader(), writer, 0.0, 0.0, idle_since=time.monotonic() - 30)
    checks.note_connection(record, connection, reused)
    assert 30 <= record.rested < 60 if reused else record.rested == 0
