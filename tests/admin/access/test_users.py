"""People of the panel: their keys, their roles, and what becomes of somebody who is no user any more."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.core.config_reader import sha256
from tests.admin.conftest import PROXY_KEY, Api, log_in, token_of
from tests.admin.every_page import every_page

KEYS = {
    "ann": "panel-key-of-ann-0123456789",
    "bob": "panel-key-of-bob-0123456789",
    "off": "panel-key-of-off-0123456789",
}
MAIN = "/api/channels/ch_main0001"


@pytest.fixture(autouse=True)
def people(folder: Path) -> Path:
    file = folder / "ccx.yaml"
    roles = {"ann": "edits", "bob": "sees", "off": "edits"}
    users = "".join(
        f"  - {{name: {name}, role: {role}, key_sha256: '{sha256(KEYS[name])}', enabled: {str(name != 'off').lower()}}}\n"
        for name, role in roles.items()
    )
    file.write_text(file.read_text() + f"users:\n{users}")
    return file


def by(name: str) -> dict[str, dict[str, str]]:
    return {"headers": {"x-api-key": KEYS[name]}}


@pytest.mark.parametrize(("name", "status"), [("ann", 200), ("bob", 200), ("off", 401)])
def test_a_users_key_opens_the_panel(api: Api, browser: FlaskClient, name: str, status: int) -> None:
    assert api("GET", "/api/channels", **by(name)).status_code == status
    assert log_in(browser, KEYS[name]).status_code == {200: 303, 401: 401}[status]


def test_a_clients_key_is_still_none(browser: FlaskClient) -> None:
    refused = log_in(browser, PROXY_KEY)
    assert refused.status_code == 401 and "This is a client&#39;s key" in refused.text
    assert "Nobody has this key" in log_in(browser, "somebody-elses-key").text


def test_a_key_that_is_right_nowhere_is_nobodys(browser: FlaskClient, folder: Path) -> None:
    """What was a client's once says no more than a guess."""
    file = folder / "ccx.yaml"
    assert "This is a client&#39;s key" in log_in(browser, "ccx-alice-0123456789abcdef").text
    assert "Nobody has this key" in log_in(browser, "ccx-ci-0123456789abcdef").text, "it is switched off"
    previous = f"previous: [{{key_sha256: '{sha256('ccx-old-0123456789abcdef')}', until: '2999-01-01'}}]"
    file.write_text(file.read_text().replace("    limits: {rpm: 60", f"    {previous}\n    limits: {{rpm: 60"))
    assert "This is a client&#39;s key" in log_in(browser, "ccx-old-0123456789abcdef").text


def test_who_sees_changes_nothing(api: Api, browser: FlaskClient) -> None:
    before = api.get(MAIN)
    for method, path in (
        ("POST", f"{MAIN}/suspend"),
        ("DELETE", MAIN),
        ("PATCH", "/api/settings"),
        ("DELETE", "/api/bodies"),
    ):
        answer = api(method, path, {}, **by("bob"))
        assert answer.status_code == 403 and "sees" in answer.get_json()["detail"], path
    assert api.get(MAIN) == before
    log_in(browser, KEYS["bob"])
    page = browser.get("/channels")
    assert "You may look at everything" in page.text and page.status_code == 200
    answer = browser.post(f"{MAIN}/suspend", headers={"X-CSRF-Token": token_of(page)})
    assert answer.status_code == 403
    assert browser.post("/logout", data={"csrf_token": token_of(page)}).status_code == 303


class Offers(HTMLParser):
    """Controls that change something: all but searches, copying, sorting and choosing columns."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.within: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("form", "fieldset", "details"):
            answers = given.get("method") == "dialog" and given.keys() <= {"method", "class"}  # and nothing takes it up
            harmless = answers or given.get("method") == "get" or given.get("action") == "/logout"
            self.within.append((tag, harmless or "disabled" in given or given.get("id") == "columns"))
        if tag in ("button", "input", "select", "textarea") and not any(harmless for _, harmless in self.within):
            off = {"disabled", "readonly", "data-copy"} & given.keys()
            looks = given.get("class") == "sorter" or given.get("id") in ("help-open", "fresh")
            if not off and not looks and not given.get("data-ask", "").startswith("GET "):
                self.found.append(self.get_starttag_text() or tag)
        if tag == "a" and any(part in given.get("href", "") for part in ("/channels/new", "/test?", "edit=")):
            self.found.append(given["href"])

    def handle_endtag(self, tag: str) -> None:
        if self.within and self.within[-1][0] == tag:
            self.within.pop()


@pytest.mark.usefixtures("filled")
def test_who_sees_is_offered_no_change_on_any_page(app: Flask, browser: FlaskClient) -> None:
    log_in(browser, KEYS["bob"])
    pages = every_page(app, browser)
    assert len(pages) > 30
    for path in pages:
        answer = browser.get(path)
        if path in ("/channels/new", "/test"):
            assert answer.status_code == 403, path
            continue
        assert answer.status_code == 200, path
        offers = Offers()
        offers.feed(answer.text)
        if "edit=" in path:  # links to the same page in another language
            offers.found = [one for one in offers.found if "edit=" not in one]
        assert offers.found == [], path


@pytest.mark.usefixtures("filled")
def test_who_edits_is_offered_it(browser: FlaskClient) -> None:
    log_in(browser, KEYS["ann"])
    for path in ("/channels", "/channels/ch_main0001", "/channels/new", "/clients", "/settings", "/test"):
        offers = Offers()
        offers.feed(browser.get(path).text)
        assert len(offers.found) > 3, path


def test_who_sees_may_ask_what_would_be(api: Api) -> None:
    text = api.get("/api/config")["text"]
    assert api("POST", "/api/config/validate", {"text": text}, **by("bob")).status_code == 200


def test_who_edits_is_named_in_the_history(api: Api) -> None:
    assert api("POST", f"{MAIN}/suspend", **by("ann")).status_code == 200
    assert api.get("/api/config/history")["versions"][0]["who"] == "ann"


def test_a_role_is_taken_away_at_once(browser: FlaskClient, people: Path) -> None:
    log_in(browser, KEYS["ann"])
    token = token_of(browser.get("/channels"))
    people.write_text(people.read_text().replace("name: ann, role: edits", "name: ann, role: sees"))
    assert browser.post(f"{MAIN}/suspend", headers={"X-CSRF-Token": token}).status_code == 403
    people.write_text(people.read_text().replace("name: ann,", "name: anna,"))
    assert browser.get("/api/channels").status_code == 401


def test_another_key_ends_what_the_old_one_began(browser: FlaskClient, people: Path) -> None:
    log_in(browser, KEYS["bob"])
    assert browser.get("/api/channels").status_code == 200
    people.write_text(people.read_text().replace(sha256(KEYS["bob"]), sha256("another-key-of-bob-0123456789")))
    assert browser.get("/api/channels").status_code == 401
