"""Prices: our arithmetic is the price list's own, overrides win, and what is unknown stays unknown."""

import sys
import warnings
from datetime import UTC, datetime

import pytest
from genai_prices import Usage as ListUsage
from genai_prices.types import ModelInfo, Provider
from hypothesis import given, settings
from hypothesis import strategies as st

from ccx_addons.core.billing import Billing, billing_of
from ccx_addons.core.config import Price
from ccx_addons.core.neutral import Finished, Usage
from ccx_addons.io.prices import LIST, SLOT, Cost, cost, token_rates
from ccx_addons.protocols import images

AT = 1_790_000_000.0 // SLOT * SLOT
USAGE = Usage(input=10_000, output=500, cache_read=4_000, cache_write=1_000, reasoning=100)

PRICED = [
    (provider, model)
    for provider in LIST.providers
    for model in provider.models
    if token_rates("", model.get_prices(datetime.fromtimestamp(AT, UTC)))
]


def listed(provider: Provider, model: ModelInfo, usage: Usage) -> float:
    """The package's own calculation."""
    theirs = ListUsage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        output_reasoning_tokens=usage.reasoning,
    )
    with warnings.catch_warnings(action="ignore"):
        return float(
            model.calc_price(theirs, provider, genai_request_timestamp=datetime.fromtimestamp(AT, UTC)).total_price
        )


def ours(model: ModelInfo, usage: Usage) -> float:
    rates = token_rates("", model.get_prices(datetime.fromtimestamp(AT, UTC)))
    assert rates
    usd = rates.cost(usage).usd
    assert usd is not None
    return usd


@pytest.mark.parametrize("prompt", [10_000, 200_000, 200_001, 900_000])
def test_every_model_of_the_list_costs_what_the_list_says(prompt: int) -> None:
    usage = Usage(input=prompt, output=5_000, cache_read=prompt // 2, cache_write=prompt // 10, reasoning=1_000)
    assert len(PRICED) > 500
    for provider, model in PRICED:
        assert ours(model, usage) == pytest.approx(listed(provider, model, usage)), f"{provider.id}/{model.id}"


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(PRICED),
    st.tuples(*[st.integers(0, 400_000)] * 3),
    st.tuples(*[st.integers(0, 50_000)] * 2),
)
def test_any_usage(place: tuple[Provider, ModelInfo], prompt: tuple[int, ...], answer: tuple[int, ...]) -> None:
    usage = Usage(sum(prompt), sum(answer), cache_read=prompt[0], cache_write=prompt[1], reasoning=answer[0])
    provider, model = place
    assert ours(model, usage) == pytest.approx(listed(provider, model, usage))


@pytest.mark.parametrize(
    ("model", "hint", "source"),
    [
        pytest.param("claude-opus-4-7", "messages", "list:anthropic/claude-opus-4-7", id="kind"),
        pytest.param("claude-opus-4-7-thinking", "", "list:anthropic/claude-opus-4-7", id="suffix"),
        pytest.param("gpt-5.1-codex", "messages", "list:openai/gpt-5.1", id="kind of another vendor"),
        pytest.param("gemini-2.5-pro", "gemini", "list:google/gemini-2.5-pro", id="gemini"),
        pytest.param("models/gemini-2.5-pro", "gemini", "list:google/gemini-2.5-pro", id="resource name"),
        pytest.param("glm-4.6", "chat", "list:zai/GLM-4.6", id="name without vendor"),
        pytest.param("text-embedding-3-small", "embeddings", "list:openai/text-embedding-3-small", id="embedding"),
        pytest.param(
            "anthropic/claude-sonnet-4.5", "chat", "list:openrouter/anthropic/claude-sonnet-4.5", id="router name"
        ),
        pytest.param(
            "kimi-k2-thinking", "https://api.moonshot.cn/v1", "list:moonshotai/kimi-k2-thinking", id="address"
        ),
        pytest.param(
            "claude-sonnet-5", "https://gateway.example", "list:anthropic/claude-sonnet-5", id="strange address"
        ),
        pytest.param("glm-4.6", "https://open.bigmodel.cn/api/paas/v4", "list:zai/GLM-4.6", id="the vendor's address"),
        pytest.param("gpt-5", "https://my.openai.azure.com/openai/v1", "list:azure/gpt-5", id="its own price there"),
        pytest.param("claude-sonnet-5", "no such provider", "list:anthropic/claude-sonnet-5", id="strange hint"),
    ],
)
def test_where_a_price_comes_from(model: str, hint: str, source: str) -> None:
    found = cost(model, USAGE, hint, {}, AT)
    assert found.source == source
    assert found.usd is not None and found.usd > 0


