"""The panel behind the gateway's port: its own process, which may die without touching traffic."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.patience import PATIENCE, wait_for
from tests.wire.program import ADMIN_KEY, CLIENT_KEY, Fake, Program, all_kinds, free_port, running_program

ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module")
def program(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running_program(tmp_path_factory.mktemp("ccx"), *all_kinds(fake), panel=True) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def panel_answers(program: Program) -> None:
    wait_for(lambda: answers(program.url))


def answers(url: str) -> bool:
    """Whether the login page comes. While the panel starts, a request waits for it."""
    try:
        return httpx.get(f"{url}/login", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def test_pages_and_api_come_through_the_public_port(program: Program) -> None:
    assert httpx.get(f"{program.url}/").headers["location"].endswith("/login")
    answer = httpx.get(f"{program.url}/api/status", headers={"x-api-key": ADMIN_KEY})
    assert answer.status_code == 200 and answer.json()["gateway_url"] == program.url
    assert answer.headers["content-security-policy"] and answer.headers["x-content-type-options"] == "nosniff"


def test_a_client_key_opens_no_panel_and_the_admin_key_no_model(program: Program) -> None:
    assert httpx.get(f"{program.url}/api/status", headers={"x-api-key": CLIENT_KEY}).status_code == 401
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    assert httpx.post(f"{program.url}/v1/chat/completions", json=ASK, headers=headers).status_code == 401


def test_another_host_name_is_refused(program: Program) -> None:
    assert httpx.get(f"{program.url}/login", headers={"host": "evil.example"}).status_code in (400, 403, 421)


def test_what_a_client_says_of_itself_is_not_believed(program: Program) -> None:
    """Neither who it is, nor how it came, nor where the panel is mounted."""
    tricks = {"x-forwarded-for": "1.1.1.1", "x-forwarded-proto": "https", "x-forwarded-ssl": "on", "x-script-name": "/x",
              "script_name": "/evil", "x-forwarded-host": "evil.example", "x-forwarded-prefix": "/evil"}  # fmt: skip
    for name, value in tricks.items():
        answer = httpx.get(f"{program.url}/login", headers={name: value})
        if answer.status_code == 400:
            continue  # refused before it gets so far
        assert answer.status_code == 200 and "evil" not in answer.text, name
        assert "secure" not in answer.headers["set-cookie"].lower()
    httpx.get(f"{program.url}/api/status", headers={"x-api-key": "no", "x-forwarded-for": "1.1.1.1"})
    events = wait_for(lambda: program.query("select message from events where kind = 'login'"))
    assert [event["message"] for event in events][-1] == "wrong admin key from 127.0.0.1"


def test_behind_a_trusted_proxy_and_nowhere_else(tmp_path: Path) -> None:
    port = free_port()
    env = {"TRUSTED_PROXIES": "127.0.0.0/8", "ADMIN_HOSTS": "ccx.example", "ADMIN_PORT": str(port)}
    with running_program(tmp_path, env=env, panel=True) as program:
        wait_for(lambda: answers(program.url))
        headers = {"x-forwarded-proto": "https", "x-forwarded-host": "ccx.example", "x-forwarded-for": "1.2.3.4"}
        with httpx.Client(base_url=program.url, headers=headers) as browser:
            assert log_in(browser, "https://evil.example").status_code == 403
            assert log_in(browser, "https://ccx.example:444").status_code == 403
            answer = log_in(browser, "https://ccx.example")
            assert answer.status_code == 303 and "; Secure;" in answer.headers["set-cookie"]
        events = wait_for(lambda: program.query("select message from events where kind = 'login'"))
        assert [event["message"] for event in events] == ["logged in from 1.2.3.4"]
        direct = f"http://127.0.0.1:{port}/api/status"
        assert httpx.get(direct, headers={"x-api-key": ADMIN_KEY, "x-forwarded-for": "1.2.3.4"}).status_code == 403


def log_in(browser: httpx.Client, origin: str) -> httpx.Response:
    """As a browser that does not look whether its cookie may go over http."""
    page = browser.get("/login")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    cookie = page.headers["set-cookie"].partition(";")[0]
    assert token
    form = {"key": ADMIN_KEY, "csrf_token": token[1]}
    return browser.post("/login", data=form, headers={"origin": origin, "cookie": cookie})


def test_the_live_socket_passes(program: Program) -> None:
    address = program.url.replace("http", "ws") + "/api/live"
    with connect(address, additional_headers={"x-api-key": ADMIN_KEY, "origin": program.url}) as live:
        assert program.post("/v1/chat/completions", ASK).status_code == 200
        rows = wait_for(lambda: json.loads(live.recv(PATIENCE))["rows"])
        assert rows[-1]["model"] == ASK["model"]
    with pytest.raises(InvalidStatus), connect(address, additional_headers={"origin": "http://evil.example"}):
        pass


def test_the_playgrounds_answer_comes_while_it_is_made(program: Program) -> None:
    body = {"protocol": "chat", "model": "gpt-4.1-fake-slowchunks=40", "prompt": "long:30", "channel": "chat-a"}
    headers = {"x-api-key": ADMIN_KEY}
    pieces, times = [], []
    with httpx.stream("POST", f"{program.url}/api/playground", json=body, headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                pieces.append(json.loads(line[6:]))
                times.append(time.monotonic())
    assert "".join(piece.get("text", "") for piece in pieces).split() == [f"word{n}" for n in range(30)]
    assert times[-1] - times[0] > 0.2, "not all at the end"
    row = program.row(pieces[0]["request_id"])
    assert (row["source"], row["channel_name"], row["state"]) == ("test", "chat-a", "ok")
    assert [attempt["source"] for attempt in program.attempts(row["id"])] == ["test"]


def test_a_panel_that_dies_comes_back_and_traffic_never_notices(program: Program) -> None:
    (panel,) = program.children("panel")
    os.kill(panel, signal.SIGKILL)
    assert program.post("/v1/chat/completions", ASK).status_code == 200
    wait_for(lambda: answers(program.url))
