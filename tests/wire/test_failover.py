"""The first channel misbehaves in every way the fake upstream knows; the client gets the second channel's answer."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.patience import wait_for
from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program

ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello chunks:8"}]}
FAST: dict[str, float] = {"first_byte": 1, "first_event": 1, "first_event_alive": 2, "idle": 1, "connect": 1}
SILENT = ("stall", "drip", "stallstream", "pingonly", "midstall=3")
"""Whose end is a limit of time. All others have the usual ones: a busy machine is slow, too."""

BEFORE_COMMIT = [
    pytest.param("close", "reset", id="closed without an answer"),
    pytest.param("reset", "reset", id="reset"),
    pytest.param("stall", "first_byte_timeout", id="no head"),
    pytest.param("drip", "first_byte_timeout", id="a head byte by byte"),
    pytest.param("status=500", "status", id="500"),
    pytest.param("status=503", "status", id="503"),
    pytest.param("529", "status", id="529"),
    pytest.param("429=3", "status", id="429"),
    pytest.param("html", "bad_body", id="HTML with 200"),
    pytest.param("html502", "status", id="HTML with 502"),
    pytest.param("notjson", "bad_body", id="half JSON"),
    pytest.param("empty", "empty", id="empty body"),
    pytest.param("nocontent", "empty", id="no content"),
    pytest.param("errorin200", "error_body", id="error inside a 200"),
    pytest.param("nulheader", "bad_body", id="NUL in a header"),
    pytest.param("hugehead", "reset", id="huge head"),
    pytest.param("badlength", "cut", id="body shorter than its length"),
    pytest.param("redirect", "status", id="redirect"),
    pytest.param("modelnotfound", "status", id="model not found"),
    pytest.param("poolempty", "status", id="no account left"),
]
STREAM_BEFORE_COMMIT = [
    pytest.param("errorfirst", "stream_error", id="error event first"),
    pytest.param("emptystream", "empty", id="empty stream"),
    pytest.param("stallstream", "first_event_timeout", id="silent stream"),
    pytest.param("pingonly", "first_event_timeout", id="only pings"),
    pytest.param("nocontent", "empty", id="end without content"),
    pytest.param("html", "bad_body", id="HTML"),
    pytest.param("status=500", "status", id="500"),
]
TOLERATED = [
    "bytes1",
    "crlf",
    "cr",
    "bom",
    "comments",
    "nospace",
    "noevent",
    "gzip",
    "http10",
    "closedelim",
    "chunkext",
]
TOLERATED += ["trailers", "early", "bigevent=1", "nodone", "setcookie"]


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One route prefix for each misbehaviour and form, so that one gateway serves all rows and no state is shared."""
    channels = []
    specs = {str(row.values[0]) for row in BEFORE_COMMIT + STREAM_BEFORE_COMMIT} | set(TOLERATED)
    for n, (spec, stream) in enumerate((spec, stream) for spec in sorted(specs) for stream in (False, True)):
        prefix = prefix_of(spec) + ("-stream" if stream else "")
        channels.append(
            channel(
                f"bad-{n}",
                fake.url,
                "chat",
                f"fake:{spec}:k",
                route_prefix=prefix,
                timeouts=limits(spec),
                id=f"bad_{n}",
            )
        )
        good = channel(f"good-{n}", fake.url, "chat", route_prefix=prefix, priority=2, id=f"good_{n}")
        channels.append({**good, "models": {"gpt-4.1": "gpt-4.1"}})  # it names the model: a typo goes nowhere else
    folder: Path = tmp_path_factory.mktemp("failover")
    with running_program(folder, *channels) as program:
        yield program


def limits(spec: str) -> dict[str, float]:
    return FAST if spec in SILENT else {}


def prefix_of(spec: str) -> str:
    return "p-" + spec.replace("=", "-")


def said(answer: httpx.Response) -> str:
    """The text of a JSON answer or of a stream's pieces, whatever the protocol."""
    return "".join(re.findall(r'"(?:content|text|delta)": ?"([^"]*)"', answer.text))


def ask(gateway: Program, spec: str, stream: bool) -> tuple[httpx.Response, list[dict[str, Any]]]:
    suffix = "-stream" if stream else ""
    answer = gateway.post(f"/{prefix_of(spec)}{suffix}/v1/chat/completions", {**ASK, "stream": stream})
    return answer, gateway.attempts(answer.headers["x-ccx-request-id"])


