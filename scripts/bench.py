"""How fast the gateway is and what it costs, beside other programs on the same machine and upstream, in one run.

    bench.py [--seconds 4] [--rounds 3] [--only WORDS] [--growth] [--json FILE] [--picture FILE]

Beside it stand mitmproxy, whole and as small as it can be, and what is found in PATH: nginx, litellm, gateway (Portkey), ccr (claude-code-router).
``--growth`` also asks for the same with 10 to 1,000 connections, 10 to 500 channels, and 1,000 to 1,000,000 rows of the log:
three minutes, half of them for the rows (``--growth --only channels``: one sort alone).

The programs take turns in each round, so that whatever else the machine does hits all of them; each figure is the median
over the rounds. CPU time is that of all processes of a program. Numbers are for reading side by side, never for a test.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.benchmark import growth
from scripts.benchmark.load import MESSAGES, agent_request, asked, delays, load, longest_gap, request, slow
from scripts.benchmark.programs import (
    Program,
    Running,
    Upstream,
    canned,
    configuration,
    converters,
    cpu_seconds,
    gateway,
    installed,
    two_workers,
)
from scripts.benchmark.report import Row, as_json, median_row, picture, table

ROUND_TRIP: Final = 0.04
CHANNELS: Final = 500
PAUSE: Final = 100
"""Ms between two pieces of a slow stream: vendors send about ten a second."""


@dataclass(frozen=True)
class Scenario:
    """``wire``: what each client sends. ``one_shot``: over a new connection each time."""

    name: str
    wire: bytes
    clients: int
    one_shot: bool = False


SMALL: Final = request(asked("hello"))
STREAM: Final = request(asked("hello", stream=True))
NEAR: Final = (
    Scenario("small JSON, 32 at once", SMALL, 32),
    Scenario("small JSON, one at a time", SMALL, 1),
    Scenario("100 pieces streamed at once, 16 at once", STREAM, 16),
    Scenario("an agent's 100 kB, 100 pieces, 4 at once", agent_request(), 4),
    Scenario("small JSON, a new connection each, 8 at once", SMALL, 8, one_shot=True),
    Scenario("8 MB, one at a time", request(asked("x" * (8 << 20))), 1),
)
CONVERTED: Final = (
    Scenario("Messages over Chat, JSON, 16 at once", request(asked("hello", max_tokens=99), MESSAGES), 16),
    Scenario(
        "Messages over Chat, 100 pieces, 16 at once",
        request(asked("hello", max_tokens=99, stream=True), MESSAGES),
        16,
    ),
)
FAR: Final = (
    Scenario("TLS 40 ms away, a new connection each", SMALL, 1, one_shot=True),
    Scenario("TLS 40 ms away, kept connections", SMALL, 1),
)
WORKERS: Final = (Scenario("small JSON, 32 at once, by workers", SMALL, 32),)


async def measure(scenario: Scenario, running: Running, seconds: float) -> Row:
    before = 0.0

    def ready() -> None:
        nonlocal before
        before = cpu_seconds(running.pid)

    wire = running.wire(scenario.wire)
    seen = await load(running.port, wire, scenario.clients, seconds, one_shot=scenario.one_shot, ready=ready)
    await asyncio.sleep(0.2)  # what is written behind the answer belongs to it
    cpu = (cpu_seconds(running.pid) - before) / len(seen.times)
    return Row(scenario.name, running.name, seen.rate, seen.median * 1000, seen.late * 1000, cpu * 1000)


async def compare(scenarios: Sequence[Scenario], programs: Sequence[Running], seconds: float, rounds: int) -> list[Row]:
    rows: list[Row] = []
    for scenario in scenarios:
        able = [running for n, running in enumerate(programs) if await answers(scenario, running, ours=n == 0)]
        found: dict[str, list[Row]] = {running.name: [] for running in able}
        for _ in range(rounds):
            for running in able:
                found[running.name].append(await measure(scenario, running, seconds))
        rows += [median_row(each) for each in found.values()]
        print("\n".join(table(rows[-len(able) :]).splitlines()[2:]), flush=True)
    return rows


async def answers(scenario: Scenario, running: Running, *, ours: bool) -> bool:
    """Whether it answers at all; a program beside ours need not know every protocol."""
    try:
        await load(running.port, running.wire(scenario.wire), scenario.clients, 0.5, one_shot=scenario.one_shot)
    except ValueError as error:
        if ours:
            raise
        print(f"{scenario.name}: without {running.name}, {error}", flush=True)
        return False
    return True


async def many_streams(programs: Sequence[Running], upstream: Upstream, count: int) -> None:
    scenario = Scenario(f"{count} streams with a piece every {PAUSE} ms", slow(PAUSE), 1)
    for n, running in enumerate((*programs, Running("nobody between", upstream.port, 0))):
        if not await answers(scenario, running, ours=n == 0):
            continue
        seen = await delays(running.port, running.wire(scenario.wire), count)
        if not seen.times:
            print(f"{scenario.name}, {running.name}: never were all of them running at once", flush=True)
            continue
        words = f"a piece is on its way {seen.median * 1000:.1f} ms, one in a hundred {seen.late * 1000:.0f} ms"
        print(f"{scenario.name}, {running.name}: {words}", flush=True)


async def reloads(running: Running, upstream: Upstream, config: Path, rounds: int) -> None:
    """The longest gap of a stream: when nothing else happens, and when the configuration changes."""
    quiet, busy = [], []
    for n in range(rounds):
        quiet.append(await longest_gap(running.port))
        stream = asyncio.create_task(longest_gap(running.port))
        await asyncio.sleep(0.3)
        config.write_text(configuration(upstream, CHANNELS - 2, str(n)))
        busy.append(await stream)
    before, after = statistics.median(quiet) * 1000, statistics.median(busy) * 1000
    print(f"longest gap of a piece every 20 ms: {before:.0f} ms; beside a reload of {CHANNELS} channels {after:.0f} ms")


def started(
    stack: contextlib.ExitStack, programs: Sequence[Program], upstream: Upstream, folder: Path
) -> list[Running]:
    found = []
    for n, program in enumerate(programs):
        place = folder / f"{upstream.port}-{n}"
        place.mkdir()
        found.append(stack.enter_context(program(upstream, place)))
    return found


def grown(options: argparse.Namespace, upstream: Upstream, folder: Path) -> list[Row]:
    """What an answer costs where there is a lot, beside what it costs where there is little."""
    folder.mkdir()
    rows: list[Row] = []
    with contextlib.ExitStack() as stack:
        places: list[tuple[Scenario, Running]] = []
        for what, counts, program in growth.SORTS:
            for count in counts:
                scenario = Scenario(f"small JSON, {count:,} {what}", SMALL, count if what == "connections" else 32)
                if options.only in scenario.name:
                    place = folder / f"{what}-{count}"
                    places.append((scenario, stack.enter_context(program(count, upstream, place))))
        found: dict[str, list[Row]] = {}
        for _ in range(options.rounds):
            for scenario, running in places:
                found.setdefault(scenario.name, []).append(asyncio.run(measure(scenario, running, options.seconds)))
        rows = [median_row(each) for each in found.values()]
    print("\n".join(table(rows).splitlines()[2:]), flush=True)
    return rows


def chosen(scenarios: Sequence[Scenario], words: str) -> list[Scenario]:
    return [scenario for scenario in scenarios if words in scenario.name]


def run(options: argparse.Namespace, folder: Path) -> list[Row]:
    rows: list[Row] = []
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(canned(folder))
        if near := chosen(NEAR, options.only):
            with contextlib.ExitStack() as block:
                programs = started(block, installed(), upstream, folder)
                rows += asyncio.run(compare(near, programs, options.seconds, options.rounds))
                if not options.only:
                    asyncio.run(many_streams(programs, upstream, options.streams))
                    config = folder / f"{upstream.port}-0" / "ccx.yaml"
                    asyncio.run(reloads(programs[0], upstream, config, options.rounds))
        if converted := chosen(CONVERTED, options.only):
            with contextlib.ExitStack() as block:
                place = folder / "converted"
                place.mkdir()
                programs = started(block, converters(), upstream, place)
                rows += asyncio.run(compare(converted, programs, options.seconds, options.rounds))
        if options.growth:
            rows += grown(options, upstream, folder / "growth")
        if workers := chosen(WORKERS, options.only):
            with contextlib.ExitStack() as block:
                place = folder / "workers"
                place.mkdir()
                programs = started(block, (gateway, two_workers), upstream, place)
                rows += asyncio.run(compare(workers, programs, options.seconds, options.rounds))
        if far := chosen(FAR, options.only):
            distant = stack.enter_context(canned(folder, tls=True, round_trip=ROUND_TRIP))
            with contextlib.ExitStack() as block:
                programs = started(block, installed(), distant, folder)
                rows += asyncio.run(compare(far, programs, options.seconds, options.rounds))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--growth", action="store_true", help="also with many connections, channels and rows")
    parser.add_argument("--only", default="", help="scenarios whose names hold these words")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ccx-bench-") as name:
        rows = run(options, Path(name))
    print(f"\n{table(rows)}")
    if options.json:
        options.json.write_text(as_json(rows))
    if options.picture:
        options.picture.write_text(picture(rows, "CPU time an answer"))


if __name__ == "__main__":
    main()
