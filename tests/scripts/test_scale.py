"""The scale test measures what it says; how fast anything is, no test knows."""

import asyncio
import itertools
import os
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripts import scale
from scripts.benchmark import faults
from scripts.benchmark.net import Relay
from scripts.benchmark.programs import Running, free_port
from tests.patience import PATIENCE
from tests.postgres import Server
from tests.scripts.test_bench import against


def test_every_answer_is_counted() -> None:
    assert against(lambda port: scale.admitted([port], 5)) == {200: 5}


def test_every_place_is_asked_and_gives_decisions_and_every_log_takes_rows(
    tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "YOUNG", 0.02)
    found = []
    with scale.engine(tmp_path) as redis:
        assert redis[0].startswith("redis://127.0.0.1:") and redis[1]
        ceilings = [*scale.ceilings(tmp_path, redis, postgres, 0.05), *scale.written(tmp_path, postgres, 0.02)]
    for each in ceilings:
        found.append(each.name)
        assert each.rate > 0 and each.cost > 0 and each.theirs >= 0
    assert found == ["the place of one machine", "Redis", "PostgreSQL", "SQLite", "PostgreSQL"]


def test_programs_take_turns() -> None:
    prices = [scale.Price("a"), scale.Price("b", {"Redis": os.getpid()})]

    async def in_thread(port: int) -> None:
        await asyncio.to_thread(scale.price, [Running("a", port, 0), Running("b", port, 0)], prices, 0.02, 2)

    against(in_thread)
    assert all(len(each.costs) == 2 for each in prices) and [*map(len, prices[1].theirs.values())] == [2]


def test_the_words() -> None:
    first = scale.Price("none", medians=[1.0], costs=[100.0, 100.0])
    second = scale.Price("limits", medians=[2.0, 3.0], costs=[150.0, 110.0], theirs={"Redis": [7.0]})
    assert scale.price_line(second, first).endswith("x 1.30 (1.10 to 1.50)  Redis 7 us")
    assert scale.exact_line("w", Counter({200: 60, 429: 60})).endswith("admitted   60  exact")
    assert "NOT EXACT" in scale.exact_line("w", Counter({200: 61, 429: 59}))
    assert "a core carries 20 busy workers" in scale.ceiling_line(scale.Ceiling("w", 5000.0, 9.0, 100.0), "rows", 500.0)


def test_a_fault_is_watched_from_before_until_all_is_well_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "STEADY", 0.1)
    done, looks = list[str](), iter([False, False])
    monkeypatch.setattr(faults, "is_well", lambda port: next(looks, True))
    fault = faults.Fault("n", lambda: done.append("begin"), lambda: done.append("end"), 0.1)
    said: dict[str, Any] = {
        "/health": {"status": "ok", "log": "it waits"},
        "/api/machines": {"machines": [{"engines": {"log": "away"}, "silent": True}]},
    }
    numbers = itertools.count(1)

    def told(port: int, path: str) -> Any:
        event = {"id": next(numbers), "kind": "store", "message": "it waited"}
        return said.get(path, {"events": [event]})

    monkeypatch.setattr(faults, "told", told)
    found = against(lambda port: faults.watched(fault, [port, port], faults.key_of(3), True))
    assert done == ["begin", "end"] and found.errors == {} and found.answers > 0 and 0 < found.back < faults.PATIENCE
    assert found.greedy[0] == found.greedy[1] > 0 and "errors none" in faults.line(found)
    assert [line.strip() for line in faults.words(found)] == [
        "/health: log: it waits",
        "Machines: log: away | silent",
        "events: store: it waited",
    ]


def test_who_does_not_answer_is_an_error_and_not_well() -> None:
    port = free_port()
    assert asyncio.run(faults.ask(port, "k")) == 0 and not faults.is_well(port)
    found = faults.Found("n", 3, Counter({0: 2, 502: 1}), (1.0, 2.0), (70, 61), 0.5)
    assert "2 x 0, 1 x 502" in faults.line(found) and "limit 60: admitted 61 of 70" in faults.line(found)


def test_a_relay_passes_on_is_slow_holds_and_cuts() -> None:
    far = socket.create_server(("127.0.0.1", 0))

    def echo() -> None:
        while True:
            try:
                conn, _ = far.accept()
            except OSError:
                return
            with conn:
                while data := conn.recv(100):
                    conn.sendall(data)

    threading.Thread(target=echo, daemon=True).start()
    with (
        far,
        Relay("127.0.0.1", far.getsockname()[1]) as relay,
        socket.create_connection(("127.0.0.1", relay.port), PATIENCE) as near,
    ):
        relay.delay = 0.02
        began = time.monotonic()
        near.sendall(b"hello")
        assert near.recv(100) == b"hello" and time.monotonic() - began >= 0.04
        relay.held = True
        near.sendall(b"COMMIT\0")
        near.settimeout(0.1)
        with pytest.raises(TimeoutError):
            near.recv(100)
        relay.well()
        relay.cut = 1.0
        near.settimeout(PATIENCE)
        assert near.recv(100) == b"" and relay.lost == 1


def test_what_is_killed_and_stopped_is(tmp_path: Path) -> None:
    program = faults.Killable(["sleep", "60"])
    assert program.pids() == []
    program.start()
    (pid,) = program.pids()
    fault = faults.stopped("n", program.pids)
    fault.begin()
    while Path(f"/proc/{pid}/stat").read_text().split()[2] != "T":
        pass
    fault.end()
    assert faults.memory(Running("n", 0, pid)) > 0
    program.kill()
    assert program.process and program.process.returncode == -9
