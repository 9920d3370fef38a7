"""Our HTTP/2 end of a client, over the wire."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import h2.connection
import h2.events
import pytest
from mitmproxy.proxy import layer

from ccx_addons.proxy.http2 import MOST, REQUEST, ClientHttp2
from ccx_addons.proxy.listener import server_tls
from tests.patience import SOON
from tests.proxy.certificates import issue
from tests.proxy.harness import gateway
from tests.proxy.upstreams import ALL

FIELDS = [(":method", "POST"), (":path", "/json"), (":scheme", "https"), (":authority", "x")]


async def answers(reader: asyncio.StreamReader, client: h2.connection.H2Connection, most: int) -> dict[int, bytes]:
    """What came for each stream, until ``most`` of them have ended or the connection has."""
    found: dict[int, bytes] = {}
    ended = 0
    while ended < most and (data := await asyncio.wait_for(reader.read(65_536), SOON)):
        for event in client.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                found[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                found[event.stream_id] += event.data
            ended += isinstance(event, h2.events.StreamEnded)
    return found


@pytest.mark.parametrize("body", [b"", b"a" * 3000], ids=["heads alone", "with bodies"])
async def test_what_comes_at_once_is_read_a_few_requests_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    issue(tmp_path, "127.0.0.1")
    tls = server_tls(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    trust.set_alpn_protocols(["h2"])
    in_turn: list[int] = []
    turn, received = ClientHttp2._turn, ClientHttp2.handle_h2_event

    def counted_turn(end: ClientHttp2) -> layer.CommandGenerator[None]:
        in_turn.append(0)
        return turn(end)

    def counted(end: ClientHttp2, event: Any) -> layer.CommandGenerator[bool]:
        in_turn[-1] += isinstance(event, h2.events.RequestReceived)
        return received(end, event)

    monkeypatch.setattr(ClientHttp2, "_turn", counted_turn)
    monkeypatch.setattr(ClientHttp2, "handle_h2_event", counted)
    async with gateway(ALL, tls=tls, direct=True) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port, ssl=trust)
        client = h2.connection.H2Connection()
        client.initiate_connection()
        count = 90 if not body else 20
        for n in range(count):
            client.send_headers(2 * n + 1, FIELDS, end_stream=not body)
            if body:
                client.send_data(2 * n + 1, body, end_stream=True)
        writer.write(client.data_to_send())
        found = await answers(reader, client, count)
        writer.close()
    assert {*found.values()} == {b'{"ok":1}'} and len(found) == sum(in_turn) == count
    assert max(in_turn) < 4 * MOST // REQUEST and len(in_turn) > 1


async def test_bytes_that_are_no_http2_end_the_connection(tmp_path: Path) -> None:
    issue(tmp_path, "127.0.0.1")
    tls = server_tls(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    trust.set_alpn_protocols(["h2"])
    async with gateway(ALL, tls=tls, direct=True) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port, ssl=trust)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 500)
        await asyncio.wait_for(reader.read(), SOON)
        assert g.script.exchanges == []
        writer.close()
