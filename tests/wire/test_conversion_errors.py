"""Errors, losses and failover across protocols, as the official SDKs see them."""

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from google.genai import errors as genai_errors

from ccx_addons.core.ids import uuid7
from tests.wire.program import Fake, Program, channel, running_program
from tests.wire.sdks import SDKS, Ask, Results, Sdk, User

KINDS = ("messages", "chat", "responses", "gemini")
MODELS = {"messages": "claude-sonnet-4-5", "chat": "gpt-4.1", "responses": "gpt-5.1", "gemini": "gemini-2.5-flash"}
STATUSES = (400, 401, 403, 404, 413, 429, 500, 529)
HELLO = Ask([User("hello chunks:12")])

cells = pytest.mark.parametrize(
    ("client", "upstream"), [pytest.param(c, u, id=f"{c} to {u}") for c in KINDS for u in KINDS]
)
ways = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])

ANTHROPIC: dict[int, type[Exception]] = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
}
OPENAI: dict[int, type[Exception]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
}


def expected(client: str, status: int) -> type[Exception]:
    """What the SDK raises for a status."""
    if client == "gemini":
        return genai_errors.ClientError if status < 500 else genai_errors.ServerError
    table, other = (ANTHROPIC, anthropic.APIStatusError) if client == "messages" else (OPENAI, openai.APIStatusError)
    return table.get(status, other)


def sdk(gateway: Program, client: str, prefix: str) -> Sdk:
    return SDKS[client](f"{gateway.url}/{prefix}")


def served(fake: Fake, name: str, kind: str, key: str, prefix: str, **more: Any) -> dict[str, Any]:
    """A channel of one protocol for clients of all four."""
    models = {"plain": MODELS[kind]}
    return channel(name, fake.url, kind, key, serves=list(KINDS), route_prefix=prefix, models=models, **more)


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A channel for every error and way to ask, so that no row feels another row's cooldown."""
    channels = []
    for kind in KINDS:
        for status in STATUSES:
            spec = "429=7" if status == 429 else f"status={status}"
            for way in ("json", "stream"):
                prefix = f"{kind}-{status}-{way}"
                channels.append(served(fake, prefix, kind, f"fake:{spec}:k", prefix))
        for spec in ("errorlate=3", "cut=3", "errorfirst"):
            prefix = f"{kind}-{spec.replace('=', '-')}"
            channels.append(served(fake, prefix, kind, f"fake:{spec}:k", prefix))
        channels.append(served(fake, f"{kind}-strict", kind, "good", f"{kind}-refuse", on_loss="refuse"))
    with running_program(tmp_path_factory.mktemp("errors"), *channels) as program:
        yield program


@cells
@ways
@pytest.mark.parametrize("status", STATUSES)
def test_the_sdk_raises_its_own_exception(
    gateway: Program, client: str, upstream: str, stream: bool, status: int
) -> None:
    prefix = f"{upstream}-{status}-{'stream' if stream else 'json'}"
    with pytest.raises(expected(client, status)) as raised:
        sdk(gateway, client, prefix).ask(Ask(HELLO.turns, stream=stream))
    error: Any = raised.value
    assert (error.code if client == "gemini" else error.status_code) == status
    assert ("Rate limit reached" if status == 429 else f"fake error {status}") in str(error)
    if status == 429:
        assert 1 <= float(error.response.headers["retry-after"]) <= 7


@cells
@pytest.mark.parametrize("spec", ["errorlate-3", "cut-3"])
def test_an_error_inside_the_stream(gateway: Program, client: str, upstream: str, spec: str) -> None:
    """The SDK must not take what came for an answer."""
    with pytest.raises((anthropic.APIError, openai.APIError, genai_errors.APIError)):
        sdk(gateway, client, f"{upstream}-{spec}").ask(Ask(HELLO.turns, stream=True))


