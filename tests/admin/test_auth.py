"""Who gets in: keys, sessions, lock-out, foreign hosts and origins."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_admin import auth, create_app
from ccx_admin.access import users
from ccx_admin.panel import Panel
from tests.admin.conftest import ADMIN_KEY, PROXY_KEY, Api, Clock, log_in, token_of

RIGHT = {"x-api-key": ADMIN_KEY}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="nothing"),
        pytest.param({"x-api-key": ADMIN_KEY}, 200, id="x-api-key"),
        pytest.param({"authorization": f"Bearer {ADMIN_KEY}"}, 200, id="bearer"),
        pytest.param({"authorization": f"bearer  {ADMIN_KEY}"}, 200, id="bearer in small letters"),
        pytest.param({"authorization": f"Basic {ADMIN_KEY}"}, 401, id="other scheme"),
        pytest.param({"x-api-key": PROXY_KEY}, 401, id="a client's key"),
        pytest.param({"x-api-key": ADMIN_KEY[:-1]}, 401, id="nearly"),
        pytest.param({"x-api-key": "schlüssel"}, 401, id="not ASCII"),
        pytest.param({"cookie": f"ccx_session={ADMIN_KEY}"}, 401, id="as a cookie"),
    ],
)
def test_api_key(browser: FlaskClient, headers: dict[str, str], status: int) -> None:
    answer = browser.get("/api/channels", headers=headers)
    assert answer.status_code == status
    assert answer.content_type == ("application/json" if status == 200 else "application/problem+json")


def test_key_in_the_query_is_none(browser: FlaskClient) -> None:
    assert browser.get(f"/api/channels?key={ADMIN_KEY}").status_code == 401


def test_an_empty_admin_key_lets_nobody_in(settings: Settings, store: Store) -> None:
    app = create_app(replace(settings, admin_access_key=""), store)
    client = app.test_client()
    assert client.get("/api/channels", headers={"x-api-key": ""}).status_code == 401
    assert log_in(client, "").status_code == 401


def test_login_and_logout(browser: FlaskClient) -> None:
    assert browser.get("/anywhere?q=1").headers["location"] == "/login?next=/anywhere?q%3D1"
    answer = log_in(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Secure" not in cookie
    assert browser.get("/api/channels").status_code == 200
    assert browser.get("/login").status_code == 303
    with browser.session_transaction() as session:
        stolen = dict(session)
    assert browser.post("/logout", data={"csrf_token": stolen["csrf"]}).status_code == 303
    with browser.session_transaction() as session:
        session.update(stolen)
    assert browser.get("/api/channels").status_code == 401


def test_cookie_is_secure_over_https(browser: FlaskClient) -> None:
    answer = log_in(browser, base_url="https://localhost")
    assert "; Secure;" in answer.headers["set-cookie"]


def test_login_changes_the_session(browser: FlaskClient) -> None:
    browser.get("/login")
    with browser.session_transaction() as session:
        before = session["csrf"]
    log_in(browser)
    with browser.session_transaction() as session:
        assert session["csrf"] != before and session["id"]


@pytest.mark.parametrize(
    ("target", "place"),
    [
        pytest.param("/requests?q=state:failed", "/requests?q=state:failed", id="a page of ours"),
        pytest.param("//evil.example/x", "/", id="another host"),
        pytest.param("https://evil.example/", "/", id="another site"),
        pytest.param("/\\evil.example", "/", id="backslash"),
        pytest.param("/\r\nSet-Cookie: a=b", "/", id="line break"),
        pytest.param("javascript:alert(1)", "/", id="script"),
    ],
)
def test_login_leads_inside_only(browser: FlaskClient, target: str, place: str) -> None:
    token = token_of(browser.get("/login"))
    answer = browser.post("/login", data={"key": ADMIN_KEY, "csrf_token": token, "next": target})
    assert answer.headers["location"] == place


def test_a_form_that_became_too_old_is_given_anew(browser: FlaskClient) -> None:
    """The panel began anew under it, or somebody logged in beside it."""
    for path in ("/login", "/clients/me/login"):
        token_of(browser.get(path))
        answer = browser.post(path, data={"key": ADMIN_KEY, "csrf_token": "of another start", "next": "/usage"})
        assert answer.status_code == 403 and "too old" in answer.text
    assert log_in(browser).status_code == 303
    beside = browser.post("/login", data={"key": ADMIN_KEY, "csrf_token": "of before", "next": "/usage"})
    assert (beside.status_code, beside.location) == (303, "/usage")


def test_sessions_end(session: FlaskClient, clock: Clock) -> None:
    clock.now += auth.IDLE - 1
    assert session.get("/api/channels").status_code == 200
    clock.now += auth.IDLE + 1
    assert session.get("/api/channels").status_code == 401


def test_a_clock_that_is_set_back_ends_no_session(
    session: FlaskClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.now -= 3600
    monkeypatch.setattr("itsdangerous.timed.time", SimpleNamespace(time=lambda: time.time() - 3600))
    assert session.get("/channels").status_code == 200


def test_sessions_end_for_good(session: FlaskClient, clock: Clock) -> None:
    for _ in range(int(auth.LONGEST / auth.IDLE) + 1):
        clock.now += auth.IDLE - 1
        last = session.get("/api/channels").status_code
    assert last == 401


# ---- state changes ---------------------------------------------------------------------------------------------------
PATH = "/api/channels/ch_main0001/suspend"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"X-CSRF-Token": "TOKEN"}, 200, id="token"),
        pytest.param({"X-CSRF-Token": "TOKEN", "Origin": "http://localhost"}, 200, id="token and our origin"),
        pytest.param({}, 403, id="cookie only"),
        pytest.param({"X-CSRF-Token": "wrong"}, 403, id="wrong token"),
        pytest.param({"X-CSRF-Token": "TOKEN", "Origin": "http://evil.example"}, 403, id="foreign origin"),
        pytest.param({"X-CSRF-Token": "TOKEN", "Origin": "null"}, 403, id="null origin"),
        pytest.param({"X-CSRF-Token": "TOKEN", "Origin": "http://localhost:81"}, 403, id="other port"),
        pytest.param({"X-CSRF-Token": "TOKEN", "Sec-Fetch-Site": "cross-site"}, 403, id="cross-site"),
        pytest.param({"X-CSRF-Token": "TOKEN", "Sec-Fetch-Site": "same-site"}, 403, id="same-site"),
    ],
)
def test_changes_with_a_session(session: FlaskClient, headers: dict[str, str], status: int) -> None:
    with session.session_transaction() as known:
        headers = {name: value.replace("TOKEN", known["csrf"]) for name, value in headers.items()}
    assert session.post(PATH, headers=headers).status_code == status


def test_a_key_does_not_excuse_a_foreign_origin(api: Api) -> None:
    assert api("POST", PATH, headers={"Origin": "http://evil.example"}).status_code == 403


def test_login_needs_its_token(browser: FlaskClient) -> None:
    browser.get("/login")
    assert browser.post("/login", data={"key": ADMIN_KEY}).status_code == 403


def test_nothing_changes_by_get(app: Flask) -> None:
    """Routes that change something know no GET."""
    for rule in app.url_map.iter_rules():
        methods = set(rule.methods or ()) - {"OPTIONS", "HEAD"}
        assert methods == {"GET"} or "GET" not in methods, rule


# ---- hosts -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("localhost:3000", 200, id="localhost"),
        pytest.param("127.0.0.1:3000", 200, id="loopback"),
        pytest.param("[::1]:3000", 200, id="IPv6"),
        pytest.param("192.168.1.20:3000", 200, id="an address"),
        pytest.param("gateway.lan", 200, id="listed in ADMIN_HOSTS"),
        pytest.param("GATEWAY.LAN:443", 200, id="in capitals"),
        pytest.param("evil.example", 403, id="rebinding"),
        pytest.param("localhost.evil.example", 403, id="looks like ours"),
        pytest.param("127.0.0.1.evil.example", 403, id="looks like an address"),
    ],
)
def test_hosts(settings: Settings, store: Store, host: str, status: int) -> None:
    app = create_app(replace(settings, admin_hosts=("gateway.lan",)), store)
    answer = app.test_client().get("/api/templates", headers={"Host": host, **RIGHT})
    assert answer.status_code == status


def test_own_address_is_enough_for_the_login_page(browser: FlaskClient) -> None:
    assert browser.get("/login", headers={"Host": "evil.example"}).status_code == 403


# ---- lock-out --------------------------------------------------------------------------------------------------------
GUESSES: Final = itertools.count()


def came_from(address: str) -> dict[str, str]:
    return {"REMOTE_ADDR": address}


def tries(client: FlaskClient, count: int, address: str, key: str = "") -> list[int]:
    """Statuses of as many requests, each with another wrong key, or all with ``key``."""
    found = []
    for _ in range(count):
        headers = {"x-api-key": key or f"wrong-{next(GUESSES)}"}
        found.append(client.get("/api/channels", headers=headers, environ_base=came_from(address)).status_code)
    return found


def test_an_address_that_guesses_is_told_to_wait(browser: FlaskClient, clock: Clock) -> None:
    assert tries(browser, auth.MAX_FAILURES + 1, "10.0.0.1") == [401] * auth.MAX_FAILURES + [429]
    refused = browser.get("/api/channels", headers={"x-api-key": "wrong"}, environ_base=came_from("10.0.0.1"))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "301")
    assert tries(browser, 1, "10.0.0.2") == [401]
    clock.now += auth.FAILURE_WINDOW + 1
    assert tries(browser, 1, "10.0.0.1") == [401]


def test_the_right_key_passes_and_ends_the_lock(browser: FlaskClient) -> None:
    tries(browser, auth.MAX_FAILURES, "10.0.0.1")
    assert browser.get("/api/channels", headers=RIGHT, environ_base=came_from("10.0.0.1")).status_code == 200
    assert tries(browser, 1, "10.0.0.1") == [401]


def test_one_old_key_shuts_nobody_out(browser: FlaskClient) -> None:
    assert tries(browser, 3 * auth.MAX_FAILURES, "10.0.0.1", "old") == [401] * 3 * auth.MAX_FAILURES


def test_the_form_counts_too(browser: FlaskClient) -> None:
    assert [log_in(browser, f"wrong-{n}").status_code for n in range(6)] == [401] * 5 + [429]
    assert log_in(browser, "").status_code == 429 and log_in(browser).status_code == 303


def test_an_empty_form_is_no_guess(browser: FlaskClient) -> None:
    assert [log_in(browser, "").status_code for _ in range(7)] == [401] * 7


def test_guesses_in_parallel_count_like_guesses_in_a_row(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(panel: Panel, key: str) -> None:
        time.sleep(0.02)

    monkeypatch.setattr(users, "with_key", slowly)
    with ThreadPoolExecutor(8) as pool:
        found = [status for (status,) in pool.map(lambda _: tries(app.test_client(), 1, "10.0.0.1"), range(16))]
    assert found.count(401) == auth.MAX_FAILURES and found.count(429) == 16 - auth.MAX_FAILURES


def test_a_network_of_version_6_counts_as_one(browser: FlaskClient) -> None:
    found = [tries(browser, 1, f"2001:db8::{n}")[0] for n in range(6)]
    assert found == [401] * 5 + [429]


def test_wrong_keys_are_events(browser: FlaskClient, api: Api, store: Store) -> None:
    tries(browser, 1, "10.0.0.9")
    store.flush()
    assert "10.0.0.9" in api.get("/api/events?kind=login")["events"][0]["message"]


# ---- headers ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    ["/login", "/api/templates", "/api/nothing", "/nothing", "/static/nothing.js"],
)
def test_headers_are_on_every_answer(session: FlaskClient, path: str) -> None:
    headers = session.get(path).headers
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_huge_bodies_are_refused(api: Api) -> None:
    big: dict[str, Any] = {"text": "x" * (9 << 20)}
    assert api("POST", "/api/config/validate", big).status_code == 413
