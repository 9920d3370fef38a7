"""TLS towards upstreams: whom the gateway talks to before it says anything."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL

from ccx_addons.proxy.tls import _expect_name
from tests.proxy.certificates import issue
from tests.proxy.harness import gateway
from tests.proxy.upstreams import GOOD, GOOD_TEXT

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


async def test_a_certificate_file_that_is_missing_trusts_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spy, issued = Spy(), issue(tmp_path, HERE)
    terms = {"tls": True, "ca_file": str(tmp_path / "none.pem")}
    async with gateway({"spy": spy}, upstream_tls=issued.server, upstream=terms) as g:
        assert (await g.ask("spy"))[0] == 502 and spy.heard == b""
        assert g.script.log == ["connect"] and "Cannot load trusted certificates" in caplog.text


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

    async with gateway({"silent": silent}, upstream={"tls": True}) as g:
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


def test_names_are_sent_and_addresses_are_not() -> None:
    named, addressed = (SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD)) for _ in range(2))
    _expect_name(named, "bücher.example")
    assert named.get_servername() == b"xn--bcher-kva.example"
    for address in (HERE, "::1"):
        _expect_name(addressed, address)
        assert addressed.get_servername() is None
