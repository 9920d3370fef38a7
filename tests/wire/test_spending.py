"""Nobody avoids being counted: who leaves pays for what it has read, and so does an answer that nobody counted."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.patience import PATIENCE, same_day, wait_for
from tests.wire.program import ADMIN_KEY, CLIENT_KEY, Fake, Program, channel, running_program

KINDS = ("messages", "chat", "responses", "gemini")
MODELS = {"messages": "claude-sonnet-4-5", "chat": "gpt-4.1", "responses": "gpt-5.1", "gemini": "gemini-2.5-flash"}
WAYS = {
    "slowly": "fake:slowchunks=10:x",
    "late": "fake:slow=9:x",
    "cut": "fake:cut=30:x",
    "uncounted": "fake:nousage:x",
}
BOB = "bob-key-0123456789abcdef"
WHOLE = 4000
"""Tokens of the whole answer, about."""
PROMPT = "long:2000 " + "please say it all in words " * 10

pairs = pytest.mark.parametrize(
    ("client", "upstream"), [pytest.param(c, u, id=f"{c} to {u}") for c in KINDS for u in KINDS]
)
alone = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A channel for each protocol and each way to leave an answer uncounted, behind a route prefix of its own."""
    channels = [
        channel(f"{way}-{kind}", fake.url, kind, key, serves=list(KINDS), route_prefix=f"{way}-{kind}",
                models={"m": MODELS[kind]})
        for way, key in WAYS.items()
        for kind in KINDS
    ]  # fmt: skip
    clients = [{"name": "bob", "key": BOB, "limits": {"tokens_per_day": 100}}]
    with running_program(tmp_path_factory.mktemp("spending"), *channels, clients=clients, panel=True) as program:
        yield program


def asked(prefix: str, kind: str, stream: bool, text: str = PROMPT) -> tuple[str, dict[str, Any]]:
    """Path and body."""
    user = {"role": "user", "content": text}
    match kind:
        case "messages":
            return f"/{prefix}/v1/messages", {"model": "m", "max_tokens": 9000, "stream": stream, "messages": [user]}
        case "chat":
            return f"/{prefix}/v1/chat/completions", {"model": "m", "stream": stream, "messages": [user]}
        case "responses":
            return f"/{prefix}/v1/responses", {"model": "m", "stream": stream, "input": text}
    method = "streamGenerateContent" if stream else "generateContent"
    return f"/{prefix}/v1beta/models/m:{method}", {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def read_and_leave(gateway: Program, prefix: str, kind: str, key: str = CLIENT_KEY) -> tuple[dict[str, Any], int]:
    """The row, and how many words the client has read."""
    path, body = asked(prefix, kind, stream=True)
    read = b""
    with httpx.stream("POST", gateway.url + path, json=body, headers={"x-api-key": key}) as answer:
        assert answer.status_code == 200, answer.read()
        for piece in answer.iter_raw():
            read += piece
            if read.count(b"word") >= 40:
                break
    return gateway.row(answer.headers["x-ccx-request-id"]), read.count(b"word")


@pairs
def test_who_leaves_a_stream_pays_for_what_it_has_read(gateway: Program, client: str, upstream: str) -> None:
    row, words = read_and_leave(gateway, f"slowly-{upstream}", client)
    assert (row["state"], row["stream_end"], row["usage_source"]) == ("client_left", "client left", "estimated")
    assert words / 2 < row["output_tokens"] < WHOLE / 2, "what was read, and what was on its way"
    assert 50 < row["input_tokens"] < 150 and row["cost_usd"] > 0


def test_who_leaves_a_websocket_pays_too(gateway: Program) -> None:
    before = gateway.query("select max(rowid) as last from requests")[0]["last"] or 0
    address = gateway.url.replace("http", "ws") + "/slowly-responses/v1/responses"
    with connect(address, additional_headers={"authorization": f"Bearer {CLIENT_KEY}"}) as socket:
        socket.send(json.dumps({"type": "response.create", "model": "m", "input": PROMPT}))
        words = 0
        while words < 40:
            words += str(socket.recv(PATIENCE)).count("word")
    sql = "select * from requests where rowid > ? and state = 'client_left'"
    row = wait_for(lambda: gateway.query(sql, before))[0]
    assert row["usage_source"] == "estimated" and words / 2 < row["output_tokens"] < WHOLE / 2
    assert row["input_tokens"] > 50


@pytest.mark.parametrize("kind", ["chat", "messages"])
def test_a_large_question_is_counted_as_well(gateway: Program, kind: str) -> None:
    path, body = asked("slowly-chat", kind, True, "long:2000 " + "please " * 100_000)
    with httpx.stream("POST", gateway.url + path, json=body, headers={"x-api-key": CLIENT_KEY}) as answer:
        next(answer.iter_raw())
    row = gateway.row(answer.headers["x-ccx-request-id"])
    assert (row["state"], row["usage_source"]) == ("client_left", "estimated")
    assert 150_000 < row["input_tokens"] < 200_000


def late(fake: Fake) -> list[dict[str, Any]]:
    return [seen for seen in fake.requests() if seen["key"] == WAYS["late"]]


@alone
def test_who_leaves_before_a_whole_answer_pays_for_the_question(gateway: Program, fake: Fake, kind: str) -> None:
    path, body = asked(f"late-{kind}", kind, stream=False)
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {CLIENT_KEY}\r\ncontent-length: {len(content)}\r\n\r\n"
    before, known = gateway.query("select max(rowid) as last from requests")[0]["last"] or 0, len(late(fake))
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2]))) as client:
        client.sendall(head.encode() + content)
        wait_for(lambda: len(late(fake)) > known)
    sql = "select * from requests where rowid > ? and state = 'client_left'"
    row = wait_for(lambda: gateway.query(sql, before))[0]
    assert (row["usage_source"], row["output_tokens"]) == ("estimated", 0) and 50 < row["input_tokens"] < 150


