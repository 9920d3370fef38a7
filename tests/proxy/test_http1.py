"""Our HTTP/1 ends: bounds in size and time, and what of an upstream's head reaches the client."""

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import RequestProtocolError, ResponseProtocolError
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode
from mitmproxy.test import tflow

from ccx_addons.proxy.budget import Budget
from ccx_addons.proxy.http1 import (
    MAX_HEAD,
    UpstreamHttp1,
    _is_informational,
    _json_errors,
    _response,
    _whole_words,
    error_page,
)
from ccx_addons.proxy.terms import Limits
from tests.patience import SOON
from tests.proxy.harness import FAST, gateway, read_answer, read_request
from tests.proxy.upstreams import ALL, GOOD_TEXT, LAST, SSE, answers, chunk, json_answer

OK = b'{"ok":1}'
REQUEST = b"POST /json HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na"


# ---- small parts -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("head", "informational"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", True),
        (b"HTTP/1.1 103 Early Hints\r\n", True),
        (b"HTTP/1.0 102 X", True),
        (b"HTTP/1.1 101 Switching Protocols", False),
        (b"HTTP/1.1 200 OK", False),
        (b"HTTP/1.1", False),
        (b"", False),
        (b"GARBAGE 100", False),
    ],
)
def test_informational(head: bytes, informational: bool) -> None:
    assert _is_informational(head) is informational


@pytest.mark.parametrize("status", [400, 408, 413, 431, 599])
def test_error_page(status: int) -> None:
    head, _, body = error_page(status, "no").partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()) and b"connection: close" in head
    assert f"content-length: {len(body)}".encode() in head
    assert json.loads(body) == {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}


def test_pages_of_mitmproxy_become_json_and_the_rest_passes() -> None:
    conn = tflow.tclient_conn()
    page = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/html\r\n\r\n<html>"
    close, data = commands.CloseConnection(conn), commands.SendData(conn, b"data")

    def stock() -> Any:
        yield commands.SendData(conn, page)
        yield data
        yield close

    first, *rest = _json_errors(stock())
    assert isinstance(first, commands.SendData) and b"application/json" in first.data and b"<html" not in first.data
    assert rest == [data, close]


@pytest.mark.parametrize(
    ("stream_id", "code", "closes"),
    [
        (7, ErrorCode.CANCEL, True),
        (5, ErrorCode.CANCEL, False),  # its answer is complete: the connection is somebody else's
        (5, ErrorCode.PASSTHROUGH_CLOSE, True),  # a WebSocket has one stream only
    ],
)
def test_who_gives_up_closes_only_its_own_connection(stream_id: int, code: ErrorCode, closes: bool) -> None:
    end = UpstreamHttp1(Context(tflow.tclient_conn(), Options()))
    end.stream_id = 7
    sent = list(end.send(RequestProtocolError(stream_id, "over", code)))
    assert [type(command) for command in sent] == [commands.CloseConnection] * closes


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: a; b\r\nx-a:\t 1 \t\r\nx-b:\r\nx-c:  \r\nx-a: \xff  2:3\r\n\r\n",
        b"HTTP/1.0 404\r\n\r\n",
        b"HTTP/1.1 200 \r\nx:1\r\n\r\n",
        b"HTTP/1.1  502  Bad Gateway\nx: 1\n\n",
        b"HTTP/1.1 200 OK\r\nx: 1\r\n\t2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx (a): 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: \0\r\n\r\n",
    ],
)
def test_an_answers_head_is_read_as_mitmproxy_reads_it(head: bytes) -> None:
    ours, stock = _response(head), http1.read_response_head(head.replace(b"\r\n", b"\n")[:-2].split(b"\n"))
    assert [vars(r.data) | {"timestamp_start": 0} for r in (ours,)] == [vars(stock.data) | {"timestamp_start": 0}]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"HTTP/1.1 200 OK\r\nx: half-of-a-sec", b"HTTP/1.1 200 OK\r\nx: "),
        (b"SSH-2.0-OpenSSH\r\n", b"SSH-2.0-OpenSSH\r\n"),
        (b"a" * 900, b""),
        (b"Bad HTTP response line: b'X'", b"Bad HTTP response line: b'X'"),
        (b"", b""),
    ],
)
def test_what_cannot_be_read_is_shown_in_whole_words(said: bytes, shown: bytes) -> None:
    assert _whole_words(said) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [(b" folded: 1", "Invalid headers"), (b"no colon " + b"a" * 900, "Invalid header line: b'no colon ")],
)
def test_what_is_wrong_with_a_head_is_told_whole(line: bytes, shown: str) -> None:
    end = UpstreamHttp1(Context(tflow.tclient_conn(), Options()))
    end.stream_id, end.request = 7, http.Request.make("POST", "https://a.test/")
    event = events.DataReceived(end.conn, b"")
    (told,) = end._understand(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % line, b"", event)
    assert isinstance(told, ReceiveHttp) and told.event == ResponseProtocolError(
        7, f"Cannot parse HTTP response: {shown}", ErrorCode.GENERIC_SERVER_ERROR
    )


