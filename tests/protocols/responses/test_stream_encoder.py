from typing import Any

import pytest

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
    Request,
    Response,
    Started,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    explode,
)
from ccx_addons.protocols import responses
from tests.protocols.responses.values import CITATION, CODEX, accumulate, ask, encode_all, own, read_frames

BEGIN: list[Event] = [Started("resp_1", "upstream-model", 5)]
DELTAS = (
    "response.output_text.delta",
    "response.custom_tool_call_input.delta",
    "response.function_call_arguments.delta",
)


def written(*events: Event, request: Request = CODEX) -> list[dict[str, Any]]:
    return read_frames(encode_all([*BEGIN, *events], request))


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def output(*parts: Part, stop: Stop = "end", request: Request = CODEX) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = responses.encode_response(Response("resp_1", "m", parts, stop), request)[0]["output"]
    return items


def whole(*parts: Part, stop: Stop = "end", usage: Usage | None = None) -> dict[str, Any]:
    return responses.encode_response(Response("resp_1", "m", parts, stop, usage), CODEX)[0]


# ---- the order of events ---------------------------------------------------------------------------------------------
def test_a_short_answer() -> None:
    events = written(
        PartStarted(0, Text("")), PartDelta(0, "he"), PartDelta(0, "llo"), PartStopped(0), Finished("end", Usage(3, 2))
    )
    assert kinds(events) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert [event["sequence_number"] for event in events] == list(range(10))
    assert (events[0]["response"]["id"], events[0]["response"]["created_at"]) == ("resp_1", 5)
    assert events[0]["response"]["model"] == CODEX.model
    last = events[-1]["response"]
    assert last["output"][0]["content"][0]["text"] == "hello"
    assert (last["status"], last["usage"]["total_tokens"]) == ("completed", 5)


def test_a_thought() -> None:
    events = written(
        PartStarted(0, Thinking("", None, "messages")),
        PartDelta(0, "hm"),
        PartDelta(0, signature="c2"),
        PartDelta(0, signature="ln"),
        PartStopped(0),
        Finished("end"),
    )
    assert kinds(events)[2:-1] == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
    ]  # fmt: skip
    assert events[-2]["item"]["encrypted_content"] == "ccx-messages:c2ln"


def test_a_thought_without_words_has_no_summary() -> None:
    events = written(PartStarted(0, Thinking("", "eHl6", "messages", True)), PartStopped(0), Finished("end"))
    assert kinds(events)[2:-1] == ["output_item.added", "output_item.done"]
    assert events[-2]["item"]["summary"] == []
    assert events[-2]["item"]["encrypted_content"] == "ccx-messages.redacted:eHl6"


def test_a_refusal() -> None:
    events = written(PartStarted(0, Refusal("")), PartDelta(0, "no"), PartStopped(0), Finished("refusal"))
    assert kinds(events)[4:6] == ["refusal.delta", "refusal.done"]
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "no"}]


def test_a_function_call() -> None:
    events = written(
        PartStarted(0, ToolCall("c", "get_goal", "")),
        PartDelta(0, '{"a"'),
        PartDelta(0, ":1}"),
        PartStopped(0),
        Finished("end"),
    )
    assert kinds(events)[2:-1] == [
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
    ]  # fmt: skip
    assert events[2]["item"] | {"id": "x"} == {
        "id": "x", "type": "function_call", "status": "in_progress", "call_id": "c", "name": "get_goal", "arguments": "",
    }  # fmt: skip
    assert (events[5]["arguments"], events[5]["name"]) == ('{"a":1}', "get_goal")
    assert events[6]["item"]["status"] == "completed"


def test_a_call_without_arguments_has_an_empty_object() -> None:
    events = written(PartStarted(0, ToolCall("c", "get_goal", "")), PartStopped(0), Finished("tool_call"))
    assert [event["delta"] for event in events if event["type"] in DELTAS] == ["{}"]
    assert accumulate(events)["output"][0]["arguments"] == "{}"


