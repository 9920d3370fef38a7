"""/api/channels/{id}/keys: the keys of a channel, by id; a secret comes in and never goes out."""

from typing import Final

from flask import Blueprint

from ccx_admin import edits
from ccx_admin.api.operation import operation
from ccx_admin.api.schema import Json, array, boolean, integer, table, text
from ccx_admin.channels.api import COMMANDED, SAVED, changed, commanded, key_of, the_channel
from ccx_admin.panel import panel

keys: Final = Blueprint("api_keys", __name__, url_prefix="/api/channels/<id>/keys")

KEY: Final = {
    "key": text("the secret, or env:NAME", minLength=1, maxLength=10_000),
    "name": text(maxLength=64),
    "weight": integer(low=1),
    "models": array(text(), "model patterns"),
    "base_url": text("use it only with this base URL"),
    "enabled": boolean(),
    "limits": table({"rpm": {}, "concurrency": {}}),
}


@operation(
    keys,
    "POST",
    "",
    body=table({"keys": array(table(KEY, ("key",)), "new keys", minItems=1)}, ("keys",)),
    answer=SAVED,
    status=201,
    errors=(404, 409),
)
def add_keys(id: str, body: dict[str, Json]) -> dict[str, Json]:
    """Add keys at the end of the list; those the channel has already are left out."""
    entries = [entry["key"] if set(entry) == {"key"} else entry for entry in body["keys"]]
    return changed(id, edits.add_keys(id, entries))


@operation(
    keys,
    "PATCH",
    "/<key_id>",
    body=table({**{name: {} for name in KEY}, "position": integer("0: first in the list", 0, 100_000)}),
    answer=SAVED,
    errors=(404, 409),
)
def patch_key(id: str, key_id: str, body: dict[str, Json]) -> dict[str, Json]:
    """Change a key: merge patch. A new secret gives it a new id; no secret means it stays."""
    return changed(id, edits.patch_key(id, key_id, body))


@operation(keys, "DELETE", "/<key_id>", answer=SAVED, errors=(404, 409))
def delete_key(id: str, key_id: str) -> dict[str, Json]:
    """Delete a key."""
    return changed(id, edits.delete_key(id, key_id))


@operation(
    keys,
    "POST",
    "/<key_id>/unblock",
    body=table({"model": text("only for this upstream model")}),
    answer=COMMANDED,
    errors=(404,),
)
def unblock(id: str, key_id: str, body: dict[str, Json]) -> dict[str, Json]:
    """Use a blocked or resting key again, carefully: its breaker is half-open."""
    channel = the_channel(id)
    key = key_of(channel, key_id)
    return commanded("unblock", {"channel_id": channel.id, "key_id": key.id, "model": body.get("model", "")})


@operation(
    keys,
    "POST",
    "/<key_id>/replace",
    body=table(
        {"key": KEY["key"], "seconds": integer("the old key is used for so long yet", 0, edits.MAX_OVERLAP)}, ("key",)
    ),
    answer=SAVED,
    status=201,
    errors=(404, 409),
)
def replace(id: str, key_id: str, body: dict[str, Json]) -> dict[str, Json]:
    """A new secret before this one, with its settings; both are in use for a while (a day, if not said otherwise)."""
    seconds = body.get("seconds", 86_400)
    return changed(id, edits.replace_key(id, key_id, body["key"], seconds, panel().clock()))
