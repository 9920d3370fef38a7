"""The rules of selection, in their order. Each keeps, drops or moves channels and leaves its reason.

A rule is one function ``(pick, snapshot, state, now, channels) -> channels``; whatever it left out or put first is
recorded by ``rank``, so that the dry run shows exactly what routing did.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ccx_addons.core.config import Channel, Client, Kind, Snapshot
from ccx_addons.core.exchange import Decision

if TYPE_CHECKING:
    from ccx_addons.scheduler import State


@dataclass(frozen=True, slots=True)
class Pick:
    """What is asked, as far as choosing a channel needs it."""

    kind: Kind
    model: str
    client: Client
    trace: str = ""
    route_prefix: str = ""
    pin: str = ""
    images: bool = False
    prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Ranking:
    channels: tuple[Channel, ...]
    decisions: tuple[Decision, ...]


type Rule = Callable[[Pick, Snapshot, "State", float, list[Channel]], list[Channel]]


def serves(pick: Pick, snapshot: Snapshot, state: "State", now: float, channels: list[Channel]) -> list[Channel]:
    """does not take this kind of request, or is not active"""
    found = [c for c in channels if pick.kind in c.serves and c.status == "active"]
    return sorted(found, key=lambda c: (c.priority, c.id))


def allows_model(pick: Pick, snapshot: Snapshot, state: "State", now: float, channels: list[Channel]) -> list[Channel]:
    """does not offer this model"""
    return [c for c in channels if not pick.model or c.allow.allows(pick.model)]


def has_prefix(pick: Pick, snapshot: Snapshot, state: "State", now: float, channels: list[Channel]) -> list[Channel]:
    """has another route prefix"""
    return [c for c in channels if c.route_prefix == pick.route_prefix]


def is_capable(pick: Pick, snapshot: Snapshot, state: "State", now: float, channels: list[Channel]) -> list[Channel]:
    """takes no images, or its context window is too small"""
    return [
        c
        for c in channels
        if not (pick.images and c.no_vision)
        and not (c.limits.context_window and pick.prompt_tokens > c.limits.context_window)
    ]


def has_key(pick: Pick, snapshot: Snapshot, state: "State", now: float, channels: list[Channel]) -> list[Channel]:
    """has no usable key"""
    return [c for c in channels if state.keys.usable(c, c.models.apply(pick.model).model, now)]


def is_pinned(pick: Pick, snapshot: Snapshot, state: "State", now: float, channels: list[Channel]) -> list[Channel]:
    """is not the channel asked for by x-ccx-channel"""
    return [c for c in channels if pick.pin in (c.name, c.id)] if pick.pin else channels


def is_promoted(pick: Pick, snapshot: Snapshot, state: "State", now: float, channels: list[Channel]) -> list[Channel]:
    """is promoted"""
    promoted = [c for c in channels if c.promoted_until is not None and c.promoted_until > now]
    return promoted[:1] + [c for c in channels if c not in promoted[:1]]


def has_affinity(pick: Pick, snapshot: Snapshot, state: "State", now: float, channels: list[Channel]) -> list[Channel]:
    """has this conversation"""
    if not pick.trace or pick.images or not snapshot.policy.affinity.enabled:
        return channels
    known = state.traces.channel_of(pick.kind, pick.trace, now)
    home = next((c for c in channels if c.id == known), None)
    if home is None or any(c.priority < home.priority and state.healthy(pick.kind, c, now) for c in channels):
        return channels
    return [home, *[c for c in channels if c is not home]]


def is_healthy(pick: Pick, snapshot: Snapshot, state: "State", now: float, channels: list[Channel]) -> list[Channel]:
    """rests after failures: tried last"""
    return sorted(channels, key=lambda c: not state.healthy(pick.kind, c, now))


RULES: Final[tuple[Rule, ...]] = (
    serves,
    allows_model,
    has_prefix,
    is_capable,
    has_key,
    is_pinned,
    is_healthy,
    has_affinity,
    is_promoted,
)


def rank(pick: Pick, snapshot: Snapshot, state: "State", now: float) -> Ranking:
    """All rules over all channels. ``now``: Unix seconds."""
    channels = [c for c in snapshot.channels if pick.kind in c.serves]
    decisions: list[Decision] = []
    for rule in RULES:
        after = rule(pick, snapshot, state, now, channels)
        kept = {c.id for c in after}
        words = rule.__doc__ or ""
        decisions += [Decision(c.id, c.name, rule.__name__, False, words) for c in channels if c.id not in kept]
        if len(after) > 1 and channels and after[0] is not channels[0] and rule is not serves:
            decisions.append(Decision(after[0].id, after[0].name, rule.__name__, True, f"{words}: first"))
        channels = after
    decisions += [Decision(c.id, c.name, "order", True, f"place {n}") for n, c in enumerate(channels, 1)]
    return Ranking(tuple(channels), tuple(decisions))
