"""Every change of ccx.yaml that the panel makes, as functions on the document: comments and order survive.

``change`` makes them, or shows what they would do. Values arrive as JSON; whether they make sense is decided by the
parser that the gateway itself uses.
"""

import hashlib
import itertools
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ccx_addons.core import variables
from ccx_addons.core.confidential import hide_url, shown_header
from ccx_addons.core.config import Status
from ccx_addons.core.config_channels import CHANNEL_KEYS, KEY_KEYS
from ccx_addons.core.config_clients import CLIENT_KEYS
from ccx_addons.core.urls import canonical
from ccx_addons.io.yaml_document import Entries, Table, drop, merge, move, put, remove, sequence, styled, without_nulls
from ccx_admin.api.problem import Failure, invalid, not_found

type Json = Any
type Change = Callable[[Table], None]

EDITABLE: Final = frozenset(CHANNEL_KEYS) - {"id", "keys", "promoted_until"}
"""What PATCH of a channel may name; keys and promotions have paths of their own."""
KEY_EDITABLE: Final = frozenset(KEY_KEYS)
CLIENT_EDITABLE: Final = frozenset(CLIENT_KEYS) - {"key", "key_sha256", "previous"}
POLICY: Final = frozenset({"errors", "balance", "affinity", "breaker", "attempts", "timeouts", "bodies"})
NOT_COPIED: Final = frozenset({"id", "promoted_until"})
MAX_COPIED: Final = 50
"""Characters of a channel's name that its copy begins with."""
MAX_SECONDS: Final = 7 * 86_400
MAX_OVERLAP: Final = 90 * 86_400
"""Seconds that an old key and a new one may both be in use."""
BULK: Final = ("status", "priority", "add_tags", "remove_tags", "models", "delete")
"""What can be changed of many channels at once."""


# ---- the document ----------------------------------------------------------------------------------------------------
def key_id(entry: Json) -> str:
    """The id of a key as it is written: of the secret, or of ``env:NAME`` while that variable is not set."""
    text = str(entry.get("key", "") if isinstance(entry, Mapping) else entry).strip()
    secret = variables.filled(text, os.environ)
    return "k_" + _sha256((secret or text).strip())[:8]


def channel_id(entry: Mapping[str, Json]) -> str:
    return str(entry.get("id") or "ch_" + _sha256(str(entry.get("name", "")))[:8])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _channel(document: Table, id: str) -> Table:
    found: Table | None = next((c for c in sequence(document, "channels") if channel_id(c) == id), None)
    if found is None:
        raise not_found("channel", id)
    return found


def _key_place(channel: Table, id: str) -> int:
    for n, entry in enumerate(channel.get("keys") or []):
        if key_id(entry) == id:
            return n
    raise not_found("key", id)


def must_know(patch: Mapping[str, Json], names: Iterable[str], what: str) -> None:
    unknown = sorted(set(patch) - set(names))
    if unknown:
        raise invalid(f"{what} has no setting {unknown[0][:64]!r} that can be changed here")


# ---- channels --------------------------------------------------------------------------------------------------------
def add_channel(values: Mapping[str, Json], first: bool = False) -> tuple[str, Change]:
    """A new channel behind the others, or before them. ``values`` as in ccx.yaml. Returns its id, too."""
    must_know(values, CHANNEL_KEYS, "a channel")
    id = str(values.get("id") or "ch_" + secrets.token_hex(4))

    def change(document: Table) -> None:
        channels = sequence(document, "channels")
        priorities = [int(c.get("priority", 1)) for c in channels if _is_int(c.get("priority", 1))]
        given = dict(without_nulls(values))
        if "priority" not in given and priorities:
            given["priority"] = min(priorities) - 1 if first else max(priorities) + 1
        channels.append(styled({"id": id, **given}, top=True))

    return id, change


def duplicate(id: str) -> tuple[str, Change]:
    """A copy of a channel with all its settings and keys, paused until somebody has made it another. Returns its id."""
    new = "ch_" + secrets.token_hex(4)

    def change(document: Table) -> None:
        original = _channel(document, id)
        kept = {name: value for name, value in original.items() if name not in NOT_COPIED}
        plain = json.loads(json.dumps(kept, default=lambda moment: moment.isoformat()))  # a time without quotes is none
        taken = {str(channel.get("name", "")) for channel in sequence(document, "channels")}
        names = (f"{str(plain.get('name', ''))[:MAX_COPIED]} {n}" for n in itertools.count(2))
        name = next(name for name in names if name not in taken)
        sequence(document, "channels").append(
            styled({"id": new, **plain, "name": name, "status": "suspended"}, top=True)
        )

    return new, change


