"""Why would a request go where it goes? The scheduler's own code, with the state the workers have written down."""

from dataclasses import asdict
from typing import Any

from ccx_addons.core.config import Client, Kind, Snapshot
from ccx_addons.scheduler import Pick, State, rank
from ccx_admin.panel import Panel
from ccx_admin.problem import invalid, not_found


def pick_of(snapshot: Snapshot, asked: dict[str, Any]) -> Pick:
    """A request as the scheduler sees it. ``asked``: see POST /api/schedule/explain."""
    kind: Kind = asked["kind"]
    return Pick(
        kind,
        asked.get("model", ""),
        _client(snapshot, asked.get("client", "")),
        asked.get("trace", ""),
        asked.get("route_prefix", ""),
        asked.get("pin", ""),
        asked.get("images", False),
        asked.get("prompt_tokens", 0),
    )


def _client(snapshot: Snapshot, name: str) -> Client:
    if name:
        if found := next((client for client in snapshot.clients if client.name == name), None):
            return found
        raise not_found("client", name)
    if snapshot.clients:
        return snapshot.clients[0]
    raise invalid("client: there is none; set PROXY_ACCESS_KEY or add one")


def explain(panel: Panel, asked: dict[str, Any]) -> dict[str, Any]:
    """``channels``: in the order they would be tried, with the upstream's model; ``decisions``: why, step by step."""
    snapshot = panel.snapshot()
    pick = pick_of(snapshot, asked)
    ranking = rank(pick, snapshot, state_of(panel, snapshot), panel.clock())
    return {
        "revision": snapshot.revision,
        "channels": [
            {
                "id": channel.id,
                "name": channel.name,
                "protocol": channel.protocol,
                "upstream_model": channel.models.apply(pick.model).model,
                "converted": "" if channel.protocol == pick.kind else f"{pick.kind}>{channel.protocol}",
            }
            for channel in ranking.channels
        ],
        "decisions": [asdict(decision) for decision in ranking.decisions],
    }


def state_of(panel: Panel, snapshot: Snapshot) -> State:
    """Keys that rest or are blocked, and where conversations stay, as the workers wrote it."""
    state, db = State(), panel.db
    channels = {channel.id: channel for channel in snapshot.channels}
    for row in db.rows("SELECT * FROM key_state WHERE state <> 'ok'"):
        channel = channels.get(row["channel_id"])
        key = next((k for k in channel.keys if k.id == row["key_id"]), None) if channel else None
        if channel is None or key is None:
            continue
        until = row["until"] / 1000 if row["until"] is not None else float("inf")
        known = state.keys.of(channel, key)
        known.reason, known.failures = row["reason"], row["failures"]
        if row["model"]:
            known.models[row["model"]] = until
        elif row["state"] == "blocked":
            known.blocked_until = until
        else:
            known.cool_until = until
    for row in db.rows("SELECT * FROM affinity WHERE expires_at > ?", (panel.now_ms(),)):
        state.traces.keep(row["kind"], row["trace_hash"], row["channel_id"], row["expires_at"] / 1000)
    for row in db.rows("SELECT * FROM breakers WHERE state = 'open' AND model = '' AND key_id = ''"):
        state.resting[(row["kind"], row["channel_id"])] = (row["until"] or 0) / 1000
    return state
