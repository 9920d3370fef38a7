"""What each vendor's file says of its models and of its servers."""

import re
from dataclasses import fields

import pytest

from ccx_addons import vendors
from ccx_addons.core.neutral import Effort
from ccx_addons.io.prices import LIST
from ccx_addons.vendors.facts import Gemini, Messages, Responses, Vendor

TOPICS = ("size", "chat", "messages", "responses", "gemini")


# ---- every file ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("vendor", vendors.VENDORS, ids=lambda vendor: vendor.title)
def test_every_fact_is_one_that_somebody_reads_and_has_a_page(vendor: Vendor) -> None:
    for facts in (vendor.server, *(family.facts for family in vendor.families)):
        assert re.fullmatch(r"https://[\w.-]+\.[a-z]+(?:/[\w./%-]*)?", facts.source)
        for topic, default in vendors.DEFAULTS.items():
            assert getattr(facts, topic).keys() <= {member.name for member in fields(default)}


def test_every_name_of_a_price_list_is_one_that_it_has() -> None:
    listed = {provider.id for provider in LIST.providers}
    assert {vendor.prices for vendor in vendors.VENDORS if vendor.prices} <= listed


def test_every_vendor_has_a_place_of_its_own() -> None:
    assert len({vendor.title for vendor in vendors.VENDORS}) == len(vendors.VENDORS)
    assert all(vendor.hosts for vendor in vendors.VENDORS)


# ---- OpenAI ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "efforts", "sampling", "at_none", "stop", "newest", "tools_with_effort", "least"),
    [
        ("o3", "low medium high", False, False, False, False, True, 16),
        ("openai/o4-mini-2025-04-16", "low medium high", False, False, False, False, True, 16),
        ("gpt-4o", "", True, False, True, False, True, 16),
        ("gpt-4.1-mini", "", True, False, True, False, True, 16),
        ("gpt-3.5-turbo", "", True, False, True, False, True, 16),
        ("chatgpt-4o-latest", "", True, False, True, False, True, 16),
        ("gpt-5-chat-latest", "", True, False, True, False, True, 16),
        ("gpt-5-mini", "minimal low medium high", False, False, False, True, True, 16),
        ("gpt-5.1", "none low medium high", False, True, False, True, True, 16),
        ("gpt-5.1-codex-max", "none low medium high xhigh", False, True, False, True, True, 16),
        ("openai/gpt-5.2", "none low medium high xhigh", False, True, False, True, True, 16),
        ("gpt-5.5", "none low medium high xhigh", False, True, False, True, True, 16),
        ("gpt-5.6-codex", "none low medium high xhigh max", False, False, False, True, False, 16),
        ("gpt-6", "none low medium high xhigh max", False, False, False, True, False, 16),
        ("gpt-6-astra", "low medium high xhigh max", False, False, False, True, False, 16),
        ("gpt-oss-120b", "low medium high", True, False, True, False, True, 1),
        ("foo3", "none low medium high", True, False, True, False, True, 1),
    ],
)
def test_gpt(
    model: str, efforts: str, sampling: bool, at_none: bool, stop: bool, newest: bool, tools_with_effort: bool, least: int
) -> None:  # fmt: skip
    chat, responses = vendors.chat("", model), vendors.responses("", model)
    assert " ".join(chat.efforts) == efforts
    assert (chat.sampling, chat.sampling_at_none, chat.stop) == (sampling, at_none, stop)
    assert (chat.newest_tools, chat.tools_with_effort) == (newest, tools_with_effort)
    assert (responses.sampling, responses.sampling_at_none, responses.least_tokens) == (sampling, at_none, least)


@pytest.mark.parametrize(
    ("model", "encrypts", "parallel", "thoughts"),
    [
        ("o3", True, False, False),
        ("codex-mini-latest", True, False, False),
        ("gpt-4.1", False, True, False),
        ("gpt-5", True, True, False),
        ("gpt-5-chat-latest", False, True, False),
        ("llama", False, True, True),
    ],
)
def test_reasoning_on_responses(model: str, encrypts: bool, parallel: bool, thoughts: bool) -> None:
    rules = vendors.responses("", model)
    assert (rules.encrypts, rules.parallel, rules.thoughts) == (encrypts, parallel, thoughts)


def test_a_name_that_says_nothing_has_the_defaults() -> None:
    assert vendors.responses("", "llama") == Responses()
    assert vendors.messages("", "my-claude") == vendors.messages("", "") == Messages()
    assert vendors.gemini("", "claude-3-opus") == vendors.gemini("", "gemini") == Gemini()
    assert vendors.gemini("", "gemini-2025-experiment") == Gemini()  # a year is no version


