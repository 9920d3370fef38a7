import json

import pytest

from ccx_addons.afterthought import REMEMBERED, Afterthought, estimated
from ccx_addons.core.config import Snapshot
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Response, Text, Thinking, ToolCall, Usage
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.protocols.quirks import trusted_usage


def answer(id: str, thought: str = "because") -> Response:
    return Response("r", "m", (Thinking(thought), ToolCall(id, "f", "{}"), Text("word " * 100)), "tool_call")


def test_clients_thoughts_stay_apart_and_the_oldest_are_forgotten() -> None:
    kept = Afterthought.__new__(Afterthought)
    Afterthought.__init__(kept, None)  # type: ignore[arg-type]  # nothing of the runtime is used
    kept.remember("alice", answer("c0"))
    kept.remember("bob", answer("c0", "otherwise"))
    assert kept.thoughts == {("alice", "c0"): "because", ("bob", "c0"): "otherwise"}
    for n in range(1, REMEMBERED + 1):
        kept.remember("alice", answer(f"c{n}"))
    assert len(kept.thoughts) == REMEMBERED and ("bob", "c0") not in kept.thoughts


@pytest.mark.parametrize(
    ("reported", "used"), [(None, True), (Usage(0, 0), True), (Usage(120, 110), False), (Usage(10**6, 110), True)]
)
def test_an_estimate_stands_in_for_absurd_counts(reported: Usage | None, used: bool) -> None:
    x = Exchange("id", 0, 0, Snapshot("r", 0), "POST", "/v1/chat/completions", "", ())
    x.raw = json.dumps({"model": "m", "messages": [{"role": "user", "content": "word " * 80}]}).encode()
    x.body = JsonBody.parse(x.raw)
    guess = estimated(x, answer("c"))
    assert 90 < guess.input < 120 and 100 < guess.output < 150
    assert trusted_usage(reported, guess)[1] is used
