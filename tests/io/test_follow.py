from pathlib import Path

import pytest

from ccx_addons.core.errors import StoreError
from ccx_addons.io.follow import source_of
from ccx_addons.io.store import Store
from tests.io.rows import request


def test_news_are_whatever_was_written(tmp_path: Path) -> None:
    store, source = Store.open(tmp_path / "ccx.db", boot_id="boot"), source_of(tmp_path / "ccx.db")
    assert source.has_news()
    with source.snapshot() as conn:
        assert conn.execute("SELECT count(*) FROM requests").fetchone()[0] == 0
    assert not source.has_news()
    store.put_request(request("a"))
    assert store.flush() and source.has_news()
    with source.snapshot() as conn:
        assert [row["id"] for row in conn.execute("SELECT id FROM requests")] == ["a"]
    source.close()
    store.close()


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        source_of(tmp_path / "ccx.db").has_news()
