"""/api/status and /api/events."""

from pathlib import Path

from ccx_addons.io.store import Store
from tests.admin.conftest import Api
from tests.admin.seed import CONFIG


def test_status(api: Api, filled: list[str]) -> None:
    found = api.get("/api/status")
    assert found["in_flight"] == 2 and found["version"]
    assert found["config"]["channels"] == 5 and found["config"]["valid"]
    assert found["first_run"] == {"has_channel": True, "has_request": True}
    assert found["database"]["bytes"] > 0 and found["database"]["trouble"] == ""
    worst = found["problems"][0]
    assert (worst["level"], worst["channel_id"]) == ("error", "ch_main0001") and "5 failures" in worst["message"]


def test_status_of_a_new_gateway(api: Api, folder: Path) -> None:
    (folder / "ccx.yaml").write_text("version: 1\n")
    found = api.get("/api/status")
    assert found["first_run"] == {"has_channel": False, "has_request": False}
    assert found["problems"] == []


def test_which_configuration_is_in_force(api: Api, store: Store) -> None:
    assert api.get("/api/status")["config"]["in_force"] == ""
    store.put_event("info", "config", "configuration 0123456789abcdef is in force")
    store.flush()
    assert api.get("/api/status")["config"]["in_force"] == "0123456789abcdef"


def test_a_broken_file_is_the_first_problem(api: Api, folder: Path, filled: list[str]) -> None:
    (folder / "ccx.yaml").write_text(CONFIG + "colour: red\n")
    found = api.get("/api/status")
    assert found["problems"][0]["kind"] == "config" and "colour" in found["problems"][0]["message"]
    assert not found["config"]["valid"]


def test_blocked_keys_are_problems(api: Api, store: Store) -> None:
    row = {"kind": "messages", "channel_id": "ch_main0001", "key_id": "k_1", "key_mask": "sk-a…AAAA"}
    store.put_key_state({**row, "state": "blocked", "reason": "authentication"})
    store.flush()
    assert any("sk-a…AAAA is blocked, authentication" in p["message"] for p in api.get("/api/status")["problems"])


def test_events(api: Api, store: Store) -> None:
    for n in range(5):
        store.put_event("info", "key" if n % 2 else "breaker", f"event {n}", "detail")
    store.put_event("error", "key", "upstream said: wrong key sk-1234567890abcdefgh")
    store.flush()
    found = api.get("/api/events?limit=2")["events"]
    assert [event["message"] for event in found] == ["upstream said: wrong key sk-1…efgh", "event 4"]
    older = api.get(f"/api/events?kind=breaker&before={found[1]['id']}")["events"]
    assert [event["message"] for event in older] == ["event 2", "event 0"]
