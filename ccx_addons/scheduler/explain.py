"""The dry run: where a request would go and why, by exactly the code that routes it. Nothing is changed."""

from dataclasses import dataclass

from ccx_addons.core.config import Snapshot
from ccx_addons.core.exchange import Decision
from ccx_addons.scheduler.index import Entry
from ccx_addons.scheduler.ranking import rank
from ccx_addons.scheduler.rules import Pick, own_key
from ccx_addons.scheduler.state import State


@dataclass(frozen=True, slots=True)
class Place:
    """A channel that would be tried: with which key (masked), where, as what model; ``reason`` is why it stands here.

    ``converted``: e.g. ``messages>chat``; empty: the client's own protocol.
    """

    channel_id: str
    channel_name: str
    protocol: str
    upstream_model: str
    converted: str
    key_mask: str
    base_url: str
    rule: str
    reason: str
    then: tuple[str, ...] = ()
    """Other models of the chain that the same key would be asked for, in their order."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """``places`` in the order in which they would be tried; ``dropped``: the others, and the rule that dropped each."""

    places: tuple[Place, ...]
    dropped: tuple[Decision, ...]

    @property
    def decisions(self) -> tuple[Decision, ...]:
        kept = (Decision(p.channel_id, p.channel_name, p.rule, True, p.reason) for p in self.places)
        return (*self.dropped, *kept)


def explain(snapshot: Snapshot, state: State, pick: Pick, now: float) -> Explanation:
    """``now``: Unix seconds."""
    ranking = rank(pick, snapshot, state, now)
    decisions = ranking.decisions
    why = {decision.channel_id: decision for decision in decisions if decision.kept}
    places = tuple(_place(snapshot, state, pick, entry, why[entry.channel.id], now) for entry in ranking)
    return Explanation(places, tuple(decision for decision in decisions if not decision.kept))


def _place(snapshot: Snapshot, state: State, pick: Pick, entry: Entry, decision: Decision, now: float) -> Place:
    channel = entry.channel
    own = own_key(pick, snapshot, state, channel, now)
    target = state.of(pick.kind, channel.id).target(entry, frozenset(), now, state.limits, own=own)
    model = target.model if target else entry.model
    chain = [other for key, other in entry.ways if target and key is target.key]
    return Place(
        channel.id,
        channel.name,
        channel.protocol,
        model,
        "" if channel.protocol == pick.kind else f"{pick.kind}>{channel.protocol}",
        target.key.mask if target else "",
        target.base_url if target else "",
        decision.rule,
        decision.reason,
        tuple(chain[chain.index(model) + 1 :]) if model in chain else (),
    )


def render(explanation: Explanation, pick: Pick) -> str:
    """Plain text for a terminal."""
    asked = f"{pick.kind} {pick.model} for {pick.client.name}"
    lines = [f"{asked}: {len(explanation.places)} channels would be tried"]
    for place in explanation.places:
        how = f" ({place.converted})" if place.converted else ""
        lines.append(f"  {place.channel_name}: {place.reason}")
        models = ", then ".join([place.upstream_model, *place.then])
        lines.append(f"      {models}{how} at {place.base_url} with {place.key_mask}")
    if explanation.dropped:
        lines.append("not used:")
        lines += [f"  {decision.channel_name}: {decision.reason} [{decision.rule}]" for decision in explanation.dropped]
    return "\n".join(lines) + "\n"
