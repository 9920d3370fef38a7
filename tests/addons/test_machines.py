"""What one machine tells the others, against a real PostgreSQL."""

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ccx_addons import machines as module
from ccx_addons.core.config import Snapshot
from ccx_addons.core.settings import Settings
from ccx_addons.io.board import Board
from ccx_addons.io.postgres import Link
from ccx_addons.io.postgres_board import Board as PostgresBoard
from ccx_addons.io.sealed import Seal
from ccx_addons.io.store import Store
from ccx_addons.machines import Machines
from ccx_addons.processes.runtime import Runtime
from tests.postgres import Server

TEXT = "version: 1\nchannels:\n  - {name: a, protocol: chat, base_urls: [http://127.0.0.1:1], keys: [env:A_KEY]}\n"


@pytest.fixture
def machine(tmp_path: Path, postgres: Server) -> Iterator[Machines]:
    (tmp_path / "ccx.yaml").write_text(TEXT)
    settings = Settings(
        ccx_config=str(tmp_path / "ccx.yaml"),
        ccx_data_dir=str(tmp_path),
        ccx_database_url=postgres.made(),
        ccx_config_from="database",
        ccx_machine="one",
        admin_access_key="the admin's own key",
    )
    store = Store.open(tmp_path / "own.db", boot_id="boot")
    yield Machines(Runtime(settings, Snapshot("rev1", 0), store, boot_id="boot"))
    store.close()


def board_of(machine: Machines) -> Board:
    assert machine.board
    return machine.board


def row_of(machine: Machines) -> dict[str, Any]:
    with contextlib.closing(Link(machine.runtime.settings.ccx_database_url, "test")) as link:
        (row,) = link.raw("SELECT * FROM instances")
        return dict(zip(row.keys(), row, strict=True))


def test_one_worker_speaks_for_its_machine_and_only_where_there_are_others(machine: Machines) -> None:
    runtime = machine.runtime
    assert Machines(replace(runtime, worker=1)).board is None
    alone = replace(runtime, settings=replace(runtime.settings, ccx_database_url="", ccx_config_from="file"))
    silent = Machines(alone)
    silent.running()
    silent.done()
    assert silent.board is None and silent.task is None


def test_it_tells_how_it_is_and_no_secret(machine: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-secret-value")
    assert machine.round(board_of(machine)) == []
    row = row_of(machine)
    assert (row["machine"], row["revision"], row["workers"], row["boot_id"]) == ("one", "rev1", 1, "boot")
    marks = json.loads(row["secrets"])
    assert (
        marks.keys() == {"ADMIN_ACCESS_KEY", "PROXY_ACCESS_KEY", "CCX_CONFIG_SECRET", "A_KEY"}
        and len(marks["A_KEY"]) == 8
    )
    assert marks["PROXY_ACCESS_KEY"] == "", "it is not set"
    assert "sk-" not in str(row) and json.loads(row["engines"]) == {}
    monkeypatch.setenv("A_KEY", "sk-another-value")
    assert machine.marks()["A_KEY"] != marks["A_KEY"]


def test_it_tells_again_at_once_when_its_configuration_is_another(machine: Machines) -> None:
    machine.round(board_of(machine))
    machine.runtime.snapshot = Snapshot("rev2", 0)
    machine.round(board_of(machine))
    assert row_of(machine)["revision"] == "rev2"


def test_it_tells_again_at_once_what_is_wrong_with_an_engine_and_that_it_is_over(machine: Machines) -> None:
    machine.round(board_of(machine))
    for trouble in ("Valkey is away: refused", ""):
        machine.runtime.meeting = SimpleNamespace(trouble=trouble)
        machine.round(board_of(machine))
        assert json.loads(row_of(machine)["engines"]) == ({"limits": trouble} if trouble else {})


def test_a_version_that_is_not_valid_here_is_said_once(machine: Machines) -> None:
    board = board_of(machine)
    machine.round(board)
    version = board.since("")[0]
    assert board.publish(version._replace(revision="bad", parent=version.revision, text="version: 1\nchannels: 7\n"))
    (event,) = machine.round(board)
    assert (
        event.level == "error" and "configuration bad of all machines is refused here" in event.words and event.detail
    )
    assert machine.round(board) == [] and row_of(machine)["refused"] == "bad"
    assert board.publish(version._replace(parent="bad"))
    assert machine.round(board) == [] and machine.refused == "" and row_of(machine)["refused"] == ""


def test_a_change_by_hand_is_said_once(machine: Machines, tmp_path: Path) -> None:
    board = board_of(machine)
    machine.round(board)
    (tmp_path / "ccx.yaml").write_text(TEXT.replace("name: a", "name: b"))
    machine.beat_at = 0.0
    (event,) = machine.round(board)
    assert event.level == "warning" and "changed by hand" in event.words
    machine.beat_at = 0.0
    assert machine.round(board) == []


def test_a_version_that_is_sealed_with_another_secret_is_refused_and_the_file_stays(
    machine: Machines, tmp_path: Path
) -> None:
    board = board_of(machine)
    machine.round(board)
    version = board.since("")[0]
    other = PostgresBoard(machine.runtime.settings.ccx_database_url, "two", Seal("a-secret-of-machines"))
    assert other.publish(version._replace(revision="sealed", parent=version.revision))
    other.close()
    (event,) = machine.round(board)
    assert event.level == "error" and "CCX_CONFIG_SECRET: is not set here" in event.detail
    assert machine.round(board) == [] and row_of(machine)["refused"] == "sealed"
    assert (tmp_path / "ccx.yaml").read_text() == TEXT


def test_a_wrong_clock_is_said_when_it_begins_and_when_it_is_over(
    machine: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, real = board_of(machine), time.time
    for shift, words in ((3600, "ahead of"), (3600, ""), (-3600, ""), (0, "right again")):
        monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
        machine.beat_at = 0.0
        found = [event.words for event in machine.round(board)]
        assert bool(found) == bool(words) and words in "".join(found)


def test_a_database_that_is_away_is_no_error_and_events_are_written(
    machine: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 0.01)
    monkeypatch.setattr(machine, "clock", lambda offset: [module.Event("warning", "clock", "it is wrong")])

    async def main() -> None:
        await machine.look()
        board_of(machine).close()
        board_of(machine).url = "postgresql://postgres@127.0.0.1:1/x"  # type: ignore[attr-defined]
        await machine.look()

    asyncio.run(main())
    assert "127.0.0.1" in machine.trouble
    machine.runtime.store.flush()
    with contextlib.closing(sqlite3.connect(machine.runtime.settings.ccx_data_dir + "/own.db")) as conn:
        assert conn.execute("SELECT kind, message FROM events").fetchall() == [("clock", "it is wrong")]
