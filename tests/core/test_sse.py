import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core import sse
from ccx_addons.core.sse import EventTooLarge, Reader, ServerEvent, frame

EVENTS = st.lists(
    st.tuples(
        st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), min_size=1),
        st.sampled_from(["", "delta"]),
    )
)


def read(*pieces: bytes) -> list[ServerEvent]:
    reader = Reader()
    return [event for piece in pieces for event in reader.feed(piece)] + reader.flush()


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        pytest.param(b"data: a\n\n", [ServerEvent("a")], id="plain"),
        pytest.param(b"event: x\ndata: a\n\n", [ServerEvent("a", "x")], id="named"),
        pytest.param(b"event:x\ndata:a\n\n", [ServerEvent("a", "x")], id="no space"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [ServerEvent("a"), ServerEvent("b")], id="CRLF"),
        pytest.param(b"data: a\r\rdata: b\r\r", [ServerEvent("a"), ServerEvent("b")], id="CR"),
        pytest.param(b": ping\n\ndata: a\n\n", [ServerEvent("a")], id="comment"),
        pytest.param(b"data: a\ndata: b\n\n", [ServerEvent("a\nb")], id="two data lines"),
        pytest.param(
            b'data: {"a":1}\r\ndata: {"b":2}\r\ndata: [DONE]\r\n',
            [ServerEvent('{"a":1}'), ServerEvent('{"b":2}'), ServerEvent("[DONE]")],
            id="no empty line between events",
        ),
        pytest.param(
            b'event: x\ndata: {"a":1}\nevent: y\ndata: {"b":2}\n\n',
            [ServerEvent('{"a":1}', "x"), ServerEvent('{"b":2}', "y")],
            id="no empty line between named events",
        ),
        pytest.param(
            b'data: [{"a":1},\ndata: {"b":2}\ndata: ]\n\n',
            [ServerEvent('[{"a":1},\n{"b":2}\n]')],
            id="JSON over several data lines",
        ),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [ServerEvent("a")], id="byte order mark"),
        pytest.param(b'{"a":1}\n{"b":2}\n', [ServerEvent('{"a":1}'), ServerEvent('{"b":2}')], id="bare JSON lines"),
        pytest.param(
            b'data: a\n\n{\n  "b": [\n    1\n  ]\n}\ndata: c\n\n',
            [ServerEvent("a"), ServerEvent('{\n  "b": [\n    1\n  ]\n}'), ServerEvent("c")],
            id="bare JSON over several lines",
        ),
        pytest.param(b'{\n "b": 1', [ServerEvent('{\n "b": 1')], id="bare JSON that breaks off"),
        pytest.param(b"data: a", [ServerEvent("a")], id="no end"),
        pytest.param(b"event: x\n\ndata: a\n\n", [ServerEvent("a")], id="a name without data is dropped"),
        pytest.param(b"id: 1\nretry: 5\ndata: a\n\n", [ServerEvent("a")], id="other fields"),
    ],
)
def test_reader(wire: bytes, expected: list[ServerEvent]) -> None:
    assert read(wire) == expected
    assert read(*(wire[i : i + 1] for i in range(len(wire)))) == expected


@given(EVENTS, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.integers(1, 7))
def test_frames_come_back_whatever_the_line_ends_and_chunks(
    events: list[tuple[str, str]], end: bytes, size: int
) -> None:
    wire = b"".join(frame(data, name) for data, name in events).replace(b"\n", end)
    pieces = [wire[i : i + size] for i in range(0, len(wire), size)]
    assert read(*pieces) == [ServerEvent(data, name) for data, name in events]


@given(st.binary())
def test_any_bytes_are_read(wire: bytes) -> None:
    read(wire)


def test_an_event_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 100)
    with pytest.raises(EventTooLarge):
        read(b"data: " + b"a" * 60 + b"\n" + b"data: " + b"a" * 60)
