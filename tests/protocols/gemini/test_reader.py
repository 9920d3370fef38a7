from typing import Any

import pytest

from ccx_addons.core import words
from ccx_addons.core.neutral import (
    Event,
    Failed,
    Loss,
    Media,
    Opaque,
    Part,
    Response,
    Source,
    Started,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
    fold,
)
from ccx_addons.protocols.gemini.reader import AnswerReader


def chunk(*parts: Any, reason: str = "", **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "responseId": "r", "modelVersion": "m", **more}


def events(*chunks: dict[str, Any]) -> list[Event]:
    reader = AnswerReader()
    return [event for each in chunks for event in reader.read(each)] + reader.finish()


def answer(*chunks: dict[str, Any]) -> Response:
    found = fold(events(*chunks))
    assert isinstance(found, Response)
    return found


def parts(*wire: Any) -> tuple[Part, ...]:
    return answer(chunk(*wire, reason="STOP")).parts


def thought(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "thought": True, **more}


SIGNED = {"thoughtSignature": "c2ln"}
CALL = {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}}
PLAIN_CALL = ToolCall("c", "f", '{"a":1}')


def piece(*values: dict[str, Any], more: bool = True, **fields: Any) -> dict[str, Any]:
    """A part of a call whose arguments come in pieces."""
    return {"functionCall": {"partialArgs": list(values), "willContinue": more, **fields}}


BEGUN = {"functionCall": {"name": "f", "id": "c", "willContinue": True}}
TOWN = {"jsonPath": "$.town", "stringValue": "Bos", "willContinue": True}
REST = {"jsonPath": "$.town", "stringValue": "ton"}
TOWN_CALL = ToolCall("c", "f", '{"town":"Boston"}')


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        pytest.param([{"text": "a"}, {"text": "b"}], (Text("ab"),), id="texts that follow each other"),
        pytest.param([{"text": ""}, {"text": "a"}, {"text": ""}], (Text("a"),), id="empty texts"),
        pytest.param([{"text": "a"}, {"text": "", **SIGNED}], (Text("a", {"gemini": SIGNED}),), id="a text's signature"),
        pytest.param([{"text": "", **SIGNED}], (), id="a signature for nothing"),
        pytest.param([{"text": "a", "thoughtSignature": "skip_thought_signature_validator"}], (Text("a"),), id="a placeholder"),
        pytest.param([{"text": "a", "partMetadata": {"x": 1}}], (Text("a", {"gemini": {"partMetadata": {"x": 1}}}),), id="side-car"),
        pytest.param([thought("a"), thought("b"), {"text": "c"}], (Thinking("ab", None, "gemini"), Text("c")), id="thoughts"),
        pytest.param([thought("a", **SIGNED), thought("b")], (Thinking("a", "c2ln", "gemini"), Thinking("b", None, "gemini")), id="a signature ends a thought"),
        pytest.param([thought("", **SIGNED)], (Thinking("", "c2ln", "gemini", True),), id="only a signature"),
        pytest.param([thought(""), {"text": "a"}], (Text("a"),), id="an empty thought"),
        pytest.param([CALL], (PLAIN_CALL,), id="call"),
        pytest.param([thought("a"), {**CALL, **SIGNED}], (Thinking("a", "c2ln", "gemini"), PLAIN_CALL), id="a call's signature goes to its thought"),
        pytest.param([{"text": "a"}, {**CALL, **SIGNED}], (Text("a"), Thinking("", "c2ln", "gemini", True), PLAIN_CALL), id="or to one without text"),
        pytest.param([{**CALL, "thoughtSignature": "skip_thought_signature_validator"}], (PLAIN_CALL,), id="a call with a placeholder"),
        pytest.param([{"function_call": {"id": "c", "name": "f", "args": {"a": 1}}}], (PLAIN_CALL,), id="snake case"),
        pytest.param([{"functionCall": {"id": "c", "name": "f"}}], (ToolCall("c", "f", "{}"),), id="no arguments"),
        pytest.param([{"functionCall": {"args": {}}}, {"functionCall": None}], (), id="a call without a name"),
        pytest.param([BEGUN, piece(TOWN), piece(REST), {"functionCall": {}}], (TOWN_CALL,), id="arguments in pieces"),
        pytest.param([piece(TOWN, name="f", id="c"), piece(REST, name="f", more=False)], (TOWN_CALL,), id="named again"),
        pytest.param([BEGUN, piece(TOWN, REST)], (TOWN_CALL,), id="no last part"),
        pytest.param(
            [BEGUN, piece(TOWN), piece(REST, more=False), CALL], (TOWN_CALL, PLAIN_CALL), id="a whole call after pieces"
        ),
        pytest.param(
            [BEGUN, piece(TOWN), {"functionCall": {"id": "d", "name": "g"}}],
            (ToolCall("c", "f", '{"town":"Bos"'), ToolCall("d", "g", "{}")), id="pieces that another call breaks off",
        ),
        pytest.param(
            [thought("hm"), {**BEGUN, **SIGNED}, piece(TOWN, REST, more=False)],
            (Thinking("hm", "c2ln", "gemini"), TOWN_CALL), id="pieces that are signed",
        ),
        pytest.param([{"text": "a"}, CALL, {"text": "b"}], (Text("a"), PLAIN_CALL, Text("b")), id="text, call, text"),
        pytest.param([{"inlineData": {"mimeType": "image/png", "data": "aGk="}}], (Media("image/png", data="aGk="),), id="a picture"),
        pytest.param([{"executableCode": {"code": "1"}}], (Opaque("gemini", {"executableCode": {"code": "1"}}),), id="Google's own"),
        pytest.param([{}, {"thought": True}, {"text": 3}, 3], (), id="nothing"),
    ],
)  # fmt: skip
def test_parts(wire: list[Any], expected: tuple[Part, ...]) -> None:
    assert parts(*wire) == expected


