"""What follows from the configuration alone, computed once for a snapshot and a (kind, model, route prefix).

A ranking then looks at each channel once, and at none of its keys while nothing is wrong with it.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ccx_addons import vendors
from ccx_addons.core.config import Channel, Key, Kind, Mapped, Snapshot
from ccx_addons.core.exchange import Decision

MAX_PLANS: Final = 128
CLEARLY: Final = 2
MAX_INDEXES: Final = 4
"""Snapshots in use at the same time: the one in force, and those that running exchanges keep."""


type Way = tuple[Key, str]
"""A key of a channel, and an upstream model that is asked with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A channel as one model sees it. ``model``: the upstream's name, the first of its chain; ``ways``: how it may be
    asked, key by key in the order of weight and list, each with the models of the chain; ``lists``: the channel names
    this model itself, not only by taking all."""

    channel: Channel
    model: str
    keys: tuple[Key, ...]
    ways: tuple[Way, ...]
    lists: bool
    limited: bool
    """The channel, or every key of it, has limits of its own."""
    space: tuple[str, int]
    """Vectors of one space can be compared: its name and the vectors' length (0: unknown)."""
    window: int = 0
    """Tokens of a prompt: what the channel says, else what is known of the model; 0: unknown."""

    def overflows(self, prompt_tokens: int) -> bool:
        """Whether a prompt of about so many tokens does not fit. What is only known of the model must be missed
        clearly, as an estimate of escaped text may be twice too high."""
        said = self.channel.limits.context_window
        return bool(self.window) and prompt_tokens > (said or self.window * CLEARLY)


@dataclass(frozen=True, slots=True)
class Plan:
    """``entries`` in the order of priority, and of the file."""

    entries: tuple[Entry, ...]
    dropped: tuple[Decision, ...]
    least_window: int
    """The smallest that is known; 0: none is."""
    logins: bool = False
    """Some of them pass on the client's own login."""


class Index:
    """The plans of one snapshot; the least used are forgotten."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.channels = sorted(snapshot.channels, key=lambda channel: channel.priority)
        self._plans: OrderedDict[tuple[Kind, str, str, bool], Plan] = OrderedDict()

    def plan(self, kind: Kind, model: str, prefix: str, vectors: bool = False) -> Plan:
        place = (kind, model, prefix, vectors)
        if found := self._plans.get(place):
            self._plans.move_to_end(place)
            return found
        entries, dropped = [], []
        for channel in self.channels:
            rule, reason = static_reason(channel, kind, model, prefix)
            if rule == "serves":
                continue
            if rule:
                dropped.append(Decision(channel.id, channel.name, rule, False, reason))
            else:
                entries.append(entry_of(channel, model, vectors))
        least = min((entry.window for entry in entries if entry.window), default=0)
        logins = any(entry.channel.credential == "client" for entry in entries)
        plan = self._plans[place] = Plan(tuple(entries), tuple(dropped), least, logins)
        if len(self._plans) > MAX_PLANS:
            self._plans.popitem(last=False)
        return plan


class Indexes:
    """The index of a snapshot, made when it is first asked for."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Index] = OrderedDict()

    def of(self, snapshot: Snapshot) -> Index:
        index = self._known.get(id(snapshot))
        if index is None or index.snapshot is not snapshot:
            index = self._known[id(snapshot)] = Index(snapshot)
            if len(self._known) > MAX_INDEXES:
                self._known.popitem(last=False)
        return index


def static_reason(channel: Channel, kind: Kind, model: str, prefix: str) -> tuple[str, str]:
    """(rule, why) this channel can never be used; empty: it can."""
    if kind not in channel.serves:
        return "serves", f"does not take {kind}"
    if channel.status != "active":
        return "is_active", "is suspended" if channel.status == "suspended" else "is in the standby pool"
    if model and not channel.allow.allows(model):
        return "allows_model", f"does not offer the model {model}"
    if channel.route_prefix != prefix:
        return (
            "has_prefix",
            f"takes only /{channel.route_prefix}/..." if channel.route_prefix else "has no route prefix",
        )
    return "", ""


def entry_of(channel: Channel, model: str, vectors: bool = False) -> Entry:
    """``vectors``: only those models of the chain whose answers can be compared."""
    mapped, *others = channel.models.chain(model)
    space = channel.embedding.space or mapped.model.lower()
    if vectors and not channel.embedding.space:
        others = [other for other in others if other.model.lower() == space]
    usable = [key for key in channel.keys if key.enabled and key.base_url in ("", *channel.base_urls)]
    usable.sort(key=lambda key: -key.weight)
    ways = tuple((key, m.model) for key in usable for m in (mapped, *others) if key.models.allows(m.model))
    keys = tuple(dict.fromkeys(key for key, _ in ways))
    named = bool(model) and any(pattern != "*" for pattern in channel.allow.include) and channel.allow.allows(model)
    return Entry(
        channel,
        mapped.model,
        keys,
        ways,
        named or mapped.entry not in ("", "*"),
        bool(channel.limits.rpm or channel.limits.concurrency)
        or all(key.limits.rpm or key.limits.concurrency for key in keys),
        (space, channel.embedding.dimensions),
        channel.limits.context_window or largest_window(channel, (mapped, *others)),
    )


def largest_window(channel: Channel, chain: Iterable[Mapped]) -> int:
    """What is known of a chain's models; 0: one of them may be larger than any."""
    windows = [vendors.size(channel.base_urls[0], mapped.model).window for mapped in chain]
    return max(windows) if all(windows) else 0


def comparable(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Whether vectors of the two spaces can be compared."""
    return one[0] == other[0] and (one[1] == other[1] or 0 in (one[1], other[1]))
