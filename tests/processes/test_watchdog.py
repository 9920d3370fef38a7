import asyncio
import sys
import threading
import time
from collections.abc import Callable

import pytest

from ccx_addons.processes import watchdog
from ccx_addons.processes.runtime import Runtime
from ccx_addons.processes.watchdog import MAX_FRAMES, stack_of, watching
from ccx_addons.processes.worker import tell_stall
from tests.patience import PATIENCE, wait_for


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "EVERY", 0.01)
    monkeypatch.setattr(watchdog, "STALL", 0.5)


def stand_still(secret: str, told: threading.Event) -> None:
    """Holds the loop's thread up until the watchdog has seen it, as a slow reader would."""
    assert told.wait(PATIENCE) and secret
    time.sleep(0.1)  # and on: it is told once


async def stalls(count: int, tell: Callable[[str, str], None]) -> None:
    """A loop that is fine, stands still ``count`` times, and is fine again between."""
    told = threading.Event()

    def once(words: str, stack: str) -> None:
        tell(words, stack)
        told.set()

    with watching(asyncio.get_running_loop(), once):
        for n in range(count):
            await asyncio.sleep(0.05)
            told.clear()
            stand_still(f"sk-secret-{n}", told)
        await asyncio.sleep(0.1)


def test_each_stall_is_an_event_with_the_stack(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    runtime.worker = 3
    asyncio.run(stalls(2, tell_stall(runtime)))
    assert runtime.store.flush()
    sql = "SELECT count(*), max(level), max(kind), min(message), min(detail) FROM events WHERE detail LIKE '%stand_still%'"
    found = runtime.store.read(sql)
    assert found and found[:3] == (2, "warning", "stall")
    assert found[3].startswith("worker 3: the event loop stands still for")
    assert f"{__name__}:stand_still:" in found[4] and "threading:" in found[4].splitlines()[-1]
    assert "sk-secret" not in found[4] and "sk-secret" not in caplog.text and "stands still" in caplog.text


def test_a_loop_that_goes_on_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "STALL", PATIENCE)  # of a busy machine

    async def run() -> None:
        with watching(asyncio.get_running_loop(), lambda words, stack: said.append(words)):
            for _ in range(30):
                await asyncio.sleep(0.01)

    said: list[str] = []
    asyncio.run(run())
    wait_for(lambda: "ccx-watchdog" not in [thread.name for thread in threading.enumerate()])
    assert said == [], "nobody watches a loop that is over"


def test_a_stack_is_bounded() -> None:
    def deep(n: int) -> str:
        return deep(n - 1) if n else stack_of(sys._getframe())

    assert len(deep(200).splitlines()) == MAX_FRAMES and stack_of(None) == ""
