"""/api/config and /api/settings."""

from dataclasses import fields
from pathlib import Path

import pytest

from ccx_addons.core.settings import Settings
from tests.admin.conftest import Api
from tests.admin.seed import CONFIG, SECRETS


def put(api: Api, text: str, revision: str, status: int = 200) -> dict[str, str]:
    found: dict[str, str] = api.do("PUT", "/api/config", {"text": text}, status, headers={"If-Match": f'"{revision}"'})
    return found


def test_text_is_shown_without_secrets_and_saved_with_them(api: Api, folder: Path) -> None:
    answer = api("GET", "/api/config")
    assert not [secret for secret in SECRETS if secret in answer.text]
    shown = api.get("/api/config")
    assert answer.headers["etag"] == f'"{shown["revision"]}"'
    found = put(api, shown["text"].replace("name: backup", "name: second"), shown["revision"])
    assert (folder / "ccx.yaml").read_text() == CONFIG.replace("name: backup", "name: second")
    assert found["revision"] == api.get("/api/config")["revision"]


def test_saving_needs_the_right_revision(api: Api, folder: Path) -> None:
    api.do("PUT", "/api/config", {"text": CONFIG}, 428)
    found = put(api, CONFIG.replace("name: backup", "name: second"), "0" * 16, 409)
    assert "-    name: backup" in found["mine"] and "+    name: second" in found["mine"]
    assert not [secret for secret in SECRETS if secret in str(found)]
    assert (folder / "ccx.yaml").read_text() == CONFIG


def test_an_invalid_text_is_not_saved(api: Api, folder: Path) -> None:
    revision = api.get("/api/config")["revision"]
    found = put(api, "version: 1\nchanels: []\n", revision, 422)
    assert "did you mean 'channels'" in found["detail"]
    found = put(api, "channels: [{keys: [kept:00000000:sk-a…AAAA]}]", revision, 422)
    assert "stands for no key" in found["detail"]
    assert (folder / "ccx.yaml").read_text() == CONFIG


@pytest.mark.parametrize(
    ("text", "valid", "line"),
    [
        pytest.param("version: 1\n", True, 0, id="empty"),
        pytest.param("version: 1\nclients: 7\n", False, 2, id="wrong type"),
        pytest.param("version: 1\n  x: [\n", False, 2, id="no YAML"),
        pytest.param(
            CONFIG.replace("    name: main", "    name: main\n    ca_file: none.pem"), False, 14, id="no CA file"
        ),
        pytest.param("a: &x 1\nb: *x\n", False, 1, id="alias"),
    ],
)
def test_validate(api: Api, text: str, valid: bool, line: int) -> None:
    found = api.do("POST", "/api/config/validate", {"text": text})
    assert found["valid"] is valid
    assert [problem["line"] for problem in found["problems"]][:1] == ([line] if line else [])


def test_validate_shows_the_difference_masked(api: Api) -> None:
    shown = api.get("/api/config")["text"]
    found = api.do(
        "POST", "/api/config/validate", {"text": shown.replace(" [kept:6f3a2618:olla…EEEE]", " [plain-secret-9]")}
    )
    assert "-    keys: [kept:6f3a2618:olla…EEEE]" in found["diff"] and ":plai…et-9]" in found["diff"]


def test_history_diff_and_rollback(api: Api, folder: Path) -> None:
    first = api.get("/api/config")["revision"]
    api.do("PATCH", "/api/channels/ch_main0001", {"note": "changed"})
    history = api.get("/api/config/history")
    new, old = history["versions"]
    assert (new["revision"], old["revision"]) == (history["revision"], first)
    assert new["who"] == "admin" and new["changes"] == ["note of channel main changed"]
    assert old["who"] == "by hand" and old["saved_at"] == 1_795_600_800_000
    assert "+    note: changed" in api.get(f"/api/config/diff?from={first}")["diff"]
    assert "-    note: changed" in api.get(f"/api/config/diff?to={first}")["diff"]
    api.do("POST", "/api/config/rollback", {"revision": first})
    assert (folder / "ccx.yaml").read_text() == CONFIG
    api.do("POST", "/api/config/rollback", {"revision": "nothing"}, 404)
    api.do("GET", "/api/config/diff?from=nothing", status=404)


def test_rollback_looks_at_the_revision(api: Api) -> None:
    first = api.get("/api/config")["revision"]
    api.do("PATCH", "/api/channels/ch_main0001", {"note": "changed"})
    stale = {"If-Match": first}
    assert "diff" in api.do("POST", "/api/config/rollback", {"revision": first}, 409, headers=stale)


def test_a_broken_file_can_be_seen_and_repaired(api: Api, folder: Path) -> None:
    api.get("/api/channels")
    (folder / "ccx.yaml").write_text(CONFIG + "  - {\n")
    found = api.get("/api/config")
    assert found["problems"] and not [secret for secret in SECRETS if secret in str(found)]
    assert len(api.get("/api/channels")["channels"]) == 5  # the last good one
    put(api, found["text"].removesuffix("  - {\n"), found["revision"])
    assert (folder / "ccx.yaml").read_text() == CONFIG


def test_settings(api: Api) -> None:
    found = api.get("/api/settings")
    assert found["policy"]["breaker"]["window"] == 20 and found["presets"]["gentle"]["window"] == 50
    assert found["help"]["breaker.window"] == "samples looked at"
    environment = {entry["name"]: entry for entry in found["environment"]}
    assert environment["PROXY_ACCESS_KEY"]["value"] is True
    assert environment["PORT"]["value"] == 3000
    secrets = {field.metadata["name"] for field in fields(Settings) if not field.repr}
    assert secrets == {name for name, entry in environment.items() if entry["secret"]}


def test_change_settings(api: Api) -> None:
    body = {"policy": {"errors": "vague", "breaker": {"window": 50}}, "prices": {"glm-*": {"input": 1, "output": 2}}}
    found = api.do("PATCH", "/api/settings", body)
    assert found["policy"]["errors"] == "vague" and found["policy"]["breaker"]["consecutive"] == 5
    assert found["prices"]["glm-*"]["output"] == 2
    found = api.do("PATCH", "/api/settings", {"policy": {"breaker": None}, "prices": {"glm-*": None}})
    assert found["policy"]["breaker"]["window"] == 20 and found["prices"] == {}
    api.do("PATCH", "/api/settings", {"policy": {"breaker": {"window": 1}}}, 422)
