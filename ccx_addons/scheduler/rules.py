"""The rules of selection, in their order. Each leaves its reason, so that the dry run shows exactly what routing did.

First the filters drop channels that can not take the request at all; what follows from the configuration alone is
computed once for a model (index.py), and what follows from the request once for all that are alike (ranking.py). Then
the preferences pick, one after the other, from what is left: who is picked first is tried first. They are asked only
until somebody is found, so each yields as it goes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ccx_addons.core.code_assist import is_code_assist
from ccx_addons.core.config import Channel, Client, Kind, Snapshot
from ccx_addons.core.exchange import NOWHERE, Seat
from ccx_addons.core.value import value
from ccx_addons.scheduler.index import Entry, Group, Plan, Selection, comparable

if TYPE_CHECKING:
    from ccx_addons.scheduler.state import Standing, State


@value(frozen=True, slots=True)
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


@dataclass(slots=True)
class View:
    """One ranking under way. ``selection``: whom it is about."""

    pick: Pick
    snapshot: Snapshot
    state: "State"
    now: float
    plan: Plan
    selection: Selection
    avoided: frozenset[str] = frozenset()
    """Ids of channels that are kept from this conversation by hand."""
    seat: Seat | None = None
    standings: "dict[str, Standing]" = field(default_factory=dict)
    dropped: "dict[str, tuple[Entry, Filter]]" = field(default_factory=dict)
    placed: "dict[str, tuple[Entry, Preference]]" = field(default_factory=dict)
    """Channel id -> why it was passed over, or taken, of those that were looked at; in their order."""

    def standing(self, entry: Entry) -> "Standing":
        found = self.standings.get(entry.channel.id)
        if found is None:
            found = self.standings[entry.channel.id] = self.state.standing(self.pick.kind, entry, self.now)
        return found

    def ready(self, entry: Entry) -> bool:
        return self.standing(entry).ready

    def pressed(self, entry: Entry) -> bool:
        return entry.limited and self.state.limits.pressed(entry.channel, entry.keys, self.now)

    def fit(self, entry: Entry) -> bool:
        """Nothing speaks against it."""
        return self.standing(entry).ready and not self.pressed(entry) and entry.channel.id not in self.avoided

    def usable(self, entry: Entry) -> bool:
        for rule in LIVE if self.avoided else (has_key,):
            if rule(self, entry):
                self.dropped[entry.channel.id] = entry, rule
                return False
        return True

    def home(self) -> Entry | None:
        """Who has this conversation: the first among its equals, also where a better one is tried."""
        if self.seat is None:
            self.seat = seat_of(self.pick, self.snapshot, self.state, self.now)
        return self.selection.by_id.get(self.seat.channel_id)


type Filter = Callable[[View, Entry], str]
"""Why a channel is dropped; empty: it stays."""
type Preference = Callable[[View], Iterable[Entry]]
"""Channels that come next, in their order. Those that are taken already, or not usable, are passed over."""


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
    return "" if own or not view.pick.native else f"speaks {entry.channel.protocol}, and this is not converted"


def is_home(view: View, entry: Entry) -> str:
    asked = view.pick.only_home and view.pick.home is not NOWHERE
    return "did not make this answer" if asked and view.pick.home.channel_id != entry.channel.id else ""


def has_login(view: View, entry: Entry) -> str:
    if entry.channel.credential == "keys" or view.pick.login:
        return ""
    return "wants the client's own login, and none came"


def has_form(view: View, entry: Entry) -> str:
    takes = is_code_assist(entry.channel.base_urls[0])
    if takes == view.pick.internal or not (view.plan.logins or view.pick.internal):
        return ""
    return "takes only what Code Assist's clients ask" if takes else "does not speak as Code Assist does"


def not_avoided(view: View, entry: Entry) -> str:
    return "kept from this conversation by hand" if entry.channel.id in view.avoided else ""


def same_space(view: View, entry: Entry) -> str:
    first = reference(view.pick, view.plan, view.now) if view.pick.vectors else None
    if first is None or comparable(first.space, entry.space):
        return ""
    return f"its vectors are not those of {first.channel.name}"


def reference(pick: Pick, plan: Plan, now: float) -> Entry | None:
    """Whose vectors the others' have to be like: who is asked for by hand, else the first of the configuration, however
    it feels today."""
    chosen = plan.named.get(pick.pin, ()) if pick.pin else plan.entries
    promoted = (entry for entry in (chosen if pick.pin else plan.promoted) if is_promoted_now(entry.channel, now))
    return next(promoted, next(iter(chosen), None))


FIXED: Final[tuple[tuple[Filter, bool], ...]] = (
    (client_may, False),
    (sees_images, False),
    (has_window, True),
    (has_output, True),
    (is_pinned, False),
    (speaks, False),
    (is_home, False),
    (has_form, False),
    (has_login, False),
    (same_space, False),
)
"""(filter, gentle): what follows from the configuration and the request. A gentle one rests on estimates or can be
mended: it never drops the last channels. Those before them, serves, is_active, allows_model and has_prefix, are in
index.py."""

LIVE: Final[tuple[Filter, ...]] = (has_key, not_avoided)
"""What may be different a moment later: asked of those channels that are looked at."""


# ---- preferences -----------------------------------------------------------------------------------------------------
def is_overridden(view: View) -> Iterator[Entry]:
    """chosen for this conversation by hand"""
    override = view.state.override(view.pick.kind, view.pick.trace, view.now)
    known = view.selection.by_id
    return (known[id] for id in (override.channels if override else ()) if id in known and view.ready(known[id]))


def is_promoted(view: View) -> Iterable[Entry]:
    """promoted"""
    promoted = (entry for entry in view.selection.promoted if is_promoted_now(entry.channel, view.now))
    first = next((entry for entry in promoted if entry.channel.id not in view.placed and view.usable(entry)), None)
    return (first,) if first else ()


def has_largest_window(view: View) -> Iterable[Entry]:
    """no context window is large enough, this is the largest"""
    return filter(view.ready, view.selection.largest)


def has_affinity(view: View) -> Iterable[Entry]:
    """has this conversation"""
    home = view.home()
    if home is None or home.channel.id in view.placed or not view.fit(home):
        return ()
    for entry in view.selection.entries:
        if entry.channel.priority >= home.channel.priority:
            break
        if entry.channel.id not in view.placed and view.fit(entry):
            return ()
    return (home,)


def by_priority(view: View) -> Iterator[Entry]:
    """next by priority"""
    return _balanced(view, lambda group: group.entries)


def by_weight(view: View) -> Iterator[Entry]:
    """next by priority and weight"""
    kind, balance = view.pick.kind, view.state.balance

    def members(group: Group) -> Iterable[Entry]:
        line = group.line("weight", lambda entry: (kind, entry.channel.id))
        return line.walk(balance.taken, lambda entry: balance.place_of(kind, entry.channel.id))

    return _balanced(view, members)


def by_latency(view: View) -> Iterator[Entry]:
    """next by priority and time to the first token"""
    kind, balance = view.pick.kind, view.state.balance
    balance.forget_old(view.now)

    def members(group: Group) -> Iterable[Entry]:
        line = group.line("latency", lambda entry: (kind, entry.channel.id, entry.model))
        return line.walk(balance.told, lambda entry: balance.speed(kind, entry.channel.id, entry.model, view.now))

    return _balanced(view, members)


def _balanced(view: View, members: Callable[[Group], Iterable[Entry]]) -> Iterator[Entry]:
    """Inside one priority the conversation's channel first."""
    home = view.home()
    for group in view.selection.groups:
        if home and home.channel.priority == group.priority and view.fit(home):
            yield home
        for entry in members(group):
            if view.fit(entry):
                yield entry


def under_pressure(view: View) -> Iterable[Entry]:
    """its limits are used up for the moment"""
    return filter(view.ready, view.selection.entries)


def last_resort(view: View) -> Iterable[Entry]:
    """tried last"""
    return sorted(view.selection.entries, key=lambda entry: view.standing(entry).rate)


BALANCED: Final[Mapping[str, Preference]] = {"order": by_priority, "weight": by_weight, "latency": by_latency}
"""``policy.balance`` -> the preference that it means."""
RARE: Final[tuple[Preference, ...]] = (is_overridden, is_promoted, has_largest_window)
"""Those that have nothing to say about most requests come first."""
AFTERWARDS: Final[tuple[Preference, ...]] = (under_pressure, last_resort)
USUAL: Final[Mapping[str, tuple[Preference, ...]]] = {
    balance: (has_affinity, balanced, *AFTERWARDS) for balance, balanced in BALANCED.items()
}


def is_promoted_now(channel: Channel, now: float) -> bool:
    return channel.promoted_until is not None and channel.promoted_until > now


# ---- where a conversation is -----------------------------------------------------------------------------------------
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
