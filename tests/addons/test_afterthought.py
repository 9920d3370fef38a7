import json

import pytest

from ccx_addons.afterthought import CLIENTS, REMEMBERED, Afterthought
from ccx_addons.core.config import Client, Snapshot
from ccx_addons.core.estimate import tokens_of_parts
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Response, Text, Thinking, ToolCall, Usage
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.metrics.spending import prompt_tokens
from ccx_addons.processes.runtime import Runtime
from ccx_addons.protocols.quirks import trusted_usage
from tests.addons.flows import flow


def answer(id: str, thought: str = "because") -> Response:
    return Response("r", "m", (Thinking(thought), ToolCall(id, "f", "{}"), Text("word " * 100)), "tool_call")


@pytest.fixture
def kept(runtime: Runtime) -> Afterthought:
    return Afterthought(runtime)


def test_clients_thoughts_stay_apart_and_the_oldest_are_forgotten(kept: Afterthought) -> None:
    kept.remember("alice", answer("c0"))
    kept.remember("bob", answer("c0", "otherwise"))
    assert kept.thoughts == {"alice": {"c0": "because"}, "bob": {"c0": "otherwise"}}
    for n in range(1, REMEMBERED + 1):
        kept.remember("alice", answer(f"c{n}"))
    assert len(kept.thoughts["alice"]) == REMEMBERED and "c0" not in kept.thoughts["alice"]
    assert kept.thoughts["bob"] == {"c0": "otherwise"}, "one client does not make another's be forgotten"


def test_clients_that_were_quiet_longest_are_forgotten(kept: Afterthought) -> None:
    kept.remember("silent", answer("c", ""))
    assert not kept.thoughts, "no thoughts, nothing to keep"
    for n in range(CLIENTS + 5):
        kept.remember(f"c{n}", answer("c"))
        kept.remember("busy", answer("c"))
    assert len(kept.thoughts) == CLIENTS and "busy" in kept.thoughts and "c0" not in kept.thoughts


def test_a_request_walks_through_nobodys_thoughts(kept: Afterthought) -> None:
    kept.remember("alice", answer("c0"))
    kept.remember("bob", answer("c1"))
    for name, thoughts in (("alice", kept.thoughts["alice"]), ("carol", {})):
        x = Exchange("id", 0, 0, Snapshot("r", 0), "POST", "/v1/chat/completions", "", ())
        x.client = Client(name, "0" * 64)
        kept.request(flow(x=x))
        assert x.thoughts == thoughts and (not thoughts or x.thoughts is thoughts), "as it is kept, not a copy"


@pytest.mark.parametrize(
    ("reported", "used"), [(None, True), (Usage(0, 0), True), (Usage(120, 110), False), (Usage(10**6, 110), True)]
)
def test_an_estimate_stands_in_for_absurd_counts(reported: Usage | None, used: bool) -> None:
    x = Exchange("id", 0, 0, Snapshot("r", 0), "POST", "/v1/chat/completions", "", ())
    x.raw = json.dumps({"model": "m", "messages": [{"role": "user", "content": "word " * 80}]}).encode()
    x.body = JsonBody.parse(x.raw)
    guess = Usage(prompt_tokens(x), tokens_of_parts(answer("c").parts))
    assert 90 < guess.input < 120 and 100 < guess.output < 150
    assert trusted_usage(reported, guess)[1] is used
