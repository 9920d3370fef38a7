"""Single sign-on against a real OpenID Connect provider on loopback: who comes in, and every way that leads nowhere."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_admin import create_app
from ccx_admin.access import oidc
from tests.admin.conftest import Clock


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with oidc_provider_mock.run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def settings(settings: Settings, provider: str, folder: Path) -> Settings:
    file = folder / "ccx.yaml"
    file.write_text(file.read_text() + "users:\n  - {name: ann@example.com, role: edits}\n")
    return replace(settings, oidc_issuer=provider, oidc_client_id="the-panel", oidc_client_secret="a-secret-0123456789")


def sign_on(browser: FlaskClient, who: str, **claims: Any) -> TestResponse:
    """As a browser does it: away, the form there, and back."""
    away = browser.get("/login/sso?next=/requests?q%3Dstate:failed")
    assert away.status_code == 303, away.text
    target = away.headers["location"]
    base = f"{urlsplit(target).scheme}://{urlsplit(target).netloc}"
    httpx.put(f"{base}/users/{who}", json={"email": who, **claims}).raise_for_status()
    there = httpx.post(target, data={"sub": who})
    assert there.status_code in (302, 303), there.text
    back = urlsplit(there.headers["location"])
    return browser.get(f"{back.path}?{back.query}")


def test_somebody_of_the_users_comes_in(browser: FlaskClient, store: Store) -> None:
    page = sign_on(browser, "ann@example.com")
    assert page.status_code == 200 and 'url=/requests?q=state:failed"' in page.text
    assert browser.get("/channels").status_code == 200
    store.flush()


@pytest.mark.parametrize(
    ("email", "claims", "words"),
    [
        pytest.param("eve@example.com", {}, "nobody of that name", id="nobody of ours"),
        pytest.param("ann@example.com", {"email_verified": False}, "not verified", id="an address that is not theirs"),
        pytest.param("ann@example.com", {"email_verified": "false"}, "not verified", id="as text"),
        pytest.param("ann@example.com", {"email": ""}, "says no email", id="no address"),
        pytest.param("admin", {}, "nobody of that name", id="as the admin is called"),
        pytest.param("Panel", {}, "nobody of that name", id="as the list of changes calls the admin"),
    ],
)
def test_who_does_not(browser: FlaskClient, email: str, claims: dict[str, Any], words: str) -> None:
    page = sign_on(browser, email, **claims)
    assert page.status_code == 403 and words in page.text
    assert browser.get("/channels").status_code == 303


def test_everybody_may_look(settings: Settings, store: Store, clock: Clock) -> None:
    app = create_app(replace(settings, oidc_everybody="sees"), store, clock=clock, ack_wait=0.0)
    browser = app.test_client()
    assert sign_on(browser, "eve@example.com").status_code == 200
    assert "You may look at everything" in browser.get("/channels").text


@pytest.mark.parametrize("name", ["admin", "API", "panel", "OFF@example.com", "a\nb", "x" * 65])
def test_not_everybody_is_everybody(settings: Settings, store: Store, clock: Clock, folder: Path, name: str) -> None:
    file = folder / "ccx.yaml"
    file.write_text(file.read_text() + "  - {name: off@example.com, enabled: false}\n")
    app = create_app(replace(settings, oidc_everybody="edits"), store, clock=clock, ack_wait=0.0)
    browser = app.test_client()
    assert sign_on(browser, "somebody", email=name).status_code == 403
    assert browser.get("/channels").status_code == 303


def test_a_name_in_other_letters_is_the_same_person(browser: FlaskClient) -> None:
    assert sign_on(browser, "ann", email="Ann@Example.com").status_code == 200


def test_a_long_way_does_not_end_the_login(browser: FlaskClient) -> None:
    cookie = browser.get(f"/login/sso?next=/{'x' * 6000}").headers["set-cookie"]
    assert len(cookie.partition(";")[0]) < 4000


def test_an_answer_to_another_login_is_refused(app: Flask) -> None:
    ours, theirs = app.test_client(), app.test_client()
    ours.get("/login/sso")
    away = theirs.get("/login/sso")
    state = parse_qs(urlsplit(away.headers["location"]).query)["state"][0]
    assert ours.get(f"/login/sso/back?state={state}&code=x").status_code == 403
    assert app.test_client().get(f"/login/sso/back?state={state}&code=x").status_code == 403


def test_a_wrong_code_and_an_error_there_are_told(browser: FlaskClient) -> None:
    for query, words in (("code=guessed", "the provider answered"), ("error=access_denied", "access_denied")):
        state = parse_qs(urlsplit(browser.get("/login/sso").headers["location"]).query)["state"][0]
        page = browser.get(f"/login/sso/back?state={state}&{query}")
        assert page.status_code == 403 and words in page.text


def test_a_token_for_somebody_else_is_refused(settings: Settings) -> None:
    with httpx.Client() as client:
        base = settings.oidc_issuer
        client.put(f"{base}/users/ann", json={"email": "ann@example.com"})
        query = {
            "response_type": "code",
            "client_id": "another",
            "redirect_uri": "http://x/",
            "scope": "openid email",
            "nonce": "n",
        }
        there = client.post(f"{base}/oauth2/authorize", params=query, data={"sub": "ann"})
        code = parse_qs(urlsplit(there.headers["location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://x/"}
        tokens = client.post(f"{base}/oauth2/token", data=form, auth=("another", "x")).json()
    provider = oidc.discovered(settings)
    own = replace(settings, oidc_client_id="another")
    assert oidc.claims_of(own, provider, tokens, "n")["email"] == "ann@example.com"
    for wrong, nonce in ((settings, "n"), (own, "m")):
        with pytest.raises(oidc.SignOnFailed):
            oidc.claims_of(wrong, provider, tokens, nonce)
    head, body, sign = tokens["id_token"].split(".")
    for forged in (f"{head}.{body}.", f"{head}.{body}.{sign[::-1]}", "eyJhbGciOiJub25lIn0." + body + "."):
        with pytest.raises(oidc.SignOnFailed):
            oidc.claims_of(own, provider, {"id_token": forged}, "n")


@pytest.mark.parametrize("issuer", ["http://localhost:1", "http://provider.example"])
def test_a_provider_that_is_away_is_told(settings: Settings, store: Store, clock: Clock, issuer: str) -> None:
    app = create_app(replace(settings, oidc_issuer=issuer), store, clock=clock, ack_wait=0.0)
    page = app.test_client().get("/login/sso")
    assert page.status_code == 403 and "provider" in page.text


def test_without_a_provider_there_is_no_such_page(settings: Settings, store: Store, clock: Clock) -> None:
    app = create_app(replace(settings, oidc_issuer=""), store, clock=clock, ack_wait=0.0)
    browser = app.test_client()
    assert browser.get("/login/sso").status_code == 404 and "/login/sso" not in browser.get("/login").text
