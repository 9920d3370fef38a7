import pytest

from ccx_addons.protocols.responses.models import O_MODELS, OPENAI_CLASSIC, OTHER, rules_of


@pytest.mark.parametrize(
    ("model", "sampling", "at_none", "parallel", "encrypts", "least"),
    [
        ("o3", False, False, False, True, 16),
        ("openai/o4-mini-2025-04-16", False, False, False, True, 16),
        ("codex-mini-latest", False, False, False, True, 16),
        ("gpt-4.1", True, False, True, False, 16),
        ("gpt-5", False, False, True, True, 16),
        ("gpt-5-chat-latest", True, False, True, False, 16),
        ("gpt-5.1", False, True, True, True, 16),
        ("gpt-5.6", False, False, True, True, 16),
        ("chatgpt-4o-latest", True, False, True, False, 16),
        ("gpt-oss-120b", True, False, True, False, 1),
        ("grok-4", True, False, True, False, 1),
    ],
)
def test_rules(model: str, sampling: bool, at_none: bool, parallel: bool, encrypts: bool, least: int) -> None:
    rules = rules_of(model)
    assert (rules.sampling, rules.sampling_at_none, rules.parallel) == (sampling, at_none, parallel)
    assert (rules.encrypts, rules.least_tokens) == (encrypts, least)


@pytest.mark.parametrize(
    ("model", "efforts"),
    [
        ("o1", "low medium high"),
        ("gpt-5-mini", "minimal low medium high"),
        ("gpt-5.1", "none low medium high"),
        ("gpt-5.1-codex-max", "none low medium high xhigh"),
        ("gpt-5.4", "none low medium high xhigh"),
        ("gpt-5.6-codex", "none low medium high xhigh max"),
        ("gpt-4o", ""),
    ],
)
def test_efforts(model: str, efforts: str) -> None:
    assert " ".join(rules_of(model).efforts) == efforts


def test_families() -> None:
    assert rules_of("O3") is O_MODELS
    assert rules_of("gpt-4o") is OPENAI_CLASSIC
    assert rules_of("llama") is OTHER
