"""/api/channels: the list, every change, probes, and the way from pasted text to a channel."""

from pathlib import Path
from typing import Any

import pytest

from ccx_addons.core.neutral import Usage
from ccx_addons.io import probe, yaml_file
from ccx_addons.io.store import Store
from ccx_admin import edits
from ccx_admin.db import Reader
from tests.admin.conftest import NOW, Api, Clock
from tests.admin.seed import CONFIG, SECRETS

MAIN, BACK, CODEX, GEMINI, SPARE = "ch_main0001", "ch_back0002", "ch_codex003", "ch_gem00004", "ch_spare005"
KEY = edits.key_id(SECRETS[0])


def written(folder: Path) -> dict[str, Any]:
    """The channels of the file by id."""
    data = yaml_file.load_text((folder / "ccx.yaml").read_text()).data
    return {channel["id"]: channel for channel in data["channels"]}


# ---- the list --------------------------------------------------------------------------------------------------------
def test_list(api: Api, filled: list[str]) -> None:
    found = api.get("/api/channels?stats=true")
    by_id = {channel["id"]: channel for channel in found["channels"]}
    assert list(by_id) == [MAIN, BACK, CODEX, GEMINI, SPARE]
    assert by_id[MAIN]["state"] == "open" and by_id[MAIN]["reason"] == "5 failures in a row, last 529"
    assert by_id[MAIN]["until"] == int(NOW * 1000) + 48_000
    assert by_id[MAIN]["keys"][0] | {"states": []} == {
        "id": KEY, "mask": "sk-a…AAAA", "label": "sk-a…AAAA", "name": "", "used_at": None, "until": None, "weight": 1, "models": [], "base_url": "", "enabled": True,
        "limits": {"rpm": 0, "concurrency": 0}, "state": "ok", "states": [],
    }  # fmt: skip
    assert by_id[MAIN]["request_urls"][0]["url"] == "https://api.anthropic.com/v1/messages"
    assert by_id[MAIN]["stats"]["requests"] > 50 and len(by_id[MAIN]["strip"]) == 48
    assert by_id[BACK]["models"]["sonnet"] == {"to": "glm-5", "effort": "high"}
    assert (by_id[GEMINI]["state"], by_id[SPARE]["state"]) == ("paused", "standby")
    assert found["revision"] == yaml_file.revision_of(CONFIG.encode())


@pytest.mark.parametrize(
    ("state", "word"),
    [
        pytest.param({"state": "blocked", "until": None}, "no keys", id="blocked for good"),
        pytest.param({"state": "cooling", "until": int(NOW * 1000) + 1}, "no keys", id="cooling"),
        pytest.param({"state": "cooling", "until": int(NOW * 1000)}, "ok", id="not cooling any more"),
        pytest.param({"state": "blocked", "until": None, "model": "o3"}, "ok", id="blocked for one model"),
    ],
)
def test_state_by_keys(api: Api, store: Store, state: dict[str, Any], word: str) -> None:
    row = {"kind": "responses", "channel_id": CODEX, "key_id": edits.key_id(SECRETS[3]), "reason": "401"}
    store.put_key_state({**row, **state})
    store.flush()
    assert api.get(f"/api/channels/{CODEX}")["channel"]["state"] == word


@pytest.mark.parametrize(
    ("breaker", "word"),
    [
        pytest.param({"state": "open", "until": int(NOW * 1000) + 1}, "open", id="open"),
        pytest.param({"state": "open", "until": int(NOW * 1000) - 1}, "half-open", id="open long enough"),
        pytest.param({"state": "half-open"}, "half-open", id="half-open"),
        pytest.param({"state": "closed"}, "ok", id="closed"),
        pytest.param({"state": "open", "until": int(NOW * 1000) + 1, "model": "opus"}, "degraded", id="one model"),
        pytest.param({"state": "open", "until": int(NOW * 1000) + 1, "key_id": "k_1"}, "degraded", id="one key"),
    ],
)
def test_state_by_breakers(api: Api, store: Store, breaker: dict[str, Any], word: str) -> None:
    store.put_breaker({"kind": "responses", "channel_id": CODEX, "base_url": "https://api.openai.com/v1", **breaker})
    store.flush()
    assert api.get(f"/api/channels/{CODEX}")["channel"]["state"] == word


# ---- changes ---------------------------------------------------------------------------------------------------------
def test_add_change_and_delete(api: Api, folder: Path) -> None:
    values = {"name": "new", "protocol": "chat", "base_urls": ["https://a.example"], "keys": ["sk-new-secret-0001"]}
    added = api.do("POST", "/api/channels?position=front", values, 201)
    id = added["channel"]["id"]
    assert added["channel"]["priority"] == 0 and added["channel"]["keys"][0]["mask"] == "sk-n…0001"
    changed = api.do("PATCH", f"/api/channels/{id}", {"name": "renamed", "models": {"a": "b"}})
    assert changed["channel"]["id"] == id and changed["channel"]["models"] == {"a": "b"}
    assert written(folder)[id]["name"] == "renamed"
    api.do("DELETE", f"/api/channels/{id}")
    assert id not in written(folder)
    assert (folder / "ccx.yaml").read_text() == CONFIG


