"""Several upstream models for one: over every protocol, streamed and not, the first one that answers does."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from tests.wire.program import ADMIN_KEY, Fake, Program, channel, running_program

TEXT = ("messages", "chat", "responses", "gemini")
CHAIN = ["a-fake-529", "b-fake-429=60", "c-fake-modelnotfound", "d-fake-status=500", {"to": "good", "effort": "low"}]
NAMES = ["a-fake-529", "b-fake-429=60", "c-fake-modelnotfound", "d-fake-status=500", "good"]
OUTCOMES = ["status"] * 4 + ["ok"]
PRICES = {name: {"input": 1000 if "fake" in name else 1, "output": 1000 if "fake" in name else 1} for name in NAMES}
TURN = [{"role": "user", "content": "hello chunks:8"}]


def body_of(kind: str, stream: bool) -> tuple[str, dict[str, Any]]:
    """Path and body of a request for the model ``ours``."""
    match kind:
        case "messages":
            return "/v1/messages", {"model": "ours", "max_tokens": 99, "stream": stream, "messages": TURN}
        case "chat":
            return "/v1/chat/completions", {"model": "ours", "stream": stream, "messages": TURN}
        case "responses":
            return "/v1/responses", {"model": "ours", "stream": stream, "input": "hello chunks:8"}
        case "images":
            return "/v1/images/generations", {"model": "ours", "prompt": "a cat"}
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/ours:{method}", {"contents": [{"role": "user", "parts": [{"text": "hello chunks:8"}]}]}


WAYS = [(kind, protocol, stream) for kind in TEXT for protocol in TEXT for stream in (False, True)]
WAYS.append(("images", "images", False))


def prefix_of(kind: str, protocol: str, stream: bool) -> str:
    return f"{kind}-{protocol}-{'stream' if stream else 'json'}"


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One channel for each way, so that no state is shared."""
    channels = [
        channel(
            prefix_of(*way),
            fake.url,
            way[1],
            f"key-{prefix_of(*way)}",
            serves=[way[0]],
            route_prefix=prefix_of(*way),
            models={"ou*": CHAIN},
        )
        for way in WAYS
    ]
    channels.append(channel("edited", fake.url, "chat", models={"ou*": CHAIN}, route_prefix="edited"))
    with running_program(tmp_path_factory.mktemp("chains"), *channels, prices=PRICES, panel=True) as program:
        yield program


def asked_of(seen: dict[str, Any]) -> str:
    return str(seen["json"].get("model") or seen["path"].split("/models/")[1].partition(":")[0])


@pytest.mark.parametrize(("kind", "protocol", "stream"), WAYS, ids=[prefix_of(*way) for way in WAYS])
def test_the_first_that_answers(gateway: Program, fake: Fake, kind: str, protocol: str, stream: bool) -> None:
    prefix = prefix_of(kind, protocol, stream)
    path, body = body_of(kind, stream)
    answer = gateway.post(f"/{prefix}{path}", body)
    assert answer.status_code == 200 and "fake error" not in answer.text and answer.headers["x-ccx-attempts"] == "5"
    row, attempts = (
        gateway.row(answer.headers["x-ccx-request-id"]),
        gateway.attempts(answer.headers["x-ccx-request-id"]),
    )
    assert [a["upstream_model"] for a in attempts] == NAMES and [a["outcome"] for a in attempts] == OUTCOMES
    assert [a["verdict"] for a in attempts] == ["next_model"] * 4 + ["commit"]
    assert {a["key_mask"] for a in attempts} == {row["key_mask"]}
    assert (row["model"], row["upstream_model"], row["attempts_n"]) == ("ours", "good", 5)
    arrived = [asked_of(seen) for seen in fake.requests() if seen["key"] == f"key-{prefix}"]
    assert arrived == NAMES
    if prefix == "responses-responses-json":
        bodies = [seen["json"] for seen in fake.requests() if seen["key"] == f"key-{prefix}"]
        assert [b.get("reasoning", {}).get("effort") for b in bodies] == [None] * 4 + ["low"], "of the model asked"
    again = gateway.post(f"/{prefix}{path}", body)
    models = {attempt["upstream_model"] for attempt in gateway.attempts(again.headers["x-ccx-request-id"])}
    assert "good" in models and not {"b-fake-429=60", "c-fake-modelnotfound"} & models, "those that rest are not asked"
    if kind != "images":
        tokens = row["input_tokens"] + row["output_tokens"]
        assert tokens and row["cost_usd"] == pytest.approx(tokens / 1e6), "priced as the model that answered"


