"""Channels, keys, clients and the running state as the panel and its API show them. Keys appear as masks only."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, Final

from ccx_addons.core.confidential import hide_url, kept_url, shown_header
from ccx_addons.core.config import Channel, Client, Key, Kind, Patterns, Policy, Snapshot, Target
from ccx_addons.core.urls import join
from ccx_addons.protocols import PROTOCOLS
from ccx_admin.channels.activity import activity
from ccx_admin.clients.newest import newest
from ccx_admin.db import Reader, Row
from ccx_admin.panel import Panel
from ccx_admin.sessions.tree import OF_TRACE
from ccx_admin.usage import money, sums

WORDS: Final[Mapping[str, str]] = {"active": "", "suspended": "paused", "disabled": "standby"}
RESTS: Final[Mapping[str, str]] = {"blocked": "is blocked", "cooling": "cools down"}
MAX_EVENTS: Final = 500
ENV_CHANGED: Final = "the file .env has changed since the start and is not in force: run.py reload"


# ---- configuration ---------------------------------------------------------------------------------------------------
def iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def patterns(found: Patterns) -> list[str]:
    return [*found.include, *(f"!{pattern}" for pattern in found.exclude)]


def key_of(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "mask": key.mask,
        "label": key.label,
        "name": key.name,
        "weight": key.weight,
        "models": patterns(key.models),
        "until": key.until,
        "base_url": hide_url(key.base_url),
        "enabled": key.enabled,
        "limits": asdict(key.limits),
    }


def channel_of(channel: Channel) -> dict[str, Any]:
    """The settings of a channel, in the words of ccx.yaml."""
    found: dict[str, Any] = {}
    for entry in fields(Channel):
        value = getattr(channel, entry.name)
        found[entry.name] = _plain(value)
    found.update(
        base_urls=[hide_url(url) for url in channel.base_urls],
        keys=[key_of(key) for key in channel.keys],
        serves=sorted(channel.serves),
        models={name: as_written(chain) for name, chain in channel.models.entries.items()},
        allow=patterns(channel.allow),
        promoted_until=iso(channel.promoted_until),
        headers={name: shown_header(name, value) for name, value in channel.headers},
        proxy=hide_url(channel.proxy) if channel.proxy else None,
        quirks=sorted(channel.quirks),
        tags=list(channel.tags),
        website=hide_url(channel.website),
    )
    found["reasoning"]["effort"] = dict(channel.reasoning.effort)
    return found


def as_written(chain: Sequence[Target]) -> Any:
    """What a client's model becomes: one upstream model, or the list of those that are tried."""
    targets = [{"to": t.to, "effort": t.effort} if t.effort else t.to for t in chain]
    return targets if len(targets) > 1 else targets[0]


def first_of(written: Any) -> str:
    """The model that is asked first, of what ``as_written`` gives."""
    target = written[0] if isinstance(written, list) else written
    return str(target if isinstance(target, str) else target["to"])


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value


def request_urls(channel: Channel, model: str = "MODEL") -> list[dict[str, str]]:
    """The exact URL of a request, for each base URL."""
    return urls_of(channel.protocol, channel.base_urls, channel.models.apply(model).model)


def urls_of(protocol: Kind, base_urls: Iterable[str], model: str = "MODEL") -> list[dict[str, str]]:
    wire = PROTOCOLS[protocol]
    operation = {"images": "image_generate", "embeddings": "embeddings"}.get(protocol, "generate")
    path = wire.upstream_path(operation, model, False)
    version = wire.DEFAULT_VERSION
    return [{"base_url": hide_url(url), "url": hide_url(join(url, protocol, version, path))} for url in base_urls]


