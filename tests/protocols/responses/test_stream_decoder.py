import json
from typing import Any

import pytest

from ccx_addons.core import sse
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
    ToolCall,
    fold,
)
from ccx_addons.protocols import responses
from scripts.fake import say_responses
from scripts.fake.said import Said
from tests.protocols.responses.values import decode_all, frame, own

CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "m", "created_at": 5}}
DONE = {"type": "response.completed", "response": {"status": "completed", "output": [], "usage": {"input_tokens": 3}}}


def stream(*events: dict[str, Any], end: dict[str, Any] | None = DONE) -> bytes:
    return b"".join(map(frame, [CREATED, *events, *([end] if end else [])]))


def parts(*events: dict[str, Any], end: dict[str, Any] | None = DONE) -> tuple[Part, ...]:
    found = fold(decode_all(stream(*events, end=end)))
    assert isinstance(found, Response)
    return found.parts


def added(item: dict[str, Any], n: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": n, "item": item}


def ended(item: dict[str, Any], n: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": n, "item": item}


def delta(kind: str, text: str, n: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": n, "delta": text, **more}


def message(*texts: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "output_text", "text": text} for text in texts], **fields}


# ---- how it goes -----------------------------------------------------------------------------------------------------
def test_events_of_a_short_answer() -> None:
    events = decode_all(
        stream(
            added(message(id="msg_1")),
            {
                "type": "response.content_part.added",
                "output_index": 0,
                "content_index": 0,
                "part": {"type": "output_text"},
            },
            delta("output_text", "he", content_index=0),
            delta("output_text", "llo", content_index=0),
            {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "hello"},
            ended(message("hello", id="msg_1")),
        )
    )
    wanted: list[Event] = [
        Started("resp_1", "m", 5),
        PartStarted(0, Text("", own(item={"id": "msg_1"}))),
        PartDelta(0, "he"),
        PartDelta(0, "llo"),
        PartStopped(0),
    ]
    assert events[:-1] == wanted
    assert isinstance(events[-1], Finished) and events[-1].usage and events[-1].usage.input == 3


def test_arguments_stream_as_they_come() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}', "id": "fc_1"}
    events = decode_all(
        stream(
            added({**call, "arguments": ""}),
            delta("function_call_arguments", '{"a"'),
            delta("function_call_arguments", ":1}"),
            ended(call),
        )
    )
    assert [event.text for event in events if isinstance(event, PartDelta)] == ['{"a"', ":1}"]
    assert isinstance(events[-1], Finished) and events[-1].stop == "tool_call"


def test_the_text_of_a_custom_call_becomes_arguments() -> None:
    call = {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": 'say "hi"\n'}
    events = decode_all(
        stream(
            added({**call, "input": ""}),
            delta("custom_tool_call_input", 'say "'),
            delta("custom_tool_call_input", 'hi"\n'),
            ended(call),
        )
    )
    assert [event.text for event in events if isinstance(event, PartDelta)] == ['say \\"', 'hi\\"\\n', '"}']
    answer = fold(events)
    assert isinstance(answer, Response)
    assert answer.parts == (ToolCall("c", "p", '{"input":"say \\"hi\\"\\n"}', own(type="custom_tool_call")),)


def test_parallel_calls_stay_apart() -> None:
    calls = [{"type": "function_call", "call_id": f"c{n}", "name": "f", "arguments": ""} for n in range(2)]
    found = parts(
        added(calls[0], 0),
        added(calls[1], 1),
        delta("function_call_arguments", "1", 1),
        delta("function_call_arguments", "0", 0),
        ended({**calls[1], "arguments": "1"}, 1),
        ended({**calls[0], "arguments": "0"}, 0),
    )
    assert found == (ToolCall("c0", "f", "0"), ToolCall("c1", "f", "1"))


def test_two_summaries_are_two_paragraphs() -> None:
    summary = [{"type": "summary_text", "text": text} for text in ("a", "b")]
    item = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "enc"}
    events = decode_all(
        stream(
            added({**item, "summary": []}),
            delta("reasoning_summary_text", "a", summary_index=0),
            delta("reasoning_summary_text", "b", summary_index=1),
            ended(item),
        )
    )
    answer = fold(events)
    assert isinstance(answer, Response)
    assert answer.parts == (Thinking("a\n\nb", "enc", "responses", extra=own(id="rs_1", summary=summary)),)
    assert [event.text for event in events if isinstance(event, PartDelta)] == ["a", "\n\nb", ""]


