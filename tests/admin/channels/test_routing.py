"""/api/schedule/explain and /api/sessions."""

from typing import Any

import pytest

from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from tests.admin.conftest import NOW, Api

NOW_MS = int(NOW * 1000)
TRACE = "ab" * 16


def explain(api: Api, status: int = 200, **asked: Any) -> Any:
    return api.do("POST", "/api/schedule/explain", {"kind": "messages", "model": "claude-opus-4-7", **asked}, status)


def test_explain(api: Api) -> None:
    found = explain(api)
    assert [channel["name"] for channel in found["channels"]] == ["main", "backup"]
    assert found["channels"][1]["upstream_model"] == "glm-5" and found["channels"][1]["converted"] == "messages>chat"
    assert found["decisions"]
    assert [c["name"] for c in explain(api, pin="backup")["channels"]] == ["backup"]
    assert explain(api, route_prefix="kimi")["channels"] == []
    explain(api, 404, client="nobody")
    explain(api, 422, kind="telnet")


def test_explain_knows_what_the_workers_know(api: Api, store: Store) -> None:
    keys = api.get("/api/channels/ch_main0001")["channel"]["keys"]
    for key in keys:
        row = {"kind": "messages", "channel_id": "ch_main0001", "key_id": key["id"], "state": "blocked"}
        store.put_key_state({**row, "reason": "401", "until": NOW_MS + 60_000})
    store.flush()
    assert [channel["name"] for channel in explain(api)["channels"]] == ["backup", "main"]


def test_sessions(api: Api, store: Store) -> None:
    row = {"id": "a", "started_at": NOW_MS, "state": "ok", "kind": "messages", "trace_hash": TRACE}
    store.put_request({**row, "input_tokens": 100, "cache_read_tokens": 90, "channel_id": "ch_main0001"})
    store.put_affinity(
        {"kind": "messages", "trace_hash": TRACE, "channel_id": "ch_main0001", "expires_at": NOW_MS + 1_000}
    )
    store.flush()
    found = api.get("/api/sessions?kind=messages")["sessions"]
    assert [s["trace_hash"] for s in found] == [TRACE]
    assert found[0]["cache_hit_rate"] == 0.9 and found[0]["affinity"]["channel_id"] == "ch_main0001"
    assert found[0]["override"] is None
    assert api.get("/api/sessions?kind=chat")["sessions"] == []


def test_override(api: Api, store: Store) -> None:
    path = f"/api/sessions/{TRACE}/override"
    body = {"channels": ["ch_back0002"], "avoid": ["ch_main0001"], "seconds": 60, "note": "slow"}
    api.do("PUT", path, body, 404)
    store.put_request({"id": "a", "started_at": NOW_MS, "state": "ok", "kind": "messages", "trace_hash": TRACE})
    store.flush()
    assert api.do("PUT", path, body)["kinds"] == ["messages"]
    override = api.get("/api/sessions")["sessions"][0]["override"]
    assert override == {
        "channels": ["ch_back0002"],
        "avoid": ["ch_main0001"],
        "expires_at": NOW_MS + 60_000,
        "note": "slow",
    }
    command = Reader(store.path).row("SELECT kind, args FROM commands ORDER BY id DESC LIMIT 1")
    assert command and tuple(command) == ("override", f'{{"trace_hash": "{TRACE}", "kinds": ["messages"]}}')
    api.do("DELETE", path)
    assert api.get("/api/sessions")["sessions"][0]["override"] is None
    api.do("DELETE", path, status=404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"kind": "chat"}, 422, id="nothing to do"),
        pytest.param({"kind": "chat", "channels": ["ch_none"]}, 404, id="unknown channel"),
        pytest.param({"kind": "chat", "avoid": ["ch_none"]}, 404, id="unknown channel to avoid"),
        pytest.param({"kind": "chat", "channels": "ch_main0001"}, 422, id="no list"),
    ],
)
def test_override_refusals(api: Api, body: dict[str, Any], status: int) -> None:
    api.do("PUT", f"/api/sessions/{TRACE}/override", body, status)
