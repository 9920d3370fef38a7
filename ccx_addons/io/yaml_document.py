"""Changing a parsed ccx.yaml in place, so that what a person wrote around the values stays: comments, order, style.

Works on ruamel.yaml's round-trip nodes, which keep a comment with the leaf above it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ruamel.yaml.comments import CommentedMap as Table
from ruamel.yaml.comments import CommentedSeq as Entries
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted

__all__ = ["Entries", "Table", "drop", "merge", "move", "put", "remove", "sequence", "styled", "without_nulls"]

type Json = Any

PLAIN: Final = re.compile(r"(?:[\w./@+*!<>=() -]|(?<=[\w/]):(?=[\w/]))*")
"""Text that the emitter may write without quotes; it still quotes what would be read as something else."""


def sequence(document: Table, name: str) -> Entries:
    """The list below ``name``, made when there is none."""
    found = document.get(name)
    if not isinstance(found, Entries):
        found = document[name] = Entries()
    if not found:
        found.fa.set_block_style()
    return found


def styled(value: Json, top: bool = False) -> Json:
    """Plain data as nodes: with ``top`` one entry a line, short lists and mappings inside."""
    if isinstance(value, str):
        return value if PLAIN.fullmatch(value) else Quoted(value)
    if isinstance(value, Mapping):
        table = Table((styled(name), styled(entry)) for name, entry in value.items())
        if not top:
            table.fa.set_flow_style()
        return table
    if isinstance(value, Sequence):
        entries = Entries(styled(entry) for entry in value)
        entries.fa.set_flow_style()
        return entries
    return value


def merge(table: Table, patch: Mapping[str, Json]) -> None:
    """JSON merge patch (RFC 7396): null takes a setting away, so that its default holds."""
    for name, value in patch.items():
        old = table.get(name)
        if value is None:
            drop(table, name)
        elif isinstance(value, Mapping) and isinstance(old, Table):
            merge(old, value)
            if not old:
                drop(table, name)
        elif isinstance(value, Mapping):
            if kept := without_nulls(value):
                put(table, name, styled(kept))
        elif old != value or isinstance(old, bool) != isinstance(value, bool):
            put(table, name, styled(value))


def put(table: Table, name: str, value: Json) -> None:
    """Set a value. A new one goes before the last when a comment stands below: that belongs to what comes next."""
    if name not in table and table and comment_below(table):
        table.insert(len(table) - 1, name, value)
    else:
        table[name] = value


def drop(table: Table, name: str) -> None:
    """Take a setting away; a comment below it stays."""
    if name not in table:
        return
    token = _last_token(table[name]) or (table.ca.items.get(name) or [None] * 3)[2]
    is_last = list(table)[-1] == name
    del table[name]
    if not (is_last and table and token):
        return
    below = "\n" + token.value.partition("\n")[2]
    node, last, slot = _end(table)
    kept = node.ca.items.setdefault(last, [None] * 4)
    if kept[slot]:
        kept[slot].value = kept[slot].value.partition("\n")[0] + below
    else:
        token.value = below
        kept[slot] = token


def _end(node: Table | Entries) -> tuple[Table | Entries, Any, int]:
    """Where the comment below a node is kept: the innermost block node at its end, its last key, the slot."""
    last = list(node)[-1] if isinstance(node, Table) else len(node) - 1
    inner = node[last]
    if isinstance(inner, Table | Entries) and inner and not inner.fa.flow_style():
        return _end(inner)
    return node, last, 2 if isinstance(node, Table) else 0


def _last_token(node: Json) -> Any:
    if not isinstance(node, Table | Entries) or not node:
        return None
    inner, last, slot = _end(node)
    return (inner.ca.items.get(last) or [None] * 3)[slot]


def without_nulls(value: Mapping[str, Json]) -> dict[str, Json]:
    return {
        name: without_nulls(entry) if isinstance(entry, Mapping) else entry
        for name, entry in value.items()
        if entry is not None
    }


def remove(entries: Entries, n: int) -> None:
    """Delete an entry, but keep the comment that stands below it: it belongs to the next one."""
    below = comment_below(entries[n])
    del entries[n]
    if below and entries:
        entries.yaml_set_comment_before_after_key(min(n, len(entries) - 1), before=below, indent=2)


def move(entries: Entries, n: int, to: int) -> None:
    """Move an entry with the comment on its line."""
    comment = entries.ca.items.get(n)
    entry = entries.pop(n)
    entries.insert(to, entry)
    if comment:
        entries.ca.items[to] = comment


def comment_below(node: Json) -> str:
    """The lines of comment after the last line of a node."""
    token = _last_token(node)
    lines = [line.strip() for line in token.value.partition("\n")[2].split("\n")] if token else []
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines if line.startswith("#"))
