"""/api/clients and /api/snippets."""

from pathlib import Path

from ccx_addons.io.store import Store
from tests.admin.conftest import NOW, Api


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
