"""Recognisable secrets stand wherever a secret can, upstreams repeat them in every form, and nothing that the program
writes or says holds one of them.

What is seeded comes from the schema: a new field of the file, or a new setting, is seeded as soon as it exists.
"""

import base64
import json
import re
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx
import psycopg
import pytest
from websockets.sync.client import connect

from ccx_addons.core.confidential import SECRET, Shape, file_shape
from ccx_addons.core.config_channels import CHANNEL_KEYS, KEY_KEYS
from ccx_addons.core.config_clients import CLIENT_KEYS
from ccx_addons.core.settings import Settings
from tests.patience import PATIENCE, wait_for
from tests.postgres import running_postgres
from tests.wire.program import ROOT, Program, running_program

NUMBERS = count(10)
SEED = re.compile(r"SEED\w+")


def seed(name: str) -> str:
    return f"SEED{name.replace('_', '').lower()}{next(NUMBERS)}qwertyuiop"


def seeded(shape: Shape, names: tuple[str, ...], **given: Any) -> dict[str, Any]:
    """A table with a secret in every field that holds one, and what is ``given``."""
    return {name: seed(name) for name in names if shape.below(name) is SECRET} | given


# ---- an upstream that repeats what it hears --------------------------------------------------------------------------
FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "percent": lambda text: quote(text, safe=""),
    "json": lambda text: json.dumps({"sent": json.dumps(text)}),
    "hexadecimal": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "logins": lambda text: " ".join(
        base64.b64decode(word).decode("latin-1") for word in re.findall(r"Basic (\S+)", text, re.IGNORECASE)
    ),
}
CHAT = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}},
], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}  # fmt: skip
PIECE = (
    '{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}'
)


