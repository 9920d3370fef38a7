"""Figures are read from few rows, however many requests there are: work is counted, never time."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ccx_addons.io.database import Database
from ccx_addons.io.rollup import DAY, DIMENSIONS, HOUR, QUARTER
from ccx_admin.db import Params, Reader, Row, Sqlite
from ccx_admin.usage import ranges, stats, sums
from tests.admin import crowd
from tests.admin.conftest import NOW

NOW_MS = int(NOW * 1000)
COUNT = 6_000
DAYS = 20


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crowd")
    crowd.fill(folder, COUNT, NOW, DAYS)
    return folder / "ccx.db"


@pytest.fixture
def db(path: Path) -> Iterator[Reader]:
    reader = Reader(path, time_limit=60)
    yield reader
    reader.close()


def recount(path: Path, start: int, end: int, more: str = "1") -> tuple[int, int, float]:
    sql = f"SELECT count(*), total(input_tokens), total(cost_usd) FROM requests WHERE started_at >= ? AND started_at < ? AND {more}"
    with closing(sqlite3.connect(path)) as conn:
        count, tokens, usd = conn.execute(sql, (start, end)).fetchone()
    return count, int(tokens), round(usd, 4)


@pytest.mark.parametrize("seed", range(12))
def test_any_stretch_is_counted_exactly(path: Path, db: Reader, seed: int) -> None:
    """Whatever its borders, with no filter, one, two or three."""
    chance = random.Random(seed)
    start = NOW_MS - chance.randrange(DAYS * DAY)
    end = start + chance.randrange(1, NOW_MS - start + HOUR)
    column = {"channel": "channel_id", "client": "client_name", "model": "model"}
    filters = {
        name: str(db.value(f"SELECT {column[name]} FROM requests ORDER BY random() LIMIT 1"))
        for name in chance.sample(sorted(column), seed % 4)
    }
    found = stats.totals(db, ranges.Range("", start, end, HOUR), NOW_MS, filters)
    more = " AND ".join([f"{column[name]} = '{value}'" for name, value in filters.items()] or ["1"])
    assert (found["requests"], found["input_tokens"], round(found["cost_usd"] or 0, 4)) == recount(
        path, start, end, more
    )


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "Asia/Shanghai"])
def test_a_month_begins_where_the_readers_does(path: Path, db: Reader, zone: str) -> None:
    span = ranges.range_of("month", NOW_MS, zone=ZoneInfo(zone))
    found = stats.totals(db, span, NOW_MS)
    assert (found["requests"], found["input_tokens"], round(found["cost_usd"], 4)) == recount(
        path, span.start, span.end
    )


@pytest.mark.parametrize("by", DIMENSIONS)
def test_tables_and_charts_sum_up_to_the_total(db: Reader, by: str) -> None:
    for name in ("24h", "7d", "30d"):
        span = ranges.range_of(name, NOW_MS, zone=ZoneInfo("Asia/Kolkata"))
        rows = stats.table(db, span, by, NOW_MS)
        assert sum(row["requests"] for row in rows) == stats.totals(db, span, NOW_MS)["requests"]
        drawn = stats.history(db, ranges.range_of("90d", NOW_MS), NOW_MS, by)["series"]
        assert sum(sum(one["requests"]) for one in drawn) == COUNT


class Counting(Reader):
    """Counts what SQLite does: steps of a hundred of its instructions."""

    steps = 0

    def rows(self, sql: str, params: Params = ()) -> list[Row]:
        def count() -> None:
            self.steps += 1

        assert isinstance(self.source, Sqlite)
        conn = self.source._connection()
        conn.set_progress_handler(count, 100)
        found: list[Row] = conn.execute(sql, params).fetchall()
        return found


@pytest.fixture(scope="module")
def more(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same gateway with six times as many requests."""
    found = tmp_path_factory.mktemp("more") / "ccx.db"
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(found)) as new:
        old.backup(new)
    database = Database(found, "more", 0, lambda: NOW)
    database.ready()
    assert database.conn
    columns = [row[1] for row in database.conn.execute("PRAGMA table_info(requests)")]
    for n in range(1, 6):
        changed = {"id": f"id || '-{n}'", "rev": f"rev + {n * COUNT}", "boot_id": "'again'"}
        chosen = ", ".join(changed.get(name, f'"{name}"') for name in columns)
        database.conn.execute(f"INSERT INTO requests SELECT {chosen} FROM requests WHERE boot_id = 'seed'")
    database.conn.execute("UPDATE counter SET value = value + ? WHERE name = 'rev'", (5 * COUNT,))
    database.fold(whole=True)
    database.leave()
    return found


@pytest.mark.parametrize("name", ["7d", "30d", "month", "last month"])
@pytest.mark.parametrize(
    "filters", [{}, {"client": "alice"}, {"model": "glm-5"}], ids=["all", "of a client", "of a model"]
)
def test_six_times_the_requests_are_no_more_work(path: Path, more: Path, name: str, filters: dict[str, str]) -> None:
    span = ranges.range_of(name, NOW_MS)
    work = []
    for place in (path, more):
        db = Counting(place)
        stats.summary(db, span, NOW_MS, filters)
        stats.compared(db, span, "channel", NOW_MS, filters)
        stats.history(db, span, NOW_MS, "channel", filters)
        work.append(db.steps)
        db.close()
    assert work[1] < 1.3 * work[0], work


def test_pieces_are_as_large_as_they_can_be() -> None:
    start, end = NOW_MS // DAY * DAY - 30 * DAY - 90 * 60_000, NOW_MS + 7 * 60_000
    found = list(sums.pieces(start, end, [DAY, HOUR, QUARTER], NOW_MS, 0))
    whole = sorted((level, (e - s) // level) for level, s, e in found if level)
    assert whole == [(QUARTER, 2), (HOUR, 1), (DAY, 31)], "what is not over yet is the whole day"
    assert sum(e - s for _level, s, e in found) == NOW_MS // DAY * DAY + DAY - start
