"""Which model takes what."""

import pytest

from ccx_addons.protocols.chat.models import O_MODELS, OPENAI_CLASSIC, OTHER, rules_of


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        pytest.param("o3", O_MODELS, id="o-series"),
        pytest.param("openai/o4-mini-2025-04-16", O_MODELS, id="o-series with vendor and date"),
        pytest.param("gpt-4o", OPENAI_CLASSIC, id="gpt-4o"),
        pytest.param("gpt-4.1-mini", OPENAI_CLASSIC, id="gpt-4.1"),
        pytest.param("gpt-3.5-turbo", OPENAI_CLASSIC, id="gpt-3.5"),
        pytest.param("chatgpt-4o-latest", OPENAI_CLASSIC, id="chatgpt"),
        pytest.param("gpt-5-chat-latest", OPENAI_CLASSIC, id="gpt-5-chat does not reason"),
        pytest.param("gpt-oss-120b", OTHER, id="open weights"),
        pytest.param("qwen3-max", OTHER, id="another vendor"),
        pytest.param("foo3", OTHER, id="a name that ends like the o-series"),
    ],
)
def test_families(name: str, rules: object) -> None:
    assert rules_of(name) == rules


@pytest.mark.parametrize(
    ("name", "first", "last", "sampling_at_none", "tools_with_effort"),
    [
        ("gpt-5-mini", "minimal", "high", False, True),
        ("gpt-5.1", "none", "high", True, True),
        ("gpt-5.1-codex-max", "none", "xhigh", True, True),
        ("openai/gpt-5.2", "none", "xhigh", True, True),
        ("gpt-5.6", "none", "max", False, False),
        ("gpt-6", "none", "max", False, False),
    ],
)
def test_gpt_5_and_later(name: str, first: str, last: str, sampling_at_none: bool, tools_with_effort: bool) -> None:
    rules = rules_of(name)
    assert (rules.efforts[0], rules.efforts[-1]) == (first, last)
    assert (rules.sampling_at_none, rules.tools_with_effort) == (sampling_at_none, tools_with_effort)
    assert rules.newest_tools
    assert not (rules.sampling or rules.stop or rules.thoughts)


def test_vendors_with_rules_of_their_own() -> None:
    assert rules_of("mistral-large-latest").short_ids
    assert not rules_of("devstral-small").thoughts
    assert "max" in rules_of("deepseek-v4").efforts
