"""Thinking in the words of the server: which field switches it on and off, and how much of it there is to be.

Sources: openrouter.ai/docs/use-cases/reasoning-tokens (``reasoning``), api-docs.deepseek.com/guides/thinking_mode
(``thinking``), help.aliyun.com/zh/model-studio/deep-thinking (``enable_thinking``), docs.vllm.ai/en/latest/features/
reasoning_outputs (``chat_template_kwargs``), ai.google.dev/gemini-api/docs/openai (``extra_body``).
"""

from collections.abc import Mapping
from typing import Final

from ccx_addons import vendors
from ccx_addons.core import read
from ccx_addons.core.neutral import Effort, Json, Loss, Reasoning
from ccx_addons.core.reasoning import budget_of, effort_word, next_lower, said_effort
from ccx_addons.protocols.chat.wire import Fields
from ccx_addons.vendors.facts import Chat

ALWAYS: Final = "the model always thinks; it was asked for the least"


SWITCHES: Final = ("reasoning", "thinking", "enable_thinking", "thinking_budget", "chat_template_kwargs", "extra_body")
"""Vendors' own fields for thinking, which go back as they came."""
ON: Final[Mapping[str, bool]] = {"enabled": True, "adaptive": True, "disabled": False}
BUDGETS: Final = ("max_tokens", "budget_tokens", "thinking_budget")


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def read_reasoning(body: Mapping[str, Json]) -> Reasoning | None:
    """The effort, else what a vendor's own switch says."""
    effort = effort_word(read.text(body.get("reasoning_effort")))
    switch = _switch(body)
    summary = _summary(body, switch)
    if effort:
        return Reasoning(effort=effort, summary=summary)
    effort = effort_word(read.text(switch.get("effort")) or read.text(switch.get("thinking_level")))
    counts = [count for name in BUDGETS if (count := read.integer(switch.get(name))) is not None]
    budget = counts[0] if counts else None
    enabled = False if budget == 0 else _enabled(body, switch)
    if enabled is None and effort is None and budget is None and summary is None:
        return None
    return Reasoning(enabled, effort, budget or None, summary)


def _switch(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The object of a vendor that says how to think."""
    google = read.mapping(read.mapping(body.get("extra_body")).get("google"))
    found = read.mapping(body.get("reasoning")) or read.mapping(body.get("thinking"))
    return found or read.mapping(google.get("thinking_config")) or {"thinking_budget": body.get("thinking_budget")}


def _enabled(body: Mapping[str, Json], switch: Mapping[str, Json]) -> bool | None:
    template = read.mapping(body.get("chat_template_kwargs"))
    said = (
        ON.get(read.text(switch.get("type"))),
        switch.get("enabled"),
        body.get("enable_thinking"),
        template.get("enable_thinking"),
        template.get("thinking"),
    )
    return next((flag for flag in said if isinstance(flag, bool)), None)


def _summary(body: Mapping[str, Json], switch: Mapping[str, Json]) -> str | None:
    """Whether the client wants to see thoughts, which it gets as ``reasoning_content``: in OpenAI's word, or as
    OpenRouter says it (openrouter.ai/docs/use-cases/reasoning-tokens), or Google."""
    shown = read.flag(body.get("include_reasoning"))
    hidden = read.flag(switch.get("exclude"))
    if shown is None:
        shown = read.flag(switch.get("include_thoughts")) if hidden is None else not hidden
    return read.text(switch.get("summary")) or {True: "auto", False: "none", None: None}[shown]


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def can_be_off(rules: Chat) -> bool:
    """Whether the model can be told not to think."""
    return rules.thinks != "always" and (rules.switch != "effort" or "none" in rules.efforts)


def thinks(rules: Chat, effort: Effort | None) -> bool:
    """Whether the model will think. ``effort``: what it is asked for; None: nothing was said."""
    if rules.thinks == "always" or (effort is not None and effort != "none"):
        return True
    return rules.thinks == "default" and effort is None


def write_effort(effort: Effort, rules: Chat, model: str, losses: list[Loss], only_on: bool = False) -> Fields:
    """The fields that ask for an effort. ``only_on``: thinking was asked for and nothing said of how much."""
    if rules.thinks == "always" and effort == "none":
        losses.append(Loss("reasoning", ALWAYS))
        return _word("low", rules, [])
    on = effort != "none"
    match rules.switch:
        case "effort":
            return _word(effort, rules, losses)
        case "gemini":
            return {"extra_body": {"google": {"thinking_config": thinking_config(effort, model)}}}
        case "reasoning":
            word = said_effort(effort, rules.efforts, losses) if on or "none" in rules.efforts else None
            return {"reasoning": {"effort": word} if word else {"enabled": on}}
        case "enabled":
            switch: Fields = {"reasoning": {"enabled": on}}
        case "thinking":
            switch = {"thinking": {"type": "enabled" if on else "disabled"}}
        case "enable_thinking":
            switch = {"enable_thinking": on}
        case "template":
            switch = {"chat_template_kwargs": {"enable_thinking": on, "thinking": on}}
    if rules.thinks == "always":
        switch = {}
    return switch if not on or (only_on and switch) else switch | _word(effort, rules, losses)


def _word(effort: Effort, rules: Chat, losses: list[Loss]) -> Fields:
    word = said_effort(effort, rules.efforts, losses)
    return {"reasoning_effort": word} if word else {}


def thinking_config(effort: Effort, model: str) -> dict[str, Json]:
    """Levels or a budget, never both (ai.google.dev/gemini-api/docs/thinking)."""
    rules = vendors.gemini("", model)
    if rules.thinking == "levels" and effort != "none":
        return {"thinking_level": next_lower(effort, rules.levels)}
    return {"thinking_budget": budget_of(Reasoning(effort=effort))}
