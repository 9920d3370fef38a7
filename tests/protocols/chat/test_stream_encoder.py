"""Events -> the client's stream."""

import json
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

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
    fold,
)
from ccx_addons.protocols import chat
from ccx_addons.protocols.chat.tools import FREEFORM_SCHEMA
from tests.protocols.chat.values import ask, encode_all

START = Started("c1", "upstream", 7)
END = Finished("end", Usage(1, 2))


def chunks(*events: Event, **fields: Any) -> list[Any]:
    """The chunks of the stream as JSON; ``[DONE]`` as text."""
    frames = encode_all(list(events), ask("mine", **fields)).decode().split("\n\n")
    assert frames.pop() == ""
    data = [frame.removeprefix("data: ") for frame in frames]
    return [text if text == "[DONE]" else json.loads(text) for text in data]


def deltas(*events: Event, **fields: Any) -> list[dict[str, Any]]:
    """What the chunks between the role and the finish reason say."""
    found = chunks(START, *events, END, **{"stream_usage": False, **fields})
    return [chunk["choices"][0]["delta"] for chunk in found[1:-2]]


def part(index: int, start: Part, *texts: str) -> list[Event]:
    return [PartStarted(index, start), *(PartDelta(index, text) for text in texts), PartStopped(index)]


def test_a_stream_in_full() -> None:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "mine"}

    def said(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**head, "choices": [choice], "usage": None}

    assert chunks(START, *part(0, Text(""), "hi", "!"), END) == [
        said({"role": "assistant", "content": "", "refusal": None}),
        said({"content": "hi"}),
        said({"content": "!"}),
        said({}, "stop"),
        {
            **head,
            "choices": [],
            "usage": {
                "prompt_tokens": 1,
                "completion_tokens": 2,
                "total_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
        },
        "[DONE]",
    ]


def test_usage_is_only_for_those_who_ask() -> None:
    found = chunks(START, *part(0, Text(""), "hi"), END, stream_usage=False)
    assert found[-1] == "[DONE]"
    assert all("usage" not in chunk for chunk in found[:-1])


def test_usage_of_the_start_counts_where_the_end_has_none() -> None:
    found = chunks(Started("c", "m", usage=Usage(5)), Finished("end"))
    assert found[-2]["usage"]["prompt_tokens"] == 5


SIGNED = {"type": "reasoning.text", "text": "hm", "signature": "s1s2", "format": "ccx-messages", "index": 0}


@pytest.mark.parametrize(
    ("events", "found"),
    [
        pytest.param(part(0, Text("a"), "b"), [{"content": "a"}, {"content": "b"}], id="a start that says something"),
        pytest.param(part(0, Text("")), [], id="an empty part"),
        pytest.param(part(0, Text(""), '"\\\n\u2028ä😀'), [{"content": '"\\\n\u2028ä😀'}], id="escapes"),
        pytest.param(part(0, Text(""), "\ud800"), [{"content": "\ud800"}], id="half a surrogate pair"),
        pytest.param(part(0, Refusal(""), "no"), [{"refusal": "no"}], id="refusal"),
        pytest.param(part(0, Thinking("", origin="gemini"), "hm"), [{"reasoning_content": "hm"}], id="a thought"),
        pytest.param(
            [PartStarted(0, Thinking("", origin="messages")), PartDelta(0, "h"), PartDelta(0, "m"),
             PartDelta(0, signature="s1"), PartDelta(0, signature="s2"), PartStopped(0)],
            [{"reasoning_content": "h"}, {"reasoning_content": "m"}, {"reasoning_details": [SIGNED]}],
            id="a signed thought",
        ),
        pytest.param(
            part(0, Thinking("", "s", "messages", True)),
            [{"reasoning_details": [
                {"type": "reasoning.encrypted", "data": "s", "format": "ccx-messages", "index": 0}
            ]}],
            id="a redacted thought",
        ),
        pytest.param(
            [*part(0, Text(""), "a"), *part(1, Text(""), "b")], [{"content": "a"}, {"content": "b"}],
            id="texts that follow each other",
        ),
        pytest.param(
            [*part(0, Text(""), "a"), *part(1, Text("", apart=True), "b", "c")],
            [{"content": "a"}, {"content": "\n\nb"}, {"content": "c"}], id="two messages",
        ),
        pytest.param(
            [*part(0, Text(""), "a"), *part(1, Thinking(""), "x"), *part(2, Text(""), "b", "c")],
            [{"content": "a"}, {"reasoning_content": "x"}, {"content": "\n\nb"}, {"content": "c"}], id="paragraphs",
        ),
        pytest.param(
            part(0, Media("image/png", data="aGk=")),
            [{"images": [{"index": 0, "type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]}],
            id="a picture",
        ),
        pytest.param([PartDelta(5, "x"), PartStopped(5)], [], id="a part that never started"),
    ],
)  # fmt: skip
def test_parts(events: list[Event], found: list[dict[str, Any]]) -> None:
    assert deltas(*events) == found


def call(index: int, arguments: str, **head: Any) -> dict[str, Any]:
    name = {"name": head.pop("name")} if "name" in head else {}
    return {"tool_calls": [{"index": index, **head, "function": {**name, "arguments": arguments}}]}


def test_parallel_calls() -> None:
    events: list[Event] = [
        PartStarted(3, ToolCall("a", "f", "")),
        PartDelta(3, "{"),
        PartStarted(4, ToolCall("b", "g", "")),
        PartDelta(4, "[]"),
        PartDelta(3, "}"),
        PartStopped(3),
        PartStopped(4),
    ]
    assert deltas(*events) == [
        call(0, "", id="a", type="function", name="f"),
        call(0, "{"),
        call(1, "", id="b", type="function", name="g"),
        call(1, "[]"),
        call(0, "}"),
    ]
    assert chunks(START, *events, END)[-3]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_call_without_arguments_gets_an_object() -> None:
    assert deltas(*part(0, ToolCall("a", "f", ""))) == [call(0, "", id="a", type="function", name="f"), call(0, "{}")]
    assert deltas(PartStarted(0, ToolCall("a", "f", "")))[-1] == call(0, "{}")


def test_calls_have_the_clients_names() -> None:
    (first, _) = deltas(*part(0, ToolCall("a", "mcp_x_y", ""), "{}"), tools=(Tool("mcp.x/y"),))
    assert first["tool_calls"][0]["function"]["name"] == "mcp.x/y"


def test_calls_of_custom_tools_come_whole() -> None:
    tools = (Tool("p", parameters=FREEFORM_SCHEMA, freeform=True),)
    found = deltas(*part(0, ToolCall("a", "p", ""), '{"inp', 'ut":"x', '\\n"}'), tools=tools)
    said = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "p", "input": "x\n"}}
    assert found == [{"tool_calls": [said]}]


def test_clients_of_deprecated_functions_get_one_function_call() -> None:
    request = chat.decode_request(
        {"messages": [{"role": "user", "content": "hi"}], "functions": [{"name": "f"}]}, "m", True
    )
    encoder = chat.encoder(request)
    events = [START, *part(0, ToolCall("a", "f", ""), "{}"), *part(1, ToolCall("b", "f", ""), "[]"), END]
    found = [json.loads(data[6:]) for event in events if (data := encoder.encode(event)) and b"[DONE]" not in data]
    assert [chunk["choices"][0]["delta"] for chunk in found[1:]] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
    ]
    assert [loss.path for loss in encoder.losses] == ["content[1]"]


def test_what_cannot_be_said_is_a_loss() -> None:
    encoder = chat.encoder(ask())
    for event in [START, *part(0, Opaque("messages", {})), *part(1, Media("audio/wav", data="x")), Finished("pause")]:
        encoder.encode(event)
    assert [loss.path for loss in encoder.losses] == ["content[0]", "content[1]", "finish_reason"]


def test_an_answer_that_begins_late() -> None:
    found = chunks(*part(0, Text(""), "hi"), START, END)
    assert found[0]["choices"][0]["delta"]["role"] == "assistant"
    assert found[0]["id"].startswith("chatcmpl-")
    assert len({chunk["id"] for chunk in found[:-1]}) == 1


def test_an_error_ends_the_stream() -> None:
    found = chunks(START, *part(0, Text(""), "hi"), Failed(Fault("overloaded", "too much")), PartDelta(0, "x"), END)
    assert found[-1]["error"]["message"] == "too much"
    assert len(found) == 3


def test_a_stop_sequence_is_said_beside_the_reason() -> None:
    found = chunks(START, Finished("stop_sequence", stop_sequence="END"))
    choice = found[1]["choices"][0]
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", "END")


def test_the_official_client_takes_calls_and_signed_thoughts() -> None:
    tools = (Tool("p", parameters=FREEFORM_SCHEMA, freeform=True), Tool("f"))
    events = [
        START,
        *part(0, Thinking("", "s", "messages"), "hm"),
        *part(1, Thinking("", "t", "messages", True)),
        *part(2, Text(""), "a"),
        *part(3, ToolCall("x", "f", ""), '{"a"', ":1}"),
        *part(4, ToolCall("y", "f", "")),
        Finished("tool_call", Usage(1, 2)),
    ]
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    for chunk in chunks(*events, tools=tools)[:-1]:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    found = state.get_final_completion().to_dict()
    response = fold(events)
    assert isinstance(response, Response)
    answer, _ = chat.encode_response(response, ask("mine", tools=tools))
    message, said = found["choices"][0]["message"], answer["choices"][0]["message"]  # type: ignore[index]
    for name in ("content", "reasoning_content", "reasoning_details"):
        assert message[name] == said[name]
    calls = [{k: v for k, v in call.items() if k != "index"} for call in message["tool_calls"]]
    for found_call, wanted in zip(calls, said["tool_calls"], strict=True):
        found_call["function"].pop("parsed_arguments", None)
        assert found_call == wanted