def test_add_from_pasted_text(api: Api, folder: Path) -> None:
    text = "https://api.anthropic.com/v1/messages sk-ant-api03-PPPPPPPPPPPPPPPPPPPP"
    found = api.do("POST", "/api/channels/parse", {"text": text})
    assert found["channel"]["keys"][0]["mask"] == "sk-a…PPPP" and found["complete"]
    assert found["request_urls"][0]["url"] == "https://api.anthropic.com/v1/messages"
    added = api.do("POST", "/api/channels", {"paste": text, "name": "pasted"}, 201)
    assert written(folder)[added["channel"]["id"]]["keys"] == ["sk-ant-api03-PPPPPPPPPPPPPPPPPPPP"]


def test_parse_says_who_has_a_key(api: Api) -> None:
    found = api.do("POST", "/api/channels/parse", {"text": f"https://x.example {SECRETS[0]}"})
    assert found["channel"]["keys"][0]["known_in"] == "main"


def test_names_of_pasted_channels_are_free(api: Api) -> None:
    names = {api.do("POST", "/api/channels", {"paste": f"https://a.relay.example sk-abcdef12345{n}"}, 201)["channel"]["name"] for n in range(3)}  # fmt: skip
    assert len(names) == 3


@pytest.mark.parametrize(
    ("body", "path"),
    [
        pytest.param({"name": "x", "protocol": "telnet", "base_urls": ["https://a.b"]}, "channels[5].protocol", id="protocol"),
        pytest.param({"name": "main", "protocol": "chat", "base_urls": ["https://a.b"]}, "channels[5].name", id="name taken"),
        pytest.param({"name": "x", "protocol": "chat", "base_urls": ["ftp://a.b"]}, "channels[5].base_urls[0]", id="URL"),
        pytest.param({"name": "x", "protocol": "chat", "base_urls": ["http://127.0.0.1:3000"]}, "channels[5].base_urls[0]",
            id="the gateway itself"),
    ],
)  # fmt: skip
def test_invalid_settings_say_where(api: Api, folder: Path, body: dict[str, Any], path: str) -> None:
    found = api.do("POST", "/api/channels", body, 422)
    assert [problem["path"] for problem in found["problems"]] == [path]
    assert found["problems"][0]["line"] > 0
    assert (folder / "ccx.yaml").read_text() == CONFIG


def test_a_stale_revision_is_refused_with_the_difference(api: Api, folder: Path) -> None:
    revision = api.get("/api/channels")["revision"]
    (folder / "ccx.yaml").write_text(CONFIG.replace("name: main", "name: other"))
    answer = api("PATCH", f"/api/channels/{MAIN}", {"note": "x"}, headers={"If-Match": f'"{revision}"'})
    assert answer.status_code == 409 and answer.content_type == "application/problem+json"
    assert "changed meanwhile" in answer.text
    assert "note" not in written(folder)[MAIN]


def test_a_right_revision_is_taken(api: Api) -> None:
    revision = api.get("/api/channels")["revision"]
    api.do("PATCH", f"/api/channels/{MAIN}", {"note": "x"}, headers={"If-Match": f'"{revision}"'})


def test_order(api: Api, folder: Path) -> None:
    found = api.do("POST", "/api/channels/order", {"ids": [CODEX, MAIN]})
    assert found["ids"] == [CODEX, MAIN, BACK, GEMINI, SPARE]
    assert [written(folder)[id]["priority"] for id in (CODEX, MAIN, BACK)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("action", "body", "state", "promoted"),
    [
        pytest.param("promote", {}, "ok", True, id="promote"),
        pytest.param("promote", {"seconds": 0}, "ok", False, id="end a promotion"),
        pytest.param("suspend", None, "paused", False, id="suspend"),
        pytest.param("resume", None, "ok", False, id="resume"),
        pytest.param("standby", None, "standby", False, id="standby"),
    ],
)
def test_actions(api: Api, action: str, body: dict[str, Any] | None, state: str, promoted: bool) -> None:
    found = api.do("POST", f"/api/channels/{CODEX}/{action}", body)
    assert (found["channel"]["state"], found["channel"]["promoted"]) == (state, promoted)


def test_promotion_ends_by_itself(api: Api, clock: Any) -> None:
    until = api.do("POST", f"/api/channels/{CODEX}/promote")["channel"]["promoted_until"]
    assert until == "2026-11-25T10:05:00Z"
    clock.now += 301
    assert not api.get(f"/api/channels/{CODEX}")["channel"]["promoted"]


