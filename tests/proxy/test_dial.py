"""Opening upstream connections: whom the gateway talks to before it says anything, names, and channels' proxies."""

import asyncio
import base64
import contextlib
import dataclasses
import socket
import ssl
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import certifi
import pytest
from mitmproxy import http

from ccx_addons.core.config import Timeouts
from ccx_addons.core.exchange import Upstream
from ccx_addons.proxy import dial
from ccx_addons.proxy.guard import exchange_of
from tests.proxy.certificates import issue
from tests.proxy.harness import FAST, gateway
from tests.proxy.upstreams import ALL, GOOD, GOOD_TEXT

"""For handshakes that end by themselves: a slow machine must not decide."""

HERE = "127.0.0.1"


class Spy:
    """An upstream that counts the bytes of requests that reached it."""

    def __init__(self) -> None:
        self.heard = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            self.heard += data


@pytest.mark.parametrize(
    ("names", "days", "trusted"),
    [
        pytest.param((HERE,), 30, False, id="self-signed"),
        pytest.param(("127.0.0.2", "localhost"), 30, True, id="for another address"),
        pytest.param(("*.0.0.1",), 30, True, id="a wildcard is no address"),
        pytest.param((HERE,), -1, True, id="expired"),
    ],
)
async def test_a_bad_certificate_ends_it_before_a_byte_is_sent(
    tmp_path: Path, names: tuple[str, ...], days: int, trusted: bool
) -> None:
    spy, issued = Spy(), issue(tmp_path, *names, days=days)
    terms = {"tls": True, "ca_file": issued.ca_file if trusted else None}
    async with gateway({"spy": spy}, upstream_tls=issued.server, upstream=terms) as g:
        assert (await g.ask("spy"))[0] == 502
        assert g.script.log == ["tls"] and spy.heard == b""


