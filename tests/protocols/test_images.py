import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.neutral import Event, Failed, Fault, Finished, Media, PartStarted, PartStopped
from ccx_addons.protocols import images

PARTIAL = {"type": "image_generation.partial_image", "b64_json": "AAAA", "partial_image_index": 0}
USAGE = {"input_tokens": 10, "output_tokens": 4000, "total_tokens": 4010}
COMPLETED = {"type": "image_generation.completed", "b64_json": "BBBB", "output_format": "webp", "usage": USAGE}


def stream(*values: Any) -> bytes:
    return b"".join(f"event: {v.get('type')}\ndata: {json.dumps(v)}\n\n".encode() for v in values)


def read(data: bytes, size: int = 10_000) -> list[Event]:
    decoder = images.decoder()
    found: list[Event] = []
    for at in range(0, len(data), size):
        found += decoder.feed(data[at : at + size])
    return [*found, *decoder.flush()]


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("image_generate", "/images/generations"),
        ("image_edit", "/images/edits"),
        ("image_variation", "/images/variations"),
        ("models", "/models"),
    ],
)
def test_paths(operation: str, path: str) -> None:
    assert images.upstream_path(operation, "m", True) == path


def test_a_stream_of_pictures() -> None:
    assert read(stream(PARTIAL, COMPLETED)) == [
        PartStarted(0, Media("image/png")),
        PartStopped(0),
        PartStarted(1, Media("image/webp")),
        PartStopped(1),
        Finished("end", images.usage_of({"usage": USAGE, "data": [{"url": "x"}]})),
    ]


def test_each_picture_of_a_stream_counts() -> None:
    found = [event.usage for event in read(stream(COMPLETED, COMPLETED)) if isinstance(event, Finished)]
    assert found == [images.usage_of({"usage": USAGE, "data": [{"url": "x"}] * n}) for n in (1, 2)]


def test_edits_stream_alike() -> None:
    found = read(stream({"type": "image_edit.completed", "b64_json": "x"}))
    assert isinstance(found[-1], Finished)


@given(st.integers(1, 40))
def test_borders_of_chunks_do_not_matter(size: int) -> None:
    whole = stream(PARTIAL, PARTIAL, COMPLETED)
    assert read(whole, size) == read(whole)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "the stream ended without a completed image", id="nothing"),
        pytest.param(stream(PARTIAL), "the stream ended without a completed image", id="cut"),
        pytest.param(stream(PARTIAL, {"type": "error", "error": {"message": "moderated"}}), "moderated", id="error"),
        pytest.param(stream({"error": {"message": "no credit"}}), "no credit", id="bare error"),
    ],
)
def test_a_stream_that_fails(data: bytes, message: str) -> None:
    last = read(data)[-1]
    assert isinstance(last, Failed) and last.fault.message == message


def test_after_an_error_nothing_counts() -> None:
    found = read(stream({"error": {"message": "no"}}, COMPLETED))
    assert len(found) == 1 and isinstance(found[0], Failed)


def test_other_events_are_passed_by() -> None:
    assert len(read(stream({"type": "ping"}, COMPLETED))) == 3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"data": [{"b64_json": "AAAA"}]}, None),
        ({"data": [{"url": "https://a.test/x.png"}]}, None),
        ({"data": [{}, {"url": "u"}]}, None),
        ({"data": [{"b64_json": ""}]}, "the answer has no image"),
        ({"data": None}, "the answer has no image"),
        ({"error": {"message": "moderated"}}, "moderated"),
    ],
)
def test_answer(body: Any, message: str | None) -> None:
    fault = images.answer_fault(body)
    assert (fault.message if fault else None) == message


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        ({"usage": USAGE}, (10, 4000)),
        ({"usage": {"prompt_tokens": 10, "completion_tokens": 4000}}, (10, 4000)),
        ({}, None),
        ({"usage": {}}, None),
        ([], None),
    ],
)
def test_usage(body: Any, usage: tuple[int, int] | None) -> None:
    found = images.usage_of(body)
    assert (found and (found.input, found.output)) == usage


def test_errors_are_openais() -> None:
    status, body = images.encode_error(Fault("invalid_request", "no"), "x1")
    assert status == 400 and images.decode_error(400, {}, body).message == "no"
