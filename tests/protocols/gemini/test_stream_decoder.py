import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.neutral import (
    Event,
    Failed,
    Fault,
    Finished,
    PartDelta,
    PartStarted,
    PartStopped,
    Response,
    Started,
    Text,
    Usage,
    fold,
)
from ccx_addons.core.sse import MAX_EVENT, EventTooLarge
from ccx_addons.protocols.gemini.stream_decoder import ArrayReader
from tests.protocols.gemini.values import array, decode_all, frame
from tests.protocols.values import JSON


def chunk(text: str = "", reason: str = "", **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "responseId": "r", "modelVersion": "m", **more}


CHUNKS = [
    chunk("a"),
    chunk("b"),
    chunk(reason="STOP", usageMetadata={"promptTokenCount": 1, "candidatesTokenCount": 2}),
]
EVENTS: list[Event] = [
    Started("r", "m"), PartStarted(0, Text("")), PartDelta(0, "a"), PartDelta(0, "b"), PartStopped(0), Finished("end", Usage(1, 2)),
]  # fmt: skip


def lines(separator: bytes, prefix: bytes = b"data: ") -> bytes:
    return b"".join(prefix + json.dumps(each).encode() + separator for each in CHUNKS)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(lines(b"\r\n\r\n"), id="as Google sends it"),
        pytest.param(lines(b"\n\n"), id="lf"),
        pytest.param(lines(b"\r\r"), id="cr"),
        pytest.param(lines(b"\n\n", b"data:"), id="no space"),
        pytest.param(lines(b"\n\n") + b"data: [DONE]\n\n", id="a relay's end marker"),
        pytest.param(b"\xef\xbb\xbf" + lines(b"\n\n"), id="byte order mark"),
        pytest.param(b": hello\n\n" + lines(b"\n\n"), id="comment"),
        pytest.param(lines(b"\n", b""), id="bare lines"),
        pytest.param(lines(b"\n\n")[:-2], id="no empty line at the end"),
        pytest.param(array(CHUNKS), id="array as Google lays it out"),
        pytest.param(json.dumps(CHUNKS).encode(), id="array in one line"),
        pytest.param(b" \n[" + json.dumps(CHUNKS).encode()[1:-1], id="array without its end"),
        pytest.param(json.dumps(CHUNKS[0], indent=1).encode() + b"\n" + json.dumps(CHUNKS[1:], indent=1).encode(), id="objects over several lines"),
        pytest.param(b"\xef\xbb\xbf" + array(CHUNKS), id="array behind a byte order mark"),
        pytest.param(lines(b"\n\n") + b"data: not json\n\n", id="a line that is no JSON"),
    ],
)  # fmt: skip
def test_forms(stream: bytes) -> None:
    assert decode_all(stream) == EVENTS
    assert decode_all(stream, *range(len(stream))) == EVENTS


def test_usage_after_the_finish() -> None:
    stream = frame(chunk("a", "STOP")) + frame({"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1}})
    assert decode_all(stream)[-1] == Finished("end", Usage(5, 1))


@pytest.mark.parametrize(
    "stream", [frame(chunk("a")), array([chunk("a")]), b"", b"[", b"[]", b"data: {}\n\n", b"hello"]
)
def test_without_a_finish_reason_it_was_cut(stream: bytes) -> None:
    failed = decode_all(stream)[-1]
    assert isinstance(failed, Failed) and "finish reason" in failed.fault.message


@pytest.mark.parametrize("in_array", [False, True])
def test_errors(in_array: bool) -> None:
    values = [
        chunk("a"),
        {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow"}},
        chunk("b", "STOP"),
    ]
    stream = array(values) if in_array else b"".join(map(frame, values))
    *_, last = decode_all(stream)
    assert isinstance(last, Failed) and (last.fault.kind, last.fault.message) == ("rate_limit", "slow")
    assert [event for event in decode_all(stream) if isinstance(event, PartDelta)] == [PartDelta(0, "a")]


def test_a_blocked_prompt_is_an_answer() -> None:
    found = fold(decode_all(frame({"promptFeedback": {"blockReason": "SAFETY"}})))
    assert isinstance(found, Response) and (found.stop, found.parts) == ("refusal", ())


@pytest.mark.parametrize("form", [b"data: ", b'[{"a":"'])
def test_an_event_without_end_fails(form: bytes) -> None:
    stream = form + b"x" * (MAX_EVENT + 10)
    found = decode_all(stream)
    assert [type(event) for event in found] == [Failed]
    assert isinstance(found[0], Failed) and "larger" in found[0].fault.message


def test_nothing_comes_after_the_end() -> None:
    stream = frame({"error": {"message": "x"}})
    found = decode_all(stream + frame(chunk("a", "STOP")), len(stream))
    assert isinstance(fold(found), Fault) and len(found) == 1


def test_too_deep_is_no_chunk() -> None:
    deep = b'{"candidates":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert decode_all(b"data: " + deep + b"\n\n" + lines(b"\n\n")) == EVENTS


# ---- the array -------------------------------------------------------------------------------------------------------
@given(st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=4), max_size=4), st.integers(1, 9), st.booleans())
def test_elements_of_any_array(values: list[dict[str, Any]], size: int, escaped: bool) -> None:
    data = json.dumps(values, ensure_ascii=escaped, indent=1).encode("utf-8", "surrogatepass")
    reader = ArrayReader()
    found = [each for at in range(0, len(data), size) for each in reader.feed(data[at : at + size])]
    assert [json.loads(each.decode("utf-8", "surrogatepass")) for each in found] == values


@pytest.mark.parametrize("data", [b"}}}]", b'"{"', b"]", b'[{"a": "}"', b"\\"])
def test_no_elements(data: bytes) -> None:
    assert ArrayReader().feed(data) == []


def test_an_element_grows_no_further_than_an_event() -> None:
    reader = ArrayReader()
    reader.feed(b"[{")
    with pytest.raises(EventTooLarge):
        for _ in range(MAX_EVENT // 1_000_000 + 2):
            reader.feed(b" " * 1_000_000)
