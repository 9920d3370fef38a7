import gc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ccx_addons.core.config import Snapshot
from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_addons.processes.runtime import Runtime
from tests import once
from tests.postgres import Server, server_of_tests
from tests.wire.program import Fake, running_fake

SLOW = [HealthCheck.too_slow]
"""Says that the machine is busy."""
settings.register_profile("ccx", deadline=None, suppress_health_check=SLOW, derandomize=True, database=None)
settings.register_profile("search", deadline=None, suppress_health_check=SLOW, max_examples=1000)
settings.load_profile("ccx")
once.use()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each worker of the tests gets modules of all sorts: those that wait for programs leave the processor to others."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: zlib.crc32(item.nodeid.partition("::")[0].encode()))


def pytest_collection_finish() -> None:
    """Tests and modules stay to the end: the collector need not walk over them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """mitmproxy runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def fake() -> Iterator[Fake]:
    """The imitated providers, one process for each worker of the tests."""
    with running_fake() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def postgres() -> Server:
    """PostgreSQL, one server for each worker of the tests."""
    return server_of_tests()


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """What the addons of one worker share, over a database in a temporary folder."""
    store = Store.open(tmp_path / "ccx.db", boot_id="boot")
    process = Settings(ccx_config=str(tmp_path / "ccx.yaml"), ccx_data_dir=str(tmp_path))
    yield Runtime(process, Snapshot("rev1", 0), store, boot_id="boot")
    store.close()
