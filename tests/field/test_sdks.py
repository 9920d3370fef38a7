"""Odd streams and answers, as the vendors' own SDKs put together what clients of all protocols get of them."""

import json
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message as ClaudeMessage
from anthropic.types import RawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response as OpenAiResponse
from pydantic import TypeAdapter

from ccx_addons.convert.works import encoder
from ccx_addons.core.config import Kind
from ccx_addons.core.neutral import Event, Fault, Request, Response, Text, ToolCall, explode, fold
from ccx_addons.core.sse import Reader
from ccx_addons.core.wire_json import dumps
from ccx_addons.protocols import TEXT_PROTOCOLS
from tests.protocols.responses.values import accumulate

Said = dict[str, Any]


def choice(index: int = 0, **fields: Any) -> Said:
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": index, **fields}]}


def call(at: int | None, arguments: Any, name: str = "f", **fields: Any) -> Said:
    place = {} if at is None else {"index": at}
    return {"tool_calls": [{**place, **fields, "function": {"name": name, "arguments": arguments}}]}


def added(item: Said, **fields: Any) -> Said:
    return {"type": "response.output_item.added", "item": item, **fields}


def done(item: Said, **fields: Any) -> Said:
    return {"type": "response.output_item.done", "item": item, **fields}


def delta(kind: str, text: str, **fields: Any) -> Said:
    return {"type": f"response.{kind}.delta", "delta": text, **fields}


def chunk(*parts: Said, **fields: Any) -> Said:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **fields}]}


DONE: Said = {"id": "r", "status": "completed", "output": [], "usage": None}
OVER = {"type": "response.completed", "response": DONE}
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "content": []}
CALL = {"type": "function_call", "id": "i", "call_id": "t", "name": "f", "arguments": ""}
NESTED = {"type": "function_call", "call_id": "t", "function": {"name": "f", "arguments": '{"a":1}'}}
BEGUN = {"type": "message_start", "message": {"type": "message", "id": "m", "role": "assistant", "content": []}}
USE = {"type": "tool_use", "name": "f", "input": {}}
CALLED = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}}

STREAMS: dict[str, tuple[Kind, list[Said], str, list[str]]] = {
    "text of completions": ("chat", [choice(text="hel"), choice(text="lo", finish_reason="stop")], "hello", []),
    "a message beside deltas": (
        "chat", [choice(delta={}, message={"role": "assistant", "content": "hello"}, finish_reason="stop")], "hello", [],
    ),
    "a call in a second choice": (
        "chat",
        [{"id": "c", "choices": [
            {"message": {"content": "hello"}, "finish_reason": "tool_calls"},
            {"message": call(0, '{"a":1}', id="t"), "finish_reason": "tool_calls"},
        ]}],
        "hello",
        ['{"a":1}'],
    ),
    "arguments as an object": ("chat", [choice(delta=call(None, {"a": 1}), finish_reason="stop")], "", ['{"a":1}']),
    "arguments behind an empty object": (
        "chat",
        [choice(delta=call(0, "{}", id="t")), choice(delta=call(0, '{"a":1}', name=""), finish_reason="tool_calls")],
        "",
        ['{"a":1}'],
    ),
    "items by id": (
        "responses",
        [
            added(MESSAGE, output_index=0), delta("output_text", "hello", item_id="m", output_index=0),
            added(CALL, output_index=0), delta("function_call_arguments", '{"a":1}', item_id="i", output_index=0), OVER,
        ],
        "hello",
        ['{"a":1}'],
    ),
    "items without an index": (
        "responses",
        [added(MESSAGE), delta("output_text", "hello"), done(MESSAGE), added(CALL),
         delta("function_call_arguments", '{"a":1}'), OVER],
        "hello",
        ['{"a":1}'],
    ),
    "only deltas": ("responses", [delta("output_text", "hello"), OVER], "hello", []),
    "only output_text": ("responses", [{**OVER, "response": {**DONE, "output_text": "hello"}}], "hello", []),
    "a nested function": ("responses", [done(NESTED), OVER], "", ['{"a":1}']),
    "calls without ids": (
        "gemini",
        [chunk({"text": "hello"}, *({"functionCall": {"name": "f", "args": {"a": n}}} for n in (1, 2)), finishReason="STOP")],
        "hello",
        ['{"a":1}', '{"a":2}'],
    ),
    "arguments as text": (
        "gemini", [chunk({"functionCall": {"name": "f", "args": '{"a":1}'}}, finishReason="STOP")], "", ['{"a":1}'],
    ),
    "a call of Claude without an id": (
        "messages",
        [
            BEGUN, {"type": "content_block_start", "index": 0, "content_block": USE},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
            {"type": "content_block_stop", "index": 0}, CALLED, {"type": "message_stop"},
        ],
        "",
        ['{"a":1}'],
    ),
}  # fmt: skip


def events_of(kind: Kind, said: list[Said]) -> list[Event]:
    decoder = TEXT_PROTOCOLS[kind].decoder()
    end = b"data: [DONE]\n\n" if kind == "chat" else b""
    return [*decoder.feed(b"".join(b"data: %b\n\n" % dumps(one) for one in said) + end), *decoder.flush()]