@pytest.mark.parametrize("model", ["nonsense-9", "", "/", "a/b/c", "gpt", "whisper-large-v3", "x" * 5000])
@pytest.mark.parametrize("hint", ["", "messages", "chat", "https://openrouter.ai/api/v1", "://"])
def test_an_unknown_model_has_no_price(model: str, hint: str) -> None:
    assert cost(model, USAGE, hint, {}, AT) == Cost(None, "")


def test_names_that_are_looked_for_leave_nothing_behind() -> None:
    def kept() -> list[int]:
        return [len(value) for value in vars(LIST).values() if isinstance(value, dict | set)]

    before = kept()
    for name in ("gpt-4o", "nobody's", "vendor/nobody's"):
        cost(f"{name}-of-this-test", Usage(1, 1), "https://relay.test/v1", {}, 0)
        cost(name, Usage(1, 1), "openai", {}, 0)
    assert kept() == before


def test_reasoning_and_caches_are_parts_not_additions() -> None:
    """claude-opus-4-7: 5, 25, 0.5 and 6.25 dollars per million."""
    found = cost("claude-opus-4-7", USAGE, "messages", {}, AT)
    assert found.usd == pytest.approx((5_000 * 5 + 4_000 * 0.5 + 1_000 * 6.25 + 500 * 25) / 1e6)


OVERRIDES = {
    "glm-*": Price(1.0, 2.0),
    "glm-5*": Price(10.0, 20.0, cache_read=1.0),
    "GLM-5-air": Price(0.0, 0.0),
    "claude-opus-4-7": Price(7.0, 7.0, 7.0, 7.0),
}


@pytest.mark.parametrize(
    ("model", "usd", "source"),
    [
        pytest.param("glm-4.6", (10_000 * 1 + 500 * 2) / 1e6, "override:glm-*", id="pattern, caches as input"),
        pytest.param("glm-5", (6_000 * 10 + 4_000 * 1 + 500 * 20) / 1e6, "override:glm-5*", id="longest pattern"),
        pytest.param("glm-5-AIR", 0.0, "override:GLM-5-air", id="exact name, free is zero"),
        pytest.param("claude-opus-4-7", 10_500 * 7 / 1e6, "override:claude-opus-4-7", id="before the list"),
    ],
)
def test_overrides(model: str, usd: float, source: str) -> None:
    found = cost(model, USAGE, "chat", OVERRIDES, AT)
    assert found.source == source
    assert found.usd == pytest.approx(usd)


def test_multiplier() -> None:
    assert Cost(2.0, "list:x/y").times(0.25) == Cost(0.5, "list:x/y")
    assert Cost(None).times(3.0) == Cost(None)


def test_a_wrong_usage_never_costs_less_than_nothing() -> None:
    usd = cost("claude-opus-4-7", Usage(input=1, output=1, cache_read=50, reasoning=9), "", {}, AT).usd
    assert usd is not None and usd >= 0


def test_a_known_model_is_priced_fast() -> None:
    """Counted in calls: on the event loop nobody looks for its prices again."""
    calls = [0]

    def count(*_: object) -> None:
        calls[0] += 1

    cost("claude-opus-4-8", USAGE, "messages", OVERRIDES, AT)
    sys.setprofile(count)
    cost("claude-opus-4-8", USAGE, "messages", OVERRIDES, AT)
    sys.setprofile(None)
    assert 0 < calls[0] < 200


OPUS = (5_000 * 5 + 4_000 * 0.5 + 1_000 * 6.25 + 500 * 25) / 1e6
"""USAGE on claude-opus-4-7."""


@pytest.mark.parametrize(
    ("billing", "usd", "source"),
    [
        pytest.param(Billing(), OPUS, "", id="plain"),
        pytest.param(Billing(long_writes=400), OPUS + 400 * (10 - 6.25) / 1e6, "", id="an hour in the cache"),
        pytest.param(Billing(long_writes=10**9), OPUS + 1_000 * (10 - 6.25) / 1e6, "", id="no more than was written"),
        pytest.param(Billing(searches=3), OPUS + 0.03, "", id="searches"),
        pytest.param(Billing("batch"), OPUS / 2, " batch", id="batch"),
        pytest.param(Billing(factor=1.1, searches=1), OPUS * 1.1 + 0.01, "", id="made in one country"),
        pytest.param(Billing("fast", searches=1), OPUS * 2 + 0.01, " fast", id="fast, searches as always"),
    ],
)
def test_what_decides_a_price_beside_counts(billing: Billing, usd: float, source: str) -> None:
    found = cost("claude-opus-4-7", USAGE, "messages", {}, AT, billing)
    assert found.usd == pytest.approx(usd) and found.source == f"list:anthropic/claude-opus-4-7{source}"


