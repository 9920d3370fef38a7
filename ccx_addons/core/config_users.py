"""People of the panel in ccx.yaml as values, with every problem noted."""

from collections.abc import Iterable
from dataclasses import MISSING
from typing import Final

from ccx_addons.core.config import Client, User
from ccx_addons.core.config_clients import key_of
from ccx_addons.core.config_reader import NAME, Json, Reader, sha256, shape_of

USER_KEYS: Final = ("name", "role", "key", "key_sha256", "enabled")
ADMIN: Final = "admin"
"""Who comes with the admin key."""
RESERVED: Final = frozenset({ADMIN, "api", "panel"})
"""Names that the list of changes has for the admin."""


def users_of(reader: Reader, value: Json, clients: Iterable[Client], admin_key: str) -> tuple[User, ...]:
    users: dict[str, User] = {}
    for path, entry in reader.entries(value, "users"):
        if user := _user(reader, entry, path):
            users[path] = user
    taken = {client.key_sha256: f"the client {client.name!r}" for client in clients}
    taken |= {digest: f"the client {client.name!r}" for client in clients for digest, _until in client.previous}
    if admin_key:
        taken[sha256(admin_key)] = "ADMIN_ACCESS_KEY"
    for path, user in users.items():
        if user.key_sha256 in taken:
            reader.problem(f"{path}.key", f"the key of {user.name!r} must differ from that of {taken[user.key_sha256]}")
    reader.no_duplicates("name", {f"{path}.name": user.name for path, user in users.items()})
    reader.no_duplicates("key", {f"{p}.key": u.key_sha256 for p, u in users.items() if u.key_sha256}, secret=True)
    return tuple(users.values())


def _user(reader: Reader, value: Json, path: str) -> User | None:
    table = reader.table(value, path, USER_KEYS)
    if not isinstance(value, dict):
        return None
    name = reader.text(table.get("name"), f"{path}.name", NAME, "a name (up to 64 characters)")
    if name and name.casefold() in RESERVED:
        reader.problem(f"{path}.name", f"{name!r} is who comes with ADMIN_ACCESS_KEY")
    digest, masked = key_of(reader, table, path) if table.keys() & {"key", "key_sha256"} else ("", "")
    role = reader.scalar(table.get("role", "sees"), *shape_of(User)["role"], f"{path}.role")
    enabled = reader.scalar(table.get("enabled", True), bool, {}, f"{path}.enabled")
    if not name or role is MISSING or enabled is MISSING:
        return None
    return User(name, role, digest, masked, enabled)
