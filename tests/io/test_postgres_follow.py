"""Two workers that know of each other by PostgreSQL only."""

import threading
from collections.abc import Iterator

import pytest

from ccx_addons.core.errors import StoreError
from ccx_addons.io.postgres import Link
from ccx_addons.io.postgres_follow import Postgres
from ccx_addons.io.state import Reader
from ccx_addons.io.store import Store
from tests.io.rows import NOW, request
from tests.postgres import Server


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.made()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store.open(url, boot_id="boot", worker=0)
    yield store
    store.close()


@pytest.fixture
def source(url: str) -> Iterator[Postgres]:
    source = Postgres(url)
    assert source.has_news()
    with source.snapshot() as conn:
        conn.execute("SELECT 1")
    source.looked_at = 1e18
    yield source
    source.close()


def test_news_are_told(store: Store, source: Postgres) -> None:
    assert not source.has_news()
    store.put_override({"kind": "chat", "trace_hash": "t"})
    assert store.flush(20)
    while not source.has_news():
        threading.Event().wait(0.01)
    with source.snapshot() as conn:
        assert [row["trace_hash"] for row in conn.execute("SELECT * FROM overrides")] == ["t"]
    assert not source.has_news()


def test_rows_of_requests_are_not(store: Store, source: Postgres) -> None:
    store.put_request(request("a"))
    assert store.flush(20) and not source.has_news()
    source.looked_at = 0.0
    assert source.has_news()


def test_all_of_a_snapshot_is_of_one_moment(store: Store, source: Postgres) -> None:
    with source.snapshot() as conn:
        before = conn.execute("SELECT count(*) FROM requests").fetchall()
        store.put_request(request("a"))
        assert store.flush(20) and conn.execute("SELECT count(*) FROM requests").fetchall() == before == [(0,)]


def test_what_a_living_gateway_has_blocked_stays_blocked(url: str, store: Store) -> None:
    """Another one that starts lifts only what nobody keeps any more."""
    row = {"kind": "chat", "channel_id": "c", "key_id": "k", "state": "blocked", "failures": 1, "until": 1 << 42}
    for boot in ("boot", "gone"):
        store.put_key_state({**row, "key_id": boot, "updated_at": NOW, "detail": {"by": f"{boot}:0"}})
    assert store.flush(20)
    reader = Reader(url, "later", 0, True)
    news = reader.look(NOW / 1000)
    assert news and news.lifted == [("chat", "c", "gone", "")]
    reader.close()


def test_a_lost_connection_is_made_anew(url: str, source: Postgres) -> None:
    link = Link(url, "tests")
    link.script("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%follows'")
    link.close()
    with pytest.raises(StoreError), source.snapshot() as conn:
        conn.execute("SELECT 1")
    assert source.has_news()
    with source.snapshot() as conn:
        assert conn.execute("SELECT 1").fetchall() == [(1,)]
