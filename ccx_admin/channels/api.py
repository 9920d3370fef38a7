"""/api/channels: list, edit, order, promote, reset, probe, and the way from pasted text to a new channel."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from flask import Blueprint

from ccx_addons.core.confidential import hide_url
from ccx_addons.core.config import KINDS, Channel, Key, Kind
from ccx_addons.core.config_channels import CHANNEL_KEYS
from ccx_addons.core.mask import mask
from ccx_addons.core.urls import url_problem
from ccx_addons.io import probe
from ccx_admin import change, edits, writer
from ccx_admin.api.operation import operation
from ccx_admin.api.problem import Failure, not_found
from ccx_admin.api.schema import Json, array, boolean, choice, free, integer, table, text
from ccx_admin.bench import trial
from ccx_admin.change import asked
from ccx_admin.channels import paste, views
from ccx_admin.channels.catalog import as_json
from ccx_admin.panel import panel
from ccx_admin.usage import ranges, stats

channels: Final = Blueprint("api_channels", __name__, url_prefix="/api")

ID: Final = "<id>"
SAVED: Final = table({"revision": text(), "channel": free()}, ("revision", "channel"), more=True)
SETTINGS: Final = table({name: {} for name in CHANNEL_KEYS}, more=False)


def answer(id: str, revision: str) -> dict[str, Json]:
    """What every change of a channel answers."""
    found = views.channel(panel(), id)
    assert found
    return {"revision": revision, "channel": found}


def changed(id: str, edit: change.Edit) -> dict[str, Json]:
    return answer(id, change.apply(panel(), edit, asked()))


def the_channel(id: str) -> Channel:
    found = panel().snapshot().channel(id)
    if found is None:
        raise not_found("channel", id)
    return found


# ---- list and edit ---------------------------------------------------------------------------------------------------
@operation(channels, "GET", "/channels", query={"stats": boolean("with figures of the last day", default=False)})
def list_channels(query: dict[str, Json]) -> dict[str, Json]:
    """All channels in their order, with state, reason, breakers and keys (masked)."""
    current = panel()
    found = views.channels(current)
    if query["stats"]:
        day = stats.by_channel(current.db, ranges.range_of("24h", current.now_ms()), current.now_ms())
        strips = stats.strip(current.db, current.now_ms())
        for entry in found:
            entry["stats"], entry["strip"] = day.get(entry["id"]), strips.get(entry["id"], [])
    return {"revision": current.config().revision, "channels": found}


@operation(
    channels,
    "POST",
    "/channels",
    query={"position": choice(("front", "back"), default="back")},
    body=table(
        {"paste": text("pasted text with addresses and keys", maxLength=paste.MAX_TEXT), **SETTINGS["properties"]}
    ),
    answer=SAVED,
    status=201,
    errors=(409,),
)
def add_channel(query: dict[str, Json], body: dict[str, Json]) -> dict[str, Json]:
    """A new channel. With ``paste`` the addresses and keys come from the text, and the other members overrule it."""
    values = {name: value for name, value in body.items() if name != "paste"}
    if "paste" in body:
        values = {**proposed(paste.parse(body["paste"])), **values}
    id, edit = edits.add_channel(values, query["position"] == "front")
    return changed(id, edit)


def proposed(found: paste.Proposal) -> dict[str, Json]:
    """Settings of a channel for a proposal, with a name that is free."""
    taken = {channel.name for channel in panel().snapshot().channels}
    name = found.name
    while name in taken:
        name = f"{found.name}-{secrets.token_hex(2)}"
    return {"name": name, "protocol": found.protocol, "base_urls": list(found.base_urls), "keys": list(found.keys)}


@operation(channels, "GET", f"/channels/{ID}", answer=SAVED, errors=(404,))
def get_channel(id: str) -> dict[str, Json]:
    """One channel."""
    the_channel(id)
    return answer(id, panel().config().revision)


@operation(channels, "PATCH", f"/channels/{ID}", body=SETTINGS, answer=SAVED, errors=(404, 409))
def patch_channel(id: str, body: dict[str, Json]) -> dict[str, Json]:
    """Change settings: a JSON merge patch, null brings a default back. Keys and promotions have their own paths."""
    return changed(id, edits.patch_channel(id, body))


@operation(
    channels,
    "DELETE",
    f"/channels/{ID}",
    query={"force": boolean("also the last active channel", default=False)},
    answer=table({"revision": text()}, ("revision",)),
    errors=(404, 409),
)
def delete_channel(id: str, query: dict[str, Json]) -> dict[str, Json]:
    """Delete a channel. The last active one only with ``force``."""
    edit = edits.delete_channel(id, query["force"])
    return {"revision": change.apply(panel(), edit, asked())}


@operation(
    channels,
    "POST",
    "/channels/order",
    body=table({"ids": array(text(), "channel ids, first choice first", minItems=1)}, ("ids",)),
    answer=table({"revision": text(), "ids": array(text())}, ("revision", "ids")),
    errors=(404, 409),
)
def order(body: dict[str, Json]) -> dict[str, Json]:
    """Set the priorities to this order; channels that are not named come after."""
    revision = change.apply(panel(), edits.order(body["ids"]), asked())
    return {"revision": revision, "ids": [entry["id"] for entry in views.channels(panel())]}


@operation(
    channels,
    "POST",
    "/channels/bulk",
    query={"preview": boolean("only show what it would do", default=False)},
    body=table(
        {
            "ids": array(text(), "channel ids", minItems=1),
            "status": choice(("active", "suspended", "disabled")),
            "priority": integer(),
            "add_tags": array(text(minLength=1, maxLength=64), "tags to add"),
            "remove_tags": array(text(), "tags to take away"),
            "models": free("merge patch of the mapping"),
            "delete": boolean("delete them; nothing else is done then"),
        },
        ("ids",),
    ),
    answer=table({"revision": text(), "diff": text(maxLength=10**7), "problems": array(free())}, ("revision",)),
    errors=(404, 409),
)
def bulk(query: dict[str, Json], body: dict[str, Json]) -> dict[str, Json]:
    """The same change of many channels at once, as one change of the file; or what it would be."""
    edit = edits.bulk(body["ids"], {name: value for name, value in body.items() if name != "ids"})
    if query["preview"]:
        found, _ = change.preview(panel(), edit)
        problems = [asdict(problem) for problem in found.problems]
        return {"revision": panel().config().revision, "diff": found.diff, "problems": problems}
    return {"revision": change.apply(panel(), edit, asked())}


@operation(channels, "POST", f"/channels/{ID}/duplicate", answer=SAVED, status=201, errors=(404, 409))
def duplicate(id: str) -> dict[str, Json]:
    """A paused copy with all its settings and keys."""
    new, edit = edits.duplicate(id)
    return changed(new, edit)


# ---- status ----------------------------------------------------------------------------------------------------------
@operation(
    channels,
    "POST",
    f"/channels/{ID}/promote",
    body=table({"seconds": integer("0 ends a promotion", 0, edits.MAX_SECONDS, default=300)}),
    answer=SAVED,
    errors=(404, 409),
)
def promote(id: str, body: dict[str, Json]) -> dict[str, Json]:
    """First choice for a while, five minutes if not said otherwise."""
    return changed(id, edits.promote(id, body.get("seconds", 300), panel().clock()))


@operation(channels, "POST", f"/channels/{ID}/suspend", answer=SAVED, errors=(404, 409))
def suspend(id: str) -> dict[str, Json]:
    """Listed, but not used."""
    return changed(id, edits.set_status(id, "suspended"))


@operation(channels, "POST", f"/channels/{ID}/resume", answer=SAVED, errors=(404, 409))
def resume(id: str) -> dict[str, Json]:
    """Use it again."""
    return changed(id, edits.set_status(id, "active"))


@operation(channels, "POST", f"/channels/{ID}/standby", answer=SAVED, errors=(404, 409))
def standby(id: str) -> dict[str, Json]:
    """Into the standby pool."""
    return changed(id, edits.set_status(id, "disabled"))


COMMANDED: Final = table({"command": integer(), "workers": free()}, ("command", "workers"))


def commanded(kind: str, args: Mapping[str, Any]) -> dict[str, Json]:
    """``workers``: number -> what it said; empty: none has answered yet, the command waits for them."""
    done = writer.command(panel(), kind, dict(args))
    return {"command": done.id, "workers": {**done.results}}


@operation(
    channels,
    "POST",
    f"/channels/{ID}/reset",
    body=table({"kind": choice(KINDS)}),
    answer=COMMANDED,
    errors=(404,),
)
def reset(id: str, body: dict[str, Json]) -> dict[str, Json]:
    """Forget failures, open breakers and cooldowns of the channel, in all kinds or in one."""
    return commanded("reset", {"channel_id": the_channel(id).id, "kind": body.get("kind", "")})


@operation(
    channels, "GET", f"/channels/{ID}/refusals", answer=table({"refusals": array(free())}, ("refusals",)), errors=(404,)
)
def refusals(id: str) -> dict[str, Json]:
    """What its upstream refused, and what is left out of requests therefore, for a day."""
    current = panel()
    return {"refusals": views.refusals(current.db, the_channel(id).id, current.now_ms())}


@operation(
    channels,
    "POST",
    f"/channels/{ID}/refusals/forget",
    body=table({"model": text("only for this upstream model"), "name": text("only this")}),
    answer=COMMANDED,
    errors=(404,),
)
def forget_refusals(id: str, body: dict[str, Json]) -> dict[str, Json]:
    """Forget one of them, those of a model, or all: the next request is sent whole."""
    what = {name: body.get(name, "") for name in ("model", "name")}
    return commanded("forget_refusals", {"channel_id": the_channel(id).id, **what})


# ---- probes ----------------------------------------------------------------------------------------------------------
@operation(channels, "POST", f"/channels/{ID}/ping", answer=table({"pings": array(free())}, ("pings",)), errors=(404,))
def ping(id: str) -> dict[str, Json]:
    """How long name, connection, TLS and an answer take, for each base URL. No key is sent."""
    found = the_channel(id)
    pings = [asdict(probe.ping(found, url)) for url in found.base_urls]
    for entry in pings:
        entry["base_url"] = hide_url(entry["base_url"])
    return {"pings": pings}


@operation(
    channels,
    "POST",
    f"/channels/{ID}/test",
    body=table({"model": text("the client's name of a model"), "key_id": text()}),
    answer=table({"ok": boolean(), "request_id": text()}, ("ok", "request_id"), more=True),
    errors=(404, 409),
)
def test(id: str, body: dict[str, Json]) -> dict[str, Json]:
    """One minimal request to the upstream; it costs a few tokens and is logged with source ``test``."""
    found = the_channel(id)
    return trial.run(panel(), found, key_of(found, body.get("key_id", "")), body.get("model", ""))


@operation(
    channels,
    "GET",
    f"/channels/{ID}/models",
    query={"key_id": text()},
    answer=table({"models": array(free(), most=100_000), "status": integer(), "error": text()}, ("models", "error")),
    errors=(404, 409),
)
def models(id: str, query: dict[str, Json]) -> dict[str, Json]:
    """The upstream's own list of models, asked now."""
    found = the_channel(id)
    listed = probe.ask_models(found, key_of(found, query.get("key_id", "")))
    return {"models": list(listed.models), "status": listed.status, "error": listed.error}


