import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.connection import Server

from ccx_addons.core.config import Channel, Key
from ccx_addons.core.exchange import AttemptRecord
from ccx_addons.core.verdict import Attempt
from ccx_addons.proxy import checks


def request(
    method: str = "POST", path: str = "/x", version: str = "HTTP/1.1", *fields: tuple[bytes, bytes]
) -> http.Request:
    made = http.Request.make(method, "http://a.test", b"")
    made.path, made.http_version, made.headers = path, version, http.Headers(fields)
    return made


LENGTH, CHUNKED = (b"content-length", b"1"), (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize(
    ("made", "status"),
    [
        pytest.param(request(), None, id="fine"),
        pytest.param(request(version="HTTP/1.0"), None, id="HTTP/1.0"),
        pytest.param(request(version="HTTP/2.0"), None, id="HTTP/2"),
        pytest.param(request(version="HTTP/3.0"), 505, id="HTTP/3"),
        pytest.param(request(path="/" + "a" * 8191), None, id="longest target"),
        pytest.param(request(path="/" + "a" * 8192), 414, id="longer target"),
        pytest.param(request("CONNECT"), 405, id="connect"),
        pytest.param(request("POST", "/x", "HTTP/1.1", LENGTH), None, id="a length"),
        pytest.param(request("POST", "/x", "HTTP/1.1", LENGTH, LENGTH), 400, id="two lengths"),
        pytest.param(request("POST", "/x", "HTTP/1.1", LENGTH, CHUNKED), 400, id="both framings"),
        pytest.param(
            request("POST", "/x", "HTTP/1.1", CHUNKED, (b"Transfer-Encoding", b"gzip")), 400, id="two codings"
        ),
        pytest.param(request("POST", "/x", "HTTP/1.1", (b"a b", b"1")), 400, id="space in a name"),
        pytest.param(request("POST", "/x", "HTTP/1.1", (b"", b"1")), 400, id="no name"),
        pytest.param(request("POST", "/x", "HTTP/1.1", (b"a", b"1\r\nb: 2")), 400, id="line break in a value"),
        pytest.param(request("POST", "/x", "HTTP/1.1", (b"a", b"\0")), 400, id="NUL in a value"),
        pytest.param(request("POST", "/x", "HTTP/1.1", (b"a", b"\xff\t ~")), None, id="other bytes in a value"),
    ],
)
def test_head_problem(made: http.Request, status: int | None) -> None:
    found = checks.head_problem(made)
    assert (found[0] if found else None) == status and (found is None or found[1])


@given(st.binary(max_size=10), st.binary(max_size=10))
def test_a_header_that_passes_cannot_break_out(name: bytes, value: bytes) -> None:
    if not checks.header_problem(http.Headers([(name, value)])):
        assert name and not set(b"\0\r\n :"[:4]) & set(name) and not set(b"\0\r\n") & set(value)


@pytest.mark.parametrize(
    ("value", "size"), [(b"", 0), (b"12", 12), (b"-1", 0), (b"1e3", 0), (b"9" * 19, int("9" * 19)), (b"9" * 20, 0)]
)
def test_declared_size(value: bytes, size: int) -> None:
    assert checks.declared_size(request("POST", "/x", "HTTP/1.1", (b"Content-Length", value))) == size


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
