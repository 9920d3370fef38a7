"""Streams that pass untouched: what the client gets, and what the gateway learns from reading along."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseFailedEvent

from ccx_addons.convert import USAGE_CHUNK
from ccx_addons.convert.watch import ConvertWatcher, PassWatcher
from ccx_addons.core.config import Snapshot
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.mask import HIDDEN, mask
from ccx_addons.core.neutral import Fault, Request
from ccx_addons.core.sse import MAX_EVENT
from ccx_addons.core.voices import TEXT
from ccx_addons.protocols import PROTOCOLS, gemini
from scripts.fake import answers
from tests.addons.values import attempted, channel, exchange


def watcher(kind: Any, hidden: re.Pattern[bytes] | None = None) -> PassWatcher:
    protocol = PROTOCOLS[kind]
    x = Exchange("id", 0, 0, Snapshot("r", 0), "POST", "/", "", ())
    return PassWatcher(x, protocol, protocol.decoder(), hidden)


def stream(kind: str, end: str = "\n\n") -> bytes:
    text = 'say "usage":{"error":1} and "tool_calls" twice'
    said = answers.Said("m", text, "hm, thinking", [("f", '{"a": 1}')], input=100, cached=40)
    streams: dict[str, Callable[[], Iterable[tuple[str, Any]]]] = {
        "messages": lambda: answers.messages_stream(said),
        "chat": lambda: answers.chat_stream(said, True),
        "responses": lambda: answers.responses_stream(said, {}),
    }
    events = streams[kind]()
    return "".join(frame(name, data, end) for name, data in events).encode()


def frame(name: str, data: Any, end: str) -> str:
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}{end[: len(end) // 2]}" if name else "") + f"data: {text}{end}"


def run(found: PassWatcher, data: bytes, cuts: list[int]) -> bytes:
    out, at = [], 0
    for cut in [*sorted(cuts), len(data)]:
        out += found.feed(data[at:cut])
        at = max(at, cut)
    return b"".join(out + found.finish())


def learned(found: PassWatcher) -> tuple[Any, ...]:
    return found.meaningful, found.finished, found.fault, len(found.open_tools), found.x.usage, found.x.stop


KINDS = ["messages", "chat", "responses"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"], ids=["LF", "CRLF", "CR"])
@given(cuts=st.lists(st.integers(0, 3000), max_size=12))
def test_chunk_borders_change_nothing(kind: str, end: str, cuts: list[int]) -> None:
    data = stream(kind, end)
    whole, pieces = watcher(kind), watcher(kind)
    assert run(whole, data, []) == data
    assert run(pieces, data, [min(cut, len(data)) for cut in cuts]) == data
    assert learned(pieces) == learned(whole)
    assert whole.finished and whole.x.usage and whole.x.usage.cache_read == 40 and not whole.open_tools


@pytest.mark.parametrize("kind", KINDS)
def test_event_by_event_learns_the_same_as_a_decoder_that_reads_everything(kind: str) -> None:
    data = stream(kind)
    skimming, reading = watcher(kind), watcher(kind)
    reading.telling = ()
    events = [event + b"\n\n" for event in data.split(b"\n\n")[:-1]]
    for event in events:
        assert skimming.feed(event) == [event]
        reading.feed(event)
        assert learned(skimming) == learned(reading)


@given(cuts=st.lists(st.integers(0, 3000), max_size=12))
def test_the_hidden_usage_chunk_stays_and_everything_else_passes(cuts: list[int]) -> None:
    data = stream("chat")
    found = watcher("chat", USAGE_CHUNK)
    passed = run(found, data, [min(cut, len(data)) for cut in cuts])
    kept = [event for event in data.split(b"\n\n") if b'"choices": []' not in event]
    assert passed == b"\n\n".join(kept) and found.x.usage


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_leaves_no_half_event(kind: str) -> None:
    found = watcher(kind)
    data = stream(kind)
    passed = b"".join(found.feed(data[: len(data) // 2]) + found.abort(Fault("server", "gone")))
    events = passed.split(b"\n\n")
    assert events[-1] == b"" and b"gone" in events[-2]
    for event in events[:-1]:
        json.loads(event.split(b"data: ", 1)[1])


ERROR = b'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"slow","sequence_number":99}\n\n'
FAILED = (
    b'data: {"type":"response.failed","response":{"id":"resp_fake","status":"failed","error":{"message":"slow"}}}\n\n'
)


@pytest.mark.parametrize(
    ("rest", "message", "code", "number"),
    [
        pytest.param(None, "gone", "server_error", 9, id="cut"),
        pytest.param(ERROR, "slow", "rate_limit_exceeded", 100, id="the upstream's own error"),
        pytest.param(ERROR + FAILED, "slow", None, 0, id="both of the upstream"),
        pytest.param(FAILED, "slow", None, 0, id="the upstream's own end"),
    ],
)
def test_an_answer_of_responses_that_breaks_off_says_that_it_failed(
    rest: bytes | None, message: str, code: str | None, number: int
) -> None:
    """Codex knows no other end, and tries again without a word where none comes."""
    found, events = watcher("responses"), stream("responses").split(b"\n\n")
    for event in events[:9]:
        found.feed(event + b"\n\n")
    told = b"".join(found.feed(rest) if rest else found.abort(Fault("server", "gone")))
    assert told.count(b'"response.failed"') == 1 and told.count(b'"error"') >= 1
    last = json.loads(told.split(b"data: ")[-1])
    assert (last["response"]["status"], last["response"]["error"]["message"]) == ("failed", message)
    if code:
        failed = ResponseFailedEvent.model_validate(last)
        assert failed.response.error and failed.response.error.code == code
        assert (failed.response.id, failed.sequence_number) == ("resp_fake", number)


BUSY = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
BREAKS: dict[str, Callable[[PassWatcher | ConvertWatcher], list[bytes]]] = {
    "said": lambda found: found.feed(f"data: {json.dumps(BUSY)}\n\n".encode()),
    "cut": lambda found: found.abort(Fault("unavailable", "busy", 503)),
}


@pytest.mark.parametrize("native", [True, False], ids=["native", "converted"])
@pytest.mark.parametrize("way", BREAKS)
def test_gemini_cli_is_told_that_an_upstream_broke_off(way: str, native: bool) -> None:
    """It reads an error only where no ``data:`` stands before it, and nothing else came with it."""
    found: PassWatcher | ConvertWatcher = watcher("gemini")
    if not native:
        found = ConvertWatcher(found.x, gemini, gemini.decoder(), gemini.encoder(Request("m", (), stream=True)))
    found.feed(b'data: {"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"}}]}\n\n')
    passed = BREAKS[way](found)
    alone = [json.loads(chunk) for chunk in passed if chunk.startswith(b"{")]
    assert found.fault and alone == [BUSY]
    assert all(not line or line.startswith((b"data: {", b'{"error":')) for line in b"".join(passed).split(b"\n"))


def test_an_array_of_gemini_ends_with_the_upstreams_error() -> None:
    found = watcher("gemini")
    found.x.array = True
    assert found.feed(f"[{json.dumps(BUSY)}]".encode()) == [f"[{json.dumps(BUSY)}]".encode()] and found.fault


@pytest.mark.parametrize("kind", ["messages", "chat", "responses", "gemini"])
@pytest.mark.parametrize("size", [20 << 20, MAX_EVENT], ids=["a large picture", "too large"])
def test_a_huge_event_passes_whole_or_ends_in_an_error(kind: str, size: int) -> None:
    found, piece = watcher(kind), b"x" * (1 << 20)
    passed = bytearray(b"".join(found.feed(b"data: ")))
    for _ in range(size >> 20):
        passed += b"".join(found.feed(piece))
    passed += b"".join(found.feed(b"y\n\n"))
    if size < MAX_EVENT:
        assert found.fault is None and passed == b"data: " + b"x" * size + b"y\n\n"
    else:
        assert found.fault and b"larger than" in passed.rpartition(b"xx\n\n")[2]


def test_nesting_that_cannot_be_read_is_told() -> None:
    found = watcher("messages")
    event = b'event: message_start\ndata: {"type":"message_start","message":' + b"[" * 200_000 + b"\n\n"
    passed = b"".join(found.feed(event) + found.finish())
    assert found.fault and b'"error"' in passed[len(event) :]


def test_a_model_that_thinks_gets_patience() -> None:
    found = watcher("responses")
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    found.feed(frame("", {"type": "response.output_item.added", "output_index": 0, "item": item}, "\n\n").encode())
    assert found.meaningful and found.patient
    found.feed(frame("", {"type": "response.output_item.done", "output_index": 0, "item": item}, "\n\n").encode())
    assert not found.patient


def test_an_event_that_never_ends_passes_in_pieces() -> None:
    found = watcher("chat")
    passed = found.feed(b"data: " + b"x" * (1 << 20))
    assert passed and b"".join([*passed, *found.feed(b"y\n\n")]) == b"data: " + b"x" * (1 << 20) + b"y\n\n"


KEY = "sk-main-secret-0123456789"


def repeating(kind: Any) -> PassWatcher:
    """A watcher of a channel with this key."""
    x = exchange(kind, channel("main", kind))
    attempted(x, channel("main", kind), None)
    protocol = PROTOCOLS[kind]
    return PassWatcher(x, protocol, protocol.decoder())


@pytest.mark.parametrize("cut", [1, 20, 40, 60, 80])
@pytest.mark.parametrize("before", [b"", b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'])
@pytest.mark.parametrize(
    "event", ['{"error":{"message":"sent KEY"}}', '{"choices":[{"index":0,"delta":{"content":"KEY"}}]}']
)
def test_a_key_that_comes_back_stays_here(cut: int, before: bytes, event: str) -> None:
    assert channel("main").keys[0].secret == KEY
    found = repeating("chat")
    data = f"data: {event}\n\n".replace("KEY", KEY).encode()
    passed = [*found.feed(before), *found.feed(data[:cut]), *found.feed(data[cut:])]
    whole = b"".join(passed)
    assert KEY.encode() not in whole and mask(KEY).encode() in whole and KEY not in repr(found.fault)


@pytest.mark.parametrize("cut", [1, 9, 24])
def test_a_key_in_two_pieces_of_an_endless_event_stays_here(cut: int) -> None:
    found = repeating("chat")
    pieces = [b"data: " + b"x" * (1 << 20) + KEY[:cut].encode(), KEY[cut:].encode() + b"y" * (1 << 20), b"\n\n"]
    whole = b"".join(chunk for piece in pieces for chunk in found.feed(piece))
    assert KEY.encode() not in whole and len(whole) > 2 << 20


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pieces", [3, 9, 30])
@pytest.mark.parametrize("size", [1 << 30, 100])
def test_a_key_over_several_events_stays_here(kind: str, pieces: int, size: int) -> None:
    text = f"the key that you gave me is {KEY}, and that is it"
    said = answers.Said("m", text, "", [], input=100, pieces=pieces)
    streams: dict[str, Callable[[], Iterable[tuple[str, Any]]]] = {
        "messages": lambda: answers.messages_stream(said),
        "chat": lambda: answers.chat_stream(said, True),
        "responses": lambda: answers.responses_stream(said, {}),
    }
    found = repeating(kind)
    whole = b""
    for name, data in streams[kind]():
        event = frame(name, data, "\n\n").encode()
        for at in range(0, len(event), size):
            whole += b"".join(found.feed(event[at : at + size]))
    whole += b"".join(found.finish())
    assert found.finished and found.fault is None
    spoken_text = b"".join(TEXT.findall(whole)).decode()
    assert KEY[8:] not in spoken_text and HIDDEN in spoken_text and "and that is it" in spoken_text


CHUNK = b'{"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}'


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        pytest.param(b"", "the stream ended without a finish reason", id="cut after an element"),
        pytest.param(b',{"error":{"code":503,"message":"busy"}}]', "busy", id="the upstream's own error"),
    ],
)
def test_an_array_that_breaks_off_is_still_json(rest: bytes, message: str) -> None:
    found = watcher("gemini")
    found.x.array = True
    passed = b"".join([*found.feed(b"[" + CHUNK + rest), *found.finish()])
    chunk, error = json.loads(passed)
    assert (chunk, error["error"]["message"]) == (json.loads(CHUNK), message)
    assert found.fault and found.fault.message == message


# ---- how much was said -----------------------------------------------------------------------------------------------
def spoken(kind: str, words: int, piece: str = "word{} ") -> list[bytes]:
    """The frames of a long answer, without its end."""
    text = "".join(piece.format(n) for n in range(words))
    said = answers.Said("m", text, "", [], input=100, pieces=words)
    streams: dict[str, Callable[[], Iterable[tuple[str, Any]]]] = {
        "messages": lambda: answers.messages_stream(said),
        "chat": lambda: answers.chat_stream(said, True),
        "responses": lambda: answers.responses_stream(said, {}),
    }
    return [frame(name, data, "\n\n").encode() for name, data in streams[kind]()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "piece", ["word{} ", "a much longer piece of text, number {}, with many words in it ", "line\n{}", "你好{}"]
)
@pytest.mark.parametrize("joined", [1, 7], ids=["one by one", "several at once"])
def test_pieces_that_nobody_reads_are_counted_nearly_as_if_read(kind: str, piece: str, joined: int) -> None:
    frames = [data for data in spoken(kind, 400, piece) if b"delta" in data or b"start" in data or b"added" in data]
    skimming, reading = watcher(kind), watcher(kind)
    reading.telling = ()
    for n in range(0, len(frames), joined):
        chunk = b"".join(frames[n : n + joined])
        assert skimming.feed(chunk) == [chunk] == reading.feed(chunk)
    assert skimming.said.skimmed > 0 and reading.said.skimmed == 0
    assert 0.7 < skimming.said.tokens / reading.said.tokens < 1.4


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_comes_again_at_its_end_counts_once(kind: str) -> None:
    found = watcher(kind)
    for data in spoken(kind, 400):
        found.feed(data)
    assert 0.8 < found.said.tokens / (400 * 7.5 / 4) < 1.3


@pytest.mark.parametrize("kind", KINDS)
def test_counting_reads_no_more_events_than_before(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = watcher(kind)
    read: list[bytes] = []
    decode = found.decoder.feed

    def feed(data: bytes) -> Any:
        read.append(data)
        return decode(data)

    monkeypatch.setattr(found.decoder, "feed", feed)
    for data in spoken(kind, 1000):
        found.feed(data)
    assert len(read) < 20
