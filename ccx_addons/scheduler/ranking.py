"""All rules over the channels: who is tried, in which order, and why. Nobody is looked at before he is asked for, so a
request costs the same among many channels."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from ccx_addons.core.config import Channel, Snapshot
from ccx_addons.core.exchange import NOWHERE, Decision
from ccx_addons.scheduler.index import Entry, Plan, Selection, Usual
from ccx_addons.scheduler.rules import FIXED, RARE, USUAL, Filter, Pick, View, client_allows, reference
from ccx_addons.scheduler.state import Standing, State

PLACES: Final = 3
"""Channels of which the log says that they come first."""
NOTED: Final = 50
"""Most channels of which it says why they do not."""
MAX_USUALS: Final = 100
"""Of one selection."""
UNKNOWN: Final = " "
"""Stands for all names that no channel has."""


class Ranking:
    """Channels in the order in which they are tried; each is looked at when it is asked for."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.first: Entry | None = None
        """The only one that a client's own login goes to."""
        self._found: list[Entry] = []
        self._more: Iterator[Entry] | None = None
        self._usual: Usual | None = None

    def __iter__(self) -> Iterator[Entry]:
        at = 0
        while True:
            if at == len(self._found):
                if self._more is None:
                    self._more = self._walk()
                if (entry := next(self._more, None)) is None:
                    return
                self._found.append(entry)
            yield self._found[at]
            at += 1

    def __bool__(self) -> bool:
        return bool(self._found) or next(iter(self), None) is not None

    @property
    def channels(self) -> tuple[Channel, ...]:
        return tuple(entry.channel for entry in self)

    def entry(self, channel_id: str) -> Entry | None:
        """Of a channel that may take the request."""
        return self.view.selection.by_id.get(channel_id)

    @property
    def soonest(self) -> Standing | None:
        """Nobody is left: of those who only rest, whoever is back first."""
        if self:
            return None
        resting = [standing for standing in self.view.standings.values() if standing.status and not standing.usable]
        return min(resting, key=lambda standing: standing.until, default=None)

    # ---- walking ----------------------------------------------------------------------------------------------------
    def _walk(self) -> Iterator[Entry]:
        """A client's own login goes to the first channel that passes it on, and nobody else's stands in for it."""
        view, whole = self.view, self.view.selection
        if self._usual:
            view.placed.update(self._usual.placed)
        if whole.logins:
            view.selection = whole.logins
            self.first = next(self._in_order(), None)
            view.selection = whole
            if self.first:
                yield self.first
                return
        yield from self._in_order()

    def _in_order(self) -> Iterator[Entry]:
        view, selection = self.view, self.view.selection
        rare = view.state.overrides or selection.promoted or selection.largest
        usual = USUAL[view.snapshot.policy.balance]
        for preference in (*RARE, *usual) if rare else usual:
            for entry in preference(view):
                id = entry.channel.id
                if id not in view.placed and id not in view.dropped and view.usable(entry):
                    view.placed[id] = entry, preference
                    yield entry
                    if len(view.placed) == len(selection.entries):
                        return

    # ---- why --------------------------------------------------------------------------------------------------------
    @property
    def decisions(self) -> tuple[Decision, ...]:
        """About every channel, once."""
        places = tuple(self)
        return (
            *self.view.plan.dropped,
            *(_dropped(entry, rule.__name__, reason) for entry, rule, reason in _left(self.view)[1]),
            *self._passed_over(),
            *self._lonely(),
            *self._places(places),
        )

    def noted(self) -> tuple[Decision, ...]:
        """For the log: about those that come first and those that were passed over for them, and how many others there
        are. Nobody is left: about all of them."""
        view, pick, usuals = self.view, self.view.pick, self.view.selection.usual
        home = view.home() if pick.trace or pick.home is not NOWHERE else None
        id = home.channel.id if home else ""
        usual = usuals.get(id)
        if usual is None:
            if len(usuals) >= MAX_USUALS:
                usuals.clear()
            usual = usuals[id] = usual_of(view)
        if not usual.entries or self._more or view.state.overrides:
            return self.walked()
        for entry in usual.entries:
            if not view.state.standing(pick.kind, entry, view.now).ready:
                return self.walked()
        self._usual, self._found[:] = usual, usual.entries
        return usual.noted

    def walked(self) -> tuple[Decision, ...]:
        """As ``noted``, by the rules."""
        places = tuple(islice(self, PLACES))
        if not places:
            return self.decisions[-NOTED:]
        noted = (*islice(self._passed_over(), NOTED), *self._places(places))
        plan = self.view.plan
        after = len(self.view.selection.entries) - len(self.view.dropped) - len(places)
        never = len(plan.dropped) + len(plan.entries) - len(self.view.selection.entries)
        if not after and not never:
            return noted
        reason = f"{after} more would come after these, {never} can not take this request"
        return (*noted, Decision("", "all others", "others", False, reason))

    def _passed_over(self) -> Iterator[Decision]:
        return (_dropped(entry, rule.__name__, rule(self.view, entry)) for entry, rule in self.view.dropped.values())

    def _lonely(self) -> Iterator[Decision]:
        if first := self.first:
            left = (e for e in self.view.selection.entries if e is not first and e.channel.id not in self.view.dropped)
            for entry in left:
                yield _dropped(entry, "one_login", f"the client's own login is for {first.channel.name}")

    def _places(self, entries: Iterable[Entry]) -> Iterator[Decision]:
        for place, entry in enumerate(entries, 1):
            preference, standing = self.view.placed[entry.channel.id][1], self.view.standing(entry)
            words = f"place {place}: {preference.__doc__}"
            if not standing.ready:
                words += f"; {standing.words(self.view.now)}"
            yield Decision(entry.channel.id, entry.channel.name, preference.__name__, True, words)


