"""What holds for every value that this protocol can say."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import (
    NO_EXTRA,
    Event,
    Fault,
    Finished,
    Media,
    Message,
    Opaque,
    OutputFormat,
    Reasoning,
    Refusal,
    Request,
    Response,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    explode,
    fold,
)
from ccx_addons.protocols import messages
from scripts.fake.strict import refusal
from tests.protocols.messages.values import ask, decode_all, encode_all, frame, requests, responses, wire_events
from tests.protocols.values import JSON

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


PARTS = st.one_of(
    st.builds(Text, st.sampled_from(["", " ", "x"])),
    st.builds(Thinking, st.text(max_size=3), st.sampled_from([None, "sig_1"]), st.sampled_from(["messages", "gemini"])),
    st.builds(
        ToolCall, st.sampled_from(["1", "", "a:b"]), st.sampled_from(["f", "n.s"]), st.sampled_from(["", "{}", "["])
    ),
    st.builds(lambda id_: ToolResult(id_, (Text("ok"),)), st.sampled_from(["1", "", "a:b", "2"])),
    st.sampled_from(
        [Media("image/png", data="aGk="), Media("audio/wav", data="aGk="), Refusal("no"), Opaque("chat", 1)]
    ),
)
TALKS = st.lists(
    st.builds(Message, st.sampled_from(["user", "assistant", "system"]), st.lists(PARTS, max_size=4).map(tuple)),
    max_size=6,
).map(tuple)
EFFORTS = st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh", "max"])
ANY_REQUESTS = st.builds(
    Request,
    st.sampled_from(["claude-sonnet-4-5-20250929", "claude-opus-4-6", "claude-opus-5", "claude-fable-5-1", "sonnet"]),
    TALKS,
    st.lists(st.builds(Text, st.sampled_from(["", "be"])), max_size=2).map(tuple),
    st.lists(st.builds(Tool, st.sampled_from(["f", "n.s", ""])), max_size=2, unique_by=lambda tool: tool.name).map(
        tuple
    ),
    st.sampled_from([None, ToolChoice("auto"), ToolChoice("any"), ToolChoice("any", ("f",)), ToolChoice("none")]),
    st.sampled_from([None, True, False]),
    max_tokens=st.sampled_from([None, 1, 1024, 2000, 60_000]),
    temperature=st.sampled_from([None, 0.0, 1.0, 2.0]),
    top_p=st.sampled_from([None, 0.5, 1.0]),
    top_k=st.sampled_from([None, 5]),
    stop=st.sampled_from([(), ("x", "")]),
    seed=st.sampled_from([None, 7]),
    reasoning=st.none()
    | st.builds(Reasoning, st.sampled_from([None, True, False]), EFFORTS, st.sampled_from([None, -1, 0, 5, 50_000])),
    output=st.sampled_from([None, OutputFormat("json"), OutputFormat("json_schema", {"type": "object"}, strict=True)]),
    user=st.sampled_from([None, "u"]),
    cache_key=st.sampled_from([None, "k"]),
    extra=st.sampled_from([NO_EXTRA, {"chat": {"n": 2}}]),
)
"""Requests as other protocols' clients make them, with all that this protocol cannot say."""


@settings(max_examples=400)
@given(ANY_REQUESTS)
def test_the_strict_upstream_takes_every_request(request: Request) -> None:
    body, _ = messages.encode_request(request)
    wire = json.loads(json.dumps(body))
    if (thinking := wire.get("thinking", {})).get("type") == "enabled":
        assert 1024 <= thinking["budget_tokens"] < wire["max_tokens"]
        assert wire.get("tool_choice", {}).get("type") not in ("any", "tool")
        assert wire.get("temperature", 1) == 1
        # The strict upstream wants thoughts in every turn with calls; the API only in the running tool loop.
        del wire["thinking"]
    assert refusal("messages", "generate", wire, {"anthropic-version": "2023-06-01"}, request.model) is None
    messages.decode_request(wire, request.model, request.stream)
