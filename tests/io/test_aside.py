import asyncio
import threading

import pytest

from ccx_addons.io.aside import THREADS, aside


def test_the_loop_goes_on_meanwhile() -> None:
    async def run() -> str:
        begun, go_on = threading.Event(), threading.Event()

        def work(word: str) -> str:
            begun.set()
            assert go_on.wait(10)
            return word

        waiting = asyncio.ensure_future(aside(work, word="done"))
        await asyncio.to_thread(begun.wait, 10)
        assert not waiting.done()
        go_on.set()
        return await waiting

    assert asyncio.run(run()) == "done"


def test_few_at_once() -> None:
    async def run() -> set[str]:
        return set(await asyncio.gather(*(aside(lambda: threading.current_thread().name) for _ in range(20))))

    assert len(asyncio.run(run())) <= THREADS


def test_errors_come_back() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(aside(lambda: 1 / 0))
