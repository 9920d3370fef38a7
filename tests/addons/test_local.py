import json
from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.core import endpoints
from ccx_addons.core.config import Channel, Kind, Patterns
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Fault
from ccx_addons.core.patient_json import BIG
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.local import DESKTOP, PROBE, Local, counted_instead, probe_answer
from ccx_addons.processes.runtime import Runtime
from tests.addons.flows import flow
from tests.addons.values import channel, exchange


def ask(text: Any = "hi", **more: Any) -> dict[str, Any]:
    return {"max_tokens": 1, "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize(
    ("members", "model", "answer"),
    [
        pytest.param(ask(), "claude-x", PROBE, id="Claude Code"),
        pytest.param(ask([{"type": "text", "text": "quota"}]), "claude-x", PROBE, id="as a block"),
        pytest.param(ask("."), "haiku", DESKTOP, id="Claude Desktop"),
        pytest.param(ask("."), "claude-x", PROBE, id="the same for another model"),
        pytest.param(ask(max_tokens=2), "claude-x", None, id="more than one token"),
        pytest.param(ask("a question of more than a word"), "claude-x", None, id="a real question"),
        pytest.param(ask("  "), "claude-x", None, id="blank"),
        pytest.param(ask(tools=[{"name": "f"}]), "claude-x", None, id="with tools"),
        pytest.param(ask([{"type": "image"}]), "claude-x", None, id="a picture"),
        pytest.param({"max_tokens": 1, "messages": "hi"}, "claude-x", None, id="not a list"),
        pytest.param({"max_tokens": 1, "messages": ask()["messages"] * 2}, "claude-x", None, id="a conversation"),
    ],
)
def test_probes(members: dict[str, Any], model: str, answer: Any) -> None:
    assert probe_answer(members, model) is answer


@pytest.mark.parametrize(("size", "waits"), [(400, False), (BIG, True)])
async def test_large_bodies_are_counted_beside_the_loop(runtime: Runtime, size: int, waits: bool) -> None:
    x = exchange("messages")
    x.ask(endpoints.find("POST", "/v1/messages/count_tokens"))
    x.raw = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * size}]}).encode()
    x.body = JsonBody.parse(x.raw)
    asked = flow(x=x)
    waiting = Local(runtime).request(asked)
    assert (waiting is not None) == waits
    if waiting is not None:
        await waiting
    assert asked.response and abs(json.loads(asked.response.content or b"")["input_tokens"] - size / 4) < 10


def counting(kind: Kind, path: str, body: dict[str, Any], *channels: Channel) -> Exchange:
    x = exchange(kind, *channels, model="m")
    x.ask(endpoints.find("POST", path))
    x.raw = json.dumps(body).encode()
    x.body = JsonBody.parse(x.raw)
    return x


CLAUDE = channel("claude", "messages", ("messages", "chat"))
CHAT = channel("chat", "chat", ("messages", "chat"))
GEMINI_BY_CHAT = channel("other", "chat", ("gemini",))
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "word " * 80}]}


@pytest.mark.parametrize(
    ("channels", "upstream"),
    [
        pytest.param([CLAUDE], True, id="one that counts"),
        pytest.param([CHAT, CLAUDE], True, id="one of two"),
        pytest.param([CHAT], False, id="one of another protocol"),
        pytest.param([CHAT, replace(CLAUDE, allow=Patterns(("claude-*",)))], False, id="not for this model"),
        pytest.param([CHAT, replace(CLAUDE, status="suspended")], False, id="not now"),
        pytest.param([CHAT, replace(CLAUDE, route_prefix="kimi")], False, id="not on this path"),
        pytest.param([], False, id="none"),
    ],
)
def test_an_upstream_counts_where_it_can(runtime: Runtime, channels: list[Channel], upstream: bool) -> None:
    asked = flow(x=counting("messages", "/v1/messages/count_tokens", QUESTION, *channels))
    Local(runtime).request(asked)
    assert (asked.response is None) is upstream


@pytest.mark.parametrize(
    ("kind", "path", "said"),
    [
        ("messages", "/v1/messages/count_tokens", {"input_tokens"}),
        ("responses", "/v1/responses/input_tokens", {"object", "input_tokens"}),
        ("gemini", "/v1beta/models/m:countTokens", {"totalTokens"}),
    ],
)
def test_an_estimate_in_place_of_an_error(kind: Kind, path: str, said: set[str]) -> None:
    x = counting(kind, path, QUESTION)
    found = counted_instead(x, Fault("not_found", "no such path", 404))
    assert found and json.loads(found.content or b"").keys() == said
    assert x.usage_estimated and x.usage and x.usage.input > 80


def test_googles_older_libraries_count_a_request_in_a_request(runtime: Runtime) -> None:
    inner = {"model": "models/m", "contents": [{"role": "user", "parts": [{"text": "word " * 80}]}]}
    asked = flow(
        x=counting("gemini", "/v1beta/models/m:countTokens", {"generateContentRequest": inner}, GEMINI_BY_CHAT)
    )
    Local(runtime).request(asked)
    assert asked.response and asked.response.json()["totalTokens"] > 80


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_wrong_request_stays_wrong(status: int) -> None:
    x = counting("messages", "/v1/messages/count_tokens", QUESTION)
    assert counted_instead(x, Fault("invalid_request", "no", status)) is None and x.usage is None


def test_other_requests_are_not_counted() -> None:
    x = counting("messages", "/v1/messages", QUESTION)
    assert counted_instead(x) is None and x.usage is None
