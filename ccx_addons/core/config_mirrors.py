"""Mirrors of ccx.yaml as values, with every problem noted."""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final

from ccx_addons.core.config import DEFAULT_CLIENT, TEXT_KINDS, Channel, Mirror, MirrorLimits
from ccx_addons.core.config_reader import NAME, Json, Reader, shape_of

MIRROR_KEYS: Final = tuple(entry.name for entry in fields(Mirror))
SCALARS: Final = ("model", "share", "timeout", "enabled")


type Known = dict[str, Channel | None]
"""Channels by name and id; None: it cannot be read, which has been said."""


def mirrors_of(
    reader: Reader, value: Json, channels: Collection[Channel], clients: Collection[str], file: Mapping[str, Json]
) -> tuple[Mirror, ...]:
    """``clients``: the names of all that there are. ``file``: what is there, but has faults of its own."""
    known: Known = dict.fromkeys(_written(file.get("channels"), "name", "id"))
    known |= {channel.name: channel for channel in channels} | {channel.id: channel for channel in channels}
    clients = {*clients, *_written(file.get("clients"), "name")}
    entries = reader.entries(value, "mirrors")
    found = {path: mirror for path, entry in entries if (mirror := _mirror(reader, entry, path, known, clients))}
    reader.no_duplicates("name", {f"{path}.name": mirror.name for path, mirror in found.items()})
    return tuple(found.values())


def _mirror(reader: Reader, value: Json, path: str, known: Known, clients: Collection[str]) -> Mirror | None:
    table = reader.table(value, path, MIRROR_KEYS)
    if not isinstance(value, dict):
        return None
    before = len(reader.problems)
    name = reader.text(table.get("name"), f"{path}.name", NAME, "a name (up to 64 characters)") or ""
    given: dict[str, Any] = {}
    for key in SCALARS:
        if key in table and (one := reader.scalar(table[key], *shape_of(Mirror)[key], f"{path}.{key}")) is not MISSING:
            given[key] = one
    given["models"] = reader.patterns(table.get("models"), f"{path}.models")
    given["clients"] = reader.strings(table.get("clients"), f"{path}.clients")
    given["limits"] = reader.scalars(MirrorLimits, table.get("limits"), f"{path}.limits", MirrorLimits())
    given["kinds"] = _kinds(reader, table.get("kinds"), f"{path}.kinds")
    for n, client in enumerate(given["clients"]):
        if client not in clients and client != DEFAULT_CLIENT:
            reader.problem(f"{path}.clients[{n}]", f"there is no client {client[:64]!r}")
    wanted = reader.strings(table.get("channels"), f"{path}.channels")
    places = [(f"{path}.channels[{n}]", one) for n, one in enumerate(wanted)]
    given["channels"] = tuple(channel.id for at, one in places if (channel := _channel(reader, one, at, known)))
    target = _target(reader, table.get("to"), f"{path}.to", known)
    return Mirror(name, target.id, **given) if target and len(reader.problems) == before else None


def _channel(reader: Reader, name: str, path: str, known: Known) -> Channel | None:
    if name not in known:
        reader.problem(path, f"there is no channel {name[:64]!r}")
    return known.get(name)


def _target(reader: Reader, value: Json, path: str, known: Known) -> Channel | None:
    name = reader.text(value, path)
    channel = _channel(reader, name, path, known) if name is not None else None
    if channel and channel.protocol not in TEXT_KINDS:
        reader.problem(path, f"{channel.name} speaks {channel.protocol}, whose answers cannot be compared")
    elif channel and channel.credential == "client":
        reader.problem(path, f"{channel.name} passes on the client's own login, which is not for a mirror")
    return channel


def _kinds(reader: Reader, value: Json, path: str) -> frozenset[Any]:
    kinds = reader.kinds(value, path, TEXT_KINDS)
    for kind in sorted(kinds - TEXT_KINDS):
        reader.problem(path, f"{kind} cannot be mirrored; {', '.join(sorted(TEXT_KINDS))} can")
    return kinds


def _written(entries: Json, *members: str) -> set[str]:
    tables = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return {table[member] for table in tables for member in members if isinstance(table.get(member), str)}
