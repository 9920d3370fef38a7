"""What holds for every value that this protocol can say."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import Event, Fault, Finished, Request, Response, explode, fold
from ccx_addons.protocols import responses
from scripts.fake.strict import refusal
from tests.protocols.responses.values import (
    CODEX,
    accumulate,
    answers,
    ask,
    decode_all,
    encode_all,
    frame,
    read_frames,
    requests,
    wire_events,
)
from tests.protocols.values import JSON

WORDS = st.sampled_from([
    "message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "reasoning",
    "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call",
    "apply_patch_call_output", "tool_search_call", "tool_search_output", "additional_tools", "web_search_call",
    "image_generation_call", "item_reference", "input_text", "output_text", "refusal", "input_image", "input_file",
    "input_audio", "summary_text", "user", "assistant", "system", "developer", "function", "custom", "namespace",
    "local_shell", "shell", "apply_patch", "tool_search", "allowed_tools", "required", "auto", "json_schema", "text",
    "grammar", "completed", "incomplete", "failed", "ccx-messages:s", "response.created", "response.output_item.added",
    "response.output_item.done", "response.content_part.added", "response.content_part.done",
    "response.output_text.delta", "response.refusal.delta", "response.reasoning_summary_text.delta",
    "response.reasoning_text.delta", "response.function_call_arguments.delta", "response.custom_tool_call_input.delta",
    "response.completed", "response.incomplete", "response.failed", "error",
])  # fmt: skip
FIELDS = st.sampled_from([
    "type", "input", "instructions", "tools", "tool_choice", "role", "content", "text", "refusal", "image_url",
    "file_id", "file_data", "file_url", "filename", "source", "data", "format", "url", "detail", "call_id", "id",
    "name", "namespace", "arguments", "output", "action", "operation", "command", "commands", "env", "summary",
    "encrypted_content", "status", "execution", "parameters", "description", "strict", "function", "mode", "schema",
    "reasoning", "effort", "verbosity", "user", "output_index", "content_index", "summary_index", "item", "part",
    "delta", "response", "usage", "error", "annotations", "logprobs", "incomplete_details", "reason", "result", "stop",
    "max_output_tokens", "temperature", "presence_penalty", "environment", "outcome", "created_at", "model",
    "previous_response_id", "input_tokens", "input_tokens_details", "cached_tokens", "parallel_tool_calls", "index",
])  # fmt: skip
WILD = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=20,
)
"""Any JSON, but mostly with the words of this protocol in wrong places."""
EVENTS = st.builds(
    lambda kind, event: {**event, "type": kind},
    WORDS.filter(lambda word: word.startswith("response.")),
    st.dictionaries(FIELDS, WILD, max_size=5),
)


@settings(max_examples=200)
@given(requests())
def test_a_request_survives_its_wire_form(request: Request) -> None:
    body, losses = responses.encode_request(request)
    assert losses == []
    assert responses.decode_request(json.loads(json.dumps(body)), request.model, request.stream) == request
    assert refusal("responses", "generate", body, {}, request.model) is None


@given(answers())
def test_an_answer_survives_its_wire_form(response: Response) -> None:
    body, losses = responses.encode_response(response, ask())
    assert losses == []
    assert responses.decode_response(json.loads(json.dumps(body))) == response


@given(answers())
def test_an_answer_survives_its_stream(response: Response) -> None:
    assert fold(decode_all(encode_all(list(explode(response)), ask()))) == response


@given(answers(), st.integers(1, 7))
def test_stream_and_json_agree(response: Response, size: int) -> None:
    answer, _ = responses.encode_response(response, ask())
    stream = b"".join(map(frame, wire_events(answer, size)))
    assert fold(decode_all(stream)) == responses.decode_response(answer)


@given(answers(), st.sampled_from([ask(), CODEX]))
def test_the_official_client_accepts_every_stream(response: Response, request: Request) -> None:
    answer, _ = responses.encode_response(response, request)
    events = read_frames(encode_all(list(explode(response)), request))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["response"] == answer
    assert accumulate(events) == answer


@given(answers(), st.lists(st.integers(0, 6000), max_size=8))
def test_chunk_borders_do_not_matter(response: Response, cuts: list[int]) -> None:
    answer, _ = responses.encode_response(response, ask())
    stream = b"".join(map(frame, wire_events(answer)))
    assert decode_all(stream, *cuts) == decode_all(stream)


@settings(max_examples=20)
@given(answers())
def test_single_bytes_do_not_matter(response: Response) -> None:
    stream = encode_all(list(explode(response)), ask())
    assert decode_all(stream, *range(len(stream))) == decode_all(stream)


@given(answers(), st.floats(0, 1, exclude_max=True))
def test_a_cut_stream_fails(response: Response, share: float) -> None:
    answer, _ = responses.encode_response(response, ask())
    *events, last = [frame(event) for event in wire_events(answer)]
    whole = b"".join(events)
    cut = whole + last[: len(last) - 4] if share > 0.9 else whole[: int(len(whole) * share)]
    assert isinstance(fold(decode_all(cut)), Fault)
    assert not any(isinstance(event, Finished) for event in decode_all(cut))


@given(st.binary(max_size=300))
def test_any_bytes_decode(data: bytes) -> None:
    assert isinstance(fold(decode_all(data)), Fault | Response)


@settings(max_examples=150)
@given(st.lists(EVENTS, max_size=8))
def test_any_events_decode_and_encode(values: list[dict[str, Any]]) -> None:
    events: list[Event] = decode_all(b"".join(map(frame, values)))
    read_frames(encode_all(events, CODEX))


@given(WILD)
def test_any_answer_decodes(value: Any) -> None:
    found = responses.decode_response(value)
    assert isinstance(found, Response | Fault)
    if isinstance(found, Response):
        json.dumps(responses.encode_response(found, CODEX)[0])
    responses.usage_of(value)


@settings(max_examples=200)
@given(st.dictionaries(FIELDS, WILD, max_size=8), st.lists(st.dictionaries(FIELDS, WILD, max_size=5), max_size=4))
def test_any_request_decodes_or_is_refused(body: dict[str, Any], items: list[dict[str, Any]]) -> None:
    for wild in (body, {**body, "input": items}, {"input": "hi", "tools": items}):
        try:
            request = responses.decode_request(wild, "m", False)
        except BadRequest as bad:
            assert str(bad)
        else:
            json.dumps(responses.encode_request(request)[0])


@pytest.mark.parametrize("depth", [300, 600, 5000])
def test_deep_nesting_is_refused_or_read(depth: int) -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    body = {"input": [{"type": "function_call", "name": "f", "call_id": "c", "arguments": schema}]}
    try:
        responses.decode_request(body, "m", False)
    except BadRequest as bad:
        assert "deep" in str(bad)
    answer = responses.decode_response({"status": "completed", "output": body["input"]})
    assert isinstance(answer, Response | Fault)
