import hashlib
import threading

import psycopg
import pytest

from ccx_addons.io import postgres_schema
from ccx_addons.io.database import described
from ccx_addons.io.postgres import Link
from ccx_addons.io.postgres_schema import (
    DAY,
    FUNCTIONS_VERSION,
    PARTED,
    fingerprint,
    first_id,
    make,
    new_parts,
    part_of,
)
from tests.postgres import Server

NOW = 1_795_600_800_000


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.empty()


def columns(link: Link, table: str) -> list[str]:
    sql = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ? ORDER BY ordinal_position"
    return [name for (name,) in link.execute(sql, (table,))]


def test_the_tables_are_those_of_sqlite(link: Link) -> None:
    make(link)
    for table in described():
        wanted = [column.name for column in table.columns]
        assert columns(link, postgres_schema.KEPT.get(table.name, table.name))[: len(wanted)] == wanted
    assert {"requests", "rollups", "commands", "shapes"} <= {table.name for table in described()}
    assert not [table.name for table in described() if table.name.startswith(("said", "sqlite", "_"))]


def test_what_is_missing_is_added(link: Link) -> None:
    make(link)
    link.script(
        "ALTER TABLE attempts DROP COLUMN source; DROP TABLE views; UPDATE made SET value = '' WHERE name = 'print'"
    )
    make(link)
    assert "source" in columns(link, "attempts") and columns(link, "views")


def test_a_newer_database_is_left_alone(link: Link) -> None:
    make(link)
    link.script("UPDATE made SET value = value || ' 9999_later' WHERE name = 'steps'; DROP TABLE views")
    link.script("UPDATE made SET value = '' WHERE name = 'print'")
    make(link)
    assert not columns(link, "views")


def test_an_older_version_that_starts_later_does_not_put_its_functions_back(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(link)
    changed = postgres_schema.FUNCTIONS.replace("SELECT value + pg_current", "SELECT 0 + value + pg_current")
    with monkeypatch.context() as newer:
        newer.setattr(postgres_schema, "FUNCTIONS", changed)
        newer.setattr(postgres_schema, "FUNCTIONS_VERSION", FUNCTIONS_VERSION + 1)
        make(link)
    body = "SELECT prosrc FROM pg_proc WHERE proname = 'ccx_rev'"
    for _ in range(2):
        ((text,),) = link.raw(body).fetchall()
        assert "0 + value" in text
        make(link)


def test_a_change_of_the_functions_has_a_number_of_its_own() -> None:
    text = postgres_schema.FUNCTIONS + postgres_schema.MEETING.read_text("utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert (FUNCTIONS_VERSION, digest) == (2, "f3ba625ce2023443"), "raise FUNCTIONS_VERSION, and write both here"


def test_many_make_it_at_once(url: str) -> None:
    faults: list[BaseException] = []

    def one() -> None:
        try:
            link = Link(url, "tests")
            make(link)
            link.close()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_the_description_does_not_depend_on_the_hour() -> None:
    assert fingerprint() == fingerprint()


def test_revisions_go_on_where_a_server_was_set_up_anew(link: Link) -> None:
    make(link)
    ((old,),) = link.execute("SELECT ccx_rev()").fetchall()
    link.execute("INSERT INTO requests (id, rev, started_at) VALUES ('a', ?, 0)", (old + 1_000_000,))
    make(link)
    ((new,),) = link.execute("SELECT ccx_rev()").fetchall()
    assert new > old + 1_000_000


def test_days_have_parts_of_their_own(link: Link) -> None:
    make(link)
    for statement in [*new_parts(NOW), *new_parts(NOW + DAY)]:
        link.script(statement)
    id = f"{first_id(NOW + DAY)}-7000-8000-000000000000"
    for name, where in ((id, part_of("requests", NOW + DAY)), ("r1", "requests_rest")):
        link.execute("INSERT INTO requests (id, rev, started_at) VALUES (?, 1, 0)", (name,))
        assert link.execute("SELECT tableoid::regclass::text FROM requests WHERE id = ?", (name,)).fetchall() == [
            (where,)
        ]
    with pytest.raises(psycopg.errors.UniqueViolation):
        link.execute("INSERT INTO requests (id, rev, started_at) VALUES (?, 1, 0)", (id,))
    assert {part_of(table, NOW) for table in PARTED} >= {"requests_20261125", "bodies_20261125"}
