import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.neutral import PartDelta
from ccx_addons.core.pieces import Pieces
from ccx_addons.core.sse import ServerEvent, frame

type Found = list[str | PartDelta]


def event(text: str, number: int = 0, **more: object) -> bytes:
    return frame(json.dumps({"id": "a", "delta": text, **more, "sequence_number": number}, separators=(",", ":")), "e")


def say(text: str) -> PartDelta:
    return PartDelta(7, text)


def read(pieces: Pieces, chunks: Iterable[bytes], learns: bool = True) -> Found:
    """Data of events that were read as ever, and pieces. From each event with a text the reader learns."""
    found: Found = []
    for chunk in chunks:
        for item in pieces.feed(chunk):
            if isinstance(item, PartDelta):
                found.append(item)
                continue
            found.append(item.data)
            if learns and (text := json.loads(item.data).get("delta")):
                pieces.learn(item, text, say)
    return [*found, *(item.data for item in pieces.flush() if isinstance(item, ServerEvent))]


def texts(found: Found) -> list[str]:
    return [item.text if isinstance(item, PartDelta) else json.loads(item).get("delta", "?") for item in found]


@pytest.mark.parametrize("join", [False, True], ids=["one by one", "at once"])
def test_what_is_alike_but_for_its_text_is_a_piece(join: bool) -> None:
    wire = [event("one", 8), event("two", 9), event('th"r\\ee\n', 10), event("vier\u00e9\U0001f600", 11)]
    found = read(Pieces(), [b"".join(wire)] if join else wire)
    assert found[1:] == [say("two"), say('th"r\\ee\n'), say("vier\u00e9\U0001f600")] and isinstance(found[0], str)


def test_a_text_without_letters_is_no_piece() -> None:
    assert texts(read(Pieces(), [event("one"), event(""), event("two")])) == ["one", "two"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(event("b", more=1), id="one member more"),
        pytest.param(event("b").replace(b'"a"', b'"c"'), id="another value"),
        pytest.param(event("b").replace(b"event: e", b"event: f"), id="another name"),
        pytest.param(frame('{"id":"a","delta":{"b":1},"sequence_number":1}', "e"), id="no text"),
        pytest.param(event("b").replace(b"number", b"letter"), id="another member that nobody reads"),
        pytest.param(event("b").replace(b":0}", b":{}}"), id="an object for a number"),
    ],
)
def test_another_event_is_read_as_ever_and_forgets(other: bytes) -> None:
    pieces = Pieces()
    read(pieces, [event("one")])
    found = read(pieces, [other, event("two")], learns=False)
    assert [type(item) for item in found] == [str, str]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param('{"id":"x","delta":"x"}', "x", id="stands twice"),
        pytest.param('{"id":"x","delta":"\\u0078"}', "x", id="is written otherwise"),
        pytest.param('{"delta":"delta"}', "delta", id="is the name of a member"),
        pytest.param('{"delta":{"x":"y"}}', '{"x":"y"}', id="does not stand there"),
    ],
)
def test_nothing_is_learned_from_an_event_in_which_the_place_is_not_sure(data: str, text: str) -> None:
    pieces = Pieces()
    assert [item.data for item in pieces.feed(frame(data)) if isinstance(item, ServerEvent)] == [data]
    pieces.learn(ServerEvent(data), text, say)
    assert [type(item) for item in pieces.feed(frame(data))] == [ServerEvent]


def test_padding_is_no_difference() -> None:
    padded = [
        frame(f'{{"delta":"{text}","obfuscation":"{pad}"}}') for text, pad in (("a", "xyz"), ("b", ""), ("c", "Q9"))
    ]
    assert read(Pieces(), padded)[1:] == [say("b"), say("c")]


def test_half_an_event_waits() -> None:
    pieces, wire = Pieces(), event("two words")
    read(pieces, [event("one")])
    for cut in range(1, len(wire)):
        assert texts(read(pieces, [wire[:cut], wire[cut:]])) == ["two words"]


@given(
    st.lists(st.tuples(st.text(max_size=8), st.integers(0, 10**12), st.booleans()), max_size=12), st.integers(1, 400)
)
def test_whatever_comes_is_read_the_same(said: list[tuple[str, int, bool]], size: int) -> None:
    wire = b"".join(event(text, number, **({"odd": text} if odd else {})) for text, number, odd in said)
    chunks = [wire[n : n + size] for n in range(0, len(wire), size)]
    heard = "".join(texts(read(Pieces(), chunks)))
    assert heard == "".join(texts(read(Pieces(), chunks, learns=False))) == "".join(text for text, _, _ in said)
