import pytest

from ccx_addons.core.neutral import Effort, Loss, Reasoning
from ccx_addons.core.reasoning import BUDGETS, budget_of, effort_of, effort_word, next_lower, said_effort


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


WORDS: tuple[Effort, ...] = ("none", "low", "medium", "high")


@pytest.mark.parametrize(
    ("effort", "known", "said", "lost"),
    [
        pytest.param("high", WORDS, "high", "", id="its own"),
        pytest.param("max", WORDS, "high", "max is said as high", id="the next lower"),
        pytest.param("minimal", WORDS, "low", "minimal is said as low", id="never none"),
        pytest.param("none", WORDS, "none", "", id="none itself"),
        pytest.param("none", ("minimal", "high"), "minimal", "none is said as minimal", id="none where there is none"),
        pytest.param("high", (), None, "the model takes no effort", id="no word"),
        pytest.param("none", (), None, "", id="no word is asked for"),
    ],
)
def test_an_effort_in_a_models_words(effort: Effort, known: tuple[Effort, ...], said: Effort | None, lost: str) -> None:
    losses: list[Loss] = []
    assert said_effort(effort, known, losses) == said
    assert [loss.reason for loss in losses] == [lost] * bool(lost)


def test_the_next_lower_word() -> None:
    assert [next_lower(effort, ("low", "high")) for effort in ("minimal", "low", "medium", "max")] == [
        "low", "low", "low", "high",
    ]  # fmt: skip
