"""The board of several machines on a real PostgreSQL."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from ccx_addons.core.errors import StoreError
from ccx_addons.io.board import Beat, Shared
from ccx_addons.io.postgres import Link
from ccx_addons.io.postgres_board import Board
from tests.postgres import Server


def version(revision: str, parent: str = "") -> Shared:
    return Shared(revision, parent, f"text of {revision}", 1000.5, "somebody")


def beat(machine: str, **more: object) -> Beat:
    values = (
        dict.fromkeys(Beat._fields, "") | dict.fromkeys(("workers", "started_at", "queue"), 1) | {"clock_offset": 0.5}
    )
    return Beat(**(values | {"machine": machine} | more))  # type: ignore[arg-type]


@pytest.fixture
def boards(postgres: Server) -> Iterator[tuple[Board, Board]]:
    url = postgres.made()
    with contextlib.closing(Board(url, "one")) as one, contextlib.closing(Board(url, "two")) as two:
        yield one, two


def test_of_two_at_once_one_publishes_and_the_other_is_told(boards: tuple[Board, Board]) -> None:
    one, two = boards
    assert one.heard() and two.heard(), "what was told before was missed"
    assert one.newest() == "" and one.publish(version("a"))
    assert not two.publish(version("b")), "it followed nothing, and now something is there"
    assert two.heard() and not two.heard() and two.newest() == "a"
    assert two.publish(version("b", "a")) and not one.publish(version("c", "a"))
    assert [each.revision for each in one.since("")] == ["a", "b"]
    assert one.since("a") == [version("b", "a")] and one.since("b") == []
    assert [each.revision for each in one.since("of another database")] == ["a", "b"]


def test_what_is_offered_is_offered_once_and_is_none_of_the_versions(boards: tuple[Board, Board]) -> None:
    one, two = boards
    assert one.publish(version("a")) and one.offer(version("by hand", "a")) and not one.offer(version("by hand", "a"))
    assert two.newest() == "a" and two.since("a") == []
    assert not two.offer(version("a")), "that one is everybody's"
    one.settle(2, "taken")
    with contextlib.closing(Link(one.url, "test")) as link:
        assert [row["state"] for row in link.raw("SELECT state FROM config_versions ORDER BY n")] == ["shared", "taken"]


def test_a_machine_has_one_row_by_the_server_s_clock(boards: tuple[Board, Board]) -> None:
    one, two = boards
    for board, revision in ((one, "a"), (two, "b"), (one, "c")):
        board.beat(beat(board.machine, revision=revision))
    with contextlib.closing(Link(one.url, "test")) as link:
        rows = link.raw("SELECT machine, revision, seen_at FROM instances ORDER BY machine").fetchall()
        assert [(row["machine"], row["revision"]) for row in rows] == [("one", "c"), ("two", "b")]
        link.raw("UPDATE instances SET seen_at = 0 WHERE machine = 'two'")
        one.beat(beat("one"))
        assert [row[0] for row in link.raw("SELECT machine FROM instances")] == ["one"], "gone for days"


def test_the_clock(boards: tuple[Board, Board], monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = boards
    assert abs(one.offset()) < 5
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    assert abs(one.offset() - 3600) < 5


def test_a_connection_that_was_cut_is_said_once_and_missed_news_are_looked_for(
    boards: tuple[Board, Board], postgres: Server
) -> None:
    one, two = boards
    assert one.heard() and not one.heard() and two.heard()
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ccx one board'")
    assert two.publish(version("a"))
    with pytest.raises(StoreError):
        one.newest()
    assert one.heard() and one.newest() == "a"


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(StoreError), contextlib.closing(Board("postgresql://postgres@127.0.0.1:1/x", "one")) as board:
        board.heard()
