"""Gemini CLI's Google login: Code Assist's form of Gemini, passed on with the login it came with."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.patience import wait_for
from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program

TOKEN: Final = "ya29.OWNGOOGLELOGIN-0123456789abcdefghijklmnop"
MODEL: Final = "gemini-2.5-pro"
OTHER: Final = "gemini-2.5-flash"
INNER: Final = {"contents": [{"role": "user", "parts": [{"text": "hello a@b.test"}]}], "session_id": "s-1"}
ASK: Final = {"model": MODEL, "project": "p", "user_prompt_id": "u", "request": INNER}


def own(fake: Fake, **more: Any) -> dict[str, Any]:
    return {
        "name": "own",
        "protocol": "gemini",
        "base_urls": [f"{fake.url}/v1internal"],
        "credential": "client",
        **more,
    }


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    plain = channel("keys", fake.url, "gemini", priority=0)
    renamed = own(fake, name="renamed", route_prefix="renamed", models={MODEL: OTHER})
    masked = own(fake, name="masked", route_prefix="masked", mask=["email"])
    folder = tmp_path_factory.mktemp("code-assist")
    with running_program(folder, own(fake), plain, renamed, masked, policy={"bodies": {"capture": "all"}}) as program:
        yield program


@pytest.fixture(autouse=True)
def clear(fake: Fake) -> None:
    fake.clear()


def ask(program: Program, call: str, body: Any = ASK, token: str = TOKEN, prefix: str = "") -> httpx.Response:
    headers = {"authorization": f"Bearer {token}", "x-ccx-key": CLIENT_KEY, "user-agent": "GeminiCLI/0.61.0"}
    if body is None:
        return httpx.get(f"{program.url}{prefix}/v1internal{call}", headers=headers)
    return httpx.post(f"{program.url}{prefix}/v1internal{call}", json=body, headers=headers)


def newest(program: Program, answer: httpx.Response) -> dict[str, Any]:
    return program.row(answer.headers["x-ccx-request-id"])


def said(text: str) -> str:
    pieces = [json.loads(line[6:])["response"] for line in text.splitlines() if line.startswith("data: ")]
    parts = [part for piece in pieces for part in piece["candidates"][0]["content"]["parts"]]
    return "".join(part.get("text", "") for part in parts)


@pytest.mark.parametrize("call", [":generateContent", ":streamGenerateContent?alt=sse", ":streamGenerateContent"])
def test_it_goes_on_as_it_came_and_is_understood(gateway: Program, fake: Fake, call: str) -> None:
    answer = ask(gateway, call)
    assert answer.status_code == 200 and '"response"' in answer.text and "hello" in answer.text
    (heard,) = fake.requests()
    headers = {name.lower(): value for name, value in heard["headers"]}
    assert heard["path"] + ("?alt=sse" if heard["query"].get("alt") else "") == f"/v1internal{call}"
    assert headers["authorization"] == f"Bearer {TOKEN}" and CLIENT_KEY not in str(headers)
    assert json.loads(heard["text"]) == ASK
    row = newest(gateway, answer)
    assert (row["channel_name"], row["kind"], row["operation"], row["model"]) == ("own", "gemini", "generate", MODEL)
    assert (row["state"], row["source"], row["usage_source"]) == ("ok", "proxy", "reported") and row[
        "output_tokens"
    ] > 0
    assert row["trace_hash"] and "login" in row["key_mask"]
    rows = gateway.query("select side, body from bodies where request_id = ?", row["id"])
    sides = {side["side"]: zlib.decompress(side["body"]) for side in rows}
    assert json.loads(sides["client_request"]) == json.loads(sides["upstream_request"]) == ASK


def test_a_count_names_its_model_inside(gateway: Program, fake: Fake) -> None:
    body = {"request": {"model": f"models/{MODEL}", "contents": INNER["contents"]}}
    answer = ask(gateway, ":countTokens", body)
    assert answer.json()["totalTokens"] > 0 and newest(gateway, answer)["model"] == MODEL
    ask(gateway, ":countTokens", body, prefix="/renamed")
    assert json.loads(fake.requests()[-1]["text"])["request"]["model"] == f"models/{OTHER}"


@pytest.mark.parametrize(
    ("call", "body", "got"),
    [
        (":loadCodeAssist", {"metadata": {}}, "cloudaicompanionProject"),
        (":onboardUser", {"tierId": "free-tier"}, "operations/o1"),
        ("/operations/o1", None, '"done": true'),
        (":getCodeAssistGlobalUserSetting", None, "freeTierDataCollectionOptin"),
        (":somethingNew", {"a": 1}, "{}"),
    ],
)
def test_what_is_asked_of_the_account_passes(gateway: Program, fake: Fake, call: str, body: Any, got: str) -> None:
    answer = ask(gateway, call, body)
    assert answer.status_code == 200 and got in answer.text
    assert fake.requests()[-1]["path"] == f"/v1internal{call}" and fake.requests()[-1]["key"] == TOKEN
    row = newest(gateway, answer)
    assert (row["operation"], row["source"], row["model"], row["channel_name"]) == (
        f"account{call}",
        "account",
        "",
        "own",
    )


@pytest.mark.parametrize("call", [":loadCodeAssist", ":generateContent"])
def test_nobody_elses_key_answers(gateway: Program, fake: Fake, call: str) -> None:
    assert ask(gateway, call, token="fake:status=403:own").status_code == 403
    assert {request["key"] for request in fake.requests()} == {"fake:status=403:own"}
    fake.clear()
    without = httpx.post(f"{gateway.url}/v1internal{call}", json=ASK, headers={"x-ccx-key": CLIENT_KEY})
    assert without.status_code >= 400 and "login" in without.text and not fake.requests()


def test_what_is_asked_of_gemini_itself_does_not_go_there(gateway: Program, fake: Fake) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "x-ccx-key": CLIENT_KEY}
    answer = httpx.post(
        f"{gateway.url}/v1beta/models/{MODEL}:generateContent", json=INNER | {"session_id": None}, headers=headers
    )
    assert newest(gateway, answer)["channel_name"] == "keys" and TOKEN not in str(fake.requests())


def test_a_model_has_another_name(gateway: Program, fake: Fake) -> None:
    assert ask(gateway, ":generateContent", prefix="/renamed").status_code == 200
    assert json.loads(fake.requests()[-1]["text"]) == {**ASK, "model": OTHER}


@pytest.mark.parametrize("call", [":generateContent", ":streamGenerateContent?alt=sse"])
def test_what_is_masked_comes_back_in_the_same_form(gateway: Program, fake: Fake, call: str) -> None:
    answer = ask(gateway, call, prefix="/masked")
    assert "a@b.test" not in fake.requests()[-1]["text"]
    text = said(answer.text) if "stream" in call else answer.text
    assert "a@b.test" in text and '"response"' in answer.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"model": MODEL}, "must be an object"),
        ({"model": MODEL, "request": []}, "must be an object"),
        ({"request": INNER}, "names no model"),
        ({"model": MODEL, "request": {**INNER, "model": "models/other"}}, "another model"),
    ],
)
def test_what_cannot_be_understood_is_refused(gateway: Program, fake: Fake, body: Any, words: str) -> None:
    answer = ask(gateway, ":generateContent", body)
    assert answer.status_code == 400 and words in answer.json()["error"]["message"] and not fake.requests()


def test_a_refusal_is_told_in_googles_own_words(gateway: Program, fake: Fake) -> None:
    """The client reads how long it is to wait, and where its user confirms the account."""
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "VALIDATION_REQUIRED"}]
    refusal = {"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED", "details": details}}
    fake.script({"told": {"status": 403, "body": refusal}})
    answer = ask(gateway, ":streamGenerateContent?alt=sse", token="fake:scripted=told:own")
    assert (answer.status_code, answer.json()) == (403, refusal)


def test_the_login_is_kept_nowhere(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, own(fake), policy={"bodies": {"capture": "all"}}) as program:
        for call in (":loadCodeAssist", ":generateContent"):
            ask(program, call)
        wait_for(lambda: program.query("select 1 from bodies"))
        program.stop()
        written = program.written()
        assert TOKEN.encode() not in written and TOKEN not in program.log.read_text()


def test_the_operators_own_rules_see_what_stands_in_the_envelope(fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text("""
def request(asked):
    asked.body["contents"][0]["parts"][0]["text"] += f" for {asked.kind} {asked.model}"
    return asked.body

def upstream(asked):
    return {**asked.body, "labels": {"by": asked.channel}}

def answer(asked, body):
    return {**body, "modelVersion": "mine"}
""")
    env = {"HOOKS_FILE": str(tmp_path / "hooks.py"), "HOOKS_BUDGET_MS": "5000"}
    with running_program(tmp_path, own(fake, models={MODEL: OTHER}), env=env) as program:
        answer = ask(program, ":generateContent").json()["response"]
    told = json.loads(fake.requests()[-1]["text"])
    assert (told["model"], told["project"], told["request"]["labels"]) == (OTHER, "p", {"by": "own"})
    assert told["request"]["contents"][0]["parts"][0]["text"].endswith(f"for gemini {MODEL}")
    assert answer["modelVersion"] == "mine" and answer["candidates"]
