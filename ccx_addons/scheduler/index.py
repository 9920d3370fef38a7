"""What follows from the configuration alone, computed once for a snapshot and a (kind, model, route prefix).

A ranking then looks only at those channels that come first, and at none of their keys while nothing is wrong with them.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from ccx_addons import vendors
from ccx_addons.core.config import Channel, Key, Kind, Mapped, Snapshot
from ccx_addons.core.exchange import Decision
from ccx_addons.core.verdict import Target
from ccx_addons.scheduler.turns import Line

if TYPE_CHECKING:
    from ccx_addons.scheduler.rules import Preference

MAX_PLANS: Final = 128
MAX_SELECTIONS: Final = 64
"""Of one plan."""
CLEARLY: Final = 2
PREPARED: Final = 32
"""Plans that a new snapshot has from the beginning: those that were used last."""
MAX_INDEXES: Final = 4
"""Snapshots in use at the same time: the one in force, and those that running exchanges keep."""


type Way = tuple[Key, str]
"""A key of a channel, and an upstream model that is asked with it."""


@dataclass(frozen=True, eq=False)
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

    @cached_property
    def models(self) -> Mapping[str, tuple[str, ...]]:
        """Id of a key -> the models that are asked with it, the first one first."""
        return {key.id: tuple(model for _, model in ways) for key, ways in groupby(self.ways, lambda way: way[0])}

    @cached_property
    def targets(self) -> dict[tuple[str, str, str], Target]:
        """(id of a key, base URL, model) -> where an attempt goes; those that were wanted before."""
        return {}

    def target(self, key: Key, url: str, model: str) -> Target:
        found = self.targets.get((key.id, url, model))
        if found is None:
            found = self.targets[key.id, url, model] = Target(self.channel, key, url, model)
        return found

    @cached_property
    def sole(self) -> Target | None:
        """Where the first attempt goes if there is no choice: one address, and one key."""
        if len(self.channel.base_urls) > 1 or len(self.keys) != 1:
            return None
        return self.target(self.keys[0], self.channel.base_urls[0], self.ways[0][1])

    @cached_property
    def by_id(self) -> Mapping[str, Key]:
        return {key.id: key for key in self.keys}

    @cached_property
    def turns(self) -> Line[Key]:
        return Line(self.keys, [key.id for key in self.keys])

    @property
    def bound(self) -> int:
        """Tokens of a prompt, about, above which it does not fit; 0: unknown. What is only known of the model must be
        missed clearly, as an estimate of escaped text may be twice too high."""
        return self.channel.limits.context_window or self.window * CLEARLY

    def overflows(self, prompt_tokens: int) -> bool:
        return 0 < self.bound < prompt_tokens


class Group:
    """Entries of one priority."""

    __slots__ = ("entries", "lines", "priority")

    def __init__(self, priority: int, entries: tuple[Entry, ...]) -> None:
        self.priority, self.entries = priority, entries
        self.lines: dict[str, Line[Entry]] = {}

    def line(self, order: str, name: Callable[[Entry], Hashable]) -> Line[Entry]:
        """In that order."""
        found = self.lines.get(order)
        if found is None:
            found = self.lines[order] = Line(self.entries, [name(entry) for entry in self.entries])
        return found


class Usual(NamedTuple):
    """Who comes first as long as nothing speaks against anybody, and what the log says of it."""

    placed: Mapping[str, "tuple[Entry, Preference]"]
    """Channel id -> it, and what it owes its place to; in their order."""
    entries: tuple[Entry, ...]
    noted: tuple[Decision, ...]


class Selection:
    """Those entries of a plan that may take requests of one sort, whatever their health, in the order of priority."""

    __slots__ = ("by_id", "entries", "groups", "largest", "logins", "promoted", "usual")

    def __init__(self, entries: tuple[Entry, ...], prompt_tokens: int = 0) -> None:
        self.entries = entries
        self.by_id = {entry.channel.id: entry for entry in entries}
        self.promoted = promoted_once(entries)
        grouped = groupby(entries, lambda entry: entry.channel.priority)
        self.groups = tuple(Group(priority, tuple(group)) for priority, group in grouped)
        nowhere = bool(prompt_tokens) and all(entry.overflows(prompt_tokens) for entry in entries)
        self.largest = tuple(sorted(entries, key=lambda entry: -entry.window)) if nowhere else ()
        """Where the prompt fits nowhere: the largest window first."""
        logins = tuple(entry for entry in entries if entry.channel.credential == "client")
        some = 0 < len(logins) < len(entries)
        self.logins = Selection(logins, prompt_tokens) if some else self if logins else None
        """Those that pass on the client's own login."""
        self.usual: dict[str, Usual] = {}
        """By the id of the channel that has the conversation (empty: none has); made when first asked for."""


