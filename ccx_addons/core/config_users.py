"""People of the panel in ccx.yaml as values, with every problem noted."""

from collections.abc import Iterable
from dataclasses import MISSING
from typing import Final

from ccx_addons.core.config import Client, User
from ccx_addons.core.config_clients import SHA256
from ccx_addons.core.config_reader import NAME, Json, Reader, sha256, shape_of
from ccx_addons.core.mask import mask

USER_KEYS: Final = ("name", "role", "key", "key_sha256", "enabled")
ADMIN: Final = "admin"
"""Who comes with the admin key."""


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
    if name == ADMIN:
        reader.problem(f"{path}.name", f"{ADMIN!r} is who comes with ADMIN_ACCESS_KEY")
    digest, masked = "", ""
    if "key" in table and "key_sha256" in table:
        reader.problem(f"{path}.key", "give key or key_sha256, not both")
    elif "key" in table:
        if secret := reader.secret(table["key"], f"{path}.key"):
            digest, masked = sha256(secret), mask(secret)
    elif "key_sha256" in table:
        digest = (reader.text(table["key_sha256"], f"{path}.key_sha256", SHA256, "64 hex digits") or "").lower()
    role = reader.scalar(table.get("role", "sees"), *shape_of(User)["role"], f"{path}.role")
    enabled = reader.scalar(table.get("enabled", True), bool, {}, f"{path}.enabled")
    if not name or role is MISSING or enabled is MISSING:
        return None
    return User(name, role, digest, masked, enabled)