def client_of(client: Client, now: float = 0.0) -> dict[str, Any]:
    """``now``: Unix seconds, for whether its key is over."""
    return {
        "name": client.name,
        "mask": client.key_mask,
        "kinds": sorted(client.kinds),
        "models": patterns(client.models),
        "limits": asdict(client.limits),
        "model_limits": [{**asdict(some), "models": patterns(some.models)} for some in client.model_limits],
        "previous": [iso(until) for _, until in client.previous],
        "expires": iso(client.expires),
        "expired": client.expired(now),
        "enabled": client.enabled,
        "from_environment": client.name == "default",
    }


def policy_of(policy: Policy) -> dict[str, Any]:
    found = asdict(policy)
    found["bodies"]["redact"] = list(policy.bodies.redact)
    return found


# ---- running state ---------------------------------------------------------------------------------------------------
def breakers(db: Reader) -> list[dict[str, Any]]:
    """Breakers that are not closed."""
    rows = db.rows("SELECT * FROM breakers WHERE state <> 'closed' ORDER BY channel_id, kind")
    return [_state(row) for row in rows]


def key_states(db: Reader, now: int) -> list[dict[str, Any]]:
    """Keys that cool down or are blocked now."""
    rows = db.rows(
        "SELECT * FROM key_state WHERE state = 'blocked' AND (until IS NULL OR until > ?)"
        " OR state = 'cooling' AND until > ? ORDER BY channel_id, key_id",
        (now, now),
    )
    return [_state(row) for row in rows]


def key_uses(db: Reader) -> dict[tuple[str, str], int]:
    """(channel id, key id) -> when it was used last, in Unix ms."""
    rows = db.rows("SELECT channel_id, key_id, used_at FROM key_use")
    return {(row["channel_id"], row["key_id"]): row["used_at"] for row in rows}


def refusals(db: Reader, channel_id: str, now: int) -> list[dict[str, Any]]:
    """What a channel's upstream refused and is left out in advance. ``since``, ``until``: Unix ms."""
    rows = db.rows(
        "SELECT kind, model, name, reason, since, until FROM refusals WHERE channel_id = ? AND until > ?"
        " ORDER BY model, name, kind",
        (channel_id, now),
    )
    return [dict(row) for row in rows]


def _state(row: Row) -> dict[str, Any]:
    found = dict(row)
    detail = found.pop("detail", "")
    try:
        found["detail"] = json.loads(detail) if detail else None
    except ValueError:
        found["detail"] = None
    return found


def in_flight(db: Reader) -> dict[str, int]:
    """Channel id -> requests in flight."""
    rows = db.rows("SELECT channel_id, count(*) AS n FROM requests WHERE state = 'running' GROUP BY channel_id")
    return {row["channel_id"]: row["n"] for row in rows}


def channels(panel: Panel) -> list[dict[str, Any]]:
    """Every channel in its order, with ``state`` in a word, ``reason`` in a sentence, and its running state."""
    snapshot, now = panel.snapshot(), panel.now_ms()
    resting = _by_channel(breakers(panel.db))
    keys = _by_channel(key_states(panel.db, now))
    flying, seen, used = in_flight(panel.db), activity(panel), key_uses(panel.db)
    ordered = sorted(snapshot.channels, key=lambda c: (c.status == "disabled", c.priority))
    found = []
    for channel in ordered:
        of_it = resting.get(channel.id, []), keys.get(channel.id, [])
        trouble = seen[channel.id].trouble if channel.id in seen else ""
        row = channel_row(channel, *of_it, flying.get(channel.id, 0), now, trouble)
        for key in row["keys"]:
            key["used_at"] = used.get((channel.id, key["id"]))
        found.append(row)
    return found


def channel(panel: Panel, id: str) -> dict[str, Any] | None:
    return next((found for found in channels(panel) if found["id"] == id), None)


def _by_channel(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["channel_id"], []).append(row)
    return found


