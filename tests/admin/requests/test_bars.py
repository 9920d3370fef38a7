"""Bars over time: the same from the roll-ups as from the requests, and never more work than allowed."""

from collections.abc import Iterator

import pytest

from ccx_addons.io.rollup import DAY, HOUR, QUARTER
from ccx_admin.db import Reader
from ccx_admin.requests import bars
from ccx_admin.requests.search_box import Now, parse
from tests.admin import crowd
from tests.admin.conftest import NOW

NOW_MS = int(NOW * 1000)
COUNT, DAYS = 3_000, 12


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("crowd")
    crowd.fill(folder, COUNT, NOW, DAYS)
    reader = Reader(folder / "ccx.db", time_limit=60)
    yield reader
    reader.close()


def drawn(db: Reader, query: str, days: int = 12, buckets: int = 24) -> bars.Bars:
    start = NOW_MS // HOUR * HOUR + HOUR - days * DAY
    return bars.histogram(db, parse(query, NOW_MS), start, start + days * DAY, Now(NOW_MS), buckets)


def sums(found: bars.Bars) -> list[int]:
    return [sum(bar[name] for bar in found.bars) for name in ("ok", "failover", "left", "failed")]


QUERIES = [
    "", "source:proxy", "kind:messages", "kind:messages,chat", "channel:anthropic", "channel:=CH_00000003", "client:ali",
    "client:=alice", "client:alice,bob", "key:0003", "channel:reseller client:bob", "state:failed,lost", "state:ok",
    "state:ok channel:codex", "client:nobody", "since:5d", "since:5d until:2d client:carol",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_roll_ups_and_requests_draw_the_same(db: Reader, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bars._chosen(parse(query, NOW_MS)) is not None
    quick = drawn(db, query)
    monkeypatch.setattr(bars, "_chosen", lambda found: None)
    slow = drawn(db, query)
    if "since" not in query:
        assert quick == slow
    assert all(abs(one - other) <= 6 for one, other in zip(sums(quick), sums(slow), strict=True)), "hours have borders"


@pytest.mark.parametrize(
    "query", ["status:429", "model:opus", "-client:bob", "took:>3s", "text:limit", "failover:yes", "bob"]
)
def test_what_roll_ups_do_not_know_is_counted(db: Reader, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bars._chosen(parse(query, NOW_MS)) is None
    whole = drawn(db, query)
    assert whole.since == NOW_MS // HOUR * HOUR + HOUR - DAYS * DAY
    monkeypatch.setattr(bars, "MANY", 500)
    newest = drawn(db, query)
    assert newest.since > whole.since and sum(sums(newest)) < sum(sums(whole))
    assert {bar["at"] for bar in newest.bars} <= {bar["at"] for bar in whole.bars}


@pytest.mark.parametrize("days", [1, 7, 30, 90])
def test_each_bar_has_as_many_hours(days: int) -> None:
    width = bars.step(NOW_MS - days * DAY, NOW_MS, 80)
    assert 0 < days * DAY / width <= 80.5 and width % (HOUR if width > HOUR else QUARTER) == 0
    assert 0 <= NOW_MS - bars.begin(NOW_MS, width) < HOUR


@pytest.mark.parametrize("query", ["", "state:ok", "kind:messages,chat,responses,gemini,embeddings"])
@pytest.mark.parametrize("ends", [HOUR // 60, QUARTER + 1, HOUR - 1])
def test_the_running_hour_is_drawn(db: Reader, query: str, ends: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the minute: the latest requests are those that somebody looks for."""
    end = NOW_MS // HOUR * HOUR + ends - HOUR
    start = bars.begin(end - 2 * DAY, HOUR)
    quick = bars.histogram(db, parse(query, end), start, end, Now(end), 40)
    assert quick.bars[-1]["at"] > end - bars.step(start, end, 40)
    monkeypatch.setattr(bars, "_chosen", lambda found: None)
    slow = bars.histogram(db, parse(query, end), start, end, Now(end), 40)
    whole = [bar for bar in slow.bars if bar["at"] < end - bars.step(start, end, 40)]
    assert whole and quick.bars[: len(whole)] == whole


def test_who_left_has_not_failed(db: Reader) -> None:
    left = int(db.value("SELECT count(*) FROM requests WHERE state = 'client_left'"))
    assert left and abs(sums(drawn(db, ""))[2] - left) < 3
    assert sums(drawn(db, "state:client_left")) == [0, 0, sums(drawn(db, ""))[2], 0]
