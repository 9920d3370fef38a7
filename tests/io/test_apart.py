import asyncio
import threading

import anyio
import pytest

from ccx_addons.io.apart import apart
from ccx_addons.proxy.master import eager_task


async def group() -> str:
    """Task groups inside task groups, as httpx has them when it connects."""
    found: list[str] = []

    async def inner() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0)
        found.append(threading.current_thread().name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(inner)
    return found[0]


async def on_an_eager_loop() -> str:
    asyncio.get_running_loop().set_task_factory(eager_task)
    return await asyncio.ensure_future(apart(group()))


def test_task_groups_beside_a_loop_of_eager_tasks() -> None:
    assert asyncio.run(on_an_eager_loop()) == "ccx-apart"


async def test_what_it_raises_comes_back() -> None:
    async def fails() -> None:
        raise ValueError("it failed")

    with pytest.raises(ValueError, match="it failed"):
        await apart(fails())


async def test_cancelling_cancels_it() -> None:
    cancelled = threading.Event()

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(apart(waits()), 0.05)
    assert await asyncio.to_thread(cancelled.wait, 5)
