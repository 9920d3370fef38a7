import gzip

import pytest

from ccx_addons.core.config import Snapshot
from ccx_addons.core.exchange import Exchange, Tap
from ccx_addons.core.patient_json import BIG
from ccx_addons.proxy import bodies
from ccx_addons.proxy.bodies import MAX_AT_ONCE, MAX_ERROR_BODY, AnswerBody, at_once
from ccx_addons.proxy.encoding import AMPLE, PIECE, BadEncoding
from tests.proxy.harness import Watcher


def test_a_body_is_collected() -> None:
    body, plain = AnswerBody("gzip"), AnswerBody()
    for byte in gzip.compress(b"hello"):
        assert not body.collect(bytes([byte]))
    assert not plain.collect(b"hel") and not plain.collect(b"lo")
    assert body.data == plain.data == b"hello"


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_an_error_is_cut_off_after_its_beginning(encoding: str) -> None:
    long = b'{"error":"' + b"x" * 2 * MAX_ERROR_BODY
    body = AnswerBody(encoding, error=True)
    assert body.collect(gzip.compress(long) if encoding else long)
    assert body.data == long[:MAX_ERROR_BODY]


def test_an_answer_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_ANSWER", 10)
    body = AnswerBody()
    assert not body.collect(b"x" * 10) and body.collect(b"x")
    assert len(body.data) == 10


def exchange() -> tuple[Exchange, Watcher, Tap]:
    x, watcher, tap = Exchange("id", 0, 0, Snapshot("r", 0), "POST", "/", "", ()), Watcher(), Tap(1 << 30)
    x.watcher, x.tap = watcher, tap
    return x, watcher, tap


def watched(body: AnswerBody, data: bytes) -> list[int]:
    """Sizes of the pieces that the watcher sees."""
    sizes: list[int] = []
    x, _, tap = exchange()
    for _ in body.parts(data, x):
        sizes.append(len(tap.upstream) - sum(sizes))
    return sizes


def test_a_bomb_is_refused_collected_or_streamed() -> None:
    bomb = gzip.compress(b"x" * (AMPLE + 1))
    with pytest.raises(BadEncoding, match="inflates past"):
        AnswerBody("gzip").collect(bomb)
    with pytest.raises(BadEncoding, match="inflates past"):
        watched(AnswerBody("gzip"), bomb)


def test_a_stream_is_read_in_pieces_and_a_long_one_is_no_bomb() -> None:
    body = AnswerBody("gzip")
    packed = gzip.compress(b"data: x\n\n" * (AMPLE // 4))
    steps = [watched(body, packed[at : at + 2048]) for at in range(0, len(packed), 2048)]
    assert sum(map(sum, steps)) == 9 * AMPLE // 4
    assert max(map(len, steps)) > 1 and max(map(max, filter(None, steps))) <= MAX_AT_ONCE


def test_nothing_is_read_after_an_error_event() -> None:
    x, watcher, _ = exchange()
    data = gzip.compress(b"data: ERROR\n\n" + b"x" * PIECE + b"\n\ndata: BUG\n\n")
    assert [watcher.feed(part) for part in AnswerBody("gzip").parts(data, x)] and watcher.fault


@pytest.mark.parametrize("event", [b"data: x\n\n", b"x" * 1000, b": " + b"x" * 3_000 + b"\n\n"])
def test_what_comes_at_once_is_read_in_parts(event: bytes) -> None:
    data = event * (300_000 // len(event))
    parts = list(at_once(data))
    assert b"".join(parts) == data and len(parts) >= 300_000 // MAX_AT_ONCE
    assert all(0 < len(part) <= MAX_AT_ONCE for part in parts)
    if event.endswith(b"\n\n"):
        assert all(part.endswith(b"\n\n") for part in parts)
    assert list(at_once(b"")) == [] and list(at_once(b"x")) == [b"x"]


def test_parts_of_a_stream_go_through_the_watcher_one_by_one() -> None:
    data = b"data: x\n\n" * 30_000
    assert watched(AnswerBody(), data) == [len(part) for part in at_once(data)]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_the_end_of_a_large_event_is_known_wherever_it_is_cut(end: bytes) -> None:
    body, word = AnswerBody(), b"data: x" + end
    assert not any(body.ends_large(word) for _ in range(2 * BIG // 1000)), "many small ones"
    assert not any(body.ends_large(b"y" * 1000) for _ in range(2 * BIG // 1000)), "nothing ends"
    assert body.ends_large(b"y" + end) and not body.ends_large(word)
    for _ in range(2 * BIG // 1000):
        body.ends_large(b"y" * 1000)
    assert body.ends_large(b"y" + end[:1]) and body.ends_large(end[1:] + word) and not body.ends_large(word)


def test_the_lines_of_a_large_event_do_not_end_it() -> None:
    body = AnswerBody()
    for _ in range(2 * BIG // 1000):
        body.ends_large(b"data: " + b"y" * 1000 + b"\n")
    assert body.ends_large(b"\n")
    assert body.ends_large(b"data: x\n\n"), "who cannot know reads it with care once more"
    assert not body.ends_large(b"data: x\n\n")
