"""What an exchange cost: overrides from ccx.yaml first, then the price list bundled with the genai-prices package.

The list is the one of the installed package; it is never fetched. A model it does not know has no price, which is
something else than a price of zero. Source: https://github.com/pydantic/genai-prices.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import ModelPrice, TieredPrices

from ccx_addons import vendors
from ccx_addons.core.billing import MODALITIES, PLAIN, Billing, Counts
from ccx_addons.core.config import Patterns, Price
from ccx_addons.core.neutral import Usage
from ccx_addons.core.value import value

LIST: Final = get_snapshot()
"""Loaded with this module: some 150 ms that no request should wait for."""

PROVIDER_OF_KIND: Final[Mapping[str, str]] = {
    "messages": "anthropic",
    "responses": "openai",
    "gemini": "google",
    "images": "openai",
}
"""Whose models a protocol most often carries. chat and embeddings are spoken by everybody."""

MAKERS: Final = tuple(dict.fromkeys(vendor.prices for vendor in vendors.VENDORS if vendor.prices and vendor.families))
"""Asked when neither the address nor the name alone leads to a price."""

UPSTREAM: Final = "upstream"
NOTHING: Final[Mapping[str, "Steps"]] = MappingProxyType({})
HOUR: Final = 2.0 / 1.25
"""An hour in the cache, relative to five minutes, where no list says so (Anthropic)."""
FACTORS: Final[Mapping[str, float]] = {"flex": 0.5, "batch": 0.5, "priority": 2.0, "fast": 2.0}
"""What a tier makes of the price of tokens: openai.com/api-priority-processing (those that PRIORITY does not name),
developers.openai.com/api/docs/guides/flex-processing, platform.claude.com/docs/en/build-with-claude/fast-mode."""

PRIORITY: Final = (("gpt-5.5", 2.5), ("gpt-5-mini", 1.8), ("gpt-4.1", 1.75))
"""Models that begin so -> what priority makes of their price."""
BY_PROMPT: Final = ("list:google/gemini-1", "list:google/gemini-2")
"""Models whose searches are paid once a request, however many they are (ai.google.dev/gemini-api/docs/pricing)."""

SLOT: Final = 900
"""Seconds for which a looked-up price holds: prices change by date and by time of day, on the hour or half-hour."""


@value(frozen=True, slots=True)
class Cost:
    """US dollars, or None when nobody knows the price.

    ``source``: ``override:PATTERN``, ``list:PROVIDER/MODEL`` (each with the tier that changed it), ``upstream`` for
    what it says itself, or empty with an unknown price.
    """

    usd: float | None
    source: str = ""
    parts: "Parts | None" = None

    def times(self, factor: float) -> "Cost":
        """The same with a channel's ``price_multiplier``."""
        if self.usd is None or self.source == UPSTREAM or factor == 1.0:
            return self
        return Cost(self.usd * factor, self.source, self.parts and self.parts.times(factor))


class Parts(NamedTuple):
    """US dollars by kind of token; fees by the request are in none. ``saved``: what the prompt would have cost more
    without a cache, less what writing into it cost more."""

    input: float
    cache_read: float
    cache_write: float
    output: float
    reasoning: float
    saved: float

    def times(self, factor: float) -> "Parts":
        return self if factor == 1.0 else Parts(*(part * factor for part in self))


type Steps = tuple[tuple[int, float], ...]
"""(prompt tokens, dollars per token), largest first: the first row below the prompt's size gives the rate."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What one model costs. A missing cache rate is the input's, a missing reasoning rate the output's."""

    source: str
    input: Steps
    output: Steps
    cache_read: Steps
    cache_write: Steps
    reasoning: Steps
    request: float = 0.0
    long_write: Steps = ()
    taken: Mapping[str, Steps] = NOTHING
    given: Mapping[str, Steps] = NOTHING
    """Of tokens that are no text (core/billing.py, MODALITIES), where they cost something else."""
    search: float = 0.0
    picture: float = 0.0

    def cost(self, usage: Usage, billing: Billing = PLAIN) -> Cost:
        prompt = usage.input
        fresh = max(0, prompt - usage.cache_read - usage.cache_write)
        answer = max(0, usage.output - usage.reasoning)
        plain = _rate(self.input, prompt)
        first, output = fresh * plain, answer * _rate(self.output, prompt)
        read = write = reasoning = 0.0
        if usage.cache_read:
            read = usage.cache_read * _rate(self.cache_read or self.input, prompt)
        if usage.cache_write:
            write = usage.cache_write * _rate(self.cache_write or self.input, prompt)
        if billing is not PLAIN:
            write += self._longer(usage, billing)
            first += _beyond(self.taken, billing.taken, fresh, plain, prompt)
            output += _beyond(self.given, billing.given, answer, _rate(self.output, prompt), prompt)
        if usage.reasoning:
            reasoning = usage.reasoning * _rate(self.reasoning or self.output, prompt)
        saved = (usage.cache_read + usage.cache_write) * plain - read - write
        parts = Parts(first, read, write, output, reasoning, saved).times(self._factor(billing.tier) * billing.factor)
        searches = min(billing.searches, 1) if self.source.startswith(BY_PROMPT) else billing.searches
        fees = self.request + searches * self.search + billing.pictures * self.picture
        whole = fees + sum(parts[:-1])
        return Cost(whole, f"{self.source} {billing.tier}" if billing.tier else self.source, parts)

    def _factor(self, tier: str) -> float:
        usual = FACTORS.get(tier, 1.0)
        if tier != "priority":
            return usual
        name = self.source.rpartition("/")[2]
        return next((factor for start, factor in PRIORITY if name.startswith(start)), usual)

    def _longer(self, usage: Usage, billing: Billing) -> float:
        """What an hour in the cache costs more than minutes."""
        prompt = usage.input
        minutes = _rate(self.cache_write or self.input, prompt)
        hour = _rate(self.long_write, prompt) or (minutes * HOUR if self.cache_write else minutes)
        return min(billing.long_writes, usage.cache_write) * (hour - minutes)


