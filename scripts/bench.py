"""How fast the gateway is, as ratios to plain ``mitmdump --mode reverse`` on the same Python, machine and upstream, in one run.

    bench.py [--seconds 4] [--rounds 3]

Rounds of both take turns, so that whatever else the machine does hits both; each figure is the median over the rounds.
The load comes from one process with raw sockets. Numbers are for reading side by side, never for a test.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEY = "bench-client-key-0123456789"
CHAT = "/v1/chat/completions"
SMALL = json.dumps({"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}).encode()
STREAM = json.dumps(
    {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "long:100"}]}
).encode()
STEADY = json.dumps(
    {"model": "gpt-4.1-fake-slowchunks=5", "stream": True, "messages": [{"role": "user", "content": "long:300"}]}
).encode()
SLOW = json.dumps(
    {"model": "gpt-4.1-fake-slowchunks=50", "stream": True, "messages": [{"role": "user", "content": "long:20"}]}
).encode()


def request(body: bytes) -> bytes:
    head = f"POST {CHAT} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, int, float]:
    """Status, SSE events, and the time the body began. Raises when the answer breaks off."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    begun = time.perf_counter()
    events = 0
    if b"transfer-encoding: chunked" in lower:
        while size := int(await reader.readline(), 16):
            events += (await reader.readexactly(size + 2)).count(b"data: ")
        await reader.readline()
    else:
        await reader.readexactly(int(lower.split(b"content-length: ")[1].split(b"\r\n")[0]))
    return int(head.split()[1]), events, begun


async def load(port: int, body: bytes, concurrency: int, seconds: float) -> tuple[float, float, float]:
    """Answers a second, events a second, median milliseconds."""
    until = time.perf_counter() + seconds
    times: list[float] = []
    events = 0

    async def client() -> None:
        nonlocal events
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        wire = request(body)
        while time.perf_counter() < until:
            started = time.perf_counter()
            writer.write(wire)
            status, found, _ = await read_answer(reader)
            assert status == 200, status
            times.append(time.perf_counter() - started)
            events += found
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(concurrency)))
    spent = time.perf_counter() - started
    return len(times) / spent, events / spent, statistics.median(times) * 1000


async def slow_streams(port: int, count: int) -> int:
    """How many of ``count`` streams at once come to their end."""

    async def one() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(request(SLOW))
        try:
            status, events, _ = await asyncio.wait_for(read_answer(reader), 60)
        finally:
            writer.close()
        return status == 200 and events >= 20

    found = await asyncio.gather(*(one() for _ in range(count)), return_exceptions=True)
    return sum(result is True for result in found)


async def longest_gap(port: int) -> float:
    """Milliseconds between two chunks of a stream with one every five."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(request(STEADY))
    await reader.readuntil(b"\r\n\r\n")
    longest, last = 0.0, time.perf_counter()
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    writer.close()
    return longest * 1000


async def reloads(port: int, config: Path, texts: list[str]) -> tuple[float, float]:
    """Median of the longest gaps of streams: when nothing else happens, and when the configuration changes."""
    quiet, busy = [], []
    for text in texts:
        quiet.append(await longest_gap(port))
        stream = asyncio.create_task(longest_gap(port))
        await asyncio.sleep(0.3)
        config.write_text(text)
        busy.append(await stream)
    return statistics.median(quiet), statistics.median(busy)


# ---- the programs ----------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def started(command: list[str], ready: Callable[[str], str], env: dict[str, str] | None = None) -> Iterator[int]:
    """Runs a program until the block ends; the port that its ready line names."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **(env or {})},
        cwd=ROOT,
    )
    try:
        assert process.stdout
        for line in process.stdout:
            if address := ready(line):
                # mitmdump writes a line for every flow: nobody reading them would stop it.
                threading.Thread(target=process.stdout.read, daemon=True).start()
                yield int(address.rsplit(":", 1)[1])
                break
    finally:
        process.terminate()
        process.wait(40)


def last_word(line: str) -> str:
    return line.split()[-1] if "ready" in line else ""


