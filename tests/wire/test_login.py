"""A client's own login at its upstream: passed on as it came, kept nowhere, and nobody else's in its place."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from websockets.sync.client import connect

from ccx_addons.core.ids import uuid7
from tests.patience import PATIENCE, wait_for
from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program

OWN: Final = "sk-ant-oat01-OWNLOGIN-0123456789abcdefghijklmnop"
RENEWED: Final = "sk-ant-oat01-RENEWED-0123456789abcdefghijklmnop"
ACCOUNT: Final = "3f2a9d1c-77aa-4c0e-9b1f-0123456789ab"
ASK: Final = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}


def passing(name: str, url: str, protocol: str = "messages", **more: Any) -> dict[str, Any]:
    return {"name": name, "protocol": protocol, "base_urls": [url], "credential": "client", **more}


@pytest.fixture(scope="module")
def started(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    channels = [passing("own", fake.url), channel("keys", fake.url, "messages", priority=2)]
    with running_program(
        tmp_path_factory.mktemp("login"),
        *channels,
        policy={"bodies": {"capture": "all"}},
        env={"LOOPBACK_CLIENT": "default"},
    ) as program:
        yield program


@pytest.fixture
def gateway(started: Program, fake: Fake) -> Program:
    fake.clear()
    started.last_id = uuid7()
    return started


def heard(fake: Fake) -> list[dict[str, str]]:
    """The headers of what arrived."""
    return [{name.lower(): value for name, value in request["headers"]} for request in fake.requests()]


def ask(program: Program, path: str = "/v1/messages", body: Any = ASK, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{program.url}{path}", json=body, headers=given)


def test_it_goes_on_as_it_came_also_renewed(gateway: Program, fake: Fake) -> None:
    for token in (OWN, RENEWED):
        answer = ask(gateway, authorization=f"Bearer {token}", x_ccx_key=CLIENT_KEY, anthropic_beta="oauth-2025-04-20")
        assert answer.status_code == 200
        headers = heard(fake)[-1]
        assert headers["authorization"] == f"Bearer {token}" and headers["anthropic-beta"] == "oauth-2025-04-20"
        assert "x-ccx-key" not in headers and "x-api-key" not in headers
        row = gateway.newest()
        assert (row["channel_name"], row["client_name"]) == ("own", "default") and "login" in row["key_mask"]


def test_it_is_kept_nowhere(gateway: Program) -> None:
    answer = ask(gateway, authorization=f"Bearer {OWN}", x_ccx_key=CLIENT_KEY, chatgpt_account_id=ACCOUNT)
    id = answer.headers["x-ccx-request-id"]
    wait_for(lambda: len(gateway.query("select 1 from bodies where request_id = ?", id)) == 4)
    written = gateway.written()
    for secret in (OWN, CLIENT_KEY, OWN[13:40], ACCOUNT):
        assert secret.encode() not in written and secret not in gateway.log.read_text()


def test_an_echo_in_an_error_is_masked_in_the_log(fake: Fake, tmp_path: Path) -> None:
    refusal = {
        "type": "error",
        "error": {"type": "authentication_error", "message": "bad token fake:scripted=echo:OWNLOGIN0123456789"},
    }
    fake.script({"echo": {"status": 401, "body": refusal}})
    policy = {"bodies": {"capture": "all"}}
    with running_program(tmp_path, passing("own", fake.url), policy=policy) as program:
        answer = ask(program, authorization="Bearer fake:scripted=echo:OWNLOGIN0123456789", x_ccx_key=CLIENT_KEY)
        assert answer.status_code == 401
        row = program.newest()
        assert row["state"] == "failed" and "OWNLOGIN0123456789" not in str(row)
        assert "OWNLOGIN0123456789" not in str(program.attempts(row["id"]))
        again = ask(program, authorization=f"Bearer {OWN}", x_ccx_key=CLIENT_KEY)
        assert again.status_code == 200, "one login's refusal is nobody else's"


def test_nobody_elses_stands_in(gateway: Program, fake: Fake) -> None:
    answer = ask(gateway, authorization="Bearer fake:status=500:own-login", x_ccx_key=CLIENT_KEY)
    assert answer.status_code == 500
    asked = {headers.get("authorization", "none") for headers in heard(fake)}
    assert asked == {"Bearer fake:status=500:own-login"}
    attempts = gateway.attempts(gateway.newest()["id"])
    assert {attempt["channel_name"] for attempt in attempts} == {"own"}


def test_without_a_login_the_gateways_keys_are_used(gateway: Program, fake: Fake) -> None:
    assert gateway.post("/v1/messages", ASK).status_code == 200
    assert gateway.newest()["channel_name"] == "keys"
    assert CLIENT_KEY not in str(heard(fake)[-1])


def test_the_gateways_own_key_is_no_login(gateway: Program, fake: Fake) -> None:
    assert ask(gateway, authorization=f"Bearer {CLIENT_KEY}", x_ccx_key=CLIENT_KEY).status_code == 200
    assert gateway.newest()["channel_name"] == "keys" and CLIENT_KEY not in str(heard(fake)[-1])


def test_a_wrong_gateway_key_is_refused_whatever_the_login(gateway: Program, fake: Fake) -> None:
    assert ask(gateway, authorization=f"Bearer {OWN}", x_ccx_key="wrong").status_code == 401
    assert fake.requests() == []


def test_on_this_machine_no_key_is_needed_where_that_is_switched_on(gateway: Program, fake: Fake) -> None:
    assert ask(gateway, authorization=f"Bearer {OWN}").status_code == 200
    assert gateway.newest()["client_name"] == "default" and heard(fake)[-1]["authorization"].endswith(OWN)
    for headers in (
        {"authorization": f"Bearer {OWN}", "origin": "https://evil.test"},
        {"authorization": f"Bearer {OWN}", "host": "evil.test"},
        {"authorization": f"Bearer {OWN}", "x-forwarded-for": "1.2.3.4"},
        {},
    ):
        assert httpx.post(f"{gateway.url}/v1/messages", json=ASK, headers=headers).status_code == 401
    assert len(fake.requests()) == 1


def test_elsewhere_it_is(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, passing("own", fake.url)) as program:
        assert ask(program, authorization=f"Bearer {OWN}").status_code == 401


def test_codex_says_which_account(fake: Fake, tmp_path: Path) -> None:
    fake.clear()
    with running_program(tmp_path, passing("own", fake.url, "responses")) as program:
        body = {"model": "gpt-5.1", "input": "hello", "stream": True}
        headers = {"authorization": f"Bearer {OWN}", "x_ccx_key": CLIENT_KEY, "chatgpt_account_id": ACCOUNT}
        assert ask(program, "/v1/responses", body, **headers).status_code == 200
    assert heard(fake)[-1]["chatgpt-account-id"] == ACCOUNT


def test_it_goes_on_over_a_websocket(fake: Fake, tmp_path: Path) -> None:
    """Of the handshake, for each request of the connection."""
    keys = channel("keys", fake.url, "responses", priority=2)
    with running_program(tmp_path, passing("own", fake.url, "responses"), keys) as program:
        fake.clear()
        headers = {"authorization": f"Bearer {OWN}", "x-ccx-key": CLIENT_KEY, "chatgpt-account-id": ACCOUNT}
        with connect(program.url.replace("http", "ws") + "/v1/responses", additional_headers=headers) as socket:
            for words in ("one", "two"):
                socket.send(json.dumps({"type": "response.create", "model": "gpt-5.1", "input": words}))
                while json.loads(socket.recv(PATIENCE))["type"] != "response.completed":
                    pass
        asked = heard(fake)
        assert len(asked) == 2 and {headers["authorization"] for headers in asked} == {f"Bearer {OWN}"}
        assert {headers["chatgpt-account-id"] for headers in asked} == {ACCOUNT}
        rows = [program.newest(), program.newest()]
        assert {row["channel_name"] for row in rows} == {"own"} and all("login" in row["key_mask"] for row in rows)
        assert OWN.encode() not in program.written()


def test_a_count_goes_where_the_login_goes(gateway: Program, fake: Fake) -> None:
    body = {key: value for key, value in ASK.items() if key != "max_tokens"}
    answer = ask(gateway, "/v1/messages/count_tokens", body, authorization=f"Bearer {OWN}", x_ccx_key=CLIENT_KEY)
    assert answer.status_code == 200 and "x-ccx-estimated" not in answer.headers
    assert heard(fake)[-1]["authorization"] == f"Bearer {OWN}"


def test_a_refused_login_is_told_as_its_upstream_says_it(gateway: Program, fake: Fake) -> None:
    """A client renews its login after just that, and the next request goes on with the new one."""
    error = {"type": "authentication_error", "message": "OAuth token has expired", "details": {"code": "token_expired"}}
    fake.script({"expired": {"status": 401, "body": {"type": "error", "error": error, "request_id": "req_1"}}})
    for stream in (False, True):
        body = {**ASK, "stream": stream}
        answer = ask(gateway, body=body, authorization="Bearer fake:scripted=expired:own", x_ccx_key=CLIENT_KEY)
        assert (answer.status_code, answer.json()["error"]) == (401, error)
    assert ask(gateway, authorization=f"Bearer {RENEWED}", x_ccx_key=CLIENT_KEY).status_code == 200
    assert len(fake.requests()) == 3
