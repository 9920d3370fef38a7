"""Whether limits hold for several workers and machines, what that costs, and how far one meeting place goes.

    scale.py [--seconds 4] [--pairs 5] [--any-load] [--only PART] [--soak MINUTES]

Four parts. Exactness: twice the limit is asked at once, over connections of their own. Price: gateways take turns, so that
whatever else the machine does hits all of them; CPU time is that of all processes of a gateway, without the engine.
Ceiling: how many decisions a second one client gets from each meeting place. Faults: what clients of two gateways see
while Redis or PostgreSQL hangs or is killed (benchmark/faults.py); --soak does that for hours. Processes share this machine's cores, so no
figure is the throughput of a cluster; ratios are what counts. With redis-server on PATH there are two machines as well.
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
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ccx_addons.io.meeting import Engine, Member
from ccx_addons.io.meeting.line import Line
from ccx_addons.io.meeting.place import listen
from ccx_addons.processes.supervisor import start_meeting
from ccx_addons.scheduler.limits import Ask, Limits, Scope
from scripts.benchmark.faults import CLIENTS, Fault, Killable, is_well, key_of, line, soak, stopped, watched
from scripts.benchmark.load import KEY, asked, load, request
from scripts.benchmark.programs import Running, Upstream, canned, configuration, cpu_seconds, free_port, started
from scripts.fronts import find

LIMIT: Final = 60
BUSY: Final = 2.0
"""Load average above which figures mean little."""
AT_ONCE: Final = 32
ROOM: Final = 10**6
"""A limit that is counted and never reached."""
PATIENT: Final = 10.0
"""Seconds: an overloaded machine is no engine that is away."""
SMALL: Final = request(asked("hello"))


# ---- what is started -------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def engine(folder: Path) -> Iterator[str]:
    """The address of a Redis of its own; empty: there is none on this machine."""
    program = find("redis-server")
    if not program:
        yield ""
        return
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with started("redis", command, port):
        yield f"redis://127.0.0.1:{port}"


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


def exactness(upstream: Upstream, folder: Path, url: str) -> Iterator[tuple[str, int, Counter[int]]]:
    """What is counted where, the limit, and what twice as many requests were answered."""
    cases = [(1, workers, "") for workers in (1, 2, 4)]
    cases += [(machines, workers, url) for machines, workers in ((1, 2), (2, 1), (2, 2))] if url else []
    for n, (machines, workers, address) in enumerate(cases):
        env = {"WORKERS": str(workers), "CCX_VALKEY_URL": address}
        words = f"{machines} machine{'s' * (machines > 1)}, {workers} worker{'s' * (workers > 1)}"
        with contextlib.ExitStack() as stack:
            places = [folder / f"exact-{n}-{machine}" for machine in range(machines)]
            limits = {"rpm": LIMIT}
            running = [stack.enter_context(gateway(upstream, place, words, limits, **env)) for place in places]
            time.sleep(1.5 if address else 0.0)  # an engine that has just begun does not decide yet
            if address:
                forget(address)
            found = asyncio.run(admitted([each.port for each in running], 2 * LIMIT))
        yield f"{words}{', Valkey' if address else ''}", LIMIT, found


def forget(address: str) -> None:
    """What the case before has left: the client is the same."""
    from redis import Redis

    with contextlib.closing(Redis.from_url(address)) as client:
        client.delete("{ccx}:client:bench:starts", "{ccx}:client:bench:slots")


# ---- price -----------------------------------------------------------------------------------------------------------
@dataclass
class Price:
    name: str
    medians: list[float] = field(default_factory=list)
    """Milliseconds."""
    costs: list[float] = field(default_factory=list)
    """CPU microseconds an answer."""


def price(programs: Sequence[Running], seconds: float, pairs: int) -> list[Price]:
    found = [Price(program.name) for program in programs]
    for program in programs:
        asyncio.run(load(program.port, SMALL, 4, min(seconds, 1.0)))
    for _ in range(pairs):
        for program, each in zip(programs, found, strict=True):
            before = cpu_seconds(program.pid)
            seen = asyncio.run(load(program.port, SMALL, 4, seconds))
            each.costs.append((cpu_seconds(program.pid) - before) / len(seen.times) * 1e6)
            each.medians.append(seen.median * 1e3)
    return found


# ---- ceiling ---------------------------------------------------------------------------------------------------------
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


def ceilings(folder: Path, url: str, seconds: float) -> Iterator[tuple[str, float, float]]:
    sock, path = listen(folder)
    read, write = os.pipe()
    root = str(Path(__file__).resolve().parent.parent)
    process = start_meeting(sock, read, 0, {**os.environ, "PYTHONPATH": root})
    yield "the place of one machine", *asyncio.run(decisions(lambda limits: Line(path, limits.part, PATIENT), seconds))
    os.close(write)
    process.wait(10)
    if url:
        from ccx_addons.io.meeting.valkey import Valkey

        def make(limits: Limits) -> Engine:
            return Valkey(url, limits.part, "scale", "scale", PATIENT)

        asyncio.run(decisions(make, 1.5))  # it is young at first
        yield "Redis", *asyncio.run(decisions(make, seconds))


# ---- faults ----------------------------------------------------------------------------------------------------------
def shared_faults(upstream: Upstream, folder: Path, minutes: float) -> Iterator[str]:
    """A line for each fault of what two gateways share; ``minutes``: again and again."""
    from tests.postgres import running_postgres

    port, redis = free_port(), find("redis-server")
    if not redis or not find("postgres"):
        yield "  needs redis-server and postgres on PATH"
        return
    where = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    valkey = Killable([redis, *where])
    valkey.start()
    with contextlib.ExitStack() as stack:
        stack.callback(valkey.kill)
        postgres = stack.enter_context(running_postgres())
        url = postgres.empty()
        env = {"WORKERS": "2", "CCX_VALKEY_URL": f"redis://127.0.0.1:{port}", "CCX_DATABASE_URL": url}
        env |= {"CCX_VALKEY_WAIT": "0.025"}
        gateways = [
            stack.enter_context(gateway(upstream, folder / name, name, {}, clients=CLIENTS, CCX_MACHINE=name, **env))
            for name in ("one", "two")
        ]
        faults = [
            Fault("nothing", lambda: None, lambda: None),
            stopped("Redis hangs for 2 s", valkey.pids),
            Fault("Redis is killed, back empty in 2 s", valkey.kill, valkey.start),
            Fault("PostgreSQL hangs for 2 s", lambda: postgres.signal(SIGSTOP), lambda: postgres.signal(SIGCONT)),
            Fault("PostgreSQL is killed, back in 2 s", postgres.kill, postgres.start),
        ]
        while not all(is_well(each.port) for each in gateways):
            time.sleep(0.1)
        time.sleep(1.5)  # an engine that has just begun does not decide yet
        if minutes:
            yield from soak(gateways, faults, minutes, 60.0, lambda: facts(url))
            return
        for n, fault in enumerate(faults):
            yield line(asyncio.run(watched(fault, [each.port for each in gateways], key_of(n))))


def facts(url: str) -> str:
    """What PostgreSQL says of itself."""
    import psycopg

    with contextlib.suppress(psycopg.Error), psycopg.connect(url) as connection:
        sql = "SELECT count(*), pg_database_size(current_database()) >> 20 FROM pg_stat_activity WHERE datname = current_database()"
        connections, size = connection.execute(sql).fetchall()[0]
        ((rows,),) = connection.execute("SELECT count(*) FROM requests").fetchall()
        return f"connections {connections}, {rows} rows, {size} MB"
    return "PostgreSQL is away"


# ---- the words -------------------------------------------------------------------------------------------------------
def exact_line(name: str, limit: int, found: Counter[int]) -> str:
    verdict = "exact" if found == {200: limit, 429: limit} else f"NOT EXACT: {dict(found)}"
    return f"  {name:34} asked {2 * limit:4}  limit {limit:4}  admitted {found[200]:4}  {verdict}"


def price_line(each: Price, first: Price) -> str:
    ratios = [cost / base for cost, base in zip(each.costs, first.costs, strict=True)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    cost, median = statistics.median(each.costs), statistics.median(each.medians)
    return f"  {each.name:34} {median:6.2f} ms  {cost:7.0f} us  x {statistics.median(ratios):.2f} ({spread})"


def ceiling_line(name: str, rate: float, cost: float, worker: float) -> str:
    return f"  {name:34} {rate:8.0f} decisions/s  {cost:5.0f} us of the asker  as many as {rate / worker:.0f} busy workers ask"


def run(options: argparse.Namespace, folder: Path) -> bool:
    """Prints all of it. Whether every limit was exact."""
    exact = True
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}\n")
    if options.soak or options.only == "faults":
        print("faults: two gateways with two workers, one Redis and one PostgreSQL")
        with canned(folder) as upstream:
            for words in shared_faults(upstream, folder, options.soak):
                print(words, flush=True)
        return True
    with canned(folder) as upstream, engine(folder) as url:
        print("exactness: requests a minute of one client")
        for name, limit, found in exactness(upstream, folder, url):
            exact = exact and found == {200: limit, 429: limit}
            print(exact_line(name, limit, found), flush=True)
        print("\nprice: median and CPU of a small JSON answer, 4 at once, 2 workers")
        kinds = [("no limits", {}, ""), ("limits, the place of one machine", {"concurrency": ROOM}, "")]
        kinds += [("limits, Redis", {"concurrency": ROOM}, url)] if url else []
        with contextlib.ExitStack() as stack:
            programs = [
                stack.enter_context(
                    gateway(upstream, folder / f"price-{n}", name, limits, WORKERS="2", CCX_VALKEY_URL=address)
                )
                for n, (name, limits, address) in enumerate(kinds)
            ]
            prices = price(programs, options.seconds, options.pairs)
        for each in prices:
            print(price_line(each, prices[0]), flush=True)
        worker = 1e6 / statistics.median(prices[0].costs)
        print(
            "\nceiling: one client, 32 at once, three limits in each decision (an estimate, not a measurement of a cluster)"
        )
        for name, rate, cost in ceilings(folder, url, options.seconds):
            print(ceiling_line(name, rate, cost, worker), flush=True)
    return exact


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", choices=("faults",), help="this part alone")
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