def test_the_text_of_a_custom_call_streams_as_it_comes() -> None:
    pieces = ['{"in', 'put": "*** Be', "gin\\", "nx", '"}']
    events = written(
        PartStarted(0, ToolCall("c", "apply_patch", "")), *(PartDelta(0, piece) for piece in pieces), PartStopped(0), Finished("tool_call")
    )  # fmt: skip
    assert [event["delta"] for event in events if event["type"] in DELTAS] == ["*** Be", "gin", "\nx"]
    assert kinds(events)[-3:] == ["custom_tool_call_input.done", "output_item.done", "completed"]
    assert events[-3]["input"] == events[-2]["item"]["input"] == "*** Begin\nx"
    assert events[-2]["item"]["type"] == "custom_tool_call"


def test_arguments_of_another_shape_come_at_the_end() -> None:
    events = written(
        PartStarted(0, ToolCall("c", "apply_patch", '{"patch":')),
        PartDelta(0, "1}"),
        PartStopped(0),
        Finished("tool_call"),
    )
    assert [event["delta"] for event in events if event["type"] in DELTAS] == ['{"patch":1}']
    assert events[-2]["item"]["input"] == '{"patch":1}'


def test_parallel_calls_keep_their_places() -> None:
    events = written(
        PartStarted(0, ToolCall("c0", "get_goal", "")),
        PartStarted(1, ToolCall("c1", "get_goal", "")),
        PartDelta(1, "1"),
        PartDelta(0, "0"),
        PartStopped(1),
        PartStopped(0),
        Finished("tool_call"),
    )
    deltas = [(event["output_index"], event["delta"]) for event in events if event["type"] in DELTAS]
    assert deltas == [(1, "1"), (0, "0")]
    assert [item["call_id"] for item in accumulate(events)["output"]] == ["c0", "c1"]


# ---- calls by their own form -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "arguments", "item"),
    [
        pytest.param("get_goal", "{}", {"type": "function_call", "name": "get_goal", "arguments": "{}"}, id="function"),
        pytest.param("apply_patch", '{"input":"x"}', {"type": "custom_tool_call", "name": "apply_patch", "input": "x"}, id="custom"),
        pytest.param("apply_patch", "x", {"type": "custom_tool_call", "name": "apply_patch", "input": "x"}, id="bare text"),
        pytest.param(
            "mcp__docs__search",
            "{}",
            {"type": "function_call", "name": "search", "namespace": "mcp__docs", "arguments": "{}"},
            id="namespace",
        ),
        pytest.param(
            "mcp__docs__note",
            '{"input":"x"}',
            {"type": "custom_tool_call", "name": "note", "namespace": "mcp__docs", "input": "x"},
            id="custom in a namespace",
        ),
        pytest.param(
            "local_shell",
            '{"command":["ls"],"workdir":"/w"}',
            {"type": "local_shell_call", "action": {"type": "exec", "command": ["ls"], "env": {}, "working_directory": "/w"}},
            id="local shell",
        ),
        pytest.param("new", "{}", {"type": "function_call", "name": "new", "arguments": "{}"}, id="unknown"),
    ],
)  # fmt: skip
def test_calls_have_the_form_of_the_clients_tools(name: str, arguments: str, item: dict[str, Any]) -> None:
    (found,) = output(ToolCall("c", name, arguments, {"chat": {"index": 0}}), stop="tool_call")
    assert found.pop("id").startswith({"function_call": "fc_", "custom_tool_call": "ctc_"}.get(item["type"], "lsh_"))
    assert found == {"call_id": "c", "status": "completed", **item}


def test_tool_search_of_the_client() -> None:
    request = responses.decode_request({"input": "hi", "tools": ["tool_search"]}, "m", False)
    (found,) = output(ToolCall("c", "tool_search", '{"query":"q"}'), request=request)
    assert found | {"id": "x"} == {
        "id": "x", "type": "tool_search_call", "status": "completed", "call_id": "c", "execution": "client",
        "arguments": {"query": "q"},
    }  # fmt: skip


