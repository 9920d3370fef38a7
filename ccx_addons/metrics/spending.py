"""What an exchange cost where no upstream said so to the end: a client that leaves pays for what it has read.

Real counts win as far as there are any; the rest is an estimate, and the log row says so.
"""

from typing import Final

from ccx_addons.convert.translate import neutral_request
from ccx_addons.convert.watch import Watcher
from ccx_addons.core.config import Channel, Kind
from ccx_addons.core.endpoints import VECTORS
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.estimate import (
    BYTES_PER_TOKEN,
    completed,
    output_tokens,
    tokens_of,
    tokens_of_parts,
    tokens_of_text,
)
from ccx_addons.core.estimate import prompt_tokens as rough
from ccx_addons.core.exchange import Exchange, Phase
from ccx_addons.core.neutral import Json, Usage
from ccx_addons.core.patient_json import BIG
from ccx_addons.io.prices import cost
from ccx_addons.scheduler.budgets import FREE, MOST, Estimate
from ccx_addons.scheduler.tokens import limits_on

BILLED: Final = frozenset({"generate", "compact", *VECTORS})
"""Operations that upstreams bill by tokens."""
TIERED: Final = frozenset[Kind]({"chat", "responses", "gemini"})
USUAL_OUTPUT: Final = 4096
"""Tokens of an answer whose request names no limit, for what is reserved of a budget."""
MOST_OFFERS: Final = 5
LARGE: Final = 200_000
"""Tokens reserved for a large body, which may have pictures in it, without a look at it."""
ASKED: Final = frozenset[Phase]({"waiting", "streaming", "tool"})
"""Phases in which an upstream has the request and works on it."""


def estimate_of(x: Exchange, now: float) -> Estimate:
    """What a request may cost, where a budget of its client counts that; nothing is reserved for others. The price is
    the largest one known of the channels that offer the model."""
    assert x.client
    limits = (x.client.limits, *(some for _, some in limits_on(x.client, x.model)))
    by_usd = any(some.usd_per_day or some.usd_per_month for some in limits)
    by_tokens = any(some.tokens_per_minute or some.tokens_per_day or some.tokens_per_month for some in limits)
    if not (by_usd or by_tokens) or x.operation not in BILLED:
        return FREE
    members = x.body.members if x.body else {}
    output = 0 if x.operation in VECTORS else output_tokens(members) or USUAL_OUTPUT
    usage = Usage(min(len(x.raw) // BYTES_PER_TOKEN, LARGE) if len(x.raw) > BIG else rough(x.raw), output)
    usd = _dearest(x, usage, now) if by_usd else 0.0
    return Estimate(min(usage.input + usage.output, MOST.tokens), min(usd, MOST.usd))


def _dearest(x: Exchange, usage: Usage, now: float) -> float:
    """Of the first few channels."""
    offers = [c for c in x.snapshot.channels if x.kind in c.serves and c.status == "active" and c.allow.allows(x.model)]
    prices = x.snapshot.prices
    costs = (
        (c, cost(mapped.model, usage, c.protocol, prices, now))
        for c in offers[:MOST_OFFERS]
        for mapped in c.models.chain(x.model)
    )
    return max((priced.usd * c.price_multiplier for c, priced in costs if priced.usd is not None), default=0.0)


def asked_tier(x: Exchange, channel: Channel) -> Json:
    """How the request wanted to be served, where its upstream has such tiers."""
    if channel.protocol not in TIERED:
        return None
    if channel.reasoning.fast:
        return "priority"
    return x.body.members.get("service_tier") if x.body else None


def unsettled(x: Exchange) -> bool:
    """Whether an upstream worked for the client and has not said how much. The phase is the one it ended in."""
    if x.operation not in BILLED or x.current is None:
        return False
    if x.usage and not (isinstance(x.watcher, Watcher) and not x.watcher.finished):
        return False
    return x.committed or x.state == "ok" or (x.state == "client_left" and x.phase in ASKED)


def settle(x: Exchange) -> None:
    """Sets the usage. Work is linear in the request; an answer was counted while it passed."""
    known, output = x.usage, tokens_of_parts(x.answer.parts) if x.answer else 0
    if isinstance(x.watcher, Watcher):
        known = x.watcher.decoder.counted or known
        output = x.watcher.said.tokens if x.committed else 0
    x.usage = completed(known, 0 if known and known.input else prompt_tokens(x), output)
    x.usage_estimated = True


def prompt_tokens(x: Exchange) -> int:
    """What the client asked, by its texts. A request that nobody can read counts by its size."""
    try:
        if x.operation not in VECTORS:
            return tokens_of(neutral_request(x))
    except BadRequest:
        pass
    return tokens_of_text(x.raw.decode("utf-8", "replace"))