class Echo(BaseHTTPRequestHandler):
    """The model's name says how: ``STATUS-FORM``. Every answer has what was heard in its body and in a header."""

    protocol_version = "HTTP/1.1"

    def heard(self) -> str:
        return f"{self.requestline}\n" + "\n".join(f"{name}: {value}" for name, value in self.headers.items())

    def do_GET(self) -> None:
        self.say(401, {"error": {"message": self.heard(), "type": "authentication_error"}}, "text/plain")

    def do_CONNECT(self) -> None:
        self.say(407, {"error": {"message": self.heard() + FORMS["logins"](self.heard())}}, "application/json")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        found = re.search(rb"(\d{3})-(\w+)", body + self.path.encode())
        status, form = (int(found[1]), found[2].decode()) if found else (200, "raw")
        told = FORMS[form](self.heard() + " " + FORMS["logins"](self.heard()))
        if b'"stream":true' in body.replace(b" ", b""):
            self.stream(told)
        elif status == 200:
            self.say(200, {**CHAT, "debug": told}, "application/json")
        else:
            self.say(status, {"error": {"message": f"messages[0]: you sent {told}", "code": told}}, "application/json")

    def say(self, status: int, told: Any, kind: str) -> None:
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.send_header("x-request-id", " ".join(self.heard().split())[:2000])
        self.end_headers()
        self.wfile.write(data)

    def stream(self, told: str) -> None:
        """A late error, in pieces that fall into the middle of it."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        data = f"data: {PIECE}\n\ndata: {json.dumps({'error': {'message': told}})}\n\n".encode()
        for at in range(0, len(data), 97):
            self.wfile.write(data[at : at + 97])
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


# ---- the program with a secret everywhere ----------------------------------------------------------------------------
def channels(url: str) -> list[dict[str, Any]]:
    shape, headers = file_shape().below("channels"), {"x-secret": seed("header"), "x-team": seed("plainheader")}
    rest = {"headers": headers, "website": f"https://a.example/{seed('path')}?token={seed('query')}"}

    def made(name: str, protocol: str, **more: Any) -> dict[str, Any]:
        key = seeded(shape.below("keys"), KEY_KEYS, weight=2, name=f"{name}-key")
        given = {"name": name, "protocol": protocol, "base_urls": [url], "keys": [key], **rest, **more}
        return seeded(shape, tuple(n for n in CHANNEL_KEYS if n != "keys"), **given)

    proxy = url.replace("http://", f"http://{seed('proxyuser')}:{seed('proxypass')}%2F{seed('proxyrest')}@")
    return [
        made("plain", "chat", keys=[seed("key"), {"key": seed("second"), "weight": 3}]),
        made("environment", "chat", keys=["env:OUTER_KEY"]),
        made("query", "chat", auth="query", keys=[f"{seed('inquery')}/+{seed('afterslash')}"]),
        made("messages", "messages", serves=["messages", "chat"]),
        made("responses", "responses"),
        made("gemini", "gemini"),
        made("proxied", "chat", proxy=proxy, base_urls=["https://upstream.invalid"]),
    ]


ENVIRONMENT = {e.metadata["name"]: seed(e.name) for e in fields(Settings) if e.metadata["secret"]}
ENVIRONMENT["CCX_VALKEY_URL"] = f"redis://:{ENVIRONMENT['CCX_VALKEY_URL']}@127.0.0.1:9/0"
DATABASE = ENVIRONMENT.pop("CCX_DATABASE_URL")
"""Of PostgreSQL; most of what follows is asked of a program that keeps its log in a file."""
OUTSIDE = seed("environment")


@contextmanager
def seeded_program(upstream: str, folder: Path, **more: str) -> Iterator[Program]:
    client = seeded(file_shape().below("clients"), tuple(n for n in CLIENT_KEYS if n != "key_sha256"), name="bob")
    env = {**ENVIRONMENT, "OUTER_KEY": OUTSIDE, "LOG_LEVEL": "debug", "CAPTURE_BODIES": "all", **more}
    policy: dict[str, Any] = {"bodies": {"redact": []}}
    with running_program(folder, *channels(upstream), env=env, clients=[client], policy=policy, panel=True) as program:
        wait_for(lambda: httpx.get(f"{program.url}/login").status_code == 200)
        yield program


@pytest.fixture(scope="module")
def program(upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with seeded_program(upstream, tmp_path_factory.mktemp("ccx")) as program:
        yield program


def forms_of(secret: str) -> list[str]:
    whole = [base64.b64encode(b"\0" * n + secret.encode()).decode()[4:-4] for n in range(3)]
    return [secret, secret[4:-4], *whole]


@cache
def seeds_of(config: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    seeds = {*SEED.findall(config), *ENVIRONMENT.values(), OUTSIDE, DATABASE}
    assert len(seeds) >= 20
    return tuple((secret, tuple(forms_of(secret))) for secret in seeds)


def leaks(program: Program, said: str | bytes) -> set[str]:
    """The seeds that a text holds, in any form a reader would undo."""
    text = (
        said if isinstance(said, str) else said.decode("utf-8", "replace") + said.replace(b"\0", b"").decode("latin-1")
    )
    undone = text.encode().decode("unicode-escape", "replace") if "\\u00" in text else ""
    seeds = seeds_of(json.dumps(program.config))
    return {secret for secret, forms in seeds if any(form in text or form in undone for form in forms)}


def admin(program: Program, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    key = {"x-api-key": ENVIRONMENT["ADMIN_ACCESS_KEY"]}
    return httpx.request(method, program.url + path, json=body, headers={**key, **headers})


def ask(program: Program, path: str, channel: str, body: Any) -> httpx.Response:
    headers = {"x-api-key": program.config["clients"][0]["key"], "x-ccx-channel": channel, "cookie": "a=b"}
    return httpx.post(program.url + path, json=body, headers=headers)


ASKED = [
    ("plain", "/v1/chat/completions"),
    ("environment", "/v1/chat/completions"),
    ("query", "/v1/chat/completions"),
    ("messages", "/v1/messages"),
    ("messages", "/v1/chat/completions"),
    ("responses", "/v1/responses"),
    ("gemini", "/v1beta/models/{}:generateContent"),
    ("proxied", "/v1/chat/completions"),
]
WORDS = [{"role": "user", "content": "what is long enough to be no probe"}]


@pytest.mark.parametrize(("channel", "path"), ASKED)
def test_no_answer_to_a_client(program: Program, channel: str, path: str) -> None:
    said = 0
    for status in (200, 400, 401, 500):
        for form in FORMS if channel in ("plain", "query") and status <= 400 else ("raw", "base64"):
            model = f"{status}-{form}"
            body: dict[str, Any] = {"model": model, "max_tokens": 9, "messages": WORDS}
            if path == "/v1/responses":
                body = {"model": model, "input": WORDS}
            elif "{}" in path:
                body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
            for stream in (False, True) if "{}" not in path and status == 200 else (False,):
                answer = ask(program, path.format(model), channel, {**body, **({"stream": True} if stream else {})})
                whole = f"{answer.status_code} {answer.headers} {answer.text}"
                assert not leaks(program, whole), (model, stream, whole[:2000])
                said += "you sent" in answer.text or "debug" in answer.text or "hi" in answer.text
            admin(program, "POST", f"/api/channels/{channel_id(program, channel)}/reset", {})
    assert said or channel == "proxied", "a proxy refuses its tunnel"


def channel_id(program: Program, name: str) -> str:
    found = admin(program, "GET", "/api/channels").json()["channels"]
    return str(next(entry["id"] for entry in found if entry["name"] == name))


def test_no_answer_of_the_api(program: Program) -> None:
    rows = admin(program, "GET", "/api/requests?limit=500").json()["rows"]
    assert len(rows) > 20
    ids = {"{id}": [row["id"] for row in rows[:: max(1, len(rows) // 6)]], "{name}": ["bob"]}
    specification = admin(program, "GET", "/api/openapi.json").json()
    asked = [path for path, operations in specification["paths"].items() if "get" in operations]
    asked = [
        p
        for path in asked
        for p in ([path.replace("{id}", id) for id in ids["{id}"]] if "requests/{id}" in path else [path])
    ]
    first = channel_id(program, "plain")
    asked += [f"/api/requests?format={form}" for form in ("csv", "jsonl", "har")]
    asked += [f"/api/requests/{id}?format=har" for id in ids["{id}"]]
    for path in asked:
        path = path.replace("{id}", first).replace("{name}", "bob")
        answer = admin(program, "GET", path)
        assert not leaks(program, answer.text + str(answer.headers)), path
    assert len(asked) > 40


def test_no_answer_to_a_test(program: Program) -> None:
    for entry in admin(program, "GET", "/api/channels").json()["channels"]:
        for what, body in (("test", {"model": "401-raw"}), ("test", {"model": "500-base64"}), ("ping", {})):
            answer = admin(program, "POST", f"/api/channels/{entry['id']}/{what}", body)
            assert not leaks(program, answer.text), (entry["name"], what)
        assert not leaks(program, admin(program, "GET", f"/api/channels/{entry['id']}/models").text)


def broken(program: Program) -> list[str]:
    text = (program.folder / "ccx.yaml").read_text()
    return [
        text.replace('"protocol": "chat"', '"protocol": "chatt"'),
        text.replace('"auth": "query"', f'"auth": "{seed("word")}"'),
        text.replace('"weight": 2', f'"weight": "{seed("weight")}", "{seed("name")}": 1'),
        text.replace('"channels"', '"channel"'),
        text + "  - {name: [unclosed",
        text[: len(text) // 2],
    ]


def test_no_answer_about_a_wrong_file(program: Program) -> None:
    shown = admin(program, "GET", "/api/config").json()
    for text in broken(program):
        answer = admin(program, "POST", "/api/config/validate", {"text": text})
        assert answer.status_code == 200 and not {s for s in SEED.findall(text) if s in answer.text}, text[:80]
        for revision in (shown["revision"], "0" * 16):
            answer = admin(program, "PUT", "/api/config", {"text": text}, **{"if-match": f'"{revision}"'})
            assert answer.status_code in (409, 422) and not {s for s in SEED.findall(text) if s in answer.text}
    assert (program.folder / "ccx.yaml").read_text() == json.dumps(program.config)


def pages(program: Program) -> Iterator[tuple[str, str]]:
    """Every page that links lead to, as somebody sees it who is logged in."""
    with httpx.Client(base_url=program.url) as browser:
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/login").text)
        assert token
        form = {"key": ENVIRONMENT["ADMIN_ACCESS_KEY"], "csrf_token": token[1]}
        browser.post("/login", data=form, headers={"origin": program.url})
        left, seen, kinds = (
            ["/", "/channels", "/requests", "/settings?tab=file", "/settings?tab=events"],
            set[str](),
            dict[str, int](),
        )
        while left:
            address = left.pop(0)
            kind = re.sub(r"[0-9a-f-]{12,}|ch_\w+|[?&](?:before|at|from|to|rev)=\w+", "ID", address)
            kinds[kind] = kinds.get(kind, 0) + 1
            if address in seen or kinds[kind] > 3 or len(seen) > 60:
                continue
            seen.add(address)
            answer = browser.get(address)
            yield address, answer.text
            for link in re.findall(r'(?:href|src|hx-get|data-src)="([^"#]+)', answer.text):
                where = urlsplit(urljoin(f"{program.url}{address}", link.replace("&amp;", "&")))
                if where.netloc == urlsplit(program.url).netloc and "logout" not in where.path:
                    left.append(where.path + (f"?{where.query}" if where.query else ""))


def test_no_page(program: Program) -> None:
    found = dict(pages(program))
    assert len(found) > 30 and {"/channels", "/requests", "/settings?tab=file", "/settings?tab=events"} <= found.keys()
    for address, text in found.items():
        assert not leaks(program, text), address


def test_not_the_live_socket(program: Program) -> None:
    url = f"ws{program.url.removeprefix('http')}/api/live"
    key = {"x-api-key": ENVIRONMENT["ADMIN_ACCESS_KEY"]}
    with connect(url, additional_headers=key, origin=program.url, proxy=None) as socket:  # type: ignore[call-overload]
        ask(program, "/v1/chat/completions", "plain", {"model": "400-raw", "messages": WORDS})
        said = [str(socket.recv(PATIENCE)) for _ in range(2)]
    assert not leaks(program, "".join(said))


def test_not_the_metrics(program: Program) -> None:
    answer = admin(program, "GET", "/metrics")
    assert "ccx_requests_total" in answer.text and not leaks(program, answer.text)


@pytest.mark.parametrize("arguments", [(), ("--explain", "chat", "m"), ("--explain", "nothing", "m")])
def test_no_command(program: Program, arguments: tuple[str, ...]) -> None:
    texts = [json.dumps(program.config), *(broken(program) if not arguments else ())]
    for n, text in enumerate(texts):
        path = program.folder / f"other-{n}.yaml"
        path.write_text(text)
        environ = {**program.env, "CCX_CONFIG": str(path)}
        command = [sys.executable, str(ROOT / "run.py"), "check", *arguments]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=ROOT)
        said = done.stdout + done.stderr
        assert said and not {s for s in SEED.findall(text) if s in said} and not leaks(program, said), said[:500]
        path.unlink()


def test_not_the_log_of_a_broken_file(program: Program) -> None:
    path, good = program.folder / "ccx.yaml", json.dumps(program.config)
    for text in broken(program):
        before = program.log.read_text()
        path.write_text(text)
        wait_for(lambda old=before: "is not valid" in program.log.read_text()[len(old) :])
        for address in ("/api/config", "/api/status", "/api/events", "/api/config/diff", "/api/channels"):
            answer = admin(program, "GET", address)
            assert not {s for s in SEED.findall(text) if s in answer.text}, address
        said = program.log.read_text()
        assert not {s for s in SEED.findall(text) if s in said}
        path.write_text(good)
        wait_for(lambda old=said: "is in force" in program.log.read_text()[len(old) :])


def test_nothing_that_is_kept(program: Program) -> None:
    """The log, the database with its journal, and what others see of the processes, after requests of most kinds."""
    for channel, asked in ASKED[::3]:
        test_no_answer_to_a_client(program, channel, asked)
    assert not leaks(program, program.log.read_bytes())
    connection = program.query("select name from sqlite_schema where type = 'table'")
    for table in (row["name"] for row in connection):
        for row in program.query(f"select * from {table}"):
            for column, value in row.items():
                if table == "bodies" and column == "body":
                    value = zlib.decompress(value)
                said = value if isinstance(value, bytes) else str(value)
                assert not leaks(program, said), (table, column, str(said)[:500])
    assert program.query("select count(*) as n from bodies")[0]["n"] > 50
    for path in (program.folder / "data").iterdir():
        assert not leaks(program, path.read_bytes()), path.name
    shown = subprocess.run(["ps", "axww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    assert str(program.process.pid) in shown
    boots = {row["boot_id"] for row in program.query("select distinct boot_id from events where boot_id <> ''")}
    assert not leaks(program, shown) and boots and not [boot for boot in boots if boot in shown]
    for path in (program.folder / "backups").iterdir():
        assert path.stat().st_mode & 0o77 == 0


def test_nothing_that_is_kept_in_postgresql(upstream: str, tmp_path: Path) -> None:
    """Nor its own password; where it stands still as well."""
    with running_postgres() as server:
        url = server.empty()
        with_password = url.replace("postgres@", f"postgres:{DATABASE}@")
        with seeded_program(upstream, tmp_path, CCX_DATABASE_URL=with_password) as program:
            for channel, path in ASKED[:1] + ASKED[3:4]:
                test_no_answer_to_a_client(program, channel, path)
            test_no_answer_of_the_api(program)
            with psycopg.connect(url) as connection:
                tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
                assert len(tables) > 20
                for (table,) in tables:
                    for row in connection.execute(f'SELECT * FROM "{table}"'.encode()):
                        unpacked = [
                            zlib.decompress(v) if table.startswith("bodies") and isinstance(v, bytes) else v
                            for v in row
                        ]
                        assert not leaks(program, str(unpacked)), table
            server.kill()
            assert ask(program, "/v1/chat/completions", "plain", {"model": "200-raw", "messages": WORDS}).is_success
            wait_for(lambda: "log" in httpx.get(f"{program.url}/health").text)
            for page in ("/health", "/requests", "/settings?tab=machines"):
                assert not leaks(program, httpx.get(program.url + page).text), page
            test_no_command(program, ())
            assert not leaks(program, program.log.read_bytes())
