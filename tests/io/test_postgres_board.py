"""The board of several machines on a real PostgreSQL."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from ccx_addons.core.errors import ConfigErrors, StoreError
from ccx_addons.io.board import Beat, Shared
from ccx_addons.io.postgres import Link
from ccx_addons.io.postgres_board import Board
from ccx_addons.io.sealed import Seal
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


def test_what_is_in_the_database_is_sealed_and_who_has_not_the_secret_neither_reads_nor_writes(
    boards: tuple[Board, Board],
) -> None:
    one, two = boards
    assert one.publish(version("a")) and one.offer(version("by hand", "a"))
    seals = [Seal("first-secret-0123456"), Seal("other-secret-0123456", "first-secret-0123456")]
    for seal in seals:  # what is there is sealed at the first connection, and again with a new secret
        with contextlib.closing(Board(one.url, "three", seal)) as three:
            assert [each.text for each in three.since("")] == ["text of a"]
            with contextlib.closing(Link(one.url, "test")) as link:
                texts = [row["text"] for row in link.raw("SELECT text FROM config_versions")]
            assert len(texts) == 2 and all(text.startswith(seal.mark) for text in texts)
    for call in (lambda: two.since(""), lambda: two.publish(version("b", "a")), lambda: two.offer(version("b", "a"))):
        with pytest.raises(ConfigErrors, match="CCX_CONFIG_SECRET: is not set here"):
            call()
    assert two.newest() == "a" and two.since("a") == []
    with contextlib.closing(Board(one.url, "four", Seal("newest-secret-012345"))) as four:
        with contextlib.closing(Link(one.url, "test")) as link:
            link.script("DELETE FROM config_versions")
        assert four.publish(version("c"))
        four.seal = seals[1]
        with pytest.raises(ConfigErrors, match="is another one"):
            four.publish(version("d", "c"))


def test_what_a_machine_cannot_read_any_more_is_left_out_of_its_history(boards: tuple[Board, Board]) -> None:
    one, _ = boards
    one.seal = Seal("forgotten-secret-012")
    assert one.publish(version("a"))
    one.seal = Seal("another-secret-01234", "forgotten-secret-012")
    assert one.publish(version("b", "a"))
    one.seal = Seal("another-secret-01234")
    assert [each.text for each in one.since("")] == ["text of b"]


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
