"""What holds for every value that this protocol can say."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import Event, Fault, Finished, Request, Response, explode, fold
from ccx_addons.protocols import messages
from tests.protocols.messages.values import (
    JSON,
    ask,
    decode_all,
    encode_all,
    frame,
    requests,
    responses,
    wire_events,
)

TYPES = st.sampled_from([
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
    "message_stop", "ping", "error", "text", "thinking", "tool_use", "text_delta", "input_json_delta", "x",
])  # fmt: skip
FIELDS = st.sampled_from([
    "type", "index", "message", "content_block", "delta", "usage", "text", "thinking", "partial_json", "signature",
    "stop_reason", "id", "input", "error", "citation", "role", "content", "messages", "system", "tools", "tool_choice",
    "source", "name", "input_schema", "output_config", "max_tokens", "stop_sequences", "metadata", "tool_use_id",
])  # fmt: skip
WILD = st.recursive(
    JSON | TYPES | st.sampled_from(["user", "assistant", "tool_result", "image", "base64", "enabled", "tool"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=20,
)
"""Any JSON, but mostly with the words of this protocol in wrong places."""


@given(requests())
def test_a_request_survives_its_wire_form(request: Request) -> None:
    body, losses = messages.encode_request(request)
    assert losses == []
    assert messages.decode_request(json.loads(json.dumps(body)), request.model, request.stream) == request


@given(responses())
def test_an_answer_survives_its_wire_form(response: Response) -> None:
    body, losses = messages.encode_response(response, ask())
    assert losses == []
    assert messages.decode_response(body) == response


@given(responses())
def test_an_answer_survives_its_stream(response: Response) -> None:
    assert fold(decode_all(encode_all(list(explode(response)), ask()))) == response


@given(responses(), st.integers(1, 7))
def test_stream_and_json_agree(response: Response, size: int) -> None:
    answer, _ = messages.encode_response(response, ask())
    stream = b"".join(map(frame, wire_events(answer, size)))
    assert fold(decode_all(stream)) == messages.decode_response(answer)


@given(responses(), st.lists(st.integers(0, 4000), max_size=8))
def test_chunk_borders_do_not_matter(response: Response, cuts: list[int]) -> None:
    answer, _ = messages.encode_response(response, ask())
    stream = b"".join(map(frame, wire_events(answer)))
    assert decode_all(stream, *cuts) == decode_all(stream)


@settings(max_examples=20)
@given(responses())
def test_single_bytes_do_not_matter(response: Response) -> None:
    stream = encode_all(list(explode(response)), ask())
    assert decode_all(stream, *range(len(stream))) == decode_all(stream)


@given(responses(), st.floats(0, 1, exclude_max=True))
def test_a_cut_stream_fails(response: Response, share: float) -> None:
    answer, _ = messages.encode_response(response, ask())
    *_, delta, _stop = (events := [frame(event) for event in wire_events(answer)])
    whole = b"".join(events[:-2])
    cut = whole + delta[: len(delta) - 4] if share > 0.9 else whole[: int(len(whole) * share)]
    assert isinstance(fold(decode_all(cut)), Fault)
    assert not any(isinstance(event, Finished) for event in decode_all(cut))


@given(st.binary(max_size=300))
def test_any_bytes_decode(data: bytes) -> None:
    assert isinstance(fold(decode_all(data)), Fault | Response)


@given(st.lists(st.dictionaries(FIELDS, WILD, max_size=6), max_size=8))
def test_any_events_decode(values: list[dict[str, Any]]) -> None:
    stream = b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)
    encode_all(decode_all(stream), ask())


@given(WILD)
def test_any_answer_decodes(value: Any) -> None:
    assert isinstance(messages.decode_response(value), Response | Fault)
    messages.usage_of(value)


@settings(max_examples=400)
@given(st.dictionaries(FIELDS, WILD, max_size=8))
def test_any_request_decodes_or_is_refused(body: dict[str, Any]) -> None:
    try:
        request = messages.decode_request(body, "m", False)
    except BadRequest as bad:
        assert str(bad)
    else:
        json.dumps(messages.encode_request(request)[0])


@pytest.mark.parametrize("depth", [300, 600, 5000])
def test_deep_nesting_is_refused_or_read(depth: int) -> None:
    block: dict[str, Any] = {"type": "text", "text": "x"}
    for _ in range(depth):
        block = {"type": "tool_result", "tool_use_id": "t", "content": [block]}
    body = {"messages": [{"role": "user", "content": [block]}]}
    try:
        messages.decode_request(body, "m", False)
    except BadRequest as bad:
        assert "deep" in str(bad)
    answer = messages.decode_response({"content": [block], "stop_reason": "end_turn"})
    assert isinstance(answer, Response | Fault)


def test_events_of_the_stream_are_whole_and_in_order() -> None:
    events: list[Event] = decode_all(encode_all(list(explode(Response("i", "m", (), "length"))), ask()))
    assert [type(event).__name__ for event in events] == ["Started", "Finished"]
