"""Whose the texts of a stream's events are."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core import voices
from ccx_addons.core.voices import MOST_FRAMES, MOST_LESSONS, TEXT, Frames, Voice, followed


def event(value: Any, end: str = "\n\n") -> bytes:
    return f"data: {json.dumps(value, separators=(',', ':'))}{end}".encode()


def chat(text: str, n: int = 0, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": n, "delta": {"content": text}}], **more}


def call(text: str, n: int, call: int) -> dict[str, Any]:
    return {"choices": [{"index": n, "delta": {"tool_calls": [{"index": call, "function": {"arguments": text}}]}}]}


def claude(text: str, n: int = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": n, "delta": {"type": "text_delta", "text": text}}


def responses(text: str, item: int = 0, part: int = 0, number: int = 0) -> dict[str, Any]:
    return {"content_index": part, "delta": text, "item_id": "m", "output_index": item, "sequence_number": number}


def gemini(*texts: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}]}, "index": n} for n, text in enumerate(texts)]}


def heard(*events: bytes) -> list[list[str]]:
    """What each voice says, in the order in which they begin."""
    frames = Frames()
    texts: dict[Voice, list[str]] = {}
    for data in events:
        said = frames.read(data).said(data)
        assert [data[begin:end] for _, begin, end in said] == TEXT.findall(data)
        for voice, begin, end in said:
            texts.setdefault(voice, []).append(data[begin:end].decode())
    return list(texts.values())


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([chat("a"), chat("b"), chat("c")], [["a", "b", "c"]]),
        ([chat("a"), chat("b", 1), chat("c"), chat("d", 1)], [["a", "c"], ["b", "d"]]),
        ([call("a", 0, 0), call("b", 0, 1), call("c", 1, 0), call("d", 0, 1)], [["a"], ["b", "d"], ["c"]]),
        ([claude("a"), claude("b", 1), claude("c")], [["a", "c"], ["b"]]),
        ([responses("a"), responses("b", 1), responses("c", 0, 1), responses("d")], [["a", "d"], ["b"], ["c"]]),
        ([responses(str(n), n % 2, 0, n) for n in range(8, 12)], [["8", "10"], ["9", "11"]]),
        ([gemini("a", "b"), gemini("c", "d")], [["a", "c"], ["b", "d"]]),
        ([gemini("a", "b"), gemini("c")], [["a", "c"], ["b"]]),
        ([{"candidates": [{"content": {"parts": [{"text": "a"}, {"text": "b"}]}}]}], [["a", "b"]]),
        ([chat("a"), {"choices": [{"index": 0, "delta": {"reasoning_content": "b"}}]}, chat("c")], [["a", "c"], ["b"]]),
        ([chat("a", usage=None), {"type": "ping"}, chat("b", usage=None)], [["a", "b"]]),
        ([chat(str(n), n % 7) for n in range(14)], [[str(n), str(n + 7)] for n in range(7)]),
    ],
)
@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
@pytest.mark.parametrize("together", [False, True])
def test_voices(values: list[Any], told: list[list[str]], end: str, together: bool) -> None:
    events = [event(value, end) for value in values]
    assert heard(*([b"".join(events)] if together else events)) == told


TEXTS = st.lists(st.text(alphabet='ab"\\\n,}é', max_size=4), max_size=20)


@given(texts=TEXTS, pads=st.lists(st.text(alphabet='x"', max_size=20), min_size=20), size=st.integers(1, 5))
def test_any_texts(texts: list[str], pads: list[str], size: int) -> None:
    events = [event(chat(text, pad=pad)) for text, pad in zip(texts, pads, strict=False)]
    pieces = [b"".join(events[n : n + size]) for n in range(0, len(events), size)]
    said = [json.dumps(text)[1:-1] for text in texts]
    assert heard(*pieces) == ([said] if said else [])


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"content":"a"},"x":1}\n\n',
        b'data: {"content":"a\\"},"x":1}\n\n',
        b'data: {"content":"a\\\\"},"x":1}\n\n',
        b'data: {"content":"},"x":1}\n\n',
        b'data: {"content":"a","text":"b"},"x":1}\n\n',
        b'data: {"content":"a"},"x":1}\n\ndata: {"text":"b"},"x":1}\n\n',
        b'data: {"content":"a"},"x":1234}\n\n',
        b'data: {"content":"a',
        b"",
    ],
)
def test_what_looks_like_the_last_is_read_as_if_it_came_alone(data: bytes) -> None:
    frames = Frames()
    frames.read(b'data: {"content":"z"},"x":1}\n\n')
    heard = frames.read(data)
    said = heard.said(data)
    assert b"".join(heard.texts().values()) == b"".join(TEXT.findall(data))
    assert [data[begin:end] for _, begin, end in said] == TEXT.findall(data)


def odd(frames: Frames, data: bytes) -> list[bytes]:
    return [data[begin:end] for begin, end, is_odd in frames.read(data).looked if is_odd]


def test_only_the_odd_ones_are_told_apart() -> None:
    frames = Frames()
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    known, long = event(chat("a", obfuscation="x")), event(chat("b", obfuscation="x" * 16))
    assert odd(frames, known + ping + known) == [known, ping]
    assert odd(frames, event(chat("a", obfuscation="xx"))) == [event(chat("a", obfuscation="xx"))]
    assert odd(frames, known + event(chat("long " * 9, obfuscation="y" * 15))) == []
    assert odd(frames, known + long) == [long]


def test_what_tells_more_than_its_text_is_looked_at() -> None:
    frames = Frames((re.compile(rb'"usage"'),))
    dull, telling = event(chat("say usage \u4f60")), event(chat("b", 1, usage=1))
    frames.read(dull + telling)
    heard = frames.read(dull + telling + dull + dull)
    assert heard.looked == [(len(dull), len(dull + telling), False)]
    assert (heard.pieces, heard.size) == (3, 3 * len("say usage 123"))


def test_patterns_are_made_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every event looks otherwise, they would be of no use."""
    made = []

    def counted(after: bytes) -> tuple[bytes, tuple[bytes, ...]]:
        made.append(after)
        return followed(after)

    monkeypatch.setattr(voices, "followed", counted)
    frames = Frames()
    for n in range(1000):
        frames.read(event({**chat("a"), f"name{n}": 0.5}))
        frames.read(event(chat("a", pad="x" * 2000, number=n)))
    assert len(made) <= 2 * MOST_LESSONS


def test_few_frames_are_kept() -> None:
    frames = Frames()
    for n in range(50):
        frames.read(event(chat("a", n)))
    assert len(frames.seen) == MOST_FRAMES


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (event(responses("more", number=12)), b"more"),
        (event(responses('"quoted"', number=7)), b'\\"quoted\\"'),
        (event(chat("more")), None),
        (event(responses("more")).replace(b":0}", b":x}"), None),
        (event(responses("more"), "\r\n\r\n"), None),
        (b"", None),
    ],
)
def test_where_a_text_ends_before_the_number_of_its_event(other: bytes, text: bytes | None) -> None:
    frames = Frames()
    frames.read(event(responses("text", number=3)))
    frame = frames.seen[0]
    end = frame.end(other)
    assert (other[len(frame.before) : end] if end >= 0 else None) == text