def test_reasoning_in_full() -> None:
    content = [{"type": "reasoning_text", "text": "long"}]
    item = {"type": "reasoning", "summary": [], "content": content}
    found = parts(
        added({"type": "reasoning", "summary": []}),
        {
            "type": "response.content_part.added",
            "output_index": 0,
            "content_index": 0,
            "part": {"type": "reasoning_text"},
        },
        delta("reasoning_text", "long", content_index=0),
        {"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": content[0]},
        ended(item),
    )
    assert found == (Thinking("long", None, "responses", extra=own(summary=[], content=content)),)


def test_whole_items_come_at_their_end() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    picture = {"type": "image_generation_call", "id": "ig_1", "result": "aGk=", "status": "completed"}
    found = parts(
        added({**search, "status": "in_progress"}, 0),
        {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"},
        ended(search, 0),
        added({**picture, "result": None}, 1),
        ended(picture, 1),
    )
    extra = own(type="image_generation_call", id="ig_1")
    assert found == (Opaque("responses", search), Media("image/png", data="aGk=", extra=extra))


# ---- whole texts -----------------------------------------------------------------------------------------------------
def whole(kind: str, n: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.done", "output_index": n, **fields}


CALL = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": ""}
CUSTOM = {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": ""}
THOUGHT = {"type": "reasoning", "summary": []}
SAID = [
    (whole("output_text", text="hello"), message(), Text("hello")),
    (whole("refusal", refusal="hello"), message(), Refusal("hello")),
    (whole("reasoning_summary_text", text="hello"), THOUGHT, Thinking("hello", None, "responses")),
    (whole("reasoning_summary_part", part={"text": "hello"}), THOUGHT, Thinking("hello", None, "responses")),
    (whole("reasoning_text", text="hello"), THOUGHT, Thinking("hello", None, "responses")),
    (whole("content_part", part={"type": "reasoning_text", "text": "hello"}), THOUGHT, Thinking("hello", None, "responses")),
    (whole("function_call_arguments", arguments="hello"), CALL, ToolCall("c", "f", "hello", own(id="fc_1"))),
    (whole("custom_tool_call_input", input='"hello'), CUSTOM,
     ToolCall("c", "p", '{"input":"\\"hello"}', own(type="custom_tool_call"))),
]  # fmt: skip


@pytest.mark.parametrize(("event", "item", "part"), SAID, ids=[event["type"] for event, *_ in SAID])
@pytest.mark.parametrize("after", [(), (1,), (2,), (1, 2)], ids=["bare", "its end", "again", "again, and its end"])
def test_a_whole_text_is_said_once(
    event: dict[str, Any], item: dict[str, Any], part: Part, after: tuple[int, ...]
) -> None:
    more = {1: ended(item), 2: event}
    assert parts(added(item), event, *(more[n] for n in reversed(after))) == (part,)


@pytest.mark.parametrize(("event", "item", "part"), SAID, ids=[event["type"] for event, *_ in SAID])
def test_a_whole_text_completes_its_deltas(event: dict[str, Any], item: dict[str, Any], part: Part) -> None:
    kinds = {"reasoning_summary_part": "reasoning_summary_text", "content_part": "reasoning_text"}
    kind = event["type"].split(".")[1]
    first = '"he' if kind == "custom_tool_call_input" else "he"
    assert parts(added(item), delta(kinds.get(kind, kind), first), event) == (part,)


def test_whole_summaries_are_paragraphs() -> None:
    first, second = (whole("reasoning_summary_text", text=text, summary_index=n) for n, text in enumerate("ab"))
    assert parts(added(THOUGHT), first, second, first) == (Thinking("a\n\nb", None, "responses"),)


def test_whole_arguments_without_their_item_are_a_call() -> None:
    event = whole("function_call_arguments", arguments="{}", name="f", item_id="fc_1")
    assert parts(event) == (ToolCall("fc_1", "f", "{}"),)


def test_a_call_in_two_places_is_one() -> None:
    item = {**CALL, "arguments": "{}"}
    wanted = (ToolCall("c", "f", "{}", own(id="fc_1")),)
    assert parts(added(CALL, 0), ended(item, 0), added(CALL, 1), ended(item, 1)) == wanted
    answer = responses.decode_response({"status": "completed", "output": [item, item]})
    assert isinstance(answer, Response) and answer.parts == wanted


def test_two_messages_stay_two() -> None:
    output = [message("a", "b", id="msg_1"), message("c", id="msg_2")]
    first, second = own(item={"id": "msg_1"}), own(item={"id": "msg_2"})
    wanted = (Text("a", first), Text("b", first), Text("c", second, apart=True))
    assert parts(ended(output[0], 0), ended(output[1], 1)) == wanted
    answer = responses.decode_response({"status": "completed", "output": output})
    assert isinstance(answer, Response) and answer.parts == wanted


# ---- tolerance -------------------------------------------------------------------------------------------------------
HELLO = (Text("hello"),)


@pytest.mark.parametrize(
    ("events", "end", "wanted"),
    [
        pytest.param([delta("output_text", "hello")], DONE, HELLO, id="bare deltas"),
        pytest.param([ended(message("hello"))], DONE, HELLO, id="items without a beginning"),
        pytest.param([added(message()), ended(message("hello"))], DONE, HELLO, id="no deltas"),
        pytest.param([delta("output_text", "hel"), ended(message("hello"))], DONE, HELLO, id="too few deltas"),
        pytest.param(
            [], {**DONE, "response": {"status": "completed", "output": [message("hello")]}}, HELLO, id="all of it at the end"
        ),
        pytest.param([ended(message("hello")), ended(message("again"))], DONE, HELLO, id="an end twice"),
        pytest.param([ended(message("hello")), delta("output_text", "!")], DONE, HELLO, id="more behind the end"),
        pytest.param([added(message()), added(message()), delta("output_text", "hello")], DONE, HELLO, id="a beginning twice"),
        pytest.param(
            [delta("refusal", "no"), {"type": "response.refusal.done", "output_index": 0}], DONE, (Refusal("no"),), id="bare refusal"
        ),
        pytest.param([delta("reasoning_summary_text", "hm")], DONE, (Thinking("hm", None, "responses"),), id="bare thought"),
        pytest.param([delta("function_call_arguments", "{}"), ended(message("hello"))], DONE, HELLO, id="arguments of no call"),
        pytest.param([delta("output_text", "hello")], {**DONE, "type": "response.done"}, HELLO, id="another last event"),
        pytest.param([{"type": "response.new"}, {"type": 5}, delta("output_text", "hello")], DONE, HELLO, id="unknown events"),
        pytest.param(
            [delta("output_text", "hello", error=None), {"type": "response.x", "error": None}], DONE, HELLO, id="no error"
        ),
    ],
)  # fmt: skip
def test_streams_that_differ(events: list[dict[str, Any]], end: dict[str, Any], wanted: tuple[Part, ...]) -> None:
    assert parts(*events, end=end) == wanted


def test_the_name_of_an_event_may_stand_for_its_type() -> None:
    typeless = 'event: response.output_text.delta\ndata: {"output_index":0,"delta":"hello"}\r\n\r\n'
    found = fold(decode_all(stream(end=None) + typeless.encode() + frame(DONE)))
    assert isinstance(found, Response) and found.parts == HELLO


@pytest.mark.parametrize(
    ("event", "kind", "code"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "slow"}, "rate_limit", "rate_limit_exceeded"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, "overloaded", ""),
        ({"type": "", "error": "broken"}, "server", ""),
        (
            {"type": "response.failed", "response": {"error": {"code": "insufficient_quota", "message": "no"}}},
            "billing",
            "insufficient_quota",
        ),
        ({"type": "response.cancelled", "response": {}}, "server", ""),
        ({"type": "response.completed", "response": {"status": "failed", "error": {"message": "x"}}}, "server", ""),
    ],
)
def test_errors(event: dict[str, Any], kind: str, code: str) -> None:
    fault = fold(decode_all(stream(delta("output_text", "hel"), event)))
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.code) == (kind, code)


