"""/api/status and /api/events."""

from pathlib import Path

import pytest

from ccx_addons.io.store import Store
from ccx_admin.channels.activity import since_id
from tests.admin.conftest import NOW, Api
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


def rest(api: Api, store: Store, channel: str, n: int, **state: object) -> str:
    """A key that does not work now; its id."""
    found = next(c for c in api.get("/api/channels")["channels"] if c["id"] == channel)
    id = found["keys"][n]["id"]
    store.put_key_state({"kind": "messages", "channel_id": channel, "key_id": id, "reason": "rate limited", **state})
    store.flush()
    return str(id)


def keys_among_problems(api: Api) -> list[str]:
    return [p["message"] for p in api.get("/api/status")["problems"] if p["kind"] == "key"]


def test_blocked_and_cooling_keys_are_problems_with_their_end(api: Api, store: Store) -> None:
    until = int(NOW * 1000) + 60_000
    rest(api, store, "ch_main0001", 0, state="blocked", reason="authentication")
    id = rest(api, store, "ch_main0001", 1, state="cooling", until=until)
    rest(api, store, "ch_main0001", 1, state="cooling", until=until, kind="chat")
    found = {p["message"]: p for p in api.get("/api/status")["problems"] if p["kind"] == "key"}
    assert set(found) == {
        "main: key sk-a…AAAA is blocked, authentication",
        "main: key sk-a…BBBB (spare) cools down, rate limited",
    }
    cooling = found["main: key sk-a…BBBB (spare) cools down, rate limited"]
    assert (cooling["until"], cooling["key_id"]) == (until, id)


@pytest.mark.parametrize("way", ["standby", "suspend"])
def test_channels_out_of_use_make_no_problems(api: Api, store: Store, way: str) -> None:
    rest(api, store, "ch_main0001", 0, state="blocked")
    api.do("POST", f"/api/channels/ch_main0001/{way}")
    assert keys_among_problems(api) == []


def test_a_key_that_is_off_or_gone_is_no_problem(api: Api, store: Store) -> None:
    id = rest(api, store, "ch_main0001", 0, state="blocked")
    rest(api, store, "ch_main0001", 0, state="blocked", key_id="k_gone")
    api.do("PATCH", f"/api/channels/ch_main0001/keys/{id}", {"enabled": False})
    assert keys_among_problems(api) == []


def test_a_test_is_not_the_first_request(api: Api, store: Store) -> None:
    store.put_request({"id": "t", "started_at": 1, "state": "ok", "source": "test"})
    store.flush()
    assert api.get("/api/status")["first_run"] == {"has_channel": True, "has_request": False}


def test_a_channel_that_fails_often_is_not_ok(api: Api, store: Store) -> None:
    at = int(NOW * 1000) - 60_000
    for n in range(100):
        id, outcome = f"{since_id(at)}-{n}", "ok" if n < 64 else "status"
        store.put_attempts(
            [{"request_id": id, "n": 1, "channel_id": "ch_codex003", "started_at": at, "outcome": outcome}]
        )
        store.put_request({"id": id, "started_at": at, "ended_at": at, "state": "ok", "channel_id": "ch_codex003"})
    store.flush()
    found = next(c for c in api.get("/api/channels")["channels"] if c["id"] == "ch_codex003")
    assert (found["state"], found["reason"]) == ("degraded", "36 of the last 100 attempts failed")
    assert "codex: degraded, 36 of the last 100 attempts failed" in [
        p["message"] for p in api.get("/api/status")["problems"]
    ]


def test_events(api: Api, store: Store) -> None:
    for n in range(5):
        store.put_event("info", "key" if n % 2 else "breaker", f"event {n}", "detail")
    store.put_event("error", "key", "upstream said: wrong key sk-1234567890abcdefgh")
    store.flush()
    found = api.get("/api/events?limit=2")["events"]
    assert [event["message"] for event in found] == ["upstream said: wrong key sk-1…efgh", "event 4"]
    older = api.get(f"/api/events?kind=breaker&before={found[1]['id']}")["events"]
    assert [event["message"] for event in older] == ["event 2", "event 0"]
