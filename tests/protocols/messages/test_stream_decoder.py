import json
from typing import Any

import pytest

from ccx_addons.core.neutral import (
    Event,
    Failed,
    Fault,
    Finished,
    Opaque,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Response,
    Started,
    Text,
    Thinking,
    ToolCall,
    Usage,
    fold,
)
from ccx_addons.protocols.messages import decode_response
from tests.protocols.messages.values import decode_all, frame

START: dict[str, Any] = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 5}},
}
TEXT: dict[str, Any] = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
HELLO: dict[str, Any] = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}}
STOP: dict[str, Any] = {"type": "content_block_stop", "index": 0}
END: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
DONE: dict[str, Any] = {"type": "message_stop"}
CALL: dict[str, Any] = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
PIECE: dict[str, Any] = {"type": "input_json_delta", "partial_json": '{"a":1}'}
CALLED = ToolCall("t1", "f", '{"a":1}')
WHOLE = [START, TEXT, HELLO, STOP, END, DONE]


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    begun = {"type": "content_block_start", "index": index, "content_block": start}
    grown = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [begun, *grown, {"type": "content_block_stop", "index": index}]


def decode(*values: dict[str, Any]) -> list[Event]:
    return decode_all(b"".join(map(frame, values)))


def answer(*values: dict[str, Any]) -> Response:
    folded = fold(decode(*values))
    assert isinstance(folded, Response)
    return folded


def test_the_events_of_a_stream() -> None:
    assert decode(*WHOLE) == [
        Started("msg_1", "m", usage=Usage(5)),
        PartStarted(0, Text("")),
        PartDelta(0, "hello"),
        PartStopped(0),
        Finished("end", Usage(5, 2)),
    ]


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"".join(map(frame, WHOLE)).replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(b"".join(map(frame, WHOLE)).replace(b"\n", b"\r"), id="cr"),
        pytest.param(b"".join(map(frame, WHOLE)).replace(b": ", b":"), id="no space after the colon"),
        pytest.param(b"".join(b"data: " + json.dumps(v).encode() + b"\n\n" for v in WHOLE), id="no event names"),
        pytest.param(b"".join(json.dumps(v).encode() + b"\n\n" for v in WHOLE), id="bare JSON lines"),
        pytest.param(b": hi\n\n" + b": hi\n\n".join(map(frame, WHOLE)), id="comments"),
        pytest.param(b"".join(map(frame, [*WHOLE, {"type": "ping"}, HELLO])), id="events behind the end"),
        pytest.param(b"".join(map(frame, WHOLE[:-1])), id="no message_stop"),
        pytest.param(b"".join(map(frame, WHOLE)).rstrip(b"\n"), id="no last empty line"),
        pytest.param(b"".join(map(frame, [*WHOLE[:3], *WHOLE[4:]])), id="no content_block_stop"),
        pytest.param(b"".join(map(frame, [START, *WHOLE[2:]])), id="no content_block_start"),
        pytest.param(b"".join(map(frame, WHOLE[:-1])) + b"data: [DONE]\n\n", id="another protocol's end"),
        pytest.param(b"".join(map(frame, [START, {"type": "news", "index": 0}, *WHOLE[1:]])), id="unknown event"),
        pytest.param(b"event: message_start\ndata: 5\n\n" + b"".join(map(frame, WHOLE)), id="data that is no object"),
        pytest.param(
            b"".join(b"event: %s\ndata: %s\n\n" % (v["type"].encode(), json.dumps({**v, "type": ""}).encode())
                     for v in WHOLE),
            id="types only as event names",
        ),
    ],
)  # fmt: skip
def test_what_upstreams_do_to_streams(stream: bytes) -> None:
    assert fold(decode_all(stream)) == Response("msg_1", "m", (Text("hello"),), "end", Usage(5, 2))


