"""Who gets in, what never leaves, and what malformed requests are told."""

import json
import socket
import ssl
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from backports import zstd

from tests.patience import PATIENCE, wait_for
from tests.wire.program import ADMIN_KEY, CLIENT_KEY, Fake, Program, channel, running_program

ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
GEMINI = "/v1beta/models/gemini-2.5-pro:generateContent"
BODIES: dict[str, Any] = {
    "/v1/messages": {**ASK, "max_tokens": 9},
    "/v1/chat/completions": ASK,
    "/v1/responses": {"model": "gpt-5", "input": "hello"},
    GEMINI: {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
    "/v1/embeddings": {"model": "text-embedding-3-small", "input": "a"},
    "/v1/images/generations": {"model": "gpt-image-1", "prompt": "a"},
}


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        pytest.param({"x-api-key": CLIENT_KEY}, "", id="x-api-key"),
        pytest.param({"authorization": f"Bearer {CLIENT_KEY}"}, "", id="bearer"),
        pytest.param({"authorization": f"bearer {CLIENT_KEY}"}, "", id="lower case bearer"),
        pytest.param({"x-goog-api-key": CLIENT_KEY}, "", id="x-goog-api-key"),
        pytest.param({}, f"?key={CLIENT_KEY}", id="query"),
        pytest.param({"x-api-key": CLIENT_KEY, "authorization": f"Bearer {CLIENT_KEY}"}, "", id="in two places"),
    ],
)
def test_the_key_is_accepted_in_every_place_and_never_sent_on(
    program: Program, fake: Fake, headers: dict[str, str], query: str
) -> None:
    fake.clear()
    tricks = {
        "connection": "keep-alive, authorization",
        "cookie": "a=b",
        "x-forwarded-for": "1.2.3.4",
        "proxy-authorization": "x",
    }
    for path, body in BODIES.items():
        assert httpx.post(program.url + path + query, json=body, headers={**tricks, **headers}).status_code == 200, path
    arrived = json.dumps(fake.requests())
    assert CLIENT_KEY not in arrived
    names = {name.lower() for request in fake.requests() for name, _ in request["headers"]}
    assert not names & {"cookie", "x-forwarded-for", "proxy-authorization"}
    assert {request["key"] for request in fake.requests()} == {"good-key"}


