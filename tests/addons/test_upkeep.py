import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccx_addons.core.config import Snapshot
from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_addons.processes.runtime import Runtime
from ccx_addons.upkeep import Upkeep
from tests.patience import PATIENCE

DAY = 86_400_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "ccx.db")
    now = int(time.time() * 1000)
    for days in (0, 2, 4):
        row = {"id": f"r{days}", "started_at": now - days * DAY, "state": "ok"}
        opened.put_request(row)
    opened.flush()
    yield opened
    opened.close()


def left(store: Store) -> int:
    store.flush()
    found = store.read("select count(*) from requests")
    assert found
    return int(found[0])


async def until(store: Store, rows: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await asyncio.to_thread(left, store) != rows:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("days", "rows"), [(1, 1), (3, 2)])
def test_what_is_old_is_deleted_again_and_again(store: Store, days: int, rows: int) -> None:
    async def rounds() -> None:
        upkeep = Upkeep(Runtime(Settings(retention_days=days), Snapshot("r", 0), store), first=0.0, every=0.01)
        upkeep.running()
        await until(store, rows)
        store.put_request({"id": "late", "started_at": 1, "state": "ok"})
        await until(store, rows)
        upkeep.done()

    asyncio.run(rounds())


def test_only_the_first_worker_works(store: Store) -> None:
    upkeep = Upkeep(Runtime(Settings(retention_days=1), Snapshot("r", 0), store, worker=1), first=0.0)

    async def start() -> None:
        upkeep.running()
        await asyncio.sleep(0)

    asyncio.run(start())
    assert upkeep.task is None and left(store) == 3