def channel_row(
    channel: Channel,
    breakers: list[dict[str, Any]],
    keys: list[dict[str, Any]],
    flying: int,
    now: int,
    trouble: str = "",
) -> dict[str, Any]:
    found = channel_of(channel)
    for key in found["keys"]:
        key["state"] = "ok" if key["enabled"] else "off"
        key["states"] = [entry for entry in keys if entry["key_id"] == key["id"]]
        for entry in key["states"]:
            if not entry["model"] and key["enabled"]:
                key["state"] = entry["state"]
    usable = sum(key["state"] == "ok" for key in found["keys"])
    state, reason, until = _judge(channel, breakers, usable, now, trouble)
    found.update(
        state=state,
        reason=reason,
        until=until,
        breakers=breakers,
        usable_keys=usable,
        in_flight=flying,
        promoted=bool(channel.promoted_until and channel.promoted_until * 1000 > now),
        request_urls=request_urls(channel),
    )
    return found


def _judge(
    channel: Channel, breakers: list[dict[str, Any]], usable: int, now: int, trouble: str
) -> tuple[str, str, int | None]:
    """(state, reason, until in Unix ms): ok, degraded, open, half-open, paused, standby, no keys."""
    if word := WORDS[channel.status]:
        return word, "taken out by hand" if word == "paused" else "in the standby pool", None
    if not usable:
        return "no keys", "no key can be used now" if channel.keys else "has no key", None
    held = [b for b in breakers if not b["model"]]
    if held:
        whole = [b for b in held if not b["key_id"]]
        everything = {b["base_url"] for b in whole} & {""} or {b["base_url"] for b in whole} >= set(
            map(kept_url, channel.base_urls)
        )
        worst = min(whole if everything else held, key=lambda b: (b["state"] != "open", -(b["until"] or 0)))
        state = worst["state"] if everything else "degraded"
        if worst["state"] == "open" and worst["until"] and worst["until"] <= now:
            state = "half-open"
        return state, worst["reason"], worst["until"]
    if breakers:
        return "degraded", f"{breakers[0]['model']}: {breakers[0]['reason']}", breakers[0]["until"]
    if usable < len(channel.keys):
        return "degraded", f"{usable} of {len(channel.keys)} keys can be used", None
    return ("degraded", trouble, None) if trouble else ("ok", "", None)


def clients(panel: Panel) -> list[dict[str, Any]]:
    """Every client with ``requests`` since its first one, what it asked ``last`` (None when it never was seen), and
    ``spent`` of its budgets."""
    known = panel.snapshot().clients
    seen = {
        row["a"]: int(row["requests"])
        for row in sums.read(panel.db, [(0, panel.now_ms() + 1)], panel.now_ms(), ("client",), measures=("requests",))
    }
    spent = money.budgets(panel.db, known, panel.now_ms())
    return [
        {
            **client_of(client, panel.clock()),
            "requests": seen.get(client.name, 0),
            "last": next(iter(newest(panel.db, client.name)), None),
            "spent": asdict(spent[client.name]),
        }
        for client in known
    ]


def events(db: Reader, kind: str = "", before: int = 0, limit: int = 100) -> list[dict[str, Any]]:
    """Newest first. ``before``: an event's id."""
    conditions, params = ["true"], []
    if kind:
        conditions.append("kind = ?")
        params.append(kind)
    if before:
        conditions.append("id < ?")
        params.append(str(before))
    sql = f"SELECT * FROM events WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?"
    return [dict(row) for row in db.rows(sql, (*params, max(1, min(limit, MAX_EVENTS))))]


