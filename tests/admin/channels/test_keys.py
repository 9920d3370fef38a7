"""/api/channels/{id}/keys."""

from pathlib import Path
from typing import Any

import pytest

from ccx_addons.io import yaml_file
from ccx_addons.io.store import Store
from ccx_admin import edits
from ccx_admin.db import Reader
from tests.admin.conftest import Api
from tests.admin.seed import SECRETS

KEYS = "/api/channels/ch_main0001/keys"
KEY_1, KEY_2 = (edits.key_id(secret) for secret in SECRETS[:2])


def keys_of(folder: Path) -> Any:
    return yaml_file.load_text((folder / "ccx.yaml").read_text()).data["channels"][0]["keys"]


def test_add(api: Api, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARE_KEY", "sk-from-the-environment")
    body = {"keys": [{"key": "sk-new-secret-0001"}, {"key": "env:SPARE_KEY", "weight": 3}, {"key": SECRETS[0]}]}
    found = api.do("POST", KEYS, body, 201)
    assert [key["mask"] for key in found["channel"]["keys"]] == ["sk-a…AAAA", "sk-a…BBBB", "sk-n…0001", "sk-f…ment"]
    assert keys_of(folder)[2:] == ["sk-new-secret-0001", {"key": "env:SPARE_KEY", "weight": 3}]
    id = found["channel"]["keys"][3]["id"]
    api.do("DELETE", f"{KEYS}/{id}")
    assert len(keys_of(folder)) == 3


def test_a_variable_that_is_not_set_can_be_deleted(api: Api, folder: Path) -> None:
    api.do("POST", KEYS, {"keys": [{"key": "env:NOT_SET_ANYWHERE"}]}, 201)
    api.do("DELETE", f"{KEYS}/{edits.key_id('env:NOT_SET_ANYWHERE')}")
    assert len(keys_of(folder)) == 2


def test_change(api: Api, folder: Path) -> None:
    found = api.do("PATCH", f"{KEYS}/{KEY_1}", {"name": "team", "position": 1})
    assert [key["id"] for key in found["channel"]["keys"]] == [KEY_2, KEY_1]
    assert keys_of(folder)[1] == {"key": SECRETS[0], "name": "team"}


def test_limits(api: Api, folder: Path) -> None:
    found = api.do("PATCH", f"{KEYS}/{KEY_1}", {"limits": {"rpm": 30, "concurrency": 2}})
    assert found["channel"]["keys"][0]["limits"] == {"rpm": 30, "concurrency": 2}
    api.do("PATCH", f"{KEYS}/{KEY_1}", {"limits": {"rpm": None}})
    assert keys_of(folder)[0] == {"key": SECRETS[0], "limits": {"concurrency": 2}}
    api.do("PATCH", f"{KEYS}/{KEY_1}", {"limits": {"concurrency": -1}}, 422)
    api.do("PATCH", f"{KEYS}/{KEY_1}", {"limits": {"colour": 1}}, 422)


def test_replace_a_secret(api: Api) -> None:
    found = api.do("PATCH", f"{KEYS}/{KEY_2}", {"key": "sk-new-secret-0001"})
    key = found["channel"]["keys"][1]
    assert key["id"] == edits.key_id("sk-new-secret-0001") and key["name"] == "spare"


def test_known_keys_are_refused(api: Api) -> None:
    api.do("POST", KEYS, {"keys": [{"key": SECRETS[0]}]}, 409)


@pytest.mark.parametrize("secret", ["", "two words\n", "schlüssel", 7, None])
def test_what_is_no_key(api: Api, secret: Any) -> None:
    api.do("POST", KEYS, {"keys": [{"key": secret}]}, 422)


def test_unblock(api: Api, store: Store) -> None:
    found = api.do("POST", f"{KEYS}/{KEY_1}/unblock", {})
    args = Reader(store.path).value("SELECT args FROM commands WHERE id = ?", (found["command"],))
    assert args == f'{{"channel_id": "ch_main0001", "key_id": "{KEY_1}", "model": ""}}'
    api.do("POST", f"{KEYS}/k_none/unblock", {}, 404)