@pytest.mark.parametrize(("spec", "outcome"), BEFORE_COMMIT)
def test_json_moves_on(gateway: Program, spec: str, outcome: str) -> None:
    answer, attempts = ask(gateway, spec, False)
    assert answer.status_code == 200 and "hello" in answer.json()["choices"][0]["message"]["content"]
    assert attempts[0]["outcome"] == outcome and attempts[-1]["outcome"] == "ok"
    assert attempts[-1]["channel_name"].startswith("good")
    assert answer.headers["x-ccx-attempts"] == str(len(attempts))
    assert attempts[0]["reason"] and attempts[0]["error_message"]


@pytest.mark.parametrize(("spec", "outcome"), STREAM_BEFORE_COMMIT)
def test_stream_moves_on_before_the_client_sees_a_byte(gateway: Program, spec: str, outcome: str) -> None:
    answer, attempts = ask(gateway, spec, True)
    assert answer.status_code == 200 and "hello" in said(answer) and answer.text.rstrip().endswith("[DONE]")
    assert answer.text.count("[DONE]") == 1 and "error" not in answer.text
    assert (attempts[0]["outcome"], attempts[-1]["outcome"]) == (outcome, "ok")


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("spec", TOLERATED)
def test_oddities_are_tolerated(gateway: Program, spec: str, stream: bool) -> None:
    answer, attempts = ask(gateway, spec, stream)
    assert answer.status_code == 200 and "heard" in said(answer)
    assert [a["outcome"] for a in attempts] == ["ok"]
    assert "set-cookie" not in answer.headers


@pytest.fixture(scope="module")
def broken(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Channels that break after the commit, one a protocol and way."""
    channels = [
        channel(
            f"{protocol}-{spec}",
            fake.url,
            protocol,
            f"fake:{spec}+slowchunks=10:k",
            route_prefix=f"{protocol}-{prefix_of(spec)}",
            timeouts=limits(spec),
        )
        for protocol in ("messages", "chat", "responses", "gemini")
        for spec in ("cut=3", "eof=3", "midstall=3", "errorlate=3")
    ]
    with running_program(tmp_path_factory.mktemp("broken"), *channels) as program:
        yield program


PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "messages": ("/v1/messages", {"model": "claude-x", "max_tokens": 9, "stream": True, "messages": ASK["messages"]}),
    "chat": ("/v1/chat/completions", {**ASK, "stream": True}),
    "responses": ("/v1/responses", {"model": "gpt-x", "input": "hello chunks:8", "stream": True}),
    "gemini": (
        "/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "hello chunks:8"}]}]},
    ),
}


@pytest.mark.parametrize("protocol", PATHS)
@pytest.mark.parametrize(
    ("spec", "end"),
    [("cut=3", "cut"), ("eof=3", "cut"), ("midstall=3", "idle"), ("errorlate=3", "error event")],
)
def test_a_stream_that_breaks_after_the_commit_ends_with_an_error(
    broken: Program, protocol: str, spec: str, end: str
) -> None:
    path, body = PATHS[protocol]
    answer = broken.post(f"/{protocol}-{prefix_of(spec)}{path}", body)
    assert answer.status_code == 200 and said(answer)
    last = [line for line in answer.text.splitlines() if line.startswith("data")][-1]
    assert "error" in last and "[DONE]" not in answer.text and "event: message_stop" not in answer.text
    row = broken.row(answer.headers["x-ccx-request-id"])
    assert (row["state"], row["stream_end"], row["attempts_n"]) == ("failed", end, 1)


def test_the_stale_connection_race_is_invisible(fake: Fake, tmp_path: Path) -> None:
    with (
        running_program(tmp_path, channel("stale", fake.url, "chat", "fake:keepclose:k")) as program,
        httpx.Client(headers={"authorization": f"Bearer {CLIENT_KEY}"}) as client,
    ):
        for _ in range(3):
            assert client.post(f"{program.url}/v1/chat/completions", json=ASK).status_code == 200
        wait_for(lambda: len(program.rows()) == 3)
        rows = program.query(
            "select a.outcome, a.verdict, a.reused from attempts a join requests r on r.id = a.request_id order by r.id, a.n"
        )
    assert ("reset", "same_key", 1) in [tuple(row.values()) for row in rows]
