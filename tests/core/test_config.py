import string
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core import config
from ccx_addons.core.config import (
    KINDS,
    TEXT_KINDS,
    Channel,
    Key,
    Mapped,
    ModelMap,
    Patterns,
    Snapshot,
    Target,
    Timeouts,
    help_of,
)

WORDS = st.text(string.ascii_letters + string.digits + "-.:/", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("include", "exclude", "model", "allowed"),
    [
        pytest.param((), (), "anything", True, id="no pattern allows everything"),
        pytest.param(("gpt-5",), (), "gpt-5", True, id="exact"),
        pytest.param(("gpt-5",), (), "GPT-5", True, id="either case"),
        pytest.param(("gpt-5",), (), "gpt-5-mini", False, id="exact is not a prefix"),
        pytest.param(("gpt-*",), (), "gpt-", True, id="prefix matches its own stem"),
        pytest.param(("gpt-*",), (), "my-gpt-5", False, id="prefix is not contained"),
        pytest.param(("*-mini",), (), "gpt-5-mini", True, id="suffix"),
        pytest.param(("*-mini",), (), "gpt-5-mini-high", False, id="suffix is not contained"),
        pytest.param(("*opus*",), (), "claude-opus-4", True, id="contains"),
        pytest.param(("*opus*",), (), "claude-sonnet", False, id="does not contain"),
        pytest.param(("*",), (), "x", True, id="star"),
        pytest.param(("claude-*", "gpt-*"), (), "gpt-5", True, id="any of several"),
        pytest.param((), ("claude-2*",), "gpt-5", True, id="only exclusions allow the rest"),
        pytest.param(("claude-*",), ("claude-2*",), "claude-2.1", False, id="exclusions come first"),
        pytest.param(("claude-2.1",), ("claude-2*",), "claude-2.1", False, id="an exact inclusion does not win"),
        pytest.param(("*",), ("*",), "x", False, id="everything excluded"),
        pytest.param((), ("*opus*",), "claude-\uff4fpus-4", False, id="a full-width letter is the letter"),
        pytest.param((), ("*opus*",), "claude-opu\u017f-4", False, id="so is a long s"),
        pytest.param(("claude-*",), (), "claude-4\uff08x\uff09", True, id="brackets of any width"),
    ],
)
def test_patterns(include: tuple[str, ...], exclude: tuple[str, ...], model: str, allowed: bool) -> None:
    assert Patterns(include, exclude).allows(model) is allowed


@given(WORDS, WORDS, WORDS)
def test_pattern_forms_agree_with_str_methods(before: str, core: str, after: str) -> None:
    low = core.lower()
    name = before + core + after
    assert Patterns((f"*{low}*",)).allows(name)
    assert Patterns((f"{low}*",)).allows(core + after) and Patterns((f"*{low}",)).allows(before + core)
    assert Patterns((low,)).allows(name) is (name.lower() == low)
    assert not Patterns((), (f"*{low}*",)).allows(name)


ENTRIES = {
    "opus": (Target("claude-opus-4-7"),),
    "claude-opus-4": (Target("exact"),),
    "Claude-*": (Target("pattern"),),
    "*-mini": (Target("mini", "low"),),
    "sonnet": (Target("short"),),
    "sonnet-4": (Target("longer"),),
    "*": (Target("rest"),),
}


@pytest.mark.parametrize(
    ("model", "mapped"),
    [
        pytest.param("claude-opus-4", Mapped("exact", "claude-opus-4"), id="exact before patterns"),
        pytest.param("CLAUDE-OPUS-4", Mapped("exact", "claude-opus-4"), id="either case"),
        pytest.param("claude-sonnet-4", Mapped("pattern", "Claude-*"), id="pattern before contained"),
        pytest.param("o4-mini", Mapped("mini", "*-mini", "low"), id="effort of the entry"),
        pytest.param("my-sonnet-4x", Mapped("longer", "sonnet-4"), id="longest contained"),
        pytest.param("my-opus", Mapped("claude-opus-4-7", "opus"), id="contained"),
        pytest.param("gpt-5", Mapped("rest", "*"), id="star is the last resort"),
    ],
)
def test_model_map(model: str, mapped: Mapped) -> None:
    assert ModelMap(ENTRIES).apply(model) == mapped


def test_model_map_without_a_match_keeps_the_name() -> None:
    assert ModelMap({"opus": (Target("x"),)}).apply("GPT-5") == Mapped("GPT-5")


def test_model_map_does_not_recurse() -> None:
    assert ModelMap({"a": (Target("b"),), "b": (Target("c"),)}).apply("a").model == "b"


def test_model_map_ties_go_by_name() -> None:
    entries = {"bbb": (Target("2"),), "aaa": (Target("1"),)}
    assert ModelMap(entries).apply("xbbbaaa").entry == "aaa"
    assert ModelMap({"*b": (Target("2"),), "a*": (Target("1"),)}).apply("ab").entry == "*b"


@given(st.lists(st.tuples(WORDS, WORDS), max_size=6), WORDS)
def test_model_map_does_not_depend_on_the_order_of_the_file(pairs: list[tuple[str, str]], model: str) -> None:
    entries = {name: (Target(to),) for name, to in pairs}
    backwards = dict(reversed(entries.items()))
    assert ModelMap(entries).apply(model) == ModelMap(backwards).apply(model)


def test_a_key_never_shows_its_secret() -> None:
    key = Key("k_1", "sk-ant-1234567890")
    assert "1234567890" not in repr(key) and key.mask == "sk-a…7890"


def test_text_kinds_are_kinds() -> None:
    assert set(KINDS) > TEXT_KINDS


def test_channel_by_id() -> None:
    channel = Channel("ch_1", "main", "chat", ("https://a",), (), frozenset({"chat"}))
    snapshot = Snapshot("r", 0.0, channels=(channel,))
    assert snapshot.channel("ch_1") is channel and snapshot.channel("ch_2") is None


def test_channels_are_values() -> None:
    """Equal ones are one key of a mapping, whatever is in them."""
    one, same, other = (
        Channel("ch_1", "main", "chat", ("https://a",), (), frozenset({"chat"}), models=ModelMap({"a": (Target(to),)}))
        for to in ("b", "b", "c")
    )
    assert {one: 1, same: 2, other: 3} == {one: 2, other: 3}


def test_help_of() -> None:
    assert help_of(Channel, "priority").startswith("smaller comes first;") and help_of(Channel, "name") == ""


def test_numbers_have_help_and_sane_bounds() -> None:
    for cls in (config.Timeouts, config.ChannelLimits, config.ClientLimits, config.BreakerPolicy):
        for entry in fields(cls):
            assert entry.metadata["help"] and entry.metadata["minimum"] <= entry.default


@pytest.mark.parametrize(
    ("given", "stream", "whole"),
    [({}, 300.0, 600.0), ({"total": 20.0}, 20.0, 20.0), ({"first_byte": 7.0, "total": 20.0}, 7.0, 7.0)],
)
def test_a_head_never_takes_longer_than_all(given: dict[str, float], stream: float, whole: float) -> None:
    assert (Timeouts(**given).head(True), Timeouts(**given).head(False)) == (stream, whole)