@cells
def test_a_stream_that_begins_with_an_error(gateway: Program, client: str, upstream: str) -> None:
    """Nothing was sent yet: the client gets a status, not a stream."""
    with pytest.raises(expected(client, 529)) as raised:
        sdk(gateway, client, f"{upstream}-errorfirst").ask(Ask(HELLO.turns, stream=True))
    assert "verloaded" in str(raised.value)


# ---- losses ----------------------------------------------------------------------------------------------------------
LOSSY: dict[str, Any] = {
    "model": "plain",
    "max_tokens": 50,
    "top_k": 5,
    "messages": [{"role": "user", "content": "hi"}],
}


def test_a_channel_that_refuses_losses(gateway: Program, fake: Fake) -> None:
    fake.clear()
    answer = gateway.post("/chat-refuse/v1/messages", LOSSY)
    assert answer.status_code == 400 and "top_k" in answer.json()["error"]["message"]
    assert fake.requests() == []
    kept = gateway.post("/gemini-refuse/v1/messages", LOSSY)
    assert kept.status_code == 200 and "x-ccx-losses" not in kept.headers


# ---- failover --------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def mixed(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Behind each prefix a broken channel of one protocol and a good one of another."""
    channels = []
    for n, kind in enumerate(KINDS):
        other = KINDS[(n + 1) % len(KINDS)]
        for prefix, spec in (
            (f"{kind}-json", "status=500"),
            (f"{kind}-stream", "status=500"),
            (f"{kind}-errorfirst", "errorfirst"),
            (f"{kind}-emptystream", "emptystream"),
        ):
            first = served(fake, f"first-{prefix}", kind, f"fake:{spec}:k", prefix, id=f"a_{prefix}")
            second = served(fake, f"second-{prefix}", other, "good", prefix, id=f"b_{prefix}", priority=2)
            channels += [first, second]
        lossy = served(fake, f"lossy-{kind}", kind, "good", f"lossy-{kind}", on_loss="refuse")
        channels += [lossy, served(fake, f"whole-{kind}", "gemini", "good", f"lossy-{kind}", priority=2)]
    with running_program(tmp_path_factory.mktemp("mixed"), *channels) as program:
        yield program


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("client", KINDS)
@ways
def test_failover_to_a_channel_of_another_protocol(mixed: Program, client: str, first: str, stream: bool) -> None:
    second = KINDS[(KINDS.index(first) + 1) % len(KINDS)]
    face = sdk(mixed, client, f"{first}-{'stream' if stream else 'json'}")
    mixed.last_id = uuid7()
    ask = Ask([User('call:look_up {"city": "Rome"}')], tools=True, stream=stream)
    answer = face.ask(ask)
    assert [call.arguments for call in answer.calls] == [{"city": "Rome"}]
    row = mixed.newest()
    assert row["attempts_n"] >= 2 and row["upstream_model"] == MODELS[second]
    outcomes = [attempt["outcome"] for attempt in mixed.attempts(row["id"])]
    assert set(outcomes[:-1]) == {"status"} and outcomes[-1] == "ok"
    follow = face.ask(Ask([*ask.turns, answer, Results([(answer.calls[0], "sun")])], tools=True, stream=stream))
    assert "sun" in follow.text


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("client", KINDS)
@pytest.mark.parametrize("spec", ["errorfirst", "emptystream"])
def test_failover_inside_a_stream_before_anything_was_said(mixed: Program, client: str, first: str, spec: str) -> None:
    answer = sdk(mixed, client, f"{first}-{spec}").ask(Ask(HELLO.turns, stream=True))
    assert "hello" in answer.text and answer.stop == "end"


def test_a_loss_leads_to_the_next_channel(mixed: Program) -> None:
    answer = mixed.post("/lossy-chat/v1/messages", LOSSY)
    assert answer.status_code == 200
    attempts = mixed.attempts(answer.headers["x-ccx-request-id"])
    assert [attempt["outcome"] for attempt in attempts] == ["refused_loss", "ok"]
