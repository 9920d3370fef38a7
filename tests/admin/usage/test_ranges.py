"""Ranges of time: what they are called, where they begin and end, and what they are compared with."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ccx_addons.io.rollup import DAY, HOUR
from ccx_admin.usage.ranges import MINUTE, NAMES, RangeError, month_of, range_of
from tests.admin.conftest import NOW

NOW_MS = int(NOW * 1000)
SHANGHAI = ZoneInfo("Asia/Shanghai")
KOLKATA = ZoneInfo("Asia/Kolkata")
BERLIN = ZoneInfo("Europe/Berlin")


def ms(text: str, zone: ZoneInfo | None = None) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone or UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("name", "bucket", "points", "start"),
    [
        pytest.param("1h", MINUTE, 60, NOW_MS + MINUTE - HOUR, id="hour"),
        pytest.param("24h", 15 * MINUTE, 96, NOW_MS + 15 * MINUTE - DAY, id="day"),
        pytest.param("today", 15 * MINUTE, 41, NOW_MS - 10 * HOUR, id="today"),
        pytest.param("month", 4 * HOUR, 147, ms("2026-11-01"), id="month"),
        pytest.param("last month", 4 * HOUR, 186, ms("2026-10-01"), id="last month"),
        pytest.param("90d", DAY, 90, None, id="90 days"),
        pytest.param("365d", 2 * DAY, 183, None, id="365 days"),
        pytest.param("year", 2 * DAY, 165, ms("2026-01-01"), id="year"),
    ],
)
def test_ranges(name: str, bucket: int, points: int, start: int | None) -> None:
    found = range_of(name, NOW_MS)
    assert found.bucket == bucket and abs(len(found.times) - points) <= 1
    assert start is None or found.start == start
    assert found.edges[0] >= found.start - DAY and found.edges == sorted(set(found.edges))
    assert name == "last month" or found.end > NOW_MS


def test_days_are_the_readers() -> None:
    assert range_of("today", NOW_MS, zone=SHANGHAI).start == NOW_MS - 18 * HOUR
    assert range_of("today", NOW_MS, zone=ZoneInfo("Pacific/Pago_Pago")).start == NOW_MS - 23 * HOUR
    month = range_of("month", NOW_MS, zone=KOLKATA)
    assert month.start == ms("2026-11-01", KOLKATA) and {edge % HOUR for edge in month.coarser(HOUR).edges} == {0}
    assert month_of(NOW_MS, BERLIN) == (ms("2026-11-01", BERLIN), ms("2026-12-01", BERLIN))


def test_a_day_of_25_hours_is_one_bar() -> None:
    """Berlin set its clocks back on 2026-10-25."""
    found = range_of("90d", NOW_MS, zone=BERLIN)
    lengths = {edge: later - edge for edge, later in zip(found.edges[1:-2], found.edges[2:-1], strict=True)}
    assert lengths[ms("2026-10-25", BERLIN)] == 25 * HOUR and set(lengths.values()) == {DAY, 25 * HOUR}


@pytest.mark.parametrize(
    ("name", "start", "end", "before"),
    [
        pytest.param("today", "2026-11-25", "2026-11-25T10:01", ("2026-11-24", "2026-11-24T10:01"), id="day so far"),
        pytest.param("month", "2026-11-01", "2026-11-25T12:00", ("2026-10-01", "2026-10-25T10:01"), id="month so far"),
        pytest.param("last month", "2026-10-01", "2026-11-01", ("2026-09-01", "2026-10-01"), id="whole months"),
        pytest.param("2026-09", "2026-09-01", "2026-10-01", ("2026-08-02", "2026-09-01"), id="a month of one's own"),
        pytest.param("2026-11-03..2026-11-09", "2026-11-03", "2026-11-10", ("2026-10-27", "2026-11-03"), id="days"),
    ],
)
def test_what_it_is_compared_with(name: str, start: str, end: str, before: tuple[str, str]) -> None:
    found = range_of(name, NOW_MS)
    assert (found.start, found.before.start, found.before.end) == (ms(start), ms(before[0]), ms(before[1]))
    assert abs(found.end - ms(end)) <= 4 * HOUR


def test_a_month_is_never_compared_with_days_of_itself() -> None:
    """On March 30th, February has no 30 days."""
    found = range_of("month", ms("2026-03-30T12:00"))
    assert (found.before.start, found.before.end) == (ms("2026-02-01"), ms("2026-03-01"))


@pytest.mark.parametrize("name", NAMES)
def test_no_chart_has_too_many_points(name: str) -> None:
    assert len(range_of(name, NOW_MS).times) <= 200


def test_bars_are_as_coarse_as_what_is_kept() -> None:
    week, day = range_of("7d", NOW_MS), range_of("24h", NOW_MS)
    assert (
        week.coarser(HOUR).edges == week.edges
        and day.coarser(HOUR).edges[1] % HOUR == 0
        and len(day.coarser(HOUR).times) <= 25
    )
    assert {
        later - edge for edge, later in zip(week.coarser(DAY).edges, week.coarser(DAY).edges[1:], strict=False)
    } == {DAY}
    asked = range_of("7d", NOW_MS, "1h")
    assert asked.coarser(DAY) is asked


@pytest.mark.parametrize(
    ("name", "bucket"),
    [
        ("2h2", ""),
        ("1h", "2m"),
        ("365d", "1m"),
        ("2026-11-09..2026-11-03", ""),
        ("1999-01-01..2026-01-01", ""),
        ("", ""),
    ],
)
def test_impossible_ranges(name: str, bucket: str) -> None:
    with pytest.raises(RangeError):
        range_of(name, NOW_MS, bucket)