@pytest.mark.parametrize(
    ("values", "part"),
    [
        pytest.param(
            block(
                0,
                {"type": "thinking", "thinking": "", "signature": ""},
                {"type": "thinking_delta", "thinking": "why"},
                {"type": "signature_delta", "signature": "sig"},
            ),
            Thinking("why", "sig", "messages"),
            id="thinking",
        ),
        pytest.param(
            block(0, {"type": "redacted_thinking", "data": "enc"}), Thinking("", "enc", "messages", True), id="redacted"
        ),
        pytest.param(
            block(0, {"type": "tool_use", "id": "t", "name": "f", "input": {}}, *[
                {"type": "input_json_delta", "partial_json": text} for text in ("", '{"a":', "1}")
            ]),
            ToolCall("t", "f", '{"a":1}'),
            id="call",
        ),
        pytest.param(
            block(0, {"type": "tool_use", "id": "t", "name": "f", "input": {}},
                  {"type": "input_json_delta", "partial_json": ""}),
            ToolCall("t", "f", "{}"),
            id="call without arguments",
        ),
        pytest.param(
            block(0, {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}),
            ToolCall("t", "f", '{"a":1}'),
            id="call that is whole at its start",
        ),
        pytest.param(
            block(0, {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "direct"}},
                  {"type": "input_json_delta", "partial_json": "{}"}),
            ToolCall("t", "f", "{}", {"messages": {"caller": {"type": "direct"}}}),
            id="own fields",
        ),
        pytest.param(
            block(0, {"type": "text", "text": "", "citations": []}, {"type": "text_delta", "text": "x"},
                  {"type": "citations_delta", "citation": {"cited_text": "a"}},
                  {"type": "citations_delta", "citation": {"cited_text": "b"}}),
            Text("x", {"messages": {"citations": [{"cited_text": "a"}, {"cited_text": "b"}]}}),
            id="citations",
        ),
        pytest.param(
            block(0, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                  {"type": "input_json_delta", "partial_json": '{"query":'},
                  {"type": "input_json_delta", "partial_json": '"x"}'}),
            Opaque("messages", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}),
            id="server tool",
        ),
        pytest.param(
            block(0, {"type": "compaction", "content": None},
                  {"type": "compaction_delta", "content": "a"}, {"type": "compaction_delta", "content": "b"}),
            Opaque("messages", {"type": "compaction", "content": "ab"}),
            id="block of a beta",
        ),
    ],
)  # fmt: skip
def test_blocks(values: list[dict[str, Any]], part: object) -> None:
    assert answer(START, *values, END, DONE).parts == (part,)


def test_parts_are_counted_whatever_the_upstream_counts() -> None:
    values = [
        *block(3, {"type": "text", "text": "a"})[:1],
        *block(3, {"type": "text", "text": ""}, {"type": "text_delta", "text": "b"}),
    ]
    assert decode(START, *values)[1:6] == [
        PartStarted(0, Text("a")), PartStopped(0), PartStarted(1, Text("")), PartDelta(1, "b"), PartStopped(1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "stop", "extra"),
    [
        ("end_turn", "end", {}),
        ("max_tokens", "length", {}),
        ("tool_use", "end", {}),  # there is no call to wait for
        ("length", "length", {"messages": {"stop_reason": "length"}}),
        ("content_filter", "refusal", {"messages": {"stop_reason": "content_filter"}}),
        ("stop_sequence", "stop_sequence", {}),
        ("refusal", "refusal", {}),
        ("pause_turn", "pause", {}),
        ("model_context_window_exceeded", "length", {"messages": {"stop_reason": "model_context_window_exceeded"}}),
        ("something_new", "end", {"messages": {"stop_reason": "something_new"}}),
    ],
)
def test_stops(reason: str, stop: str, extra: dict[str, Any]) -> None:
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "hi"}}
    found = answer(START, block, {"type": "message_delta", "delta": {"stop_reason": reason}}, DONE)
    assert (found.stop, found.extra) == (stop, extra)


@pytest.mark.parametrize(
    ("first", "later", "usage"),
    [
        pytest.param({"input_tokens": 5}, {"output_tokens": 2}, Usage(5, 2), id="in two places"),
        pytest.param({"input_tokens": 5}, {"input_tokens": 0, "output_tokens": 2}, Usage(5, 2), id="a later zero"),
        pytest.param({"input_tokens": 5}, {"input_tokens": None, "output_tokens": 2}, Usage(5, 2), id="a later null"),
        pytest.param({"input_tokens": 5, "output_tokens": 1}, {"input_tokens": 7, "output_tokens": 9}, Usage(7, 9),
                     id="cumulative"),
        pytest.param({"input_tokens": 1, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 100},
                     {"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 2}}, Usage(111, 3, 10, 100, 2),
                     id="caches and thoughts"),
    ],
)  # fmt: skip
def test_usage(first: dict[str, Any], later: dict[str, Any], usage: Usage) -> None:
    start = {"type": "message_start", "message": {"id": "m", "model": "m", "usage": first}}
    assert answer(start, {**END, "usage": later}, DONE).usage == usage


def test_own_fields_of_the_message_are_kept() -> None:
    start = {"type": "message_start", "message": {**START["message"], "container": None, "diagnostics": {"a": 1}}}
    end = {**END, "delta": {"stop_reason": "refusal", "stop_details": {"category": "bio"}}, "context_management": {}}
    assert answer(start, end, DONE).extra == {
        "messages": {"diagnostics": {"a": 1}, "stop_details": {"category": "bio"}, "context_management": {}}
    }


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        pytest.param(
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "overloaded",
            "Overloaded", id="official",
        ),
        pytest.param({"error": {"message": "no quota", "code": 429}}, "rate_limit", "no quota", id="a relay's"),
        pytest.param({"error": "broken"}, "server", "broken", id="a string"),
    ],
)  # fmt: skip
def test_error_events_fail(value: dict[str, Any], kind: str, message: str) -> None:
    stream = b"".join(map(frame, WHOLE[:3])) + b"data: " + json.dumps(value).encode() + b"\n\n" + frame(DONE)
    last = decode_all(stream)[-1]
    assert isinstance(last, Failed)
    assert (last.fault.kind, last.fault.message) == (kind, message)