# ---- Anthropic -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "sampling", "thinking", "off", "efforts", "forced", "system_turns", "prefill", "schemas", "output"),
    [
        ("claude-3-opus-20240229", "free", "budget", "disabled", 0, True, False, True, False, 4096),
        ("claude-3-5-sonnet-20241022", "free", "budget", "disabled", 0, True, False, True, False, 8192),
        ("claude-3-7-sonnet-latest", "free", "budget", "disabled", 0, True, False, True, False, 64_000),
        ("claude-sonnet-4-20250514", "free", "budget", "disabled", 0, True, False, True, False, 64_000),
        ("claude-opus-4-1-20250805", "one", "budget", "disabled", 0, True, False, True, False, 32_000),
        ("claude-haiku-4-5-20251001", "one", "budget", "disabled", 0, True, False, True, True, 64_000),
        ("claude-sonnet-4-5", "one", "budget", "disabled", 0, True, False, True, True, 64_000),
        ("claude-opus-4-5@20251101", "one", "budget", "disabled", 3, True, False, True, True, 64_000),
        ("us.anthropic.claude-opus-4-6-v1", "one", "either", "disabled", 4, True, False, False, True, 128_000),
        ("anthropic/claude-opus-4.6", "one", "either", "disabled", 4, True, False, False, True, 128_000),
        ("claude-opus-4-7", "none", "adaptive", "omit", 5, True, False, False, True, 128_000),
        ("anthropic/claude-4.7-opus", "none", "adaptive", "omit", 5, True, False, False, True, 128_000),
        ("claude-opus-4-8", "none", "adaptive", "omit", 5, True, True, False, True, 128_000),
        ("claude-opus-5", "none", "adaptive", "disabled", 5, True, True, False, True, 128_000),
        ("claude-sonnet-5", "none", "adaptive", "disabled", 5, True, True, False, True, 128_000),
        ("claude-haiku-5-5", "none", "adaptive", "disabled", 5, True, True, False, True, 128_000),
        ("claude-sonnet-5-5", "none", "adaptive", "between_tools", 5, False, True, False, True, 128_000),
        ("claude-opus-5-5", "none", "adaptive", "never", 5, False, True, False, True, 128_000),
        ("claude-fable-5", "none", "adaptive", "never", 5, True, True, False, True, 128_000),
        ("claude-fable-5-1", "none", "adaptive", "never", 5, False, True, False, True, 128_000),
        ("claude-mythos-preview", "none", "adaptive", "never", 5, True, True, False, True, 128_000),
    ],
)
def test_claude(
    model: str, sampling: str, thinking: str, off: str, efforts: int, forced: bool, system_turns: bool, prefill: bool,
    schemas: bool, output: int,
) -> None:  # fmt: skip
    rules = vendors.messages("", model)
    assert rules.claude
    assert (rules.sampling, rules.thinking, rules.off, len(rules.efforts)) == (sampling, thinking, off, efforts)
    assert (rules.forced_tools, rules.system_turns, rules.prefill, rules.schemas) == (
        forced, system_turns, prefill, schemas,
    )  # fmt: skip
    assert vendors.size("", model).output == output


# ---- windows ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "window", "output"),
    [
        ("gpt-3.5-turbo-0125", 16_385, 4096),
        ("gpt-4-0613", 8192, 8192),
        ("gpt-4-turbo", 128_000, 4096),
        ("openai/gpt-4o-mini", 128_000, 16_384),
        ("gpt-4.1-nano", 1_047_576, 32_768),
        ("o3", 200_000, 100_000),
        ("gpt-5.1", 400_000, 128_000),
        ("claude-haiku-4-5", 200_000, 64_000),
        ("claude-sonnet-4-6", 1_000_000, 64_000),
        ("claude-opus-4-6", 1_000_000, 128_000),
        ("claude-opus-5", 1_000_000, 128_000),
        ("gemini-3-pro", 1_048_576, 65_536),
        ("deepseek-flash", 1_000_000, 384_000),
        ("kimi-k2.6", 262_144, 32_768),
        ("kimi-k3", 1_048_576, 131_072),
        ("gpt-5.3-codex", 400_000, 128_000),
        ("gpt-5.4", 1_050_000, 128_000),
        ("gpt-5.4-mini", 400_000, 128_000),
        ("openai/gpt-5.6-sol", 1_050_000, 128_000),
        ("gpt-6-astra", 1_050_000, 128_000),
        ("grok-3-mini", 131_072, 0),
        ("grok-4-0709", 256_000, 0),
        ("grok-4-fast-non-reasoning", 2_000_000, 30_000),
        ("x-ai/grok-4-1-fast", 2_000_000, 30_000),
        ("grok-4.20-0309-reasoning", 1_000_000, 30_000),
        ("grok-4.3", 1_000_000, 0),
        ("grok-4.5", 500_000, 0),
        ("grok-4.7", 500_000, 0),
        ("mistral-large-2512", 262_144, 0),
        ("mistral-medium-2505", 131_072, 0),
        ("codestral-2508", 128_000, 0),
        ("MiniMax-M2.7", 204_800, 131_072),
        ("MiniMax-M3", 512_000, 131_072),
        ("MiniMax-M3.1-Flash-Preview", 1_000_000, 131_072),
        ("doubao-seed-1-6-251015", 262_144, 65_536),
        ("doubao-seed-2-0-pro-260215", 262_144, 131_072),
        ("qwen-max", 32_768, 8192),
        ("qwen-plus", 1_000_000, 32_768),
        ("qwen3-max", 262_144, 65_536),
        ("Qwen/Qwen3-235B-A22B", 131_072, 16_384),
        ("qwen3-235b-a22b-thinking-2507", 262_144, 65_536),
        ("qwen3.5-397b-a17b", 262_144, 65_536),
        ("qwen3.7-max", 1_000_000, 65_536),
        ("qwen3-coder-plus", 1_000_000, 65_536),
        ("qwen3-coder-480b-a35b-instruct", 262_144, 65_536),
        ("glm-5.2", 1_000_000, 131_072),
        ("some-model", 0, 0),
    ],
)
def test_sizes(model: str, window: int, output: int) -> None:
    found = vendors.size("", model)
    assert (found.window, found.output) == (window, output)


