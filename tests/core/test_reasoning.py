import pytest

from ccx_addons.core.neutral import Effort, Reasoning
from ccx_addons.core.reasoning import BUDGETS, budget_of, effort_of, effort_word


@pytest.mark.parametrize(
    ("asked", "effort", "budget"),
    [
        (None, None, None),
        (Reasoning(), None, None),
        (Reasoning(enabled=True), "medium", BUDGETS["medium"]),
        (Reasoning(enabled=False, effort="high"), "none", 0),
        (Reasoning(effort="xhigh"), "xhigh", 24576),
        (Reasoning(budget=1), "minimal", 1),
        (Reasoning(budget=31999), "max", 31999),
        (Reasoning(budget=10**9), "max", 10**9),
        (Reasoning(enabled=True, budget=-1), "medium", -1),
    ],
)
def test_effort_and_budget(asked: Reasoning | None, effort: Effort | None, budget: int | None) -> None:
    assert (effort_of(asked), budget_of(asked)) == (effort, budget)


@pytest.mark.parametrize("effort", BUDGETS)
def test_a_budget_reads_back_as_its_effort(effort: Effort) -> None:
    assert effort_of(Reasoning(budget=BUDGETS[effort])) == effort


@pytest.mark.parametrize(("word", "effort"), [("HIGH", "high"), (" off ", "none"), ("ultra", None), ("", None)])
def test_words(word: str, effort: Effort | None) -> None:
    assert effort_word(word) == effort