# ---- upstreams -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("close", [b"connection: close\r\n", b"Connection: Keep-Alive\r\nkeep-alive: timeout=1\r\n"])
async def test_an_upstreams_connection_is_not_the_clients(close: bytes) -> None:
    async with gateway({"a": answers(json_answer(OK, extra=close))}) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        for _ in range(3):
            writer.write(REQUEST.replace(b"/json", b"/a"))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON)
            assert b"connection" not in head.lower() and b"keep-alive" not in head.lower()
            assert await reader.readexactly(len(OK)) == OK
        writer.close()


async def test_a_client_that_closes_leaves_the_upstream_open() -> None:
    came: list[int] = []
    serve = answers(SSE + chunk(b"data: 1\n\ndata: END\n\n") + LAST)

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(1)
        await serve(reader, writer)

    async with gateway({"a": counted}) as g:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
            writer.write(REQUEST.replace(b"/json", b"/a").replace(b"host: x", b"host: x\r\nconnection: close"))
            assert (await asyncio.wait_for(reader.read(), SOON)).endswith(LAST)
            writer.close()
    assert len(came) == 1


async def test_a_stream_of_an_upstream_that_closes_leaves_the_client_open() -> None:
    closing = SSE.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    async with gateway({"a": answers(closing + chunk(b"data: 1\n\ndata: END\n\n") + LAST)}) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        for _ in range(2):
            writer.write(REQUEST.replace(b"/json", b"/a"))
            assert await asyncio.wait_for(read_answer(reader), SOON) == (200, b"data: 1\n\ndata: END\n\n")
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n", id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n", id="no length"),
    ],
)
async def test_a_body_that_ends_with_its_connection(head: bytes) -> None:
    async def until_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head + OK)

    async with gateway({"a": until_close}) as g:
        assert await g.ask("a") == (200, OK)


@pytest.mark.parametrize("extra", [b"content-encoding: gzip\r\n", b"content-encoding: GZIP\r\nconnection: close\r\n"])
async def test_a_packed_answer_is_unpacked_and_measured_anew(extra: bytes) -> None:
    """No upstream is asked for it, but some pack anyway."""
    packed = gzip.compress(OK * 100)
    async with gateway({"a": answers(json_answer(packed, extra=extra))}) as g:
        assert await g.ask("a") == (200, OK * 100)


async def test_a_chunked_answer_has_a_length() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    async with gateway({"a": answers(head + chunk(OK[:3]) + chunk(OK[3:]) + LAST)}) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST.replace(b"/json", b"/a"))
        sent = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON)
        assert b"content-length: 8" in sent and b"chunked" not in sent and await reader.readexactly(8) == OK
        writer.close()


async def test_a_head_in_pieces() -> None:
    whole = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nlink: y\r\n\r\n" + json_answer(OK)
    pieces = [whole[at : at + 7] for at in range(0, len(whole), 7)]
    timed = [part for piece in pieces for part in (piece, 0.001)]
    async with gateway({"a": answers(*timed)}) as g:
        assert await g.ask("a") == (200, OK)


