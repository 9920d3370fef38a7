"""Gateways over PostgreSQL: what they share, and that no request notices when the server is away."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.patience import same_day, wait_for
from tests.postgres import Server, running_postgres
from tests.wire.program import ADMIN_KEY, KINDS, Fake, Program, all_kinds, channel, running_program

ASKED = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
SLOW = 60.0
pytestmark = pytest.mark.timeout(300)


def panel(program: Program, path: str, method: str = "GET", **more: Any) -> httpx.Response:
    return httpx.request(method, program.url + path, headers={"x-api-key": ADMIN_KEY}, **more)


@contextlib.contextmanager
def machines(
    folder: Path, count: int, url: str, *channels: dict[str, Any], clients: Any = (), panel: bool = False, **env: str
) -> Iterator[list[Program]]:
    with contextlib.ExitStack() as stack:
        found = []
        for n in range(count):
            place = folder / f"machine{n}"
            place.mkdir()
            env = {"CCX_DATABASE_URL": url, "CCX_VALKEY_WAIT": "20", "WORKERS": "2", **env}
            found.append(
                stack.enter_context(running_program(place, *channels, env=env, panel=panel, clients=list(clients)))
            )
        yield found


def test_two_machines_have_one_log(fake: Fake, tmp_path: Path, postgres: Server) -> None:
    """Rows, totals, breakers, commands and the panel of either machine."""
    with machines(tmp_path, 2, postgres.empty(), *all_kinds(fake), panel=True) as (one, two):
        for program in (one, two, one):
            assert program.post("/v1/chat/completions", ASKED).status_code == 200
        wait_for(lambda: len(one.query("select 1 from requests where state = 'ok'")) == 3, SLOW)
        shown = [panel(program, "/api/requests").json()["rows"] for program in (one, two)]
        assert len(shown[0]) == 3 and [row["id"] for row in shown[0]] == [row["id"] for row in shown[1]]
        assert len({row["boot_id"] for row in shown[0]}) == 2
        channel_id = panel(one, "/api/channels").json()["channels"][KINDS.index("chat")]["id"]
        done = panel(two, f"/api/channels/{channel_id}/reset", "POST", json={}).json()
        acks = f"select count(*) as n from command_acks where command_id = {done['command']}"
        wait_for(lambda: one.query(acks) == [{"n": 4}], SLOW)
        for path in ("/api/status", "/api/usage/summary", "/api/sessions", "/api/events"):
            assert panel(one, path).status_code in (200, 404), path
    assert not list(tmp_path.rglob("ccx.db")) and not list(Path().glob("postgres*:*"))


@pytest.mark.parametrize("limits", [{"rpm": 8}, {"tokens_per_day": 40}], ids=str)
def test_limits_hold_for_both(fake: Fake, tmp_path: Path, postgres: Server, limits: dict[str, int]) -> None:
    """Without Valkey: as many as the limit are admitted, by four workers of two machines."""
    key = "key-of-alice-0123456789abcdef"
    clients = [{"name": "alice", "key": key, "limits": limits}]
    same_day(60)
    with machines(tmp_path, 2, postgres.empty(), *all_kinds(fake), clients=clients) as programs:
        answers: list[int] = []

        def ask(program: Program) -> None:
            for _ in range(8):
                headers = {"authorization": f"Bearer {key}"}
                body = {**ASKED, "max_tokens": 1}
                url = f"{program.url}/v1/chat/completions"
                answers.append(httpx.post(url, json=body, headers=headers).status_code)

        wait_for(lambda: all("limits" not in program.get("/health").json() for program in programs), SLOW)
        ripe(programs[0])
        threads = [threading.Thread(target=ask, args=(program,)) for program in programs for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        admitted = answers.count(200)
        assert len(answers) == 32 and answers.count(429) == 32 - admitted
        if "rpm" in limits:
            assert admitted == 8
        else:
            spent = "select sum(coalesce(output_tokens, 0) + coalesce(input_tokens, 0)) as n from requests"
            assert 0 < admitted < 32
            wait_for(lambda: (programs[0].query(spent)[0]["n"] or 0) >= 40)


def ripe(program: Program) -> None:
    """The place in the database is older than its first second."""
    wait_for(lambda: program.query("select 1 from meet_epoch where born < ccx_ms() - 1000"), SLOW)


def test_what_a_killed_worker_left_is_lost(fake: Fake, tmp_path: Path, postgres: Server) -> None:
    """The next worker in its place says so."""
    endless = {"model": "gpt-fake-slowchunks=500", "stream": True, "messages": [{"role": "user", "content": "long:99"}]}
    state = "select state from requests"
    with machines(tmp_path, 1, postgres.empty(), channel("slow", fake.url, "chat")) as (program,):

        def ask() -> None:
            with contextlib.suppress(httpx.HTTPError):
                program.post("/v1/chat/completions", endless)

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: program.query(state) == [{"state": "running"}], SLOW)
        for pid in program.children("worker"):
            os.kill(pid, signal.SIGKILL)
        asking.join()
        wait_for(lambda: program.query(state) == [{"state": "lost"}], SLOW)


class Load:
    """Requests one after another until it is left; each must be answered."""

    def __init__(self, program: Program) -> None:
        self.program, self.over = program, threading.Event()
        self.answers: list[int] = []
        self.slowest = 0.0
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self.over.is_set():
            began = time.monotonic()
            self.answers.append(self.program.post("/v1/chat/completions", ASKED).status_code)
            self.slowest = max(self.slowest, time.monotonic() - began)

    def __enter__(self) -> "Load":
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.thread.join()

    def more(self, count: int = 10) -> None:
        """So many more answers have come."""
        wanted = len(self.answers) + count
        wait_for(lambda: len(self.answers) >= wanted, SLOW)


def killed(server: Server, until: Callable[[], None]) -> None:
    server.kill()
    until()
    server.start()


def frozen(server: Server, until: Callable[[], None]) -> None:
    server.signal(signal.SIGSTOP)
    until()
    server.signal(signal.SIGCONT)


def sent_away(server: Server, until: Callable[[], None]) -> None:
    for _ in range(5):
        server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'ccx%'")
        until()


def crowded_out(server: Server, until: Callable[[], None]) -> None:
    """Others have taken all connections."""
    server.run("ALTER ROLE ccx CONNECTION LIMIT 0")
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'ccx%'")
    until()
    server.run("ALTER ROLE ccx CONNECTION LIMIT -1")


@pytest.mark.parametrize("fault", [killed, frozen, sent_away, crowded_out])
def test_no_request_notices(fake: Fake, tmp_path: Path, fault: Callable[[Server, Callable[[], None]], None]) -> None:
    """All are answered, all rows are there afterwards, each once, and it is said that something was wrong."""
    with running_postgres(fsync="on", synchronous_commit="on") as server:
        server.run("CREATE ROLE ccx LOGIN")
        server.run("CREATE DATABASE log OWNER ccx")
        url = server.url("log").replace("postgres@", "ccx@")
        with machines(tmp_path, 1, url, *all_kinds(fake)) as (program,):
            with Load(program) as load:
                load.more()

                def until() -> None:
                    load.more()
                    if fault is not sent_away:
                        wait_for(lambda: "log" in program.get("/health").json(), SLOW)

                fault(server, until)
                load.more()
            assert set(load.answers) == {200}
            program.stop(seconds=SLOW)
            rows = program.query("select id, state from requests")
            assert len(rows) == len(load.answers) and {row["state"] for row in rows} == {"ok"}
            assert program.query("select sum(requests) as n from sessions where requests > 0") in (
                [{"n": None}],
                [{"n": len(rows)}],
            )
