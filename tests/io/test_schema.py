import itertools
import sqlite3
from contextlib import closing

import pytest

from ccx_addons.io.rollup import COUNTS, CUBE, TTFT
from ccx_addons.io.rollup_tables import BOUNDS
from ccx_addons.io.schema import MIGRATIONS


def built() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for _, statements in MIGRATIONS:
        for statement in statements:
            connection.execute(statement)
    return connection


def test_migrations_are_numbered_in_order() -> None:
    names = [name for name, _ in MIGRATIONS]
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_bounds_grow_and_fill_the_histogram() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))
    assert len(TTFT) == len(BOUNDS) + 1


def test_buckets_are_as_fine_for_quick_answers_as_for_slow_ones() -> None:
    assert BOUNDS[0] <= 5 and max(high / low for low, high in itertools.pairwise(BOUNDS)) <= 2


@pytest.mark.parametrize(
    "table",
    [
        "requests", "attempts", "candidates", "bodies", "breakers", "key_state", "affinity", "sessions", "overrides",
        "commands", "command_acks", "events", "response_sessions", "issued", "rollups", "rollup_cube",
        "rollup_attempts", "refusals",
    ],
)  # fmt: skip
def test_tables(table: str) -> None:
    with closing(built()) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        keys = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]
        assert columns and keys
        assert not [name for name in columns if "secret" in name or name == "key"], "key material never enters"


def test_types_are_checked() -> None:
    with closing(built()) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO requests (id, rev, started_at) VALUES ('a', 1, 'yesterday')")


def test_roll_ups_have_every_bucket() -> None:
    with closing(built()) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(rollups)")}
        assert columns == {"view", "level", "start", "a", "b", "label", *COUNTS, *TTFT}
        columns = {row[1] for row in connection.execute("PRAGMA table_info(rollup_cube)")}
        assert columns == {"start", *CUBE.values(), "label", *COUNTS}


def test_the_list_of_requests_is_read_from_its_index() -> None:
    sql = "SELECT id, state, model FROM requests ORDER BY started_at DESC LIMIT 50"
    with closing(built()) as connection:
        (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        assert "USING COVERING INDEX requests_list" in plan[3]


def test_revisions_begin_with_the_time() -> None:
    with closing(built()) as connection:
        (rev,) = connection.execute("SELECT value FROM counter WHERE name = 'rev'").fetchone()
        assert rev > 1_700_000_000_000