# ---- clients ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [1, 3, 50])
async def test_a_request_in_pieces(size: int) -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        for at in range(0, len(REQUEST), size):
            writer.write(REQUEST[at : at + size])
            await writer.drain()
            await asyncio.sleep(0)
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, OK)
        writer.close()


async def test_requests_one_after_the_other_without_waiting() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST * 3)
        for _ in range(3):
            assert await asyncio.wait_for(read_answer(reader), SOON) == (200, OK)
        writer.close()


async def test_as_many_requests_at_once_as_a_client_likes() -> None:
    """Each is answered at once; none is answered from within the one before."""
    async with gateway(ALL, direct=True) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(b"TRACE / HTTP/1.1\r\nhost: x\r\n\r\n" * 600 + REQUEST)
        for _ in range(600):
            assert (await asyncio.wait_for(read_answer(reader), SOON))[0] == 405
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, OK)
        writer.close()


async def test_a_client_that_leaves_before_its_turn() -> None:
    async with gateway(ALL, direct=True) as g:
        _, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(b"TRACE / HTTP/1.1\r\nhost: x\r\n\r\n" * 600)
        writer.write_eof()
        while not g.listener.handlers:
            await asyncio.sleep(0.001)
        async with asyncio.timeout(SOON):
            while g.listener.handlers:
                await asyncio.sleep(0.01)
        writer.close()


async def test_a_client_that_wants_its_connection_closed() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST.replace(b"host: x", b"host: x\r\nconnection: close"))
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, OK)
        assert await asyncio.wait_for(reader.read(), SOON) == b""
        writer.close()


async def test_a_client_of_http_1_0() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert OK in await asyncio.wait_for(reader.read(), SOON)
        writer.close()


async def test_a_chunked_request_with_trailers() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        head = b"POST /good HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head + chunk(b"abc") + b"0\r\nx-checksum: 1\r\n\r\n")
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, GOOD_TEXT)
        writer.write(REQUEST)
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, OK)
        writer.close()


async def test_a_client_that_asks_before_it_sends() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST.replace(b"host: x", b"host: x\r\nexpect: 100-continue")[:-1])
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON)).startswith(b"HTTP/1.1 100 ")
        writer.write(b"a")
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, OK)
        writer.write(b"POST /json HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n")
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON)).startswith(b"HTTP/1.1 100 ")
        writer.write(b"x\r\n")
        assert (await asyncio.wait_for(read_answer(reader), SOON))[0] == 400
        writer.close()


async def test_nobody_is_told_to_go_on_who_would_not_understand_it() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST.replace(b"1.1", b"1.0").replace(b"host: x", b"host: x\r\nexpect: 100-continue"))
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, OK)
        writer.close()


async def test_heads_that_are_not_complete_have_one_bound_together() -> None:
    budget = Budget(200_000, patience=0.2)
    begun = b"POST /json HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 24_000

    async def until(used: Callable[[int], bool]) -> None:
        async with asyncio.timeout(5):
            while not used(budget.strangers.used):
                await asyncio.sleep(0.005)

    async with gateway(ALL, limits=Limits(budget=budget)) as g:
        opened = [await asyncio.open_connection("127.0.0.1", g.port) for _ in range(4)]
        (first, to_first), (second, to_second), (_, to_third), (small, to_small) = opened
        to_first.write(begun)
        await until(lambda used: used > 20_000)
        to_second.write(begun)
        assert (await asyncio.wait_for(read_answer(second), SOON))[0] == 503
        to_small.write(begun[:4000])
        to_first.write(b"\r\ncontent-length: 1\r\n\r\na")
        assert await asyncio.wait_for(read_answer(first), SOON) == (200, OK)
        assert budget.strangers.used == 0
        to_third.write(begun)
        await until(lambda used: used > 20_000)
        to_third.close()
        await until(lambda used: used == 0)
        to_small.write(b"\r\ncontent-length: 1\r\n\r\na")
        assert await asyncio.wait_for(read_answer(small), SOON) == (200, OK)
        for _, writer in opened:
            writer.close()


