"""Why would a request go where it goes? The scheduler's own code, with the state the workers have written down."""

from dataclasses import asdict
from typing import Any

from ccx_addons.core.config import Client, Kind, Snapshot
from ccx_addons.core.errors import StoreError
from ccx_addons.io.state import load_state
from ccx_addons.scheduler import Pick, State
from ccx_addons.scheduler import explain as scheduler
from ccx_admin.api.problem import invalid, not_found
from ccx_admin.panel import Panel


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
    found = scheduler.explain(snapshot, state_of(panel, snapshot), pick, panel.clock())
    return {
        "revision": snapshot.revision,
        "serving": sum(pick.kind in channel.serves for channel in snapshot.channels),
        "channels": [
            {
                "id": place.channel_id,
                "name": place.channel_name,
                "protocol": place.protocol,
                "upstream_model": place.upstream_model,
                "then": list(place.then),
                "converted": place.converted,
            }
            for place in found.places
        ],
        "decisions": [asdict(decision) for decision in found.decisions],
    }


def state_of(panel: Panel, snapshot: Snapshot) -> State:
    """What the workers have written down of keys, breakers and conversations; nothing when there is no database yet."""
    try:
        return load_state(panel.store.place, snapshot, panel.clock())
    except StoreError:
        return State()
