import json
from collections.abc import Sequence
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message as SdkMessage
from hypothesis import given, settings

from ccx_addons.core.neutral import (
    Event,
    Failed,
    Fault,
    Finished,
    Media,
    Opaque,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Refusal,
    Response,
    Started,
    Text,
    Thinking,
    Tool,
    ToolCall,
    Usage,
    explode,
    fold,
    safe_name,
)
from ccx_addons.protocols import messages
from tests.protocols.messages.values import MODERN, ask, decode_all, encode_all, responses


def sdk_message(stream: bytes) -> dict[str, Any]:
    """What the official client makes of a stream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = anthropic.Anthropic(api_key="k", base_url="http://upstream.test", http_client=http, max_retries=0)
    with client.messages.stream(model="m", max_tokens=9, messages=[]) as events:
        return events.get_final_message().to_dict(mode="json")


def sent(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream, whose names are checked."""
    values = []
    for event in filter(None, stream.decode().split("\n\n")):
        name, data = event.split("\n")
        values.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {values[-1]['type']}"
    return values


def kinds(stream: bytes) -> list[str]:
    return [f"{e['type']} {e['index']}" if "index" in e else e["type"] for e in sent(stream)]


def run(*events: Event) -> bytes:
    return encode_all([Started("msg_1", "upstream"), *events], ask())


@settings(max_examples=40)
@given(responses())
def test_the_official_client_accumulates_the_json_answer(response: Response) -> None:
    body, _ = messages.encode_response(response, ask())
    accumulated = sdk_message(encode_all(list(explode(response)), ask()))
    accumulated.pop("stop_details")
    cited = {**body, "content": [_without_unknown_citations(block) for block in body["content"]]}
    assert {**accumulated, "content": [_without_unknown_citations(b) for b in accumulated["content"]]} == cited


def _without_unknown_citations(block: dict[str, Any]) -> dict[str, Any]:
    """The client fills absent fields of a citation with null."""
    if block["type"] != "text" or not block.get("citations"):
        return {name: value for name, value in block.items() if value is not None}
    return {**block, "citations": [{k: v for k, v in c.items() if v is not None} for c in block["citations"]]}


@given(responses())
def test_the_official_types_take_the_json_answer(response: Response) -> None:
    body, _ = messages.encode_response(response, ask())
    for block in body["content"]:
        block.pop("citations", None)
        if block["type"] == "server_tool_use":
            block["name"] = "web_search"
    SdkMessage.model_validate(body)


def test_the_whole_sequence() -> None:
    stream = run(
        PartStarted(0, Thinking("", origin="messages")),
        PartDelta(0, "why"),
        PartDelta(0, signature="si"),
        PartDelta(0, signature="g"),
        PartStopped(0),
        PartStarted(1, Text("")),
        PartDelta(1, "hello"),
        PartStopped(1),
        PartStarted(2, ToolCall("toolu_1", "f", "")),
        PartDelta(2, '{"a"'),
        PartDelta(2, ":1}"),
        PartStopped(2),
        Finished("tool_call", Usage(9, 4)),
    )
    assert kinds(stream) == [
        "message_start",
        "content_block_start 0", "content_block_delta 0", "content_block_delta 0", "content_block_stop 0",
        "content_block_start 1", "content_block_delta 1", "content_block_stop 1",
        "content_block_start 2", "content_block_delta 2", "content_block_delta 2", "content_block_stop 2",
        "message_delta", "message_stop",
    ]  # fmt: skip
    assert sent(stream)[3]["delta"] == {"type": "signature_delta", "signature": "sig"}
    assert sent(stream)[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {
            "input_tokens": 9,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 4,
        },
    }
    assert sdk_message(stream)["content"][2]["input"] == {"a": 1}


def test_parallel_calls_follow_each_other() -> None:
    """Chat upstreams leave all calls open until the end and may mix their deltas."""
    stream = run(
        PartStarted(0, ToolCall("a", "f", "")),
        PartDelta(0, '{"x"'),
        PartStarted(1, ToolCall("b", "f", "")),
        PartDelta(1, '{"y"'),
        PartDelta(0, ":1}"),
        PartDelta(1, ":2}"),
        PartStopped(1),
        PartStarted(2, ToolCall("c", "g", "{}")),
        PartStopped(0),
        Finished("tool_call"),
    )
    starts = [kind for kind in kinds(stream) if "start" in kind or "stop" in kind]
    assert starts == [
        "message_start",
        "content_block_start 0", "content_block_stop 0",
        "content_block_start 1", "content_block_stop 1",
        "content_block_start 2", "content_block_stop 2",
        "message_stop",
    ]  # fmt: skip
    inputs = [(block["id"], block["input"]) for block in sdk_message(stream)["content"]]
    assert inputs == [("a", {"x": 1}), ("b", {"y": 2}), ("c", {})]


