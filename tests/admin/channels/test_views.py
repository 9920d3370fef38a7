from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from ccx_addons.core.config import Channel, Client, Patterns, Policy
from ccx_addons.io.store import Store
from ccx_admin.channels import views
from ccx_admin.panel import EXTENSION, Panel
from tests.admin.conftest import NOW, Clock
from tests.admin.seed import CONFIG

MAIN, BACK = "ch_main0001", "ch_back0002"
MS = int(NOW * 1000)
LATER = MS + 60_000


@pytest.fixture
def panel(app: Flask) -> Iterator[Panel]:
    with app.app_context():
        yield app.extensions[EXTENSION]


def channel(panel: Panel, id: str) -> Channel:
    found = panel.snapshot().channel(id)
    assert found
    return found


def shown(panel: Panel, id: str = MAIN) -> dict[str, Any]:
    assert panel.store.flush()
    found = views.channel(panel, id)
    assert found
    return found


# ---- configuration ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("seconds", "text"), [(None, None), (0.0, "1970-01-01T00:00:00Z"), (NOW, "2026-11-25T10:00:00Z")]
)
def test_iso(seconds: float | None, text: str | None) -> None:
    assert views.iso(seconds) == text


def test_patterns() -> None:
    assert views.patterns(Patterns(("a*", "b"), ("ab",))) == ["a*", "b", "!ab"]


def test_a_channel_in_the_words_of_the_file(panel: Panel) -> None:
    found = views.channel_of(channel(panel, BACK))
    assert (found["name"], found["serves"], found["protocol"]) == ("backup", ["chat", "messages"], "chat")
    assert found["models"]["sonnet"] == {"to": "glm-5", "effort": "high"} and found["proxy"] is None
    assert found["timeouts"]["connect"] == 10.0 and found["reasoning"]["effort"] == {}


def test_nothing_shown_holds_a_secret(panel: Panel) -> None:
    secrets = [key.secret for c in panel.snapshot().channels for key in c.keys]
    text = repr((views.channels(panel), views.clients(panel), views.problems(panel)))
    assert len(secrets) >= 4 and not [secret for secret in secrets if secret in text]
    assert not [client.key_sha256 for client in panel.snapshot().clients if client.key_sha256 in text]


def test_urls(panel: Panel) -> None:
    assert [u["url"] for u in views.request_urls(channel(panel, MAIN))] == ["https://api.anthropic.com/v1/messages"]
    found = views.urls_of("gemini", ["https://g.test", "https://g.test/v9"], "some/model")
    assert [u["url"] for u in found] == [
        "https://g.test/v1beta/models/some/model:generateContent",
        "https://g.test/v9/models/some/model:generateContent",
    ]
    assert views.urls_of("images", ["https://i.test"])[0]["url"] == "https://i.test/v1/images/generations"


def test_a_client() -> None:
    found = views.client_of(Client("default", "0" * 64, "ccx-…1234"))
    assert found["from_environment"] and found["mask"] == "ccx-…1234" and "key_sha256" not in found


def test_a_policy_is_plain_data() -> None:
    assert views.policy_of(Policy())["bodies"]["redact"] == ["sk-[A-Za-z0-9-]+"]


# ---- running state ---------------------------------------------------------------------------------------------------
def test_channels_are_in_their_order(panel: Panel) -> None:
    names = [c["name"] for c in views.channels(panel)]
    assert names[:2] == ["main", "backup"] and views.channel(panel, "ch_nothing") is None


def key_state(store: Store, panel: Panel, n: int, **more: Any) -> None:
    key = channel(panel, MAIN).keys[n]
    row = {"kind": "messages", "channel_id": MAIN, "key_id": key.id, "key_mask": key.mask, "state": "blocked"}
    store.put_key_state({**row, "reason": "the key is refused", **more})


def breaker(store: Store, **more: Any) -> None:
    row = {"kind": "messages", "channel_id": MAIN, "state": "open", "until": LATER, "reason": "5 failures in a row"}
    store.put_breaker({**row, **more})


def test_all_is_well(panel: Panel) -> None:
    found = shown(panel)
    assert (found["state"], found["reason"], found["until"], found["usable_keys"], found["in_flight"]) == (
        "ok",
        "",
        None,
        2,
        0,
    )


@pytest.mark.parametrize(
    ("until", "state", "usable"),
    [(None, "degraded", 1), (LATER, "degraded", 1), (MS - 1, "ok", 2)],
    ids=["for ever", "for a while", "it is over"],
)
def test_one_key_is_blocked(panel: Panel, store: Store, until: int | None, state: str, usable: int) -> None:
    key_state(store, panel, 0, until=until)
    found = shown(panel)
    assert (found["state"], found["usable_keys"]) == (state, usable)
    assert found["keys"][0]["state"] == ("blocked" if usable == 1 else "ok")


def test_no_key_is_left(panel: Panel, store: Store) -> None:
    for n in (0, 1):
        key_state(store, panel, n, state="cooling", until=LATER)
    found = shown(panel)
    assert (found["state"], found["reason"]) == ("no keys", "no key can be used now")


