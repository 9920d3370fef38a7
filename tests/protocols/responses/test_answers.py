from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.core.neutral import (
    NO_EXTRA,
    Fault,
    Media,
    Opaque,
    Part,
    Refusal,
    Response,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from ccx_addons.protocols import responses
from ccx_addons.protocols.responses.answers import created_of, read_item, read_usage, write_usage
from tests.protocols.responses.values import own


def answer(*output: Any, **fields: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "model": "m", "status": "completed", "output": list(output), **fields}


def message(*content: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "status": "completed", "content": list(content), **fields}


def text(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": []}


CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}


# ---- usage -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        pytest.param({}, None, id="none"),
        pytest.param(
            {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
                "output_tokens": 40,
                "output_tokens_details": {"reasoning_tokens": 30},
                "total_tokens": 140,
            },
            Usage(100, 40, 60, 10, 30),
            id="whole",
        ),
        pytest.param({"input_tokens": 5, "output_tokens_details": None}, Usage(5), id="without details"),
        pytest.param({"input_tokens": "5", "output_tokens": -1}, Usage(), id="wrong types"),
        pytest.param(
            {"input_tokens": 5, "cost": 1, "input_tokens_details": {"audio_tokens": 2}},
            Usage(5, extra=own(cost=1, input_tokens_details={"audio_tokens": 2})),
            id="more",
        ),
    ],
)
def test_usage(wire: dict[str, Any], usage: Usage | None) -> None:
    assert read_usage(wire) == usage
    if usage:
        assert read_usage(write_usage(usage)) == usage
        assert write_usage(usage)["total_tokens"] == usage.input + usage.output


# ---- how it ends -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "stop"),
    [
        (answer(message(text("a"))), "end"),
        (answer(message(text("a")), CALL), "tool_call"),
        (answer(CALL, message(text("a"))), "tool_call"),
        (answer(message({"type": "refusal", "refusal": "no"})), "refusal"),
        (answer(status="incomplete", incomplete_details={"reason": "max_output_tokens"}), "length"),
        (answer(CALL, status="incomplete", incomplete_details={"reason": "content_filter"}), "refusal"),
        (answer(status="incomplete", incomplete_details={"reason": "steered"}), "pause"),
        (answer(status="incomplete", incomplete_details=None), "length"),
    ],
)
def test_stops(body: dict[str, Any], stop: Stop) -> None:
    found = responses.decode_response(body)
    assert isinstance(found, Response) and found.stop == stop


def test_a_rare_reason_stays() -> None:
    details = {"reason": "steered"}
    found = responses.decode_response(answer(status="incomplete", incomplete_details=details, service_tier="flex"))
    assert isinstance(found, Response)
    assert found.extra == own(incomplete_details=details, service_tier="flex")


@pytest.mark.parametrize(
    ("body", "message_"),
    [
        ({"error": {"message": "no", "code": "x"}}, "no"),
        ({"error": "no"}, "no"),
        (answer(message(text("a")), status="failed", error={"message": "broke", "code": "server_error"}), "broke"),
        (answer(status="failed"), "failed"),
        (answer(message(text("a")), status="cancelled"), "cancelled"),
        (answer(), "no content"),
        (answer(message(text(""))), "no content"),
        (answer(status="queued"), "queued"),
        (answer(status="in_progress"), "in_progress"),
        ({}, "no content"),
        (None, "no content"),
        ([1], "no content"),
    ],
)
def test_what_is_no_answer(body: Any, message_: str) -> None:
    fault = responses.decode_response(body)
    assert isinstance(fault, Fault) and message_ in fault.message


@pytest.mark.parametrize(
    "body",
    [
        answer(status="in_progress"),
        answer(status="queued"),
        {"object": "response.input_tokens", "input_tokens": 9},
        answer({"type": "reasoning", "summary": []}),
        answer(message({"type": "refusal", "refusal": "no"})),
    ],
)
def test_what_is_one(body: dict[str, Any]) -> None:
    assert responses.answer_fault(body) is None


