"""The scale test measures what it says; how fast anything is, no test knows."""

import asyncio
from collections import Counter
from pathlib import Path

from scripts import scale
from scripts.benchmark.programs import Running
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