async def test_what_somebody_said_of_a_head_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    async with gateway({"a": answers(b"HTTP/1.1 200 OK\r\nx: SECRET" + b"\x01" * 60_000)}, timeouts=FAST) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(b"POST /a HTTP/1.1\r\nx-api-key: SECRET\r\n")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), SOON) == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST.replace(b"/json", b"/a"))
        assert (await asyncio.wait_for(read_answer(reader), SOON))[0] == 502
        writer.close()
    assert "SECRET" not in caplog.text


FRAMED = b"POST /json HTTP/1.1\r\nhost: x\r\n%b\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(FRAMED % b"content-length: 5\r\ncontent-length: 5", id="two lengths"),
        pytest.param(FRAMED % b"content-length: 5, 5", id="a list of lengths"),
        pytest.param(FRAMED % b"content-length: +5", id="a sign"),
        pytest.param(FRAMED % b"content-length: 0x5", id="another base"),
        pytest.param(FRAMED % b"content-length : 5", id="space before the colon"),
        pytest.param(FRAMED % b"content_length: 5", id="underscore"),
        pytest.param(FRAMED % b"transfer_encoding: chunked", id="chunks, underscore"),
        pytest.param(FRAMED % b"content-length: 5\r\ntransfer-encoding: chunked", id="both framings"),
        pytest.param(FRAMED % b"transfer-encoding: xchunked", id="an unknown coding"),
        pytest.param(FRAMED % b"transfer-encoding:\r\n chunked", id="a folded line"),
        pytest.param(FRAMED % b"content-length:\r\n 5", id="a folded length"),
        pytest.param(FRAMED % b"x: a\rcontent-length: 5", id="a bare CR"),
        pytest.param(FRAMED % b"x: a\ncontent-length: 5", id="a bare LF"),
        pytest.param((FRAMED % b"content-length: 5").replace(b"\r", b""), id="only LF"),
        pytest.param(FRAMED % b"x", id="a line without a colon"),
        pytest.param(b"POST /json?\xff HTTP/1.1\r\nhost: x\r\n\r\n", id="a target beyond ASCII"),
        pytest.param(b"\0\r\n\r\n", id="no request at all"),
    ],
)
async def test_a_request_whose_end_is_not_certain_ends_the_connection(head: bytes) -> None:
    """Refused at once, and nothing behind it is read as a request."""
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(head + b"hello" + REQUEST)
        answer = await asyncio.wait_for(reader.read(), SOON)
        assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1
        assert g.script.exchanges == [] and g.script.log == []
        writer.close()


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/1.2", b"HTTP/0.9", b"HTTP/9.9"])
async def test_another_version_in_a_request_line_ends_the_connection(version: bytes) -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST.replace(b"HTTP/1.1", version).replace(b"content-length: 1", b"x: y") + REQUEST)
        answer = await asyncio.wait_for(reader.read(), SOON)
        assert answer.startswith(b"HTTP/1.1 505 ") and answer.count(b"HTTP/1.1") == 1 and g.script.exchanges == []
        writer.close()


@pytest.mark.parametrize("body", [b"5\r\nhello0\r\n\r\n", b"x\r\n", b"-1\r\n", b"5 \nhello"])
async def test_a_body_that_breaks_the_rules_ends_the_connection(body: bytes) -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(FRAMED % b"transfer-encoding: chunked" + body + REQUEST)
        answer = await asyncio.wait_for(reader.read(), SOON)
        assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1
        assert g.script.log == []
        writer.close()


async def test_empty_lines_before_a_request_are_skipped() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        for _ in range(2):
            writer.write(b"\r\n\r\n" + REQUEST + b"\r\n")
            assert await asyncio.wait_for(read_answer(reader), SOON) == (200, OK)
        writer.close()


