"""Pairs in their order, page by page, and their sums."""

from typing import Any

import pytest
from flask import Flask

from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from ccx_admin.mirrors import figures
from ccx_admin.mirrors.figures import Order, PlaceError
from ccx_admin.panel import EXTENSION
from ccx_admin.usage.ranges import Range, range_of
from tests.admin.conftest import NOW
from tests.admin.mirrors import pairs

AT = int(NOW * 1000) - 3_600_000


@pytest.fixture
def db(app: Flask) -> Reader:
    reader: Reader = app.extensions[EXTENSION].db
    return reader


@pytest.fixture
def day() -> Range:
    return range_of("24h", int(NOW * 1000))


def walked(db: Reader, day: Range, order: Order, limit: int = 3) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = figures.page(db, "try-glm", day, order, limit)
        found += page.rows
        if not page.next:
            return found
        order = Order(order.by, order.down, page.next)


@pytest.mark.parametrize("by", figures.SORTS)
@pytest.mark.parametrize("down", [True, False])
def test_pages_have_every_pair_once_in_order(db: Reader, store: Store, day: Range, by: str, down: bool) -> None:
    pairs.fill(store, 20, NOW)
    for n in range(3):  # what is alike in everything but the id, and has no figures
        pairs.put(store, n, AT, b_total_ms=None, b_status=0)
    assert store.flush()
    found = walked(db, day, Order(by, down))
    assert len({row["id"] for row in found}) == len(found) == 23
    places = [(row["place"], row["id"]) for row in found]
    assert places == sorted(places, reverse=down)


def test_other_mirrors_and_times_are_left_out(db: Reader, store: Store, day: Range) -> None:
    for n, (mirror, at) in enumerate((("try-glm", AT), ("other", AT), ("try-glm", AT - 2 * 86_400_000))):
        pairs.put(store, n, at, mirror)
    assert store.flush()
    assert len(walked(db, day, Order())) == 1 and figures.summary(db, "try-glm", day).client.requests == 1
    assert figures.names(db) == ["other", "try-glm"]


@pytest.mark.parametrize("before", ["x", "1", "1_", "_a", "1;drop_a", "nan_a", "1e999999_a"])
def test_no_place(db: Reader, day: Range, before: str) -> None:
    with pytest.raises(PlaceError):
        figures.page(db, "try-glm", day, Order(before=before))


def test_sums(db: Reader, store: Store, day: Range) -> None:
    good = {"m_stop": "end", "m_original_stop": "end"}
    pairs.put(store, 0, AT, b_total_ms=1000.0, b_cost_usd=0.2, a_cost_usd=1.0, a_output_tokens=5, m_alike=0.5, **good)
    pairs.put(store, 1, AT + 1, b_total_ms=3000.0, b_cost_usd=None, m_same_tools=1, m_same_arguments=0, m_stop="length",
              m_original_stop="end")  # fmt: skip
    pairs.put(store, 2, AT + 2, b_state="failed", b_status=500, b_total_ms=9.0, m_same_tools=0, m_same_arguments=0)
    assert store.flush()
    found = figures.summary(db, "try-glm", day)
    assert (found.client.requests, found.client.ok, found.mirror.ok) == (3, 3, 2)
    assert found.mirror.success == pytest.approx(2 / 3) and found.mirror.total_ms == 2000.0
    assert (found.mirror.cost_usd, found.mirror.each, found.mirror.unpriced) == (0.2, 0.2, 1)
    assert (found.client.cost_usd, found.client.each, found.client.unpriced) == (1.0, 1.0, 2)
    assert (found.client.output_tokens, found.mirror.output_tokens) == (5, 0)
    assert (found.same_tools, found.same_arguments, found.called) == (0.5, 0.0, 2)
    assert (found.alike, found.same_end, found.more) == (0.5, 0.5, False)


def test_nothing_has_no_figures(db: Reader, day: Range) -> None:
    found = figures.summary(db, "try-glm", day)
    assert found.client.success is None and found.mirror.cost_usd is None and found.same_tools is None


def test_what_was_left_out_and_what_one_request_and_a_channel_have(db: Reader, store: Store, day: Range) -> None:
    ((original, mirror), *_) = pairs.fill(store, 2, NOW)
    assert store.flush()
    assert figures.left_out(db, "try-glm", day) == {"budget": 21, "limit": 14, "busy": 7}
    assert [pair["id"] for pair in figures.of_request(db, original)] == [mirror]
    assert [pair["original"] for pair in figures.of_request(db, mirror)] == [original]
    assert figures.of_request(db, "nobody") == []
    assert figures.of_channel(db, "ch_back0002", AT - 86_400_000)[0] == 2
    assert figures.of_channel(db, "ch_main0001", AT - 86_400_000) == (0, 0)


def test_a_page_of_many_costs_little(db: Reader, store: Store, day: Range) -> None:
    """Only the newest pairs are looked at where they are sorted by time."""
    plan = " ".join(
        str(row["detail"])
        for row in db.rows(
            f"EXPLAIN QUERY PLAN SELECT m.id {figures.FROM} WHERE m.mirror = ? AND m.at >= ? AND m.at < ?"
            " ORDER BY m.at DESC, m.id DESC LIMIT 50",
            ("try-glm", day.start, day.end),
        )
    )
    assert "mirrored_at" in plan and "SCAN a" not in plan and "SCAN b" not in plan
