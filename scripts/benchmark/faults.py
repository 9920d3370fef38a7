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
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scripts.benchmark.load import KEY, asked, request
from scripts.benchmark.programs import Running, cpu_seconds, stat, tree

LIMIT: Final = 60
GREEDY: Final = 40
"""Clients that ask more than they may: another one for each fault, whose minute is new."""
STEADY: Final = 3.0
"""Seconds of load before a fault."""
PATIENCE: Final = 60.0
"""Seconds in which all has to be as before."""
PAUSE: Final = 0.05
SELDOM: Final = 0.25
OFTEN: Final = 0.1
"""Seconds between two requests of one of six clients, in a short test and in one of hours; the greedy one's at most."""
ROOM: Final = 10**6
ADMIN: Final = KEY[::-1]


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
    often the greedy client asked, and was admitted. ``back``: seconds until every gateway said that all is as before; infinity: never.
    ``said``: where -> what was said of it there."""

    name: str
    answers: int
    errors: Counter[int]
    late: tuple[float, float]
    greedy: tuple[int, int]
    back: float
    said: Mapping[str, Sequence[str]] = field(default_factory=dict)


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


async def clients(ports: Sequence[int], key: str, seen: Seen, over: asyncio.Event, pause: float) -> None:
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
            await asyncio.sleep(min(pause, OFTEN))

    await asyncio.gather(*(patient(n) for n in range(4)), *(greedy(n) for n in range(2)))


def is_well(port: int) -> bool:
    """Whether a gateway counts with all others and writes its log."""
    return bool(told(port, "/health") == {"status": "ok"})


def told(port: int, path: str) -> Any:
    """An answer's JSON; None: there was none."""
    asking = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"authorization": f"Bearer {ADMIN}"})
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(asking, timeout=5) as answer:
        return json.loads(answer.read())
    return None


def listen(ports: Sequence[int], said: dict[str, set[str]], over: threading.Event) -> None:
    """What is said of a fault while it lasts: by /health, and by the page Machines of any gateway of any."""
    while not over.wait(0.1):
        for port in ports:
            health = told(port, "/health") or {}
            said["/health"].update(f"{name}: {words}" for name, words in health.items() if name != "status")
            for machine in (told(port, "/api/machines") or {}).get("machines", ()):
                words = [f"{name}: {text}" for name, text in machine["engines"].items()]
                said["Machines"].update([*words, *(["silent"] if machine["silent"] else [])])


def events(port: int, since: int = 0) -> tuple[int, list[str]]:
    """The newest event's number, and what was told after ``since``."""
    found = (told(port, "/api/events?limit=100") or {}).get("events", [])
    newest = max((event["id"] for event in found), default=since)
    return newest, sorted({f"{event['kind']}: {event['message']}" for event in found if event["id"] > since})


async def watched(fault: Fault, ports: Sequence[int], key: str, listens: bool = False, pause: float = PAUSE) -> Found:
    seen, over = Seen(), asyncio.Event()
    load = asyncio.ensure_future(clients(ports, key, seen, over, pause))
    await asyncio.sleep(STEADY)
    said, heard = defaultdict[str, set[str]](set), threading.Event()
    listener = threading.Thread(target=listen, args=(ports, said, heard))
    newest = (await asyncio.to_thread(events, ports[0]))[0] if listens else 0
    began = time.monotonic()
    if listens:
        listener.start()
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
    if listens:
        heard.set()
        await asyncio.to_thread(listener.join)
        said["events"].update((await asyncio.to_thread(events, ports[0], newest))[1])
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
        {name: sorted(words) for name, words in said.items() if words},
    )


def _late(answers: Sequence[tuple[float, float, int]]) -> float:
    times = sorted(seconds for _, seconds, _ in answers)
    return times[int(len(times) * 0.99)] * 1e3 if times else 0.0


def line(found: Found) -> str:
    errors = ", ".join(f"{n} x {status}" for status, n in sorted(found.errors.items())) or "none"
    late, (asked_for, admitted) = f"{found.late[0]:.0f} -> {found.late[1]:.0f} ms", found.greedy
    limit = f"limit {LIMIT}: admitted {admitted} of {asked_for}"
    return f"  {found.name:34} {found.answers:5} answers  errors {errors:6}  p99 {late:15}  {limit:30}  back {found.back:.1f} s"


def words(found: Found) -> Iterator[str]:
    """What was said of it, a line for each place."""
    for name, told_there in found.said.items():
        yield f"      {name}: {' | '.join(told_there)}"


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
        if self.process and self.process.poll() is None:
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
    gateways: Sequence[Running], faults: Sequence[Fault], minutes: float, every: float, facts: Callable[[int], str]
) -> Iterator[str]:
    """One line every ``every`` seconds, in which one fault has happened. ``facts``: what the engines say of themselves,
    who are told how many requests were asked."""
    ports, until, count = [each.port for each in gateways], time.monotonic() + minutes * 60, 0
    for n, fault in enumerate(itertools.cycle(faults)):
        if time.monotonic() >= until:
            return
        began, cpu = time.monotonic(), sum(cpu_seconds(each.pid) for each in gateways)
        found = asyncio.run(watched(fault, ports, key_of(n % GREEDY), pause=SELDOM))
        count += found.answers + found.greedy[0]
        time.sleep(max(0.0, began + every - time.monotonic()))
        used = sum(cpu_seconds(each.pid) for each in gateways) - cpu
        sizes = "+".join(f"{memory(each):.0f}" for each in gateways)
        shown = [(told(port, "/api/stats/summary?range=24h") or {}).get("now", {}).get("requests", 0) for port in ports]
        yield f"{line(found)}  memory {sizes} MB  cpu {used:.0f} s  shown {'+'.join(map(str, shown))}  {facts(count)}"
