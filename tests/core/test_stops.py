"""Why an answer stopped."""

import pytest

from ccx_addons.core.neutral import Fault, FaultKind, Stop
from ccx_addons.core.stops import broken, broken_off, stop_of


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", "end"),
        ("STOP", "end"),
        ("MAX_TOKENS", "length"),
        ("max_output_tokens", "length"),
        ("tool_use", "tool_call"),
        ("SAFETY", "refusal"),
        ("content-filter", "refusal"),
        ("content_filter: PROHIBITED_CONTENT", "refusal"),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", "error"),
        ("guardrail_intervened", "refusal"),
        ("pause_turn", "pause"),
        ("a word that nobody knows", None),
        ("", None),
    ],
)
def test_stop_of(reason: str, stop: Stop | None) -> None:
    assert stop_of(reason) == stop


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("error", "server"),
        ("ERROR", "server"),
        ("timeout", "timeout"),
        ("insufficient_system_resource", "overloaded"),
        ("stop", None),
    ],
)
def test_broken(reason: str, kind: FaultKind | None) -> None:
    assert broken(reason) == kind


def test_broken_off() -> None:
    said = {"gemini": {"candidate": {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "print("}}}
    assert broken_off("end", said) is None
    assert broken_off("error", said) == Fault("server", "print(", code="MALFORMED_FUNCTION_CALL")
    found = broken_off("error", {})
    assert found is not None and "could not write a call" in found.message
