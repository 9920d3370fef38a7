import asyncio
import contextlib
import gc
import socket
import ssl
import weakref
from pathlib import Path

import pytest
from mitmproxy import http

from ccx_addons.core.config import Timeouts
from ccx_addons.proxy.listener import NOWHERE, server_tls
from ccx_addons.proxy.terms import Limits
from tests.patience import SOON
from tests.proxy.certificates import issue
from tests.proxy.harness import FAST, gateway, read_answer
from tests.proxy.upstreams import ALL, GOOD_TEXT, LAST, SSE, answers, chunk, then_silence

REQUEST = b"POST /%s HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na"


def test_a_request_that_slipped_through_goes_nowhere() -> None:
    assert NOWHERE.full_spec == "reverse:http://ccx.invalid:1"  # RFC 2606: .invalid never resolves


@pytest.mark.parametrize("path", ["json", "good", "429,json", "cut", "refused,good", "midstall", "bug"])
async def test_a_connection_that_is_over_does_not_wait_for_the_garbage_collector(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        http.MessageData, "__post_init__", lambda _: None
    )  # checks that a worker goes without; they keep tracebacks
    async with gateway(ALL, direct=True) as g:
        gc.collect()
        gc.disable()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
            writer.write(REQUEST % path.encode())
            await reader.read(1)
            seen = [weakref.ref(handler.layer) for handler in g.listener.handlers]
            writer.close()
            for _ in range(100):
                if [layer() for layer in seen] == [None]:
                    break
                await asyncio.sleep(0.05)
            assert [layer() for layer in seen] == [None]
        finally:
            gc.enable()


# ---- the end ---------------------------------------------------------------------------------------------------------
async def test_idle_connections_are_closed_soon() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST % b"json")
        await read_answer(reader)
        assert await asyncio.wait_for(g.listener.stop(30), SOON) == 0
        assert await asyncio.wait_for(reader.read(), SOON) == b""
        writer.close()


async def test_a_request_that_was_on_its_way_is_answered_and_is_the_last_one() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST % b"json")
        assert (await read_answer(reader))[0] == 200
        stopping = asyncio.ensure_future(g.listener.stop(30))
        await asyncio.sleep(0)
        writer.write(REQUEST % b"json")
        answer = (await asyncio.wait_for(reader.read(), SOON)).lower()
        assert b"200" in answer[:15] and b"connection: close" in answer
        assert await stopping == 0
        writer.close()


async def test_who_was_connected_before_anybody_looked_is_answered() -> None:
    async with gateway(ALL) as g:
        with socket.create_connection(("127.0.0.1", g.port)) as client:
            client.sendall(REQUEST % b"json")
            assert await asyncio.wait_for(g.listener.stop(30), SOON) == 0
            client.settimeout(SOON)
            assert b"200" in client.recv(15)


async def test_a_stop_that_takes_its_time_can_be_hurried() -> None:
    endless = then_silence(SSE + chunk(b"data: 1\n\n"))
    async with gateway({"a": endless}, timeouts=Timeouts(idle=30)) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST % b"a")
        await reader.readuntil(b"data: 1")
        stopping = asyncio.ensure_future(g.listener.stop(3600))
        await asyncio.sleep(0)
        g.listener.hurry(0.1)
        assert await asyncio.wait_for(stopping, SOON) == 1
        writer.close()


async def test_a_connection_that_never_asked_is_idle() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        while not g.listener.handlers:
            await asyncio.sleep(0.01)
        assert await asyncio.wait_for(g.listener.stop(30), SOON) == 0
        assert await asyncio.wait_for(reader.read(), SOON) == b""
        writer.close()


async def test_what_runs_longer_than_the_grace_is_cut() -> None:
    endless = then_silence(SSE + chunk(b"data: 1\n\n"))
    async with gateway({"a": endless}, timeouts=Timeouts(idle=30)) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST % b"a")
        await reader.readuntil(b"data: 1")
        assert await asyncio.wait_for(g.listener.stop(0.2), SOON) == 1
        await asyncio.wait_for(reader.read(), SOON)
        assert g.script.ends == ["error"], "its row is written"
        assert not g.listener.handlers
        writer.close()