@pytest.fixture(scope="module")
def closed(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Nobody with a right key asks it."""
    with running_program(tmp_path_factory.mktemp("closed"), channel("a", fake.url, "chat")) as program:
        yield program


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"authorization": "Bearer wrong"}, id="wrong"),
        pytest.param({"authorization": f"Bearer {ADMIN_KEY}"}, id="the admin's"),
        pytest.param({"authorization": f"Basic {CLIENT_KEY}"}, id="another scheme"),
        pytest.param({"cookie": f"key={CLIENT_KEY}"}, id="a cookie"),
        pytest.param({"x-api-key": CLIENT_KEY[:-1]}, id="a part of it"),
    ],
)
def test_without_a_right_key_nothing_reaches_an_upstream(fake: Fake, closed: Program, headers: dict[str, str]) -> None:
    fake.clear()
    answer = httpx.post(f"{closed.url}/v1/chat/completions", json=ASK, headers=headers)
    assert answer.status_code == 401 and answer.json()["error"]["message"]
    assert not fake.requests() and not closed.query("select 1 from requests where channel_id != ''")


def test_401_has_each_protocols_own_shape(program: Program) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(base_url=program.url, api_key="no", max_retries=0).messages.create(
            model="m", max_tokens=1, messages=[]
        )
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{program.url}/v1", api_key="no", max_retries=0).responses.create(model="m", input="x")
    body = httpx.post(program.url + GEMINI, json={}, headers={"x-goog-api-key": "no"}).json()
    assert (body["error"]["code"], body["error"]["status"]) == (401, "UNAUTHENTICATED")


def test_guessing_is_slowed_down_and_a_right_key_never(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat")) as program:

        def ask(key: str) -> httpx.Response:
            return httpx.post(f"{program.url}/v1/chat/completions", json=ASK, headers={"x-api-key": key})

        assert [ask("an old key").status_code for _ in range(20)] == [401] * 20
        assert [ask(f"no{n}").status_code for n in range(10)] == [401] * 9 + [429]
        assert int(ask("no0").headers["retry-after"]) > 0
        assert ask(CLIENT_KEY).status_code == 200, "a neighbour is not shut out"
        assert ask("no0").status_code == 401


def test_named_clients_have_their_kinds_and_models(fake: Fake, tmp_path: Path) -> None:
    clients = [{"name": "bob", "key": "bob-key-0123456789", "kinds": ["chat"], "models": ["gpt-*", "!gpt-5*"]}]
    channels = [channel("a", fake.url, "chat"), channel("b", fake.url, "messages")]
    with running_program(tmp_path, *channels, clients=clients) as program:
        bob = {"authorization": "Bearer bob-key-0123456789"}
        answer = program.post("/v1/chat/completions", ASK, headers=bob)
        assert program.row(answer.headers["x-ccx-request-id"])["client_name"] == "bob"
        assert program.post("/v1/chat/completions", {**ASK, "model": "gpt-5"}, headers=bob).status_code == 403
        assert program.post("/v1/messages", {**ASK, "max_tokens": 1}, headers=bob).status_code == 403


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/completions", "there is no"),
    ],
)
def test_a_wrong_path_says_which_was_meant(program: Program, path: str, hint: str) -> None:
    answer = program.post(path, ASK)
    assert answer.status_code == 404 and hint in answer.json()["error"]["message"]


def test_a_wrong_method_says_which_is_right(program: Program) -> None:
    answer = httpx.get(f"{program.url}/v1/messages", headers={"x-api-key": CLIENT_KEY})
    assert answer.status_code == 405 and "POST" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="half"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b'"text"', id="a string"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"model": 7, "messages": []}', id="a model that is a number"),
        pytest.param(b'{"model": "a", "model": "b"}', id="a member twice"),
        pytest.param(b'{"model": "' + b"x" * 300 + b'"}', id="a model of 300 characters"),
        pytest.param(b'{"model": "a\\u0000b"}', id="NUL in the model"),
        pytest.param(b'{"a":' * 50_000, id="deep"),
        pytest.param(b'{"model": "m", "n": ' + b"9" * 6000 + b"}", id="a number of 6000 digits"),
        pytest.param(b'{"model": "m", "n": NaN}', id="NaN"),
        pytest.param(b"\xff\xfe{}", id="not UTF-8"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_an_odd_body_is_a_400(program: Program, path: str, body: bytes) -> None:
    headers = {"x-api-key": CLIENT_KEY, "content-type": "application/json"}
    answer = httpx.post(program.url + path, content=body, headers=headers)
    assert answer.status_code == 400 and answer.json()["error"]["message"]


def test_compressed_requests(program: Program, fake: Fake) -> None:
    raw = json.dumps(ASK).encode()
    headers = {"x-api-key": CLIENT_KEY, "content-type": "application/json"}
    for name, body in (("zstd", zstd.compress(raw)), ("deflate", zlib.compress(raw))):
        fake.clear()
        found = {**headers, "content-encoding": name}
        assert httpx.post(f"{program.url}/v1/chat/completions", content=body, headers=found).status_code == 200
        assert fake.requests()[0]["json"]["model"] == ASK["model"]
    bad = {**headers, "content-encoding": "zstd"}
    assert httpx.post(f"{program.url}/v1/chat/completions", content=b"junk", headers=bad).status_code == 400


def test_sizes_are_bounded_before_memory_is_spent(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat"), env={"MAX_REQUEST_BODY_MB": "1"}) as program:
        big = {**ASK, "x": "y" * (1 << 20)}
        assert program.post("/v1/chat/completions", big).status_code == 413
        bomb = zlib.compress(b'{"model": "' + b" " * (20 << 20) + b'"}')
        headers = {"x-api-key": CLIENT_KEY, "content-encoding": "deflate"}
        answer = httpx.post(f"{program.url}/v1/chat/completions", content=bomb, headers=headers)
        assert answer.status_code in (400, 413)
        for head, status in (("content-length: 99999999999\r\n", b"413"), ("x-a: " + "a" * 70_000 + "\r\n", b"431")):
            assert (
                raw(program.url, f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {CLIENT_KEY}\r\n{head}\r\n")[
                    9:12
                ]
                == status
            )
        assert raw(program.url, f"GET /{'a' * 9000} HTTP/1.1\r\nhost: x\r\nx-api-key: {CLIENT_KEY}\r\n\r\n")[9:12] in (
            b"414",
            b"431",
        )


def raw(url: str, request: str) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        connection.sendall(request.encode("latin-1"))
        return connection.recv(65_536)


def test_an_upstreams_words_are_cleaned_of_its_key(fake: Fake, tmp_path: Path) -> None:
    secret = "fake:leakkey:sk-very-secret-0123456789"
    with running_program(tmp_path, channel("a", fake.url, "chat", secret)) as program:
        answer = program.post("/v1/chat/completions", ASK)
        assert answer.status_code == 400 and "is not what we wanted" in answer.text and "very-secret" not in answer.text
        program.row(answer.headers["x-ccx-request-id"])
        assert program.stop() == 0
    configuration = {tmp_path / "ccx.yaml", *(tmp_path / "backups").iterdir()}
    everything = b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path not in configuration
    )
    assert b"very-secret" not in everything and CLIENT_KEY.encode() not in everything


def test_https_with_a_certificate_of_its_own(fake: Fake, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    env = {"TLS_CERT_FILE": str(cert), "TLS_KEY_FILE": str(key)}
    with running_program(tmp_path, channel("a", fake.url, "chat"), env=env) as program:
        assert program.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(verify=context, headers={"x-api-key": CLIENT_KEY}) as client:
            answer = client.post(f"{program.url}/v1/chat/completions", json=ASK)
            assert answer.status_code == 200


def certificate(folder: Path) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def test_the_upstream_is_chosen_by_the_configuration_alone(program: Program, fake: Fake) -> None:
    elsewhere = (
        f"POST http://evil.example/v1/chat/completions HTTP/1.1\r\nhost: evil.example\r\nx-api-key: {CLIENT_KEY}\r\n"
    )
    body = json.dumps(ASK)
    fake.clear()
    answer = raw(
        program.url, f"{elsewhere}x-base-url: http://evil.example\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    )
    assert answer[9:12] == b"200" and len(fake.requests()) == 1
    assert dict(fake.requests()[0]["headers"])["host"] == fake.url.removeprefix("http://")
    assert raw(program.url, "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n")[9:12] in (
        b"405",
        b"401",
        b"400",
    )


def test_the_log_never_stands_in_the_way(fake: Fake, tmp_path: Path) -> None:
    import sqlite3

    with running_program(tmp_path, channel("a", fake.url, "chat")) as program:
        program.post("/v1/chat/completions", ASK)
        wait_for(lambda: program.rows())
        lock = sqlite3.connect(program.database, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        answers = [
            httpx.post(f"{program.url}/v1/chat/completions", json=ASK, headers={"x-api-key": CLIENT_KEY})
            for _ in range(5)
        ]
        assert {answer.status_code for answer in answers} == {200}
        lock.rollback()
        lock.close()
        wait_for(lambda: len(program.rows()) == 6)
        program.database.unlink()
        assert program.post("/v1/chat/completions", ASK).status_code == 200

        def made_again() -> bool:
            try:
                return len(program.rows()) == 1
            except sqlite3.OperationalError:  # no file yet, or no table in it
                return False

        wait_for(made_again)
