"""The rules of selection, in their order. Each leaves its reason, so that the dry run shows exactly what routing did.

First the filters drop channels that can not take the request at all; what follows from the configuration alone is
computed once for a model (index.py). Then the preferences pick, one after the other, from what is left: who is picked
first is tried first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ccx_addons.core.code_assist import is_code_assist
from ccx_addons.core.config import Channel, Client, Kind, Snapshot
from ccx_addons.core.exchange import NOWHERE, Decision, Seat
from ccx_addons.scheduler.index import Entry, comparable

if TYPE_CHECKING:
    from ccx_addons.scheduler.state import Standing, State


@dataclass(frozen=True, slots=True)
class Pick:
    """What is asked, as far as choosing a channel needs it. ``prompt_tokens``, ``output_tokens``: 0 is unknown.

    ``home``: where the answer was made which is continued, or (``only_home``) asked for or deleted.
    ``vectors``: the answer is an embedding, which only compares with others of the same space.
    """

    kind: Kind
    model: str
    client: Client
    trace: str = ""
    route_prefix: str = ""
    pin: str = ""
    images: bool = False
    prompt_tokens: int = 0
    output_tokens: int = 0
    vectors: bool = False
    home: Seat = NOWHERE
    only_home: bool = False
    login: bool = False
    """The client brings its own login at an upstream."""
    internal: bool = False
    """What is asked has Code Assist's form, which nobody else reads."""
    native: bool = False
    """What is asked is not converted: only channels that speak the client's own protocol can answer."""

    @property
    def place(self) -> str:
        """The conversation, as far as it stays somewhere: what has pictures in it does so apart from the rest."""
        return f"{self.trace}+images" if self.images and self.trace else self.trace


@dataclass(frozen=True, slots=True)
class Ranking:
    entries: tuple[Entry, ...]
    decisions: tuple[Decision, ...]
    soonest: "Standing | None" = None
    """Nobody is left: of those who only rest, whoever is back first."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        return tuple(entry.channel for entry in self.entries)


@dataclass(slots=True)
class View:
    """One ranking under way. ``all``: what the configuration leaves, in the order of priority, whatever its health."""

    pick: Pick
    snapshot: Snapshot
    state: "State"
    now: float
    all: tuple[Entry, ...]
    logins: bool = False
    """Some of them pass on the client's own login."""
    standings: "dict[str, Standing]" = field(default_factory=dict)
    why: int = 0
    dropped: list[Decision] = field(default_factory=list)
    placed: list[Decision] = field(default_factory=list)
    """At most ``why`` of each are noted."""

    def standing(self, entry: Entry) -> "Standing":
        found = self.standings.get(entry.channel.id)
        if found is None:
            found = self.state.standing(self.pick.kind, entry, self.now)
            self.standings[entry.channel.id] = found
        return found

    def ready(self, entry: Entry) -> bool:
        return self.standing(entry).ready

    def pressed(self, entry: Entry) -> bool:
        return entry.limited and self.state.limits.pressed(entry.channel, entry.keys, self.now)

    def drop(self, entry: Entry, rule: str, reason: str) -> None:
        if len(self.dropped) < self.why:
            self.dropped.append(Decision(entry.channel.id, entry.channel.name, rule, False, reason))

    def place(self, entry: Entry, preference: "Preference") -> None:
        if len(self.placed) < self.why:
            words = f"place {len(self.placed) + 1}: {preference.__doc__}"
            standing = self.standing(entry)
            if not standing.ready:
                words += f"; {standing.words(self.now)}"
            self.placed.append(Decision(entry.channel.id, entry.channel.name, preference.__name__, True, words))


type Filter = Callable[[View, Entry], str]
"""Why a channel is dropped; empty: it stays."""
type Preference = Callable[[View, list[Entry]], list[Entry]]
"""Those of the channels that come next, in their order."""


# ---- filters ---------------------------------------------------------------------------------------------------------
def client_may(view: View, entry: Entry) -> str:
    client = view.pick.client
    if view.pick.kind not in client.kinds:
        return f"the client {client.name} may not use {view.pick.kind}"
    if view.pick.model and not client.models.allows(view.pick.model):
        return f"the client {client.name} may not use {view.pick.model}"
    return ""


def client_allows(pick: Pick) -> bool:
    return pick.kind in pick.client.kinds and (not pick.model or pick.client.models.allows(pick.model))


def sees_images(view: View, entry: Entry) -> str:
    return "takes no images" if view.pick.images and entry.channel.no_vision else ""


def has_window(view: View, entry: Entry) -> str:
    if not entry.overflows(view.pick.prompt_tokens):
        return ""
    whose = "its" if entry.channel.limits.context_window else f"{entry.model}'s"
    return f"{whose} context window of {entry.window} tokens is too small for about {view.pick.prompt_tokens}"


def has_output(view: View, entry: Entry) -> str:
    most = entry.channel.limits.max_output_tokens
    if most and view.pick.output_tokens > most:
        return f"it answers with at most {most} tokens, {view.pick.output_tokens} are asked for"
    return ""


def has_key(view: View, entry: Entry) -> str:
    standing = view.standing(entry)
    return "" if standing.usable else standing.words(view.now)


