"""Faults under load: what clients see while an engine hangs or is gone, and how long it takes until all is as before.

Two gateways that share a Redis and, where it is there, a PostgreSQL. One client whose limit is never reached asks the whole
time, which shows errors and delays; another one asks far more than it may, which shows by how much its limit is passed.
"""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scripts.benchmark.load import KEY, asked, request
from scripts.benchmark.programs import Running, cpu_seconds, stat, tree

LIMIT: Final = 60
GREEDY: Final = 40
"""Clients that ask more than they may: another one for each fault, whose minute is new."""
STEADY: Final = 3.0
"""Seconds of load before a fault."""
PATIENCE: Final = 60.0
"""Seconds in which all has to be as before."""
ROOM: Final = 10**6


type Act = Callable[[], object]


def key_of(n: int) -> str:
    return f"greedy-client-key-{n:03}-0123456789"


CLIENTS: Final = [
    {"name": "bench", "key": KEY, "limits": {"concurrency": ROOM}},
    *({"name": f"greedy {n}", "key": key_of(n), "limits": {"rpm": LIMIT}} for n in range(GREEDY)),
]


@dataclass
class Seen:
    """What clients saw: (when, seconds, status) of the patient one, and statuses of the greedy one."""

    answers: list[tuple[float, float, int]] = field(default_factory=list)
    greedy: Counter[int] = field(default_factory=Counter)

    def between(self, start: float, end: float) -> list[tuple[float, float, int]]:
        return [answer for answer in self.answers if start <= answer[0] < end]


@dataclass(frozen=True)
class Fault:
    """``end`` undoes what ``begin`` did, ``seconds`` later."""

    name: str
    begin: Act
    end: Act
    seconds: float = 2.0


@dataclass(frozen=True)
class Found:
    """``late``: milliseconds of the second slowest of a hundred, before and during the fault. ``greedy``: how
    often the greedy client asked, and was admitted. ``back``: seconds until every gateway said that all is as before; infinity: never."""

    name: str
    answers: int
    errors: Counter[int]
    late: tuple[float, float]
    greedy: tuple[int, int]
    back: float


# ---- the load --------------------------------------------------------------------------------------------------------
async def ask(port: int, key: str) -> int:
    """The status of one small answer; 0: the connection broke."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(asked("hello")).replace(KEY.encode(), key.encode()))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        writer.close()
        return int(head[9:12])
    except (OSError, EOFError, TimeoutError):
        return 0


async def clients(ports: Sequence[int], key: str, seen: Seen, over: asyncio.Event, pause: float = 0.05) -> None:
    async def patient(turn: int) -> None:
        for n in itertools.count(turn):
            if over.is_set():
                return
            started = time.monotonic()
            status = await ask(ports[n % len(ports)], KEY)
            seen.answers.append((started, time.monotonic() - started, status))
            await asyncio.sleep(pause)

    async def greedy(turn: int) -> None:
        for n in itertools.count(turn):
            if over.is_set():
                return
            seen.greedy[await ask(ports[n % len(ports)], key)] += 1
            await asyncio.sleep(pause)

    await asyncio.gather(*(patient(n) for n in range(4)), *(greedy(n) for n in range(2)))


def is_well(port: int) -> bool:
    """Whether a gateway counts with all others and writes its log."""
    with (
        contextlib.suppress(OSError, ValueError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as a,
    ):
        return bool(json.loads(a.read()) == {"status": "ok"})
    return False


async def watched(fault: Fault, ports: Sequence[int], key: str) -> Found:
    seen, over = Seen(), asyncio.Event()
    load = asyncio.ensure_future(clients(ports, key, seen, over))
    await asyncio.sleep(STEADY)
    began = time.monotonic()
    await asyncio.to_thread(fault.begin)
    await asyncio.sleep(fault.seconds)
    await asyncio.to_thread(fault.end)
    ended = time.monotonic()
    while not all([await asyncio.to_thread(is_well, port) for port in ports]) and time.monotonic() < ended + PATIENCE:
        await asyncio.sleep(0.1)
    back = time.monotonic() - ended
    await asyncio.sleep(1.0)
    over.set()
    await load
    before, during = seen.between(0.0, began), seen.between(began, time.monotonic())
    errors = Counter(status for _, _, status in seen.answers if status != 200)
    errors.update({status: n for status, n in seen.greedy.items() if status not in (200, 429)})
    late = (_late(before), _late(during))
    return Found(
        fault.name,
        len(seen.answers),
        errors,
        late,
        (seen.greedy.total(), seen.greedy[200]),
        back if back < PATIENCE else float("inf"),
    )


def _late(answers: Sequence[tuple[float, float, int]]) -> float:
    times = sorted(seconds for _, seconds, _ in answers)
    return times[int(len(times) * 0.99)] * 1e3 if times else 0.0


def line(found: Found) -> str:
    errors = ", ".join(f"{n} x {status}" for status, n in sorted(found.errors.items())) or "none"
    late, (asked_for, admitted) = f"{found.late[0]:.0f} -> {found.late[1]:.0f} ms", found.greedy
    limit = f"limit {LIMIT}: admitted {admitted} of {asked_for}"
    return f"  {found.name:34} {found.answers:5} answers  errors {errors:6}  p99 {late:15}  {limit:30}  back {found.back:.1f} s"


# ---- what is done to engines -----------------------------------------------------------------------------------------
def stopped(name: str, pids: Callable[[], Sequence[int]], seconds: float = 2.0) -> Fault:
    def send(number: signal.Signals) -> None:
        for pid in pids():
            os.kill(pid, number)

    return Fault(name, lambda: send(signal.SIGSTOP), lambda: send(signal.SIGCONT), seconds)


@dataclass
class Killable:
    """A program that can be killed and started again with the same command."""

    command: list[str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(10)

    def pids(self) -> list[int]:
        return [self.process.pid] if self.process else []


# ---- hours of it -----------------------------------------------------------------------------------------------------
def memory(running: Running) -> float:
    """MB of all processes of a gateway; pages that they share count for each."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int(stat(int(folder.name))[1])
    pages = 0
    for pid in tree(running.pid, parents):
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def soak(
    gateways: Sequence[Running], faults: Sequence[Fault], minutes: float, every: float, facts: Callable[[], str]
) -> Iterator[str]:
    """One line every ``every`` seconds, in which one fault has happened. ``facts``: what the engines say of themselves."""
    ports, until = [each.port for each in gateways], time.monotonic() + minutes * 60
    for n, fault in enumerate(itertools.cycle(faults)):
        if time.monotonic() >= until:
            return
        began, cpu = time.monotonic(), sum(cpu_seconds(each.pid) for each in gateways)
        found = asyncio.run(watched(fault, ports, key_of(n % GREEDY)))
        time.sleep(max(0.0, began + every - time.monotonic()))
        used = sum(cpu_seconds(each.pid) for each in gateways) - cpu
        sizes = "+".join(f"{memory(each):.0f}" for each in gateways)
        yield f"{line(found)}  memory {sizes} MB  cpu {used:.0f} s  {facts()}"