# ---- parts -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("item", "parts"),
    [
        pytest.param(message(text("a"), text("b")), (Text("a"), Text("b")), id="texts"),
        pytest.param(
            message(text("a"), {"type": "refusal", "refusal": "no"}, id="msg_1", phase="final_answer"),
            (
                Text("a", own(item={"id": "msg_1", "phase": "final_answer"})),
                Refusal("no", own(item={"id": "msg_1", "phase": "final_answer"})),
            ),
            id="item",
        ),
        pytest.param(message({"type": "new"}, 5), (Opaque("responses", {"type": "new"}),), id="unknown content"),
        pytest.param(message(), (), id="no content"),
        pytest.param(CALL, (ToolCall("c", "f", "{}"),), id="call"),
        pytest.param(
            {"type": "reasoning", "summary": [], "encrypted_content": "ccx-messages:c2ln"},
            (Thinking("", "ccx-messages:c2ln", "responses"),),
            id="a gateway behind the gateway",
        ),
        pytest.param(
            {"type": "image_generation_call", "id": "ig_1", "result": "aGk=", "output_format": "webp"},
            (
                Media(
                    "image/webp", data="aGk=", extra=own(type="image_generation_call", id="ig_1", output_format="webp")
                ),
            ),
            id="picture",
        ),
        pytest.param(
            {"type": "image_generation_call", "result": None},
            (Opaque("responses", {"type": "image_generation_call", "result": None}),),
            id="no picture",
        ),
        pytest.param({"type": ["x"]}, (Opaque("responses", {"type": ["x"]}),), id="odd type"),
    ],
)
def test_items(item: dict[str, Any], parts: tuple[Part, ...]) -> None:
    assert read_item(item) == parts


@pytest.mark.parametrize(("value", "seconds"), [(5, 5), (5.75, 5), (None, 0), ("5", 0), (float("inf"), 0), (-1.0, 0)])
def test_the_time(value: Any, seconds: int) -> None:
    assert created_of({"created_at": value}) == seconds


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        pytest.param({"output": [{"role": "assistant", "content": [text("a")]}]}, (Text("a"),), id="no type"),
        pytest.param({"output": [{**message(), "content": "a"}]}, (Text("a"),), id="text alone"),
        pytest.param({"output": [message({"text": "a"})]}, (Text("a"),), id="a part without a type"),
        pytest.param({"output": [], "output_text": "a"}, (Text("a"),), id="nothing but the helper's text"),
        pytest.param({"output": [{"type": "reasoning", "summary": ["a"], "content": "b"}]},
                     (Thinking("b\n\na", None, "responses"),), id="texts of a thought"),
        pytest.param({"output": [{**CALL, "name": None, "function": {"name": "f", "arguments": '"{}"'}}]},
                     (ToolCall("c", "f", "{}"),), id="Chat's form of a call"),
        pytest.param({"output": [{"type": "function_call", "name": "f", "arguments": text_} for text_ in ("{}", "[]")]},
                     (ToolCall("f", "f", "{}"), ToolCall("f_2", "f", "[]")), id="calls without ids"),
    ],
)  # fmt: skip
def test_forms_that_servers_give_an_answer(fields: dict[str, Any], parts: tuple[Part, ...]) -> None:
    found = responses.decode_response({**answer(), **fields})
    assert isinstance(found, Response)
    assert tuple(replace(part, extra=NO_EXTRA) for part in found.parts if not isinstance(part, Opaque)) == parts


@pytest.mark.parametrize(
    ("reason", "stop"), [("max_tokens", "length"), ("length", "length"), ("safety", "refusal"), ("new", "pause")]
)
def test_why_an_answer_is_incomplete(reason: str, stop: Stop) -> None:
    found = responses.decode_response(
        answer(message(text("a")), status="incomplete", incomplete_details={"reason": reason})
    )
    assert isinstance(found, Response) and found.stop == stop


def test_counts_in_the_words_of_chat() -> None:
    counts = {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    assert read_usage(counts) == Usage(9, 5, 4)