@dataclass(slots=True)
class Plan:
    """``entries`` in the order of priority, and of the file."""

    entries: tuple[Entry, ...]
    dropped: tuple[Decision, ...]
    least_window: int
    """The smallest that is known; 0: none is."""
    logins: bool = False
    """Some of them pass on the client's own login."""
    windows: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    """Numbers of tokens above which a prompt, or an answer, is too long for one more of them."""
    named: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    """By the channel's id, and by its name."""
    promoted: tuple[Entry, ...] = ()
    """Those that are promoted, until whenever."""
    selections: OrderedDict[Hashable, Selection] = field(default_factory=OrderedDict)

    def keep(self, sort: Hashable, selection: Selection) -> Selection:
        """What is left for requests of one sort."""
        self.selections[sort] = selection
        if len(self.selections) > MAX_SELECTIONS:
            self.selections.popitem(last=False)
        return selection

    def too_small(self, prompt_tokens: int) -> int:
        """For how many different windows a prompt is too long."""
        return bisect_left(self.windows, prompt_tokens)

    def too_short(self, output_tokens: int) -> int:
        """The same of answers."""
        return bisect_left(self.outputs, output_tokens)


class Index:
    """The plans of one snapshot; the least used are forgotten."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.channels = sorted(snapshot.channels, key=lambda channel: channel.priority)
        self.plans: OrderedDict[tuple[Kind, str, str, bool], Plan] = OrderedDict()
        self.blind = any(channel.no_vision for channel in snapshot.channels)
        """Some take no images: it matters whether there are any."""

    def like(self, snapshot: Snapshot) -> Callable[[], "Index"]:
        """Makes the index of another snapshot with the plans that were used last; it may do so in another thread."""
        places = list(self.plans)[-PREPARED:]

        def make() -> Index:
            index = Index(snapshot)
            for place in places:
                index.plan(*place)
            return index

        return make

    def plan(self, kind: Kind, model: str, prefix: str, vectors: bool = False) -> Plan:
        place = (kind, model, prefix, vectors)
        if found := self.plans.get(place):
            self.plans.move_to_end(place)
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
        plan = self.plans[place] = Plan(
            tuple(entries),
            tuple(dropped),
            least,
            logins,
            tuple(sorted({entry.bound for entry in entries if entry.bound})),
            tuple(sorted({most for entry in entries if (most := entry.channel.limits.max_output_tokens)})),
            named(entries),
            promoted_once(entries),
        )
        if len(self.plans) > MAX_PLANS:
            self.plans.popitem(last=False)
        return plan


class Indexes:
    """The index of a snapshot, made when it is first asked for, or before."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Index] = OrderedDict()

    def of(self, snapshot: Snapshot) -> Index:
        index = self._known.get(id(snapshot))
        if index is None or index.snapshot is not snapshot:
            index = Index(snapshot)
            self.put(index)
        return index

    def put(self, index: Index) -> None:
        self._known[id(index.snapshot)] = index
        if len(self._known) > MAX_INDEXES:
            self._known.popitem(last=False)


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


def named(entries: Iterable[Entry]) -> dict[str, tuple[Entry, ...]]:
    found: dict[str, tuple[Entry, ...]] = {}
    for entry in entries:
        for name in {entry.channel.id, entry.channel.name}:
            found[name] = (*found.get(name, ()), entry)
    return found


def promoted_once(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if entry.channel.promoted_until is not None)


def largest_window(channel: Channel, chain: Iterable[Mapped]) -> int:
    """What is known of a chain's models; 0: one of them may be larger than any."""
    windows = [vendors.size(channel.base_urls[0], mapped.model).window for mapped in chain]
    return max(windows) if all(windows) else 0


def comparable(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Whether vectors of the two spaces can be compared."""
    return one[0] == other[0] and (one[1] == other[1] or 0 in (one[1], other[1]))
