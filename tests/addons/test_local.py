import json
from typing import Any

import pytest

from ccx_addons.core import endpoints
from ccx_addons.core.patient_json import BIG
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.local import DESKTOP, PROBE, Local, probe_answer
from ccx_addons.runtime import Runtime
from tests.addons.flows import flow
from tests.addons.values import exchange


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
    x.match = endpoints.find("POST", "/v1/messages/count_tokens")
    x.raw = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * size}]}).encode()
    x.body = JsonBody.parse(x.raw)
    asked = flow(x=x)
    waiting = Local(runtime).request(asked)
    assert (waiting is not None) == waits
    if waiting is not None:
        await waiting
    assert asked.response and abs(json.loads(asked.response.content or b"")["input_tokens"] - size / 4) < 10
