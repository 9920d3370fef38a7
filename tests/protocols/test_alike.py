"""What two answers have in common."""

import json
from typing import Any

import pytest

from ccx_addons.core.config import Kind
from ccx_addons.protocols.alike import MAX_WORDS, alike, similarity


def messages(*content: Any, stop: str = "end_turn") -> bytes:
    body = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": list(content)}
    return json.dumps({**body, "stop_reason": stop, "usage": {"input_tokens": 1, "output_tokens": 1}}).encode()


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": arguments}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param([text("one two")], [text("One two")], (None, None, 1.0), id="the same words"),
        pytest.param([text("one two")], [text("three four")], (None, None, 0.0), id="other words"),
        pytest.param([text("a b c")], [text("a b d")], (None, None, 0.6667), id="some of them"),
        pytest.param([call("x", a=1, b=2)], [call("x", b=2, a=1)], (True, True, None), id="the same call"),
        pytest.param([call("x", a=1)], [call("x", a=2)], (True, False, None), id="other arguments"),
        pytest.param([call("x"), call("y")], [call("y"), call("x")], (True, True, None), id="in another order"),
        pytest.param([call("x"), call("x")], [call("x")], (False, False, None), id="once and twice"),
        pytest.param([text("hm"), call("x")], [text("hm")], (False, False, 1.0), id="one of them calls none"),
        pytest.param([{"type": "thinking", "thinking": "a", "signature": ""}], [], (None, None, None), id="thoughts"),
    ],
)
def test_answers(first: list[Any], second: list[Any], expected: tuple[Any, ...]) -> None:
    found = alike("messages", messages(*first), messages(*second))
    assert (found.tools, found.arguments, found.text) == expected


def test_ends_and_numbers_of_calls() -> None:
    found = alike("messages", messages(text("a")), messages(call("x"), stop="tool_use"))
    assert found.stop == ("end", "tool_call") and found.calls == (0, 1)


def test_a_stream_and_json_of_one_protocol() -> None:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: tuple[dict[str, str], ...] = ({"role": "assistant", "content": "hello "}, {"content": "world"}, {})
    parts = [{**chunk, "choices": [{"index": 0, "delta": d, "finish_reason": None if d else "stop"}]} for d in deltas]
    stream = "".join(f"data: {json.dumps(part)}\n\n" for part in parts) + "data: [DONE]\n\n"
    message = {"role": "assistant", "content": "hello world"}
    whole = {
        **chunk,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
    found = alike("chat", stream.encode(), json.dumps(whole).encode())
    assert found.text == 1.0 and found.stop == ("end", "end")


@pytest.mark.parametrize("kind", ["messages", "chat", "responses", "gemini"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"data: {\n\n", b"\xff\xfe", b'{"error": {"message": "no"}}']
)
def test_what_is_no_answer_raises_nothing(kind: Kind, body: bytes) -> None:
    assert alike(kind, body, body).tools is None


def test_letters_of_scripts_without_spaces_count_one_by_one() -> None:
    found = similarity("今天天气很好", "今天天气不好")
    assert found is not None and 0.5 < found < 1
    assert similarity("", "") is None and similarity("word", "") == 0.0


def test_a_long_text_is_compared_to_a_limit() -> None:
    same = "word " * MAX_WORDS
    assert similarity(same + "one " * 1000, same + "two " * 1000) == 1.0
