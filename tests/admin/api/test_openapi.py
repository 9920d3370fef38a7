"""The OpenAPI document is valid, complete, and true: generated requests are answered as it says."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_admin import create_app, edits
from ccx_admin.api.operation import OPERATIONS
from ccx_admin.panel import EXTENSION
from tests.admin import seed
from tests.admin.conftest import ADMIN_KEY, NOW, PROXY_KEY, Api, Clock

AWAY: Final = frozenset(f"/api/channels/{{id}}/{what}" for what in ("ping", "test", "models", "capability"))
"""Paths that ask upstreams: tested with upstreams of their own."""
KEY_ID: Final = edits.key_id(seed.SECRETS[0])
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("openapi")
    (folder / "ccx.yaml").write_text(seed.CONFIG)
    store = Store.open(folder / "ccx.db", boot_id="openapi", worker=-1, clock=Clock())
    ids = seed.fill(store, 30, NOW)
    given = Settings(
        admin_access_key=ADMIN_KEY,
        proxy_access_key=PROXY_KEY,
        ccx_config=str(folder / "ccx.yaml"),
        ccx_data_dir=str(folder),
    )
    app = create_app(given, store, clock=Clock(), ack_wait=0.0)
    app.extensions["seeded"] = ids
    yield app
    store.close()


@pytest.fixture(scope="module")
def described(shared: Flask) -> Any:
    headers = {"x-api-key": ADMIN_KEY}
    return schemathesis.openapi.from_wsgi("/api/openapi.json", shared, headers=headers)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is generated may leave this machine."""

    def refuse(*arguments: Any, **more: Any) -> Any:
        raise OSError("the network is not there")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("endpoint", sorted(OPERATIONS))
def test_answers_are_as_described(shared: Flask, described: Any, endpoint: str, mode: GenerationMode) -> None:
    (rule,) = [rule for rule in shared.url_map.iter_rules() if rule.endpoint == endpoint]
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    if path not in AWAY:
        shared.extensions[EXTENSION].config_path.write_text(seed.CONFIG)
        ask(described[path][OPERATIONS[endpoint].method.lower()], mode, shared.extensions["seeded"])


def ask(described: Any, mode: GenerationMode, requests: list[str]) -> None:
    @given(case=described.as_strategy(generation_mode=mode), existing=st.booleans())
    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: "Case[Any]", existing: bool) -> None:
        if existing:
            case.headers.pop("If-Match", None)
            id = requests[-1] if "/requests/" in case.path else "ch_main0001"
            known = {"id": id, "key_id": KEY_ID, "name": "ci", "trace": "0" * 32}
            case.path_parameters = {name: known[name] for name in case.path_parameters}
        case.call_and_validate(headers={"x-api-key": ADMIN_KEY}, checks=CHECKS)

    try:
        run()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing can be wrong with a path without parameters


def test_every_operation_is_described(api: Api) -> None:
    document = api.get("/api/openapi.json")
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert len(described) == len(OPERATIONS)
    assert document["openapi"] == "3.1.0"


BINDING: Final = """
GET /api/status
GET /api/events
GET /api/channels
POST /api/channels
GET /api/channels/{id}
PATCH /api/channels/{id}
DELETE /api/channels/{id}
POST /api/channels/order
POST /api/channels/{id}/promote
POST /api/channels/{id}/suspend
POST /api/channels/{id}/resume
POST /api/channels/{id}/standby
POST /api/channels/{id}/reset
POST /api/channels/{id}/ping
POST /api/channels/{id}/test
GET /api/channels/{id}/models
POST /api/channels/parse
POST /api/channels/preview
GET /api/templates
POST /api/channels/{id}/keys
PATCH /api/channels/{id}/keys/{key_id}
DELETE /api/channels/{id}/keys/{key_id}
POST /api/channels/{id}/keys/{key_id}/unblock
GET /api/clients
POST /api/clients
PATCH /api/clients/{name}
DELETE /api/clients/{name}
GET /api/requests
GET /api/requests/{id}
GET /api/requests/{id}/body
POST /api/requests/{id}/replay
GET /api/stats/summary
GET /api/stats/history
POST /api/schedule/explain
GET /api/sessions
PUT /api/sessions/{trace}/override
DELETE /api/sessions/{trace}/override
GET /api/config
PUT /api/config
POST /api/config/validate
GET /api/config/history
GET /api/config/diff
POST /api/config/rollback
POST /api/config/undo
GET /api/settings
PATCH /api/settings
GET /api/live/changes
"""
"""The public interface: none of these may go."""


@pytest.mark.parametrize("line", BINDING.split("\n")[1:-1])
def test_public_paths_are_there(api: Api, line: str) -> None:
    method, path = line.split()
    assert method.lower() in api.get("/api/openapi.json")["paths"][path]
