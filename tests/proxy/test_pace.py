import asyncio

from ccx_addons.proxy.http1 import ClientHttp1
from ccx_addons.proxy.layer import MAX_EARLY
from tests.proxy.harness import gateway, read_answer
from tests.proxy.upstreams import ALL

HEAD = b"POST /%s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"


async def test_what_comes_ahead_of_its_turn_stays_with_the_client() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(HEAD % (b"toolpause", 0))
        writer.write((HEAD % (b"json", 1 << 20) + b"x" * (1 << 20)) * 30)
        most = 0
        answer = asyncio.ensure_future(read_answer(reader))
        while not answer.done():
            for handler in g.listener.handlers:
                end = handler.layer.connections[handler.client]
                assert isinstance(end, ClientHttp1)
                most = max(most, end.early)
            await asyncio.sleep(0.01)
        assert (await answer)[0] == 200
        assert 0 < most <= MAX_EARLY + (64 << 10)
        for _ in range(30):
            assert await asyncio.wait_for(read_answer(reader), 8) == (200, b'{"ok":1}')
        writer.close()