def test_an_event_without_end_fails() -> None:
    events = decode_all(b"data: " + b"x" * (17 << 20))
    assert [type(event) for event in events] == [Failed]


def test_an_empty_stream_fails() -> None:
    assert fold(decode_all(b"")) == Fault("server", "the stream ended without message_stop")


USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}


def json_delta(text: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": text}


@pytest.mark.parametrize(
    ("begun", "pieces", "arguments"),
    [
        (USE, ["{}", '{"a":', "1}"], '{"a":1}'),
        (USE, ['"{\\"a\\"', ':1}"'], '{"a":1}'),
        (USE, ["{}"], "{}"),
        ({**USE, "input": {"a": 1}}, ["{}"], '{"a":1}'),
        ({**USE, "input": '{"a":1}'}, [], '{"a":1}'),
    ],
    ids=["an empty object first", "an object in a string", "nothing", "the whole at its start", "text at its start"],
)
def test_arguments_are_mended(begun: dict[str, Any], pieces: list[str], arguments: str) -> None:
    stop = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}
    found = answer(START, *block(0, begun, *map(json_delta, pieces)), stop, DONE)
    assert (found.parts, found.stop) == ((ToolCall("t", "f", arguments),), "tool_call")


def test_a_call_without_an_id_gets_the_one_that_json_gives_it() -> None:
    calls = [{"type": "tool_use", "name": "f", "input": {}}, {"type": "tool_use", "name": "f", "input": {"a": 1}}]
    found = answer(START, *block(0, calls[0]), *block(1, calls[1]), END, DONE)
    whole = decode_response({**START["message"], "content": calls, "stop_reason": "end_turn"})
    assert isinstance(whole, Response) and found.parts == whole.parts
    assert len({part.id for part in found.parts if isinstance(part, ToolCall) and part.id}) == 2


def test_an_answer_that_broke_off_is_a_failure() -> None:
    events = decode(
        START, TEXT, HELLO, STOP, {"type": "message_delta", "delta": {"stop_reason": "network_error"}}, DONE
    )
    reason = "the upstream broke off: network_error"
    assert events[-1] == Failed(Fault("server", reason, code="network_error"))


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        pytest.param(
            block(0, {"type": "text", "text": ""}, {"type": "thinking_delta", "thinking": "hm"}, HELLO["delta"]),
            [Text("hello"), Thinking("hm", None, "messages")], id="a thought in a text",
        ),
        pytest.param(
            block(0, CALL, {"type": "text_delta", "text": "well"}, PIECE), [CALLED, Text("well")], id="a text in a call",
        ),
        pytest.param(
            block(0, {"type": "text", "text": ""}, HELLO["delta"], PIECE), [Text("hello")], id="arguments in a text",
        ),
        pytest.param(
            [*block(0, CALL, {**PIECE, "partial_json": "{"})[:-1], *block(0, CALL, {**PIECE, "partial_json": '"a":1}'})],
            [CALLED], id="a start for each piece",
        ),
    ],
)  # fmt: skip
def test_deltas_of_another_kind_than_their_block(values: list[dict[str, Any]], parts: list[Part]) -> None:
    found = answer(START, *values, END, DONE).parts
    assert sorted(found, key=repr) == sorted(parts, key=repr)


def test_a_call_that_names_no_tool_is_one_that_went_wrong() -> None:
    nameless = {**CALL, "name": ""}
    body = {"id": "msg_1", "content": [nameless], "stop_reason": "tool_use"}
    for failed in (decode_response(body), fold(decode(START, *block(0, nameless, PIECE), END, DONE))):
        assert isinstance(failed, Fault) and failed.code == "malformed_function_call"
    said = answer(START, TEXT, HELLO, STOP, *block(1, nameless, PIECE), END, DONE)
    whole = decode_response({**body, "content": [{"type": "text", "text": "hello"}, nameless]})
    assert isinstance(whole, Response)
    assert (said.parts, said.stop) == (whole.parts, whole.stop) == ((Text("hello"),), "error")
