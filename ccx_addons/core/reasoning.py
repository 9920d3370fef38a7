"""How much a model may think: effort words and token budgets, and the way from one to the other.

Words: OpenAI's ``reasoning.effort`` and Anthropic's ``output_config.effort``; budgets: Anthropic's
``thinking.budget_tokens`` (at least 1024) and Gemini's ``thinkingConfig.thinkingBudget`` (0: off, -1: dynamic).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ccx_addons.core.neutral import Effort, Loss, Reasoning

MIN_BUDGET: Final = 1024
"""The smallest budget Anthropic accepts."""

BUDGETS: Final[Mapping[Effort, int]] = {
    "none": 0,
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 24576,
    "max": 32768,
}
"""Effort -> tokens. A budget reads back as the smallest effort that covers it."""
WORDS: Final[Mapping[str, Effort]] = {**{effort: effort for effort in BUDGETS}, "off": "none", "disabled": "none"}


def effort_word(text: str) -> Effort | None:
    """The effort that a wire value names, in any case; None for a word nobody knows. ``off`` is ``none``."""
    return WORDS.get(text.strip().lower())


def effort_of(reasoning: Reasoning | None) -> Effort | None:
    """The effort asked for, also when only a budget was given. None: nothing was said."""
    if reasoning is None:
        return None
    if reasoning.enabled is False:
        return "none"
    if reasoning.effort is not None:
        return reasoning.effort
    if reasoning.budget is None or reasoning.budget < 0:
        return "medium" if reasoning.enabled else None
    return next((effort for effort, budget in BUDGETS.items() if budget >= reasoning.budget), "max")


def budget_of(reasoning: Reasoning | None) -> int | None:
    """Tokens, also when only an effort was given; 0: thinking is off. None: nothing was said."""
    if reasoning is None:
        return None
    if reasoning.enabled is False:
        return 0
    if reasoning.budget is not None:
        return reasoning.budget
    effort = effort_of(reasoning)
    return None if effort is None else BUDGETS[effort]


def next_lower(effort: Effort, known: Sequence[Effort]) -> Effort:
    """The word among ``known`` (lowest first, at least one) that is not above ``effort``, else the lowest."""
    order = list(BUDGETS)
    return next((word for word in reversed(known) if order.index(word) <= order.index(effort)), known[0])


def said_effort(effort: Effort, known: Sequence[Effort], losses: list[Loss]) -> Effort | None:
    """The effort in a word that a model has: its own, or the next lower one, or its lowest. None: it takes none.

    ``none`` switches thinking off: no other word becomes it.
    """
    if effort in known:
        return effort
    if not known:
        if effort != "none":
            losses.append(Loss("reasoning.effort", "the model takes no effort"))
        return None
    found = next_lower(effort, [word for word in known if word != "none"])
    losses.append(Loss("reasoning.effort", f"{effort} is said as {found}"))
    return found
