"""How two configurations differ, as plain data: single changes with their paths, which of them clash, and a sentence.

Entries of the lists that people know by a name are told apart by it, not by their place: channels by id, their keys by
the secret, clients, users and mirrors by name. So a channel that was moved is the same channel.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ccx_addons.core.confidential import FIELD_NAME
from ccx_addons.core.mask import mask

type Json = Any
type Path = tuple[str, ...]
type Words = tuple[tuple[str, Mapping[str, str]], ...]
"""Sentences: a text with places, and what stands there."""

MISSING: Final = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
"""In place of a value: there is none."""
ORDER: Final = "\x00order"
"""Last part of the path of a change that puts the entries of a list into another order."""
MANY: Final = 3
"""So many entries are named in a sentence; more are counted."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that became another. ``behind``: of a new entry of a list, the entry before it (empty: none)."""

    path: Path
    before: Json
    after: Json
    behind: str = ""

    @property
    def pointer(self) -> str:
        """The path as one text (RFC 6901)."""
        return "".join("/" + part.replace("~", "~0").replace("/", "~1").replace(ORDER, "(order)") for part in self.path)


# ---- entries of lists ------------------------------------------------------------------------------------------------
def channel_id(entry: Json) -> str:
    if not isinstance(entry, Mapping):
        return ""
    return str(entry.get("id") or "ch_" + hashlib.sha256(str(entry.get("name", "")).encode()).hexdigest()[:8])


def key_mark(entry: Json) -> str:
    text = str(entry.get("key", "") if isinstance(entry, Mapping) else entry).strip()
    return "k_" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _name(entry: Json) -> str:
    return str(entry.get("name", "")) if isinstance(entry, Mapping) else ""


def identity(path: Path) -> Callable[[Json], str] | None:
    """What tells the entries of the list at this path apart; None: the list is one value."""
    match path:
        case ("channels",):
            return channel_id
        case ("clients",) | ("users",) | ("mirrors",):
            return _name
        case ("channels", _, "keys"):
            return key_mark
    return None


def entries(path: Path, value: Json) -> dict[str, Json] | None:
    """The entries of a list by what tells them apart; None: they cannot be told apart."""
    name = identity(path)
    if name is None or not isinstance(value, Sequence) or isinstance(value, str):
        return None
    found = {name(entry): entry for entry in value}
    return found if len(found) == len(value) and "" not in found else None


def table_of(path: Path, entry: Json) -> Json:
    """A key that is written as its secret alone is a table with one member."""
    alone = len(path) == 4 and path[2] == "keys" and isinstance(entry, str | int | float)
    return {"key": entry} if alone else entry


# ---- differences -----------------------------------------------------------------------------------------------------
def between(before: Json, after: Json, path: Path = ()) -> list[Change]:
    """Every change from one to the other; values that are equal are none."""
    before, after = table_of(path, before), table_of(path, after)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found = []
        for name in dict.fromkeys((*before, *after)):
            found += between(before.get(name, MISSING), after.get(name, MISSING), (*path, str(name)))
        return found
    if identity(path) and MISSING not in (before, after):
        old, new = entries(path, before or []), entries(path, after or [])
        if old is not None and new is not None:
            return _of_lists(old, new, path)
    return [] if _same(before, after) else [Change(path, before, after)]


def _same(before: Json, after: Json) -> bool:
    return bool(before == after) and isinstance(before, bool) == isinstance(after, bool)


def _of_lists(old: Mapping[str, Json], new: Mapping[str, Json], path: Path) -> list[Change]:
    found: list[Change] = []
    behind = ""
    for name, entry in new.items():
        if name in old:
            found += between(old[name], entry, (*path, name))
        else:
            found.append(Change((*path, name), MISSING, entry, behind))
        behind = name
    found += [Change((*path, name), entry, MISSING) for name, entry in old.items() if name not in new]
    if [name for name in old if name in new] != [name for name in new if name in old]:
        found.append(Change((*path, ORDER), list(old), list(new)))
    return found


def clashes(mine: Iterable[Change], theirs: Iterable[Change]) -> list[tuple[Change, Change]]:
    """Pairs of changes that are about the same value, or one of them about a part of the other's, and do not agree."""
    known: dict[Path, Change] = {}
    above: dict[Path, Change] = {}
    for change in theirs:
        known[change.path] = change
        for n in range(1, len(change.path)):
            above.setdefault(change.path[:n], change)
    found = []
    for change in mine:
        other = known.get(change.path) or above.get(change.path)
        if other is None:
            other = next((known[p] for n in range(1, len(change.path)) if (p := change.path[:n]) in known), None)
        if other and not (other.path == change.path and _same(other.after, change.after)):
            found.append((change, other))
    return found


# ---- sentences -------------------------------------------------------------------------------------------------------
ORDERED: Final = "order of the channels changed"
STATUSES: Final[Mapping[Json, str]] = {
    "suspended": "channel {name} paused",
    "disabled": "channel {name} moved to standby",
    "active": "channel {name} in use again",
    MISSING: "channel {name} in use again",
}

IN_USE: Final = ("channel {name} is first choice for a while", "channel {name} is no longer first choice")
RENAMED: Final = "channel {what} is called {name} now"
KEYS: Final = ("keys added to channel {name}", "keys taken from channel {name}")


