"""From a request that was read to its first attempt, or a clear refusal."""

import asyncio
import json
import time
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest
from mitmproxy import http

from ccx_addons import route as routes
from ccx_addons.core import endpoints
from ccx_addons.core.config import Channel, ChannelLimits, Client, ClientLimits, Patterns, Snapshot
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Fault
from ccx_addons.core.verdict import Attempt, Outcome
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.processes.runtime import Runtime
from ccx_addons.route import Route
from ccx_addons.scheduler.keys import TRIALS
from tests.addons.flows import flow
from tests.addons.values import channel, exchange
from tests.scheduler.values import learn
from tests.scheduler.values import status as answered

A, B = channel("a"), replace(channel("b"), priority=2)


def asked(*channels: Channel, body: dict[str, Any] | None = None, **more: Any) -> tuple[http.HTTPFlow, Exchange]:
    """A request as the addons before route leave it; ``more``: fields of the exchange."""
    x = exchange("chat", *channels, id=more.pop("id", "x1"))
    x.raw = json.dumps({"model": x.model, **(body or {})}).encode()
    x.body = JsonBody.parse(x.raw)
    for name, value in more.items():
        setattr(x, name, value)
    x.clock = time.monotonic()
    return flow(x=x), x


def refusal(made: http.HTTPFlow) -> tuple[int, str, str]:
    """(status, code, message) of an answer in Chat's error shape."""
    assert made.response
    error = json.loads(made.response.content or b"")["error"]
    return made.response.status_code, error["code"], error["message"]


def test_the_first_channel_gets_the_first_attempt(runtime: Runtime) -> None:
    made, x = asked(A, B)
    route = Route(runtime)
    route.request(made)
    assert [decision.channel_name for decision in x.decisions] == ["a", "b"]
    assert route.upstream_attempt(made) is None and x.current and x.current.attempt.channel is A
    assert made.response is None


MAIN = "/v1/chat/completions"
NOBODY = [
    pytest.param([], {}, 503, "no_channel", "add one to config/ccx.yaml", id="no channel at all"),
    pytest.param([channel("m", "messages")], {}, 503, "no_channel", "no channel serves chat", id="of other kinds only"),
    pytest.param([channel("m", "messages")], {}, 503, "no_channel", "serves: [messages, chat]", id="one that could"),
    pytest.param([replace(A, allow=Patterns(("x",)))], {}, 404, "model_not_found", "'gpt-5'", id="model"),
    pytest.param([replace(A, status="suspended")], {}, 404, "model_not_found", "; a would, and is suspended", id="switched off"),
    pytest.param([A], {"headers": (("x-ccx-channel", "z"),)}, 404, "unknown_channel", "named 'z'", id="pin"),
    pytest.param([replace(A, keys=())], {}, 503, "no_channel", "a has no key: none is set, or still right", id="no key"),
    pytest.param([A], {"match": endpoints.find("POST", f"/kimi{MAIN}"), "path": f"/kimi{MAIN}"}, 404, "unknown_path", f"did you mean {MAIN}?", id="no such prefix"),
    pytest.param([A, replace(A, id="ch_b", name="b", route_prefix="kimi", allow=Patterns(("x",)))], {"match": endpoints.find("POST", f"/kimi{MAIN}")}, 404, "model_not_found", "gpt-5", id="prefix"),
]  # fmt: skip


@pytest.mark.parametrize(("channels", "more", "status", "code", "words"), NOBODY)
def test_nobody_can_take_it(
    runtime: Runtime, channels: list[Channel], more: dict[str, Any], status: int, code: str, words: str
) -> None:
    made, x = asked(*channels, **more)
    Route(runtime).request(made)
    found = refusal(made)
    assert found[:2] == (status, code) and words in found[2] and x.failover is None


REFUSALS = [
    pytest.param(answered(429, "The usage limit has been reached", 7200.0, code="usage_limit_reached"), 429, "usage_limit_reached", 7200, id="a quota"),
    pytest.param(answered(402), 429, "rate_limit_exceeded", 60, id="no balance"),
    pytest.param(answered(429, retry_after=90.0), 429, "rate_limit_exceeded", 90, id="a rate limit"),
    pytest.param(answered(401), 503, "no_channel", 60, id="a refused key is not the caller's"),
    pytest.param(answered(404, "model m not found"), 404, "model_not_found", 60, id="a model nobody has"),
]  # fmt: skip