# ---- Google ----------------------------------------------------------------------------------------------------------
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
def test_gemini_with_levels(model: str, levels: tuple[Effort, ...]) -> None:
    rules = vendors.gemini("", model)
    assert (rules.thinking, rules.levels, rules.signatures) == ("levels", levels, True)
    assert vendors.chat("", model).signatures


@pytest.mark.parametrize(
    ("model", "budgets", "off"),
    [
        ("gemini-2.5-pro", (128, 32768), False),
        ("models/gemini-2.5-flash", (1, 24576), True),
        ("gemini-2.5-flash-lite-preview-09-2025", (512, 24576), True),
        ("relay-model", (1, 1 << 31), True),
    ],
)
def test_gemini_with_budgets(model: str, budgets: tuple[int, int], off: bool) -> None:
    rules = vendors.gemini("", model)
    assert (rules.thinking, rules.budgets, rules.off, rules.signatures) == ("budget", budgets, off, False)


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-1.5-pro", "gemma-3-27b-it"])
def test_gemini_without_thinking(model: str) -> None:
    assert vendors.gemini("", model).thinking == "none"


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
def test_newer_gemini_fixes_how_it_samples(model: str, free: bool) -> None:
    rules = vendors.gemini("", model)
    assert (rules.sampling, rules.penalties, rules.prefill) == (free, free, free)


# ---- who speaks Chat and Messages for models of their own ---------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "limit", "switch", "thinks", "efforts"),
    [
        ("deepseek-chat", "max_tokens", "thinking", "asked", ""),
        ("deepseek-ai/DeepSeek-R1", "max_tokens", "thinking", "always", ""),
        ("deepseek-v4-flash", "max_tokens", "thinking", "default", "low high max"),
        ("moonshotai/Kimi-K2-Instruct", "max_completion_tokens", "effort", "asked", ""),
        ("kimi-k2-thinking", "max_completion_tokens", "effort", "always", ""),
        ("kimi-k2.6", "max_completion_tokens", "thinking", "default", ""),
        ("kimi-k3.1-pro", "max_completion_tokens", "effort", "always", "low high max"),
        ("glm-4-flash", "max_tokens", "thinking", "asked", ""),
        ("glm-5.1", "max_tokens", "thinking", "default", ""),
        ("glm-5.2", "max_tokens", "thinking", "default", "low high max"),
        ("zai-org/GLM-5.3", "max_tokens", "thinking", "always", "low high max"),
        ("qwen3.5-plus", "max_tokens", "enable_thinking", "default", ""),
        ("qwen-plus", "max_tokens", "enable_thinking", "asked", ""),
        ("qwen3-coder-plus", "max_tokens", "enable_thinking", "asked", ""),
        ("mistral-medium-latest", "max_tokens", "effort", "asked", "none high"),
        ("grok-4-0709", "max_completion_tokens", "effort", "always", ""),
        ("grok-4.3", "max_completion_tokens", "effort", "default", "none low medium high"),
        ("grok-3-mini", "max_completion_tokens", "effort", "always", "low high"),
        ("grok-4.20-0309-reasoning", "max_completion_tokens", "effort", "always", ""),
        ("grok-4.5", "max_completion_tokens", "effort", "always", "low medium high"),
        ("grok-4.7", "max_completion_tokens", "effort", "always", "low medium high xhigh"),
        ("mistral-medium-2505", "max_tokens", "effort", "asked", ""),
        ("mistral-medium-3.5", "max_tokens", "effort", "asked", "none high"),
        ("mistral-large-4", "max_tokens", "effort", "asked", "none high"),
        ("MiniMax-M2", "max_tokens", "effort", "always", ""),
    ],
)
def test_limits_and_switches(model: str, limit: str, switch: str, thinks: str, efforts: str) -> None:
    rules = vendors.chat("", model)
    assert (rules.limit, rules.switch, rules.thinks, " ".join(rules.efforts)) == (limit, switch, thinks, efforts)


@pytest.mark.parametrize("model", ["glm-5", "moonshotai/Kimi-K3", "deepseek-v4", "qwen3-max", "MiniMax-M2", "mimo-v2"])
def test_unsigned_thoughts_go_back_to_who_demands_them(model: str) -> None:
    rules = vendors.messages("", model)
    assert rules.unsigned_thoughts and not rules.claude


def test_mistral_has_ids_of_its_own_and_takes_no_thoughts() -> None:
    rules = vendors.chat("", "devstral-small")
    assert rules.short_ids and not rules.thoughts
