from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.core.neutral import (
    Fault,
    Media,
    Opaque,
    Refusal,
    Response,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    Usage,
    safe_name,
)
from ccx_addons.protocols import messages
from ccx_addons.protocols.messages.answers import read_usage, write_usage
from tests.protocols.messages.values import MODERN, ask


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"input_tokens": 5, "output_tokens": 2}, Usage(5, 2), id="plain"),
        pytest.param({"input_tokens": 1, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 100, "output_tokens": 7},
                     Usage(111, 7, 10, 100), id="the whole prompt is counted"),
        pytest.param({"input_tokens": 1, "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}},
                     Usage(8, 0, 0, 7, extra={"messages": {"cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}}}),
                     id="cache by lifetime only"),
        pytest.param({"input_tokens": 1, "cache_creation_input_tokens": 2, "cache_creation": {"ephemeral_5m_input_tokens": 9}},
                     Usage(3, 0, 0, 2, extra={"messages": {"cache_creation": {"ephemeral_5m_input_tokens": 9}}}), id="the total wins"),
        pytest.param({"input_tokens": -1, "output_tokens": "7", "cache_read_input_tokens": None}, Usage(), id="nonsense"),
        pytest.param({"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}}, Usage(0, 9, reasoning=4), id="thoughts"),
    ],
)  # fmt: skip
def test_read_usage(wire: dict[str, Any], usage: Usage | None) -> None:
    assert read_usage(wire) == usage


def test_written_input_excludes_the_cache() -> None:
    assert write_usage(Usage(111, 7, 10, 100)) == {
        "input_tokens": 1, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 10, "output_tokens": 7,
    }  # fmt: skip
    assert write_usage(Usage(5, 1, 9))["input_tokens"] == 0
    assert write_usage(None)["output_tokens"] == 0


def test_a_summary_that_the_upstream_made_is_counted() -> None:
    """Its own counts stand beside those at the top, which leave it out."""
    summary = {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500,
               "cache_read_input_tokens": 20, "cache_creation_input_tokens": 10}  # fmt: skip
    top = {
        "input_tokens": 23_000,
        "output_tokens": 1_000,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 0,
    }
    wire = {**top, "iterations": [summary, {**top, "type": "message"}]}
    usage = read_usage(wire)
    assert usage and replace(usage, extra={}) == Usage(203_035, 4_500, 25, 10)
    assert write_usage(usage) == wire


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"type": "error", "error": {"type": "api_error", "message": "why"}}, "why", id="error"),
        pytest.param({"error": "why"}, "why", id="a relay's error"),
        pytest.param({}, "the answer has no content", id="nothing"),
        pytest.param([], "the answer has no content", id="no object"),
        pytest.param({"content": [{"type": "text", "text": " "}], "stop_reason": "end_turn"}, "the answer has no content", id="blank"),
    ],
)  # fmt: skip
def test_what_is_no_answer(body: Any, message: str) -> None:
    found = messages.decode_response(body)
    assert isinstance(found, Fault)
    assert found.message == message
    assert messages.answer_fault(body) == found


@pytest.mark.parametrize("reason", ["max_tokens", "refusal", "stop_sequence", "pause_turn"])
def test_an_end_that_explains_itself_needs_no_content(reason: str) -> None:
    assert isinstance(messages.decode_response({"content": [], "stop_reason": reason}), Response)


def test_a_token_count_is_an_answer() -> None:
    assert messages.answer_fault({"input_tokens": 9}) is None


def test_decode_response() -> None:
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5",
        "content": [
            {"type": "thinking", "thinking": "why", "signature": "sig"},
            {"type": "text", "text": "x", "citations": [{"cited_text": "a"}]},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "refusal",
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": "bio"},
        "container": None,
        "usage": {"input_tokens": 3, "output_tokens": 4, "service_tier": "standard"},
    }
    response = Response(
        "msg_1",
        "claude-opus-5",
        (
            Thinking("why", "sig", "messages"),
            Text("x", {"messages": {"citations": [{"cited_text": "a"}]}}),
            Opaque("messages", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
            ToolCall("t", "f", '{"a":1}'),
        ),
        "refusal",
        Usage(3, 4, extra={"messages": {"service_tier": "standard"}}),
        extra={"messages": {"stop_details": {"type": "refusal", "category": "bio"}}},
    )
    assert messages.decode_response(body) == response
    assert messages.usage_of(body) == response.usage


@pytest.mark.parametrize(
    ("stop", "parts", "reason", "losses"),
    [
        ("end", (Text("x"),), "end_turn", 0),
        ("end", (ToolCall("t", "f", "{}"),), "tool_use", 0),
        ("tool_call", (ToolCall("t", "f", "{}"),), "tool_use", 0),
        ("length", (ToolCall("t", "f", "{}"),), "max_tokens", 0),
        ("stop_sequence", (), "stop_sequence", 0),
        ("refusal", (Refusal("no"),), "refusal", 0),
        ("pause", (), "pause_turn", 0),
        ("error", (), "end_turn", 1),
    ],
)
def test_stop_reasons(stop: Stop, parts: Any, reason: str, losses: int) -> None:
    body, lost = messages.encode_response(Response("m", "m", parts, stop), ask())
    assert (body["stop_reason"], len(lost)) == (reason, losses)


def test_a_rare_reason_comes_back() -> None:
    body = {"id": "m", "content": [], "stop_reason": "model_context_window_exceeded"}
    found = messages.decode_response({**body, "content": [{"type": "text", "text": "x"}]})
    assert isinstance(found, Response)
    assert found.stop == "length"
    assert messages.encode_response(found, ask())[0]["stop_reason"] == "model_context_window_exceeded"


def test_encode_response_of_another_protocol() -> None:
    name = "mcp:files/read"
    response = Response(
        "",
        "gpt-6",
        (
            Thinking("why", "enc", "responses"),
            Text(""),
            Refusal("no"),
            Media("image/png", data="aGk="),
            Opaque("chat", {}),
            ToolCall("call_1", safe_name(name), "{"),
        ),
        "tool_call",
        extra={"chat": {"system_fingerprint": "f"}},
    )
    body, losses = messages.encode_response(response, ask(tools=(Tool(name),)))
    assert body["id"].startswith("msg_")
    assert {**body, "id": ""} == {
        "id": "",
        "type": "message",
        "role": "assistant",
        "model": MODERN,
        "content": [
            {"type": "thinking", "thinking": "why", "signature": "ccx-responses:enc"},
            {"type": "text", "text": "no"},
            {"type": "text", "text": "[A picture: this API cannot hold it]"},
            {"type": "tool_use", "id": "call_1", "name": name, "input": {"raw_arguments": "{"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0,
        },
    }  # fmt: skip
    assert [loss.path for loss in losses] == ["content[3]", "content[4]", "content[5]"]