@pytest.mark.parametrize(("outcome", "http_status", "code", "seconds"), REFUSALS)
def test_everybody_rests_until_a_known_moment(
    runtime: Runtime, outcome: Outcome, http_status: int, code: str, seconds: int
) -> None:
    tried = Attempt(A, A.keys[0], A.base_urls[0], 1, model="gpt-5")
    learn(runtime.state, tried, outcome, time.time())
    for _ in range(TRIALS):
        made, x = asked(A)
        Route(runtime).request(made)
        assert made.response is None and x.next_attempt, "now and then it is tried all the same"
    made, x = asked(A)
    Route(runtime).request(made)
    assert refusal(made)[:2] == (http_status, code) and x.failover is None and made.response
    assert seconds - 2 <= int(made.response.headers["retry-after"]) <= seconds


def test_a_client_that_may_not_use_the_model(runtime: Runtime) -> None:
    made, _ = asked(A, client=Client("alice", "", models=Patterns(("claude-*",))))
    Route(runtime).request(made)
    assert refusal(made)[:2] == (403, "model_not_allowed")


@pytest.mark.parametrize("more", [{"models": ["gpt-5", "o3-pro"]}, {"tools": [{"type": "advisor", "model": "o3-pro"}]}])
def test_a_client_that_may_not_use_a_further_model(runtime: Runtime, more: dict[str, Any]) -> None:
    for patterns, status in ((Patterns(("gpt-*",)), 403), (Patterns((), ("o3*",)), 403), (Patterns(), 0)):
        made, _ = asked(A, body=more, client=Client("alice", "", models=patterns))
        Route(runtime).request(made)
        assert (made.response.status_code if made.response else 0) == status
        assert not status or "'o3-pro'" in refusal(made)[2]


def test_a_clients_limits_are_429_and_given_back_at_the_end(runtime: Runtime) -> None:
    client, route = Client("alice", "", limits=ClientLimits(concurrency=1)), Route(runtime)
    first, x = asked(A, client=client)
    second, y = asked(A, client=client, id="x2")
    route.request(first)
    route.request(second)
    assert refusal(second)[:2] == (429, "rate_limit_exceeded") and second.response
    assert second.response.headers["retry-after"] == "1" and first.response is None
    route.response(second)
    route.error(first)
    third, z = asked(A, client=client, id="x3")
    route.request(third)
    assert third.response is None and not {x.id, y.id} & route.gate.clients.keys() and z.id in route.gate.clients


def test_a_client_without_tokens_left(runtime: Runtime) -> None:
    runtime.state.limits.known.add("alice", "m", 1, 100, 0.0, time.time(), time.time())
    made, _ = asked(A, client=Client("alice", "", limits=ClientLimits(tokens_per_day=100)))
    Route(runtime).request(made)
    assert refusal(made)[0] == 429 and "100 tokens" in refusal(made)[2]


# ---- waiting ---------------------------------------------------------------------------------------------------------
BUSY = replace(A, limits=ChannelLimits(concurrency=1))


def waited(hook: Awaitable[None] | None) -> None:
    async def main() -> None:
        assert hook is not None
        await hook

    asyncio.run(main())


def busy(runtime: Runtime, *channels: Channel) -> tuple[Route, http.HTTPFlow, Exchange]:
    """Channel a has no place left, and another request wants one."""
    route = Route(runtime)
    first, _ = asked(*channels)
    route.request(first)
    assert route.upstream_attempt(first) is None
    second, x = asked(*channels, id="x2")
    route.request(second)
    return route, second, x


def test_a_request_waits_for_its_place(runtime: Runtime) -> None:
    route, made, x = busy(runtime, BUSY)
    first = next(iter(route.gate.places))

    async def main() -> None:
        hook = route.upstream_attempt(made)
        assert hook is not None and x.phase == "queued"
        waiting = asyncio.ensure_future(hook)
        await asyncio.sleep(0)
        assert not waiting.done() and not x.attempts
        route.gate.leave(exchange(id=first))
        await waiting

    asyncio.run(main())
    assert len(x.attempts) == 1 and made.response is None