def test_nothing_comes_after_the_end() -> None:
    decoder = responses.decoder()
    assert isinstance(decoder.feed(stream())[-1], Finished)
    assert decoder.feed(stream(delta("output_text", "x"))) == []
    assert decoder.flush() == []


def test_nothing_comes_after_a_failure() -> None:
    decoder = responses.decoder()
    events = decoder.feed(stream({"type": "error", "message": "x"}, delta("output_text", "x")))
    assert isinstance(events[-1], Failed) and len(events) == 2
    assert decoder.flush() == []


def test_an_event_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 100)
    (event,) = responses.decoder().feed(b"data: " + b"x" * 200)
    assert isinstance(event, Failed) and "larger" in event.fault.message


def test_an_incomplete_answer() -> None:
    end = {
        "type": "response.incomplete",
        "response": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
    }
    answer = fold(decode_all(stream(delta("output_text", "hel"), end=end)))
    assert isinstance(answer, Response)
    assert (answer.stop, answer.parts) == ("length", (Text("hel"),))


def test_the_fake_upstreams_stream_and_json_agree() -> None:
    said = Said(
        "m", "hello you", "hm", [("f", '{"a":1}'), ("patch", '{"input": "*** Begin"}')], pieces=2, input=9, cached=4
    )
    body = {"tools": [{"type": "custom", "name": "patch"}]}
    stream_ = b"".join(sse.frame(json.dumps(data), name) for name, data in say_responses.responses_stream(said, body))
    assert fold(decode_all(stream_)) == responses.decode_response(say_responses.responses_json(said, body))