def test_a_key_that_does_not_have_one_model_is_still_a_key(panel: Panel, store: Store) -> None:
    key_state(store, panel, 0, model="claude-2", until=LATER)
    found = shown(panel)
    assert found["state"] == "ok" and found["keys"][0]["states"][0]["model"] == "claude-2"


@pytest.mark.parametrize(
    ("more", "state"),
    [
        pytest.param({}, "open", id="open"),
        pytest.param({"state": "half-open"}, "half-open", id="half-open"),
        pytest.param({"until": MS - 1}, "half-open", id="its time is over"),
        pytest.param({"state": "closed"}, "ok", id="closed"),
        pytest.param({"model": "opus"}, "degraded", id="for one model"),
        pytest.param({"key_id": "k"}, "degraded", id="for one key"),
        pytest.param({"base_url": "https://other.example"}, "degraded", id="an address of several"),
    ],
)
def test_a_breaker(panel: Panel, store: Store, more: dict[str, Any], state: str) -> None:
    breaker(store, **more)
    assert shown(panel)["state"] == state


@pytest.mark.parametrize(("status", "word"), [("suspended", "paused"), ("disabled", "standby")])
def test_out_by_hand_comes_before_everything(panel: Panel, store: Store, folder: Path, status: str, word: str) -> None:
    (folder / "ccx.yaml").write_text(
        CONFIG.replace("    protocol: messages\n", f"    protocol: messages\n    status: {status}\n")
    )
    breaker(store)
    assert shown(panel)["state"] == word


def test_in_flight(panel: Panel, store: Store) -> None:
    for n in range(3):
        store.put_request({"id": f"r{n}", "started_at": MS, "state": "running", "channel_id": MAIN})
    assert shown(panel)["in_flight"] == 3


# ---- who was there ---------------------------------------------------------------------------------------------------
def test_clients_and_their_last_request(panel: Panel, store: Store) -> None:
    for n in range(3):
        store.put_request(
            {"id": f"r{n}", "started_at": MS + n, "state": "ok", "client_name": "alice-laptop", "model": f"m{n}"}
        )
    assert store.flush()
    found = {client["name"]: client for client in views.clients(panel)}
    assert found["alice-laptop"]["requests"] == 3 and found["alice-laptop"]["last"]["model"] == "m2"
    assert found["ci"]["requests"] == 0 and found["ci"]["last"] is None


def test_events(panel: Panel, store: Store) -> None:
    for n in range(5):
        store.put_event("info", "config" if n % 2 else "key", f"event {n}")
    assert store.flush()
    every = views.events(panel.db)
    assert [e["message"] for e in every] == [f"event {n}" for n in (4, 3, 2, 1, 0)]
    assert [e["message"] for e in views.events(panel.db, kind="config")] == ["event 3", "event 1"]
    assert [e["message"] for e in views.events(panel.db, before=every[1]["id"], limit=2)] == ["event 2", "event 1"]
    assert len(views.events(panel.db, limit=-5)) == 1


def test_sessions(panel: Panel, store: Store) -> None:
    for trace in ("a", "b"):
        row = {"kind": "chat", "trace_hash": trace, "last_at": MS, "input_tokens": 100, "cache_read_tokens": 25}
        store.put_session({**row, "title": trace})
    store.put_affinity({"kind": "chat", "trace_hash": "a", "channel_id": MAIN, "expires_at": LATER})
    store.put_affinity({"kind": "chat", "trace_hash": "b", "channel_id": MAIN, "expires_at": MS - 1})
    store.put_override({"kind": "chat", "trace_hash": "a", "channels": [BACK], "avoid": [], "note": "by hand"})
    assert store.flush()
    found = {s["title"]: s for s in views.sessions(panel.db, MS)}
    assert found["a"]["affinity"] == {"channel_id": MAIN, "expires_at": LATER} and found["b"]["affinity"] is None
    assert found["a"]["override"] == {"channels": [BACK], "avoid": [], "expires_at": None, "note": "by hand"}
    assert found["b"]["override"] is None and found["a"]["cache_hit_rate"] == 0.25
    assert views.sessions(panel.db, MS, kind="messages") == []


# ---- what is wrong ---------------------------------------------------------------------------------------------------
def test_the_revision_in_force(panel: Panel, store: Store) -> None:
    assert views.in_force(panel.db) == ""
    for revision in ("aaaa", "bbbb"):
        store.put_event("info", "config", f"configuration {revision} is in force")
    store.put_event("error", "config", "ccx.yaml is not valid; the old one stays in force")
    assert store.flush() and views.in_force(panel.db) == "bbbb"


def test_no_problems(panel: Panel) -> None:
    assert views.problems(panel) == []


def test_problems_worst_first(panel: Panel, store: Store, folder: Path, clock: Clock) -> None:
    key_state(store, panel, 0)
    breaker(store)
    assert store.flush()
    panel.config()
    (folder / "ccx.yaml").write_text(CONFIG + "nonsense: 1\n")
    found = views.problems(panel)
    assert [p["kind"] for p in found] == ["config", "channel", "key"]
    assert [p["level"] for p in found] == ["error", "error", "warning"]
    assert found[0]["line"] == len(CONFIG.splitlines()) + 1 and "main: open" in found[1]["message"]
