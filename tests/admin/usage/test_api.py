"""/api/stats."""

import csv
import io

import pytest

from tests.admin.conftest import Api


def test_summary(api: Api, filled: list[str]) -> None:
    found = api.get("/api/stats/summary?range=7d")
    assert found["now"]["requests"] == 300 and found["before"]["requests"] == 0
    one = api.get("/api/stats/summary?range=7d&kind=messages&channel=ch_main0001")
    assert 0 < one["now"]["requests"] < 300


def test_history(api: Api, filled: list[str]) -> None:
    found = api.get("/api/stats/history?range=7d&by=model")
    assert len(found["times"]) == 168
    assert sum(sum(series["requests"]) for series in found["series"]) == 300


def test_table(api: Api, filled: list[str]) -> None:
    rows = api.get("/api/stats/table?by=channel&range=7d")["rows"]
    assert {row["label"] for row in rows} == {"main", "backup", "codex", "gemini"}
    answer = api("GET", "/api/stats/table?by=channel&range=7d&format=csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="usage-channel-7d.csv"'
    assert [row["name"] for row in csv.DictReader(io.StringIO(answer.text))] == [row["name"] for row in rows]


@pytest.mark.parametrize("query", ["range=2y", "bucket=3m", "range=365d&bucket=1m", "by=colour"])
def test_what_is_not_there(api: Api, query: str) -> None:
    assert api("GET", f"/api/stats/history?{query}").status_code == 422