# ---- places of items -------------------------------------------------------------------------------------------------
def placed(index: int | None, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """The events with one index for all items, or with none."""
    rest = [{name: value for name, value in event.items() if name != "output_index"} for event in events]
    return rest if index is None else [{**event, "output_index": index} for event in rest]


@pytest.mark.parametrize("index", [0, None], ids=["one index for all", "no index"])
@pytest.mark.parametrize("ids", [True, False], ids=["ids", "no ids"])
def test_items_that_their_index_does_not_tell_apart(index: int | None, ids: bool) -> None:
    """llama.cpp#20607; open-responses-server#63."""
    named = [{"id": f"i{n}"} if ids else {} for n in range(3)]
    of = [{"item_id": f"i{n}"} if ids else {} for n in range(3)]
    thought = {"type": "reasoning", "summary": [], **named[0]}
    said = {"type": "message", "role": "assistant", "content": [], **named[1]}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "", **named[2]}
    found = parts(
        *placed(
            index,
            added(thought),
            {**delta("reasoning_summary_text", "hm"), **of[0]},
            ended(thought),
            added(said),
            {**delta("output_text", "hi", content_index=0), **of[1]},
            ended({**said, "content": [{"type": "output_text", "text": "hi"}]}),
            added(call),
            {**delta("function_call_arguments", '{"a":1}'), **of[2]},
            ended({**call, "arguments": '{"a":1}'}),
        )
    )
    assert [(type(part), getattr(part, "text", getattr(part, "arguments", ""))) for part in found] == [
        (Thinking, "hm"),
        (Text, "hi"),
        (ToolCall, '{"a":1}'),
    ]


def test_texts_without_a_word_of_their_items() -> None:
    found = parts(*placed(None, delta("reasoning_text", "hm"), delta("output_text", "hi", content_index=0)))
    assert [part.text for part in found if isinstance(part, Thinking | Text)] == ["hm", "hi"]


def test_calls_whose_pieces_come_mixed_under_one_index() -> None:
    calls = [{**CALL, "id": f"i{n}", "call_id": f"c{n}"} for n in range(2)]
    mixed = [{**delta("function_call_arguments", f'{{"a":{n}}}'), "item_id": f"i{n}"} for n in range(2)]
    found = parts(*placed(0, *map(added, calls), *mixed))
    assert [(part.id, part.arguments) for part in found if isinstance(part, ToolCall)] == [
        ("c0", '{"a":0}'),
        ("c1", '{"a":1}'),
    ]


@pytest.mark.parametrize(
    ("pieces", "whole_", "arguments"),
    [
        (["{}", '{"a":', "1}"], '{}{"a":1}', '{"a":1}'),
        (['"{\\"a\\"', ':1}"'], '"{\\"a\\":1}"', '{"a":1}'),
        (["{}"], "", "{}"),
        ([], "null", "{}"),
        (['{"a"'], '{"a":1}', '{"a":1}'),
    ],
    ids=["an empty object first", "an object in a string", "nothing", "null", "the end only at the end"],
)
def test_arguments_are_mended(pieces: list[str], whole_: str, arguments: str) -> None:
    grown = [delta("function_call_arguments", piece) for piece in pieces]
    found = parts(
        added(CALL), *grown, whole("function_call_arguments", arguments=whole_), ended({**CALL, "arguments": whole_})
    )
    assert [part.arguments for part in found if isinstance(part, ToolCall)] == [arguments]
