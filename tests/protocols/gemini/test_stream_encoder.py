import json
from typing import Any

import pytest

from ccx_addons.core.neutral import (
    Event,
    Failed,
    Fault,
    Finished,
    Media,
    Opaque,
    PartDelta,
    PartStarted,
    PartStopped,
    Refusal,
    Started,
    Text,
    Thinking,
    Tool,
    ToolCall,
    Usage,
)
from ccx_addons.protocols import gemini
from tests.protocols.gemini.values import OLD, PRO, ask, encode_all

BEGIN = Started("r", "upstream")
END = Finished("end", Usage(1, 2))


def part(index: int, value: Any, *deltas: str, **more: Any) -> list[Event]:
    return [PartStarted(index, value), *(PartDelta(index, text, **more) for text in deltas), PartStopped(index)]


def chunks(events: list[Event], model: str = OLD, **fields: Any) -> list[dict[str, Any]]:
    data = encode_all(events, ask(model, **fields)).decode()
    assert data.endswith("\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in data.split("\n\n") if line]


def parts(*events: Event, model: str = OLD) -> list[dict[str, Any]]:
    """What every chunk but the last says."""
    found = chunks([BEGIN, *events, END], model)
    return [each for chunk in found[:-1] for each in chunk["candidates"][0]["content"]["parts"]]


def test_a_whole_stream() -> None:
    same = {"modelVersion": OLD, "responseId": "r"}
    assert chunks([BEGIN, *part(0, Text(""), "a", "b"), END]) == [
        {"candidates": [{"content": {"parts": [{"text": "a"}], "role": "model"}, "index": 0}], **same},
        {"candidates": [{"content": {"parts": [{"text": "b"}], "role": "model"}, "index": 0}], **same},
        {
            "candidates": [{"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
            **same,
        },
    ]


CALL = {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}}
OTHER = {"functionCall": {"id": "d", "name": "g", "args": {}}}
SIGNED = {"text": "", "thought": True, "thoughtSignature": "c2ln"}
MARKED = {**SIGNED, "thoughtSignature": "Y2N4LW1lc3NhZ2VzOnM="}
OWN = Thinking("", origin="gemini")


@pytest.mark.parametrize(
    ("events", "wire"),
    [
        pytest.param(part(0, Text("a"), "", "b"), [{"text": "a"}, {"text": "b"}], id="text"),
        pytest.param([*part(0, Text(""), "a"), *part(1, Text("", apart=True), "b", "c")], [{"text": "a"}, {"text": "\n\nb"}, {"text": "c"}], id="two messages"),
        pytest.param(part(0, Refusal(""), "no"), [{"text": "no"}], id="refusal"),
        pytest.param(part(0, Text(""), "a", extra={"gemini": {"thoughtSignature": "c2ln"}}), [{"text": "a", "thoughtSignature": "c2ln"}], id="signed text"),
        pytest.param(part(0, Text(""), "a", extra={"chat": {"x": 1}}), [{"text": "a"}], id="another's side-car"),
        pytest.param(part(0, Thinking("a", origin="chat"), "b"), [{"text": "a", "thought": True}, {"text": "b", "thought": True}], id="thought"),
        pytest.param([*part(0, Thinking("", origin="messages"), "a")[:-1], PartDelta(0, signature="s"), PartStopped(0)], [{"text": "a", "thought": True}, MARKED], id="another's signature"),
        pytest.param(part(0, Thinking("", "s", "messages", True)), [MARKED], id="a redacted thought"),
        pytest.param([*part(0, OWN, "a", signature="c2ln"), *part(1, ToolCall("c", "f", '{"a":1}'))], [{"text": "a", "thought": True}, {**CALL, "thoughtSignature": "c2ln"}], id="a signature waits for its call"),
        pytest.param([*part(0, OWN, "a", signature="c2ln"), *part(1, Text(""), "b")], [{"text": "a", "thought": True}, SIGNED, {"text": "b"}], id="or goes before text"),
        pytest.param(part(0, OWN, "a", signature="c2ln"), [{"text": "a", "thought": True}, SIGNED], id="or at the end"),
        pytest.param(part(0, ToolCall("c", "f", ""), '{"a"', ": 1}"), [CALL], id="a call goes out whole"),
        pytest.param([PartStarted(0, ToolCall("c", "f", "")), PartStarted(1, ToolCall("d", "g", "")), PartDelta(1, "{}"), PartDelta(0, '{"a":1}'), PartStopped(0), PartStopped(1)],
                     [CALL, OTHER], id="calls side by side"),
        pytest.param([PartStarted(0, ToolCall("c", "f", "")), PartDelta(0, '{"a":1}'), PartStarted(1, ToolCall("d", "g", ""))], [CALL, OTHER], id="calls that do not stop"),
        pytest.param([PartStarted(0, ToolCall("c", "f", "")), PartStarted(1, Text("")), PartDelta(1, "a"), PartDelta(0, '{"a":1}'), PartStopped(0)], [{"text": "a"}, CALL], id="text does not wait"),
        pytest.param([PartStarted(0, ToolCall("c", "f", "")), PartDelta(0, '{"a":1}', extra={"gemini": {"partMetadata": {}}}), PartStopped(0)], [{**CALL, "partMetadata": {}}], id="a call's side-car"),
        pytest.param(part(0, Media("image/png", data="aGk=")), [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}], id="a picture"),
        pytest.param(part(0, Opaque("gemini", {"executableCode": {}})), [{"executableCode": {}}], id="Google's own"),
        pytest.param([PartDelta(7, "a"), PartStopped(7)], [], id="a part that never began"),
    ],
)  # fmt: skip
def test_parts(events: list[Event], wire: list[dict[str, Any]]) -> None:
    assert parts(*events) == wire


def test_text_goes_out_at_once() -> None:
    encoder = gemini.encoder(ask())
    assert encoder.encode(BEGIN) == encoder.encode(PartStarted(0, Text(""))) == b""
    assert b'"a"' in encoder.encode(PartDelta(0, "a"))
    assert encoder.encode(PartStarted(1, ToolCall("c", "f", ""))) == encoder.encode(PartDelta(1, "{}")) == b""
    assert b'"functionCall"' in encoder.encode(PartStopped(1))


def test_the_first_call_gets_a_placeholder_where_the_model_wants_one() -> None:
    found = parts(*part(0, ToolCall("c", "f", '{"a":1}')), *part(1, ToolCall("d", "g", "{}")), model=PRO)
    assert found == [{**CALL, "thoughtSignature": "skip_thought_signature_validator"}, OTHER]


def test_names_of_the_client() -> None:
    found = chunks([BEGIN, *part(0, ToolCall("c", "g_h", "{}")), END], tools=(Tool("g h"),))
    assert found[0]["candidates"][0]["content"]["parts"][0]["functionCall"]["name"] == "g h"


def test_without_a_start() -> None:
    found = chunks([*part(0, Text("a")), END])
    assert found[0]["responseId"] and found[0]["responseId"] == found[1]["responseId"]


def test_usage_of_the_start_is_better_than_none() -> None:
    assert chunks([Started("r", "m", usage=Usage(7)), Finished("end")])[0]["usageMetadata"]["promptTokenCount"] == 7


def test_side_cars() -> None:
    kept = {"gemini": {"candidate": {"groundingMetadata": {"x": 1}}, "createTime": "t"}}
    (last,) = chunks([BEGIN, Finished("end", extra=kept)])
    assert last["candidates"][0]["groundingMetadata"] == {"x": 1} and last["createTime"] == "t"


def test_losses() -> None:
    encoder = gemini.encoder(ask())
    for event in (*part(0, Opaque("chat", {})), *part(1, ToolCall("c", "f", "[")), Finished("pause")):
        encoder.encode(event)
    assert [loss.path for loss in encoder.losses] == ["content[0]", "content[1]", "finishReason"]


FAULT = Fault("overloaded", "busy")
ERROR = {"error": {"code": 529, "message": "busy", "status": "UNAVAILABLE"}}


def test_a_failure_ends_the_stream() -> None:
    assert chunks([BEGIN, *part(0, Text("a")), Failed(FAULT), *part(1, Text("b")), END])[1:] == [ERROR]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([END], 1, id="nothing said"),
        pytest.param([*part(0, Text(""), "a", "b"), END], 3, id="text"),
        pytest.param([Failed(FAULT)], 1, id="failed at once"),
        pytest.param([*part(0, Text("a")), Failed(FAULT)], 2, id="failed later"),
    ],
)
def test_the_array_is_json(events: list[Event], expected: int) -> None:
    values = json.loads(encode_all([BEGIN, *events], ask(), True))
    assert len(values) == expected
    assert (values[-1] == ERROR) is isinstance(events[-1], Failed)


def test_array_and_events_hold_the_same_chunks() -> None:
    events = [BEGIN, *part(0, Text(""), "a"), *part(1, ToolCall("c", "f", "{}")), END]
    assert json.loads(encode_all(events, ask(OLD), True)) == chunks(events)


@pytest.mark.parametrize("in_array", [False, True])
def test_each_chunk_for_code_assist_stands_in_its_envelope(in_array: bool) -> None:
    events = [BEGIN, *part(0, Text(""), "a", "b", "c"), *part(1, Thinking(""), "d", "e"), END]
    encoder = gemini.envelope_encoder(ask(OLD), in_array)
    text = b"".join(encoder.encode(event) for event in events).decode()
    found = json.loads(text) if in_array else [json.loads(line[6:]) for line in text.splitlines() if line]
    assert [one["response"] for one in found] == chunks(events)
    decoder = gemini.decoder()
    told = [event.text for event in [*decoder.feed(text.encode()), *decoder.flush()] if isinstance(event, PartDelta)]
    assert "".join(told) == "abcde"
