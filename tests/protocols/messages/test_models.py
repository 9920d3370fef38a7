import pytest

from ccx_addons.protocols.messages.models import OTHER, UNKNOWN, rules_of


@pytest.mark.parametrize(
    ("model", "sampling", "thinking", "off", "efforts", "forced", "system_turns", "prefill", "schemas"),
    [
        ("claude-3-5-sonnet-20241022", "free", "budget", "disabled", 0, True, False, True, False),
        ("claude-3-7-sonnet-latest", "free", "budget", "disabled", 0, True, False, True, False),
        ("claude-sonnet-4-20250514", "free", "budget", "disabled", 0, True, False, True, False),
        ("claude-opus-4-1-20250805", "one", "budget", "disabled", 0, True, False, True, False),
        ("claude-haiku-4-5-20251001", "one", "budget", "disabled", 0, True, False, True, True),
        ("claude-sonnet-4-5", "one", "budget", "disabled", 0, True, False, True, True),
        ("claude-opus-4-5@20251101", "one", "budget", "disabled", 3, True, False, True, True),
        ("us.anthropic.claude-opus-4-6-v1", "one", "either", "disabled", 4, True, False, False, True),
        ("anthropic/claude-opus-4.6", "one", "either", "disabled", 4, True, False, False, True),
        ("claude-opus-4-7", "none", "adaptive", "omit", 5, True, False, False, True),
        ("anthropic/claude-4.7-opus", "none", "adaptive", "omit", 5, True, False, False, True),
        ("claude-opus-4-8", "none", "adaptive", "omit", 5, True, True, False, True),
        ("claude-opus-5", "none", "adaptive", "disabled", 5, True, True, False, True),
        ("claude-sonnet-5", "none", "adaptive", "disabled", 5, True, True, False, True),
        ("claude-haiku-5-5", "none", "adaptive", "disabled", 5, True, True, False, True),
        ("claude-sonnet-5-5", "none", "adaptive", "between_tools", 5, False, True, False, True),
        ("claude-opus-5-5", "none", "adaptive", "never", 5, False, True, False, True),
        ("claude-fable-5", "none", "adaptive", "never", 5, True, True, False, True),
        ("claude-fable-5-1", "none", "adaptive", "never", 5, False, True, False, True),
        ("claude-mythos-preview", "none", "adaptive", "never", 5, True, True, False, True),
    ],
)
def test_rules(
    model: str, sampling: str, thinking: str, off: str, efforts: int, forced: bool, system_turns: bool, prefill: bool,
    schemas: bool,
) -> None:  # fmt: skip
    rules = rules_of(model)
    assert rules.claude
    assert (rules.sampling, rules.thinking, rules.off, len(rules.efforts)) == (sampling, thinking, off, efforts)
    assert (rules.forced_tools, rules.system_turns, rules.prefill, rules.schemas) == (
        forced, system_turns, prefill, schemas,
    )  # fmt: skip


@pytest.mark.parametrize("model", ["glm-5", "moonshotai/Kimi-K3", "deepseek-v4"])
def test_models_of_other_vendors(model: str) -> None:
    assert rules_of(model) is OTHER


@pytest.mark.parametrize("model", ["", "sonnet", "my-claude", "gpt-4.1"])
def test_names_that_say_nothing(model: str) -> None:
    assert rules_of(model) is UNKNOWN