def configuration(upstream: int, others: int = 0, mark: str = "") -> str:
    """One channel that answers, and ``others`` with four keys each; ``mark`` makes them different from last time."""
    urls = [f"http://127.0.0.1:{upstream}"]
    channels: list[dict[str, Any]] = [{"name": "main", "protocol": "chat", "base_urls": urls, "keys": ["upstream-key"]}]
    for n in range(others):
        keys = [f"key-{n}-{k}-{mark}-0123456789" for k in range(4)]
        urls = [f"https://host-{n}.test"]
        channels.append({"name": f"c{n}", "protocol": "chat", "base_urls": urls, "keys": keys, "priority": n + 2})
    return json.dumps({"channels": channels}, indent=1)


@contextlib.contextmanager
def gateway(upstream: int, folder: Path) -> Iterator[int]:
    config = folder / "ccx.yaml"
    config.write_text(configuration(upstream))
    env = {
        "PORT": "0", "PROXY_ACCESS_KEY": KEY, "ADMIN_ACCESS_KEY": KEY[::-1], "CCX_CONFIG": str(config),
        "CCX_DATA_DIR": str(folder / "data"), "CCX_ENV_FILE": str(folder / ".env"),
    }  # fmt: skip
    with started([sys.executable, "run.py"], last_word, env) as port:
        yield port


@contextlib.contextmanager
def mitmdump(upstream: int, folder: Path) -> Iterator[int]:
    program = Path(sys.executable).with_name("mitmdump")
    command = [str(program), "--mode", f"reverse:http://127.0.0.1:{upstream}", "--listen-host", "127.0.0.1", "-p", "0"]
    options = ["--set", f"confdir={folder / 'mitm'}"]

    def ready(line: str) -> str:
        return line.strip().rstrip(".").split()[-1] if "listening at" in line else ""

    with started([*command, *options], ready, {"PYTHONUNBUFFERED": "1"}) as port:
        yield port


def compare(name: str, ours: list[float], plain: list[float], unit: str, more_is_better: bool = True) -> None:
    a, b = statistics.median(ours), statistics.median(plain)
    word = "times" if more_is_better else "times the time"
    print(f"{name:44} {a:10.1f} {unit:9} against {b:10.1f}   {a / b:5.2f} {word}")


async def run(seconds: float, rounds: int, ours: int, plain: int, upstream: int, config: Path) -> None:
    for name, body, concurrency, column in (
        ("small JSON, 16 at once", SMALL, 16, 0),
        ("small JSON, 32 at once", SMALL, 32, 0),
        ("100-chunk streams, 16 at once", STREAM, 16, 1),
    ):
        found: dict[int, list[float]] = {ours: [], plain: []}
        for _ in range(rounds):
            for port in (ours, plain):
                await load(port, body, concurrency, 0.3)
                found[port].append((await load(port, body, concurrency, seconds))[column])
        compare(name, found[ours], found[plain], "chunks/s" if column else "answers/s")
    found = {ours: [], plain: []}
    for _ in range(rounds):
        for port in (ours, plain):
            found[port].append((await load(port, SMALL, 1, seconds / 2))[2])
    compare("small JSON, one at a time, median", found[ours], found[plain], "ms", False)
    done = await slow_streams(ours, 500)
    print(f"500 slow streams at once: {done} complete")
    quiet, busy = await reloads(ours, config, [configuration(upstream, 499, str(n)) for n in range(rounds)])
    print(
        f"longest gap of a stream with a chunk every 5 ms: {quiet:.0f} ms; beside a reload of 500 channels {busy:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ccx-bench-") as name:
        folder = Path(name)
        with (
            started([sys.executable, "scripts/fake_upstream.py"], last_word) as upstream,
            gateway(upstream, folder) as ours,
            mitmdump(upstream, folder) as plain,
        ):
            asyncio.run(run(options.seconds, options.rounds, ours, plain, upstream, folder / "ccx.yaml"))


if __name__ == "__main__":
    main()
