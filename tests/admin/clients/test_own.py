"""A client's own page: behind its own key, and nothing else behind it."""

import hashlib
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from tests.admin import seed
from tests.admin.conftest import ADMIN_KEY, NOW, Clock, log_in, token_of

KEY = "ccx-alice-0123456789abcdef"


def enter(browser: FlaskClient, key: str = KEY) -> int:
    token = token_of(browser.get("/clients/me/login"))
    return browser.post("/clients/me/login", data={"key": key, "csrf_token": token}).status_code


@pytest.fixture
def seen(store: Store) -> None:
    for n, name in enumerate(("alice-laptop", "somebody-else")):
        store.put_request(
            {"id": f"r{n}", "started_at": int(NOW * 1000) - 60_000, "ended_at": int(NOW * 1000), "state": "ok", "status": 200,
             "client_name": name, "model": f"model-of-{name}", "channel_name": "main", "channel_id": "ch_main0001",
             "key_mask": "sk-a…AAAA", "input_tokens": 1234, "output_tokens": 5, "kind": "messages"}
        )  # fmt: skip
    store.flush()


@pytest.mark.usefixtures("seen")
def test_a_client_sees_itself_and_nothing_of_the_channels(browser: FlaskClient) -> None:
    assert browser.get("/clients/me").status_code == 303
    assert enter(browser) == 303
    page = browser.get("/clients/me").text
    assert "alice-laptop" in page and "model-of-alice-laptop" in page and "60 requests per minute" in page
    for hidden in ("somebody-else", "ch_main0001", "sk-a", ">main<", "backup", "bigmodel", KEY, *seed.SECRETS):
        assert hidden not in page, hidden


def test_its_session_opens_nothing_else(browser: FlaskClient) -> None:
    enter(browser)
    for path in (
        "/",
        "/channels",
        "/clients",
        "/requests",
        "/settings",
        "/api/clients",
        "/api/config",
        "/channels/keys",
    ):
        assert browser.get(path).status_code in (303, 401), path


def test_the_admins_session_is_none_of_a_client(browser: FlaskClient) -> None:
    log_in(browser)
    assert browser.get("/clients/me").status_code == 303
    assert enter(browser, ADMIN_KEY) == 401


@pytest.mark.parametrize("key", ["", "wrong", "ccx-ci-0123456789abcdef", "\udcff"])
def test_other_keys_are_refused(browser: FlaskClient, key: str) -> None:
    assert enter(browser, key.encode("utf-8", "replace").decode()) == 401


def test_guessing_is_locked_out(browser: FlaskClient) -> None:
    codes = [enter(browser, f"guess-{n}") for n in range(7)]
    assert codes[0] == 401 and codes[-1] == 429


def test_a_form_of_another_site_is_refused(browser: FlaskClient) -> None:
    assert browser.post("/clients/me/login", data={"key": KEY}).status_code == 403
    enter(browser)
    assert browser.post("/clients/me/logout").status_code == 403
    token = token_of(browser.get("/clients/me"))
    assert browser.post("/clients/me/logout", data={"csrf_token": token}).status_code == 303
    assert browser.get("/clients/me").status_code == 303


PREVIOUS = f"previous: [{{key_sha256: {hashlib.sha256(b'ccx-before').hexdigest()}, until: 2026-11-25T10:00:30Z}}]"


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize(("key", "line"), [(KEY, "expires: 2026-11-25T10:00:30Z"), ("ccx-before", PREVIOUS)])
def test_it_ends_with_its_key(
    browser: FlaskClient, folder: Path, clock: Clock, key: str, line: str, broken: bool
) -> None:
    config = folder / "ccx.yaml"
    config.write_text(seed.CONFIG.replace("    limits: {rpm: 60", f"    {line}\n    limits: {{rpm: 60"))
    browser.set_cookie("tz", "Asia/Shanghai")
    assert enter(browser, key) == 303
    assert (">2026-11-25 18:00:30<" in browser.get("/clients/me").text) is (key == KEY)
    if broken:
        config.write_text("a: [")
    clock.now += 31
    assert browser.get("/clients/me").status_code == 303
    assert enter(browser, key) == 401


def test_tools_of_kinds_that_nobody_serves_are_not_offered(browser: FlaskClient, folder: Path) -> None:
    enter(browser)
    tools = re.findall(r'class="chip[^"]*" href="[^"]*tool=([\w-]+)', browser.get("/clients/me").text)
    assert "claude-code" in tools
    text = seed.CONFIG.replace("limits: {rpm: 60", "kinds: [embeddings]\n    limits: {rpm: 60")
    (folder / "ccx.yaml").write_text(text)
    page = browser.get("/clients/me").text
    assert "claude-code" not in page


def test_a_client_sees_the_models_that_it_may_ask_for(browser: FlaskClient, folder: Path) -> None:
    file = folder / "ccx.yaml"
    text = file.read_text().replace("models: {opus: glm-5,", "models: {opus: glm-5, not-for-alice: x,")
    text = text.replace(
        "    name: codex\n", "    name: codex\n    route_prefix: team\n    models: {behind-a-prefix: x}\n"
    )
    file.write_text(text.replace("    limits: {rpm: 60", "    models: ['!not-*']\n    limits: {rpm: 60"))
    enter(browser)
    page = browser.get("/clients/me").text
    assert ">opus</span>, <span" in page and ">sonnet</span>" in page and "/v1/models</code>" in page
    assert not [name for name in ("not-for-alice", "glm-5", "behind-a-prefix") if name in page]