@pytest.fixture
def pair(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A chain that nobody answers, and a channel behind it."""
    fake.clear()
    models = {"claude-*": ["a-fake-429=3600", "b-fake-529"]}
    channels = [
        channel("first", fake.url, "chat", "key-one", "key-two", models=models),
        channel("second", fake.url, "chat", "key-three", priority=2),
        channel("vectors", fake.url, "embeddings", "key-four", models={"*": ["a-fake-529", "good"]}),
        channel("same", fake.url, "embeddings", "key-five", models={"*": "a-fake-529"}, priority=2),
    ]
    with running_program(tmp_path_factory.mktemp("pair"), *channels) as program:
        yield program


def test_then_the_next_key_and_the_next_channel(pair: Program, fake: Fake) -> None:
    answer = pair.post("/v1/chat/completions", {"model": "claude-opus", "messages": TURN})
    attempts = pair.attempts(answer.headers["x-ccx-request-id"])
    assert answer.status_code == 200 and [(a["channel_name"], a["upstream_model"]) for a in attempts] == [
        ("first", "a-fake-429=3600"), ("first", "b-fake-529"), ("first", "a-fake-429=3600"), ("second", "claude-opus"),
    ]  # fmt: skip
    assert [seen["key"] for seen in fake.requests()] == ["key-one", "key-one", "key-two", "key-three"]


def test_vectors_of_another_model_never_stand_in(pair: Program, fake: Fake) -> None:
    answer = pair.post("/v1/embeddings", {"model": "vec", "input": "hello"})
    assert answer.status_code == 529
    assert [asked_of(seen) for seen in fake.requests()] == ["a-fake-529", "a-fake-529"]


def test_the_panel_and_the_metrics_say_which_model_answered(gateway: Program) -> None:
    admin = {"x-api-key": ADMIN_KEY}
    path, body = body_of("messages", True)
    answer = gateway.post(f"/messages-gemini-stream{path}", body)
    id = answer.headers["x-ccx-request-id"]
    gateway.row(id)
    found = httpx.get(f"{gateway.url}/api/requests/{id}", headers=admin).json()
    assert "good" in [attempt["upstream_model"] for attempt in found["attempts"]]
    why = httpx.post(
        f"{gateway.url}/api/schedule/explain",
        headers=admin,
        json={"kind": "chat", "model": "ours", "route_prefix": "chat-gemini-json"},
    ).json()
    (place,) = why["channels"]
    assert [place["upstream_model"], *place["then"]] in (NAMES, ["good"])


def test_a_chain_that_is_edited_in_the_panel_stays_a_list(gateway: Program) -> None:
    admin = {"x-api-key": ADMIN_KEY}
    listed = httpx.get(f"{gateway.url}/api/channels", headers=admin).json()["channels"]
    id = next(each["id"] for each in listed if each["name"] == "edited")
    patch = {"models": {"ou*": ["x", {"to": "good", "effort": "high"}], "other": "y"}}
    shown = httpx.post(f"{gateway.url}/api/channels/preview", headers=admin, json={"id": id, "channel": patch}).json()
    assert not shown["problems"] and "+" in shown["diff"] and "effort: high" in shown["diff"]
    changed = httpx.patch(f"{gateway.url}/api/channels/{id}", headers=admin, json=patch)
    assert changed.status_code == 200, changed.text
    assert changed.json()["channel"]["models"] == patch["models"]
    written = YAML(typ="safe").load((gateway.folder / "ccx.yaml").read_text())["channels"]
    assert [each["models"] for each in written if each["name"] == "edited"] == [patch["models"]]
