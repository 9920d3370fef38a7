import asyncio
import contextlib

import pytest

from ccx_addons.processes.periodic import Periodic
from tests.patience import PATIENCE


class Ticker(Periodic):
    """Does ``rounds`` rounds, then waits for ever; the first one is a bug."""

    def __init__(self, rounds: int) -> None:
        self.left = rounds
        self.did: list[str] = []
        self.over = asyncio.Event()

    def tick(self) -> None:
        self.did.append("tick")
        self.left -= 1
        if not self.left:
            self.over.set()
        if len(self.did) == 1:
            raise ValueError("a bug")

    async def wait_and_tick(self) -> None:
        await asyncio.sleep(0)
        self.tick()


@pytest.mark.parametrize("waits", [False, True])
async def test_it_goes_on_after_a_bug_until_it_is_done(waits: bool, caplog: pytest.LogCaptureFixture) -> None:
    ticker = Ticker(3)
    ticker.begin("ticking", ticker.wait_and_tick if waits else ticker.tick, 0.0)
    await asyncio.wait_for(ticker.over.wait(), PATIENCE)
    assert ticker.task and caplog.text.count("ticking failed") == 1
    ticker.done()
    with contextlib.suppress(asyncio.CancelledError):
        await ticker.task
    assert ticker.task.cancelled()


async def test_pauses_are_asked_for_anew_and_the_first_may_be_another() -> None:
    pauses = [0.0, 0.0, 3600.0]
    ticker = Ticker(3)
    ticker.begin("ticking", ticker.tick, lambda: pauses.pop(0), first=0.0)
    await asyncio.wait_for(ticker.over.wait(), PATIENCE)
    await asyncio.sleep(0)
    assert pauses == []
    ticker.done()


def test_who_never_began_ends_in_peace() -> None:
    Periodic().done()
