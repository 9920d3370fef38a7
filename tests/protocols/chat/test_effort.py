"""Thinking in the words of each server."""

from typing import Any

import pytest

from ccx_addons import vendors
from ccx_addons.core.neutral import Effort, Loss
from ccx_addons.protocols.chat.effort import can_be_off, thinks, write_effort

NIM = "https://integrate.api.nvidia.com/v1"
ROUTER = "https://openrouter.ai/api/v1"
TOGETHER = "https://api.together.xyz/v1"


@pytest.mark.parametrize(
    ("base_url", "model", "effort", "wire", "lost"),
    [
        ("", "m", "high", {"reasoning_effort": "high"}, []),
        ("", "m", "max", {"reasoning_effort": "high"}, ["reasoning.effort"]),
        ("", "gpt-5", "none", {"reasoning_effort": "minimal"}, ["reasoning.effort"]),
        ("", "gpt-4o", "none", {}, []),
        ("", "deepseek-v4-flash", "none", {"thinking": {"type": "disabled"}}, []),
        ("", "deepseek-v4-flash", "max", {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}, []),
        ("", "deepseek-r1", "none", {}, ["reasoning"]),
        ("", "glm-5.1", "none", {"thinking": {"type": "disabled"}}, []),
        ("", "glm-5.1", "high", {"thinking": {"type": "enabled"}}, ["reasoning.effort"]),
        ("", "glm-5.3", "max", {"reasoning_effort": "max"}, []),
        ("", "glm-5.3", "none", {"reasoning_effort": "low"}, ["reasoning"]),
        ("", "kimi-k2.6", "none", {"thinking": {"type": "disabled"}}, []),
        ("", "kimi-k3", "none", {"reasoning_effort": "low"}, ["reasoning"]),
        ("", "qwen3.5-plus", "none", {"enable_thinking": False}, []),
        ("", "grok-4-0709", "high", {}, ["reasoning.effort"]),
        ("", "grok-4.3", "none", {"reasoning_effort": "none"}, []),
        (NIM, "qwen/qwen3-32b", "none", {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}, []),
        (ROUTER, "z-ai/glm-5.1", "none", {"reasoning": {"effort": "none"}}, []),
        (ROUTER, "z-ai/glm-5.1", "high", {"reasoning": {"effort": "high"}}, []),
        (TOGETHER, "zai-org/GLM-5.2", "none", {"reasoning": {"enabled": False}}, []),
    ],
)
def test_words(base_url: str, model: str, effort: Effort, wire: dict[str, Any], lost: list[str]) -> None:
    losses: list[Loss] = []
    assert write_effort(effort, vendors.chat(base_url, model), model, losses) == wire
    assert [loss.path for loss in losses] == lost


def test_thinking_that_was_only_switched_on_names_no_effort() -> None:
    switched = write_effort("medium", vendors.chat("", "deepseek-v4-pro"), "deepseek-v4-pro", [], only_on=True)
    assert switched == {"thinking": {"type": "enabled"}}
    assert write_effort("medium", vendors.chat("", "m"), "m", [], only_on=True) == {"reasoning_effort": "medium"}


@pytest.mark.parametrize(
    ("model", "off", "unasked", "asked"),
    [
        ("m", True, False, True),
        ("deepseek-v4-pro", True, True, True),
        ("deepseek-chat", True, False, True),
        ("glm-5.3", False, True, True),
        ("kimi-k2-thinking", False, True, True),
        ("gpt-5", False, False, True),
    ],
)
def test_when_a_model_thinks(model: str, off: bool, unasked: bool, asked: bool) -> None:
    rules = vendors.chat("", model)
    assert (can_be_off(rules), thinks(rules, None), thinks(rules, "low")) == (off, unasked, asked)