@pytest.mark.parametrize(
    ("wire", "stop", "kept"),
    [
        pytest.param([chunk({"text": "a"}, reason="STOP")], "end", None, id="stop"),
        pytest.param([chunk({"text": "a"})], "end", None, id="no reason"),
        pytest.param([chunk(CALL, reason="STOP")], "tool_call", None, id="a call makes a tool call"),
        pytest.param([chunk(CALL), chunk({"text": ""}, reason="STOP")], "tool_call", None, id="an earlier call too"),
        pytest.param([chunk(CALL, reason="MAX_TOKENS")], "length", None, id="cut after a call"),
        pytest.param([chunk({"text": "a"}, reason="RECITATION")], "refusal", {"candidate": {"finishReason": "RECITATION"}}, id="a rare reason stays"),
        pytest.param([chunk({"text": "a"}, reason="NEW_REASON")], "refusal", {"candidate": {"finishReason": "NEW_REASON"}}, id="an unknown reason"),
        pytest.param([chunk({"text": "a"}, reason="MALFORMED_FUNCTION_CALL")], "error", {"candidate": {"finishReason": "MALFORMED_FUNCTION_CALL"}}, id="broken off"),
        pytest.param([chunk({"text": "a"}, reason="NO_IMAGE")], "end", {"candidate": {"finishReason": "NO_IMAGE"}}, id="words, no picture"),
        pytest.param([{"promptFeedback": {"blockReason": "SAFETY"}}], "refusal", {"promptFeedback": {"blockReason": "SAFETY"}}, id="a blocked prompt"),
    ],
)  # fmt: skip
def test_stops(wire: list[dict[str, Any]], stop: Stop, kept: dict[str, Any] | None) -> None:
    found = answer(*wire)
    assert (found.stop, found.extra) == (stop, {"gemini": kept} if kept else {})


def test_broken_off_before_a_word_is_a_failure() -> None:
    wire = chunk(reason="MALFORMED_FUNCTION_CALL")
    wire["candidates"][0]["finishMessage"] = "Malformed function call: print("
    started, failed = events(wire)
    assert isinstance(started, Started) and isinstance(failed, Failed)
    assert (failed.fault.kind, failed.fault.message) == ("server", "Malformed function call: print(")


def test_an_error_ends_everything() -> None:
    reader = AnswerReader()
    assert [type(event) for event in reader.read({"error": {"code": 429, "message": "slow down"}})] == [Failed]
    assert reader.failed and reader.read(chunk({"text": "a"})) == reader.finish() == []


