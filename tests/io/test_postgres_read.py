import threading

import pytest

from ccx_addons.io.postgres import Link
from ccx_addons.io.postgres_read import Pool, ReadError
from tests.postgres import Server


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.made()


def test_nothing_can_be_written(url: str) -> None:
    with pytest.raises(ReadError, match="read-only"):
        Pool(url).rows("DELETE FROM events", (), 5)


def test_a_slow_query_is_given_up(url: str) -> None:
    pool = Pool(url, 1)
    with pytest.raises(ReadError) as caught:
        pool.rows("SELECT pg_sleep(60)", (), 0.1)
    assert caught.value.is_slow
    assert pool.rows("SELECT 1", (), 5) == [(1,)]


def test_a_few_connections_are_enough_for_many(url: str) -> None:
    pool, found = Pool(url, 2), list[int]()

    def ask() -> None:
        (row,) = pool.rows("SELECT pg_backend_pid() FROM pg_sleep(0.01)", (), 20)
        found.append(row[0])

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12 and len(set(found)) <= 2


def test_a_connection_that_was_ended_is_made_anew_and_nobody_sees_it(url: str) -> None:
    pool, other = Pool(url, 1), Link(url, "tests")
    ((pid,),) = pool.rows("SELECT pg_backend_pid()", (), 5)
    other.execute("SELECT pg_terminate_backend(?)", (pid,))
    ((new,),) = pool.rows("SELECT pg_backend_pid()", (), 5)
    assert new != pid
    with pytest.raises(ReadError, match="terminating"):  # once: whatever ends each of them is no old one's end
        pool.rows("SELECT pg_terminate_backend(pg_backend_pid())", (), 5)
    assert pool.rows("SELECT 1", (), 5) == [(1,)]
    other.close()


def test_no_server(tmp_path: object) -> None:
    with pytest.raises(ReadError):
        Pool(f"postgresql://nobody@/none?host={tmp_path}").rows("SELECT 1", (), 5)
