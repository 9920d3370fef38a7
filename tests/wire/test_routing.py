"""Routing in the running program: what it learns is shared by workers, survives any end, and limits hold."""

import json
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from tests.patience import PATIENCE, wait_for
from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program

ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}


def asked(program: Program, headers: dict[str, str] | None = None, **more: Any) -> tuple[int, list[str]]:
    """Status, and the channels of the attempts."""
    answer = program.post("/v1/chat/completions", {**ASK, **more}, headers)
    attempts = program.attempts(answer.headers["x-ccx-request-id"])
    return answer.status_code, [attempt["channel_name"] for attempt in attempts]


def test_a_live_channel_behind_many_dead_ones_answers(fake: Fake, tmp_path: Path) -> None:
    """Nobody listens, no name is known, keys are refused: none of it uses up what the live one needs."""
    dead = [channel(f"gone-{n}", f"http://127.0.0.1:{n}", "chat") for n in range(1, 9)]
    dead += [channel(f"nameless-{n}", f"http://nowhere-{n}.invalid", "chat") for n in range(4)]
    dead.append(channel("keys", fake.url, "chat", *(f"bad-key-{n}" for n in range(8))))
    with running_program(tmp_path, *dead, channel("live", fake.url, "chat", priority=2)) as program:
        status, tried = asked(program)
        assert (status, tried[-1]) == (200, "live") and len(tried) > 12


def states(program: Program) -> list[str]:
    return [row["state"] for row in program.query("select state from key_state")]


def test_a_blocked_key_comes_back_by_hand_and_by_a_restart(fake: Fake, tmp_path: Path) -> None:
    channels = (channel("bad", fake.url, "chat", "bad-key", id="ch_bad"), channel("good", fake.url, "chat", priority=2))
    with running_program(tmp_path, *channels) as program:
        began = time.time()
        assert asked(program) == (200, ["bad", "good"]) and asked(program) == (200, ["good"])
        wait_for(lambda: states(program) == ["blocked"])
        (row,) = program.query("select * from key_state")
        assert (
            row["until"] / 1000 - began > 50
            and row["until"] / 1000 - time.time() <= 60
            and "refused" in row["reason"]
            and "bad-key" not in str(row)
        )
        unblock(program, row)
        wait_for(lambda: program.query("select 1 from command_acks where result like 'unblocked%'"))
        assert asked(program) == (200, ["bad", "good"]) and asked(program) == (200, ["good"])
        wait_for(lambda: states(program) == ["blocked"])
        program.stop(signal.SIGKILL)
    with running_program(tmp_path, *channels) as program:
        assert asked(program) == (200, ["bad", "good"])


def unblock(program: Program, row: dict[str, Any]) -> None:
    command(program, "unblock", {"channel_id": row["channel_id"], "key_id": row["key_id"], "model": ""})


def command(program: Program, kind: str, args: dict[str, Any]) -> None:
    """As the panel does."""
    connection = sqlite3.connect(program.database, timeout=5)
    now = int(time.time() * 1000)
    with connection:
        row = (now, now + 60_000, kind, json.dumps(args))
        connection.execute("insert into commands (at, expires_at, kind, args) values (?, ?, ?, ?)", row)
    connection.close()


def wait_until_all_have_looked(program: Program, workers: int) -> None:
    """A worker reads commands and what others have learnt in one look."""
    command(program, "watch", {})
    acks = "select 1 from command_acks join commands on id = command_id where kind = 'watch'"
    wait_for(lambda: len(program.query(acks)) == workers)


def test_workers_learn_from_each_other(fake: Fake, tmp_path: Path) -> None:
    channels = [
        channel("limited", fake.url, "chat", "fake:429=60:k"),
        channel("good", fake.url, "chat", priority=2),
    ]
    with running_program(tmp_path, *channels, env={"WORKERS": "2"}) as program:
        assert asked(program) == (200, ["limited", "good"])
        wait_for(lambda: states(program) == ["cooling"])
        wait_until_all_have_looked(program, 2)
        fake.clear()
        workers = set()
        for _ in range(24):
            answer = program.post("/v1/chat/completions", ASK)
            workers.add(program.row(answer.headers["x-ccx-request-id"])["worker"])
        assert len(workers) == 2, "each connection goes to either worker"
        assert not [request for request in fake.requests() if request["key"].startswith("fake:429")]


