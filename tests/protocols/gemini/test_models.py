import pytest

from ccx_addons.core.neutral import Effort
from ccx_addons.protocols.gemini.models import UNKNOWN, rules_of


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        ("gemini-3-pro-preview", ("low", "high")),
        ("gemini-3.1-pro-preview", ("low", "medium", "high")),
        ("gemini-3-flash-preview", ("minimal", "low", "medium", "high")),
        ("gemini-3.6-flash", ("minimal", "low", "medium", "high")),
        ("gemini-3.7-flash", ("low", "medium", "high")),
        ("google/gemini-3.8-flash", ("low", "medium", "high")),
        ("gemini-3.8-flash-lite", ("minimal", "low", "medium", "high")),
        ("gemini-4-argon", ("low", "medium", "high")),
        ("gemini-flash-latest", ("low", "medium", "high")),
    ],
)
def test_levels(model: str, levels: tuple[Effort, ...]) -> None:
    rules = rules_of(model)
    assert (rules.thinking, rules.levels, rules.signatures) == ("levels", levels, True)


@pytest.mark.parametrize(
    ("model", "budgets", "off"),
    [
        ("gemini-2.5-pro", (128, 32768), False),
        ("models/gemini-2.5-flash", (1, 24576), True),
        ("gemini-2.5-flash-lite-preview-09-2025", (512, 24576), True),
        ("relay-model", (1, 1 << 31), True),
    ],
)
def test_budgets(model: str, budgets: tuple[int, int], off: bool) -> None:
    rules = rules_of(model)
    assert (rules.thinking, rules.budgets, rules.off, rules.signatures) == ("budget", budgets, off, False)


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-1.5-pro", "gemma-3-27b-it"])
def test_no_thinking(model: str) -> None:
    assert rules_of(model).thinking == "none"


@pytest.mark.parametrize(
    ("model", "free"),
    [
        ("gemini-2.5-pro", True),
        ("gemini-3.1-pro-preview", True),
        ("gemini-3.5-flash", True),
        ("gemini-3.6-flash", False),
        ("gemini-4-argon", False),
        ("gemini-pro-latest", False),
    ],
)
def test_newer_models_fix_how_they_sample(model: str, free: bool) -> None:
    rules = rules_of(model)
    assert (rules.sampling, rules.penalties, rules.prefill) == (free, free, free)


def test_names_without_a_version_say_nothing() -> None:
    assert rules_of("claude-3-opus") == rules_of("gemini") == UNKNOWN
    assert not UNKNOWN.json_with_functions and not UNKNOWN.json_schema


def test_a_year_is_no_version() -> None:
    assert rules_of("gemini-2025-experiment") == UNKNOWN
