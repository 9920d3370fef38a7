from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core import estimate
from ccx_addons.core.estimate import Said, completed, output_tokens, prompt_tokens, tokens_of, tokens_of_text
from ccx_addons.core.neutral import Media, Message, Request, Text, Tool, ToolCall, ToolResult, Usage


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("x" * 400, 100), ("你好吗", 2), ("hello 世界", 3)])
def test_text(text: str, tokens: int) -> None:
    assert tokens_of_text(text) == tokens


def test_everything_of_a_request_counts() -> None:
    words = Text("word " * 80)
    request = Request(
        "m",
        (
            Message("user", (words, Media("image/png", data="x" * 10_000))),
            Message("assistant", (ToolCall("1", "look", '{"a": 1}'),)),
            Message("user", (ToolResult("1", (words,)),)),
        ),
        system=(words,),
        tools=(Tool("look", "Looks.", {"type": "object"}),),
    )
    assert tokens_of(request) == 3 * 100 + 1600 + 3 * 4 + 3 + 7


@pytest.mark.parametrize(
    ("pieces", "tokens"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param(["x" * 400], 100, id="Latin"),
        pytest.param(["你好" * 40], 60, id="a wide character is three bytes"),
        pytest.param(["a", "b", "c"], 3, id="a piece is at least one token"),
        pytest.param(["", ""], 0, id="empty pieces"),
        pytest.param(["\ud800"], 1, id="half a character"),
    ],
)
def test_what_was_said(pieces: list[str], tokens: int) -> None:
    said = Said()
    for piece in pieces:
        said.add(piece)
    assert said.tokens == tokens


@pytest.mark.parametrize(
    ("known", "whole"),
    [
        pytest.param(None, Usage(7, 50), id="nothing was counted"),
        pytest.param(Usage(500, 1, 400), Usage(500, 50, 400), id="the prompt was counted"),
        pytest.param(Usage(500, 60), Usage(500, 60), id="more was counted than was read"),
        pytest.param(Usage(0, 0, reasoning=3), Usage(7, 50, reasoning=3), id="zeros are no counts"),
    ],
)
def test_counted_in_part(known: Usage | None, whole: Usage) -> None:
    assert completed(known, 7, 50) == whole


@pytest.mark.parametrize(
    ("members", "tokens"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_output_tokens": 7}, 7),
        ({"generationConfig": {"maxOutputTokens": 8}}, 8),
        ({"max_tokens": "many"}, 0),
        ({}, 0),
    ],
)
def test_output_tokens(members: dict[str, Any], tokens: int) -> None:
    assert output_tokens(members) == tokens


def test_pictures_do_not_make_a_prompt_long() -> None:
    text = b"word " * 400
    assert prompt_tokens(text) == 500 and prompt_tokens(text + b'"' + b"iVBORw0KGgo" * 10_000 + b'"') == 500


@pytest.mark.parametrize("pictures", [0, 1, 20])
@pytest.mark.parametrize("words", [1_000, 400_000])
def test_a_large_body_is_counted_by_a_part_of_it(pictures: int, words: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As near as makes no difference to a context window: 4,000 tokens a picture, and one part in twenty."""
    picture = b'{"data":"' + b"iVBORw0KGgo" * 40_000 + b'"},'
    body = b"hello " * words + picture * pictures + b"hello " * words
    exact = (2 * 6 * words + pictures * 12) // 4
    assert abs(prompt_tokens(body) - exact) <= 4000 * pictures + exact // 20
    seen: list[int] = []

    def noting(piece: bytes) -> bool:
        seen.append(len(piece))
        return True

    monkeypatch.setattr(estimate, "_is_text", noting)
    prompt_tokens(body)
    assert sum(seen) <= len(body) // 16


def test_a_large_body_has_no_more_tokens_than_bytes_for_them() -> None:
    assert prompt_tokens(b"a b " * 100_000) == 100_000


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 7, 398, 399, 400, 401, 800]), st.sampled_from([b" ", b'"', b", ", b"\xe6"])),
        max_size=9,
    )
)
def test_only_long_runs_of_base64_are_left_out(runs: list[tuple[int, bytes]]) -> None:
    body = b"".join(b"Q" * length + end for length, end in runs)
    assert prompt_tokens(body) == (len(body) - sum(length for length, _ in runs if length >= 400)) // 4