def rank(pick: Pick, snapshot: Snapshot, state: State, now: float, plan: Plan | None = None) -> Ranking:
    """``now``: Unix seconds. ``plan``: the pick's, where somebody has it."""
    if now >= state.restore_at:
        state.restore(now)
    plan = plan or state.indexes.of(snapshot).plan(pick.kind, pick.model, pick.route_prefix, pick.vectors)
    override = state.override(pick.kind, pick.trace, now) if state.overrides else None
    sort = sort_of(pick, plan, now)
    known = plan.selections.get(sort)
    view = View(pick, snapshot, state, now, plan, known or EMPTY, override.avoid if override else NOBODY)
    if known is None:
        view.selection = plan.keep(sort, Selection(_left(view)[0], pick.prompt_tokens))
    return Ranking(view)


def usual_of(view: View) -> Usual:
    """By the same rules, in a state in which nothing is known but where the conversation is; nobody, where the order is
    another one from request to request all the same."""
    selection = view.selection
    fixed = view.snapshot.policy.balance == "order" or len(selection.groups) == len(selection.entries)
    if not fixed or selection.promoted or selection.largest or selection.logins:
        return NOT_ALIKE
    blank = Ranking(replace(view, state=State(), avoided=NOBODY, standings={}, dropped={}, placed={}))
    noted, placed = blank.walked(), blank.view.placed
    first = tuple(islice(blank, PLACES))
    return NOT_ALIKE if any(entry.limited for entry in first) else Usual(placed, first, noted)


EMPTY: Final = Selection(())
NOBODY: Final[frozenset[str]] = frozenset()
NOT_ALIKE: Final = Usual({}, (), ())


def sort_of(pick: Pick, plan: Plan, now: float) -> Hashable:
    """What decides about the fixed filters: requests of one sort have the same channels."""
    home = pick.home.channel_id if pick.only_home else ""
    return (
        client_allows(pick),
        pick.images,
        plan.too_small(pick.prompt_tokens) if pick.prompt_tokens else 0,
        plan.too_short(pick.output_tokens) if plan.outputs else 0,
        pick.native,
        pick.internal,
        plan.logins and not pick.login,
        (first := reference(pick, plan, now)) and first.space if pick.vectors else None,
        pick.pin if not pick.pin or pick.pin in plan.named else UNKNOWN,
        home if not home or home in plan.named else UNKNOWN,
    )


def _left(view: View) -> tuple[tuple[Entry, ...], list[tuple[Entry, Filter, str]]]:
    """Those that the fixed filters leave, and those that they do not."""
    left, dropped = view.plan.entries, list[tuple[Entry, Filter, str]]()
    for rule, gentle in FIXED:
        found = [(entry, rule, reason) for entry in left if (reason := rule(view, entry))]
        if found and not (gentle and len(found) == len(left)):
            dropped += found
            out = {entry.channel.id for entry, _, _ in found}
            left = tuple(entry for entry in left if entry.channel.id not in out)
    return left, dropped


def _dropped(entry: Entry, rule: str, reason: str) -> Decision:
    return Decision(entry.channel.id, entry.channel.name, rule, False, reason)