def test_deltas_pass_at_once() -> None:
    encoder = messages.encoder(ask())
    encoder.encode(Started("m", "m"))
    encoder.encode(PartStarted(0, ToolCall("a", "f", "")))
    assert b'"partial_json":"{\\"a"' in encoder.encode(PartDelta(0, '{"a'))


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((Text(""),), id="text"),
        pytest.param((Thinking("", origin="messages"),), id="thinking"),
        pytest.param((Refusal(""),), id="refusal"),
        pytest.param((Thinking("", None, "responses", True),), id="redacted without data"),
    ],
)
def test_blocks_without_content_do_not_appear(parts: Sequence[Part]) -> None:
    stream = encode_all(list(explode(Response("m", "m", (*parts, Text("x")), "end"))), ask())
    assert sdk_message(stream)["content"] == [{"type": "text", "text": "x"}]


@pytest.mark.parametrize(
    ("events", "block"),
    [
        pytest.param(
            [PartStarted(0, Thinking("", origin="responses")), PartDelta(0, "why"), PartDelta(0, signature="enc")],
            {"type": "thinking", "thinking": "why", "signature": "ccx-responses:enc"},
            id="foreign signature",
        ),
        pytest.param(
            [PartStarted(0, Thinking("", origin="responses")), PartDelta(0, signature="enc")],
            {"type": "thinking", "thinking": "", "signature": "ccx-responses:enc"},
            id="signature without text",
        ),
        pytest.param(
            [PartStarted(0, Thinking("", None, "responses", True)), PartDelta(0, signature="enc")],
            {"type": "redacted_thinking", "data": "ccx-responses:enc"},
            id="redacted at the end",
        ),
        pytest.param(
            [PartStarted(0, Thinking("", origin="chat")), PartDelta(0, "why")],
            {"type": "thinking", "thinking": "why", "signature": ""},
            id="unsigned",
        ),
        pytest.param([PartStarted(0, Refusal("")), PartDelta(0, "no")], {"type": "text", "text": "no"}, id="refusal"),
    ],
)
def test_thoughts_and_refusals_of_others(events: list[Event], block: dict[str, Any]) -> None:
    assert sdk_message(run(*events, PartStopped(0), Finished("end")))["content"] == [block]


def test_what_cannot_be_said_is_a_loss() -> None:
    encoder = messages.encoder(ask())
    for event in explode(Response("m", "m", (Media("image/png", data="aGk="), Opaque("chat", {}), Text("x")), "error")):
        encoder.encode(event)
    assert [loss.path for loss in encoder.losses] == ["content[0]", "content[1]", "stop_reason"]


def test_tools_and_model_are_the_clients() -> None:
    name = "files.read: everything"
    request = ask(tools=(Tool(name),))
    stream = encode_all(list(explode(Response("m", "up", (ToolCall("a", safe_name(name), "{}"),), "end"))), request)
    message = sdk_message(stream)
    assert (message["model"], message["content"][0]["name"], message["stop_reason"]) == (MODERN, name, "tool_use")


def test_a_stream_that_begins_in_the_middle_is_completed() -> None:
    stream = encode_all([PartStarted(0, Text("")), PartDelta(0, "x"), PartDelta(7, "?"), Finished("end")], ask())
    message = sdk_message(stream)
    assert message["id"].startswith("msg_")
    assert message["content"] == [{"type": "text", "text": "x"}]


def test_late_events_are_not_written() -> None:
    encoder = messages.encoder(ask())
    encoder.encode(Finished("end"))
    late: list[Event] = [
        Started("m", "m"),
        PartStarted(0, Text("x")),
        PartDelta(0, "y"),
        PartStopped(0),
        Finished("end"),
    ]
    assert [encoder.encode(event) for event in late] == [b""] * 5


def test_deltas_behind_the_stop_of_their_part_are_not_written() -> None:
    stream = run(PartStarted(0, Text("x")), PartStopped(0), PartDelta(0, "y"), PartStopped(0), Finished("end"))
    assert sdk_message(stream)["content"] == [{"type": "text", "text": "x"}]


def test_usage_of_the_start_holds_where_the_end_has_none() -> None:
    stream = encode_all([Started("m", "m", usage=Usage(7, 1, 2)), Finished("length")], ask())
    assert sdk_message(stream)["usage"]["input_tokens"] == 5
    answer = fold(decode_all(stream))
    assert isinstance(answer, Response)
    assert answer.usage == Usage(7, 1, 2)


def test_a_failure_is_the_error_event() -> None:
    stream = run(PartStarted(0, Text("x")), Failed(Fault("overloaded", "later")))
    assert sent(stream)[-1] == {"type": "error", "error": {"type": "overloaded_error", "message": "later"}}
    with pytest.raises(anthropic.APIStatusError, match="later"):
        sdk_message(stream)


def test_a_start_that_comes_late_still_tells_the_usage() -> None:
    stream = encode_all([PartStarted(0, Text("x")), Started("m", "m", usage=Usage(7, 1)), Finished("end")], ask())
    assert kinds(stream).count("message_start") == 1
    assert sdk_message(stream)["usage"]["input_tokens"] == 7
