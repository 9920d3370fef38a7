"""Thinking in the words of each server."""

from typing import Any

import pytest

from ccx_addons.core.neutral import Effort, Loss
from ccx_addons.protocols.chat.effort import can_be_off, thinks, write_effort
from ccx_addons.vendors.facts import Chat

ALL: tuple[Effort, ...] = ("none", "low", "medium", "high", "xhigh", "max")
THREE: tuple[Effort, ...] = ("low", "high", "max")
TEMPLATE = {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}


@pytest.mark.parametrize(
    ("rules", "effort", "wire", "lost"),
    [
        (Chat(), "high", {"reasoning_effort": "high"}, []),
        (Chat(), "max", {"reasoning_effort": "high"}, ["reasoning.effort"]),
        (Chat(efforts=("minimal", "low")), "none", {"reasoning_effort": "minimal"}, ["reasoning.effort"]),
        (Chat(efforts=()), "none", {}, []),
        (Chat(efforts=(), thinks="always"), "high", {}, ["reasoning.effort"]),
        (Chat(efforts=THREE, thinks="always"), "none", {"reasoning_effort": "low"}, ["reasoning"]),
        (Chat(efforts=("none", "low"), thinks="default"), "none", {"reasoning_effort": "none"}, []),
        (Chat(switch="thinking", efforts=THREE, thinks="default"), "none", {"thinking": {"type": "disabled"}}, []),
        (Chat(switch="thinking", efforts=THREE, thinks="default"), "max",
         {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}, []),
        (Chat(switch="thinking", efforts=(), thinks="default"), "high", {"thinking": {"type": "enabled"}}, ["reasoning.effort"]),
        (Chat(switch="thinking", efforts=(), thinks="always"), "none", {}, ["reasoning"]),
        (Chat(switch="thinking", efforts=THREE, thinks="always"), "max", {"reasoning_effort": "max"}, []),
        (Chat(switch="enable_thinking", efforts=(), thinks="default"), "none", {"enable_thinking": False}, []),
        (Chat(switch="template", efforts=(), thinks="default"), "none", TEMPLATE, []),
        (Chat(switch="reasoning", efforts=ALL), "none", {"reasoning": {"effort": "none"}}, []),
        (Chat(switch="reasoning", efforts=ALL), "high", {"reasoning": {"effort": "high"}}, []),
        (Chat(switch="enabled", efforts=THREE, thinks="default"), "none", {"reasoning": {"enabled": False}}, []),
    ],
)  # fmt: skip
def test_words(rules: Chat, effort: Effort, wire: dict[str, Any], lost: list[str]) -> None:
    """Whose rules these are is said in tests/test_vendors.py."""
    losses: list[Loss] = []
    assert write_effort(effort, rules, "m", losses) == wire
    assert [loss.path for loss in losses] == lost


def test_thinking_that_was_only_switched_on_names_no_effort() -> None:
    switch = Chat(switch="thinking", efforts=THREE, thinks="default")
    switched = write_effort("medium", switch, "m", [], only_on=True)
    assert switched == {"thinking": {"type": "enabled"}}
    assert write_effort("medium", Chat(), "m", [], only_on=True) == {"reasoning_effort": "medium"}


@pytest.mark.parametrize(
    ("rules", "off", "unasked", "asked"),
    [
        (Chat(), True, False, True),
        (Chat(efforts=("minimal",)), False, False, True),
        (Chat(switch="thinking", efforts=THREE, thinks="default"), True, True, True),
        (Chat(switch="thinking", efforts=()), True, False, True),
        (Chat(switch="thinking", efforts=THREE, thinks="always"), False, True, True),
        (Chat(efforts=(), thinks="always"), False, True, True),
    ],
)
def test_when_a_model_thinks(rules: Chat, off: bool, unasked: bool, asked: bool) -> None:
    assert (can_be_off(rules), thinks(rules, None), thinks(rules, "low")) == (off, unasked, asked)