async def test_what_finishes_in_time_is_whole() -> None:
    slow = answers(SSE + chunk(b"data: 1\n\n"), 0.3, chunk(b"data: END\n\n") + LAST)
    async with gateway({"a": slow}) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST % b"a")
        await reader.readuntil(b"data: 1")
        stopping = asyncio.ensure_future(g.listener.stop(5))
        assert (await asyncio.wait_for(reader.read(), SOON)).endswith(LAST) and await stopping == 0
        writer.close()


async def test_stopping_twice_is_stopping_once() -> None:
    async with gateway(ALL) as g:
        assert await g.listener.stop(0) == 0 and await g.listener.stop(0) == 0


async def test_a_port_without_a_listener_refuses() -> None:
    async with gateway(ALL) as g:
        await g.listener.stop(0)
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", g.port)


async def test_the_kernel_looks_after_clients() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(REQUEST % b"json")
        await read_answer(reader)
        (handler,) = g.listener.handlers
        io = handler.transports[handler.client]
        assert isinstance(io.writer, asyncio.StreamWriter)
        sock = io.writer.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0, "a client may take its time"
        writer.close()


# ---- many clients ----------------------------------------------------------------------------------------------------
async def test_clients_do_not_wait_for_each_other() -> None:
    async with gateway(ALL, timeouts=Timeouts(first_byte=5)) as g:
        slow = asyncio.ensure_future(g.ask("stall"))
        assert (
            await asyncio.wait_for(asyncio.gather(*(g.ask("good") for _ in range(20))), SOON) == [(200, GOOD_TEXT)] * 20
        )
        slow.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await slow


async def test_garbage_harms_nobody() -> None:
    async with gateway(ALL) as g:
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"\0" * 100, b"\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
            writer.write(garbage)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await asyncio.wait_for(reader.read(), SOON)
            writer.close()
        assert await g.ask("good") == (200, GOOD_TEXT)


# ---- time to connect -------------------------------------------------------------------------------------------------
async def test_an_upstream_that_does_not_answer_the_handshake_of_tcp() -> None:
    """A listening socket with a full queue: the kernel drops further handshakes."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        port = sock.getsockname()[1]
        full = [socket.socket() for _ in range(4)]
        for one in full:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(("127.0.0.1", port))
        async with gateway(ALL, timeouts=FAST) as g:
            g.script.ports["full"] = port
            assert await asyncio.wait_for(g.ask("full,good"), SOON) == (200, GOOD_TEXT)
            assert g.script.log == ["connect_timeout", "ok"]
        for one in full:
            one.close()


# ---- TLS on the public port ------------------------------------------------------------------------------------------
async def test_https_clients(tmp_path: Path) -> None:
    issued = issue(tmp_path, "127.0.0.1")
    context = server_tls(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    client = ssl.create_default_context(cafile=issued.ca_file)
    client.set_alpn_protocols(["http/1.1"])
    async with gateway(ALL, tls=context) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port, ssl=client)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.write(REQUEST % b"good")
        assert await asyncio.wait_for(read_answer(reader), SOON) == (200, GOOD_TEXT)
        writer.close()


async def test_http2_is_offered(tmp_path: Path) -> None:
    issued = issue(tmp_path, "127.0.0.1")
    context = server_tls(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    client = ssl.create_default_context(cafile=issued.ca_file)
    client.set_alpn_protocols(["h2", "http/1.1"])
    async with gateway(ALL, tls=context, limits=Limits()) as g:
        _, writer = await asyncio.open_connection("127.0.0.1", g.port, ssl=client)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        writer.close()


def test_one_file_may_hold_both(tmp_path: Path) -> None:
    issue(tmp_path, "127.0.0.1")
    both = tmp_path / "both.pem"
    both.write_text((tmp_path / "cert.pem").read_text() + (tmp_path / "key.pem").read_text())
    assert server_tls(str(both), "").minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(("cert", "key"), [("none.pem", ""), ("cert.pem", "none.pem"), ("cert.pem", "cert.pem")])
def test_files_that_are_not_usable(tmp_path: Path, cert: str, key: str) -> None:
    issue(tmp_path, "127.0.0.1")
    with pytest.raises((OSError, ssl.SSLError)):
        server_tls(str(tmp_path / cert), str(tmp_path / key) if key else "")