def test_names_are_the_clients() -> None:
    request = ask(tools=(Tool("a.b"), Tool("a/b")))
    safe = [tool["name"] for tool in responses.encode_request(request)[0]["tools"]]
    found = output(*(ToolCall(f"c{n}", name, "{}") for n, name in enumerate(safe)), request=request)
    assert [item["name"] for item in found] == ["a.b", "a/b"]


# ---- messages --------------------------------------------------------------------------------------------------------
def test_texts_that_follow_each_other_are_one_message() -> None:
    found = output(Text("a"), Text("b"), Refusal("no"), ToolCall("c", "get_goal", "{}"), Text("d"))
    assert [item["type"] for item in found] == ["message", "function_call", "message"]
    assert [part.get("text", part.get("refusal")) for part in found[0]["content"]] == ["a", "b", "no"]


def test_texts_of_two_items_are_two_messages() -> None:
    found = output(Text("a", own(item={"id": "msg_1", "phase": "commentary"})), Text("b", own(item={"id": "msg_2"})))
    assert [(item["id"], item.get("phase")) for item in found] == [("msg_1", "commentary"), ("msg_2", None)]


def test_a_message_ends_when_something_else_has_begun() -> None:
    events = written(
        PartStarted(0, Text("a")),
        PartStarted(1, ToolCall("c", "get_goal", "{}")),
        PartDelta(0, "b"),
        PartStopped(1),
        PartStopped(0),
        Finished("tool_call"),
    )
    assert [item["type"] for item in accumulate(events)["output"]] == ["message", "function_call"]
    assert kinds(events)[-2:] == ["output_item.done", "completed"]
    assert events[-2]["item"]["content"][0]["text"] == "ab"


def test_citations_have_events() -> None:
    events = written(
        PartStarted(0, Text("a")), PartDelta(0, extra=own(annotations=[CITATION])), PartStopped(0), Finished("end")
    )
    (noted,) = [event for event in events if event["type"] == "response.output_text.annotation.added"]
    assert (noted["annotation_index"], noted["annotation"]) == (0, CITATION)
    assert accumulate(events)["output"][0]["content"][0]["annotations"] == [CITATION]


# ---- other parts -----------------------------------------------------------------------------------------------------
def test_items_of_the_upstreams_own() -> None:
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "q"},
    }
    assert output(Opaque("responses", search)) == [search]


def test_a_picture() -> None:
    (found,) = output(Media("image/png", data="aGk="))
    assert found | {"id": "x"} == {"id": "x", "type": "image_generation_call", "status": "completed", "result": "aGk="}
    assert found["id"].startswith("ig_")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Opaque("messages", {"type": "x"}), []),
        (ToolResult("c", ()), []),
        (Media("image/png", url="https://x.test"), ["[A picture: https://x.test]"]),
        (Media("audio/wav", data="aGk="), ["[A sound: this API cannot hold it]"]),
    ],
)
def test_what_an_answer_does_not_hold(part: Part, said: list[str]) -> None:
    body, losses = responses.encode_response(Response("resp_1", "m", (Text("a"), part), "end"), CODEX)
    assert [item["content"][0]["text"] for item in body["output"]] == ["a", *said]
    assert [loss.path for loss in losses] == ["output[1]"]


# ---- ends ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("stop", "status", "reason", "lost"),
    [
        ("end", "completed", None, 0),
        ("tool_call", "completed", None, 0),
        ("stop_sequence", "completed", None, 0),
        ("length", "incomplete", "max_output_tokens", 0),
        ("refusal", "incomplete", "content_filter", 0),
        ("pause", "completed", None, 1),
    ],
)
def test_how_an_answer_ends(stop: Stop, status: str, reason: str | None, lost: int) -> None:
    body, losses = responses.encode_response(Response("resp_1", "m", (Text("a"),), stop), CODEX)
    assert (body["status"], body["incomplete_details"]) == (status, {"reason": reason} if reason else None)
    assert body["output"][0]["status"] == ("incomplete" if stop == "length" else "completed")
    assert len(losses) == lost
    events = read_frames(encode_all(list(explode(Response("resp_1", "m", (Text("a"),), stop))), CODEX))
    assert events[-1]["type"] == f"response.{status}"