@pairs
def test_a_stream_that_was_cut_is_counted(gateway: Program, client: str, upstream: str) -> None:
    path, body = asked(f"cut-{upstream}", client, stream=True)
    answer = httpx.post(gateway.url + path, json=body, headers={"x-api-key": CLIENT_KEY})
    row = gateway.row(answer.headers["x-ccx-request-id"])
    assert (row["state"], row["usage_source"]) == ("failed", "estimated")
    words = answer.content.count(b"word")
    assert words / 2 <= row["output_tokens"] < 4 * words and row["input_tokens"] > 0


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pairs
def test_an_answer_without_counts_is_counted(gateway: Program, client: str, upstream: str, stream: bool) -> None:
    path, body = asked(f"uncounted-{upstream}", client, stream, "long:100 please")
    answer = httpx.post(gateway.url + path, json=body, headers={"x-api-key": CLIENT_KEY})
    row = gateway.row(answer.headers["x-ccx-request-id"])
    assert (row["state"], row["usage_source"]) == ("ok", "estimated")
    assert 100 <= row["output_tokens"] < 300 and row["input_tokens"] > 0


def test_every_count_agrees_and_a_budget_ends(gateway: Program) -> None:
    same_day()
    row, _ = read_and_leave(gateway, "slowly-chat", "chat", BOB)
    tokens = row["input_tokens"] + row["output_tokens"]
    path, body = asked("slowly-chat", "chat", stream=True)
    refused = httpx.post(gateway.url + path, json=body, headers={"x-api-key": BOB})
    assert refused.status_code == 429 and "100 tokens of this day" in refused.text
    told = httpx.get(f"{gateway.url}/api/stats/table?by=client", headers={"x-api-key": ADMIN_KEY}).json()
    sums = {entry["name"]: entry["input_tokens"] + entry["output_tokens"] for entry in told["rows"]}
    assert sums["bob"] == tokens
    told = httpx.get(f"{gateway.url}/metrics", headers={"x-api-key": ADMIN_KEY}).text
    counted = [line for line in told.splitlines() if line.startswith("ccx_tokens_total")]
    assert sum(float(line.split()[-1]) for line in counted) == sum(
        (row["input_tokens"] or 0) + (row["output_tokens"] or 0) for row in gateway.rows()
    )
