"""Whether limits hold for several workers and machines, what that costs, and how far one meeting place goes.

    scale.py [--seconds 4] [--pairs 5] [--any-load] [--only PART] [--soak MINUTES]

Four parts. Exactness: twice the limit is asked at once, over connections of their own. Price: gateways take turns, so that
whatever else the machine does hits all of them; CPU time is that of all processes of a gateway, and of each engine.
Ceiling: how many decisions a second one client gets from each meeting place, and how many requests one writer logs. Faults:
what clients of two gateways see while engines and the ways to them fail (benchmark/engines.py); --soak does that for hours.
Processes share this machine's cores, so no figure is the throughput of a cluster; ratios are what counts. With
redis-server and postgres on PATH there are two machines as well.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ccx_addons.core.ids import uuid7
from ccx_addons.io.meeting import Engine, Member
from ccx_addons.io.meeting.line import Line
from ccx_addons.io.meeting.place import listen
from ccx_addons.io.place import Place
from ccx_addons.io.store import Store
from ccx_addons.processes.supervisor import start_meeting
from ccx_addons.scheduler.limits import Ask, Limits, Scope
from scripts.benchmark.faults import CLIENTS, is_well, key_of, line, soak, watched, words
from scripts.benchmark.load import KEY, asked, load, request
from scripts.benchmark.programs import Running, Upstream, canned, configuration, cpu_seconds, free_port, started
from scripts.fronts import find

if TYPE_CHECKING:
    from tests.postgres import Server

LIMIT: Final = 60
BUSY: Final = 2.0
"""Load average above which figures mean little."""
AT_ONCE: Final = 32
ROOM: Final = 10**6
"""A limit that is counted and never reached."""
PATIENT: Final = 30.0
"""Seconds: an overloaded machine is no engine that is away."""
SMALL: Final = request(asked("hello"))
PARTS: Final = ("exactness", "price", "ceiling", "faults")
KEEPS: Final = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "autovacuum": "on"}
LINGER: Final = 0.3
"""Seconds in which what was answered is logged, too."""
WORKER: Final = 1000.0
"""Answers a second of a busy worker, where the price was not measured."""
MOST_QUEUED: Final = 5000
YOUNG: Final = 1.5
"""Seconds in which an engine that has just begun does not decide yet."""


# ---- what is started -------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def engine(folder: Path) -> Iterator[tuple[str, int]]:
    """The address and the process of a Redis of its own; empty: there is none on this machine."""
    program = find("redis-server")
    if not program:
        yield "", 0
        return
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with started("redis", command, port) as running:
        yield f"redis://127.0.0.1:{port}", running.pid


@contextlib.contextmanager
def server() -> "Iterator[Server | None]":
    """A PostgreSQL of its own that keeps what it was told; None: there is none on this machine."""
    if not find("postgres"):
        yield None
        return
    from tests.postgres import running_postgres

    with running_postgres(**KEEPS, max_connections="200", shared_buffers="128MB") as found:
        yield found


@contextlib.contextmanager
def gateway(
    upstream: Upstream, folder: Path, name: str, limits: dict[str, int], clients: Sequence[Any] = (), **env: str
) -> Iterator[Running]:
    """One machine, whose only client has ``limits``, unless it has ``clients``."""
    folder.mkdir()
    config = json.loads(configuration(upstream))
    config["clients"] = clients or [{"name": "bench", "key": KEY, "limits": limits}]
    (folder / "ccx.yaml").write_text(json.dumps(config))
    (folder / "ccx.yaml").chmod(0o600)
    own = {
        "PORT": "0", "PROXY_ACCESS_KEY": f"not-{KEY}", "ADMIN_ACCESS_KEY": KEY[::-1], "ENABLE_WEB_UI": "false",
        "CCX_CONFIG": str(folder / "ccx.yaml"), "CCX_DATA_DIR": str(folder / "data"),
        "CCX_ENV_FILE": str(folder / ".env"), "CCX_VALKEY_WAIT": str(PATIENT), **env,
    }  # fmt: skip
    with started(name, [sys.executable, "run.py"], env=own) as running:
        yield running


# ---- exactness -------------------------------------------------------------------------------------------------------
async def status(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(SMALL)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return int(head[9:12])


async def admitted(ports: Sequence[int], count: int) -> Counter[int]:
    return Counter(
        await asyncio.gather(*(status(port) for _, port in zip(range(count), itertools.cycle(ports), strict=False)))
    )


def exactness(upstream: Upstream, folder: Path, url: str, log: "Server | None") -> Iterator[tuple[str, Counter[int]]]:
    """What is counted where, and what twice as many requests as the limit were answered."""
    cases = [("", 1, workers) for workers in (1, 2, 4)]
    engines = [name for name, there in (("Redis", url), ("PostgreSQL", log)) if there]
    cases += [(name, machines, workers) for name in engines for machines, workers in ((1, 2), (2, 1), (2, 2))]
    for n, (name, machines, workers) in enumerate(cases):
        env = {"WORKERS": str(workers)}
        if name == "Redis":
            env["CCX_VALKEY_URL"] = url
        elif log and name:
            env["CCX_DATABASE_URL"] = log.empty()
        words = f"{machines} machine{'s' * (machines > 1)}, {workers} worker{'s' * (workers > 1)}"
        with contextlib.ExitStack() as stack:
            places = [folder / f"exact-{n}-{machine}" for machine in range(machines)]
            running = [stack.enter_context(gateway(upstream, place, words, {"rpm": LIMIT}, **env)) for place in places]
            if name:
                settle([each.port for each in running])
                forget(env)
            found = asyncio.run(admitted([each.port for each in running], 2 * LIMIT))
        yield f"{words}{', ' * bool(name)}{name}", found


def settle(ports: Sequence[int]) -> None:
    """Until all engines decide: they have begun with the first question."""
    while not all(map(is_well, ports)):
        time.sleep(0.05)
    asyncio.run(admitted(ports, 4 * len(ports)))
    time.sleep(YOUNG)


def forget(env: Mapping[str, str]) -> None:
    """What was asked before: the client is the same."""
    if url := env.get("CCX_VALKEY_URL"):
        from redis import Redis

        with contextlib.closing(Redis.from_url(url)) as client:
            client.delete("{ccx}:client:bench:starts", "{ccx}:client:bench:slots")
    else:
        import psycopg

        with psycopg.connect(env["CCX_DATABASE_URL"], autocommit=True) as connection:
            connection.execute("DELETE FROM meet_start")


# ---- price -----------------------------------------------------------------------------------------------------------
@dataclass
class Price:
    """``engines``: pids of what it asks, whose CPU is counted apart."""

    name: str
    engines: dict[str, int] = field(default_factory=dict)
    medians: list[float] = field(default_factory=list)
    """Milliseconds."""
    costs: list[float] = field(default_factory=list)
    """CPU microseconds an answer."""
    theirs: dict[str, list[float]] = field(default_factory=dict)
    """The same of each engine."""


def price(programs: Sequence[Running], found: Sequence[Price], seconds: float, pairs: int) -> None:
    """Fills in what is measured: programs take turns."""
    for program in programs:
        asyncio.run(load(program.port, SMALL, 4, min(seconds, 1.0)))
    for _ in range(pairs):
        for program, each in zip(programs, found, strict=True):
            before, theirs = cpu_seconds(program.pid), {name: cpu_seconds(pid) for name, pid in each.engines.items()}
            seen = asyncio.run(load(program.port, SMALL, 4, seconds))
            time.sleep(LINGER if each.engines else 0.0)
            each.costs.append((cpu_seconds(program.pid) - before) / len(seen.times) * 1e6)
            each.medians.append(seen.median * 1e3)
            for name, used in theirs.items():
                cost = (cpu_seconds(each.engines[name]) - used) / len(seen.times) * 1e6
                each.theirs.setdefault(name, []).append(cost)


def prices(upstream: Upstream, folder: Path, redis: tuple[str, int], log: "Server | None", options: Any) -> list[Price]:
    limited = {"concurrency": ROOM}
    kinds: list[tuple[Price, dict[str, int], dict[str, str]]] = [
        (Price("SQLite, no limits"), {}, {}),
        (Price("SQLite, limits"), limited, {}),
    ]
    url, pid = redis
    if url:
        kinds.append((Price("SQLite, limits in Redis", {"Redis": pid}), limited, {"CCX_VALKEY_URL": url}))
    if log and log.process:
        theirs = {"PostgreSQL": log.process.pid}
        kinds.append((Price("PostgreSQL, no limits", theirs), {}, {"CCX_DATABASE_URL": log.empty()}))
        if url:
            both = {"CCX_DATABASE_URL": log.empty(), "CCX_VALKEY_URL": url}
            kinds.append((Price("PostgreSQL, limits in Redis", {**theirs, "Redis": pid}), limited, both))
        kinds.append((Price("PostgreSQL, limits too", theirs), limited, {"CCX_DATABASE_URL": log.empty()}))
    with contextlib.ExitStack() as stack:
        programs = [
            stack.enter_context(gateway(upstream, folder / f"price-{n}", each.name, limits, WORKERS="2", **env))
            for n, (each, limits, env) in enumerate(kinds)
        ]
        settle([program.port for program in programs])
        found = [each for each, _, _ in kinds]
        price(programs, found, options.seconds, options.pairs)
    return found


# ---- ceiling ---------------------------------------------------------------------------------------------------------
class Ceiling(NamedTuple):
    """``rate``: decisions or rows a second. ``cost``: CPU microseconds of the asker for each, ``theirs``: of the engine."""

    name: str
    rate: float
    cost: float
    theirs: float


async def decisions(make: Callable[[Limits], Engine], seconds: float) -> tuple[float, float]:
    """Places taken and given back a second by one worker, and its CPU microseconds for each."""
    limits = Limits()
    member = Member(limits, make(limits), lambda: 1)
    await member.start()
    names = ("client:a", "channel:b", "key:b/c")
    ask = Ask("", tuple(Scope(name, 0, ROOM) for name in names))
    count, numbers, until = 0, itertools.count(), time.perf_counter() + seconds

    async def one() -> None:
        nonlocal count
        while time.perf_counter() < until:
            slot = f"{next(numbers)}"
            answer: Any = member.enter(ask._replace(slot=slot))
            if isinstance(answer, Awaitable):
                answer = await answer
            assert answer is None
            member.leave(slot)
            count += 1
            limits.meters.clear() if not limits.slots else None

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    spent, used = time.perf_counter() - began, time.process_time() - cpu
    late = getattr(getattr(member.engine, "patience", None), "late", 0)
    member.stop()
    if late or member.trouble:
        raise RuntimeError(f"the meeting place was away: {member.trouble}")
    return count / spent, used / count * 1e6


def ceiling(name: str, pid: int, measured: Callable[[], tuple[float, float]]) -> Ceiling:
    before, began = cpu_seconds(pid), time.perf_counter()
    rate, cost = measured()
    used, count = cpu_seconds(pid) - before, rate * (time.perf_counter() - began)
    return Ceiling(name, rate, cost, used / max(count, 1.0) * 1e6)


def ceilings(folder: Path, redis: tuple[str, int], log: "Server | None", seconds: float) -> Iterator[Ceiling]:
    """Of decisions."""
    sock, path = listen(folder)
    read, write = os.pipe()
    root = str(Path(__file__).resolve().parent.parent)
    process = start_meeting(sock, read, 0, {**os.environ, "PYTHONPATH": root})

    def of(make: Callable[[Limits], Engine], seconds: float = seconds) -> Callable[[], tuple[float, float]]:
        return lambda: asyncio.run(decisions(make, seconds))

    yield ceiling("the place of one machine", process.pid, of(lambda limits: Line(path, limits.part, PATIENT)))
    os.close(write)
    process.wait(10)
    url, pid = redis
    if url:
        from ccx_addons.io.meeting.valkey import Valkey

        def valkey(limits: Limits) -> Engine:
            return Valkey(url, limits.part, "scale", "scale", PATIENT)

        of(valkey, YOUNG)()
        yield ceiling("Redis", pid, of(valkey))
    if log and log.process:
        from ccx_addons.io.meeting.postgres import Postgres

        place = log.made()

        def postgres(limits: Limits) -> Engine:
            return Postgres(place, limits.part, "scale", PATIENT)

        of(postgres, YOUNG)()
        yield ceiling("PostgreSQL", log.process.pid, of(postgres))


def rows_written(place: Place, seconds: float) -> tuple[float, float]:
    """Requests a second that one writer logs, each with the row of its beginning, its end and an attempt; and the CPU
    microseconds of this process for each."""
    store = Store.open(place, boot_id="scale", worker=0)
    count, cpu, began = 0, time.process_time(), time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(AT_ONCE):
            id, at = str(uuid7()), int(time.time() * 1000)
            row = {"id": id, "boot_id": "scale", "worker": 0, "started_at": at, "model": "m", "client_name": "bench"}
            store.put_running(id, lambda row=row: {**row, "state": "running"})  # type: ignore[misc]
            attempt = {"request_id": id, "n": 1, "channel_id": "c", "started_at": at, "verdict": "ok"}
            over = {**row, "state": "ok", "ended_at": at + 9, "status": 200, "input_tokens": 9, "rev": 0}
            store.put_request(over, [attempt])
            count += 1
        while store.health().queued > MOST_QUEUED:
            time.sleep(0.002)
    store.flush(60)
    spent, used = time.perf_counter() - began, time.process_time() - cpu
    store.close()
    return count / spent, used / count * 1e6


def written(folder: Path, log: "Server | None", seconds: float) -> Iterator[Ceiling]:
    """Of rows."""
    yield ceiling("SQLite", os.getpid(), lambda: rows_written(folder / "rows.db", seconds))._replace(theirs=0.0)
    if log and log.process:
        place = log.made()
        yield ceiling("PostgreSQL", log.process.pid, lambda: rows_written(place, seconds))


# ---- faults ----------------------------------------------------------------------------------------------------------
def shared_faults(upstream: Upstream, folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """Lines for each fault of what two gateways share; ``soak``: so many minutes, again and again."""
    from scripts.benchmark.engines import engines

    if not find("redis-server") or not find("postgres"):
        yield "  needs redis-server and postgres on PATH"
        return
    with contextlib.ExitStack() as stack:
        shared = stack.enter_context(engines(folder))
        more = {"WORKERS": "2", "CCX_VALKEY_WAIT": "0.025", "ENABLE_WEB_UI": "true"}
        gateways = [
            stack.enter_context(
                gateway(upstream, folder / name, name, {}, clients=CLIENTS, CCX_MACHINE=name, **more, **urls)
            )
            for name, urls in zip(("one", "two"), shared.urls(options.alone), strict=True)
        ]
        faults = [fault for fault in shared.faults() if options.fault in fault.name]
        if options.alone:
            faults = [fault for fault in faults if "Redis" not in fault.name]
        while not all(is_well(each.port) for each in gateways):
            time.sleep(0.1)
        time.sleep(YOUNG)
        if options.soak:
            yield from soak(gateways, faults, options.soak, 60.0, shared.facts)
            return
        for n, fault in enumerate(faults):
            found = asyncio.run(watched(fault, [each.port for each in gateways], key_of(n), True))
            yield line(found)
            yield from words(found)


# ---- the words -------------------------------------------------------------------------------------------------------
def exact_line(name: str, found: Counter[int]) -> str:
    verdict = "exact" if found == {200: LIMIT, 429: LIMIT} else f"NOT EXACT: {dict(found)}"
    return f"  {name:34} asked {2 * LIMIT:4}  limit {LIMIT:4}  admitted {found[200]:4}  {verdict}"


def price_line(each: Price, first: Price) -> str:
    ratios = [cost / base for cost, base in zip(each.costs, first.costs, strict=True)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    cost, median = statistics.median(each.costs), statistics.median(each.medians)
    theirs = "".join(f"  {name} {statistics.median(costs):.0f} us" for name, costs in each.theirs.items())
    return f"  {each.name:34} {median:6.2f} ms  {cost:7.0f} us  x {statistics.median(ratios):.2f} ({spread}){theirs}"


def ceiling_line(each: Ceiling, what: str, worker: float) -> str:
    """``worker``: answers a second of one that does nothing else. An engine's core is its end, or what one asker gets."""
    most = max(each.rate, 1e6 / each.theirs if each.theirs else 0.0)
    costs = f"{each.cost:5.0f} us of the asker, {each.theirs:5.0f} us of its own"
    return (
        f"  {each.name:26} {each.rate:7.0f} {what}/s to one  {costs}  a core carries {most / worker:.0f} busy workers"
    )