def is_pinned(view: View, entry: Entry) -> str:
    pin = view.pick.pin
    return "" if not pin or pin in (entry.channel.name, entry.channel.id) else f"the request asks for {pin}"


def speaks(view: View, entry: Entry) -> str:
    own = entry.channel.protocol == view.pick.kind
    return "" if own else f"speaks {entry.channel.protocol}, and this is not converted"


def is_home(view: View, entry: Entry) -> str:
    return "did not make this answer" if view.pick.home.channel_id != entry.channel.id else ""


def has_login(view: View, entry: Entry) -> str:
    if entry.channel.credential == "keys" or view.pick.login:
        return ""
    return "wants the client's own login, and none came"


def has_form(view: View, entry: Entry) -> str:
    takes = is_code_assist(entry.channel.base_urls[0])
    if takes == view.pick.internal:
        return ""
    return "takes only what Code Assist's clients ask" if takes else "does not speak as Code Assist does"


def not_avoided(view: View, entry: Entry) -> str:
    override = view.state.override(view.pick.kind, view.pick.trace, view.now)
    return "kept from this conversation by hand" if override and entry.channel.id in override.avoid else ""


def same_space(view: View, entry: Entry) -> str:
    """The reference is what is asked for by hand, else the first of the configuration, however it feels today."""
    if not view.pick.vectors:
        return ""
    chosen = [e for e in view.all if not view.pick.pin or view.pick.pin in (e.channel.name, e.channel.id)]
    promoted = [e for e in chosen if is_promoted_now(e.channel, view.now)]
    first = next(iter(promoted or chosen), entry)
    return "" if comparable(first.space, entry.space) else f"its vectors are not those of {first.channel.name}"


FILTERS: Final[tuple[tuple[Filter, bool], ...]] = (
    (client_may, False),
    (sees_images, False),
    (has_window, True),
    (has_output, True),
    (has_key, False),
    (is_pinned, False),
    (speaks, False),
    (is_home, False),
    (has_form, False),
    (has_login, False),
    (not_avoided, False),
    (same_space, False),
)
"""(filter, gentle). A gentle one rests on estimates or can be mended: it never drops the last channels. Those before
them, serves, is_active, allows_model and has_prefix, are in index.py."""

NEEDED: Final[dict[Filter, Callable[[View], bool]]] = {
    client_may: lambda view: not client_allows(view.pick),
    sees_images: lambda view: view.pick.images,
    has_window: lambda view: view.pick.prompt_tokens > 0,
    has_output: lambda view: view.pick.output_tokens > 0,
    is_pinned: lambda view: bool(view.pick.pin),
    speaks: lambda view: view.pick.native,
    has_login: lambda view: view.logins,
    has_form: lambda view: view.logins or view.pick.internal,
    is_home: lambda view: view.pick.only_home and view.pick.home is not NOWHERE,
    not_avoided: lambda view: view.state.override(view.pick.kind, view.pick.trace, view.now) is not None,
    same_space: lambda view: view.pick.vectors,
}
"""Filters that have nothing to say about most requests."""


# ---- preferences -----------------------------------------------------------------------------------------------------
def is_overridden(view: View, entries: list[Entry]) -> list[Entry]:
    """chosen for this conversation by hand"""
    override = view.state.override(view.pick.kind, view.pick.trace, view.now)
    if override is None:
        return []
    by_id = {entry.channel.id: entry for entry in entries}
    return [by_id[id] for id in override.channels if id in by_id and view.ready(by_id[id])]


def is_promoted(view: View, entries: list[Entry]) -> list[Entry]:
    """promoted"""
    return [entry for entry in entries if is_promoted_now(entry.channel, view.now)][:1]


def has_largest_window(view: View, entries: list[Entry]) -> list[Entry]:
    """no context window is large enough, this is the largest"""
    tokens = view.pick.prompt_tokens
    if not tokens or not all(entry.overflows(tokens) for entry in entries):
        return []
    return sorted(filter(view.ready, entries), key=lambda entry: -entry.window)


def home_of(view: View) -> str:
    """Id of the channel that has this conversation: the first among its equals, also where a better one is tried."""
    return seat_of(view.pick, view.snapshot, view.state, view.now).channel_id


def seat_of(pick: Pick, snapshot: Snapshot, state: "State", now: float) -> Seat:
    """Where this conversation is."""
    if not snapshot.policy.affinity.enabled:
        return NOWHERE
    if pick.home is not NOWHERE and not pick.images:
        return pick.home
    return state.traces.seat(pick.kind, pick.place, now) if pick.trace else NOWHERE


def own_key(pick: Pick, snapshot: Snapshot, state: "State", channel: Channel, now: float) -> str:
    """Id of the channel's key that has this conversation, or had it before there were pictures; empty: none."""
    if len(channel.keys) < 2 or not snapshot.policy.affinity.enabled:
        return ""
    seats = [pick.home]
    if pick.trace:
        seats += [state.traces.seat(pick.kind, name, now) for name in (pick.place, pick.trace)]
    return next((seat.key_id for seat in seats if seat.channel_id == channel.id and seat.key_id), "")


