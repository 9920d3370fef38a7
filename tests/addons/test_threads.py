"""Threads of Claude Messages: whose they are, and what is said where they cannot be continued."""

import asyncio
import json
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.lib.threads._thread_state import _replay_reason, _unsupported_features
from mitmproxy import http

from ccx_addons.convert import skip
from ccx_addons.core.config import Client
from ccx_addons.core.errors import StoreError
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Loss
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.processes.runtime import Runtime
from ccx_addons.threads import Threads
from tests.addons.flows import flow, response
from tests.addons.values import attempted, channel, exchange

WHERE = channel("a", "messages")
CREATE = {"type": "create"}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccx_addons.sessions.TRIES", (0.0,))


def asked(thread: Any = None, client: str = "alice") -> Exchange:
    x = exchange("messages", WHERE)
    x.client = Client(client, "")
    x.body = JsonBody.parse(json.dumps({"model": "m", **({"thread": thread} if thread is not None else {})}).encode())
    return x


def go_on(runtime: Runtime, id: str, client: str = "alice") -> tuple[Exchange, http.HTTPFlow]:
    x = asked({"type": "continue", "previous_message_id": id}, client)
    made = flow(x=x)
    if waiting := Threads(runtime).request(made):
        asyncio.run(waiting)  # type: ignore[arg-type]
    return x, made


def given(runtime: Runtime, stream: bool, thread: Any = CREATE, converted: bool = False) -> None:
    x = asked(thread)
    attempted(x, WHERE, "ok").converted = converted
    x.committed = stream
    x.opening = (
        b'event: message_start\ndata: {"type":"message_start","message":{"model":"m","id":"msg_1","role":"a"}}\n\n'
    )
    made = flow(x=x)
    made.response = response(200, b"" if stream else b'{"id":"msg_1"}')
    Threads(runtime).responseheaders(made)
    Threads(runtime).response(made)
    runtime.store.flush()


def error(made: http.HTTPFlow) -> anthropic.APIStatusError:
    assert made.response
    answer: Any = httpx.Response(made.response.status_code, request=httpx.Request("POST", "http://a"))
    return anthropic.APIStatusError("", response=answer, body=json.loads(made.response.content or b""))


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_who_began_it_goes_on_where_it_is(runtime: Runtime, stream: bool) -> None:
    given(runtime, stream)
    x, made = go_on(runtime, "msg_1")
    assert made.response is None and x.home[:2] == (WHERE.id, WHERE.keys[0].id)


@pytest.mark.parametrize(("id", "client"), [("msg_1", "bob"), ("msg_2", "alice"), ("../x", "alice")])
def test_nobody_else_does_and_the_sdk_sends_everything_again(runtime: Runtime, id: str, client: str) -> None:
    given(runtime, False)
    x, made = go_on(runtime, id, client)
    assert made.response and made.response.status_code == 404 and not x.home.channel_id
    assert _replay_reason(error(made)) == "thread_not_found"
    assert x.source == "handshake"


@pytest.mark.parametrize(("thread", "converted"), [(None, False), (CREATE, True)], ids=["no thread", "converted"])
def test_what_is_no_thread_is_not_kept(runtime: Runtime, thread: Any, converted: bool) -> None:
    given(runtime, False, thread, converted)
    assert go_on(runtime, "msg_1")[1].response


def test_a_store_that_cannot_be_read(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any) -> None:
        raise StoreError("no")

    monkeypatch.setattr("ccx_addons.sessions.load", load)
    made = go_on(runtime, "msg_1")[1]
    assert made.response and made.response.status_code == 503


def test_without_a_channel_that_keeps_it_the_sdk_goes_on_without() -> None:
    def nobody() -> Any:
        yield

    x = asked(CREATE)
    record = attempted(x, channel("b", "chat", ("messages",)), None)
    record.losses = [Loss("thread", "only the upstream that keeps it", vital=True)]
    x.failover = nobody()
    next(x.failover)
    made = flow(x=x)
    skip(made, x, record)
    assert made.response and made.response.status_code == 400
    assert _unsupported_features(error(made)) == ["thread"]
    assert x.source == "handshake"
