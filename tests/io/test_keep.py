"""Databases and configurations of earlier versions, and of every step on the way, are taken over as they are."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_utils

from ccx_addons.core.errors import ConfigErrors
from ccx_addons.core.settings import Settings
from ccx_addons.io import database as module
from ccx_addons.io import yaml_file
from ccx_addons.io.database import Database
from ccx_addons.io.postgres import Link
from ccx_addons.io.postgres_schema import make
from ccx_addons.io.schema import MIGRATIONS
from ccx_addons.io.store import Store
from tests.io.keep import KEPT
from tests.postgres import Server

RELEASES = sorted(path.name for path in KEPT.iterdir())

type Columns = dict[str, list[tuple[object, ...]]]


def columns(path: Path) -> Columns:
    """Table -> what SQLite says of its columns, in the order of their names."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            table: sorted(row[1:] for row in connection.execute(f"PRAGMA table_info({table})"))
            for table in tables
            if not table.startswith(("_", "sqlite_"))
        }


def opened(path: Path) -> Columns:
    database = Database(path, "boot", 0, time.time)
    database.ready()
    database.leave()
    return columns(path)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Columns:
    return opened(tmp_path_factory.mktemp("new") / "ccx.db")


def test_there_are_releases() -> None:
    assert RELEASES


@pytest.mark.parametrize("release", RELEASES)
def test_a_database_of_a_release(release: str, tmp_path: Path, new: Columns) -> None:
    path = tmp_path / "ccx.db"
    sums = "SELECT count(*), sum(input_tokens), sum(output_tokens) FROM requests"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((KEPT / release / "database.sql").read_text())
        before = connection.execute(sums).fetchone()
    assert before[0] and opened(path) == new
    store = Store.open(path, boot_id="later", worker=0)
    assert store.read(sums) == before
    store.put_request({"id": "later", "started_at": 1, "ended_at": 2, "state": "ok"})
    assert store.flush() and store.read("SELECT state FROM requests WHERE id = 'later'") == ("ok",)
    store.close()


FUNCTIONS = """SELECT p.oid::regprocedure::text, pg_get_function_result(p.oid) FROM pg_proc p
    JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'public'"""
COLUMNS = """SELECT table_name, column_name, is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
    FROM information_schema.columns WHERE table_schema = 'public'"""


@pytest.mark.parametrize("release", RELEASES)
def test_machines_of_a_release_go_on_beside_this_version(release: str, postgres: Server) -> None:
    """Its PostgreSQL gets what this version needs; every function that it calls is still there, and every row that it
    writes is still taken."""
    url = postgres.empty()
    with closing(Link(url, "tests")) as link:
        link.script((KEPT / release / "postgres.sql").read_text())
        functions = set(link.raw(FUNCTIONS))
        then = {(table, column) for table, column, _ in link.raw(COLUMNS)}
        make(link)
        assert functions <= set(link.raw(FUNCTIONS))
        now = {(table, column): is_needed for table, column, is_needed in link.raw(COLUMNS)}
        assert then <= now.keys() and not [place for place in now.keys() - then if now[place]]
    store = Store.open(url, boot_id="later", worker=0)
    store.put_request({"id": "later", "started_at": 1, "ended_at": 2, "state": "ok"})
    assert store.flush(30) and store.read("SELECT state FROM requests WHERE id = 'later'") == ("ok",)
    store.close()


@pytest.mark.parametrize("steps", range(1, len(MIGRATIONS)))
def test_a_database_of_every_step_on_the_way(
    steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: Columns
) -> None:
    path = tmp_path / "ccx.db"
    monkeypatch.setattr(module, "MIGRATIONS", MIGRATIONS[:steps])
    then = module._schema()
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as connection:
        then.apply(sqlite_utils.Database(connection))
        connection.execute("INSERT INTO requests (id, rev, started_at, state) VALUES ('old', 1, 1, 'ok')")
        connection.commit()
    assert opened(path) == new
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT id, state FROM requests").fetchall() == [("old", "ok")]


@pytest.mark.parametrize("release", RELEASES)
def test_a_configuration_of_a_release(release: str) -> None:
    """Every setting that it had is still understood."""
    snapshot = yaml_file.read_snapshot(KEPT / release / "ccx.yaml", Settings(), now=0, environ={})
    assert snapshot.clients and snapshot.channels
    assert [warning for warning in snapshot.warnings if "is not set" not in warning] == []


def test_a_configuration_of_a_later_version_says_so() -> None:
    with pytest.raises(ConfigErrors, match="version: is 2, of a later version of CCX; this one reads 1"):
        yaml_file.read_snapshot(Path("ccx.yaml"), Settings(), now=0, text="version: 2\n")
