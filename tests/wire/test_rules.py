"""An operator's own rules in a running gateway."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.wire.program import Fake, Program, channel, running_program, wait_for

ASK: Final = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
RULES: Final = """
import pathlib, time
from ccx_addons.core.hooks import Asked

def request(asked: Asked):
    word = asked.headers.get("x-do", "")
    if word == "fail": raise ValueError("no")
    if word == "slow": time.sleep(1)
    if word == "odd": return {"model": 7, "messages": "x", "model2": object()}
    if word == "circle": asked.body["metadata"] = asked.body
    asked.body["messages"][0]["content"] += f" (asked by {asked.client} for {asked.kind})"
    return asked.body

def upstream(asked: Asked):
    who = f"{asked.channel}/{asked.kind}"
    asked.body.update({"metadata": {"user_id": who}} if asked.kind == "messages" else {"user": who})
    return asked.body

def answer(asked: Asked, body):
    if asked.kind == "messages": body["content"].append({"type": "text", "text": "-- the management"})
    return body

def finished(row):
    with pathlib.Path(__file__).with_name("seen.txt").open("a") as file: file.write(f"{row['id']} {row['state']}\\n")
"""


@pytest.fixture
def gateway(fake: Fake, tmp_path: Path) -> Iterator[Program]:
    (tmp_path / "hooks.py").write_text(RULES)
    env = {"HOOKS_FILE": str(tmp_path / "hooks.py"), "HOOKS_BUDGET_MS": "400"}
    policy = {"bodies": {"capture": "all"}}
    channels = [
        channel("claude", fake.url, "messages"),
        channel("chat", fake.url, "chat", serves=["messages"], priority=2),
    ]
    with running_program(tmp_path, *channels, policy=policy, env=env) as program:
        fake.clear()
        yield program


def heard(fake: Fake) -> dict[str, Any]:
    return dict(json.loads(fake.requests()[-1]["text"]))


def test_each_of_them_has_its_say(gateway: Program, fake: Fake, tmp_path: Path) -> None:
    answer = gateway.post("/v1/messages", ASK)
    assert answer.json()["content"][-1]["text"] == "-- the management"
    assert heard(fake)["messages"][0]["content"] == "hello (asked by default for messages)"
    assert heard(fake)["metadata"] == {"user_id": "claude/messages"}
    id = answer.headers["x-ccx-request-id"]
    seen = tmp_path / "seen.txt"
    assert wait_for(lambda: seen.exists() and seen.read_text()) == f"{id} ok\n"
    wait_for(lambda: len(gateway.query("select 1 from bodies where request_id = ?", id)) == 4)


def test_edits_stand_in_the_comparison(gateway: Program) -> None:
    id = gateway.post("/v1/messages", ASK).headers["x-ccx-request-id"]
    wait_for(lambda: len(gateway.query("select 1 from bodies where request_id = ?", id)) == 4)
    from ccx_addons.core.mask import NOTHING
    from ccx_admin.db import Reader
    from ccx_admin.requests.flows import Flows

    assert Flows(Reader(gateway.database), NOTHING).diff(id, "upstream").summary == (
        "settings added: metadata; messages changed: 1 user"
    )


def test_a_converted_request_is_rewritten_in_the_channels_words(gateway: Program, fake: Fake) -> None:
    assert gateway.post("/v1/messages", ASK, {"x-ccx-channel": "chat"}).status_code == 200
    assert heard(fake)["user"] == "chat/chat"


@pytest.mark.parametrize("words", [["fail"], ["slow"], ["odd", "circle"]], ids=" ".join)
def test_what_goes_wrong_fails_no_request(gateway: Program, fake: Fake, words: list[str]) -> None:
    for word in words:
        assert gateway.post("/v1/messages", ASK, {"x-do": word}).status_code == 200
        assert heard(fake)["messages"][0]["content"] == "hello"
    assert (
        "the rule 'request'"
        in wait_for(
            lambda: gateway.query("select message from events where kind = 'rules' and message like 'the rule%'")
        )[0]["message"]
    )


def test_streams_pass_and_a_new_file_is_in_force(gateway: Program, fake: Fake, tmp_path: Path) -> None:
    assert gateway.post("/v1/messages", {**ASK, "stream": True}).status_code == 200
    assert heard(fake)["messages"][0]["content"].startswith("hello (asked")
    (tmp_path / "hooks.py").write_text("def request(asked):\n    return {**asked.body, 'top_k': 3}\n")
    wait_for(lambda: gateway.log.read_text().count("are in force: request\n"))
    gateway.post("/v1/messages", ASK)
    assert heard(fake)["top_k"] == 3 and "metadata" not in heard(fake)
