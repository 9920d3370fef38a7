"""A way in few words, and what counts as a failover."""

from typing import Any

import pytest

from ccx_addons.io.rollup import MOVED
from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from ccx_admin.requests.chain import hops, moved


def attempt(channel: str, status: int, verdict: str) -> dict[str, Any]:
    outcome = "ok" if status == 200 else "status"
    return {"channel_id": channel, "channel_name": channel, "status": status, "outcome": outcome, "verdict": verdict}


EIGHT = [attempt("a", 503, "next_key")] * 7 + [attempt("a", 503, "next_channel")]


@pytest.mark.parametrize(
    ("given", "expected", "places"),
    [
        pytest.param([attempt("a", 200, "commit")], [("a", 1, 1, True)], 0, id="at once"),
        pytest.param(EIGHT, [("a", 8, 8, False)], 7, id="all keys of one channel"),
        pytest.param([*EIGHT, attempt("b", 200, "commit")], [("a", 8, 8, False), ("b", 1, 1, True)], 8, id="another"),
        pytest.param(
            [attempt("a", 503, "same_key"), attempt("a", 503, "same_key"), attempt("a", 200, "commit")],
            [("a", 2, 1, False), ("a", 1, 1, True)],
            0,
            id="the same key again",
        ),
        pytest.param(
            [attempt("a", 503, "next_key"), attempt("a", 429, "next_key"), attempt("a", 503, "stop")],
            [("a", 1, 1, False)] * 3,
            2,
            id="answered in different ways",
        ),
        pytest.param([], [], 0, id="nobody"),
    ],
)
def test_hops(given: list[dict[str, Any]], expected: list[tuple[str, int, int, bool]], places: int) -> None:
    assert [(hop.name, hop.times, hop.keys, hop.good) for hop in hops(given)] == expected
    assert moved(given) == places


def test_models_of_a_chain_are_hops_of_their_own() -> None:
    way = [("a", "big", 529, "next_model"), ("a", "small", 529, "next_channel"), ("b", "m", 200, "commit")]
    given = [{**attempt(name, status, verdict), "upstream_model": model} for name, model, status, verdict in way]
    assert [(hop.name, hop.model, hop.times, hop.keys) for hop in hops(given)] == [
        ("a", "big", 1, 1), ("a", "small", 1, 1), ("b", "", 1, 1)
    ]  # fmt: skip
    assert moved(given) == 2


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["commit"], 0),
        (["next_channel"], 0),
        (["same_key", "commit"], 0),
        (["same_key", "next_channel"], 0),
        (["next_key", "commit"], 1),
        (["next_model", "commit"], 1),
        (["same_key", "next_channel", "commit"], 1),
    ],
)
def test_failover_in_the_database(store: Store, verdicts: list[str], expected: int) -> None:
    store.put_attempts({"request_id": "r", "n": n, "verdict": verdict} for n, verdict in enumerate(verdicts, 1))
    store.put_request({"id": "r", "started_at": 1, "state": "ok", "attempts_n": len(verdicts)})
    store.flush()
    assert Reader(store.path).value(f"SELECT count(*) FROM requests WHERE {MOVED}") == expected
