"""No secret of the configuration is in any answer of the API, whatever is asked."""

from pathlib import Path

import pytest
from flask import Flask

from ccx_addons.io.store import Store
from ccx_admin.api.operation import OPERATIONS
from tests.admin.conftest import ADMIN_KEY, PROXY_KEY, Api
from tests.admin.seed import CONFIG, SECRETS

HIDDEN = (*SECRETS, ADMIN_KEY, PROXY_KEY)


def everything(app: Flask, ids: dict[str, str]) -> list[str]:
    """Every GET path with existing ids."""
    found = []
    for rule in app.url_map.iter_rules():
        operation = OPERATIONS.get(rule.endpoint)
        if operation and operation.method == "GET" and "/models" not in rule.rule:
            path = rule.rule
            for name, value in ids.items():
                path = path.replace(f"<{name}>", value)
            found.append(path.replace("<id>", ids["request"] if "/requests/" in path else "ch_main0001"))
    return found


@pytest.mark.parametrize(
    "text", [CONFIG, CONFIG + "colour: red\n", CONFIG + "  - {\n"], ids=["valid", "invalid", "no YAML"]
)
def test_no_answer_holds_a_secret(
    app: Flask, api: Api, folder: Path, store: Store, filled: list[str], text: str
) -> None:
    api.get("/api/channels")
    api.do("PATCH", "/api/channels/ch_main0001", {"note": "a version for the history"})
    for secret in SECRETS:
        store.put_event("error", "key", f"upstream said: {secret} is wrong", secret)
        store.put_body(filled[0], "upstream_response", secret.encode())
    store.flush()
    (folder / "ccx.yaml").write_text(text)
    paths = everything(app, {"name": "ci", "request": filled[0]})
    assert len(paths) > 20
    for path in paths:
        shown = api("GET", path).text
        assert not [secret for secret in HIDDEN if secret in shown], path


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/config/validate", {"text": CONFIG.replace("priority: 1", "priority: one")}),
        ("POST", "/api/config/validate", {"text": CONFIG.replace("priority: 1", "priority: 7")}),
        ("PUT", "/api/config", {"text": CONFIG.replace("priority: 1", "priority: one")}),
        ("POST", "/api/channels/preview", {"id": "ch_main0001", "channel": {"priority": 3}}),
        ("POST", "/api/channels/parse", {"text": CONFIG}),
        ("POST", "/api/channels/ch_main0001/keys", {"keys": [{"key": SECRETS[0]}]}),
        ("PATCH", "/api/channels/ch_main0001", {"name": "x"}),
    ],
)
def test_no_answer_to_a_change_holds_a_secret(api: Api, method: str, path: str, body: dict[str, object]) -> None:
    for revision in ("0" * 16, api.get("/api/config")["revision"]):
        shown = api(method, path, body, headers={"If-Match": revision}).text
        assert not [secret for secret in HIDDEN if secret in shown]
