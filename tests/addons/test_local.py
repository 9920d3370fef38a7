from typing import Any

import pytest

from ccx_addons.local import DESKTOP, PROBE, probe_answer


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