def _texts() -> Iterator[str]:
    yield from ("only comments and layout changed", ORDERED, RENAMED, "{what} changed")
    for what in ("channel", "client", "user"):
        yield from (f"{what}s changed", f"{what}s changed their places")
        named = [f"{what} {{name}} added", f"{what} {{name}} deleted", f"{{what}} of {what} {{name}} changed"]
        if what == "channel":
            named += [*dict.fromkeys(STATUSES.values()), *IN_USE, *KEYS]
        for text in named:
            yield from (text, _counted(text, what))


def _counted(text: str, what: str) -> str:
    return text.replace(what + " {name}", "{n} " + what + "s").replace("s is ", "s are ")


TEXTS: Final = tuple(_texts())
"""All that a sentence can be made of."""


def sentence(changes: Sequence[Change], before: Json, after: Json) -> Words:
    """What changed, for people. No secret is in it."""
    if not changes:
        return (("only comments and layout changed", {}),)
    if len(changes) > 1 and all(c.path[0] == "channels" and c.path[2:] == ("priority",) for c in changes):
        return ((ORDERED, {}),)
    found: list[tuple[str, Mapping[str, str]]] = []
    grouped: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        grouped[change.path[0]].append(change)
    for top, group in grouped.items():
        if top in ("channels", "clients", "users"):
            found += _of_entries(top, group, before, after)
        else:
            names = sorted({".".join(map(_shown, c.path[:2])) if top == "policy" else _shown(top) for c in group})
            found.append(("{what} changed", {"what": ", ".join(names)}))
    return tuple(found)


def _of_entries(top: str, group: Sequence[Change], before: Json, after: Json) -> Words:
    """Of channels, clients or users: entries with the same change are told of together."""
    what = {"channels": "channel", "clients": "client", "users": "user"}[top]
    names = {id: _name(entry) or id for data in (before, after) for id, entry in _listed(top, data).items()}
    by_entry: dict[str, list[Change]] = defaultdict(list)
    for change in group:
        by_entry[change.path[1] if len(change.path) > 1 else ""].append(change)
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for id, found in by_entry.items():
        alike[_text_of(what, id, found)].append(names.get(id, id))
    sentences: list[tuple[str, Mapping[str, str]]] = []
    for (text, fields), them in alike.items():
        more = {"what": fields} if fields else {}
        if len(them) <= MANY:
            sentences += [(text, {"name": name, **more}) for name in them]
        else:
            sentences.append((_counted(text, what), {"n": str(len(them)), **more}))
    return tuple(sentences)


def _shown(name: str) -> str:
    """Of a file that is not valid, a name could be anything."""
    return name if FIELD_NAME.fullmatch(name) else "…"


def _listed(top: str, data: Json) -> Mapping[str, Json]:
    return entries((top,), data.get(top) or []) or {} if isinstance(data, Mapping) else {}


def _text_of(what: str, id: str, changes: Sequence[Change]) -> tuple[str, str]:
    """(a text with the place ``name``, which fields it is about, or what it was called)."""
    if id in ("", ORDER):
        return f"{what}s changed their places" if id else f"{what}s changed", ""
    whole = next((c for c in changes if len(c.path) == 2), None)
    if whole:
        return (f"{what} {{name}} added" if whole.before is MISSING else f"{what} {{name}} deleted"), ""
    fields = sorted({_shown(c.path[2]) for c in changes})
    if what == "channel" and "status" in fields and set(fields) <= {"status", "promoted_until"}:
        status = next(c.after for c in changes if c.path[2] == "status")
        return STATUSES.get(status, "{what} of channel {name} changed"), "status"
    if what == "channel" and fields == ["promoted_until"]:
        return IN_USE[changes[0].after is MISSING], ""
    if what == "channel" and fields == ["name"] and changes[0].before is not MISSING:
        return RENAMED, str(changes[0].before)
    if fields == ["keys"]:
        keys = {(c.before is MISSING, c.after is MISSING) for c in changes if len(c.path) == 4 and c.path[3] != ORDER}
        if keys == {(True, False)}:
            return KEYS[0], ""
        if keys == {(False, True)}:
            return KEYS[1], ""
    return f"{{what}} of {what} {{name}} changed", ", ".join(fields)


def place(path: Path, data: Json) -> str:
    """A path for people: names in place of ids, keys by name or mask."""
    words: list[str] = []
    at: Json = data
    for n, part in enumerate(path):
        if part == ORDER:
            words.append("order")
            break
        known = entries(path[:n], at) if identity(path[:n]) else None
        if known is not None:
            at = known.get(part)
            words.append(_name(at) or (_mask_of(path[:n], at) if at else "") or part)
        else:
            at = at.get(part) if isinstance(at, Mapping) else None
            words.append(part)
    return " › ".join(words)


def value_at(path: Path, data: Json) -> Json:
    """What stands at a path; of an order the names in it. MISSING: nothing."""
    at = data
    for n, part in enumerate(path):
        if identity(path[:n]):
            known = entries(path[:n], at) or {}
            if part == ORDER:
                return [_name(entry) or _mask_of(path[:n], entry) for entry in known.values()]
            at = table_of(path[: n + 1], known.get(part, MISSING))
        else:
            at = at.get(part, MISSING) if isinstance(at, Mapping) else MISSING
        if at is MISSING:
            break
    return at


def _mask_of(path: Path, entry: Json) -> str:
    return mask(str(table_of((*path, ""), entry).get("key", ""))) if len(path) == 3 else ""
