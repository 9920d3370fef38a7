"""Two people changed one ccx.yaml: what both did, or what they disagree about.

What belongs together is decided on the data, so that changes in neighbouring lines do not stand in each other's way.
The text is merged line by line where that says the same, because comments are lines, too.
"""

import difflib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from ccx_addons.core.config_changes import MISSING, ORDER, Change, Path, between, clashes, entries, identity, table_of
from ccx_addons.core.errors import CcxError, ConfigErrors
from ccx_addons.io.yaml_document import Entries, Table, drop, put, remove, styled
from ccx_addons.io.yaml_file import edited, load_text

type Json = Any
type Side = Literal["mine", "theirs"]


class Clash(CcxError):
    """Both changed the same values. ``pairs``: my change and theirs."""

    def __init__(self, pairs: Sequence[tuple[Change, Change]]) -> None:
        super().__init__("the configuration was changed meanwhile, in the same places")
        self.pairs = tuple(pairs)


def merged(base: str, mine: str, theirs: str, chosen: Mapping[str, Side] | None = None) -> str:
    """``theirs`` with what ``mine`` changed of ``base``. ``chosen``: pointer of a change of mine -> whose value holds
    where both changed it. Raises Clash, or ConfigErrors when one of the texts is no YAML."""
    if base == theirs or mine == theirs:
        return mine
    if mine == base:
        return theirs
    old, wanted, now = (load_text(text).data or {} for text in (base, mine, theirs))
    changes = between(old, wanted)
    pairs = clashes(changes, between(old, now))
    chosen = chosen or {}
    if open_ := [pair for pair in pairs if pair[0].pointer not in chosen]:
        raise Clash(open_)
    given_up = {change.path for change, _ in pairs if chosen[change.pointer] == "theirs"}
    kept = [change for change in changes if change.path not in given_up]

    def change(document: Table) -> None:
        for one in kept:
            make(document, one)

    text = edited(theirs, change)
    lines = by_lines(base, mine, theirs) if not pairs else None
    return lines if lines is not None and _data(lines) == load_text(text).data else text


def _data(text: str) -> Json:
    try:
        return load_text(text).data
    except ConfigErrors:
        return MISSING


# ---- by data ---------------------------------------------------------------------------------------------------------
def make(document: Table, change: Change) -> None:
    """One change, in a document that may have changed elsewhere. What is gone already stays gone."""
    *way, last = change.path
    node: Json = document
    for n, name in enumerate(way):
        node = _below(node, tuple(way[:n]), name, change.after is not MISSING)
        if node is None:
            return
    path = tuple(way)
    if last == ORDER:
        _arrange(node, path, change.after)
    elif identity(path) and isinstance(node, Entries):
        _put_entry(node, path, last, change)
    elif change.after is MISSING:
        drop(node, last)
    else:
        put(node, last, styled(change.after))


def _below(node: Json, path: Path, name: str, needed: bool) -> Json:
    if identity(path) and isinstance(node, Entries):
        place = _place(node, path, name)
        if place is None:
            return None
        if not isinstance(node[place], Table):
            node[place] = styled(table_of((*path, name), node[place]))
        return node[place]
    found = node.get(name)
    if isinstance(found, Table | Entries):
        return found
    if not needed:
        return None
    put(node, name, Entries() if identity((*path, name)) else Table())
    return node[name]


def _place(node: Entries, path: Path, name: str) -> int | None:
    named = identity(path)
    assert named
    return next((n for n, entry in enumerate(node) if named(entry) == name), None)


def _put_entry(node: Entries, path: Path, name: str, change: Change) -> None:
    place = _place(node, path, name)
    if change.after is MISSING:
        if place is not None:
            remove(node, place)
        return
    made = styled(change.after, top=len(path) == 1)
    if place is not None:
        node[place] = made
        return
    before = _place(node, path, change.behind) if change.behind else None
    node.insert(len(node) if before is None and change.behind else 0 if before is None else before + 1, made)


def _arrange(node: Json, path: Path, wanted: Sequence[str]) -> None:
    """The entries in the wanted order; those that it does not know stay behind the one before them."""
    found = entries(path, node) if isinstance(node, Entries) else None
    if not found:
        return
    order = [name for name in wanted if name in found]
    last = ""
    for name in found:
        if name not in order:
            order.insert(order.index(last) + 1 if last else 0, name)
        last = name
    comments = {name: node.ca.items.get(n) for n, name in enumerate(found)}
    node.ca.items.clear()
    for n, name in enumerate(order):
        node[n] = found[name]
        if comments[name]:
            node.ca.items[n] = comments[name]


# ---- by lines --------------------------------------------------------------------------------------------------------
type Hunk = tuple[int, int, list[str]]
"""Lines ``from`` to ``to`` of the old text and what is in their place."""

MOST: Final = 20_000
"""Lines of a text that are compared."""


def by_lines(base: str, mine: str, theirs: str) -> str | None:
    """Both changes in one text; None: they touch."""
    old = base.splitlines(True)
    if len(old) > MOST:
        return None
    ours, others = _hunks(old, mine.splitlines(True)), _hunks(old, theirs.splitlines(True))
    both = sorted([*ours, *(hunk for hunk in others if hunk not in ours)], key=lambda hunk: (hunk[0], hunk[1]))
    if any(later[0] <= earlier[1] for earlier, later in itertools.pairwise(both)):
        return None
    return "".join(_written(old, both))


def _hunks(old: list[str], new: list[str]) -> list[Hunk]:
    begin = 0
    while begin < min(len(old), len(new)) and old[begin] == new[begin]:
        begin += 1
    end = 0
    while end < min(len(old), len(new)) - begin and old[-1 - end] == new[-1 - end]:
        end += 1
    part, other = old[begin : len(old) - end], new[begin : len(new) - end]
    codes = difflib.SequenceMatcher(None, part, other).get_opcodes()
    return [(begin + i, begin + j, other[k:m]) for tag, i, j, k, m in codes if tag != "equal"]


def _written(old: list[str], hunks: Iterable[Hunk]) -> Iterable[str]:
    at = 0
    for begin, end, lines in hunks:
        yield from old[at:begin]
        yield from lines
        at = end
    yield from old[at:]
