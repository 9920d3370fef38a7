"""SOCKS5 to a channel's proxy, over a real little server on loopback (RFC 1928, RFC 1929)."""

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mitmproxy import http

from ccx_addons.guard import exchange_of
from ccx_addons.proxy.layer import UPSTREAMS
from ccx_addons.proxy.socks import proxy_address
from tests.proxy.certificates import issue
from tests.proxy.harness import gateway
from tests.proxy.upstreams import ALL, GOOD, GOOD_TEXT


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
        pytest.param(Socks(refuse=5), "", "cannot connect: connection_refused", id="refused by the upstream"),
        pytest.param(Socks(refuse=2), "", "cannot connect: connection_not_allowed", id="not allowed"),
        pytest.param(Socks(method=2, password=b"x"), "user:wrong@", "refused the user name or password", id="login"),
        pytest.param(Socks(method=2, password=b"x"), "", "wants another way to log in", id="login needed"),
        pytest.param(Socks(method=3), "", "wants another way to log in", id="unknown method"),
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
    async with gateway(ALL) as g:
        g.script.upstream["proxy"] = f"socks5://127.0.0.1:{g.script.ports['refused'] if handler == 'refused' else port}"
        assert (await g.ask("good"))[0] == 502 and g.script.log == [outcome]
    server.close()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://p.test", ("http", ("p.test", 80))),
        ("https://p.test", ("https", ("p.test", 443))),
        ("http://user:pw@p.test:3128/", ("http", ("p.test", 3128))),
    ],
)
def test_proxy_address(url: str, address: tuple[str, tuple[str, int]]) -> None:
    assert proxy_address(url) == address


async def test_connections_through_it_leave_nothing_behind() -> None:
    async with running(Socks()) as socks:
        before = len(UPSTREAMS)
        async with gateway(ALL, upstream={"proxy": f"socks5://127.0.0.1:{socks.port}"}) as g:
            for _ in range(3):
                await g.ask("json")
        assert len(UPSTREAMS) == before


async def test_an_http_proxy_that_is_silent() -> None:
    async def silent(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read()
        await reader.read()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with gateway(ALL, upstream={"proxy": f"http://127.0.0.1:{port}"}) as g:
        assert (await g.ask("good"))[0] == 502 and g.script.log == ["connect_timeout"]
    server.close()


@pytest.mark.parametrize(
    ("user", "login"),
    [("", b""), ("us%40er:p%3Aw@", b"proxy-authorization: Basic dXNAZXI6cDp3"), ("us:@", b"Basic dXM6")],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_http_proxy_gets_a_connect(tmp_path: Path, scheme: str, user: str, login: bytes) -> None:
    heads = []

    async def proxy(reader: StreamReader, writer: StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await relay(reader, writer, int(head.split(b" ")[1].rpartition(b":")[2]))

    issued = issue(tmp_path, "127.0.0.1")
    server = await asyncio.start_server(proxy, "127.0.0.1", 0, ssl=issued.server if scheme == "https" else None)
    port = server.sockets[0].getsockname()[1]
    terms = {"proxy": f"{scheme}://{user}127.0.0.1:{port}", "ca_file": issued.ca_file}
    async with gateway(ALL, upstream=terms) as g:
        assert await g.ask("good") == (200, GOOD_TEXT)
        assert heads[0].startswith(f"CONNECT 127.0.0.1:{g.script.ports['good']} HTTP/1.1\r\n".encode())
        assert login in heads[0] and (b"authorization" in heads[0]) is bool(login)
    server.close()


async def test_an_http_proxy_that_refuses() -> None:
    async def proxy(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with gateway(ALL, upstream={"proxy": f"http://127.0.0.1:{port}"}) as g:
        assert (await g.ask("good"))[0] == 502 and g.script.log == ["connect"]
    server.close()