def test_when_no_place_comes_free_the_next_channel_is_asked(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "PATIENCE", 0.01)
    both = BUSY, replace(B, limits=ChannelLimits(concurrency=1))
    route, made, x = busy(runtime, *both)
    assert x.next_attempt and x.next_attempt.channel.name == "b", "a has no place, so b is asked first"
    third, y = asked(*both, id="x3")
    assert route.upstream_attempt(made) is None
    route.request(third)
    waited(route.upstream_attempt(third))
    assert refusal(third)[:2] == (429, "rate_limit_exceeded") and "own limit" in refusal(third)[2] and not y.attempts


def test_an_attempt_that_failed_says_more_than_a_full_channel(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "PATIENCE", 0.01)
    holder, _ = asked(BUSY, id="holder")
    route = Route(runtime)
    route.request(holder)
    route.upstream_attempt(holder)
    made, x = asked(B, BUSY)
    route.request(made)
    assert route.upstream_attempt(made) is None and x.current and x.failover
    x.current.outcome = Outcome("status", 503, Fault("server", "kaput", 503))
    x.next_attempt = x.failover.send(x.current.outcome)
    route.upstream_outcome(made)
    waited(route.upstream_attempt(made))
    assert refusal(made)[0] == 503 and "kaput" in refusal(made)[2]


# ---- what is asked ---------------------------------------------------------------------------------------------------
def test_the_pick_says_what_was_asked(runtime: Runtime) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    body = {"messages": [{"role": "user", "content": [image]}], "max_tokens": 9, "user": "me"}
    _, x = asked(replace(A, limits=ChannelLimits(context_window=10), no_vision=True), body=body)
    found = Route(runtime).search(x).pick
    assert (found.images, found.output_tokens, found.vectors, found.route_prefix) == (True, 9, False, "")
    assert found.prompt_tokens > 0 and len(found.trace) == 32 and x.trace == found.trace


def test_nobody_counts_a_prompt_that_fits_everywhere(runtime: Runtime) -> None:
    _, x = asked(replace(A, limits=ChannelLimits(context_window=10_000)))
    assert Route(runtime).search(x).pick.prompt_tokens == 0


LONG = "iVBORw0K" * 100


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        pytest.param({"type": "image", "source": {}}, True, id="Messages"),
        pytest.param({"type": "image_url", "image_url": {}}, True, id="Chat"),
        pytest.param({"type": "input_image", "image_url": ""}, True, id="Responses"),
        pytest.param({"inlineData": {"mimeType": "image/png", "data": LONG}}, True, id="Gemini"),
        pytest.param({"inlineData": {"data": LONG, "mime_type": "image/png"}}, True, id="google-genai for Python"),
        pytest.param({"fileData": {"fileUri": "gs://x", "mimeType": "image/png"}}, True, id="Gemini's file"),
        pytest.param({"inlineData": {"mimeType": "application/pdf", "data": LONG}}, False, id="a document"),
        pytest.param({"text": '{"type": "image"} and "mimeType": "image/png"'}, False, id="text about pictures"),
    ],
)
def test_pictures_are_seen(runtime: Runtime, body: dict[str, Any], seen: bool) -> None:
    _, x = asked(A, replace(B, no_vision=True), body={"part": body})
    assert Route(runtime).search(x).pick.images is seen
    _, x = asked(A, B, body={"part": body})
    assert not Route(runtime).search(x).pick.images  # everybody sees them


def test_embeddings_are_vectors(runtime: Runtime) -> None:
    x = exchange("embeddings", channel("e", "embeddings"))
    assert Route(runtime).search(x).pick.vectors


def test_verdicts_are_written_down(runtime: Runtime) -> None:
    made, x = asked(A, B)
    runtime.snapshot = Snapshot("rev1", 0, channels=(A, B))
    route = Route(runtime)
    route.request(made)
    route.upstream_attempt(made)
    assert x.failover and x.current
    secret = A.keys[0].secret
    x.failover.send(Outcome("status", 401, Fault("authentication", f"bad key {secret}", 401)))
    assert x.current.verdict and x.current.verdict.block
    assert not runtime.state.changes and runtime.store.flush()
    row = runtime.store.read("SELECT state, message FROM key_state WHERE key_id = ?", A.keys[0].id)
    assert row is not None and row[0] == "blocked" and "bad key" in row[1] and secret not in row[1]
