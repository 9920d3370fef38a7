"""What keeps keys from being used, told once."""

from typing import Any

import pytest

from ccx_admin.channels.rests import Rest, rests, together


def state(
    model: str, until: int | None = 5, reason: str = "rate limited (429)", message: str = "Slow"
) -> dict[str, Any]:
    return {"model": model, "until": until, "reason": reason, "message": message, "state": "cooling"}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([state("")], [Rest("rate limited (429)", "Slow", (), 5)], id="the whole key"),
        pytest.param(
            [state("a", 5), state("b", 9), state("c", 7)],
            [Rest("rate limited (429)", "Slow", ("a", "b", "c"), 9)],
            id="the same of three models, until the last",
        ),
        pytest.param(
            [state("a", None), state("b")], [Rest("rate limited (429)", "Slow", ("a", "b"), None)], id="by hand"
        ),
        pytest.param(
            [state("a"), state("a", reason="x")],
            [Rest("rate limited (429)", "Slow", ("a",), 5), Rest("x", "Slow", ("a",), 5)],
            id="two reasons",
        ),
    ],
)
def test_rests(states: list[dict[str, Any]], expected: list[Rest]) -> None:
    assert rests(states) == expected


def problem(channel: str, label: str, **more: Any) -> dict[str, Any]:
    return {"kind": "key", "channel_id": channel, "label": label, "key_id": label, **state("m"), **more}


def test_keys_with_the_same_problem_are_one() -> None:
    config = {"kind": "config", "message": "line 3, x: y"}
    found = together(
        [
            config,
            problem("c", "k1", until=5),
            problem("c", "k1", model="n", until=7),
            problem("c", "k2", until=6),
            problem("c", "k3", state="blocked"),
            problem("d", "k1"),
            config,
        ]
    )
    assert [entry["kind"] for entry in found] == ["config", "key", "key", "key", "config"]
    assert [(p["labels"], p["models"], p["until"]) for p in found if p["kind"] == "key"] == [
        (["k1", "k2"], ["m", "n"], 7),
        (["k3"], ["m"], 5),
        (["k1"], ["m"], 5),
    ]
