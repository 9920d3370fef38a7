from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.io.yaml_file import edited, load_text
from ccx_addons.io.yaml_merge import Clash, by_lines, merged

BASE = """\
version: 1
channels:
  # the good one
  - id: a
    name: alpha   # first
    priority: 1
    keys: [k-1, k-2]
  - id: b
    name: beta
    priority: 2
    keys:
      - k-3   # of bob
policy:
  errors: precise
"""


def changed(*pairs: tuple[str, str], text: str = BASE) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def data(text: str) -> Any:
    return load_text(text).data


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ([("alpha", "ALPHA")], [("beta", "BETA")]),
        ([("alpha", "ALPHA")], [("priority: 1", "priority: 5")]),
        ([("k-1, k-2", "k-1")], [("k-1, k-2", "k-1, k-2, k-4")]),
        ([("errors: precise", "errors: vague")], [("policy:\n  errors: precise\n", "policy:\n  errors: precise\n  balance: latency\n")]),
        ([("      - k-3   # of bob\n", "      - k-3   # of bob\n      - k-9\n")], [("k-1, k-2", "k-2, k-1")]),
        ([("  - id: b\n    name: beta\n    priority: 2\n    keys:\n      - k-3   # of bob\n", "")], [("alpha", "ALPHA")]),
        ([("policy", "clients:\n  - {name: ann}\npolicy")], [("policy:\n  errors: precise\n", "")]),
        ([("k-1, k-2", "k-2, k-1")], [("k-1, k-2", "k-1, k-2, k-7")]),
        ([("k-3   # of bob", "{key: k-3, weight: 4}")], [("k-3   # of bob", "{key: k-3, name: bob}")]),
    ],
)  # fmt: skip
def test_what_is_about_other_things_is_kept_both(mine: Any, theirs: Any) -> None:
    one, other = changed(*mine), changed(*theirs)
    text = merged(BASE, one, other)
    assert data(text) == data(merged(BASE, other, one)) or "k-7" in text
    assert data(text) not in (data(BASE), data(one), data(other))


def test_comments_of_both_are_kept() -> None:
    text = merged(BASE, changed(("# the good one", "# the best one")), changed(("# of bob", "# of rob")))
    assert "# the best one" in text and "# of rob" in text and "# first" in text


def test_neighbouring_lines_are_no_clash() -> None:
    text = merged(BASE, changed(("priority: 1", "priority: 7")), changed(("alpha   # first", "ALPHA   # first")))
    assert "name: ALPHA   # first\n    priority: 7\n" in text and "# the good one" in text


def test_the_same_value_changed_twice_is_a_clash() -> None:
    with pytest.raises(Clash) as caught:
        merged(BASE, changed(("alpha", "mine")), changed(("alpha", "theirs"), ("beta", "BETA")))
    ((mine, theirs),) = caught.value.pairs
    assert (mine.pointer, mine.before, mine.after, theirs.after) == ("/channels/a/name", "alpha", "mine", "theirs")


def test_a_choice_settles_a_clash() -> None:
    mine, theirs = changed(("alpha", "mine"), ("priority: 2", "priority: 8")), changed(("alpha", "theirs"))
    for side in ("mine", "theirs"):
        text = merged(BASE, mine, theirs, {"/channels/a/name": side})
        assert [(c["name"], c["priority"]) for c in data(text)["channels"]] == [(side, 1), ("beta", 8)]


def test_undoing_one_change_leaves_later_ones() -> None:
    """Backwards: from the text after the change to the one before it, in a file that went on."""
    after = changed(("priority: 1", "priority: 3"))
    later = changed(("beta", "BETA"), text=after)
    assert merged(after, BASE, later) == changed(("beta", "BETA"))


def test_what_was_deleted_meanwhile_is_a_clash() -> None:
    gone = BASE[: BASE.index("  - id: b")] + BASE[BASE.index("policy") :]
    with pytest.raises(Clash):
        merged(BASE, changed(("beta", "BETA")), gone)


def test_lines_that_touch_are_not_merged() -> None:
    assert by_lines("a\nb\n", "A\nb\n", "a\nB\n") is None
    assert by_lines("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n") == "A\nb\nC\n"


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@st.composite
def files(draw: st.DrawFn) -> str:
    document: dict[str, Any] = {"version": 1, "channels": []}
    for name in draw(NAMES):
        document["channels"].append(
            {"name": name, "priority": draw(st.integers(1, 3)), "keys": draw(st.lists(st.sampled_from(["k1", "k2", "k3"]), unique=True))}
        )  # fmt: skip
    return edited("version: 1\n", lambda node: node.update(document))


@given(files(), files())
def test_a_change_and_its_undoing_is_nothing(base: str, mine: str) -> None:
    """Of any two files: the change from one to the other, made alone, is the other."""
    comment = base + "# later\n"
    assert data(merged(base, mine, comment)) == data(mine)


@given(files(), files(), files())
def test_a_merge_is_what_both_wanted_or_a_clash(base: str, mine: str, theirs: str) -> None:
    try:
        one, other = merged(base, mine, theirs), merged(base, theirs, mine)
    except Clash:
        return

    def by_name(text: str) -> dict[str, Any]:
        return {c["name"]: {**c, "keys": sorted(c["keys"])} for c in data(text)["channels"]}

    assert by_name(one) == by_name(other)
