"""Containers of an upstream's account: whose they are."""

import asyncio
import json
from typing import Any

import pytest
from mitmproxy import http

from ccx_addons.containers import Containers
from ccx_addons.core.config import DEFAULT_CLIENT, Client, Kind
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.processes.runtime import Runtime
from tests.addons.flows import flow, response
from tests.addons.values import attempted, channel, exchange

CODE = {"type": "code_interpreter_call", "id": "ci_1", "container_id": "cntr_1"}
SHELL = {"type": "shell_call", "environment": {"type": "container_reference", "container_id": "cntr_1"}}
SPOKEN = {"type": "function_call", "name": "f", "arguments": '{"container_id": "cntr_9"}'}
USED = {"type": "tool_use", "name": "f", "input": {"container": {"id": "cntr_9"}, "container_id": "cntr_9"}}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccx_addons.sessions.TRIES", (0.0,))


def asked(kind: Kind, client: str, **members: Any) -> Exchange:
    x = exchange(kind, channel("a", kind))
    x.client, x.raw = Client(client, ""), json.dumps({"model": "m", **members}).encode()
    x.body = JsonBody.parse(x.raw)
    return x


def answered(runtime: Runtime, kind: Kind, body: dict[str, Any], stream: bool = False, converted: bool = False) -> None:
    x = asked(kind, "alice")
    attempted(x, channel("a", kind), "ok").converted = converted
    x.stream = stream
    if stream:
        x.final_event = f"data: {json.dumps({'type': 'response.completed', 'response': body})}\n\n".encode()
    made = flow(x=x)
    made.response = response(200, json.dumps(body).encode())
    if waiting := Containers(runtime).response(made):
        asyncio.run(waiting)  # type: ignore[arg-type]


def goes_on(runtime: Runtime, kind: Kind, client: str = "alice", **members: Any) -> tuple[Exchange, http.HTTPFlow]:
    x = asked(kind, client, **members)
    made = flow(x=x)
    if waiting := Containers(runtime).request(made):
        asyncio.run(waiting)  # type: ignore[arg-type]
    return x, made


WAYS = [
    pytest.param("messages", {"container": "cntr_1"}, id="Claude"),
    pytest.param("messages", {"container": {"id": "cntr_1", "skills": []}}, id="Claude with skills"),
    pytest.param("responses", {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}, id="code"),
    pytest.param("responses", {"tools": [{"type": "shell", "environment": SHELL["environment"]}]}, id="shell"),
]


@pytest.mark.parametrize(("kind", "members"), WAYS)
def test_a_container_is_the_clients_that_it_was_made_for(runtime: Runtime, kind: Kind, members: dict[str, Any]) -> None:
    _, made = goes_on(runtime, kind, **members)
    assert made.response and made.response.status_code == 404
    assert b"Container with id 'cntr_1' not found." in (made.response.content or b"")
    body: dict[str, Any] = (
        {"container": {"id": "cntr_1", "expires_at": "x"}} if kind == "messages" else {"output": [CODE]}
    )
    answered(runtime, kind, body)
    runtime.store.flush()
    x, made = goes_on(runtime, kind, **members)
    assert made.response is None and x.home.channel_id == "id_a"
    _, made = goes_on(runtime, kind, "bob", **members)
    assert made.response and made.response.status_code == 404
    _, made = goes_on(runtime, kind, DEFAULT_CLIENT, **members)
    assert made.response is None


@pytest.mark.parametrize("body", [{"output": [CODE]}, {"output": [SHELL]}])
def test_a_stream_gives_one_too(runtime: Runtime, body: dict[str, Any]) -> None:
    answered(runtime, "responses", body, stream=True)
    runtime.store.flush()
    assert goes_on(runtime, "responses", tools=[{"container": "cntr_1"}])[1].response is None


def test_a_stream_of_claudes_gives_one_too(runtime: Runtime) -> None:
    x = asked("messages", "alice")
    attempted(x, channel("a", "messages"), "ok")
    x.stream, x.container = True, "cntr_1"
    made = flow(x=x)
    made.response = response(200, b"")
    assert Containers(runtime).response(made) is None
    runtime.store.flush()
    assert goes_on(runtime, "messages", container="cntr_1")[1].response is None


@pytest.mark.parametrize(
    ("kind", "body", "converted"),
    [
        pytest.param("responses", {"output": [SPOKEN]}, False, id="said in arguments"),
        pytest.param("messages", {"content": [USED]}, False, id="said in an input"),
        pytest.param("responses", {"output": [{**CODE, "container_id": "cntr_9"}]}, True, id="made by a conversion"),
        pytest.param("responses", {"output": [{**CODE, "container_id": "../cntr_9"}]}, False, id="no id"),
    ],
)
def test_nobody_gets_what_a_model_only_speaks_of(
    runtime: Runtime, kind: Kind, body: dict[str, Any], converted: bool
) -> None:
    answered(runtime, kind, body, converted=converted)
    runtime.store.flush()
    assert goes_on(runtime, kind, container="cntr_9")[1].response


@pytest.mark.parametrize("members", [{}, {"container": None}, {"tools": [{"container": {"type": "auto"}}]}])
def test_nothing_is_looked_up_where_none_is_named(runtime: Runtime, members: dict[str, Any]) -> None:
    assert Containers(runtime).request(flow(x=asked("responses", "alice", **members))) is None


def test_a_name_in_escapes_is_one(runtime: Runtime) -> None:
    raw = b'{"model": "m", "contain\\u0065r": "cntr_1"}'
    x = exchange("messages", channel("a", "messages"))
    x.client, x.raw, x.body = Client("alice", ""), raw, JsonBody.parse(raw)
    assert Containers(runtime).request(flow(x=x)) is not None
