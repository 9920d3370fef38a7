"""The benchmark measures what it says; how fast anything is, no test knows."""

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from scripts.bench import CONVERTED, FAR, NEAR, SMALL, Scenario, answers, chosen, compare
from scripts.benchmark import canned, growth, load, programs, report
from scripts.benchmark.programs import Running
from scripts.benchmark.report import Row

ROWS = [Row("small", "ccx", 900.0, 1.0, 2.5, 0.5), Row("small", "a <b>", 90.0, 10.0, 25.0, 5.0)]


def against[T](client: Callable[[int], Coroutine[Any, Any, T]], round_trip: float = 0.0) -> T:
    """What a client finds at a canned upstream."""

    async def both() -> T:
        servers, port = await canned.serve(round_trip=round_trip)
        try:
            return await client(port)
        finally:
            for server in servers:
                server.close()

    return asyncio.run(both())


async def exchange(port: int, wire: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(wire)
    body = await load.read_answer(reader)
    writer.close()
    return body


# ---- the upstream and the load ---------------------------------------------------------------------------------------
def test_a_request_gets_json_and_a_stream_all_its_pieces() -> None:
    assert json.loads(against(lambda port: exchange(port, SMALL)))["object"] == "chat.completion"
    stream = load.request(load.asked("hello", stream=True))
    assert against(lambda port: exchange(port, stream)).count(b" word ") == canned.PIECES
    assert against(lambda port: exchange(port, load.agent_request())).count(b"text_delta") == canned.PIECES


def test_an_agents_request_is_as_large_as_it_says() -> None:
    assert 90_000 < len(load.agent_request()) < 120_000


def test_slow_streams_tell_when_each_piece_was_sent() -> None:
    seen = against(lambda port: load.delays(port, load.slow(5), 3))
    assert 0 < len(seen.times) <= 3 * canned.SLOW_PIECES and min(seen.times) >= 0
    assert against(load.longest_gap) > 0


@pytest.mark.parametrize("one_shot", [False, True])
def test_every_answer_is_counted_once(one_shot: bool) -> None:
    seen = against(lambda port: load.load(port, SMALL, 2, 0.05, one_shot=one_shot))
    assert len(seen.times) >= 2 and seen.rate == len(seen.times) / seen.spent
    assert min(seen.times) <= seen.median <= seen.late <= max(seen.times)


def test_an_answer_that_is_no_good_one_is_no_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    async def refused(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 502 Bad\r\ncontent-length: 0\r\n\r\n")

    async def asked(ours: bool) -> bool:
        async with await asyncio.start_server(refused, "127.0.0.1", 0) as server:
            running = Running("refuser", server.sockets[0].getsockname()[1], 0)
            return await answers(Scenario("small", SMALL, 1), running, ours=ours)

    with pytest.raises(ValueError, match="502"):
        asyncio.run(asked(ours=True))
    assert asyncio.run(asked(ours=False)) is False
    assert capsys.readouterr().out == "small: without refuser, the answer is 502\n"


def test_a_program_sees_its_own_headers() -> None:
    running = Running("x", 1, 0, headers=b"x-where: there\r\n")
    assert running.wire(b"POST / HTTP/1.1\r\nhost: bench\r\n\r\n{}") == b"POST / HTTP/1.1\r\nx-where: there\r\nhost: bench\r\n\r\n{}"  # fmt: skip
    assert Running("x", 1, 0).wire(SMALL) == SMALL


def test_far_away_a_new_connection_takes_a_round_trip_more() -> None:
    async def client(port: int) -> tuple[float, float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        taken = []
        for _ in range(2):
            started = time.perf_counter()
            writer.write(SMALL)
            assert json.loads(await load.read_answer(reader))
            taken.append(time.perf_counter() - started)
        writer.close()
        return taken[0], taken[1]

    first, second = against(client, round_trip=0.05)
    assert first >= 0.095 and second >= 0.045


# ---- the programs ----------------------------------------------------------------------------------------------------
def test_a_tree_of_processes_is_all_that_come_from_one() -> None:
    assert programs.tree(5, {5: 1, 6: 5, 7: 6, 8: 1, 9: 8}) == {5, 6, 7}


def test_the_cost_is_that_of_all_processes_of_a_program() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True)\ninput()"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    process = subprocess.Popen([sys.executable, "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout and process.stdout.readline()
    alive = programs.cpu_seconds(process.pid)
    process.communicate(b"\n")
    assert alive >= 0.28 and programs.cpu_seconds(os.getpid()) >= alive


def test_a_program_that_does_not_start_is_said() -> None:
    with pytest.raises(RuntimeError, match="does not start"), programs.started("x", [sys.executable, "-c", ""]):
        pass


@pytest.mark.parametrize("program", programs.installed(), ids=lambda program: program.__name__)
def test_programs_stand_before_the_upstream(program: programs.Program, tmp_path: Path) -> None:
    with programs.canned(tmp_path, tls=True, round_trip=0.001) as upstream, program(upstream, tmp_path) as running:
        scenario = Scenario("small", SMALL, 2, one_shot=True)
        (row,) = asyncio.run(compare([scenario], [running], 0.2, 1))
    assert row.program == running.name and row.rate > 0 and row.cpu_ms >= 0
    assert row.p50_ms <= row.p99_ms


@pytest.mark.parametrize("program", programs.converters(), ids=lambda program: program.__name__)
def test_messages_are_answered_by_a_chat_upstream(program: programs.Program, tmp_path: Path) -> None:
    with programs.canned(tmp_path) as upstream, program(upstream, tmp_path) as running:
        json_answer, stream = (asyncio.run(exchange(running.port, scenario.wire)) for scenario in CONVERTED)
    assert json.loads(json_answer)["content"][0]["text"] == "How can I help?"
    assert stream.count(b"text_delta") >= canned.PIECES


def test_there_can_be_many_channels_and_rows(tmp_path: Path) -> None:
    with programs.canned(tmp_path) as upstream:
        for few in (growth.with_channels(12, upstream, tmp_path / "c"), growth.with_rows(12, upstream, tmp_path / "r")):
            with few as running:
                assert json.loads(asyncio.run(exchange(running.port, SMALL)))["object"] == "chat.completion"
    with contextlib.closing(sqlite3.connect(tmp_path / "r" / "data" / "ccx.db")) as database:
        assert database.execute("SELECT count(*) FROM requests WHERE boot_id = ''").fetchone() == (12,)


# ---- the report ------------------------------------------------------------------------------------------------------
def test_scenarios_have_names_of_their_own_and_can_be_chosen() -> None:
    names = [scenario.name for scenario in (*NEAR, *FAR)]
    assert len(set(names)) == len(names)
    assert chosen(NEAR, "8 MB") == [NEAR[-1]] and chosen(FAR, "") == list(FAR)


def test_a_row_is_the_median_of_its_rounds() -> None:
    rounds = [Row("s", "p", rate, 1.0, 1.0, cost) for rate, cost in ((1.0, 9.0), (5.0, 2.0), (100.0, 3.0))]
    assert report.median_row(rounds) == Row("s", "p", 5.0, 1.0, 1.0, 3.0)


def test_the_report_says_the_same_in_every_form() -> None:
    assert "| small | ccx | 900 | 1.00 | 2.50 | 0.50 |" in report.table(ROWS)
    assert [Row(**row) for row in json.loads(report.as_json(ROWS))] == ROWS
    root = ElementTree.fromstring(report.picture(ROWS, "costs & more"))
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    _, *rectangles = root.iter("{http://www.w3.org/2000/svg}rect")
    bars = [float(element.get("width", "")) for element in rectangles]
    assert words == ["costs & more", "small", "ccx 0.50 ms", "a <b> 5.00 ms"]
    assert bars == [report.WIDTH / 10, report.WIDTH]