def test_a_stop_sequence_is_not_named() -> None:
    _, losses = responses.encode_response(Response("resp_1", "m", (Text("a"),), "stop_sequence", None, "END"), CODEX)
    assert [loss.path for loss in losses] == ["stop_sequence"]


def test_an_answer_that_broke_off() -> None:
    body = whole(Text("a"), stop="error")
    assert (body["status"], body["error"]["code"]) == ("failed", "server_error")
    assert body["output"][0]["content"][0]["text"] == "a"


ENDS = ["error", "response.failed"]


def test_a_stream_that_fails() -> None:
    fault = Fault("rate_limit", "slow down")
    events = written(PartStarted(0, Text("a")), PartDelta(0, "b"), Failed(fault))
    assert [event["type"] for event in events[-2:]] == ENDS
    assert events[-2]["error"]["message"] == "slow down" and events[-1]["sequence_number"] == len(events) - 1
    failed = events[-1]["response"]
    assert (failed["id"], failed["status"]) == ("resp_1", "failed")
    assert failed["error"] == {"code": "rate_limit_exceeded", "message": "slow down"}
    assert accumulate(events)["error"]["code"] == "rate_limit_exceeded"


def test_a_stream_that_fails_before_it_begins() -> None:
    events = read_frames(encode_all([Failed(Fault("server", "x"))], ask()))
    assert kinds(events)[:2] == ["created", "in_progress"] and [event["type"] for event in events[2:]] == ENDS
    assert accumulate(events)["status"] == "failed"


def test_nothing_comes_after_the_end() -> None:
    encoder = responses.encoder(CODEX)
    assert encoder.encode(Finished("end"))
    for event in (PartStarted(0, Text("a")), PartDelta(0, "b"), Finished("end"), Failed(Fault("server", "x"))):
        assert encoder.encode(event) == b""


def test_what_was_left_open_is_closed() -> None:
    events = written(PartStarted(0, Text("a")), PartStarted(1, ToolCall("c", "get_goal", "{}")), Finished("length"))
    assert len([event for event in events if event["type"] == "response.output_item.done"]) == 2
    assert accumulate(events)["status"] == "incomplete"


def test_deltas_of_no_part_say_nothing() -> None:
    encoder = responses.encoder(CODEX)
    encoder.encode(BEGIN[0])
    assert encoder.encode(PartDelta(7, "x")) == encoder.encode(PartStopped(7)) == b""


def test_the_id_is_the_upstreams_where_it_is_of_this_protocol() -> None:
    assert whole(Text("a"))["id"] == "resp_1"
    body, _ = responses.encode_response(Response("chatcmpl-1", "m", (Text("a"),), "end"), CODEX)
    other, _ = responses.encode_response(Response("chatcmpl-1", "m", (Text("a"),), "end"), CODEX)
    assert body["id"].startswith("resp_") and body["id"] != other["id"]
    assert body["created_at"] > 1_700_000_000


def test_usage_of_the_beginning_counts_where_the_end_has_none() -> None:
    events = read_frames(encode_all([Started("resp_1", "m", usage=Usage(7)), Finished("end")], CODEX))
    assert events[-1]["response"]["usage"]["input_tokens"] == 7
    assert whole(Text("a"))["usage"] is None


def test_lone_surrogates_stay_escaped() -> None:
    stream = encode_all([*BEGIN, PartStarted(0, Text("\ud83d")), PartStopped(0), Finished("end")], CODEX)
    assert read_frames(stream)[-1]["response"]["output"][0]["content"][0]["text"] == "\ud83d"
