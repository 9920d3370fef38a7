"""What follows from the configuration alone is computed once, and never outlives it."""

from typing import Any

import pytest

from ccx_addons.scheduler.index import MAX_INDEXES, MAX_PLANS, Index, Indexes, comparable
from tests.scheduler.values import channel, key, limits, snapshot

A, B = channel("a", priority=2), channel("b")


def test_a_plan_is_made_once_and_ordered() -> None:
    index = Index(snapshot(A, B))
    plan = index.plan("chat", "m", "")
    assert [entry.channel.name for entry in plan.entries] == ["b", "a"]
    assert index.plan("chat", "m", "") is plan and index.plan("chat", "n", "") is not plan


def test_names_that_clients_invent_do_not_fill_the_memory() -> None:
    index = Index(snapshot(A))
    first = index.plan("chat", "m", "")
    for n in range(MAX_PLANS):
        index.plan("chat", f"m{n}", "")
    assert index.plan("chat", "m", "") is not first


def test_an_index_belongs_to_its_snapshot() -> None:
    indexes, one = Indexes(), snapshot(A)
    index = indexes.of(one)
    assert indexes.of(one) is index and indexes.of(snapshot(A)) is not index
    for _ in range(MAX_INDEXES):
        indexes.of(snapshot(A))
    assert indexes.of(one) is not index


def test_entries_know_the_upstreams_model_and_its_keys() -> None:
    of = channel(
        "x", key("x1", enabled=False), key("x2"), key("x3", base_url="https://gone.example"), models={"m": "up"}
    )
    (entry,) = Index(snapshot(of)).plan("chat", "m", "").entries
    assert entry.model == "up" and [k.name for k in entry.keys] == ["x2"] and entry.space == ("up", 0)


def test_the_smallest_window_is_known_of_the_channel_or_of_its_model() -> None:
    assert Index(snapshot(A)).plan("chat", "m", "").least_window == 0
    small, known = channel("c", limits=limits(context_window=8)), channel("k", models={"m": "gpt-5.1"})
    assert Index(snapshot(A, small)).plan("chat", "m", "").least_window == 8
    assert Index(snapshot(A, known)).plan("chat", "m", "").least_window == 400_000


@pytest.mark.parametrize(
    ("more", "tokens", "overflows"),
    [
        ({"limits": limits(context_window=100)}, 100, False),
        ({"limits": limits(context_window=100)}, 101, True),
        ({"models": {"m": "gpt-5.1"}}, 800_000, False),
        ({"models": {"m": "gpt-5.1"}}, 800_001, True),
        ({"models": {"m": "gpt-5.1"}, "limits": limits(context_window=500_000)}, 500_001, True),
        ({}, 10**9, False),
    ],
)
def test_a_window_that_is_only_known_of_the_model_must_be_missed_clearly(
    more: dict[str, Any], tokens: int, overflows: bool
) -> None:
    (entry,) = Index(snapshot(channel("c", **more))).plan("chat", "m", "").entries
    assert entry.overflows(tokens) is overflows


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(("s", 8), ("s", 8), True), (("s", 8), ("s", 0), True), (("s", 8), ("s", 9), False), (("s", 0), ("t", 0), False)],
)
def test_comparable(one: tuple[str, int], other: tuple[str, int], same: bool) -> None:
    assert comparable(one, other) is same and comparable(other, one) is same
