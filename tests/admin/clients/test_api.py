"""/api/clients and /api/snippets."""

from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import pytest

from ccx_addons.core.config import ClientLimits
from ccx_addons.io.store import Store
from tests.admin.conftest import NOW, Api, Clock


def test_list(api: Api, filled: list[str]) -> None:
    found = {client["name"]: client for client in api.get("/api/clients")["clients"]}
    assert list(found) == ["default", "alice-laptop", "ci"]
    assert found["default"]["from_environment"] and not found["ci"]["from_environment"]
    assert found["alice-laptop"]["limits"]["rpm"] == 60
    assert found["alice-laptop"]["requests"] > 50 and found["alice-laptop"]["last"]["kind"]
    assert found["ci"]["kinds"] == ["chat", "embeddings"] and not found["ci"]["enabled"]


def test_a_secret_is_shown_once(api: Api, folder: Path) -> None:
    added = api.do("POST", "/api/clients", {"name": "bob", "kinds": ["chat"], "limits": {"rpm": 5}}, 201)
    secret = added["secret"]
    assert secret.startswith("ccx-") and len(secret) > 40
    assert secret not in (folder / "ccx.yaml").read_text()
    assert secret not in api("GET", "/api/clients").text + api("GET", "/api/config").text


def test_change_and_delete(api: Api, folder: Path) -> None:
    found = api.do("PATCH", "/api/clients/ci", {"enabled": True, "limits": {"concurrency": 2}})
    assert found["client"]["enabled"] and found["client"]["limits"]["concurrency"] == 2
    assert api.do("PATCH", "/api/clients/ci", {"name": "build"})["client"]["name"] == "build"
    api.do("DELETE", "/api/clients/build")
    assert "build" not in (folder / "ccx.yaml").read_text()
    api.do("DELETE", "/api/clients/build", status=404)


def test_the_client_of_the_environment_stays(api: Api) -> None:
    assert "PROXY_ACCESS_KEY" in api.do("DELETE", "/api/clients/default", status=409)["detail"]


def test_names_are_unique(api: Api) -> None:
    api.do("POST", "/api/clients", {"name": "ci"}, 422)


def test_live_check(api: Api, store: Store) -> None:
    begin = int(NOW * 1000)
    path = f"/api/clients/ci/last?since={begin}"
    assert api.get(path) == {"request": None}
    store.put_request({"id": "a", "started_at": begin + 5, "state": "ok", "client_name": "ci", "user_agent": "codex"})
    store.flush()
    assert api.get(path)["request"]["user_agent"] == "codex"
    api.do("GET", "/api/clients/nobody/last", status=404)


def test_snippets(api: Api) -> None:
    found = api.get("/api/snippets?root=https://gw.example/&model=glm-5")["snippets"]
    assert {"claude-code", "codex", "gemini-cli", "cherry-studio", "opencode", "curl"} <= {s["id"] for s in found}
    assert "https://gw.example/v1" in str(found) and "example//" not in str(found)


def test_another_key_beside_the_old_one(api: Api, clock: Clock) -> None:
    found = api.do("POST", "/api/clients/alice-laptop/rotate", {"seconds": 60}, 201)
    assert found["secret"].startswith("ccx-") and len(found["client"]["previous"]) == 1
    clock.now += 61
    listed = api.get("/api/clients")["clients"]
    assert next(c for c in listed if c["name"] == "alice-laptop")["previous"] == []
    api.do("POST", "/api/clients/default/rotate", {}, 409)
    api.do("POST", "/api/clients/nobody/rotate", {}, 404)


def test_an_end_and_limits_on_some_models(api: Api, clock: Clock) -> None:
    some = [{"models": ["*opus*"], "rpm": 3, "tokens_per_minute": 1000}]
    body = {"expires": "2026-11-25T10:01:00Z", "model_limits": some, "limits": {"tokens_per_minute": 9}}
    found = api.do("PATCH", "/api/clients/alice-laptop", body)["client"]
    assert found["expires"] == "2026-11-25T10:01:00Z" and not found["expired"]
    none = asdict(ClientLimits())
    assert found["model_limits"] == [{**none, "models": ["*opus*"], "rpm": 3, "tokens_per_minute": 1000}]
    assert found["limits"]["tokens_per_minute"] == 9
    clock.now += 61
    assert next(c for c in api.get("/api/clients")["clients"] if c["name"] == "alice-laptop")["expired"]
    api.do("PATCH", "/api/clients/alice-laptop", {"expires": "soon"}, 422)


@pytest.mark.parametrize("name", ["a/b", "team//x", "a/", "100%", "a?b#c", "x/rotate", "x/last", "' \" 名前 \u202e🙂"])
def test_any_name_can_be_changed(api: Api, name: str) -> None:
    path = f"/api/clients/{quote(name)}"
    api.do("POST", "/api/clients", {"name": name}, status=201)
    api.do("PATCH", path, {"enabled": False})
    assert api.get(f"{path}/last") == {"request": None}
    assert api.do("POST", f"{path}/rotate", {}, status=201)["client"]["enabled"] is False
    api.do("DELETE", path)
    assert name not in [client["name"] for client in api.get("/api/clients")["clients"]]


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_a_browser_takes_for_a_folder(api: Api, name: str) -> None:
    assert "name" in api.do("POST", "/api/clients", {"name": name}, status=422)["problems"][0]["path"]
