"""The gateway behind nginx, Caddy, HAProxy and Apache httpd as the recipes of the config folder set them up: under a name
of its own, and below a path of another site."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.patience import PATIENCE, wait_for
from tests.wire.program import ADMIN_KEY, CLIENT_KEY, Fake, all_kinds, running_program
from tests.wire.proxies import FROM, Front, running_front

KEY = {"authorization": f"Bearer {CLIENT_KEY}"}
ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
LINK = re.compile(r'(?:href|src|action|hx-get|hx-post)="(/[^"]*)"')
TEMPLATE = re.compile(r"<template.*?</template>", re.DOTALL)
"""What scripts fill in leads nowhere yet."""


@pytest.fixture(
    scope="module",
    params=[
        ("nginx", ""),
        ("nginx", "/ccx"),
        ("caddy", ""),
        ("caddy", "/ccx"),
        ("haproxy", "/ccx"),
        ("apache", "/ccx"),
    ],
    ids=lambda param: "".join(param),
)
def front(request: pytest.FixtureRequest, fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    kind, prefix = request.param
    folder: Path = tmp_path_factory.mktemp("behind")
    env = {"TRUSTED_PROXIES": "127.0.0.1", "ADMIN_HOSTS": "example.com,ccx.example.com", "BASE_PATH": prefix}
    with (
        running_program(folder, *all_kinds(fake), env=env, panel=True) as program,
        running_front(kind, prefix, program, folder) as found,
    ):
        wait_for(lambda: httpx.get(f"{program.url}/login").status_code == 200)
        yield found


def test_an_api_request_and_who_it_is_from(front: Front) -> None:
    lies = {"x-forwarded-for": "6.6.6.6", "x-forwarded-host": "evil.example", "x-forwarded-proto": "http"}
    lies["x-forwarded-prefix"] = f"{front.prefix}/v1"
    with front.browser() as client:
        answer = client.post(f"{front.prefix}/v1/chat/completions", json=ASK, headers={**KEY, **lies})
    assert answer.status_code == 200
    assert front.program.row(answer.headers["x-ccx-request-id"])["client_ip"] == FROM


def test_a_large_request_to_a_model_with_a_slash_in_its_name(front: Front) -> None:
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}).encode() + b" " * 3_000_000
    headers = {**KEY, "content-type": "application/json"}
    with front.browser() as client:
        answer = client.post(f"{front.prefix}/v1beta/models/org%2Fmodel:generateContent", content=body, headers=headers)
    assert answer.status_code == 200
    assert front.program.row(answer.headers["x-ccx-request-id"])["model"] == "org/model"


def test_a_stream_comes_while_it_is_made(front: Front) -> None:
    body = {"model": "gpt-4.1-fake-slowchunks=20", "stream": True, "messages": [{"role": "user", "content": "long:30"}]}
    with (
        front.browser() as client,
        client.stream("POST", f"{front.prefix}/v1/chat/completions", json=body, headers=KEY) as answer,
    ):
        pieces = list(answer.iter_raw())
    assert b"".join(pieces).rstrip().endswith(b"[DONE]")
    assert len(pieces) > 10, "nobody between has collected them"


def test_the_health_of_the_gateway(front: Front) -> None:
    with front.browser() as client:
        for path in ("/health", "/health/ready"):
            assert [client.request(m, front.prefix + path).status_code for m in ("GET", "HEAD")] == [200, 200]


def log_in(client: httpx.Client, front: Front) -> httpx.Response:
    page = client.get(f"{front.prefix}/channels")
    assert page.status_code == 303 and page.headers["location"].startswith(f"{front.prefix}/login?")
    page = client.get(page.headers["location"])
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    form = {"key": ADMIN_KEY, "csrf_token": token[1], "next": "/channels"}
    return client.post(f"{front.prefix}/login", data=form, headers={"origin": front.origin})


def test_the_panel_its_cookie_and_all_its_links(front: Front) -> None:
    with front.browser() as client:
        answer = log_in(client, front)
        assert answer.status_code == 303 and answer.headers["location"] == f"{front.prefix}/channels"
        cookie = answer.headers["set-cookie"]
        assert "; Secure;" in cookie and f"; Path={front.prefix or '/'};" in f"{cookie};"
        links = set()
        for path in ("/", "/channels", "/requests", "/sessions", "/usage", "/clients", "/settings", "/test"):
            page = client.get(front.prefix + path)
            assert page.status_code == 200
            assert f'data-base="{front.prefix}"' in page.text
            links |= set(LINK.findall(TEMPLATE.sub("", page.text)))
        assert len(links) > 20
        assert [link for link in links if not link.startswith(f"{front.prefix}/")] == []
        for link in links:
            expected = (200, 405) if link.endswith("/logout") else (200, 303)
            assert client.get(link.replace("&amp;", "&")).status_code in expected, link
        assert client.get(f"{front.prefix}/?theme=dark").headers["location"] == f"{front.prefix}/"
        changed = client.patch(f"{front.prefix}/api/settings", json={}, headers={"origin": front.origin})
        assert changed.status_code == 403 and "CSRF" in changed.text
    (event,) = wait_for(lambda: front.program.query("select message from events where kind = 'login'"))
    assert event["message"] == f"logged in from {FROM}"


def test_another_site_may_change_nothing(front: Front) -> None:
    with front.browser() as client:
        answer = client.post(f"{front.prefix}/login", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403 and "X-Forwarded-Host" in answer.text


def test_the_live_socket(front: Front) -> None:
    address = f"wss://{front.host}{front.prefix}/api/live"
    headers = {"x-api-key": ADMIN_KEY, "origin": front.origin}
    with (
        front.browser() as client,
        connect(address, additional_headers=headers, sock=front.socket(), ssl=front.trust) as live,
    ):
        client.post(f"{front.prefix}/v1/chat/completions", json=ASK, headers=KEY)
        rows = wait_for(lambda: json.loads(live.recv(PATIENCE))["rows"])
        assert rows[-1]["model"] == ASK["model"]
