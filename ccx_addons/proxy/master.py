"""mitmproxy's master with only what the gateway needs of it."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from mitmproxy import options
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.master import Master

NEVER: Final = 10**9
"""Seconds; mitmproxy's own inactivity limit is off, the stream and the listener have finer ones."""
OPTIONS: Final = {
    "mode": [],
    "connection_strategy": "lazy",
    "tcp_timeout": NEVER,
    "validate_inbound_headers": True,
}


def eager_task(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
) -> "asyncio.Task[Any]":
    """As asyncio.eager_task_factory, which before Python 3.13.4 refuses the ``eager_start`` that uvloop passes on."""
    return asyncio.Task(coroutine, loop=loop, **{"eager_start": True, **options})


class GatewayMaster(Master):
    """mitmproxy without servers of its own: the listener is ours."""

    async def run(self) -> None:
        self.event_loop.set_task_factory(eager_task)
        await self.running()
        try:
            await self.should_exit.wait()
        finally:
            await self.done()


def make_master(addons: Iterable[Any], loop: asyncio.AbstractEventLoop) -> Master:
    """mitmproxy with only what we need of it: none of its default addons but the option holder Proxyserver."""
    master = GatewayMaster(options.Options(), loop)
    master.addons.add(Proxyserver(), *addons)
    master.options.update(**OPTIONS)
    return master