async def test_an_upstream_that_wants_a_certificate_of_its_clients(tmp_path: Path) -> None:
    """TLS 1.3 says so behind the handshake, where an answer is waited for."""
    issued = issue(tmp_path, HERE)
    issued.server.verify_mode = ssl.CERT_REQUIRED
    issued.server.load_verify_locations(issued.ca_file)

    async def strict(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls, over = issued.server.wrap_bio(come, go, server_side=True), False
        while not over:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(go.read())
                come.write(data := await reader.read(65536))
                over = not data
            except ssl.SSLError:
                writer.write(go.read())
                over = True
        await reader.read()

    terms = {"tls": True, "ca_file": issued.ca_file}
    async with gateway({"strict": strict}, upstream=terms) as g:
        assert (await g.ask("strict"))[0] == 502 and g.script.log == ["tls"]


@pytest.mark.parametrize("tls", [False, True])
async def test_what_was_waited_for_in_vain_is_said(tls: bool) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(silent, HERE, 0)
    port = server.sockets[0].getsockname()[1]
    proxy = None if tls else f"http://{HERE}:{port}"
    words = "it was reached, but TLS was not" if tls else "the channel's proxy has not"
    async with server:
        with pytest.raises(dial.DialError, match=f"^{words} set up.* in time") as caught:
            await dial.dial(dial.Place(HERE, port, tls, False, None, proxy), 0.1)
    assert caught.value.kind == "connect_timeout"


@pytest.mark.parametrize(
    "terms",
    [pytest.param({"verify_tls": False}, id="verification is off"), pytest.param({"ca_file": True}, id="trusted file")],
)
async def test_a_certificate_that_the_channel_accepts(tmp_path: Path, terms: dict[str, Any]) -> None:
    issued = issue(tmp_path, HERE)
    terms = {"tls": True, **terms}
    if terms.get("ca_file"):
        terms["ca_file"] = issued.ca_file
    async with gateway({"good": GOOD}, upstream_tls=issued.server, upstream=terms) as g:
        assert await g.ask("good") == (200, GOOD_TEXT) and g.script.log == ["ok"]


async def test_a_certificate_file_that_is_missing_trusts_nobody(tmp_path: Path) -> None:
    spy, issued = Spy(), issue(tmp_path, HERE)
    terms = {"tls": True, "ca_file": str(tmp_path / "none.pem")}
    async with gateway({"spy": spy}, upstream_tls=issued.server, upstream=terms) as g:
        assert (await g.ask("spy"))[0] == 502 and spy.heard == b""
        assert g.script.log == ["connect"]


async def test_an_upstream_that_speaks_no_tls() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with gateway({"plain": plain}, upstream={"tls": True}) as g:
        assert (await g.ask("plain"))[0] == 502 and g.script.log == ["tls"]


async def test_an_upstream_that_hangs_in_the_handshake() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with gateway({"silent": silent}, upstream={"tls": True}, timeouts=FAST) as g:
        assert (await g.ask("silent"))[0] == 502 and g.script.log == ["connect_timeout"]


async def test_an_old_version_of_tls_is_refused(tmp_path: Path) -> None:
    spy, issued = Spy(), issue(tmp_path, HERE)
    issued.server.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    issued.server.maximum_version = ssl.TLSVersion.TLSv1_1
    issued.server.set_ciphers("ALL:@SECLEVEL=0")
    async with gateway({"spy": spy}, upstream_tls=issued.server, upstream={"tls": True, "verify_tls": False}) as g:
        assert (await g.ask("spy"))[0] == 502 and spy.heard == b""


async def test_connections_of_different_terms_are_not_shared(tmp_path: Path) -> None:
    """A connection that was opened without verification never serves a channel that wants it."""
    issued = issue(tmp_path, HERE)
    async with gateway({"good": GOOD}, upstream_tls=issued.server, upstream={"tls": True, "verify_tls": False}) as g:
        reader, writer = await asyncio.open_connection(HERE, g.port)
        request = b"POST /good HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na"
        writer.write(request)
        await reader.readuntil(b"0\r\n\r\n")
        g.script.upstream["verify_tls"] = True
        writer.write(request)
        assert b" 502 " in await reader.readline()
        assert g.script.log == ["ok", "tls"]
        writer.close()


# ---- proxies ---------------------------------------------------------------------------------------------------------
@dataclass
class Socks:
    """A SOCKS5 server. ``refuse``: its reply code to every CONNECT; ``method``: how clients must log in."""

    method: int = 0
    password: bytes = b""
    refuse: int = 0
    port: int = 0
    asked: list[tuple[str, int]] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self.talk(reader, writer)
        writer.close()

    async def talk(self, reader: StreamReader, writer: StreamWriter) -> None:
        offered = await reader.readexactly((await reader.readexactly(2))[1])
        if self.method not in offered:
            writer.write(b"\x05\xff")
            return
        writer.write(bytes([5, self.method]))
        if self.method == 2 and not await self.login(reader, writer):
            return
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = ".".join(map(str, await reader.readexactly(4)))
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.asked.append((host, port))
        writer.write(bytes([5, self.refuse, 0, 1, 0, 0, 0, 0, 0, 0]))
        if not self.refuse:
            await relay(reader, writer, port)

    async def login(self, reader: StreamReader, writer: StreamWriter) -> bool:
        await reader.readexactly(1)
        user = await reader.readexactly((await reader.readexactly(1))[0])
        password = await reader.readexactly((await reader.readexactly(1))[0])
        self.logins.append(user)
        writer.write(bytes([1, password != self.password]))
        return password == self.password


async def relay(reader: StreamReader, writer: StreamWriter, port: int) -> None:
    there, to_there = await asyncio.open_connection("127.0.0.1", port)

    async def copy(source: StreamReader, target: StreamWriter) -> None:
        while data := await source.read(10_000):
            target.write(data)
            await target.drain()
        target.close()

    await asyncio.gather(copy(reader, to_there), copy(there, writer), return_exceptions=True)


@contextlib.asynccontextmanager
async def running(socks: Socks) -> AsyncIterator[Socks]:
    server = await asyncio.start_server(socks.serve, "127.0.0.1", 0)
    socks.port = server.sockets[0].getsockname()[1]
    try:
        yield socks
    finally:
        server.close()


async def test_a_request_goes_through() -> None:
    async with running(Socks()) as socks:
        proxy = f"socks5://127.0.0.1:{socks.port}"
        async with gateway(ALL, upstream={"proxy": proxy}) as g:
            assert await g.ask("good") == (200, GOOD_TEXT)
            assert socks.asked == [("127.0.0.1", g.script.ports["good"])] and socks.logins == []


async def test_a_login() -> None:
    async with running(Socks(method=2, password=b"p:w@")) as socks:
        proxy = f"socks5h://us%40er:p%3Aw%40@127.0.0.1:{socks.port}"
        async with gateway(ALL, upstream={"proxy": proxy}) as g:
            assert await g.ask("good") == (200, GOOD_TEXT) and socks.logins == [b"us@er"]


async def test_tls_through_it(tmp_path: Path) -> None:
    issued = issue(tmp_path, "127.0.0.1")
    async with running(Socks()) as socks:
        terms = {"proxy": f"socks5://127.0.0.1:{socks.port}", "tls": True, "ca_file": issued.ca_file}
        async with gateway({"good": GOOD}, upstream_tls=issued.server, upstream=terms) as g:
            assert await g.ask("good") == (200, GOOD_TEXT)


async def test_a_bad_certificate_behind_it(tmp_path: Path) -> None:
    issued = issue(tmp_path, "127.0.0.2")
    async with running(Socks()) as socks:
        terms = {"proxy": f"socks5://127.0.0.1:{socks.port}", "tls": True, "ca_file": issued.ca_file}
        async with gateway({"good": GOOD}, upstream_tls=issued.server, upstream=terms) as g:
            assert (await g.ask("good"))[0] == 502 and g.script.log == ["tls"]


async def test_the_connection_is_used_again() -> None:
    async with running(Socks()) as socks, gateway(ALL, upstream={"proxy": f"socks5://127.0.0.1:{socks.port}"}) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        for _ in range(2):
            writer.write(b"POST /json HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na")
            await reader.readuntil(b'{"ok":1}')
        writer.close()
        assert len(socks.asked) == 1 and g.script.log == ["ok", "ok"]


@pytest.mark.parametrize(
    ("socks", "user", "words"),
    [
        pytest.param(Socks(refuse=5), "", "Connection refused by destination host", id="refused by the upstream"),
        pytest.param(Socks(refuse=2), "", "Connection not allowed by ruleset", id="not allowed"),
        pytest.param(
            Socks(method=2, password=b"x"), "user:wrong@", "Username and password authentication failure", id="login"
        ),
        pytest.param(Socks(method=2, password=b"x"), "", "No acceptable authentication methods", id="login needed"),
        pytest.param(Socks(method=3), "", "No acceptable authentication methods", id="unknown method"),
    ],
)
async def test_it_says_why_not(monkeypatch: pytest.MonkeyPatch, socks: Socks, user: str, words: str) -> None:
    async with running(socks), gateway(ALL, upstream={"proxy": f"socks5://{user}127.0.0.1:{socks.port}"}) as g:
        said: list[str] = []
        judge = g.script.upstream_outcome

        def outcome(flow: http.HTTPFlow) -> None:
            x = exchange_of(flow)
            said.append(x.ended.detail if x and x.ended else "")
            judge(flow)

        monkeypatch.setattr(g.script, "upstream_outcome", outcome)
        assert (await g.ask("good"))[0] == 502 and g.script.log == ["connect"]
        assert words in said[0] and "wrong" not in said[0]


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        pytest.param("json", "connect", id="HTTP"),
        pytest.param("stall", "connect_timeout", id="silent"),
        pytest.param("refused", "connect", id="away"),
    ],
)
async def test_what_is_no_socks_server(handler: str, outcome: str) -> None:
    async def http(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read(10)
        if handler == "json":
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()
        else:
            await reader.read()

    server = await asyncio.start_server(http, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with gateway(ALL, timeouts=FAST if handler == "stall" else None) as g:
        g.script.upstream["proxy"] = f"socks5://127.0.0.1:{g.script.ports['refused'] if handler == 'refused' else port}"
        assert (await g.ask("good"))[0] == 502 and g.script.log == [outcome]
    server.close()


# ---- HTTP proxies ----------------------------------------------------------------------------------------------------
@dataclass
class Tunnels:
    """An HTTP proxy that only knows CONNECT (RFC 9110 section 9.3.6)."""

    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n"
    heads: list[bytes] = field(default_factory=list)

    async def __call__(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        writer.write(self.answer)
        if b" 200 " in self.answer:
            await relay(reader, writer, int(head.split()[1].rpartition(b":")[2]))
        else:
            writer.close()


@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
async def test_a_tunnel_with_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secured: bool) -> None:
    """Also TLS to the proxy and TLS to the upstream inside it."""
    issued, tunnels = issue(tmp_path, HERE), Tunnels()
    proxy = await asyncio.start_server(tunnels, HERE, 0, ssl=issued.server if secured else None)
    monkeypatch.setattr(certifi, "where", lambda: issued.ca_file)
    dial.forget_contexts()
    url = f"{'https' if secured else 'http'}://us%40er:p%3Aw@{HERE}:{proxy.sockets[0].getsockname()[1]}"
    terms = {"tls": True, "ca_file": issued.ca_file, "proxy": url}
    async with gateway({"good": GOOD}, upstream_tls=issued.server, upstream=terms) as g:
        assert await g.ask("good") == (200, GOOD_TEXT)
    assert base64.b64encode(b"us@er:p:w") in tunnels.heads[0] and tunnels.heads[0].startswith(b"CONNECT 127.0.0.1:")
    proxy.close()
    dial.forget_contexts()


async def test_a_tunnel_that_is_refused() -> None:
    proxy = await asyncio.start_server(Tunnels(b"HTTP/1.1 407 Login\r\n\r\n"), HERE, 0)
    url = f"http://{HERE}:{proxy.sockets[0].getsockname()[1]}"
    with pytest.raises(dial.DialError, match="the channel's proxy") as caught:
        await dial.dial(place("upstream.test", 1, proxy=url), 2)
    assert caught.value.kind == "connect"
    proxy.close()


# ---- names and addresses ---------------------------------------------------------------------------------------------
def place(host: str, port: int, **more: Any) -> dial.Place:
    return dial.Place.of(Upstream(host, port, **{"tls": False, "timeouts": Timeouts(), **more}))


def answering(monkeypatch: pytest.MonkeyPatch, hosts: dict[str, Any]) -> list[str]:
    """Names are looked up here. A value that is an event: nobody answers before it is set."""
    asked: list[str] = []

    def getaddrinfo(name: str, port: int, **_: Any) -> list[Any]:
        asked.append(name)
        found = hosts[name]
        if isinstance(found, threading.Event):
            found.wait(10)
            raise OSError("too late")
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


async def listening() -> tuple[asyncio.Server, int]:
    async def greet(_: StreamReader, writer: StreamWriter) -> None:
        writer.write(b"hi")

    server = await asyncio.start_server(greet, HERE, 0)
    return server, server.sockets[0].getsockname()[1]


async def test_a_name_that_nobody_answers_for_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    asked = answering(monkeypatch, {"silent.test": never, "good.test": [(socket.AF_INET, HERE)]})
    server, port = await listening()
    waiting = [asyncio.ensure_future(dial.dial(place("silent.test", port), 0.3)) for _ in range(20)]
    await asyncio.sleep(0)
    wire = await dial.dial(place("good.test", port), 5)
    assert await wire.reader.read(2) == b"hi"
    for failed in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(failed, dial.DialError) and failed.kind == "connect_timeout"
    assert asked.count("silent.test") == 1, "one lookup for all who ask"
    never.set()
    wire.close()
    server.close()


async def test_a_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, {"none.test": []})
    with pytest.raises(
        dial.DialError, match=r"the name none\.test cannot be resolved: Name or service not known"
    ) as caught:
        await dial.dial(place("none.test", 1), 5)
    assert caught.value.kind == "connect"


async def test_an_address_that_does_not_answer_costs_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two addresses: the first one refuses or is unreachable, the second is used."""
    answering(monkeypatch, {"two.test": [(socket.AF_INET6, "::2"), (socket.AF_INET, HERE)]})
    server, port = await listening()
    wire = await dial.dial(place("two.test", port), 5)
    assert wire.writer.get_extra_info("peername")[0] == HERE
    wire.close()
    server.close()


async def test_ipv6() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.write(b"hi"), "::1", 0)
    wire = await dial.dial(place("::1", server.sockets[0].getsockname()[1]), 5)
    assert await wire.reader.read(2) == b"hi"
    wire.close()
    server.close()


async def test_the_kernel_looks_after_it() -> None:
    server, port = await listening()
    wire = await dial.dial(place(HERE, port), 5)
    sock = wire.writer.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
    wire.close()
    server.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_second_connection_resumes_the_session(tmp_path: Path, version: ssl.TLSVersion) -> None:
    issued = issue(tmp_path, HERE)
    issued.server.minimum_version = issued.server.maximum_version = version

    async def echo(reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(await reader.read(1))

    server = await asyncio.start_server(echo, HERE, 0, ssl=issued.server)
    there = place(HERE, server.sockets[0].getsockname()[1], tls=True, ca_file=issued.ca_file)
    resumed = []
    for _ in range(2):
        wire = await dial.dial(there, 5)
        wire.writer.write(b"a")
        await wire.reader.read(1)
        resumed.append(wire.writer.get_extra_info("ssl_object").session_reused)
        wire.close()
    assert resumed == [False, True]
    server.close()


@pytest.mark.parametrize(
    ("more", "same"),
    [
        ({}, True),
        ({"timeouts": Timeouts(idle=1)}, True),
        ({"fresh": True}, True),
        ({"host": "b"}, False),
        ({"port": 444}, False),
        ({"tls": False}, False),
        ({"verify_tls": False}, False),
        ({"ca_file": "x"}, False),
        ({"proxy": "socks5://p"}, False),
    ],
)
def test_what_attempts_must_share_to_share_a_connection(more: dict[str, Any], same: bool) -> None:
    one = Upstream("a", 443, True, Timeouts())
    assert (dial.Place.of(one) == dial.Place.of(dataclasses.replace(one, **more))) is same
