from typing import Any

import pytest

from ccx_addons.core.config import Kind, ReasoningPolicy
from ccx_addons.protocols.policy import changes

HIGH = ReasoningPolicy(effort=(("gpt-5*", "high"), ("claude-*", "low")))


@pytest.mark.parametrize(
    ("protocol", "body", "policy", "model", "mapped", "expected"),
    [
        pytest.param("chat", {}, ReasoningPolicy(), "gpt-5.1", None, {}, id="nothing configured"),
        pytest.param("chat", {}, HIGH, "gpt-5.1", None, {"reasoning_effort": "high"}, id="pattern"),
        pytest.param("chat", {}, HIGH, "gpt-4.1", None, {}, id="another model"),
        pytest.param("chat", {"reasoning_effort": "low"}, HIGH, "gpt-5.1", None, {}, id="the request's own stays"),
        pytest.param(
            "chat", {"reasoning_effort": "low"}, HIGH, "gpt-5.1", "max", {"reasoning_effort": "max"}, id="mapping wins"
        ),
        pytest.param("chat", {}, HIGH, "gpt-5.1", "ultra-odd", {}, id="an unknown word changes nothing"),
        pytest.param(
            "chat", {}, ReasoningPolicy(style="reasoning"), "m", "low", {"reasoning": {"effort": "low"}}, id="reasoning"
        ),
        pytest.param(
            "chat", {}, ReasoningPolicy(style="thinking"), "m", "none", {"thinking": {"type": "disabled"}}, id="switch"
        ),
        pytest.param(
            "messages",
            {"max_tokens": 1000},
            HIGH,
            "claude-x",
            None,
            {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 3048},
            id="a budget below max_tokens",
        ),
        pytest.param("messages", {}, HIGH, "m", "off", {"thinking": {"type": "disabled"}}, id="thinking off"),
        pytest.param(
            "responses",
            {"reasoning": {"summary": "auto"}, "text": {"format": {"type": "text"}}},
            ReasoningPolicy(verbosity="low", fast=True),
            "m",
            "high",
            {
                "reasoning": {"summary": "auto", "effort": "high"},
                "text": {"format": {"type": "text"}, "verbosity": "low"},
                "service_tier": "priority",
            },
            id="responses keeps its siblings",
        ),
        pytest.param(
            "gemini",
            {"generationConfig": {"topK": 1, "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 5}}},
            ReasoningPolicy(),
            "m",
            "max",
            {"generationConfig": {"topK": 1, "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "high"}}},
            id="gemini 3 has levels",
        ),
        pytest.param("images", {}, HIGH, "gpt-5.1", "high", {}, id="images do not think"),
    ],
)
def test_changes(
    protocol: Kind, body: dict[str, Any], policy: ReasoningPolicy, model: str, mapped: str | None, expected: Any
) -> None:
    assert changes(protocol, body, policy, model, "gemini-3-pro", mapped) == expected


def test_gemini_2_has_a_budget() -> None:
    config = {"thinkingConfig": {"thinkingBudget": 2048}}
    assert changes("gemini", {}, ReasoningPolicy(), "m", "gemini-2.5-pro", "low") == {"generationConfig": config}


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("claude-opus-4-7", "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        ("claude-opus-4-7", "minimal", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("claude-sonnet-4-6", "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        ("claude-sonnet-4-5", "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("glm-5", "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
    ],
)
def test_each_generation_of_claude_in_its_own_words(model: str, effort: str, expected: dict[str, Any]) -> None:
    assert changes("messages", {}, ReasoningPolicy(), "m", model, effort) == expected