@pytest.mark.parametrize(
    ("version", "said", "closes"),
    [
        (b"1.1", b"", False),
        (b"1.1", b"Connection: Close\r\n", True),
        (b"1.1", b"connection: x, close\r\n", True),
        (b"1.0", b"", True),
        (b"1.0", b"Connection: keep-alive\r\n", False),
    ],
)
@pytest.mark.parametrize("path", [b"json", b"good"])
async def test_what_the_client_says_of_its_connection(version: bytes, said: bytes, closes: bool, path: bytes) -> None:
    """Also when the addons have written the upstream's request over the client's; HTTP/1.0 knows no chunks."""
    request = b"POST /%b HTTP/%b\r\nhost: x\r\n%bcontent-length: 1\r\n\r\na" % (path, version, said)
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(request)
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON)).lower()
        stays = not closes and not (version == b"1.0" and path == b"good")
        assert (b"\r\nconnection: close\r\n" in head) is not stays
        assert (b"chunked" in head) is (path == b"good" and version == b"1.1")
        if stays and version == b"1.0":
            assert b"\r\nconnection: keep-alive\r\n" in head
        if not stays:
            body = await asyncio.wait_for(reader.read(), SOON)
            expected = OK if path == b"json" else GOOD_TEXT
            assert body == expected or (version == b"1.1" and path == b"good" and body.endswith(LAST))
        writer.close()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"path": b"/x HTTP/1.1\r\nhost: x\r\n\r\nGET /y"}, id="two requests"),
        pytest.param({"method": b"post"}, id="a small method"),
        pytest.param({"content": b"four"}, id="an untrue length"),
        pytest.param({"authority": b"evil.test"}, id="an absolute target"),
    ],
)
async def test_what_is_not_ours_is_never_sent(change: dict[str, bytes]) -> None:
    """A bug of an addon: the exchange fails closed, nobody else is asked, and the upstream sees nothing of it."""
    reached: list[bytes] = []

    async def spy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.read(1000))

    async with gateway({"spy": spy}) as g:
        write = g.script.upstream_attempt

        def broken(flow: http.HTTPFlow) -> None:
            write(flow)
            for name, value in change.items():
                setattr(flow.request.data, name, value)

        g.script.upstream_attempt = broken  # type: ignore[method-assign]
        await g.ask("spy")
        assert g.script.log == ["unsendable"] and not any(reached)


@pytest.mark.parametrize("head", [b"101 Switching Protocols", b"600 X", b"099 X"])
async def test_a_status_that_was_not_asked_for(head: bytes) -> None:
    odd = b"HTTP/1.1 " + head + b"\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    async with gateway({"a": answers(odd), "json": answers(json_answer(OK))}) as g:
        assert await g.ask("a,json") == (200, OK)
        assert g.script.log == ["bad_body", "ok"]


@pytest.mark.parametrize(("size", "status"), [(MAX_HEAD - 2000, 200), (MAX_HEAD + 2000, 431)])
async def test_the_size_of_a_head(size: int, status: int) -> None:
    async with gateway(ALL) as g:
        assert (await g.ask("json", head=f"x-long: {'a' * size}\r\n"))[0] == status


async def test_a_request_that_drips_in_has_time_for_each_pause_of_its_body() -> None:
    """The short limit is for the head, and then for each pause, not for the whole upload."""
    async with gateway(ALL, limits=Limits(client_timeout=1.0)) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(b"POST /json HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n")
        for _ in range(8):
            await asyncio.sleep(0.15)
            writer.write(b"a")
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, OK)
        writer.close()


@pytest.mark.parametrize("before", [b"", REQUEST + b"P"], ids=["the first", "behind another request"])
async def test_a_head_that_drips_in_is_cut_off(before: bytes) -> None:
    async with gateway(ALL, limits=Limits(client_timeout=0.3)) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        if before:
            writer.write(before)
            assert (await asyncio.wait_for(read_answer(reader), SOON))[0] == 200
        answer = asyncio.ensure_future(read_answer(reader))
        for byte in b"POST /json HTTP/1.1\r\nhost:":
            if answer.done():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
        assert (await asyncio.wait_for(answer, SOON))[0] == 408
        writer.close()
