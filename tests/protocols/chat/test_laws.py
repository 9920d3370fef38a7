"""What holds for every value that this protocol can say."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import Fault, Finished, Request, Response, explode, fold
from ccx_addons.protocols import chat
from tests.protocols.chat.values import DONE, ask, decode_all, encode_all, frame, requests, responses, wire_chunks
from tests.protocols.values import JSON

WORDS = st.sampled_from([
    "user", "assistant", "system", "tool", "function", "text", "image_url", "file", "input_audio", "custom", "stop",
    "required", "allowed_tools", "json_schema", "tool_calls", "content_filter", "error", "<think>", "data:;base64,",
    "reasoning.text", "reasoning.encrypted", "ccx-messages", "thinking",
])  # fmt: skip
FIELDS = st.sampled_from([
    "id", "type", "index", "object", "choices", "delta", "message", "messages", "usage", "content", "role", "name",
    "tool_calls", "function_call", "functions", "function", "custom", "arguments", "input", "reasoning_content",
    "reasoning", "reasoning_details", "refusal", "finish_reason", "error", "logprobs", "annotations", "images",
    "image_url", "url", "file", "file_data", "input_audio", "data", "format", "text", "thinking", "tools",
    "tool_choice", "allowed_tools", "mode", "parameters", "response_format", "json_schema", "schema", "stop", "n",
    "max_tokens", "stream_options", "tool_call_id", "prompt_tokens", "prompt_tokens_details", "audio", "base_resp",
    "reasoning_effort", "temperature", "seed", "web_search_options", "signature", "stop_reason", "x_groq",
])  # fmt: skip
WILD = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=20,
)
"""Any JSON, but mostly with the words of this protocol in wrong places."""
DELTAS = st.dictionaries(FIELDS, WILD, max_size=4)
CHUNKS = st.builds(
    lambda delta, reason, fields: {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **fields},
    DELTAS,
    st.none() | WORDS,
    st.dictionaries(st.sampled_from(["id", "usage", "error", "x_groq"]), WILD, max_size=1),
)
CALLS = st.builds(
    lambda index, id_, name, arguments: {"index": index, "id": id_, "function": {"name": name, "arguments": arguments}},
    st.none() | st.integers(0, 2),
    st.none() | st.sampled_from(["", "a", "b"]),
    st.none() | st.sampled_from(["", "f", "g"]),
    WILD,
)


@given(requests())
def test_a_request_survives_its_wire_form(request: Request) -> None:
    body, losses = chat.encode_request(request)
    assert losses == []
    assert chat.decode_request(json.loads(json.dumps(body)), request.model, request.stream) == request


@given(requests())
def test_a_body_that_was_decoded_and_encoded_stays(request: Request) -> None:
    body, _ = chat.encode_request(request)
    again, losses = chat.encode_request(chat.decode_request(body, request.model, request.stream))
    assert (again, losses) == (body, [])


@given(responses())
def test_an_answer_survives_its_wire_form(response: Response) -> None:
    body, losses = chat.encode_response(response, ask())
    assert losses == []
    assert chat.decode_response(json.loads(json.dumps(body))) == response


@given(responses())
def test_an_answer_survives_its_stream(response: Response) -> None:
    assert fold(decode_all(encode_all(list(explode(response)), ask()))) == response


@given(responses(), st.integers(1, 7))
def test_stream_and_json_agree(response: Response, size: int) -> None:
    answer, _ = chat.encode_response(response, ask())
    stream = b"".join(map(frame, wire_chunks(answer, size))) + DONE
    assert fold(decode_all(stream)) == chat.decode_response(answer)


@given(responses(), st.lists(st.integers(0, 4000), max_size=8))
def test_chunk_borders_do_not_matter(response: Response, cuts: list[int]) -> None:
    answer, _ = chat.encode_response(response, ask())
    stream = b"".join(map(frame, wire_chunks(answer))) + DONE
    assert decode_all(stream, *cuts) == decode_all(stream)


@settings(max_examples=20)
@given(responses())
def test_single_bytes_do_not_matter(response: Response) -> None:
    stream = encode_all(list(explode(response)), ask())
    assert decode_all(stream, *range(len(stream))) == decode_all(stream)


@given(responses(), st.floats(0, 1, exclude_max=True))
def test_a_cut_stream_fails(response: Response, share: float) -> None:
    answer, _ = chat.encode_response(response, ask())
    chunks = [frame(chunk) for chunk in wire_chunks(answer)]
    whole = b"".join(chunks[:-2]) + chunks[-2][:-8]
    cut = whole[: int(len(whole) * share)]
    assert isinstance(fold(decode_all(cut)), Fault)
    assert not any(isinstance(event, Finished) for event in decode_all(cut))


@given(st.binary(max_size=300))
def test_any_bytes_decode(data: bytes) -> None:
    assert isinstance(fold(decode_all(data)), Fault)


@given(st.lists(CHUNKS | st.dictionaries(FIELDS, WILD, max_size=5), max_size=6))
def test_any_chunks_decode_and_encode(values: list[dict[str, Any]]) -> None:
    encode_all(decode_all(b"".join(map(frame, values)) + DONE), ask())


@given(st.lists(st.lists(CALLS, max_size=3), max_size=5))
def test_any_calls_have_names_ids_and_ends(values: list[list[dict[str, Any]]]) -> None:
    chunks: list[dict[str, Any]] = [{"id": "c", "choices": [{"delta": {"tool_calls": calls}}]} for calls in values]
    end: dict[str, Any] = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    answer = fold(decode_all(b"".join(map(frame, [*chunks, end]))))
    if isinstance(answer, Fault):
        assert answer.code == "malformed_function_call"
        return
    body, _ = chat.encode_response(answer, ask())
    calls = body["choices"][0]["message"].get("tool_calls", [])
    assert all(call["id"] and call["function"]["name"] for call in calls)


@given(WILD | CHUNKS)
def test_any_answer_decodes(value: Any) -> None:
    assert isinstance(chat.decode_response(value), Response | Fault)
    chat.usage_of(value)


@settings(max_examples=400)
@given(st.dictionaries(FIELDS, WILD, max_size=8))
def test_any_request_decodes_or_is_refused(body: dict[str, Any]) -> None:
    try:
        request = chat.decode_request(body, "m", False)
    except BadRequest as bad:
        assert str(bad)
    else:
        json.dumps(chat.encode_request(request)[0])


@settings(max_examples=400)
@given(st.lists(st.dictionaries(FIELDS, WILD, max_size=5), max_size=4), st.data())
def test_any_messages_decode_or_are_refused(values: list[dict[str, Any]], data: st.DataObject) -> None:
    roles = ["user", "assistant", "system", "developer", "tool", "function"]
    messages = [{**value, "role": data.draw(st.sampled_from(roles))} for value in values]
    try:
        request = chat.decode_request({"messages": messages}, "m", False)
    except BadRequest as bad:
        assert bad.param.startswith("messages")
    else:
        json.dumps(chat.encode_request(request)[0])


# ---- the official client ---------------------------------------------------------------------------------------------
def accumulate(stream: bytes) -> Any:
    """What the official client makes of a stream, without its own fields."""
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    for line in stream.decode().split("\n\n"):
        if line and line != "data: [DONE]":
            state.handle_chunk(ChatCompletionChunk.model_validate_json(line.removeprefix("data: ")))
    return plain(state.current_completion_snapshot.to_dict())


def plain(answer: Any) -> Any:
    """Without nulls, indexes, empty content, what the client adds, and what it takes only from a choice's start."""
    if isinstance(answer, dict):
        dropped = ("parsed", "parsed_arguments", "index", "stop_reason")
        return {
            k: plain(v) for k, v in answer.items() if v is not None and k not in dropped and (k, v) != ("content", "")
        }
    return [plain(item) for item in answer] if isinstance(answer, list) else answer


@given(responses())
def test_the_official_client_takes_every_stream(response: Response) -> None:
    answer, _ = chat.encode_response(response, ask())
    ChatCompletion.model_validate(answer)
    assert accumulate(encode_all(list(explode(response)), ask())) == plain(answer)


@pytest.mark.parametrize("depth", [300, 600, 5000, 50_000])
def test_deep_nesting_is_refused_or_read(depth: int) -> None:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": value}}
    try:
        chat.decode_request({"messages": [{"role": "assistant", "tool_calls": [call]}]}, "m", False)
    except BadRequest as bad:
        assert "deep" in str(bad)
    answer = {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    assert isinstance(chat.decode_response(answer), Response | Fault)