def test_a_broken_file_is_repaired_first(api: Api, folder: Path) -> None:
    (folder / "ccx.yaml").write_text(CONFIG + "colour: red\n")
    found = api.do("PATCH", f"/api/channels/{MAIN}", {"note": "x"}, 422)
    assert found["problems"][0]["path"] == "colour"


# ---- commands --------------------------------------------------------------------------------------------------------
def test_reset_tells_the_workers(api: Api, store: Store) -> None:
    found = api.do("POST", f"/api/channels/{MAIN}/reset", {"kind": "messages"})
    row = Reader(store.path).row("SELECT kind, args FROM commands WHERE id = ?", (found["command"],))
    assert row and tuple(row) == ("reset", '{"channel_id": "ch_main0001", "kind": "messages"}')
    assert found["workers"] == {}


@pytest.mark.parametrize("path", ["reset", "suspend", "promote", "ping", "test", "models"])
def test_unknown_channels(api: Api, path: str) -> None:
    api.do(
        "GET" if path == "models" else "POST", f"/api/channels/ch_none/{path}", None if path == "models" else {}, 404
    )


# ---- preview ---------------------------------------------------------------------------------------------------------
def test_preview_of_a_change(api: Api, folder: Path) -> None:
    body = {"id": BACK, "channel": {"models": {"haiku": "glm-4"}, "note": "hi"}, "models": ["claude-haiku-4-5", "opus"]}
    found = api.do("POST", "/api/channels/preview", body)
    assert "+    note: hi" in found["diff"] and found["problems"] == []
    assert [(m["upstream_model"], m["entry"]) for m in found["mapping"]] == [("glm-4", "haiku"), ("glm-5", "opus")]
    assert found["request_urls"][0]["url"] == "https://open.bigmodel.cn/api/paas/v4/chat/completions"
    assert (folder / "ccx.yaml").read_text() == CONFIG


def test_preview_masks_keys(api: Api) -> None:
    body = {"channel": {"name": "x", "protocol": "chat", "base_urls": ["https://a.b"], "keys": ["plain-secret-1"]}}
    found = api.do("POST", "/api/channels/preview", body)
    assert "plai…et-1" in found["diff"] and "plain-secret-1" not in str(found)


def test_preview_of_something_wrong(api: Api) -> None:
    body = {"channel": {"name": "x", "protocol": "chat", "base_urls": ["https://a.b"], "priority": "first"}}
    found = api.do("POST", "/api/channels/preview", body)
    assert found["problems"][0]["path"] == "channels[5].priority"
    assert found["request_urls"][0]["url"] == "https://a.b/v1/chat/completions"


def test_templates_make_valid_channels(api: Api) -> None:
    for template in api.get("/api/templates")["templates"]:
        found = api.do(
            "POST", "/api/channels/preview", {"channel": {**template["channel"], "name": "new", "keys": ["a-key-0001"]}}
        )
        assert found["problems"] == [], template["id"]