def _is_int(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def patch_channel(id: str, patch: Mapping[str, Json]) -> Change:
    must_know(patch, EDITABLE, "a channel")

    def change(document: Table) -> None:
        channel = _channel(document, id)
        if "name" in patch and "id" not in channel:
            channel.insert(0, "id", id)
        given = dict(patch)
        if isinstance(given.get("base_urls"), list):
            given["base_urls"] = _unmasked_urls(channel, given["base_urls"])
        for name in ("proxy", "website"):
            if isinstance(given.get(name), str) and given[name] == hide_url(_filled(channel.get(name) or "")):
                del given[name]
        if isinstance(given.get("headers"), Mapping):
            given["headers"] = _changed_headers(channel, given["headers"])
        merge(channel, given)

    return change


def _filled(value: Json) -> str:
    """As the panel shows it: with the values of variables."""
    return variables.filled(str(value), os.environ)


def _unmasked_urls(channel: Table, urls: Sequence[Json]) -> list[Json]:
    """A URL whose password was hidden from the user stays what it is."""
    known = {hide_url(canonical(_filled(url))): url for url in channel.get("base_urls") or []}
    return [known.get(url, url) if isinstance(url, str) else url for url in urls]


def _changed_headers(channel: Table, headers: Mapping[str, Json]) -> dict[str, Json]:
    """Without those that came back as they were shown."""
    now = channel.get("headers") or {}
    return {
        name: value
        for name, value in headers.items()
        if name not in now or value != shown_header(name, _filled(now[name]))
    }


def bulk(ids: Sequence[str], wanted: Mapping[str, Json]) -> Change:
    """The same change of many channels. ``models`` is a merge patch of their mapping."""
    must_know(wanted, BULK, "a bulk change")
    steps = [step for id in dict.fromkeys(ids) for step in _steps(id, wanted)]

    def change(document: Table) -> None:
        for step in steps:
            step(document)

    return change


def _steps(id: str, wanted: Mapping[str, Json]) -> Iterator[Change]:
    if wanted.get("delete"):
        yield delete_channel(id)
        return
    if status := wanted.get("status"):
        yield set_status(id, status)
    if patch := {name: wanted[name] for name in ("priority", "models") if name in wanted}:
        yield patch_channel(id, patch)
    if wanted.get("add_tags") or wanted.get("remove_tags"):
        yield _tagged(id, wanted.get("add_tags") or [], wanted.get("remove_tags") or [])


def _tagged(id: str, add: Sequence[str], remove: Sequence[str]) -> Change:
    def change(document: Table) -> None:
        channel = _channel(document, id)
        tags = [tag for tag in channel.get("tags") or [] if tag not in remove]
        merge(channel, {"tags": list(dict.fromkeys([*tags, *add])) or None})

    return change


def delete_channel(id: str, force: bool = False) -> Change:
    """Refuses the last active channel unless ``force``."""

    def change(document: Table) -> None:
        channel = _channel(document, id)
        channels = sequence(document, "channels")
        active = [c for c in channels if c.get("status", "active") == "active"]
        if active == [channel] and not force:
            raise Failure(
                409, "Last active channel", "the gateway could answer nothing without it; delete with force=true"
            )
        remove(channels, channels.index(channel))

    return change


def order(ids: Sequence[str]) -> Change:
    """Priorities 1, 2, 3 ... in this order; channels that are not named come after, in the order they have."""
    if len(set(ids)) != len(ids):
        raise invalid("ids: one of them is there twice")

    def change(document: Table) -> None:
        channels = sequence(document, "channels")
        named = [_channel(document, id) for id in ids]
        rest = [c for c in channels if channel_id(c) not in ids]
        rest.sort(key=lambda c: c.get("priority", 1))
        for n, channel in enumerate([*named, *rest], 1):
            if channel.get("priority", 1) != n:
                put(channel, "priority", n)

    return change


def promote(id: str, seconds: float, now: float) -> Change:
    """First choice for a while; only one channel at a time is. 0 ends it."""
    if not 0 <= seconds <= MAX_SECONDS:
        raise invalid(f"seconds: must be from 0 to {MAX_SECONDS}")
    until = _moment(now + seconds)

    def change(document: Table) -> None:
        chosen = _channel(document, id)
        for channel in sequence(document, "channels"):
            drop(channel, "promoted_until")
        if seconds:
            put(chosen, "promoted_until", until)

    return change


def set_status(id: str, status: Status) -> Change:
    def change(document: Table) -> None:
        channel = _channel(document, id)
        if status == "active":
            drop(channel, "status")
        else:
            put(channel, "status", status)
            drop(channel, "promoted_until")

    return change


# ---- keys ------------------------------------------------------------------------------------------------------------
def add_keys(id: str, entries: Sequence[Json]) -> Change:
    """New keys at the end: secrets, ``env:NAME``, or mappings as in ccx.yaml. Keys the channel has are left out."""

    def change(document: Table) -> None:
        channel = _channel(document, id)
        keys = channel.get("keys")
        if not isinstance(keys, Entries):
            keys = channel["keys"] = styled([])
        known = {key_id(entry) for entry in keys}
        new = [entry for entry in entries if key_id(entry) not in known]
        if not new:
            raise Failure(409, "Keys known", "the channel has every one of these keys")
        for entry in new:
            if isinstance(entry, Mapping):
                must_know(entry, KEY_KEYS, "a key")
            keys.append(styled(entry))

    return change


def patch_key(id: str, key: str, patch: Mapping[str, Json]) -> Change:
    """``key`` in the patch replaces the secret; ``position`` moves the key in the list (0: first)."""
    must_know(patch, KEY_EDITABLE | {"position"}, "a key")

    def change(document: Table) -> None:
        channel = _channel(document, id)
        n = _key_place(channel, key)
        keys = channel["keys"]
        rest = {name: value for name, value in patch.items() if name != "position"}
        entry = keys[n]
        if rest and not isinstance(entry, Table):
            entry = styled({"key": entry})
            keys[n] = entry
        if rest:
            merge(entry, rest)
        if set(entry) == {"key"} if isinstance(entry, Table) else False:
            keys[n] = entry["key"]
        if "position" in patch:
            if not _is_int(patch["position"]) or not 0 <= patch["position"] < len(keys):
                raise invalid(f"position: must be from 0 to {len(keys) - 1}")
            move(keys, n, patch["position"])

    return change


def replace_key(id: str, key: str, secret: str, seconds: float, now: float) -> Change:
    """A new secret in front of an old one, with its settings. Both are used for some seconds yet; 0: only the new."""
    _must_overlap(seconds)

    def change(document: Table) -> None:
        channel = _channel(document, id)
        keys, n = channel["keys"], _key_place(channel, key)
        if any(key_id(entry) == key_id(secret) for entry in keys):
            raise Failure(409, "Key known", "the channel has this key")
        old = keys[n]
        settings = (
            {name: value for name, value in old.items() if name not in ("key", "until")}
            if isinstance(old, Table)
            else {}
        )
        new = styled({"key": secret, **settings} if settings else secret)
        if not seconds:
            keys[n] = new
            return
        if not isinstance(old, Table):
            old = keys[n] = styled({"key": old})
        put(old, "until", _moment(now + seconds))
        keys.append(new)
        move(keys, len(keys) - 1, n)

    return change


def delete_key(id: str, key: str) -> Change:
    def change(document: Table) -> None:
        channel = _channel(document, id)
        remove(channel["keys"], _key_place(channel, key))

    return change


# ---- clients ---------------------------------------------------------------------------------------------------------
def add_client(values: Mapping[str, Json]) -> tuple[str, Change]:
    """A client with a new secret, which is returned and never shown again: the file keeps its hash."""
    must_know(values, CLIENT_EDITABLE, "a client")
    secret = new_secret()

    def change(document: Table) -> None:
        given = without_nulls(values)
        name = given.pop("name", None)
        entry = {"name": name, "key_sha256": _sha256(secret), **given}
        sequence(document, "clients").append(styled(entry, top=True))

    return secret, change


def _client(document: Table, name: str) -> Table:
    found: Table | None = next((c for c in sequence(document, "clients") if c.get("name") == name), None)
    if found is None and name == "default":
        raise Failure(409, "Client of the environment", 'the client "default" comes from PROXY_ACCESS_KEY')
    if found is None:
        raise not_found("client", name)
    return found


def patch_client(name: str, patch: Mapping[str, Json]) -> Change:
    must_know(patch, CLIENT_EDITABLE, "a client")

    def change(document: Table) -> None:
        merge(_client(document, name), patch)

    return change


def rotate_client(name: str, seconds: float, now: float) -> tuple[str, Change]:
    """Another secret for a client; those before are right for some seconds yet. 0: they are over at once."""
    _must_overlap(seconds)
    secret = new_secret()
    end = _moment(now + seconds)

    def change(document: Table) -> None:
        client = _client(document, name)
        digest = str(client.get("key_sha256") or "")
        if not digest:
            written = str(client.get("key") or "").strip()
            digest = _sha256((variables.filled(written, os.environ) or written).strip())
        before = [dict(entry) for entry in client.get("previous") or [] if str(entry.get("until")) > _moment(now)]
        kept = [entry | {"until": min(str(entry["until"]), end)} for entry in before] if seconds else []
        if seconds:
            kept.append({"key_sha256": digest, "until": end})
        drop(client, "key")
        put(client, "key_sha256", _sha256(secret))
        merge(client, {"previous": kept or None})

    return secret, change


def new_secret() -> str:
    return "ccx-" + secrets.token_urlsafe(32)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _must_overlap(seconds: float) -> None:
    if not 0 <= seconds <= MAX_OVERLAP:
        raise invalid(f"seconds: must be from 0 to {MAX_OVERLAP}")


def delete_client(name: str) -> Change:
    def change(document: Table) -> None:
        clients = sequence(document, "clients")
        remove(clients, clients.index(_client(document, name)))

    return change


# ---- settings --------------------------------------------------------------------------------------------------------
def patch_settings(patch: Mapping[str, Json]) -> Change:
    """``policy`` and ``prices`` as merge patches."""
    must_know(patch, ("policy", "prices"), "the configuration")
    if isinstance(patch.get("policy"), Mapping):
        must_know(patch["policy"], POLICY, "policy")

    def change(document: Table) -> None:
        for name, value in patch.items():
            if isinstance(value, Mapping) and not isinstance(document.get(name), Table):
                document[name] = Table()
            merge(document, {name: value})

    return change
