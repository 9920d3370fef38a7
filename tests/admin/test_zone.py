"""Whose clock it is, and what the reader's words for times mean on it."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from ccx_admin.zone import MomentError, Unit, began, moment, named, span, zone
from tests.admin.conftest import Api

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


NOW = ms("2026-11-25T10:00:00+00:00")


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        pytest.param("", UTC, id="none"),
        pytest.param("Asia/Shanghai", SHANGHAI, id="a zone"),
        pytest.param("America/Argentina/Ushuaia", ZoneInfo("America/Argentina/Ushuaia"), id="three parts"),
        pytest.param("Etc/GMT+3", ZoneInfo("Etc/GMT+3"), id="a fixed one"),
        pytest.param("Mars/Olympus", UTC, id="no zone"),
        pytest.param("America", UTC, id="a folder"),
        pytest.param("../../etc/passwd", UTC, id="a way out"),
        pytest.param("/etc/passwd", UTC, id="a path"),
        pytest.param("A" * 5000, UTC, id="long"),
        pytest.param("tzdata.zi", UTC, id="another file"),
    ],
)
def test_the_browser_names_its_zone(app: Flask, cookie: str, expected: tzinfo) -> None:
    assert named(cookie) == expected
    with app.test_request_context(headers={"cookie": f"tz={cookie}"}):
        assert zone() == expected


def test_outside_of_a_request_it_is_utc() -> None:
    assert zone() is UTC


@pytest.mark.parametrize(
    ("unit", "back", "where", "expected"),
    [
        ("day", 0, UTC, "2026-11-25T00:00:00+00:00"),
        ("day", 0, SHANGHAI, "2026-11-25T00:00:00+08:00"),
        ("day", 1, SHANGHAI, "2026-11-24T00:00:00+08:00"),
        ("day", 31, BERLIN, "2026-10-25T00:00:00+02:00"),
        ("month", 0, BERLIN, "2026-11-01T00:00:00+01:00"),
        ("month", 1, BERLIN, "2026-10-01T00:00:00+02:00"),
        ("month", 11, UTC, "2025-12-01T00:00:00+00:00"),
        ("month", -2, UTC, "2027-01-01T00:00:00+00:00"),
        ("year", 0, SHANGHAI, "2026-01-01T00:00:00+08:00"),
        ("year", 1, UTC, "2025-01-01T00:00:00+00:00"),
    ],
)
def test_borders(unit: Unit, back: int, where: tzinfo, expected: str) -> None:
    assert began(unit, NOW, where, back) == ms(expected)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        pytest.param("2h", "2026-11-25T16:00:00+08:00", "2026-11-25T18:00:00+08:00", id="a length"),
        pytest.param("1w", "2026-11-18T18:00:00+08:00", "2026-11-25T18:00:00+08:00", id="a week"),
        pytest.param("14:03", "2026-11-25T14:03:00+08:00", "2026-11-25T14:04:00+08:00", id="a minute"),
        pytest.param("9:05:07", "2026-11-25T09:05:07+08:00", "2026-11-25T09:05:08+08:00", id="a second"),
        pytest.param("18:01", "2026-11-24T18:01:00+08:00", "2026-11-24T18:02:00+08:00", id="not yet today"),
        pytest.param("yesterday", "2026-11-24T00:00:00+08:00", "2026-11-25T00:00:00+08:00", id="yesterday"),
        pytest.param("今天", "2026-11-25T00:00:00+08:00", "2026-11-26T00:00:00+08:00", id="today in Chinese"),
        pytest.param("2026-11-03", "2026-11-03T00:00:00+08:00", "2026-11-04T00:00:00+08:00", id="a day"),
        pytest.param("2026-11", "2026-11-01T00:00:00+08:00", "2026-12-01T00:00:00+08:00", id="a month"),
        pytest.param("2026-11-03T09:00", "2026-11-03T09:00:00+08:00", "2026-11-03T09:01:00+08:00", id="ISO"),
        pytest.param("2026-11-03T09:00:00Z", "2026-11-03T17:00:00+08:00", "2026-11-03T17:00:01+08:00", id="in UTC"),
        pytest.param("2026-11-03T09:00-05:00", "2026-11-03T22:00:00+08:00", "2026-11-03T22:01:00+08:00", id="zoned"),
        pytest.param("09:00..10:30", "2026-11-25T09:00:00+08:00", "2026-11-25T10:31:00+08:00", id="from, to"),
        pytest.param("yesterday..now", "2026-11-24T00:00:00+08:00", "2026-11-25T18:00:00+08:00", id="until now"),
    ],
)
def test_words(text: str, start: str, end: str) -> None:
    assert span(text, NOW, SHANGHAI) == (ms(start), ms(end))
    assert moment(text, NOW, SHANGHAI) == ms(start)


def test_a_day_may_have_25_hours() -> None:
    start, end = span("2026-10-25", NOW, BERLIN)
    assert end - start == 25 * 3_600_000


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        span(text, NOW, SHANGHAI)
    except MomentError as error:
        assert "neither" in str(error)


def test_the_api_says_its_zone(api: Api, filled: list[str]) -> None:
    """A query without a browser is of UTC; a browser's is of its own day."""
    found = [
        api.get("/api/requests?q=yesterday&limit=500", headers=headers)["rows"]
        for headers in ({}, {"cookie": "tz=Asia/Shanghai"})
    ]
    utc, local = ([row["started_at"] for row in rows] for rows in found)
    assert utc and max(utc) < ms("2026-11-25T00:00:00+00:00")
    assert local and max(local) < ms("2026-11-25T00:00:00+08:00")
    assert len(local) < len(utc)
