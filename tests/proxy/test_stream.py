"""Every trap of failover inside mitmproxy's stream, on real sockets."""

import asyncio
import gc
import threading
import weakref
from dataclasses import replace
from typing import Any

import pytest
from mitmproxy import http

from ccx_addons.core.exchange import Tap
from ccx_addons.core.patient_json import BIG
from ccx_addons.proxy import stream
from ccx_addons.proxy.terms import Limits
from tests.patience import SOON
from tests.proxy import upstreams
from tests.proxy.harness import FAST, Watcher, gateway, read_answer, read_request
from tests.proxy.upstreams import ALL, GOOD_TEXT, SSE, chunk

OK = b'{"ok":1}'
NO_CONTENT = "the stream ended without content"


@pytest.mark.parametrize(
    ("path", "body", "log"),
    [
        pytest.param("good", GOOD_TEXT, ["ok"], id="stream"),
        pytest.param("json", OK, ["ok"], id="json"),
        pytest.param("429,good", GOOD_TEXT, [429, "ok"], id="status, then stream"),
        pytest.param(
            "refused,429,close,reset,good", GOOD_TEXT, ["connect", 429, "reset", "reset", "ok"], id="four faults"
        ),
        pytest.param("stall,good", GOOD_TEXT, ["first_byte_timeout", "ok"], id="no answer in time"),
        pytest.param("drip,good", GOOD_TEXT, ["first_byte_timeout", "ok"], id="a head that drips is no answer"),
        pytest.param("errorfirst,good", GOOD_TEXT, ["stream_error", "ok"], id="error event first"),
        pytest.param("bugfirst,good", GOOD_TEXT, ["converter", "ok"], id="converter fails before commit"),
        pytest.param("empty,json", OK, ["empty", "ok"], id="empty stream"),
        pytest.param("ssestall,good", GOOD_TEXT, ["first_event_timeout", "ok"], id="no event in time"),
        pytest.param("pingfirst", b": ping\n\n" * 6 + GOOD_TEXT, ["ok"], id="pings are life"),
        pytest.param("pingonly,good", GOOD_TEXT, ["first_event_timeout", "ok"], id="pings are no content"),
        pytest.param("early", OK, ["ok"], id="1xx answers are skipped"),
        pytest.param("trailers", b"data: 1\n\ndata: END\n\n", ["ok"], id="trailers do not hang"),
        pytest.param("nul,json", OK, ["bad_body", "ok"], id="NUL in a header"),
        pytest.param("cr,json", OK, ["bad_body", "ok"], id="bare CR in a header"),
        pytest.param("hugehead,json", OK, ["reset", "ok"], id="head without end"),
        pytest.param("badlength,json", OK, ["reset", "ok"], id="malformed length"),
        pytest.param("gzipbroken,json", OK, ["bad_body", "ok"], id="not the encoding it says"),
        pytest.param("bomb,json", OK, ["bad_body", "ok"], id="an answer that is a bomb"),
        pytest.param("bombstream,json", OK, ["bad_body", "ok"], id="a stream that is a bomb"),
        pytest.param("bomberror,json", OK, [429, "ok"], id="an error that is a bomb is still that error"),
        pytest.param("gziperror,json", OK, [429, "ok"], id="nor does it need a body that can be unpacked"),
        pytest.param("fooerror,json", OK, [429, "ok"], id="nor an encoding that is known"),
        pytest.param("cuterror,json", OK, [429, "ok"], id="nor a body that is whole"),
        pytest.param("stallerror,json", OK, [429, "ok"], id="nor one that comes"),
        pytest.param("toolpause", b"data: TOOL\n\ndata: END\n\n", ["ok"], id="an open tool call may pause longer"),
    ],
)
async def test_client_gets_the_good_answer(
    path: str, body: bytes, log: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_ERROR_SECONDS", 0.3)
    async with gateway(ALL) as g:
        assert await g.ask(path) == (200, body)
        assert g.script.log == log
        assert g.script.ends == ["response"]


@pytest.mark.parametrize("path", ["good", "json", "429,json", "cut", "refused,good", "bomb,json", "bug"])
async def test_what_is_over_does_not_wait_for_the_garbage_collector(path: str) -> None:
    seen: list[weakref.ref[http.HTTPFlow]] = []
    async with gateway(ALL, direct=True) as g:
        admit = g.script.requestheaders

        def requestheaders(flow: http.HTTPFlow) -> None:
            seen.append(weakref.ref(flow))
            admit(flow)

        g.script.requestheaders = requestheaders  # type: ignore[method-assign]
        gc.collect()
        gc.disable()
        try:
            await g.ask(path)
            for _ in range(100):
                if len(seen) == 1 and seen[0]() is None:
                    break
                await asyncio.sleep(0.05)
            assert [flow() for flow in seen] == [None]
        finally:
            gc.enable()


@pytest.mark.parametrize("hook", ["requestheaders", "request", "upstream_attempt"])
async def test_a_raising_hook_never_lets_a_request_through(hook: str) -> None:
    reached = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(1)

    async with gateway({"spy": upstream}, raise_in=hook) as g:
        status, _ = await g.ask("spy")
        assert (status, reached) == (500, [])


async def test_a_head_that_a_hook_gave_up_never_goes_out() -> None:
    """What fails while the head of a committed stream is written is answered with the refusal alone."""
    async with gateway(ALL, direct=True) as g:

        def responseheaders(flow: http.HTTPFlow) -> None:
            if flow.response and flow.response.status_code == 200:
                flow.response = http.Response.make(500, b"no", {"content-type": "text/plain"})

        g.script.responseheaders = responseheaders  # type: ignore[attr-defined]
        assert await g.ask("good") == (500, b"no")


async def test_the_last_answer_stays_where_no_attempt_follows() -> None:
    async with gateway(ALL) as g:
        admit = g.script.requestheaders

        def requestheaders(flow: http.HTTPFlow) -> None:
            admit(flow)
            g.script.exchanges[-1].tap = Tap(100)

        g.script.requestheaders = requestheaders  # type: ignore[method-assign]
        await g.ask("429")
        tap = g.script.exchanges[0].tap
        assert g.script.log == [429] and tap and tap.head and tap.upstream and not tap.earlier


async def test_no_attempt_no_connection() -> None:
    async with gateway(ALL, forget=True) as g:
        status, body = await g.ask("good")
        assert status == 500 and b"no upstream was chosen" in body


async def test_stale_connection_is_retried_on_a_fresh_one() -> None:
    """The first answer leaves a connection that the upstream kills at the second request's first byte."""
    async with gateway({"once": upstreams.once}) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        request = b"POST /once,once HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na"
        writer.write(request)
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, OK)
        writer.write(request)
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, OK)
        writer.close()
        assert g.script.log == ["ok", "reset", "ok"]
        assert [record.reused for x in g.script.exchanges for record in x.attempts] == []


