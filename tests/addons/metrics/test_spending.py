"""Which exchanges are estimated, and from what."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ccx_addons.convert.watch import PassWatcher
from ccx_addons.core import endpoints
from ccx_addons.core.config import Client, ClientLimits, Kind, ReasoningPolicy
from ccx_addons.core.estimate import tokens_of_text
from ccx_addons.core.exchange import Exchange, Phase, State
from ccx_addons.core.neutral import Finished, PartDelta, PartStarted, Response, Started, Text, ToolCall, Usage
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.metrics.spending import LARGE, USUAL_OUTPUT, asked_tier, estimate_of, prompt_tokens, settle, unsettled
from ccx_addons.protocols import PROTOCOLS
from tests.addons.values import attempted, channel, exchange

QUESTION: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "word " * 80}]}


def asked(kind: Kind = "chat", *, state: State = "client_left", phase: Phase = "streaming") -> Exchange:
    x = exchange(kind, channel("a", kind))
    attempted(x, channel("a", kind), None)
    x.raw = json.dumps(QUESTION).encode()
    x.body = JsonBody.parse(x.raw)
    x.state, x.phase = state, phase
    return x


def streaming(x: Exchange, *events: Any) -> PassWatcher:
    x.committed = True
    protocol = PROTOCOLS[x.kind]
    found = PassWatcher(x, protocol, protocol.decoder())
    x.watcher = found
    for event in events:
        found.see(event)
    return found


@pytest.mark.parametrize(
    ("state", "phase", "committed", "answer"),
    [
        pytest.param("client_left", "streaming", True, True, id="left a stream"),
        pytest.param("client_left", "tool", True, True, id="left a tool call"),
        pytest.param("client_left", "waiting", False, True, id="left before the answer"),
        pytest.param("client_left", "connecting", False, False, id="left before the upstream heard of it"),
        pytest.param("client_left", "queued", False, False, id="left in the queue"),
        pytest.param("failed", "streaming", True, True, id="a stream that was cut"),
        pytest.param("failed", "waiting", False, False, id="no upstream answered"),
        pytest.param("ok", "waiting", False, True, id="an answer without counts"),
    ],
)
def test_unsettled(state: State, phase: Phase, committed: bool, answer: bool) -> None:
    x = asked(state=state, phase=phase)
    x.committed = committed
    assert unsettled(x) is answer
    x.usage = Usage(1, 1)
    assert not unsettled(x), "it was counted"
    x.usage, x.attempts, x.current = None, [], None
    assert not unsettled(x), "nobody was asked"


@pytest.mark.parametrize(
    ("path", "billed"),
    [("/v1/messages/count_tokens", False), ("/v1/images/generations", False), ("/v1/embeddings", True)],
)
def test_only_what_is_billed_by_tokens(path: str, billed: bool) -> None:
    x = asked(state="ok")
    x.ask(endpoints.find("POST", path))
    assert unsettled(x) is billed


def test_a_stream_that_was_not_finished_is_not_settled_by_its_first_counts() -> None:
    x = asked()
    found = streaming(x, Started("id", "m", usage=Usage(500, 1)), PartDelta(0, "x" * 400))
    assert x.usage == Usage(500, 1) and unsettled(x)
    settle(x)
    assert x.usage == Usage(500, 100) and x.usage_estimated
    found.see(Finished("end", Usage(500, 90)))
    assert x.usage == Usage(500, 90) and not unsettled(x)


def test_text_arguments_and_thoughts_are_output() -> None:
    x = asked()
    pieces = (PartStarted(0, Text("x" * 100)), PartDelta(0, "x" * 100), PartStarted(1, ToolCall("1", "x" * 100, "")))
    streaming(x, *pieces, PartDelta(1, "x" * 100))
    settle(x)
    assert x.usage and x.usage.output == 100 and 100 < x.usage.input < 110


def test_what_was_held_back_was_not_read() -> None:
    x = asked(phase="waiting")
    streaming(x, PartDelta(0, "x" * 400))
    x.committed = False
    settle(x)
    assert x.usage and x.usage.output == 0 and x.usage.input > 100


@pytest.mark.parametrize(
    ("kind", "chunk"),
    [
        ("chat", 'data: {"choices":[{"index":0,"delta":{"content":"hi"}}],"usage":{"prompt_tokens":9,"completion_tokens":5}}'),
        ("gemini", 'data: {"candidates":[{"content":{"parts":[{"text":"hi"}]}}],'
                   '"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":5}}'),
    ],
)  # fmt: skip
def test_counts_that_come_with_the_pieces_win(kind: Kind, chunk: str) -> None:
    x = asked(kind)
    streaming(x).feed(f"{chunk}\n\n".encode())
    settle(x)
    assert x.usage and (x.usage.input, x.usage.output) == (9, 5) and x.usage_estimated


def test_a_whole_answer() -> None:
    x = asked(state="ok")
    x.answer = Response("id", "m", (Text("x" * 400), ToolCall("1", "f", "x" * 40)), "end")
    settle(x)
    assert x.usage and x.usage.output == 110


def test_a_request_that_nobody_can_read_counts_by_its_size() -> None:
    x = asked()
    x.body, x.raw = None, b"\xff" + b"x" * 400
    assert prompt_tokens(x) == 100


def test_a_text_to_embed_counts_by_its_size() -> None:
    x = asked("embeddings", state="ok")
    settle(x)
    assert x.usage == Usage(tokens_of_text(x.raw.decode()), 0)


# ---- what is reserved ------------------------------------------------------------------------------------------------
def limited(x: Exchange, **limits: float) -> Exchange:
    x.client = Client("alice", "", limits=ClientLimits(**limits))  # type: ignore[arg-type]
    return x


def test_nothing_is_reserved_without_a_budget() -> None:
    assert estimate_of(limited(asked(), rpm=5), 0.0) == (0, 0.0)


def test_what_a_request_may_cost() -> None:
    x = limited(exchange("messages", channel("a", "messages"), model="claude-opus-4-7"), usd_per_month=5)
    x.raw = b"word " * 800
    x.body = JsonBody.parse(b'{"max_tokens": 100}')
    found = estimate_of(x, 1_790_000_000.0)
    assert found.tokens == 1_100 and found.usd == pytest.approx((1_000 * 5 + 100 * 25) / 1e6)
    x.body = JsonBody.parse(b"{}")
    assert estimate_of(x, 0.0).tokens == 1_000 + USUAL_OUTPUT
    x.raw = b"x" * 20_000_000
    assert estimate_of(x, 0.0).tokens == LARGE + USUAL_OUTPUT
    x.body = JsonBody.parse(b'{"max_tokens": 1000000000000000000000000000000}')
    assert estimate_of(x, 0.0) == (10**9, 10_000.0)


def test_how_a_request_wants_to_be_served() -> None:
    where = channel("a")
    x = exchange("chat", where)
    x.body = JsonBody.parse(b'{"service_tier": "flex"}')
    assert asked_tier(x, where) == "flex"
    assert asked_tier(x, channel("b", "messages")) is None
    assert asked_tier(x, replace(where, reasoning=ReasoningPolicy(fast=True))) == "priority"
