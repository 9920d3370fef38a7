"""The log in PostgreSQL, through the store that the workers use."""

import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest

from ccx_addons.io import rollup
from ccx_addons.io.chores import Chore
from ccx_addons.io.postgres import Link
from ccx_addons.io.postgres_database import Database
from ccx_addons.io.retention import retain
from ccx_addons.io.rollup import DAY
from ccx_addons.io.store import Store
from ccx_addons.io.transaction import Job, Transaction, lose
from tests.io.rows import NOW, request
from tests.patience import PATIENCE
from tests.postgres import Server


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.made()


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., Database]]:
    """Makes the connection of one more writer."""
    found: list[Database] = []

    def one(worker: int = 0, boot: str = "boot", now: float = NOW / 1000) -> Database:
        database = Database(url, boot, worker, lambda: now)
        database.ready()
        found.append(database)
        return database

    yield one
    for database in found:
        database.leave()


def value(link: Link, sql: str, *values: Any) -> Any:
    ((found,),) = link.execute(sql, values).fetchall()
    return found


def put(database: Database, *rows: dict[str, Any], table: str = "requests") -> None:
    def job(transaction: Transaction) -> None:
        for row in rows:
            transaction.upsert(table, row)

    database.write([job])


def test_a_row_is_final_once(opened: Callable[..., Database], link: Link) -> None:
    database = opened()
    put(database, request("a", state="running"), request("a", output_tokens=7), request("a", state="failed"))
    first = value(link, "SELECT rev FROM requests")
    put(database, request("a", state="running"), request("a", state="failed", output_tokens=9, trace_hash="t"))
    assert link.execute("SELECT state, output_tokens, rev FROM requests").fetchall() == [("ok", 7, first)]


def test_values_that_postgresql_would_refuse(opened: Callable[..., Database], link: Link) -> None:
    odd = {"error_message": "a\0b\udc80", "stream": True, "status": 200.0, "total_ms": 3, "input_tokens": 1 << 70}
    put(opened(), request("a", **odd, losses=[["x", "y"]], ttfb_ms=float("nan"), model=5))
    row = link.execute("SELECT * FROM requests").fetchall()[0]
    assert (row["error_message"], row["stream"], row["total_ms"], row["ttfb_ms"], row["model"]) == (
        "a\ufffdb?",
        1,
        3.0,
        None,
        "5",
    )
    assert row["losses"] == '[["x", "y"]]'


def test_what_one_row_is_to_blame_for(opened: Callable[..., Database], link: Link) -> None:
    """The others of the batch are written."""
    database = opened()

    def bad(transaction: Transaction) -> None:
        transaction.conn.execute("INSERT INTO nowhere VALUES (1)")

    jobs: list[Job] = [partial(_put, id="a"), bad, partial(_put, id="b")]
    with pytest.raises(psycopg.ProgrammingError) as caught:
        database.write(jobs)
    assert not database.is_trouble(caught.value)
    results = database.write(jobs, careful=True)
    assert [type(result) for result in results] == [type(None), psycopg.errors.UndefinedTable, type(None)]
    assert [id for (id,) in link.execute("SELECT id FROM requests ORDER BY id")] == ["a", "b"]


def _put(transaction: Transaction, id: str, **more: Any) -> None:
    transaction.upsert("requests", request(id, **more))


@pytest.mark.parametrize(
    ("arrived", "reused"),
    [(True, False), (False, False), (False, True)],
    ids=["it was written", "it was not", "another one has its number"],
)
def test_an_answer_to_commit_that_is_lost(
    opened: Callable[..., Database], link: Link, arrived: bool, reused: bool
) -> None:
    """Nothing is written twice, and nothing is missing: not even what has no key. A server that was killed gives
    numbers once more."""
    database = opened()
    event = {"at": NOW, "level": "info", "kind": "test"}
    jobs: list[Job] = [
        partial(_put, id="a", trace_hash="t"),
        lambda transaction: transaction.upsert("events", event),
        lambda transaction: 7,
    ]
    script = Link.script

    def commit(self: Link, sql: str) -> None:
        if sql == "COMMIT" and self is database.link:
            script(self, sql if arrived else "ROLLBACK")
            self.close()
            raise psycopg.OperationalError("the connection is lost")
        script(self, sql)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Link, "script", commit)
        with pytest.raises(psycopg.OperationalError) as caught:
            database.write(jobs)
    database.failed(caught.value)
    database.ready()
    if reused:
        assert database.doubt
        database.doubt = database.doubt._replace(xid=value(link, "SELECT pg_current_xact_id()::text"))
    assert database.write(jobs) == [None, None, 7]
    assert value(link, "SELECT count(*) FROM events") == 1 and value(link, "SELECT requests FROM sessions") == 1