async def test_keepalive_comment_while_the_upstream_is_silent() -> None:
    async with gateway(ALL, timeouts=replace(FAST, heartbeat=0.1)) as g:
        _, body = await g.ask("midstall")
        assert body.count(b": keepalive\n\n") >= 2


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param("x-bad: a\0b\r\n", 400, id="NUL"),
        pytest.param("x-bad: a\rb\r\n", 400, id="bare CR"),
        pytest.param("x-bad: a\r\n folded\r\n", 400, id="folded line"),
        pytest.param("transfer-encoding: chunked\r\n", 400, id="two framings"),
        pytest.param("content-length: 4\r\n", 400, id="two lengths"),
        pytest.param("content-length: -1\r\n", 400, id="negative length"),
    ],
)
async def test_ambiguous_requests_are_refused(head: str, status: int) -> None:
    async with gateway(ALL) as g:
        got, body = await g.ask("good", head=head)
        assert got == status and b"<html" not in body


@pytest.mark.parametrize(
    ("start", "status"),
    [
        pytest.param(b"POST /good HTTP/3.0\r\nhost: x\r\n\r\n", 505, id="odd version"),
        pytest.param(b"POST /" + b"a" * 9000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414, id="long target"),
        pytest.param(b"CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n", 405, id="connect"),
        pytest.param(b"GARBAGE\r\n\r\n", 400, id="no request line"),
        pytest.param(b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000, 431, id="head too large"),
        pytest.param(
            b"POST /good HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000000\r\n\r\n", 413, id="declared too large"
        ),
        pytest.param(
            b"POST /good HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(b"a" * 2000) * 2,
            413,
            id="counted",
        ),
        pytest.param(b"POST /good HTTP/1.1\r\nhost: x\r\ncontent-le", 408, id="head in pieces, then nothing"),
        pytest.param(b"POST /good HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc", 408, id="body stops"),
    ],
)
async def test_bounded_requests(start: bytes, status: int) -> None:
    async with gateway(ALL, limits=Limits(max_body=3000, client_timeout=0.3, keepalive_timeout=1)) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(start)
        got, body = await asyncio.wait_for(read_answer(reader), SOON)
        assert got == status and body.startswith(b"{")
        assert await asyncio.wait_for(reader.read(), SOON) == b""
        writer.close()


