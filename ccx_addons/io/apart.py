"""A plain event loop in a thread of its own, for what httpx asks.

The gateway's loop starts every task at once, which anyio's task groups, below httpx's asynchronous client, do not bear
before Python 3.13; and what is done with the answers (pictures, long lists) is not done between two chunks of a stream.
"""

import asyncio
import functools
import threading
from collections.abc import Coroutine
from typing import Any


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="ccx-apart", daemon=True).start()
    return loop


async def apart[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """What the coroutine returns or raises. Cancelling this cancels it."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, _loop()))
