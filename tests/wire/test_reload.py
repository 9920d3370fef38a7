"""Changes of ccx.yaml: in force within a second, never half, and never at the cost of a request."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE, wait_for
from tests.wire.program import Fake, Program, channel, running_program

ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
SLOW = {"model": "gpt-fake-slowchunks=60", "stream": True, "messages": [{"role": "user", "content": "long:20"}]}
SECRET = "sk-a-secret-key-0123456789"
ERRORS = "select * from events where kind = 'config' and level = 'error' order by id"


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running_program(tmp_path_factory.mktemp("reload"), channel("first", fake.url, "chat")) as program:
        yield program


def upstream_of(program: Program) -> str:
    answer = program.post("/v1/chat/completions", ASK)
    return str(program.row(answer.headers["x-ccx-request-id"])["channel_name"]) if answer.status_code == 200 else ""


def test_a_change_is_in_force_and_a_running_stream_keeps_its_snapshot(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("one", fake.url, "chat")) as program:
        answers = []
        asking = threading.Thread(target=lambda: answers.append(program.post("/v1/chat/completions", SLOW)))
        asking.start()
        wait_for(lambda: program.query("select 1 from requests where phase = 'streaming'"))
        (tmp_path / "ccx.yaml").write_text(json.dumps({"channels": [channel("two", fake.url, "chat")]}))
        wait_for(lambda: upstream_of(program) == "two")
        asking.join(PATIENCE)
        row = program.row(answers[0].headers["x-ccx-request-id"])
        assert (row["channel_name"], row["stream_end"]) == ("one", "done")
        assert answers[0].text.rstrip().endswith("[DONE]")


@pytest.mark.parametrize(
    "damage",
    ["channels: [", "", "\0\0", "channels: 7", '{"channels": [{"name": "x"}]}', "a: &a [*a]", "directory", "deleted"],
)
def test_a_bad_file_changes_nothing_and_the_next_good_one_is_taken(fake: Fake, gateway: Program, damage: str) -> None:
    gateway.configure(channel("one", fake.url, "chat", SECRET))
    file, logged, told = gateway.folder / "ccx.yaml", len(gateway.log.read_text()), len(gateway.query(ERRORS))
    file.unlink()
    if damage == "directory":
        file.mkdir()
    elif damage != "deleted":
        file.write_text(damage)
    wait_for(lambda: "ccx.yaml" in gateway.log.read_text()[logged:] or damage == "")
    if damage:
        assert upstream_of(gateway) == "one" and SECRET not in gateway.log.read_text()
        rows = wait_for(lambda: gateway.query(ERRORS)[told:])
        assert len(rows) == 1
    if damage == "directory":
        file.rmdir()
    gateway.configure(channel("two", fake.url, "chat"))
    assert upstream_of(gateway) == "two"


def test_a_change_with_the_same_size_and_time_is_seen(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("one", fake.url, "chat")) as program:
        file = tmp_path / "ccx.yaml"
        before = file.stat()
        file.write_text(file.read_text().replace('"one"', '"two"'))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert file.stat().st_size == before.st_size
        wait_for(lambda: upstream_of(program) == "two")


def test_reloads_under_load_lose_nothing(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("c0", fake.url, "chat")) as program:
        stop = threading.Event()
        statuses: list[int] = []

        def ask() -> None:
            while not stop.is_set():
                statuses.append(program.post("/v1/chat/completions", ASK).status_code)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for n in range(8):
            program.configure(channel(f"c{n + 1}", fake.url, "chat"))
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(statuses) > 20 and set(statuses) == {200}
        rows = wait_for(lambda: found if len(found := program.rows()) >= len(statuses) else None)
        assert len(rows) == len(statuses) and len({row["config_revision"] for row in rows}) > 2


def test_a_key_from_a_missing_variable_costs_only_that_key(fake: Fake, tmp_path: Path) -> None:
    keys = channel("one", fake.url, "chat", "env:NOT_SET_ANYWHERE", "good-key")
    with running_program(tmp_path, keys) as program:
        assert upstream_of(program) == "one"
