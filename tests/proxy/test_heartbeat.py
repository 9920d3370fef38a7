"""Signs of life before an attempt is committed, on real sockets; and what they must not spoil."""

from dataclasses import replace
from typing import Any

import pytest
from mitmproxy import http

from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Fault
from ccx_addons.proxy.guard import exchange_of
from ccx_addons.proxy.heartbeat import last_words
from tests.addons.values import exchange
from tests.proxy.harness import FAST, Script, gateway
from tests.proxy.upstreams import ALL, GOOD_TEXT, SSE, answers, chunk

COMMENT = b": keepalive\n\n"
THINKS = answers(SSE, 0.5, chunk(b"data: 1\n\ndata: END\n\n") + b"0\r\n\r\n")
THEN_FAILS = answers(SSE, 0.35, chunk(b"data: ERROR\n\n") + b"0\r\n\r\n")
SLOW = replace(FAST, heartbeat=0.1, first_event=2, first_byte=2)
LATE_HEAD = answers(0.6, SSE + chunk(b"data: 1\n\ndata: END\n\n") + b"0\r\n\r\n")
HANDLERS = {**ALL, "thinks": THINKS, "then_fails": THEN_FAILS, "late_head": LATE_HEAD}


@pytest.fixture(autouse=True, params=[False, True], ids=["json", "stream"])
def stream(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the client asks for a stream, as a Chat client does."""
    before = Script.requestheaders

    def requestheaders(self: Script, flow: http.HTTPFlow) -> None:
        before(self, flow)
        x = exchange_of(flow)
        assert x
        x.stream = request.param

    monkeypatch.setattr(Script, "requestheaders", requestheaders)
    return bool(request.param)


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "mitmproxy"])
async def test_a_model_that_thinks(stream: bool, direct: bool) -> None:
    async with gateway(HANDLERS, timeouts=SLOW, direct=direct) as g:
        status, body = await g.ask("thinks")
    assert status == 200 and body.endswith(b"data: 1\n\ndata: END\n\n")
    assert (COMMENT in body, body.count(b"data: 1")) == (stream, 1)


async def test_gemini_clients_get_blank_lines(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Script.request

    def request(self: Script, flow: http.HTTPFlow) -> None:
        before(self, flow)
        self.exchanges[-1].kind = "gemini"

    monkeypatch.setattr(Script, "request", request)
    async with gateway(HANDLERS, timeouts=SLOW) as g:
        _, body = await g.ask("thinks")
    assert COMMENT not in body and body.startswith(b"\n\n") is stream


async def test_what_fails_after_it_still_moves_on_unseen(stream: bool) -> None:
    async with gateway(HANDLERS, timeouts=SLOW) as g:
        status, body = await g.ask("then_fails,429,then_fails,good")
        assert g.script.log == ["stream_error", 429, "stream_error", "ok"]
        assert g.script.ends == ["response"]
    assert status == 200 and body.replace(COMMENT, b"") == GOOD_TEXT
    assert (COMMENT in body) is stream


async def test_when_nothing_works_the_client_gets_an_error_event(stream: bool) -> None:
    async with gateway(HANDLERS, timeouts=SLOW) as g:
        status, body = await g.ask("then_fails,429")
        x = g.script.exchanges[0]
    if stream:
        assert status == 200 and body.replace(COMMENT, b"").startswith(b'data: {"error":')
        assert x.stream_end == "error event"
    else:
        assert (status, x.stream_end) == (502, "")


async def test_a_channel_that_has_not_accepted_sends_no_head(stream: bool) -> None:
    async with gateway(HANDLERS, timeouts=replace(SLOW, first_byte=0.2, heartbeat=5)) as g:
        assert (await g.ask("stall"))[0] == 502


async def test_a_head_that_comes_with_the_first_word(stream: bool) -> None:
    async with gateway(HANDLERS, timeouts=SLOW) as g:
        status, body = await g.ask("429,late_head")
        assert g.script.log == [429, "ok"]
    assert status == 200 and (COMMENT in body) is stream
    assert body.replace(COMMENT, b"") == b"data: 1\n\ndata: END\n\n"


async def test_nobody_answers_for_long(stream: bool) -> None:
    async with gateway(HANDLERS, timeouts=replace(SLOW, first_byte=0.6)) as g:
        status, body = await g.ask("stall")
    assert (status, COMMENT in body) == (200 if stream else 502, stream)
    assert not stream or body.replace(COMMENT, b"").startswith(b'data: {"error":')


async def test_a_complete_answer_after_it_is_the_streams_rest(stream: bool) -> None:
    async with gateway(HANDLERS, timeouts=SLOW) as g:
        status, body = await g.ask("then_fails,json")
    assert status == 200 and body.replace(COMMENT, b"") == b'{"ok":1}'


@pytest.mark.parametrize("more", [{"heartbeat": 0.0}], ids=["switched off"])
async def test_no_heartbeat(more: Any, stream: bool) -> None:
    async with gateway(HANDLERS, timeouts=replace(SLOW, **more)) as g:
        assert COMMENT not in (await g.ask("thinks"))[1]
        assert (await g.ask("then_fails"))[0] == 502


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("messages", b"event: error\n"),
        ("chat", b'data: {"error":'),
        ("responses", b"event: response."),
        ("gemini", b'{"error":'),
        ("images", b'data: {"error":'),
    ],
)
def test_last_words_are_the_clients_protocols(kind: Any, begins: bytes) -> None:
    x: Exchange = exchange(kind)
    x.fault = Fault("rate_limit", "slow down", 429)
    said = b"".join(last_words(x, http.Response.make(429, b"{}")))
    assert said.startswith(begins) and b"slow down" in said
    if kind == "responses":
        assert b'"response.failed"' in said and b"rate_limit_exceeded" in said