def test_usage_grows() -> None:
    wire = [
        chunk({"text": "a"}, usageMetadata={"promptTokenCount": 9, "promptTokensDetails": [{"tokenCount": 9}]}),
        chunk(reason="STOP", usageMetadata={"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 3}),
        {"usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": 4, "thoughtsTokenCount": None}},
    ]
    details = {"gemini": {"promptTokensDetails": [{"tokenCount": 9}]}}
    assert answer(*wire).usage == Usage(9, 7, 0, 0, 3, details)


def test_side_cars_of_all_chunks() -> None:
    first = chunk({"text": "a"}, createTime="t")
    first["candidates"][0]["safetyRatings"] = [1]
    last = chunk(reason="STOP", createTime="t")
    last["candidates"][0] |= {"groundingMetadata": {"x": 1}, "safetyRatings": [2], "citationMetadata": None}
    kept = {"createTime": "t", "candidate": {"safetyRatings": [2], "groundingMetadata": {"x": 1}}}
    assert answer(first, last).extra == {"gemini": kept}


def test_only_the_first_candidate_counts() -> None:
    other = {"content": {"parts": [{"text": "b"}]}, "index": 1, "finishReason": "MAX_TOKENS"}
    wire = chunk({"text": "a"}, reason="STOP")
    wire["candidates"].append(other)
    found = answer({"candidates": [other]}, wire)
    assert (found.parts, found.stop) == ((Text("a"),), "end")


def test_ids_for_calls_without() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    ids = [part.id for part in parts(call, call) if isinstance(part, ToolCall)]
    again = [part.id for part in parts(call, call) if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2 and ids == again and all(id_.startswith("call_") for id_ in ids)


def test_ids_without_an_answers_id_are_new_each_time() -> None:
    wire = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}, "finishReason": "STOP"}]}
    first, second = answer(wire).parts[0], answer(wire).parts[0]
    assert isinstance(first, ToolCall) and isinstance(second, ToolCall) and first.id != second.id


def test_a_call_that_the_limit_breaks_off_is_no_whole_json() -> None:
    found = answer(chunk(BEGUN), chunk(piece(TOWN)), chunk(reason="MAX_TOKENS"))
    assert found.parts == (ToolCall("c", "f", '{"town":"Bos"'),) and found.stop == "length"


@pytest.mark.parametrize(
    ("args", "found"),
    [('{"a":1}', '{"a":1}'), ('"{}"', "{}"), ("", "{}"), ("a = 1", "a = 1")],
    ids=["an object", "an object in a string", "nothing", "no JSON"],
)
def test_arguments_that_a_relay_sends_as_text(args: str, found: str) -> None:
    (call,) = parts({"functionCall": {"id": "c", "name": "f", "args": args}})
    assert call == ToolCall("c", "f", found)


def test_a_sketch_on_the_way_to_a_picture_is_no_answer() -> None:
    sketch = {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thought": True}
    picture = {"inlineData": {"mimeType": "image/png", "data": "eHl6"}}
    hidden, shown = parts(sketch, picture)
    assert (hidden, shown) == (Opaque("gemini", sketch), Media("image/png", data="eHl6"))
    losses: list[Loss] = []
    assert words.told(hidden, "chat", "content[0]", losses) == () and len(losses) == 1


@pytest.mark.parametrize(("reason", "stop"), [("stop", "end"), ("length", "length"), ("content_filter", "refusal")])
def test_words_of_other_vendors(reason: str, stop: Stop) -> None:
    assert answer(chunk({"text": "a"}, reason=reason)).stop == stop


def test_a_citation_is_of_its_own_part() -> None:
    segment = {"partIndex": 2, "startIndex": 0, "endIndex": 2}
    grounding = {"groundingChunks": [{"web": {"uri": "https://a.test", "title": "A"}}],
                 "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}]}  # fmt: skip
    wire = chunk({"text": "t", "thought": True}, {"text": "one. "}, {"text": "two."}, reason="STOP")
    wire["candidates"][0] |= {
        "groundingMetadata": grounding,
        "citationMetadata": {"citationSources": [{"uri": "https://b.test"}]},
    }
    text = answer(wire).parts[1]
    assert isinstance(text, Text) and text.text == "one. two."
    assert text.sources == (Source("https://a.test", "A", 5, 7), Source("https://b.test", "", 0, 0))
