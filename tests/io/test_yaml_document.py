"""Comments stay where a person put them, whatever is changed around them."""

import difflib
from collections.abc import Callable
from typing import Any, Final

import pytest

from ccx_addons.io.yaml_document import drop, merge, move, put, remove, sequence, styled
from ccx_addons.io.yaml_file import edited, load_text

TEXT: Final = """\
# head
version: 1
list:
  # about a
  - name: a
    keys: [k]   # inline
    last: x  # why
  # about b
  - name: b
    nested:
      one: 1
      two: 2
    last: y

# foot
"""


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        pytest.param(lambda d: drop(d["list"][0], "last"), ["- last: x  # why"], id="last before a comment"),
        pytest.param(lambda d: drop(d["list"][1], "last"), ["- last: y"], id="last before the foot"),
        pytest.param(lambda d: drop(d["list"][0], "none"), [], id="nothing"),
        pytest.param(lambda d: merge(d["list"][1], {"nested": {"two": None}}), ["- two: 2"], id="nested"),
        pytest.param(
            lambda d: merge(d["list"][1], {"nested": {"one": None, "two": None}}),
            ["- nested:", "- one: 1", "- two: 2"],
            id="emptied",
        ),
        pytest.param(lambda d: put(d["list"][0], "new", 1), ["+ new: 1"], id="new before a comment"),
        pytest.param(lambda d: put(d["list"][0], "last", "z"), ["- last: x  # why", "+ last: z  # why"], id="changed"),
        pytest.param(
            lambda d: remove(d["list"], 0),
            ["- - name: a", "- keys: [k]   # inline", "- last: x  # why"],
            id="entry",
        ),
    ],
)
def test_only_the_lines_meant_change(change: Callable[[Any], None], lines: list[str]) -> None:
    """The comments around them, and the order, stay."""
    found = difflib.ndiff(TEXT.splitlines(), edited(TEXT, change).splitlines())
    assert [f"{line[0]} {line[1:].strip()}" for line in found if line[0] in "+-"] == lines


def test_moving_takes_the_comment_on_the_line() -> None:
    text = "a:\n  - x   # one\n  - y\n  - z   # three\n"
    assert edited(text, lambda d: move(d["a"], 0, 2)) == "a:\n  - y\n  - z   # three\n  - x   # one\n"


@pytest.mark.parametrize(
    "word",
    [
        "0123",
        "1e5",
        "on",
        "null",
        "~",
        "a: b",
        "#x",
        "a#b",
        "*x",
        "&x",
        "!x",
        "- x",
        ":",
        ":x",
        "x:",
        "",
        " x",
        "[",
        "%x",
        "@x",
        "`x",
        "'",
        '"',
        "x\ny",
    ],
)
def test_words_are_read_as_they_were_written(word: str) -> None:
    after = edited("version: 1\n", lambda d: d.update(list=styled([word]), map=styled({word or "k": word})))
    data = load_text(after).data
    assert data["list"] == [word] and data["map"] == {word or "k": word}


def test_sequence_makes_a_list() -> None:
    assert edited("a: []\n", lambda d: sequence(d, "a").append(1)) == "a:\n  - 1\n"
    assert edited("b: 1\n", lambda d: sequence(d, "a").append(1)) == "b: 1\na:\n  - 1\n"
    assert edited("a: 7\n", lambda d: sequence(d, "a").append(1)) == "a:\n  - 1\n"
