"""Arguments of calls, as servers write them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.arguments import MAX_HELD, Arguments, mended

CASES = [
    ("", ""),
    ("{}", "{}"),
    ('{"a":1}', '{"a":1}'),
    ('{"a":"}{"}', '{"a":"}{"}'),
    ('{}{"a":1}', '{"a":1}'),
    ('{}\n {}{"a":1}', '{"a":1}'),
    ('"{\\"a\\":1}"', '{"a":1}'),
    ('"{}"', "{}"),
    ('"text"', '"text"'),
    ('"broken', '"broken'),
    ("null", "{}"),
    ("None", "{}"),
    ("nothing", "nothing"),
    ("[1]", "[1]"),
    ("a = 1", "a = 1"),
]


def fed(*pieces: str) -> str:
    arguments = Arguments()
    return "".join(map(arguments.feed, pieces)) + arguments.end()


@pytest.mark.parametrize(("text", "found"), CASES)
def test_arguments_are_mended(text: str, found: str) -> None:
    assert mended(text) == found
    assert fed(text) == found


@given(st.sampled_from(CASES), st.integers(0, 20))
def test_pieces_are_the_whole(case: tuple[str, str], cut: int) -> None:
    text, found = case
    if text[max(0, cut - 1) : cut + 1] != "{}" or found == text:  # half a placeholder is not seen
        assert fed(text[:cut], text[cut:]) == found


def test_an_object_is_not_held_back() -> None:
    arguments = Arguments()
    assert arguments.feed(' {"a') == ' {"a'
    assert arguments.plain and arguments.feed("{}{") == "{}{"


def test_no_more_is_held_back_than_can_be_read_at_once() -> None:
    text = json.dumps("x" * MAX_HELD)
    assert fed(text[:9], text[9:]) == text
