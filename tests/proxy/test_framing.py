"""What may come in as HTTP/1, and what may go out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.net.http.http1 import assemble_request_head

from ccx_addons.core.header_names import FORBIDDEN
from ccx_addons.proxy import framing
from ccx_addons.proxy.headers import Headers

HEAD = b"POST /v1/x?a=b HTTP/1.1\r\nHost: a:1\r\nX-A:1\r\ncontent-length: 3\r\n\r\n"


@pytest.mark.parametrize(
    "change",
    [
        (b"X-A:1", b"x-a: \t1 \xff~"),
        (b"X-A:1", b"x-a:"),
        (b"POST", b"post"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"X-A:1\r\n", b""),
        (b"/v1/x", b"http://a/v1/x"),
    ],
)
def test_a_head_that_all_parsers_read_alike(change: tuple[bytes, bytes]) -> None:
    assert framing.RECEIVED.fullmatch(HEAD) and framing.RECEIVED.fullmatch(HEAD.replace(*change))


@pytest.mark.parametrize(
    "change",
    [
        (b"X-A:1", b"x-a : 1"),
        (b"X-A:1", b" x-a: 1"),
        (b"X-A:1", b"x-a: 1\r\n folded"),
        (b"X-A:1", b"x-a: 1\nx-b: 2"),
        (b"X-A:1", b"x-a: 1\rx-b: 2"),
        (b"X-A:1", b"x-a: \0"),
        (b"X-A:1", b"x-a: \x1b"),
        (b"X-A:1", b"x-a"),
        (b"X-A:1", b": 1"),
        (b"X-A:1", b"x(a): 1"),
        (b"\r\n", b"\n"),
        (b"/v1/x?a=b", b"/v1 /x"),
        (b"/v1/x?a=b", b"/?a=\xff"),
        (b"/v1/x?a=b", b"/\t"),
        (b" /v1", b"  /v1"),
        (b"HTTP/1.1", b"HTTP/11"),
        (b"HTTP/1.1", b""),
        (b"POST", b"PO(T"),
        (b"POST", b""),
    ],
)
def test_a_head_that_parsers_may_read_differently(change: tuple[bytes, bytes]) -> None:
    assert not framing.RECEIVED.fullmatch(HEAD.replace(*change))


def test_no_channel_can_add_what_is_never_sent() -> None:
    """The file is refused, with its line, instead of every request."""
    assert {name.decode() for name in framing.OF_CONNECTION} | {"host", "content-length"} <= FORBIDDEN


def sent(*fields: tuple[bytes, bytes], line: bytes = b"POST /x HTTP/1.1") -> bytes:
    return b"".join([line, b"\r\n", *(b"%b: %b\r\n" % field for field in fields), b"\r\n"])


HOST, LENGTH = (b"host", b"a"), (b"content-length", b"3")


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (sent(HOST, (b"a", b"1"), LENGTH), b"abc"),
        (sent(HOST, LENGTH, (b"session_id", b"\xff")), b"abc"),
        (sent(HOST, (b"content-length", b"0")), b""),
        (sent(HOST, line=b"GET /x?y=z HTTP/1.1"), b""),
        (sent(HOST, (b"connection", b"keep-alive"), LENGTH), b"abc"),
        (sent(HOST, (b"connection", b"Upgrade"), (b"upgrade", b"websocket")), b""),
    ],
)
def test_what_the_gateway_writes(head: bytes, body: bytes) -> None:
    assert framing.problem(head, body) == ""


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(sent(HOST, LENGTH), b"", id="length without a body"),
        pytest.param(sent(HOST, LENGTH), b"abcd", id="more than its length"),
        pytest.param(sent(HOST), b"abc", id="a body without a length"),
        pytest.param(sent(HOST, LENGTH, LENGTH), b"abc", id="two lengths"),
        pytest.param(sent(HOST, (b"content-length", b"+3")), b"abc", id="another number"),
        pytest.param(sent(HOST, LENGTH, (b"Content_Length", b"3")), b"abc", id="underscore"),
        pytest.param(sent(HOST, (b"transfer-encoding", b"chunked")), b"", id="chunks"),
        pytest.param(sent(HOST, (b"a", b"1"), (b"Transfer-Encoding", b"chunked"), LENGTH), b"abc", id="chunks, length"),
        pytest.param(sent(HOST, HOST), b"", id="two hosts"),
        *(pytest.param(sent(HOST, (name, b"x")), b"", id=name.decode()) for name in sorted(framing.OF_CONNECTION)),
        pytest.param(sent(HOST, (b"connection", b"close")), b"", id="a connection that ends"),
        pytest.param(sent(HOST, (b"a", b"b\r\nc: d")) + sent(HOST), b"", id="two requests"),
        pytest.param(sent(HOST, (b"a", b"b\r\n\r\nGET / HTTP/1.1\r\nc: d")), b"", id="a request in a value"),
        pytest.param(sent(HOST, line=b"POST /x HTTP/1.1\r\n\r\nGET / HTTP/1.1"), b"", id="a request in a line"),
        pytest.param(sent(HOST, (b"a", b"\0")), b"", id="NUL"),
        pytest.param(sent(HOST, (b"a b", b"c")), b"", id="space in a name"),
        pytest.param(sent(HOST, line=b"post /x HTTP/1.1"), b"", id="small method"),
        pytest.param(sent(HOST, line=b"TRACE /x HTTP/1.1"), b"", id="unknown method"),
        pytest.param(sent(HOST, line=b"GET http://a/x HTTP/1.1"), b"", id="absolute target"),
        pytest.param(sent(HOST, line=b"GET /\xff HTTP/1.1"), b"", id="target beyond ASCII"),
        pytest.param(sent(HOST, line=b"GET / HTTP/1.0"), b"", id="old version"),
    ],
)
def test_what_it_never_writes(head: bytes, body: bytes) -> None:
    assert framing.problem(head, body)


def made(
    *fields: tuple[bytes, bytes], method: bytes = b"POST", body: bytes = b"", authority: bytes = b""
) -> http.Request:
    request = http.Request.make(method.decode(), "http://a.test/x", b"")
    request.data.headers, request.data.content = Headers.of(fields), body
    request.data.authority, request.data.http_version = authority, b"HTTP/2.0"
    return request


def test_a_request_is_passed_on_in_our_framing() -> None:
    request = made(
        (b"Host", b"evil.test"), (b"Content-Length", b"9"), (b"Transfer-Encoding", b"chunked"), (b"X-A", b"1"),
        (b"Connection", b"close, X-Gone"), (b"X-Gone", b"1"), (b"cookie", b"a=1"), (b"cookie", b"b=2"),
        (b"te", b"trailers"), (b"expect", b"100-continue"),
        body=b"abc", authority=b"right.test",
    )  # fmt: skip
    framing.reframe(request)
    head = assemble_request_head(request)
    assert head == (
        b"POST /x HTTP/1.1\r\nhost: right.test\r\nconnection: keep-alive\r\ncookie: a=1; b=2\r\nX-A: 1\r\n"
        b"content-length: 3\r\n\r\n"
    )
    assert framing.problem(head, b"abc") == ""


def test_a_wish_for_a_websocket_stays() -> None:
    request = made(
        (b"host", b"a"), (b"connection", b"keep-alive, Upgrade"), (b"Upgrade", b"WebSocket"),
        (b"sec-websocket-key", b"k"), method=b"GET",
    )  # fmt: skip
    framing.reframe(request)
    assert request.headers["connection"] == "Upgrade" and request.headers["upgrade"] == "websocket"
    assert request.headers["sec-websocket-key"] == "k" and "content-length" not in request.headers
    assert framing.problem(assemble_request_head(request), b"") == ""


@given(
    st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=30)), max_size=5),
    st.binary(max_size=30),
    st.sampled_from([b"GET", b"POST", b"get", b"X\r\n"]),
    st.binary(max_size=20),
)
def test_whatever_is_written_is_one_request(
    fields: list[tuple[bytes, bytes]], path: bytes, method: bytes, body: bytes
) -> None:
    request = made(*fields, method=b"GET", body=body)
    request.data.path, request.data.method = b"/" + path, method
    framing.reframe(request)
    head = assemble_request_head(request)
    if framing.problem(head, body) == "":
        assert head.count(b"\r\n\r\n") == 1 and head.endswith(b"\r\n\r\n")
        assert not set(range(32)) - {9, 10, 13} & set(head) and head.count(b"\n") == head.count(b"\r")