# ---- probes ----------------------------------------------------------------------------------------------------------
def test_ping_goes_to_every_address(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ping", lambda channel, url: probe.Ping(url, True, status=404))
    assert api.do("POST", f"/api/channels/{MAIN}/ping")["pings"][0]["status"] == 404


def test_test_is_logged_as_one(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    words = f"401: wrong key {SECRETS[0]}"
    monkeypatch.setattr(probe, "test", lambda channel, key, model: probe.Test(False, model, key.mask, error=words))
    found = api.do("POST", f"/api/channels/{MAIN}/test", {"model": "claude-opus-4-7", "key_id": KEY})
    assert not found["ok"] and found["error"] == "401: wrong key sk-a…AAAA"
    store.flush()
    row = api.get(f"/api/requests/{found['request_id']}")
    assert (row["source"], row["state"], row["error_message"]) == ("test", "failed", "401: wrong key sk-a…AAAA")


def test_test_finds_a_model_by_itself(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ask_models", lambda channel, key: probe.Models(({"id": "gpt-5"},), 200))
    usage = Usage(input=1_000_000, output=0)
    monkeypatch.setattr(probe, "test", lambda channel, key, model: probe.Test(True, model, key.mask, usage=usage))
    found = api.do("POST", f"/api/channels/{CODEX}/test", {})
    assert found["model"] == "gpt-5" and found["usage"] == {"input": 1_000_000, "output": 0} and found["cost_usd"] > 0
    assert api.do("POST", f"/api/channels/{BACK}/test", {})["model"] == "opus"


def test_models(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ask_models", lambda channel, key: probe.Models((), 401, "401: no"))
    found = api.get(f"/api/channels/{MAIN}/models?key_id={KEY}")
    assert found == {"models": [], "status": 401, "error": "401: no"}
    api.do("GET", f"/api/channels/{MAIN}/models?key_id=k_none", status=404)


def test_no_usable_key(api: Api) -> None:
    api.do("PATCH", f"/api/channels/{CODEX}/keys/{edits.key_id(SECRETS[3])}", {"enabled": False})
    assert api.do("POST", f"/api/channels/{CODEX}/test", {"model": "x"}, 409)["title"] == "No key"


def test_images_cost(api: Api) -> None:
    api.do("PATCH", f"/api/channels/{CODEX}", {"protocol": "images"})
    assert api.do("POST", f"/api/channels/{CODEX}/test", {"model": "x"}, 409)["title"] == "Not tested"


def test_what_an_upstream_refused(api: Api, store: Store) -> None:
    now = int(NOW * 1000)
    row = {"kind": "messages", "model": "m", "name": "top_k", "reason": "no", "since": now, "until": now + 1000}
    store.put_refusal({**row, "channel_id": "ch_main0001", "updated_at": now})
    assert store.flush()
    assert api.do("GET", "/api/channels/ch_main0001/refusals")["refusals"] == [row]
    found = api.do("POST", "/api/channels/ch_main0001/refusals/forget", {"model": "m", "name": "top_k"})
    kind, args = Reader(store.path).rows("SELECT kind, args FROM commands WHERE id = ?", (found["command"],))[0]
    assert (kind, args) == ("forget_refusals", '{"channel_id": "ch_main0001", "model": "m", "name": "top_k"}')
    api.do("POST", "/api/channels/nobody/refusals/forget", {}, 404)


# ---- many at once ----------------------------------------------------------------------------------------------------
def test_a_bulk_change_is_one_change(api: Api) -> None:
    body = {"ids": [MAIN, BACK], "status": "suspended", "add_tags": ["night"]}
    shown = api.do("POST", "/api/channels/bulk?preview=true", body)
    assert shown["diff"].count("+    status: suspended") == 2 and shown["problems"] == []
    assert api.get("/api/config/history")["versions"] == []
    answer = api("POST", "/api/channels/bulk", body)
    assert answer.status_code == 200
    found = {channel["id"]: channel for channel in api.get("/api/channels")["channels"]}
    assert all(found[id]["state"] == "paused" and "night" in found[id]["tags"] for id in (MAIN, BACK))
    api.do("POST", "/api/config/undo", {"revision": answer.headers["X-Undo"]})
    assert api.get("/api/channels")["channels"][0]["status"] == "active"
    api.do("POST", "/api/channels/bulk", {"ids": ["nosuch"], "priority": 1}, 404)
    api.do("POST", "/api/channels/bulk", {"ids": [MAIN], "priority": "x"}, 422)


def test_a_key_is_replaced_with_both_in_use(api: Api, clock: Clock) -> None:
    path = f"/api/channels/{MAIN}/keys/{KEY}/replace"
    found = api.do("POST", path, {"key": "sk-new-0123456789", "seconds": 60}, 201)["channel"]["keys"]
    assert [key["state"] for key in found][:2] == ["ok", "ok"] and found[1]["until"] == int(clock()) + 60
    clock.now += 61
    found = api.get(f"/api/channels/{MAIN}")["channel"]["keys"]
    assert [key["state"] for key in found][:2] == ["ok", "off"], "by itself"


def test_a_copy_is_a_paused_channel_of_its_own(api: Api, folder: Path) -> None:
    file = folder / "ccx.yaml"
    file.write_text(file.read_text().replace("spare, weight: 2", "spare, until: 2999-01-01T08:00:00+08:00"))
    before = (folder / "ccx.yaml").read_text()
    answer = api("POST", "/api/channels/ch_back0002/duplicate", {})
    assert answer.status_code == 201
    found = answer.get_json()["channel"]
    original = api.get("/api/channels/ch_back0002")["channel"]
    assert (found["name"], found["state"], original["name"], original["state"]) == (
        "backup 2",
        "paused",
        "backup",
        "ok",
    )
    same = ("protocol", "serves", "base_urls", "models", "priority")
    assert {name: found[name] for name in same} == {name: original[name] for name in same}
    assert [key["mask"] for key in found["keys"]] == [key["mask"] for key in original["keys"]]
    assert found["id"] != original["id"] and (folder / "ccx.yaml").read_text().startswith(before.rstrip())
    assert api("POST", "/api/channels/ch_back0002/duplicate", {}).get_json()["channel"]["name"] == "backup 3"
    assert api("POST", "/api/channels/ch_nothing/duplicate", {}).status_code == 404
    timed = api("POST", f"/api/channels/{MAIN}/duplicate", {}).get_json()["channel"]
    assert timed["keys"][1]["until"] == api.get(f"/api/channels/{MAIN}")["channel"]["keys"][1]["until"] is not None