def test_a_conversation_stays_with_its_channel(fake: Fake, tmp_path: Path) -> None:
    channels = [channel(name, fake.url, "chat", id=f"ch_{name}") for name in ("a", "b")]
    channels[0]["keys"] = ["fake:flaky=1:k"]
    with running_program(tmp_path, *channels) as program:
        assert asked(program, user="me") == (200, ["a", "b"])
        wait_for(lambda: program.query("select 1 from affinity where channel_id = 'ch_b'"))
        program.configure({**channels[0], "keys": ["good-key"]}, channels[1])
        assert asked(program, user="me") == (200, ["b"]), "although a comes first again"
        assert asked(program, user="somebody else") == (200, ["a"])


def test_one_channel_is_asked_again_whatever_its_breaker_says(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("only", fake.url, "chat", "fake:flaky=3:k")) as program:
        assert [asked(program)[0] for _ in range(4)] == [500, 500, 500, 200] or asked(program)[0] == 200


def test_a_channels_limit_makes_others_wait_not_fail(fake: Fake, tmp_path: Path) -> None:
    one = channel("one", fake.url, "chat", "fake:slow=0.3:one-at-a-time", limits={"concurrency": 1})
    with running_program(tmp_path, one) as program:
        answers: list[int] = []
        threads = [threading.Thread(target=lambda: answers.append(asked(program)[0])) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert answers == [200] * 4 and fake.stats()["most at once fake:slow=0.3:one-at-a-time"] == 1


def test_a_clients_limit_is_429_in_its_own_shape(fake: Fake, tmp_path: Path) -> None:
    secret = "ccx-small-0123456789abcdef"
    client = {"name": "small", "key": secret, "limits": {"rpm": 2}}
    channels = (channel("one", fake.url, "chat"), channel("two", fake.url, "messages"))
    with running_program(tmp_path, *channels, clients=[client]) as program:
        body = {"model": "claude-x", "max_tokens": 5, "messages": ASK["messages"]}
        answers = [httpx.post(f"{program.url}/v1/messages", json=body, headers={"x-api-key": secret}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json()["error"]["type"] == "rate_limit_error"
        assert 0 < int(answers[2].headers["retry-after"]) <= 60
        assert asked(program)[0] == 200, f"{CLIENT_KEY[:4]} has no limits"


def test_a_refused_beta_and_field_are_left_out_and_named(fake: Fake, tmp_path: Path) -> None:
    beta = "context-1m-2025-08-07"
    channels = [
        channel("beta", fake.url, "messages", f"fake:badbeta={beta}:k"),
        channel("field", fake.url, "chat", "fake:unsupported=top_k:k"),
    ]
    with running_program(tmp_path, *channels) as program:
        body = {"model": "claude-x", "max_tokens": 5, "messages": ASK["messages"]}
        answer = program.post("/v1/messages", body, {"anthropic-beta": f"{beta},other-2025-01-01"})
        assert (answer.status_code, answer.headers["x-ccx-attempts"], answer.headers["x-ccx-losses"]) == (
            200,
            "2",
            beta,
        )
        answer = program.post("/v1/chat/completions", {**ASK, "top_k": 4})
        assert (answer.status_code, answer.headers["x-ccx-losses"]) == (200, "top_k")


def test_a_typo_in_a_model_is_asked_once_and_harms_no_other(fake: Fake, tmp_path: Path) -> None:
    channels = [channel(name, fake.url, "chat", "fake:modelnotfound:k", priority=n) for n, name in enumerate("abc", 1)]
    with running_program(tmp_path, *channels) as program:
        assert asked(program, model="gtp-4.1") == (404, ["a", "b", "c"])
        assert {row["model"] for row in program.query("select model from key_state")} == {"gtp-4.1"}
        assert asked(program, model="gpt-5")[1][0] == "a"
