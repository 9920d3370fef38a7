import pytest
from flask import Flask

from ccx_addons.core.ids import uuid7
from ccx_admin.channels.activity import PARTS, Activity, activity, since_id
from tests.admin import seed
from tests.admin.conftest import NOW, Clock


def test_since_id_is_before_every_id_of_its_time() -> None:
    at = 1_795_600_800.5
    assert since_id(int(at * 1000)) <= uuid7(at)
    assert since_id(int(at * 1000) + 1) > uuid7(at)


@pytest.mark.usefixtures("filled")
def test_activity_counts_attempts_that_others_made_good(app: Flask) -> None:
    with app.test_request_context("/"):
        found = activity(app.extensions["ccx"])
    attempts = [a for _row, some in seed.rows(300, NOW, 1.0) for a in some]
    mine = [a for a in attempts if a["channel_id"] == "ch_main0001"]
    bad = sum(a["outcome"] != "ok" for a in mine)
    assert abs(found["ch_main0001"].attempts - len(mine)) <= 3  # the first half hour is cut
    assert found["ch_main0001"].success == pytest.approx(1 - bad / len(mine), abs=0.02)


def test_no_activity_is_not_a_rate() -> None:
    assert Activity().success is None


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([(100, 36)], "36 of the last 100 attempts failed"),
        ([(100, 5)], ""),
        ([(9, 9)], ""),
        ([(10, 10)], "10 of the last 10 attempts failed"),
        ([(500, 500), (60, 0)], ""),
        ([(500, 0), (30, 30), (25, 25)], "55 of the last 55 attempts failed"),
        ([], ""),
    ],
)
def test_the_latest_attempts_judge(parts: list[tuple[int, int]], words: str) -> None:
    """What was bad for long and is well again says nothing."""
    assert Activity((*[(0, 0)] * (PARTS - len(parts)), *parts)).trouble == words


@pytest.mark.usefixtures("filled")
def test_a_count_is_good_for_a_while(app: Flask, clock: Clock) -> None:
    panel = app.extensions["ccx"]
    first = activity(panel)
    assert activity(panel) is first
    clock.now += 11
    assert activity(panel) is not first
