"""What of an answer's usage decides its price beside plain counts: as each vendor writes it, in one form.

Sources: platform.claude.com/docs/en/about-claude/pricing (writes for an hour, searches, speed, places),
openrouter.ai/docs/use-cases/usage-accounting (``cost``), docs.x.ai/developers/cost-tracking (ticks), docs.perplexity.ai
(``cost`` as a table), ai.google.dev/api/generate-content#UsageMetadata (modalities),
platform.openai.com/docs/api-reference/images.
"""

from collections.abc import Mapping
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Usage
from ccx_addons.core.value import value

MOST_USD: Final = 10_000.0
"""No single request costs more, whatever an upstream says."""
MOST_SEARCHES: Final = 10_000
TICKS: Final = 1e10
"""Of xAI to a dollar."""
TIERS: Final = frozenset({"flex", "batch", "priority", "fast"})
"""Ways of being served that have a price of their own."""
MODALITIES: Final = ("audio", "image", "video")
"""Tokens that are no text, which may cost something else."""

US_ONLY: Final = 1.1
"""In the United States alone, relative to anywhere: models that take such a wish (``inference_geo``)."""
PICTURES: Final = "pictures"
"""What Images made: a count beside the usage (protocols/images.py)."""

type Counts = tuple[tuple[str, int], ...]
"""(modality, tokens)."""


@value(frozen=True, slots=True)
class Billing:
    """``long_writes``: of the tokens written to the cache those that stay for an hour; ``usd``: what the upstream says
    that it cost, None where it says nothing."""

    tier: str = ""
    long_writes: int = 0
    searches: int = 0
    taken: Counts = ()
    """Of the prompt what is no text."""
    given: Counts = ()
    """Of the answer."""
    usd: float | None = None
    pictures: int = 0
    """That Images made."""
    factor: float = 1.0
    """What tokens cost more for the place where they were made."""


PLAIN: Final = Billing()


def billing_of(usage: Usage, asked_tier: Any = None) -> Billing:
    """``asked_tier``: what the request wanted, where the usage does not say how it was served."""
    asked = usage.served if usage.served and usage.served != "auto" else asked_tier
    tier = asked if isinstance(asked, str) and asked in TIERS else ""
    if not usage.extra:
        return Billing(tier, searches=min(usage.searches, MOST_SEARCHES)) if tier or usage.searches else PLAIN
    (protocol, fields), *_ = usage.extra.items()
    if protocol == "messages":
        tier = _messages_tier(fields)
    if protocol == "gemini":
        taken, given = (_listed(fields.get(name)) for name in ("promptTokensDetails", "candidatesTokensDetails"))
    else:
        taken = _named(fields, "prompt_tokens_details") or _named(fields, "input_tokens_details")
        given = _named(fields, "completion_tokens_details") or _named(fields, "output_tokens_details")
    return Billing(
        tier,
        _long_writes(usage, read.mapping(fields.get("cache_creation"))),
        min(
            usage.searches + read.count(read.mapping(fields.get("server_tool_use")).get("web_search_requests")),
            MOST_SEARCHES,
        ),
        taken,
        given,
        _usd(fields),
        read.count(fields.get(PICTURES)) if protocol == "images" else 0,
        US_ONLY if protocol == "messages" and fields.get("inference_geo") == "us" else 1.0,
    )


def _long_writes(usage: Usage, parts: Mapping[str, Any]) -> int:
    """A stream says only of its first turn how long what is written stays; the turns behind searches are counted in the
    sum (github.com/BerriAI/litellm/issues/42663)."""
    hour, minutes = (read.count(parts.get(f"ephemeral_{time}_input_tokens")) for time in ("1h", "5m"))
    return usage.cache_write * hour // (hour + minutes) if hour and usage.cache_write > hour + minutes else hour


def _messages_tier(fields: Mapping[str, Any]) -> str:
    """Anthropic's priority tier is paid in advance, and costs no more by the token."""
    return "fast" if fields.get("speed") == "fast" else "batch" if fields.get("service_tier") == "batch" else ""


def _named(fields: Mapping[str, Any], name: str) -> Counts:
    details = read.mapping(fields.get(name))
    return tuple((kind, count) for kind in MODALITIES if (count := read.count(details.get(f"{kind}_tokens"))))


def _listed(details: Any) -> Counts:
    """Google's form."""
    counts: dict[str, int] = {}
    for entry in read.mappings(details):
        kind = read.text(entry.get("modality")).lower()
        counts[kind] = counts.get(kind, 0) + read.count(entry.get("tokenCount"))
    return tuple((kind, counts[kind]) for kind in MODALITIES if counts.get(kind))


def _usd(fields: Mapping[str, Any]) -> float | None:
    """A cost that is no sensible number is none. With a key of one's own a router adds its fee to what that costs."""
    cost = fields.get("cost")
    said = read.number(cost.get("total_cost") if isinstance(cost, dict) else cost)
    if said is not None and fields.get("is_byok") is True:
        said += read.number(read.mapping(fields.get("cost_details")).get("upstream_inference_cost")) or 0.0
    if said is None and (ticks := read.number(fields.get("cost_in_usd_ticks"))) is not None:
        said = ticks / TICKS
    return min(said, MOST_USD) if said is not None and said >= 0 else None