async def test_idle_connection_is_closed() -> None:
    async with gateway(ALL, limits=Limits(keepalive_timeout=0.2)) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        assert await asyncio.wait_for(reader.read(), SOON) == b""
        writer.close()


async def test_stop_lets_a_running_stream_finish_and_refuses_new_ones() -> None:
    slow = upstreams.answers(SSE + chunk(b"data: 1\n\n"), 0.3, chunk(b"data: END\n\n") + upstreams.LAST)
    async with gateway({"slow": slow}) as g:
        running = asyncio.ensure_future(g.ask("slow"))
        while not g.script.exchanges:
            await asyncio.sleep(0.01)
        cut = await g.listener.stop(2)
        assert cut == 0 and (await running)[1] == b"data: 1\n\ndata: END\n\n"
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", g.port)


@pytest.mark.parametrize(("event", "log"), [(b"large", ["ok"]), (b"BUG", ["late_error"])])
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "mitmproxy's hooks"])
async def test_a_large_event_is_read_beside_the_loop(
    event: bytes, log: list[str], direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its end, and what comes before and after it is read at once; what goes wrong there ends the stream."""
    threads: list[bool] = []
    feed = Watcher.feed

    def noting(watcher: Watcher, data: bytes) -> list[bytes]:
        threads.append(threading.current_thread() is threading.main_thread())
        if event == b"BUG" and not threads[-1]:
            raise ValueError("boom")
        return feed(watcher, data)

    monkeypatch.setattr(Watcher, "feed", noting)
    large = b"data: " + b"x" * (2 * BIG) + b"\n\n"

    async def sends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(SSE + chunk(b"data: 1\n\n") + chunk(large) + chunk(b"data: 2\n\ndata: END\n\n") + b"0\r\n\r\n")
        await writer.drain()

    async with gateway({"large": sends}, direct=direct) as g:
        status, body = await g.ask("large")
        assert status == 200 and g.script.log == log
        assert (large in body) == (log == ["ok"]) and (b"ABORT ValueError: boom" in body) == (log != ["ok"])
    assert threads.count(False) == 1


async def test_a_large_event_without_an_end_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []
    finish = Watcher.finish

    def noting(watcher: Watcher) -> list[bytes]:
        threads.append(threading.current_thread() is threading.main_thread())
        return finish(watcher)

    monkeypatch.setattr(Watcher, "finish", noting)

    async def sends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(SSE + chunk(b"data: 1\n\n") + chunk(b"data: " + b"x" * (2 * BIG)) + b"0\r\n\r\n")
        await writer.drain()

    async with gateway({"large": sends, **ALL}, direct=True) as g:
        assert (await g.ask("large"))[1].endswith(b"ABORT no end\n\n")
        assert await g.ask("good") == (200, GOOD_TEXT)
    assert threads == [False, True]
