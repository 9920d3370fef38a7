from typing import Any

import pytest

from ccx_addons.core.config_changes import MISSING, ORDER, TEXTS, between, clashes, place, sentence

A = {"id": "a", "name": "alpha", "keys": ["k-1", {"key": "k-2", "weight": 2}], "priority": 1}
B = {"name": "beta", "priority": 2}
BEFORE = {"version": 1, "channels": [A, B], "clients": [{"name": "ann"}], "policy": {"affinity": {"ttl": 5}}}


def after(**changed: Any) -> dict[str, Any]:
    return {**BEFORE, **changed}


def told(new: Any, old: Any = BEFORE) -> list[str]:
    return [text.format(**values) for text, values in sentence(between(old, new), old, new)]


def test_equal_is_no_change() -> None:
    assert between(BEFORE, after(channels=[dict(A), dict(B)])) == []


def test_paths_name_entries_not_places() -> None:
    changes = between(BEFORE, after(channels=[{**B, "priority": 9}, A]))
    assert {c.pointer for c in changes} == {"/channels/ch_f44e64e7/priority", "/channels/(order)"}


def test_a_key_with_settings_is_the_same_key() -> None:
    (change,) = between(BEFORE, after(channels=[{**A, "keys": [{"key": "k-1", "name": "x"}, A["keys"][1]]}, B]))  # type: ignore[index]
    assert change.path[2] == "keys" and change.path[4:] == ("name",) and (change.before, change.after) == (MISSING, "x")


def test_true_is_not_one() -> None:
    assert len(between({"a": True}, {"a": 1})) == 1


def test_a_new_entry_knows_what_it_stands_behind() -> None:
    changes = between(BEFORE, after(channels=[A, {"id": "n", "name": "new"}, B]))
    assert [(c.path, c.behind) for c in changes] == [(("channels", "n"), "a")]


def test_entries_that_cannot_be_told_apart_are_one_value() -> None:
    (change,) = between({"clients": [{"name": "a"}]}, {"clients": [{"name": "a"}, {"name": "a"}]})
    assert change.path == ("clients",)


@pytest.mark.parametrize(
    ("mine", "theirs", "clash"),
    [
        ([{**A, "priority": 3}, B], [{**A, "note": "x"}, B], False),
        ([{**A, "priority": 3}, B], [A, {**B, "priority": 3}], False),
        ([{**A, "priority": 3}, B], [{**A, "priority": 3}, B], False),
        ([{**A, "priority": 3}, B], [{**A, "priority": 4}, B], True),
        ([B], [{**A, "priority": 4}, B], True),
        ([{**A, "priority": 4}, B], [B], True),
        ([{**A, "models": {"x": "y"}}, B], [{**A, "models": {"z": "y"}}, B], True),
        ([{**A, "keys": ["k-1"]}, B], [{**A, "keys": [*A["keys"], "k-3"]}, B], False),  # type: ignore[misc]
        ([B, A], [A, B, {"name": "new"}], False),
        ([A, B, {"name": "n1"}], [A, B, {"name": "n2"}], False),
    ],
)
def test_clashes(mine: Any, theirs: Any, clash: bool) -> None:
    found = clashes(between(BEFORE, after(channels=mine)), between(BEFORE, after(channels=theirs)))
    assert bool(found) is clash


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (after(), ["only comments and layout changed"]),
        (after(channels=[A]), ["channel beta deleted"]),
        (after(channels=[A, B, {"name": "new"}]), ["channel new added"]),
        (after(channels=[{**A, "priority": 2}, {**B, "priority": 1}]), ["order of the channels changed"]),
        (after(channels=[{**A, "status": "suspended"}, B]), ["channel alpha paused"]),
        (after(channels=[{**A, "status": "disabled"}, B]), ["channel alpha moved to standby"]),
        (after(channels=[{**A, "name": "new"}, B]), ["channel alpha is called new now"]),
        (after(channels=[{**A, "name": "new", "note": "x"}, B]), ["name, note of channel new changed"]),
        (after(channels=[{**A, "keys": ["k-1"]}, B]), ["keys taken from channel alpha"]),
        (after(channels=[{**A, "keys": [*A["keys"], "k-3"]}, B]), ["keys added to channel alpha"]),  # type: ignore[misc]
        (after(channels=[{**A, "promoted_until": "2026-01-31T12:00:00Z"}, B]), ["channel alpha is first choice for a while"]),
        (after(clients=[]), ["client ann deleted"]),
        (after(policy={"affinity": {"ttl": 6}, "errors": "vague"}), ["policy.affinity, policy.errors changed"]),
        (after(channels=[A, {**B, "status": "suspended"}], clients=[]), ["channel beta paused", "client ann deleted"]),
        (after(**{"sk-1234567890": 1}), ["… changed"]),
    ],
)  # fmt: skip
def test_sentence(new: Any, words: list[str]) -> None:
    assert told(new) == words
    assert {text for text, _ in sentence(between(BEFORE, new), BEFORE, new)} <= set(TEXTS)


def test_many_alike_are_counted() -> None:
    many = {"channels": [{"name": f"c{n}"} for n in range(9)]}
    tagged = {"channels": [{"name": f"c{n}", "tags": ["paid"]} for n in range(9)]}
    paused = {"channels": [{"name": f"c{n}", "status": "suspended"} for n in range(9)]}
    assert told(tagged, many) == ["tags of 9 channels changed"]
    assert told(paused, many) == ["9 channels paused"]
    assert "{n} channels paused" in TEXTS and "{what} of {n} channels changed" in TEXTS


def test_places_for_people_hold_no_secret() -> None:
    secret = "sk-0123456789abcdef0123456789"
    data = {"channels": [{"id": "a", "name": "alpha", "keys": [secret, {"key": secret + "2", "name": "spare"}]}]}
    new = {"channels": [{**data["channels"][0], "keys": [{"key": secret, "weight": 2}, {"key": secret + "2"}]}]}
    found = [place(change.path, data) for change in between(data, new)]
    assert found == ["channels › alpha › keys › sk-0…6789 › weight", "channels › alpha › keys › spare › name"]
    assert place(("channels", ORDER), data) == "channels › order"
