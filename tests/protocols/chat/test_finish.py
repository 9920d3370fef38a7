"""Finish reasons and usage."""

from typing import Any

import pytest

from ccx_addons.core.neutral import Loss, Stop, Usage
from ccx_addons.protocols.chat.finish import finish_reason, merge_usage, read_usage, stop_of, write_usage


@pytest.mark.parametrize(
    ("finish", "calls", "refused", "sequence", "stop"),
    [
        ("stop", False, False, None, "end"),
        ("STOP", False, False, None, "end"),
        ("length", True, False, None, "length"),
        ("tool_calls", True, False, None, "tool_call"),
        ("tool_calls", False, False, None, "end"),
        ("function_call", True, False, None, "tool_call"),
        ("stop", True, False, None, "tool_call"),
        ("content_filter", False, False, None, "refusal"),
        ("stop", False, True, None, "refusal"),
        ("stop", False, False, "END", "stop_sequence"),
        ("a word that nobody knows", False, False, None, "end"),
    ],
)
def test_stop_of(finish: str, calls: bool, refused: bool, sequence: str | None, stop: Stop) -> None:
    assert stop_of(finish, calls, refused, sequence) == stop


@pytest.mark.parametrize(
    ("stop", "calls", "refused", "finish", "lossy"),
    [
        ("end", False, False, "stop", False),
        ("end", True, False, "tool_calls", False),
        ("tool_call", True, False, "tool_calls", False),
        ("stop_sequence", False, False, "stop", False),
        ("length", False, False, "length", False),
        ("refusal", False, False, "content_filter", False),
        ("refusal", False, True, "stop", False),
        ("pause", False, False, "stop", True),
        ("error", False, False, "length", True),
    ],
)
def test_finish_reason(stop: Stop, calls: bool, refused: bool, finish: str, lossy: bool) -> None:
    losses: list[Loss] = []
    assert finish_reason(stop, calls, refused, losses) == finish
    assert bool(losses) == lossy


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        pytest.param(
            {
                "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 0},
            },
            Usage(100, 50, 40, 0, 20), id="OpenAI",
        ),
        pytest.param(
            {
                "prompt_tokens": 100, "completion_tokens": 50, "prompt_tokens_details": {"audio_tokens": 7},
                "completion_tokens_details": {"audio_tokens": 9, "accepted_prediction_tokens": 1},
            },
            Usage(100, 50, extra={"chat": {
                "prompt_tokens_details": {"audio_tokens": 7},
                "completion_tokens_details": {"audio_tokens": 9, "accepted_prediction_tokens": 1},
            }}),
            id="sound stands in the side-car",
        ),
        pytest.param(
            {"prompt_cache_hit_tokens": 30, "prompt_cache_miss_tokens": 12, "completion_tokens": 5},
            Usage(42, 5, 30), id="DeepSeek: hit and miss make the prompt",
        ),
        pytest.param(
            {"prompt_cache_hit_tokens": 30, "completion_tokens": 5}, Usage(0, 5), id="a hit alone is no prompt"
        ),
        pytest.param(
            {"prompt_tokens": 42, "prompt_cache_hit_tokens": 30, "prompt_cache_miss_tokens": 12},
            Usage(42, 0, 30), id="DeepSeek in full",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 5, "cache_read_input_tokens": 90,
             "cache_creation_input_tokens": 20},
            Usage(120, 5, 90, 20), id="a prompt without its cached part",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 22,
             "completion_tokens_details": {"reasoning_tokens": 7}},
            Usage(10, 12, reasoning=7), id="xAI: reasoning beside the output",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 15, "total_tokens": 25,
             "completion_tokens_details": {"reasoning_tokens": 7}},
            Usage(10, 15, reasoning=7), id="reasoning inside the output",
        ),
        pytest.param({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 22},
                     Usage(10, 12, reasoning=7), id="Google: thoughts only in the total"),
        pytest.param({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 22, "citation_tokens": 7},
                     Usage(10, 5, extra={"chat": {"citation_tokens": 7}}), id="a total of something else"),
        pytest.param({"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 145,
                      "prompt_tokens_details": {"cached_tokens": 40}},
                     Usage(140, 5, 40), id="a cached part beside the prompt, as the total says"),
        pytest.param({"input_tokens": 3, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 2}},
                     Usage(3, 4, 2), id="Responses words"),
        pytest.param({"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.5},
                     Usage(3, 4, extra={"chat": {"cost": 0.5}}), id="OpenRouter's price"),
        pytest.param({}, None, id="empty"),
        pytest.param({"cost": 1}, None, id="without counts"),
        pytest.param({"prompt_tokens": "many"}, None, id="no number"),
    ],
)  # fmt: skip
def test_read_usage(wire: dict[str, Any], usage: Usage | None) -> None:
    assert read_usage(wire) == usage


def test_usage_is_written_in_full() -> None:
    usage = Usage(100, 50, 40, 10, 20, {"chat": {"completion_tokens_details": {"audio_tokens": 1}, "cost": 2}})
    assert write_usage(usage) == {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 1},
        "cost": 2,
    }


def test_usage_of_several_chunks_is_merged() -> None:
    merged: dict[str, Any] = {}
    merge_usage(merged, {"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 4}})
    merge_usage(merged, {"completion_tokens": 5, "prompt_tokens": 0, "prompt_tokens_details": None})
    merge_usage(merged, {"prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 2}})
    assert merged == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 2},
    }
