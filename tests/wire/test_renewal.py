"""A gateway that changes while it runs: no request is refused, none is cut."""

import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.patience import PATIENCE, wait_for
from tests.wire.program import ADMIN_KEY, CLIENT_KEY, ROOT, Fake, Program, channel, running_program

ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
SLOW = {"model": "gpt-fake-slowchunks=60", "stream": True, "messages": [{"role": "user", "content": "long:99"}]}


def reload(program: Program) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "run.py"), "reload"]
    return subprocess.run(command, env=program.env, cwd=ROOT, capture_output=True, text=True, timeout=120)


class Asking:
    """Requests one after the other on a connection that is kept, until the end."""

    def __init__(self, program: Program) -> None:
        self.program, self.enough = program, threading.Event()
        self.statuses: list[int] = []
        self.errors: list[str] = []
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()

    def ask(self) -> None:
        headers = {"authorization": f"Bearer {CLIENT_KEY}"}
        with httpx.Client(base_url=self.program.url, headers=headers) as client:
            while not self.enough.is_set():
                try:
                    self.statuses.append(client.post("/v1/chat/completions", json=ASK).status_code)
                except httpx.HTTPError as error:
                    self.errors.append(repr(error))

    def end(self) -> None:
        self.enough.set()
        self.thread.join(PATIENCE)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_reload_refuses_and_cuts_nothing(fake: Fake, tmp_path: Path, workers: str) -> None:
    (tmp_path / ".env").write_text("MAX_REQUEST_BODY_MB=5\n")
    with running_program(tmp_path, channel("a", fake.url, "chat"), env={"WORKERS": workers}, panel=True) as program:
        before = program.children("worker")
        texts: list[str] = []
        stream = threading.Thread(target=lambda: texts.append(program.post("/v1/chat/completions", SLOW).text))
        stream.start()
        wait_for(lambda: program.query("select 1 from requests where phase = 'streaming'"))
        asking = [Asking(program) for _ in range(3)]
        (tmp_path / ".env").write_text("MAX_REQUEST_BODY_MB=0.001\n")
        ended = reload(program)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "reloaded\n", "")
        for each in asking:
            each.end()
        assert [each.errors for each in asking] == [[], [], []]
        assert {status for each in asking for status in each.statuses} == {200}
        stream.join(PATIENCE)
        assert texts[0].rstrip().endswith("[DONE]"), "the old worker has ended its stream"
        assert program.post("/v1/chat/completions", {**ASK, "user": "x" * 2000}).status_code == 413, ".env was read"
        wait_for(lambda: not set(before) & set(program.children("worker")))
        assert len(program.children("worker")) == int(workers)
        assert {row["state"] for row in program.rows() if row["status"] == 200} == {"ok"}


def test_a_reload_with_a_mistake_changes_nothing(fake: Fake, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\n")
    with running_program(tmp_path, channel("a", fake.url, "chat"), panel=True) as program:
        before = program.children("worker")
        (tmp_path / ".env").write_text("IDLE_TIMEOUT=soon\n")
        headers = {"x-api-key": ADMIN_KEY}
        problems = httpx.get(f"{program.url}/api/status", headers=headers).json()["problems"]
        assert [problem["kind"] for problem in problems] == ["settings"] and "not in force" in problems[0]["message"]
        ended = reload(program)
        assert ended.returncode == 1 and ended.stderr == "ccx: IDLE_TIMEOUT: must be a number\n"
        assert program.children("worker") == before
        assert program.post("/v1/chat/completions", ASK).status_code == 200


def test_a_second_start_on_the_same_folder_is_refused_in_one_line(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat"), panel=True) as program:
        command = [sys.executable, str(ROOT / "run.py")]
        (tmp_path / "ccx.yaml").chmod(0o600)
        ended = subprocess.run(command, env=program.env, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
        words = f"ccx: a gateway already runs on {tmp_path / 'data'} (process {program.process.pid}): stop it, or"
        assert ended.returncode == 1 and ended.stderr.startswith(words) and ended.stderr.count("\n") == 1


def test_when_the_supervisor_is_killed_the_workers_end_what_they_are_doing(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat"), env={"WORKERS": "2"}, panel=True) as program:
        workers = program.children("worker")
        texts: list[str] = []
        stream = threading.Thread(target=lambda: texts.append(program.post("/v1/chat/completions", SLOW).text))
        stream.start()
        wait_for(lambda: program.query("select 1 from requests where phase = 'streaming'"))
        program.process.kill()
        stream.join(PATIENCE)
        assert texts[0].rstrip().endswith("[DONE]")
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
        assert [row["state"] for row in program.rows()] == ["ok"]
    with running_program(tmp_path, channel("a", fake.url, "chat"), panel=True) as again:
        assert again.post("/v1/chat/completions", ASK).status_code == 200, "nothing holds the folder any more"