def run(options: argparse.Namespace, folder: Path) -> bool:
    """Prints all of it. Whether every limit was exact."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}\n")
    parts = {options.only} if options.only else {"faults"} if options.soak else set(PARTS) - {"faults"}
    exact, worker = True, WORKER
    with canned(folder) as upstream:
        if "faults" in parts:
            print(f"faults: two gateways with two workers, one PostgreSQL{' and one Redis' * (not options.alone)}")
            for text in shared_faults(upstream, folder, options):
                print(text, flush=True)
            return True
        with engine(folder) as redis, server() as log:
            if "exactness" in parts:
                print("exactness: requests a minute of one client")
                for name, found in exactness(upstream, folder, redis[0], log):
                    exact = exact and found == {200: LIMIT, 429: LIMIT}
                    print(exact_line(name, found), flush=True)
            if "price" in parts:
                print("\nprice: median and CPU of a small JSON answer, 4 at once, 2 workers; engines apart")
                measured = prices(upstream, folder, redis, log, options)
                for each in measured:
                    print(price_line(each, measured[0]), flush=True)
                worker = 1e6 / statistics.median(measured[0].costs)
            if "ceiling" in parts:
                print(
                    f"\nceiling: one client, {AT_ONCE} at once; a busy worker gives {worker:.0f} answers/s (an estimate)"
                )
                for most in ceilings(folder, redis, log, options.seconds):
                    print(ceiling_line(most, "decisions of three limits", worker), flush=True)
                for most in written(folder, log, options.seconds):
                    print(ceiling_line(most, "requests logged", worker), flush=True)
    return exact


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", choices=PARTS, help="this part alone")
    parser.add_argument("--fault", default="", metavar="WORDS", help="of the faults only those with these words")
    parser.add_argument("--alone", action="store_true", help="faults: PostgreSQL without Redis")
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES", help="faults again and again")
    parser.add_argument("--any-load", action="store_true", help="although others use the machine")
    options = parser.parse_args()
    if os.getloadavg()[0] > BUSY and not options.any_load:
        print(f"the load is {os.getloadavg()[0]:.1f}: figures would mean little (--any-load measures all the same)")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        return 0 if run(options, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
