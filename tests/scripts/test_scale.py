"""The scale test measures what it says; how fast anything is, no test knows."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from scripts import scale
from scripts.benchmark import faults
from scripts.benchmark.programs import Running, free_port
from tests.scripts.test_bench import against


def test_every_answer_is_counted() -> None:
    assert against(lambda port: scale.admitted([port], 5)) == {200: 5}


def test_every_place_is_asked_and_gives_decisions(tmp_path: Path) -> None:
    found = []
    with scale.engine(tmp_path) as url:
        assert url.startswith("redis://127.0.0.1:")
        for name, rate, cost in scale.ceilings(tmp_path, url, 0.2):
            found.append(name)
            assert rate > 0 and cost > 0
    assert found == ["the place of one machine", "Redis"]


def test_programs_take_turns() -> None:
    def measured(port: int) -> list[scale.Price]:
        return scale.price([Running("a", port, 0), Running("b", port, 0)], 0.02, 2)

    async def in_thread(port: int) -> list[scale.Price]:
        return await asyncio.to_thread(measured, port)

    found = against(in_thread)
    assert [each.name for each in found] == ["a", "b"] and all(len(each.costs) == 2 for each in found)


def test_the_words() -> None:
    first, second = scale.Price("none", [1.0], [100.0]), scale.Price("limits", [2.0, 3.0], [150.0, 110.0])
    first.costs.append(100.0)
    assert "x 1.30 (1.10 to 1.50)" in scale.price_line(second, first)
    assert scale.exact_line("w", 5, Counter({200: 5, 429: 5})).endswith("admitted    5  exact")
    assert "NOT EXACT" in scale.exact_line("w", 5, Counter({200: 6, 429: 4}))
    assert "as many as 10 busy workers ask" in scale.ceiling_line("w", 5000.0, 9.0, 500.0)


def test_a_fault_is_watched_from_before_until_all_is_well_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "STEADY", 0.1)
    done, looks = list[str](), iter([False, False])
    monkeypatch.setattr(faults, "is_well", lambda port: next(looks, True))
    fault = faults.Fault("n", lambda: done.append("begin"), lambda: done.append("end"), 0.1)
    found = against(lambda port: faults.watched(fault, [port, port], faults.key_of(3)))
    assert done == ["begin", "end"] and found.errors == {} and found.answers > 0 and 0 < found.back < faults.PATIENCE
    assert found.greedy[0] == found.greedy[1] > 0 and "errors none" in faults.line(found)


def test_who_does_not_answer_is_an_error_and_not_well() -> None:
    port = free_port()
    assert asyncio.run(faults.ask(port, "k")) == 0 and not faults.is_well(port)
    found = faults.Found("n", 3, Counter({0: 2, 502: 1}), (1.0, 2.0), (70, 61), 0.5)
    assert "2 x 0, 1 x 502" in faults.line(found) and "limit 60: admitted 61 of 70" in faults.line(found)


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
