"""An operator's own rules in a running gateway."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.patience import wait_for
from tests.wire.program import Fake, Program, channel, running_program

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


@contextmanager
def running(fake: Fake, folder: Path, budget_ms: int = 30_000) -> Iterator[Program]:
    (folder / "hooks.py").write_text(RULES)
    env = {"HOOKS_FILE": str(folder / "hooks.py"), "HOOKS_BUDGET_MS": str(budget_ms)}
    policy = {"bodies": {"capture": "all"}}
    channels = [
        channel("claude", fake.url, "messages"),
        channel("chat", fake.url, "chat", serves=["messages"], priority=2),
    ]
    with running_program(folder, *channels, policy=policy, env=env) as program:
        yield program


@pytest.fixture(scope="module")
def started(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(fake, tmp_path_factory.mktemp("rules")) as program:
        yield program


@pytest.fixture
def gateway(started: Program, fake: Fake) -> Program:
    fake.clear()
    return started


def heard(fake: Fake) -> dict[str, Any]:
    return dict(json.loads(fake.requests()[-1]["text"]))


def test_each_of_them_has_its_say(gateway: Program, fake: Fake) -> None:
    answer = gateway.post("/v1/messages", ASK)
    assert answer.json()["content"][-1]["text"] == "-- the management"
    assert heard(fake)["messages"][0]["content"] == "hello (asked by default for messages)"
    assert heard(fake)["metadata"] == {"user_id": "claude/messages"}
    id = answer.headers["x-ccx-request-id"]
    seen = gateway.folder / "seen.txt"
    wait_for(lambda: seen.exists() and seen.read_text().count(f"{id} ok\n") == 1)
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


TOLD: Final = "select message from events where kind = 'rules' and message like 'the rule%'"


@pytest.mark.parametrize("word", ["fail", "odd", "circle"])
def test_what_goes_wrong_fails_no_request(gateway: Program, fake: Fake, word: str) -> None:
    assert gateway.post("/v1/messages", ASK, {"x-do": word}).status_code == 200
    assert heard(fake)["messages"][0]["content"] == "hello"
    assert "the rule 'request'" in wait_for(lambda: gateway.query(TOLD))[-1]["message"]


def test_one_that_takes_too_long_is_left_and_a_new_file_is_in_force(fake: Fake, tmp_path: Path) -> None:
    with running(fake, tmp_path, budget_ms=400) as gateway:
        assert gateway.post("/v1/messages", ASK, {"x-do": "slow"}).status_code == 200
        assert heard(fake)["messages"][0]["content"] == "hello"
        assert "the rule 'request'" in wait_for(lambda: gateway.query(TOLD))[0]["message"]
        (tmp_path / "hooks.py").write_text(f"def finished(row):\n    open({str(tmp_path / 'new')!r}, 'w').close()\n")
        wait_for(lambda: "are in force: finished\n" in gateway.log.read_text())
        assert gateway.post("/v1/messages", ASK).status_code == 200
        assert heard(fake)["messages"][0]["content"] == "hello" and "metadata" not in heard(fake)
        wait_for((tmp_path / "new").exists)


def test_streams_pass(gateway: Program, fake: Fake) -> None:
    assert gateway.post("/v1/messages", {**ASK, "stream": True}).status_code == 200
    assert heard(fake)["messages"][0]["content"].startswith("hello (asked")