def sessions(db: Reader, now: int, kind: str = "", limit: int = 200, trace: str = "") -> list[dict[str, Any]]:
    """Conversations, latest first, with their place (``affinity``) and what was ordered by hand (``override``)."""
    wanted = {sql: value for sql, value in (("kind = ?", kind), (OF_TRACE, trace)) if value}
    where, params = " AND ".join(wanted) or "true", list(wanted.values())
    rows = db.rows(
        "SELECT s.*, a.channel_id AS home, a.expires_at AS home_until, o.channels, o.avoid, o.expires_at, o.note"
        f" FROM (SELECT * FROM sessions WHERE {where}) s"
        " LEFT JOIN affinity a ON a.kind = s.kind AND a.trace_hash = s.trace_hash AND a.expires_at > ?"
        " LEFT JOIN overrides o ON o.kind = s.kind AND o.trace_hash = s.trace_hash"
        " AND (o.expires_at IS NULL OR o.expires_at > ?)"
        " ORDER BY s.last_at DESC LIMIT ?",
        (*params, now, now, max(1, min(limit, 1000))),
    )
    return [_session(row) for row in rows]


def _session(row: Row) -> dict[str, Any]:
    found = dict(row)
    home, home_until = found.pop("home"), found.pop("home_until")
    ordered = {name: found.pop(name) for name in ("channels", "avoid", "expires_at", "note")}
    found["affinity"] = {"channel_id": home, "expires_at": home_until} if home else None
    found["override"] = None
    if ordered["channels"] is not None:
        lists = {name: json.loads(ordered[name]) if ordered[name] else [] for name in ("channels", "avoid")}
        found["override"] = {**ordered, **lists}
    prompt = found["input_tokens"]
    found["cache_hit_rate"] = round(found["cache_read_tokens"] / prompt, 4) if prompt else None
    return found


# ---- status ----------------------------------------------------------------------------------------------------------
def in_force(db: Reader) -> str:
    """The revision the gateway said last that it uses; empty: it has not said."""
    text = db.value(
        "SELECT message FROM events WHERE kind = 'config' AND message LIKE 'configuration % is in force'"
        " ORDER BY id DESC LIMIT 1"
    )
    return str(text).split()[1] if text else ""


def problems(panel: Panel) -> list[dict[str, Any]]:
    """What somebody should look at, worst first: ``level``, ``kind``, ``message``, and where it is."""
    found: list[dict[str, Any]] = []
    config = panel.config()
    for problem in config.problems:
        words = config.secrets.clean(str(problem))
        found.append({"level": "error", "kind": "config", "message": words, "line": problem.line})
    if panel.env_changed():
        found.append({"level": "warning", "kind": "settings", "message": ENV_CHANGED})
    health = panel.store.health()
    if health.trouble:
        found.append({"level": "error", "kind": "store", "message": f"nothing can be written: {health.trouble}"})
    for channel in channels(panel):
        if channel["state"] in ("open", "half-open", "no keys", "degraded"):
            level = "error" if channel["state"] in ("open", "no keys") else "warning"
            words = f"{channel['name']}: {channel['state']}" + (f", {channel['reason']}" if channel["reason"] else "")
            place = {"channel_id": channel["id"], "until": channel["until"], "state": channel["state"]}
            found.append({"level": level, "kind": "channel", "message": words, **place})
    found += [{"level": "warning", "kind": "config", "message": words} for words in config.snapshot.warnings]
    found += _resting_keys(panel, config.snapshot)
    return sorted(found, key=lambda entry: entry["level"] != "error")


def _resting_keys(panel: Panel, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Keys of channels in use that are blocked or cool down, and until when."""
    known = {(channel.id, key.id): (channel, key) for channel in snapshot.channels for key in channel.keys}
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for state in key_states(panel.db, panel.now_ms()):
        place = state["channel_id"], state["key_id"]
        if place not in known:
            continue
        channel, key = known[place]
        if channel.status != "active" or not key.enabled or (*place, state["model"]) in found:
            continue
        found[*place, state["model"]] = {
            "level": "warning",
            "kind": "key",
            "state": state["state"],
            "message": f"{channel.name}: key {key.label} {RESTS[state['state']]}, {state['reason']}",
            "channel_id": channel.id,
            "channel_name": channel.name,
            "key_id": key.id,
            "label": key.label,
            "model": state["model"],
            "reason": state["reason"],
            "until": state["until"],
        }
    return list(found.values())