@pytest.mark.parametrize(
    ("model", "billing", "times", "fee"),
    [
        ("gpt-5", Billing("priority", searches=2), 2.0, 0.02),
        ("gpt-5.5", Billing("priority"), 2.5, 0.0),
        ("gpt-4.1-mini", Billing("priority"), 1.75, 0.0),
        ("gpt-5.5", Billing("flex"), 0.5, 0.0),
        ("gemini-2.5-pro", Billing(searches=3), 1.0, 0.035),
        ("gemini-3-pro-preview", Billing(searches=3), 1.0, 0.042),
    ],
)
def test_what_models_make_of_it(model: str, billing: Billing, times: float, fee: float) -> None:
    plain, found = (cost(model, USAGE, "", {}, AT, one).usd for one in (Billing(), billing))
    assert plain and found == pytest.approx(plain * times + fee)


def test_sound_has_a_price_of_its_own() -> None:
    plain = cost("gemini-2.5-flash", USAGE, "gemini", {}, AT).usd
    heard = cost("gemini-2.5-flash", USAGE, "gemini", {}, AT, Billing(taken=(("audio", 1_000),))).usd
    assert plain and heard and heard > plain


@pytest.mark.parametrize(
    ("model", "kind", "usage", "billing", "usd"),
    [
        pytest.param(
            "gemini-2.5-flash-image", "gemini", Usage(0, 1_300), Billing(given=(("image", 1_290),)),
            (10 * 2.5 + 1_290 * 30) / 1e6, id="a picture and words",
        ),
        pytest.param(
            "gpt-image-1.5", "images", Usage(50, 4_160), Billing(taken=(("image", 40),), given=(("image", 4_160),)),
            (10 * 5 + 40 * 8 + 4_160 * 32) / 1e6, id="a picture made of a picture",
        ),
        pytest.param(
            "gpt-image-1", "images", Usage(0, 4_160), Billing(given=(("image", 4_160),)), 4_160 * 40 / 1e6,
            id="one price for all it makes",
        ),
        pytest.param(
            "gpt-image-1.5", "images", Usage(50, 0), Billing(taken=(("audio", 30), ("image", 40))),
            (30 * 5 + 20 * 8) / 1e6, id="no more than there is",
        ),
    ],
)  # fmt: skip
def test_pictures_have_a_price_of_their_own(model: str, kind: str, usage: Usage, billing: Billing, usd: float) -> None:
    assert cost(model, usage, kind, {}, AT, billing).usd == pytest.approx(usd)


def test_a_picture_may_have_a_price() -> None:
    made = images.usage_of({"data": [{"url": "a"}, {"b64_json": "b"}, {}]})
    assert made and cost("dall-e-3", made, "images", {}, AT, billing_of(made)).usd is None
    priced = {"dall-e-3": Price(1.0, 0.0, picture=0.04)}
    assert cost("dall-e-3", made, "images", priced, AT, billing_of(made)).usd == pytest.approx(0.08)
    streamed = images.decoder().feed(
        b'data: {"type": "image_generation.completed", "usage": {"input_tokens": 1000000}}\n\n'
    )
    assert isinstance(streamed[-1], Finished) and streamed[-1].usage
    found = cost("dall-e-3", streamed[-1].usage, "images", priced, AT, billing_of(streamed[-1].usage))
    assert found.usd == pytest.approx(1.04)


def test_what_the_upstream_says_comes_after_overrides_and_is_not_multiplied() -> None:
    said = cost("nobody-knows", USAGE, "chat", {}, AT, Billing(usd=0.25))
    assert said == Cost(0.25, "upstream") and said.times(3) == said
    assert cost("glm-4.6", USAGE, "chat", OVERRIDES, AT, Billing(usd=0.25)).source == "override:glm-*"


def test_an_override_for_the_cache_holds_for_an_hour_too() -> None:
    found = cost(
        "x", Usage(100, cache_write=100), "", {"x": Price(1, 1, cache_write=1.25)}, AT, Billing(long_writes=100)
    )
    assert found.usd == pytest.approx(100 * 2.0 / 1e6)
