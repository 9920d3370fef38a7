from typing import Any

import pytest

from ccx_addons.core.neutral import (
    FAULT_STATUS,
    Event,
    Failed,
    Fault,
    Finished,
    PartDelta,
    PartStarted,
    PartStopped,
    Response,
    Started,
    Text,
    Thinking,
    ToolCall,
    Usage,
    explode,
    fault_kind,
    fold,
    keep_fields,
    merge_extra,
    own_fields,
    text_of,
)

ANSWER = Response(
    "id",
    "model",
    (Thinking("why", "sig", "messages"), Text("hello"), ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "f", "{}")),
    "tool_call",
    Usage(10, 5, 3, 2, 1),
    created=7,
)


def test_fold_undoes_explode() -> None:
    assert fold(explode(ANSWER)) == ANSWER


def test_fold_joins_deltas_of_parts_that_are_open_together() -> None:
    events: list[Event] = [
        Started("id", "m", usage=Usage(1)),
        PartStarted(0, Thinking("", origin="gemini")),
        PartDelta(0, "wh"),
        PartStarted(1, ToolCall("c", "f", "")),
        PartDelta(1, '{"a"', extra={"x": {"k": 1}}),
        PartDelta(0, "y", signature="s"),
        PartDelta(1, ":1}"),
        PartDelta(9, "nobody opened this"),
        PartStopped(1),
        PartStopped(0),
        Finished("tool_call"),
    ]
    parts = (Thinking("why", "s", "gemini"), ToolCall("c", "f", '{"a":1}', {"x": {"k": 1}}))
    assert fold(events) == Response("id", "m", parts, "tool_call", Usage(1))


@pytest.mark.parametrize("kept", range(6))
def test_a_cut_stream_is_a_fault(kept: int) -> None:
    assert isinstance(fold(list(explode(ANSWER))[:kept]), Fault)


def test_an_error_event_is_the_fault() -> None:
    fault = Fault("overloaded", "later")
    assert fold([Started("id", "m"), Failed(fault)]) is fault


def test_merge_extra_keeps_both_and_prefers_the_second() -> None:
    assert merge_extra({"a": {"x": 1, "y": 1}}, {"a": {"y": 2}, "b": {"z": 3}}) == {
        "a": {"x": 1, "y": 2},
        "b": {"z": 3},
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [*((s, k) for k, s in FAULT_STATUS.items()), (408, "timeout"), (422, "invalid_request"), (599, "server")],
)
def test_fault_kind(status: int, kind: str) -> None:
    assert fault_kind(status) == kind


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"a": 1}, {}),
        ({"a": 1, "b": None}, {}),
        ({"a": 1, "b": 2, "c": None, "d": []}, {"chat": {"b": 2, "d": []}}),
        ({}, {}),
    ],
)
def test_what_has_no_neutral_name_is_kept_for_its_protocol(fields: dict[str, Any], kept: dict[str, Any]) -> None:
    extra = keep_fields(fields, frozenset({"a"}), "chat")
    assert extra == kept
    assert own_fields(extra, "chat") == kept.get("chat", {}) and own_fields(extra, "gemini") == {}


def test_own_fields_are_a_copy() -> None:
    extra = keep_fields({"b": 1}, frozenset(), "chat")
    own_fields(extra, "chat")["b"] = 2
    assert own_fields(extra, "chat") == {"b": 1}


def test_text_without_thoughts_and_calls() -> None:
    assert text_of((Thinking("hm"), Text("a"), ToolCall("1", "f", "{}"), Text("b"))) == "ab"
