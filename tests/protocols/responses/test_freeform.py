import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.protocols.responses.freeform import CLOSE, OPEN, InnerText, arguments_of, escaped, text_of

ANY = st.text(max_size=30)


@given(ANY, st.booleans(), st.lists(st.integers(0, 60), max_size=6))
def test_the_text_comes_out_as_it_went_in(text: str, ascii_only: bool, cuts: list[int]) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only)
    places = sorted({0, len(arguments), *(min(cut, len(arguments)) for cut in cuts)})
    inner = InnerText()
    pieces = [inner.feed(arguments[begin:end]) for begin, end in pairwise(places)]
    said = "".join(pieces) + inner.finish()
    assert json.loads(json.dumps(said)) == json.loads(json.dumps(text))


@given(ANY)
def test_single_characters_do_not_matter(text: str) -> None:
    arguments = json.dumps({"input": text})
    inner = InnerText()
    assert "".join(map(inner.feed, arguments)) + inner.finish() == text_of(arguments)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=5))
def test_pieces_of_a_text_join_to_its_arguments(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert OPEN + "".join(map(escaped, pieces)) + CLOSE == arguments_of(text)
    assert text_of(arguments_of(text)) == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param('{"input": "a"}', "a", id="usual"),
        pytest.param(' {\n "input" :\t"a" }', "a", id="white space"),
        pytest.param('{"input":"a","more":1}', "a", id="more behind it"),
        pytest.param('{"why":"x","input":"a"}', "a", id="more before it"),
        pytest.param('{"patch":"a"}', "a", id="another name"),
        pytest.param('{"input":5}', '{"input":5}', id="no string"),
        pytest.param("*** Begin Patch", "*** Begin Patch", id="no JSON"),
        pytest.param('"a"', "a", id="a bare string"),
        pytest.param('"a" is said', '"a" is said', id="text that begins with a quote"),
        pytest.param("", "", id="nothing"),
        pytest.param("{}", "", id="empty object"),
        pytest.param('{"input":"a', "a", id="cut in the text"),
        pytest.param('{"input":"a\\u00', "a", id="cut in an escape"),
        pytest.param('{"inp', '{"inp', id="cut in the name"),
        pytest.param('{"input":"\\ud83d\\ude00"}', "😀", id="surrogate pair"),
        pytest.param('{"input":"\\ud83dx"}', "\ud83dx", id="lone surrogate"),
        pytest.param('{"input":"\\ud83d"}', "\ud83d", id="lone surrogate at the end"),
        pytest.param('{"input":"\\uzzzz!"}', "\\uzzzz!", id="no escape"),
        pytest.param('{"input":"\\n\\t\\/\\"\\\\"}', '\n\t/"\\', id="short escapes"),
        pytest.param("{" + " " * 90 + '"input":"a"}', "a", id="much white space"),
    ],
)
def test_shapes(arguments: str, text: str) -> None:
    assert text_of(arguments) == text
    inner = InnerText()
    assert "".join(map(inner.feed, arguments)) + inner.finish() == text


def test_the_text_is_given_as_it_comes() -> None:
    inner = InnerText()
    assert [inner.feed(piece) for piece in ('{"in', 'put":"*** ', "Begin\\", "n+x", '"}')] == [
        "", "*** ", "Begin", "\n+x", "",
    ]  # fmt: skip
    assert inner.finish() == ""
