"""Every error is a problem detail, and tells nothing it should not."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.core.errors import CcxError
from ccx_admin.db import DatabaseUnavailable
from tests.admin.conftest import ADMIN_KEY, Api


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        pytest.param(ValueError("secret detail"), 500, "its log says why", id="bug"),
        pytest.param(DatabaseUnavailable("the database cannot be read"), 503, "cannot be read", id="database"),
        pytest.param(CcxError("not now"), 400, "not now", id="our own"),
        pytest.param(
            OSError(28, "No space left", "/etc/ccx.yaml"), 507, "ccx.yaml: No space left; make room", id="full"
        ),
        pytest.param(PermissionError(13, "Permission denied", "/x/y"), 503, "it must be this user's", id="not ours"),
        pytest.param(OSError(28, "secret detail"), 500, "its log says why", id="no file"),
    ],
)
def test_exceptions(app: Flask, error: Exception, status: int, words: str) -> None:
    def fail() -> str:
        raise error

    app.add_url_rule("/api/fail", "fail", fail)
    answer = app.test_client().get("/api/fail", headers={"x-api-key": ADMIN_KEY})
    assert answer.status_code == status and answer.content_type == "application/problem+json"
    assert words in answer.text and "secret detail" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/api/nothing", 404, id="no such path"),
        pytest.param("GET", "/api/channels/order/x", 404, id="below a path"),
        pytest.param("DELETE", "/api/status", 405, id="method"),
    ],
)
def test_routing_errors(api: Api, method: str, path: str, status: int) -> None:
    found = api.do(method, path, status=status)
    assert found["status"] == status and found["title"]


def test_method_errors_say_which_there_are(api: Api) -> None:
    assert "GET" in api("DELETE", "/api/status").headers["allow"]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        pytest.param("application/json", b"{", 400, id="half"),
        pytest.param("application/json", b"\xff", 400, id="no UTF-8"),
        pytest.param("application/json", b"[" * 100_000, 400, id="deep"),
        pytest.param("application/json", b'{"ids": [' + b"1" * 5_000 + b"]}", 400, id="huge number"),
        pytest.param("application/json", b"[]", 422, id="no object"),
        pytest.param("text/plain", b'{"ids": ["a"]}', 415, id="simple form"),
        pytest.param("application/x-www-form-urlencoded", b"ids=a", 415, id="form"),
        pytest.param("", b"", 415, id="nothing"),
    ],
)
def test_bodies(api: Api, content_type: str, body: bytes, status: int) -> None:
    answer = api("POST", "/api/channels/order", data=body, content_type=content_type)
    assert answer.status_code == status, answer.text


def test_pages_get_a_page(session: FlaskClient) -> None:
    answer = session.get("/nothing<script>")
    assert answer.status_code == 404 and answer.content_type.startswith("text/html")
    assert "<script>" not in answer.text