def key_of(found: Channel, key_id: str) -> Key:
    """The key with this id, or the first that is enabled."""
    if key_id:
        if key := next((k for k in found.keys if k.id == key_id), None):
            return key
        raise not_found("key", key_id)
    if key := next((k for k in found.keys if k.enabled), None):
        return key
    raise Failure(409, "No key", f"the channel {found.name!r} has no usable key")


# ---- before saving ---------------------------------------------------------------------------------------------------
@operation(
    channels,
    "POST",
    "/channels/parse",
    body=table({"text": text("pasted text", maxLength=paste.MAX_TEXT)}, ("text",)),
    answer=table({"channel": free(), "notes": array(text())}, ("channel", "notes"), more=True),
)
def parse_paste(body: dict[str, Json]) -> dict[str, Json]:
    """What a pasted text means: a proposal for a channel, its keys masked, and who has some of them already."""
    found = paste.parse(body["text"])
    known = {key.secret: channel.name for channel in panel().snapshot().channels for key in channel.keys}
    values = proposed(found)
    values["keys"] = [
        {"mask": mask(secret), "id": edits.key_id(secret), "known_in": known.get(secret, "")} for secret in found.keys
    ]
    return {
        "channel": values,
        "request_urls": views.urls_of(found.protocol, found.base_urls),
        "notes": list(found.notes),
        "complete": bool(found.base_urls and found.keys),
    }


