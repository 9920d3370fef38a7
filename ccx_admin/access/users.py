"""People of the panel: who has a key, what their role allows, and whether they are still there."""

import hmac
from typing import Final

from flask import g

from ccx_addons.core.config import User
from ccx_addons.core.config_reader import NAME, sha256
from ccx_addons.core.config_users import ADMIN, RESERVED
from ccx_admin.api.problem import Failure
from ccx_admin.panel import Panel

THE_ADMIN: Final = User(ADMIN, "edits")
"""Who comes with the admin key."""

HARMLESS: Final = frozenset({
    "auth.logout", "api_settings.validate", "api_channels.preview", "api_channels.parse_paste", "api_routing.explain",
})  # fmt: skip
"""Endpoints that are asked with POST and change nothing: open to every role, and in no list."""


def with_key(panel: Panel, key: str) -> User | None:
    """Whose key it is."""
    given, right = key.encode("utf-8", "surrogateescape"), panel.settings.admin_access_key
    if hmac.compare_digest(given, right.encode()) and right:
        return THE_ADMIN
    digest = sha256(key) if key and key.isprintable() and key.isascii() else ""
    known = [user for user in panel.snapshot().users if user.enabled and user.key_sha256]
    return next((user for user in known if hmac.compare_digest(user.key_sha256, digest)), None)


def of_a_client(panel: Panel, key: str) -> bool:
    """Whether it is right elsewhere: people mistake the two keys of the first start for each other."""
    return panel.snapshot().client(sha256(key), panel.clock()) is not None


def named(panel: Panel, name: str) -> User | None:
    """Somebody who has logged in before: as the configuration says now, or not at all any more."""
    return THE_ADMIN if name == ADMIN else signed_on(panel, name)


def signed_on(panel: Panel, name: str) -> User | None:
    """Who has this name elsewhere, where people may choose theirs: never the admin, who comes with a key. Letters of
    either case are the same, so that nobody whom the configuration shuts out comes back as another."""
    plain = name.casefold()
    if plain in RESERVED or not NAME.fullmatch(name):
        return None
    found = next((user for user in panel.snapshot().users if user.name.casefold() == plain), None)
    if found is None and (role := panel.settings.oidc_everybody):
        return User(name, "edits" if role == "edits" else "sees")
    return found if found and found.enabled else None


def must_change() -> None:
    """For pages that are there to change something. Raises Failure."""
    user: User = g.user
    if user.role != "edits":
        raise Failure(403, "You may look, and not change", f"the role of {user.name} is: sees")


def may(user: User, endpoint: str | None) -> bool:
    """Whether their role allows a request that is no mere look."""
    return user.role == "edits" or endpoint in HARMLESS