def cost(
    model: str,
    usage: Usage,
    provider_hint: str,
    overrides: Mapping[str, Price],
    at: float,
    billing: Billing = PLAIN,
) -> Cost:
    """The cost of one exchange.

    ``model``: the upstream's name. ``provider_hint``: a base URL, a genai-prices provider id or a kind; may be empty.
    ``overrides``: model pattern -> price. ``at``: Unix seconds, for prices that change with time. Never raises.
    """
    rates = _overridden(model, overrides) if overrides else None
    if rates is None and billing.usd is not None:
        return Cost(billing.usd, UPSTREAM)
    rates = rates or _listed(model, provider_hint, int(at // SLOT))
    return rates.cost(usage, billing) if rates else Cost(None)


def _beyond(rates: Mapping[str, Steps], counts: Counts, tokens: int, plain: float, prompt: int) -> float:
    """What pictures and sounds among so many tokens cost more than text."""
    usd = 0.0
    for kind, count in counts if rates else ():
        counted = min(count, tokens)
        tokens -= counted
        usd += counted * (_rate(rates[kind], prompt) - plain) if kind in rates else 0.0
    return usd


def _rate(steps: Steps, prompt: int) -> float:
    for start, rate in steps:
        if prompt > start:
            return rate
    return 0.0


# ---- overrides -------------------------------------------------------------------------------------------------------
def _overridden(model: str, overrides: Mapping[str, Price]) -> Rates | None:
    """The exact name wins, then the longest pattern."""
    name = model.lower()
    matching = [p for p in overrides if p.lower() == name or ("*" in p and Patterns((p.lower(),)).allows(name))]
    if not matching:
        return None
    pattern = max(matching, key=lambda p: ("*" not in p, len(p)))
    price = overrides[pattern]
    return Rates(
        f"override:{pattern}",
        _flat(price.input),
        _flat(price.output),
        _flat(price.cache_read),
        _flat(price.cache_write),
        (),
        picture=price.picture or 0.0,
    )


def _flat(per_million: float | None) -> Steps:
    return () if per_million is None else ((-1, per_million / 1e6),)


# ---- the list --------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=4096)
def _listed(model: str, hint: str, slot: int) -> Rates | None:
    when = datetime.fromtimestamp(slot * SLOT, UTC)
    # A list of its own each time: it remembers all that it was asked for, without an end.
    names = DataSnapshot(LIST.providers, LIST.from_auto_update)
    for name, provider_id, url in _places(model, hint):
        try:
            provider, found = names.find_provider_model(name, None, provider_id, url)
        except LookupError:
            continue
        return token_rates(f"list:{provider.id}/{found.id}", found.get_prices(when))
    return None


def _places(model: str, hint: str) -> Iterator[tuple[str, str | None, str | None]]:
    """Where to look, best first: (name, provider id, API address). Names like ``vendor/model`` are a router's."""
    if "://" in hint:
        server = vendors.at_host(hint)
        yield model, (server.prices or None) if server else None, hint
        yield model, None, hint
    elif provider := PROVIDER_OF_KIND.get(hint, hint):
        yield model, provider, None
    yield model, None, None
    vendor, _, rest = model.partition("/")
    if rest:
        yield model, "openrouter", None
        yield rest, vendor, None
        yield rest, None, None
    makers = [maker.prices] if (maker := vendors.maker_of(model)) and maker.prices else []
    for vendor in (*makers, *MAKERS):
        yield rest or model, vendor, None


def token_rates(source: str, price: ModelPrice) -> Rates | None:
    """None for a model that is not priced by tokens."""
    if price.input_mtok is None and price.output_mtok is None:
        return None
    per_thousand, searches = price.requests_kcount, price.web_searches_kcount
    return Rates(
        source,
        _steps(price.input_mtok),
        _steps(price.output_mtok),
        _steps(price.cache_read_mtok),
        _steps(price.cache_write_mtok),
        _steps(price.output_reasoning_mtok),
        float(per_thousand) / 1000 if isinstance(per_thousand, Decimal) else 0.0,
        _steps(price.cache_write_1h_mtok),
        _of_modalities(price, "input"),
        _of_modalities(price, "output"),
        float(searches) / 1000 if isinstance(searches, Decimal) else 0.0,
    )


def _of_modalities(price: ModelPrice, side: str) -> Mapping[str, Steps]:
    found = {kind: _steps(getattr(price, f"{side}_{kind}_mtok", None)) for kind in MODALITIES}
    return {kind: steps for kind, steps in found.items() if steps} or NOTHING


def _steps(price: Decimal | TieredPrices | None) -> Steps:
    match price:
        case None:
            return ()
        case TieredPrices():
            tiers = [(tier.start, float(tier.price) / 1e6) for tier in price.tiers]
            return (*sorted(tiers, reverse=True), (-1, float(price.base) / 1e6))
        case _:
            return _flat(float(price))