def test_many_writers_lose_nothing(opened: Callable[..., Database], link: Link) -> None:
    """Rows, totals, conversations and a reader that goes by revisions, while four write the same counters."""
    seen: list[str] = []
    faults: list[BaseException] = []

    def write(number: int) -> None:
        try:
            database, chance = opened(number), random.Random(number)
            for batch in range(12):
                rows = [
                    request(f"{number}-{batch}-{n}", trace_hash=f"t{chance.randrange(6)}", output_tokens=3)
                    for n in range(20)
                ]
                again(database, [partial(_put, **{**row, "state": "running"}) for row in rows[::2]])
                again(database, [partial(_put, **row) for row in rows])
                again(database, [partial(_put, **row) for row in rows])  # as after an answer that was lost
                database.look_at = database.folded_at = -1e9
                while database.fold():
                    pass
        except BaseException as error:
            faults.append(error)

    def read() -> int:
        now = value(link, "SELECT value FROM counter WHERE name = 'rev'")
        sql = "SELECT id FROM requests WHERE rev > ? AND rev <= ? AND state <> 'running'"
        seen.extend(id for (id,) in link.execute(sql, (read.last, now)))  # type: ignore[attr-defined]
        return int(now)

    read.last = 0  # type: ignore[attr-defined]
    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        read.last = read()  # type: ignore[attr-defined]
    read.last = read()  # type: ignore[attr-defined]
    assert faults == []
    assert len(seen) == len(set(seen)) == value(link, "SELECT count(*) FROM requests") == 960
    assert value(link, "SELECT sum(requests) FROM sessions") == 960
    last = opened(9)
    last.look_at = last.folded_at = -1e9
    last.fold()
    kept = value(link, "SELECT sum(requests) FROM rollups WHERE view = '' AND level = ?", DAY)
    assert kept == 960 and value(link, f"SELECT count(*) FROM ({rollup.tail()}) tail") == 0
    assert value(link, "SELECT sum(output_tokens) FROM rollups WHERE view = '' AND level = ?", DAY) == 2880


def again(database: Database, jobs: list[Any]) -> None:
    while True:
        try:
            database.ready()
            database.write(jobs)
        except psycopg.OperationalError as error:
            assert database.is_trouble(error)
            database.failed(error)
        else:
            return


def test_what_a_dead_boot_left_is_lost(opened: Callable[..., Database], link: Link) -> None:
    dead, living = opened(boot="dead"), opened(boot="living")
    put(dead, request("a", boot_id="dead", state="running", trace_hash="t"))
    put(living, request("b", boot_id="living", state="running"))
    link.script("UPDATE boots SET seen_at = seen_at - interval '1 hour' WHERE boot_id = 'dead'")
    living.beat_at = -1e9
    living.ready()
    assert value(link, "SELECT count(*) FROM requests WHERE state = 'lost'") == 0, "it may have been away itself"
    living.beat_at, living.since = -1e9, -1e9
    living.ready()
    assert link.execute("SELECT id, state FROM requests ORDER BY id").fetchall() == [("a", "lost"), ("b", "running")]
    assert value(link, "SELECT failed FROM sessions") == 1
    living.write([partial(lose, ids=["a"])])
    assert value(link, "SELECT requests FROM sessions") == 1


def test_a_worker_that_starts_again_knows_what_it_lost(opened: Callable[..., Database], link: Link) -> None:
    put(opened(1), request("a", worker=1, state="running"))
    opened(2)
    assert value(link, "SELECT state FROM requests") == "running"
    opened(1)
    assert value(link, "SELECT state FROM requests") == "lost"


def test_one_gateway_leads(opened: Callable[..., Database]) -> None:
    """The oldest one that lives, with all its workers."""
    old, other, young = opened(0, "boot-1"), opened(1, "boot-1"), opened(0, "boot-2")
    panel = opened(-1, "boot-2")
    assert [one.leads for one in (old, other, young, panel)] == [True, True, False, False]
    old.leave()
    other.leave()
    for one in (young, panel):
        one.beat_at = -1e9
        one.ready()
    assert young.leads and panel.leads


def test_days_that_are_over_are_dropped_whole(opened: Callable[..., Database], link: Link) -> None:
    for days in (40, 0):
        at = NOW - days * DAY
        database = opened(now=at / 1000)
        id = f"{at:012x}"
        id = f"{id[:8]}-{id[8:]}-7000-8000-000000000000"
        put(database, request(id, started_at=at))
        put(database, {"request_id": id, "n": 1}, table="attempts")
        database.leave()
    now = opened()
    assert value(link, "SELECT count(*) FROM pg_class WHERE relname LIKE 'requests_2%' AND relkind = 'r'") == 16
    chore: Chore | None = partial(retain, days=30, body_days=7)
    while chore:
        (chore,) = now.write([chore])
    assert value(link, "SELECT count(*) FROM requests") == value(link, "SELECT count(*) FROM attempts") == 1
    assert value(link, "SELECT sum(requests) FROM rollups WHERE view = '' AND level = ?", DAY) == 2


def test_a_store_over_it(url: str, link: Link) -> None:
    store = Store.open(url, boot_id="boot", worker=-1)
    store.put_body("a", "client_request", b"hello", words=lambda body: body.decode())
    assert store.command("reset", {"x": 1}).result(PATIENCE) == 1
    store.put_response_session({"id": "r", "client": "c", "created": 1, "expires": 9, "messages": []})
    assert store.flush(20) and store.health().trouble == ""
    assert store.read("SELECT messages, client FROM response_sessions WHERE id = ?", "r") == ("[]", "c")
    assert store.submit(lambda conn: conn.execute("DELETE FROM bodies").rowcount).result(PATIENCE) == 1
    store.close()
    assert value(link, "SELECT count(*) FROM boots") == 0
