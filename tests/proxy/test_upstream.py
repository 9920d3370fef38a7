"""A client's handler with connections of the pool: what mitmweb shows of them, and clients that leave at bad moments."""

import asyncio
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.connection import ConnectionState

from ccx_addons.core.config import Timeouts
from ccx_addons.core.exchange import Upstream
from ccx_addons.proxy.dial import Place, Wire
from ccx_addons.proxy.pool import Pool
from ccx_addons.proxy.upstream import UpstreamConnection
from tests.patience import SOON
from tests.proxy.certificates import issue
from tests.proxy.harness import gateway, read_request
from tests.proxy.upstreams import ALL, GOOD, GOOD_TEXT

HERE = "127.0.0.1"


async def test_what_is_known_of_a_secured_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = issue(tmp_path, HERE)
    seen: list[UpstreamConnection] = []
    terms = {"tls": True, "ca_file": issued.ca_file}
    async with gateway({"good": GOOD}, upstream_tls=issued.server, upstream=terms) as g:
        judge = g.script.upstream_outcome

        def outcome(flow: http.HTTPFlow) -> None:
            assert isinstance(flow.server_conn, UpstreamConnection)
            seen.append(flow.server_conn)
            judge(flow)

        monkeypatch.setattr(g.script, "upstream_outcome", outcome)
        assert [await g.ask("good"), await g.ask("good")] == [(200, GOOD_TEXT)] * 2
    assert seen[0].tls_version == "TLSv1.3" and seen[0].cipher and seen[0].sni == HERE
    assert [str(name.value) for name in seen[0].certificate_list[0].altnames] == [HERE]
    assert seen[0].peername and seen[0].peername[0] == HERE and seen[0].sockname
    began, tcp, tls = seen[0].timestamp_start, seen[0].timestamp_tcp_setup, seen[0].timestamp_tls_setup
    assert began and tcp and tls and began <= tcp <= tls
    assert all(connection.state is ConnectionState.CLOSED and connection.timestamp_end for connection in seen)


def test_a_stored_flow_knows_nothing_of_wires() -> None:
    connection = UpstreamConnection.to(Upstream("a", 1, False, Timeouts()))
    assert "terms" not in connection.get_state() and not connection.usable


@pytest.mark.parametrize("direct", [True, False], ids=["as the program", "as mitmweb"])
@pytest.mark.parametrize("succeeds", [True, False], ids=["which then stands", "which never stands"])
async def test_a_client_that_leaves_while_its_connection_is_opened(direct: bool, succeeds: bool) -> None:
    """The exchange ends once, in an error, and nothing stays open."""
    dialling, go_on = asyncio.Event(), asyncio.Event()

    async def connect(place: Place, seconds: float) -> Wire:
        dialling.set()
        await go_on.wait() if succeeds else await asyncio.Event().wait()
        reader, writer = await asyncio.open_connection(place.host, place.port)
        return Wire(reader, writer, 0, 0)

    pool = Pool(connect=connect)
    async with gateway(ALL, direct=direct, pool=pool) as g:
        _, writer = await asyncio.open_connection(HERE, g.port)
        writer.write(b"POST /good HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na")
        await asyncio.wait_for(dialling.wait(), SOON)
        writer.close()
        go_on.set()
        async with asyncio.timeout(SOON):
            while g.listener.handlers or not g.script.ends:
                await asyncio.sleep(0.01)
        assert g.script.ends == ["error"]
    assert not pool.open


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    "body", ["content-length: 2\r\n\r\n{}", "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"]
)
async def test_a_client_that_closes_closes_no_upstreams_connection(version: str, body: str) -> None:
    opened: list[object] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        while await read_request(reader):
            writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{body}".encode())

    async with gateway({"a": upstream}, direct=True, pool=Pool()) as g:
        for _ in range(5):
            reader, writer = await asyncio.open_connection(HERE, g.port)
            writer.write(
                f"POST /a HTTP/{version}\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\na".encode()
            )
            answer = await asyncio.wait_for(reader.read(), SOON)
            assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"{}") and b"connection: close" in answer
            writer.close()
            async with asyncio.timeout(SOON):
                while g.listener.handlers:
                    await asyncio.sleep(0.01)
    assert len(opened) == 1
