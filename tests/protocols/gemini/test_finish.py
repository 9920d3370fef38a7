from typing import Any

import pytest
from google.genai import types

from ccx_addons.core.neutral import NO_EXTRA, Loss, Stop, Usage
from ccx_addons.protocols.gemini.finish import REASONS, STOPS, ending, read_usage, top_fields, usage_of, write_usage


@pytest.mark.parametrize("reason", [reason.value for reason in types.FinishReason])
def test_every_official_reason_has_a_meaning(reason: str) -> None:
    """Those that are not in the table withhold the answer."""
    assert STOPS.get(reason, "refusal") in REASONS
    assert reason in STOPS or reason in ("ESCALATION", "PUP_LIMITED_DISABLED")


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", "end"), ("MAX_TOKENS", "length"), ("SAFETY", "refusal"), ("RECITATION", "refusal"), ("SPII", "refusal"),
        ("MALFORMED_FUNCTION_CALL", "error"), ("OTHER", "error"), ("CONTINUATION", "pause"),
    ],
)  # fmt: skip
def test_stops(reason: str, stop: Stop) -> None:
    assert STOPS[reason] == stop


def test_every_stop_is_an_official_reason() -> None:
    assert set(REASONS.values()) <= {reason.value for reason in types.FinishReason}


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"promptTokenCount": 10, "candidatesTokenCount": 3, "totalTokenCount": 13}, Usage(10, 3), id="plain"),
        pytest.param({"promptTokenCount": 10, "cachedContentTokenCount": 8}, Usage(10, 0, 8), id="the cache is a part"),
        pytest.param({"promptTokenCount": 1, "candidatesTokenCount": 3, "thoughtsTokenCount": 4}, Usage(1, 7, 0, 0, 4), id="thoughts are added"),
        pytest.param(
            {"promptTokenCount": 1, "toolUsePromptTokenCount": 5},
            Usage(6, extra={"gemini": {"toolUsePromptTokenCount": 5}}), id="results of tools are added",
        ),
        pytest.param({"promptTokenCount": "x", "candidatesTokenCount": None}, Usage(), id="nonsense"),
    ],
)  # fmt: skip
def test_usage(wire: dict[str, Any], usage: Usage | None) -> None:
    assert read_usage(wire) == usage
    assert usage_of({"usageMetadata": wire}) == usage == usage_of({"usage_metadata": wire})


@pytest.mark.parametrize(
    ("usage", "wire"),
    [
        pytest.param(None, {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}, id="unknown"),
        pytest.param(
            Usage(10, 7, 8, 1, 4),
            {"promptTokenCount": 10, "candidatesTokenCount": 3, "totalTokenCount": 17, "cachedContentTokenCount": 8, "thoughtsTokenCount": 4},
            id="everything",
        ),
        pytest.param(Usage(1, 2, reasoning=5), {"promptTokenCount": 1, "candidatesTokenCount": 0, "totalTokenCount": 3, "thoughtsTokenCount": 5}, id="never below 0"),
    ],
)  # fmt: skip
def test_write_usage(usage: Usage | None, wire: dict[str, Any]) -> None:
    assert write_usage(usage) == wire


@pytest.mark.parametrize("body", [None, [], {}, {"usageMetadata": 3}])
def test_no_usage(body: Any) -> None:
    assert usage_of(body) is None


def test_ending() -> None:
    losses: list[Loss] = []
    kept = {"gemini": {"candidate": {"finishReason": "RECITATION", "avgLogprobs": -1}, "createTime": "t"}}
    assert ending("refusal", None, kept, losses) == {"finishReason": "RECITATION", "avgLogprobs": -1, "index": 0}
    assert top_fields(kept) == {"createTime": "t"}
    assert losses == []


@pytest.mark.parametrize(
    ("stop", "sequence", "lost"), [("pause", None, "finishReason"), ("stop_sequence", "END", "stop_sequence")]
)
def test_what_an_ending_cannot_say(stop: Stop, sequence: str | None, lost: str) -> None:
    losses: list[Loss] = []
    assert ending(stop, sequence, NO_EXTRA, losses) == {"finishReason": "STOP", "index": 0}
    assert [loss.path for loss in losses] == [lost]
