"""What of a prompt changed, on made shapes and on those that real clients left behind."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from ccx_addons.core.shape import WORDS, Change, Part, Shape, Turn, again, alike, change, is_conversation, why
from ccx_addons.core.wire_json import JsonBody

RECORDED: Final = Path(__file__).resolve().parent.parent / "field" / "shapes"
CASES: Final = [
    pytest.param(case, id=f"{path.stem} {case['what']}")
    for path in sorted(RECORDED.glob("*.json"))
    for case in json.loads(path.read_text())
]


def shape(tools: str = "", system: str = "", messages: str = "", settings: str = "", marks: int = 0) -> Shape:
    """A part for each word; ``name=print`` gives both."""
    parts = [
        Part(what, word.partition("=")[0] if what in "st" else "", 9, word)  # type: ignore[arg-type]
        for what, words in (("s", settings), ("t", tools), ("y", system), ("u", messages))
        for word in words.split()
    ]
    return Shape(tuple(parts), marks)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (shape("a b", "s", "1 2"), shape("a b", "s", "1 2 3 4"), None),
        (shape("a=1 b"), shape("a=2 b"), Change("tools changed", "a")),
        (shape("a b"), shape("a b c d"), Change("tools added", "c, d")),
        (shape("a b"), shape("b"), Change("tools removed", "a")),
        (shape("a b"), shape("b a"), Change("tools moved")),
        (shape(system="1 2"), shape(system="1 3"), Change("system changed", n=2, of=2)),
        (shape(system="1"), shape(system="1 3"), Change("system added", n=2, of=2)),
        (shape(system="1 3"), shape(system="1"), Change("system removed", n=2, of=2)),
        (shape(settings="a=1 b=1"), shape(settings="a=2 c=1"), Change("settings", "a, b, c")),
        (shape(messages="1 2 3"), shape(messages="1 x 3 4"), Change("message changed", n=2, of=4)),
        (shape(messages="1 2 3"), shape(messages="1 x y 2 3"), Change("message inserted", n=2, of=5, many=2)),
        (shape(messages="1 2 3 4 5"), shape(messages="1 4 5 6"), Change("message dropped", n=2, of=5, many=2)),
        (shape(messages="1 2 3 4"), shape(messages="1 2 3"), Change("message dropped", n=4, of=4, many=1)),
        (shape(messages="1 2 3 4 5 6"), shape(messages="x 6 7"), Change("compacted", of=6, many=5)),
        (shape(messages="1", marks=1), shape(messages="1 2"), Change("marks")),
        (shape("a", "s", "1 2 3", marks=5), shape("a", "s", "1 2 3 4 5", marks=7), None),
        (shape("a", "s", "1 2 3", marks=5), shape("a", "s", "1 2 3 4 5", marks=3), Change("marks moved", n=1, of=3)),
        (shape("a", "s", "1 2 3", marks=5), shape("a", "s", "1 2 3 4 5", marks=2), Change("marks system")),
        (shape("a", "s", "1 2 3", marks=5), shape("a", "s", "1 2 3 4 5", marks=1), Change("marks tools")),
    ],
)
def test_the_first_thing_that_changed(before: Shape, now: Shape, expected: Change | None) -> None:
    assert change(before, now) == expected


@pytest.mark.parametrize("case", CASES)
def test_recorded_clients(case: dict[str, Any]) -> None:
    """Two requests of one conversation, between which one thing was changed (tests/wire/test_clis.py records them)."""
    before, now = (Shape.load(json.dumps(case[side])) for side in ("before", "now"))
    found = change(before, now)
    assert found == (Change(*case["change"]) if case["change"] else None)
    assert alike(before, now) > 0


def test_every_client_is_recorded() -> None:
    assert {path.stem for path in RECORDED.glob("*.json")} == {"claude", "codex", "gemini"}


def test_a_shape_comes_back_as_it_was() -> None:
    kept = Shape((Part("u", "Read", 90, "abc", 40, 20, 1), Part("a", "", 9, "def")), 2, 3600)
    assert Shape.load(kept.dump()) == kept


def turn(read: int, written: int = 0, prompt: int = 50_000, **more: Any) -> Turn:
    return Turn("main", "k", "m", 0, 0, prompt, read, written)._replace(**more)


@pytest.mark.parametrize(
    ("before", "now", "tokens"),
    [
        (turn(10_000, 20_000), turn(30_000), 0),
        (turn(10_000, 20_000), turn(0), 30_000),
        (turn(30_000), turn(29_500), 0),
        (turn(30_000), turn(0, prompt=8_000), 8_000),
        (turn(0), turn(0), 0),
    ],
)
def test_tokens_that_are_paid_for_again(before: Turn, now: Turn, tokens: int) -> None:
    assert again(before, now) == tokens


def test_where_it_went_comes_before_what_changed() -> None:
    old, new = shape("a"), shape("b")
    assert why(turn(9, channel="x"), turn(0), old, new) == Change("channel", "main")
    assert why(turn(9, model="x"), turn(0), old, new, "said") == Change("model", "m")
    assert why(turn(9), turn(0), old, new, "said").what == "tools added"
    assert why(turn(9), turn(0, began=299_000), old, old).what == "forgot"
    assert why(turn(9), turn(0, began=300_000), old, old) == Change("waited", n=300, of=300)
    assert why(turn(9), turn(0), old, old, "x") == Change("said", "x")


def test_a_cache_lives_as_long_as_the_request_asked_that_filled_it() -> None:
    """From when it was used, which is before the answer was written."""
    hour, short = replace(shape("a"), life=3600), replace(shape("a"), life=300)
    later = turn(0, began=600_000)
    assert why(turn(9), later, short, hour) == Change("waited", n=600, of=300)
    assert why(turn(9), later, hour, short) == Change("forgot", n=600)
    assert why(turn(9), later, shape("a"), shape("a"), life=1800) == Change("forgot", n=600)
    assert why(turn(9, ended=590_000), later, short, short) == Change("waited", n=600, of=300)


def test_every_change_has_its_words() -> None:
    for what, words in WORDS.items():
        assert words.format(**Change(what, "N", 1, 2, 3)._asdict())


def test_a_conversation_has_more_than_one_message() -> None:
    one, two = (JsonBody.parse(json.dumps({"messages": list(range(n))}).encode()) for n in (1, 2))
    assert not is_conversation("chat", one) and is_conversation("chat", two)
    assert not is_conversation("images", two) and not is_conversation("responses", two)
