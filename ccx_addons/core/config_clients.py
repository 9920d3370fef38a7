"""Clients of ccx.yaml as values, with every problem noted."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import Final

from ccx_addons.core.config import DEFAULT_CLIENT, KINDS, NO_LIMITS, Client, ClientLimits, ModelLimit
from ccx_addons.core.config_reader import NAME, Json, Reader, sha256
from ccx_addons.core.mask import mask

CLIENT_KEYS: Final = (
    "name", "key", "key_sha256", "previous", "expires", "kinds", "models", "limits", "model_limits", "enabled",
    "mirror",
)  # fmt: skip
PREVIOUS_KEYS: Final = ("key_sha256", "until")
MODEL_LIMIT_KEYS: Final = tuple(f.name for f in fields(ModelLimit))
SHA256: Final = re.compile("[0-9a-fA-F]{64}")


def clients_of(reader: Reader, value: Json, default_key: str, admin_key: str) -> tuple[Client, ...]:
    clients: dict[str, Client] = {}
    if default_key:
        clients["PROXY_ACCESS_KEY"] = Client(DEFAULT_CLIENT, sha256(default_key), mask(default_key))
    for path, entry in reader.entries(value, "clients"):
        if client := _client(reader, entry, path):
            clients[path] = client
    admin = sha256(admin_key) if admin_key else ""
    for path, client in clients.items():
        if client.key_sha256 == admin:
            reader.problem(f"{path}.key", f"the key of {client.name!r} must differ from ADMIN_ACCESS_KEY")
    reader.no_duplicates("name", {f"{path}.name": c.name for path, c in clients.items()})
    keys = {f"{path}.key": c.key_sha256 for path, c in clients.items()}
    keys |= {f"{path}.previous[{n}]": sha for path, c in clients.items() for n, (sha, _) in enumerate(c.previous)}
    reader.no_duplicates("key", keys, secret=True)
    return tuple(clients.values())


def _client(reader: Reader, value: Json, path: str) -> Client | None:
    table = reader.table(value, path, CLIENT_KEYS)
    if not isinstance(value, dict):
        return None
    name = reader.text(table.get("name"), f"{path}.name", NAME, "a name (up to 64 characters)")
    digest, masked = key_of(reader, table, path)
    kinds = reader.kinds(table.get("kinds"), f"{path}.kinds", KINDS)
    limits = reader.scalars(ClientLimits, table.get("limits"), f"{path}.limits", NO_LIMITS)
    enabled, mirror = (reader.scalar(table.get(key, True), bool, {}, f"{path}.{key}") for key in ("enabled", "mirror"))
    models = reader.patterns(table.get("models"), f"{path}.models")
    more = (_model_limits(reader, table, path), _previous(reader, table, path))
    expires = reader.turn(table.get("expires"), f"{path}.expires")
    if not name or not digest or MISSING in (enabled, mirror):
        return None
    return Client(name, digest, masked, kinds, models, limits, enabled, *more, expires, mirror)


def key_of(reader: Reader, table: Mapping[str, Json], path: str) -> tuple[str, str]:
    """The SHA-256 of somebody's key, and its mask (where only the hash is known, how that begins), from ``key`` or
    ``key_sha256``; empty: there is no right one."""
    if "key" in table and "key_sha256" in table:
        reader.problem(f"{path}.key", "give key or key_sha256, not both")
    elif "key" in table:
        if secret := reader.secret(table["key"], f"{path}.key"):
            return sha256(secret), mask(secret)
    elif digest := reader.text(table.get("key_sha256"), f"{path}.key_sha256", SHA256, "64 hex digits"):
        return digest.lower(), f"sha256 {digest[:8].lower()}…"
    return "", ""


def _model_limits(reader: Reader, client: Mapping[str, Json], path: str) -> tuple[ModelLimit, ...]:
    found = []
    for at, entry in reader.entries(client.get("model_limits"), f"{path}.model_limits"):
        table = reader.table(entry, at, MODEL_LIMIT_KEYS)
        models = reader.patterns(table.get("models"), f"{at}.models")
        rest = {name: value for name, value in table.items() if name != "models"}
        found.append(replace(reader.scalars(ModelLimit, rest, at, ModelLimit()), models=models))
    return tuple(found)


def _previous(reader: Reader, client: Mapping[str, Json], path: str) -> tuple[tuple[str, float], ...]:
    """Those that are right yet."""
    found = []
    for at, entry in reader.entries(client.get("previous"), f"{path}.previous"):
        table = reader.table(entry, at, PREVIOUS_KEYS)
        digest = reader.text(table.get("key_sha256"), f"{at}.key_sha256", SHA256, "64 hex digits")
        until = reader.turn(table.get("until"), f"{at}.until")
        if until is None and digest and table.get("until") is None:
            reader.problem(f"{at}.until", "is missing: until when the key is right")
        if digest and until and until > reader.now:
            found.append((digest.lower(), until))
    return tuple(found)
