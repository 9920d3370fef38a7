from collections.abc import Iterator
from pathlib import Path

import pytest

from ccx_addons.core.config import Snapshot
from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_addons.runtime import Runtime


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """What the addons of one worker share, over a database in a temporary folder."""
    store = Store.open(tmp_path / "ccx.db", boot_id="boot")
    settings = Settings(ccx_config=str(tmp_path / "ccx.yaml"), ccx_data_dir=str(tmp_path))
    yield Runtime(settings, Snapshot("rev1", 0), store, boot_id="boot")
    store.close()
