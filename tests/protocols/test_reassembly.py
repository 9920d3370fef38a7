import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import KINDS, Kind
from ccx_addons.protocols import reassembly
from ccx_addons.protocols.reassembly import Answer, Piece


def body(value: Any, **more: Any) -> dict[str, Any]:
    return {"text": value if isinstance(value, str) else json.dumps(value), "headers": [], "truncated": False, **more}


def sse(*events: dict[str, Any]) -> str:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


START = {
    "type": "message_start",
    "message": {
        "id": "m",
        "model": "claude",
        "role": "assistant",
        "content": [],
        "usage": {"input_tokens": 3, "output_tokens": 1},
    },
}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
HELLO = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}}
MORE = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}}
STOP = {"type": "content_block_stop", "index": 0}
DONE = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 5},
}
END = {"type": "message_stop"}


def test_asked_as_turns() -> None:
    found = reassembly.asked(
        "messages",
        "claude",
        True,
        body(
            {
                "model": "claude",
                "max_tokens": 100,
                "temperature": 0.5,
                "system": "Be brief.",
                "tools": [{"name": "read", "input_schema": {"type": "object"}}],
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "Hi"},
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/png", "data": "AAAA" * 1024},
                            },
                        ],
                    },
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "a"}}],
                    },
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "text of a"}]},
                ],
            }
        ),
    )
    assert [piece.text for piece in found.system] == ["Be brief."]
    assert found.tools == ("read",)
    assert found.settings == {"max_tokens": 100, "temperature": 0.5}
    assert [turn.role for turn in found.turns] == ["user", "assistant", "tool"]
    address = "data:image/png;base64," + "AAAA" * 1024
    assert found.turns[0].pieces == (Piece("text", "Hi"), Piece("media", "", "image/png", "3 KB", (address,)))
    assert found.turns[1].pieces == (Piece("call", '{\n  "path": "a"\n}', "read", "t1"),)
    assert found.turns[2].pieces[0].look == "result"
    assert found.turns[2].pieces[0].text == "text of a"
    assert not found.problem


@pytest.mark.parametrize(
    ("kind", "given", "problem"),
    [
        pytest.param("messages", body("not json"), "it is not JSON", id="no JSON"),
        pytest.param("messages", body('{"model": "cl', truncated=True), "only its beginning was kept", id="cut"),
        pytest.param("embeddings", body({"input": "x"}), "", id="a kind without conversations"),
        pytest.param("chat", body([1, 2]), "", id="no object"),
    ],
)
def test_asked_as_it_is(kind: Kind, given: dict[str, Any], problem: str) -> None:
    found = reassembly.asked(kind, "m", False, given)
    assert found.raw
    assert not found.turns
    assert found.problem == problem


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param((START, TEXT, HELLO, MORE, STOP, DONE, END), Answer((Piece("text", "Hello"),), "end"), id="whole"),
        pytest.param((START, TEXT, HELLO), Answer((Piece("text", "Hel"),), "", "*"), id="cut"),
    ],
)
def test_streamed(events: tuple[dict[str, Any], ...], expected: Answer) -> None:
    found = reassembly.answer("messages", body(sse(*events)))
    assert found.pieces == expected.pieces
    assert found.stop == expected.stop
    assert bool(found.fault) == bool(expected.fault)
    assert found.events


def test_error_inside_a_stream() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    found = reassembly.answer("messages", body(sse(START, TEXT, HELLO, error)))
    assert found.pieces == (Piece("text", "Hel"),)
    assert "Overloaded" in found.fault


def test_complete_answer() -> None:
    given = {
        "id": "c",
        "object": "chat.completion",
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
    }
    assert reassembly.answer("chat", body(given)) == Answer((Piece("text", "Hello"),), "end")


def test_error_answer() -> None:
    found = reassembly.answer("chat", body({"error": {"message": "quota exceeded", "type": "insufficient_quota"}}))
    assert "quota exceeded" in found.fault
    assert found.raw


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(max_size=300), truncated=st.booleans())
def test_never_raises(kind: Kind, text: str, truncated: bool) -> None:
    for prefix in ("", "data: ", "event: x\ndata: ", "[", '{"'):
        given = body(prefix + text, truncated=truncated)
        reassembly.asked(kind, "m", True, given)
        reassembly.answer(kind, given)
        reassembly.events_of(given)


def test_events_of_a_stream() -> None:
    found, total = reassembly.events_of(body(sse(START, TEXT, HELLO)))
    assert total == 3
    assert [event.type for event in found] == ["message_start", "content_block_start", "content_block_delta"]
    assert '"text": "Hel"' in found[2].pretty


@pytest.mark.parametrize(
    ("times", "when"),
    [([[3, 10], [6, 10], [9, 1500]], [10, 10, 1500]), ([[3, 10]], [10, None, None]), ([], [None] * 3)],
    ids=["all", "the first", "none"],
)
def test_events_know_when_they_came(times: list[list[int]], when: list[int | None]) -> None:
    stream = body(sse(START, TEXT, HELLO))
    assert stream["text"].count("\n") == 9
    found, _ = reassembly.events_of({**stream, "times": times})
    assert [event.ms for event in found] == when


@pytest.mark.parametrize("at_the_end", [{}, {"max_tokens": 5}], ids=["messages last", "settings last"])
def test_the_beginning_of_a_conversation_is_a_conversation(at_the_end: dict[str, int]) -> None:
    said = ['text with , ] } and "quotes"\\', "two", "three"]
    messages = [{"role": "user", "content": [{"type": "text", "text": text}]} for text in said]
    text = json.dumps({"model": "m", **({} if at_the_end else {"max_tokens": 5}), "messages": messages, **at_the_end})
    seen = set()
    for cut in range(len(text)):
        found = reassembly.asked("messages", "m", False, body(text[:cut], truncated=True))
        assert found.problem == "only its beginning was kept"
        texts = [turn.pieces[0].text for turn in found.turns]
        assert texts == said[: len(texts)] and bool(texts) != bool(found.raw or not cut)
        seen.add(len(texts))
    assert seen == ({0, 1, 2, 3} if at_the_end else {0, 1, 2})


@pytest.mark.parametrize("text", ['{"id": 1}', "[{}]", ""], ids=["JSON", "array", "nothing"])
def test_no_events(text: str) -> None:
    assert reassembly.events_of(body(text)) == ([], 0)


@pytest.mark.parametrize(
    ("mime", "letters", "size", "is_shown"),
    [("image/png", 92, "69 B", True), ("image/png", 4096, "3 KB", True), ("image/svg+xml", 92, "69 B", False)],
)
def test_pictures_have_a_size_and_are_shown(mime: str, letters: int, size: str, is_shown: bool) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": mime, "data": "A" * letters}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [picture]}
    asked = {"model": "m", "messages": [{"role": "user", "content": content} for content in ([picture], [result])]}
    alone, within = reassembly.asked("messages", "m", False, body(asked)).turns
    shown = (f"data:{mime};base64,{'A' * letters}",) if is_shown else ()
    assert alone.pieces == (Piece("media", "", mime, size, shown),)
    assert within.pieces[0].pictures == shown