def has_affinity(view: View, entries: list[Entry]) -> list[Entry]:
    """has this conversation"""
    known = home_of(view)
    home = next((entry for entry in entries if entry.channel.id == known), None) if known else None
    if home is None or not view.ready(home) or view.pressed(home):
        return []
    smaller = (entry for entry in entries if entry.channel.priority < home.channel.priority)
    return [] if any(view.ready(entry) and not view.pressed(entry) for entry in smaller) else [home]


def by_priority(view: View, entries: list[Entry]) -> list[Entry]:
    """next by priority"""
    if view.snapshot.policy.balance != "order":
        return []
    ready = [entry for entry in entries if view.ready(entry) and not view.pressed(entry)]
    if len(ready) > 1 and (home := home_of(view)):
        ready.sort(key=lambda entry: (entry.channel.priority, entry.channel.id != home))
    return ready


def by_weight(view: View, entries: list[Entry]) -> list[Entry]:
    """next by priority and weight"""
    if view.snapshot.policy.balance != "weight":
        return []
    kind, balance = view.pick.kind, view.state.balance
    return _balanced(view, entries, lambda entry: balance.turn_of(kind, entry.channel))


def by_latency(view: View, entries: list[Entry]) -> list[Entry]:
    """next by priority and time to the first token"""
    if view.snapshot.policy.balance != "latency":
        return []
    kind, balance = view.pick.kind, view.state.balance
    return _balanced(view, entries, lambda entry: balance.speed(kind, entry.channel.id, entry.model, view.now))


def _balanced(view: View, entries: list[Entry], rank: Callable[[Entry], float]) -> list[Entry]:
    """Inside one priority the conversation's channel first."""
    home = home_of(view)
    ready = [entry for entry in entries if view.ready(entry) and not view.pressed(entry)]
    return sorted(ready, key=lambda entry: (entry.channel.priority, entry.channel.id != home, rank(entry)))


def under_pressure(view: View, entries: list[Entry]) -> list[Entry]:
    """its limits are used up for the moment"""
    return [entry for entry in entries if view.ready(entry)]


def last_resort(view: View, entries: list[Entry]) -> list[Entry]:
    """tried last"""
    return sorted(entries, key=lambda entry: view.standing(entry).rate)


PREFERENCES: Final[tuple[Preference, ...]] = (
    is_overridden,
    is_promoted,
    has_largest_window,
    has_affinity,
    by_priority,
    by_weight,
    by_latency,
    under_pressure,
    last_resort,
)


def is_promoted_now(channel: Channel, now: float) -> bool:
    return channel.promoted_until is not None and channel.promoted_until > now


EVERYTHING: Final = 1_000_000


# ---- all together ----------------------------------------------------------------------------------------------------
def rank(pick: Pick, snapshot: Snapshot, state: "State", now: float, why: int = EVERYTHING) -> Ranking:
    """All rules over all channels. ``now``: Unix seconds. ``why``: most decisions of each sort that are noted."""
    state.restore(now)
    plan = state.indexes.of(snapshot).plan(pick.kind, pick.model, pick.route_prefix, pick.vectors)
    view = View(pick, snapshot, state, now, plan.entries, plan.logins, why=why)
    left = _filtered(view, list(plan.entries))
    ranked: list[Entry] = []
    for preference in PREFERENCES:
        if not left:
            break
        chosen = preference(view, left)
        if not chosen:
            continue
        for entry in chosen[: max(0, why - len(ranked))]:
            view.place(entry, preference)
        ranked += chosen
        taken = {entry.channel.id for entry in chosen}
        left = [entry for entry in left if entry.channel.id not in taken]
    if plan.logins:
        ranked = one_login(view, ranked)
    decisions = (*plan.dropped[:why], *view.dropped, *view.placed)
    return Ranking(tuple(ranked), decisions, None if ranked else soonest(view))


def one_login(view: View, ranked: list[Entry]) -> list[Entry]:
    """A client's own login goes to the first channel that passes it on, and nobody else's stands in for it."""
    first = next((entry for entry in ranked if entry.channel.credential == "client"), None)
    if first is None:
        return ranked
    for entry in ranked:
        if entry is not first:
            view.drop(entry, "one_login", f"the client's own login is for {first.channel.name}")
    view.placed = [decision for decision in view.placed if decision.channel_id == first.channel.id]
    return [first]


def soonest(view: View) -> "Standing | None":
    resting = [standing for standing in view.standings.values() if standing.status and not standing.usable]
    return min(resting, key=lambda standing: standing.until, default=None)


def _filtered(view: View, entries: list[Entry]) -> list[Entry]:
    for rule, gentle in FILTERS:
        if rule in NEEDED and not NEEDED[rule](view):
            continue
        dropped = {entry.channel.id: reason for entry in entries if (reason := rule(view, entry))}
        if not dropped or (gentle and len(dropped) == len(entries)):
            continue
        for entry in entries:
            if entry.channel.id in dropped:
                view.drop(entry, rule.__name__, dropped[entry.channel.id])
        entries = [entry for entry in entries if entry.channel.id not in dropped]
    return entries