@operation(
    channels,
    "POST",
    "/channels/preview",
    body=table(
        {
            "id": text("an existing channel that would be changed; none: a new one"),
            "channel": free("settings, as for POST or PATCH of channels"),
            "models": array(text(maxLength=200), "client models to try the mapping on", 100),
        },
        ("channel",),
    ),
    answer=table({"diff": text(maxLength=10**7), "problems": array(free())}, ("diff", "problems"), more=True),
    errors=(404,),
)
def preview(body: dict[str, Json]) -> dict[str, Json]:
    """What saving would do: the diff of ccx.yaml, exact request URLs, where models go, and what is wrong."""
    values = body["channel"]
    if body.get("id"):
        id, edit = body["id"], edits.patch_channel(body["id"], values)
        the_channel(id)
    else:
        id, edit = edits.add_channel(values)
    found, after = change.preview(panel(), edit)
    channel = after.channel(id) if after else None
    return {
        "diff": found.diff,
        "problems": [asdict(problem) for problem in found.problems],
        "request_urls": views.request_urls(channel) if channel else _guessed_urls(values),
        "mapping": [mapped(channel, model) for model in body.get("models", [])] if channel else [],
    }


def _guessed_urls(values: Mapping[str, Json]) -> list[dict[str, str]]:
    """For settings that are not valid yet."""
    protocol, urls = values.get("protocol"), values.get("base_urls")
    if protocol not in KINDS or not isinstance(urls, list):
        return []
    kind: Kind = protocol
    return views.urls_of(kind, [url for url in urls if isinstance(url, str) and not url_problem(url, query=True)])


def mapped(channel: Channel, model: str) -> dict[str, Json]:
    """What becomes of a client's model on a channel."""
    target, *others = channel.models.chain(model)
    return {
        "model": model,
        "allowed": channel.allow.allows(model),
        "upstream_model": target.model,
        "entry": target.entry,
        "effort": target.effort,
        "then": [other.model for other in others],
    }


@operation(channels, "GET", "/templates", answer=table({"templates": array(free())}, ("templates",)))
def templates() -> dict[str, Json]:
    """The common providers as channels to start from."""
    return {"templates": as_json()}