def streamed(kind: Kind, target: Kind, events: list[Event]) -> Any:
    """The answer as the client's SDK puts it together."""
    writer, reader = encoder(target, kind, Request("m", (), stream=True), array=False), Reader()
    data = b"".join(map(writer.encode, events))
    found = [json.loads(event.data) for event in (*reader.feed(data), *reader.flush()) if event.data != "[DONE]"]
    if target == "responses":
        return accumulate(found)
    if target == "chat":
        state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
        for one in found:
            state.handle_chunk(ChatCompletionChunk.model_validate(one))
        return state.current_completion_snapshot.to_dict()
    if target == "messages":
        snapshot: Any = None
        raw: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
        pieces: dict[int, bytes] = {}
        for one in found:
            snapshot = accumulate_event(event=raw.validate_python(one), current_snapshot=snapshot, json_bufs=pieces)
        return json.loads(snapshot.to_json())
    answers = [
        GenerateContentResponse.model_validate(one).model_dump(exclude_none=True, by_alias=True) for one in found
    ]
    parts = [part for one in answers for part in one["candidates"][0]["content"]["parts"]]
    return {"candidates": [{"content": {"parts": parts}, "finishReason": answers[-1]["candidates"][0]["finishReason"]}]}


CHECKS: dict[Kind, Any] = {
    "messages": ClaudeMessage, "chat": ChatCompletion, "responses": OpenAiResponse, "gemini": GenerateContentResponse,
}  # fmt: skip


def seen(target: Kind, answer: Any) -> tuple[str, list[str], int]:
    """Text, arguments and how many ids the calls have, as the client reads them."""
    whole = TEXT_PROTOCOLS[target].decode_response(answer)
    assert isinstance(whole, Response)
    calls = [part for part in whole.parts if isinstance(part, ToolCall)]
    text = "".join(part.text for part in whole.parts if isinstance(part, Text))
    arguments = [dumps(json.loads(each.arguments)).decode() for each in calls]
    return text, arguments, len({each.id for each in calls if each.id})


ANSWERS: dict[str, tuple[Kind, Said, str, list[str]]] = {
    "text of completions": ("chat", {"choices": [{"text": "hello", "finish_reason": "stop"}]}, "hello", []),
    "a call in a second choice": (
        "chat",
        {
            "choices": [
                {"message": {"role": "assistant", "content": "hello"}, "finish_reason": "tool_calls"},
                {"message": call(None, {"a": 1}, id="t"), "finish_reason": "tool_calls"},
            ]
        },
        "hello",
        ['{"a":1}'],
    ),
    "calls with one id": (
        "chat",
        {"choices": [{"message": {"tool_calls": [call(0, f'{{"a":{n}}}', id="t")["tool_calls"][0] for n in (1, 2)]}}]},
        "",
        ['{"a":1}', '{"a":2}'],
    ),
    "only output_text": ("responses", {**DONE, "output_text": "hello"}, "hello", []),
    "a nested function": ("responses", {**DONE, "output": [NESTED]}, "", ['{"a":1}']),
    "arguments in a string": ("responses", {**DONE, "output": [{**CALL, "arguments": '"{}"'}]}, "", ["{}"]),
    "calls without ids": (
        "gemini",
        chunk({"text": "hello"}, *2 * [{"functionCall": {"name": "f", "args": {"a": 1}}}], finishReason="STOP"),
        "hello",
        2 * ['{"a":1}'],
    ),
    "a call of Claude without an id": (
        "messages",
        {"type": "message", "role": "assistant", "content": [{**USE, "input": '{"a":1}'}], "stop_reason": "end_turn"},
        "",
        ['{"a":1}'],
    ),
}


def accepted(
    kind: Kind, target: Kind, whole: Response | Fault, events: list[Event]
) -> list[tuple[str, list[str], int]]:
    """What the client's SDK makes of the answer in one piece and of its stream."""
    assert isinstance(whole, Response)
    body = json.loads(dumps(TEXT_PROTOCOLS[target].encode_response(whole, Request("m", ()))[0]))
    CHECKS[target].model_validate(body)
    return [seen(target, body), seen(target, streamed(kind, target, events))]


@pytest.mark.parametrize("target", CHECKS)
@pytest.mark.parametrize("name", STREAMS)
def test_the_clients_sdk_takes_what_it_gets_of_a_stream(name: str, target: Kind) -> None:
    kind, said, text, calls = STREAMS[name]
    events = events_of(kind, said)
    assert accepted(kind, target, fold(events), events) == 2 * [(text, calls, len(calls))]


@pytest.mark.parametrize("target", CHECKS)
@pytest.mark.parametrize("name", ANSWERS)
def test_the_clients_sdk_takes_what_it_gets_of_an_answer(name: str, target: Kind) -> None:
    kind, said, text, calls = ANSWERS[name]
    whole = TEXT_PROTOCOLS[kind].decode_response(said)
    assert isinstance(whole, Response)
    assert accepted(kind, target, whole, list(explode(whole))) == 2 * [(text, calls, len(calls))]
