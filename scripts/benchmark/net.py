"""What goes wrong between a gateway and its engines: a network of their own that can be cut, and a relay that is slow, loses
what was said, or stops passing anything on."""

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

NEAR: Final = "ccx-near"
FAR: Final = "ccx-far"
NETWORK: Final = "10.213.77"
TOOLS: Final = ("ip", "nsenter", "setpriv", "unshare")
STALL: Final = (0.2, 0.6)
"""Seconds that TCP needs until it says a lost piece again."""


@dataclass(frozen=True)
class Far:
    """Where engines run. ``prefix``: the words before a command that is to run there."""

    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()

    def down(self) -> None:
        """Whatever is said is lost, and nobody hears that."""
        subprocess.run(["ip", "link", "set", NEAR, "down"], check=True)

    def up(self) -> None:
        subprocess.run(["ip", "link", "set", NEAR, "up"], check=True)


@contextlib.contextmanager
def far_away() -> Iterator[Far]:
    """A network namespace with one way to it; the machine's own one where that is not allowed here."""
    if os.geteuid() or not all(map(shutil.which, TOOLS)):
        yield Far()
        return
    holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
    try:
        assert holder.stdout
        holder.stdout.readline()  # it is inside
        there = ("nsenter", "-t", str(holder.pid), "-n")
        for command in (
            f"ip link add {NEAR} type veth peer name {FAR}",
            f"ip link set {FAR} netns {holder.pid}",
            f"ip addr add {NETWORK}.1/24 dev {NEAR}",
            f"ip link set {NEAR} up",
        ):
            subprocess.run(command.split(), check=True)
        for command in (f"ip addr add {NETWORK}.2/24 dev {FAR}", f"ip link set {FAR} up", "ip link set lo up"):
            subprocess.run([*there, *command.split()], check=True)
        yield Far(f"{NETWORK}.2", there)
    finally:
        holder.kill()
        holder.wait()
        subprocess.run(["ip", "link", "del", NEAR], check=False, stderr=subprocess.DEVNULL)


class Relay:
    """Passes bytes on to an engine. ``delay``: seconds for each piece; ``stalls``: share of pieces that come late, as lost
    ones do; ``held``: nothing is passed on; ``cut``: share of answers with ``mark`` that are lost with their connection."""

    def __init__(self, host: str, port: int, mark: bytes = b"COMMIT\0") -> None:
        self.host, self.far, self.mark = host, port, mark
        self.well()
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self.begun = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def well(self) -> None:
        self.delay = self.stalls = self.cut = 0.0
        self.held = False
        self.lost = 0
        """Answers, since it was well."""

    def __enter__(self) -> "Relay":
        self.thread.start()
        self.begun.wait()
        return self

    def __exit__(self, *error: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def _run(self) -> None:
        server = self.loop.run_until_complete(asyncio.start_server(self._both, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self.begun.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.01))
        self.loop.close()

    async def _both(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.far)
        except OSError:
            writer.close()
            return
        ways = [
            asyncio.ensure_future(self._pass(reader, far_writer)),
            asyncio.ensure_future(self._pass(far_reader, writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for each in (writer, far_writer):
            each.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                while self.held:
                    await asyncio.sleep(0.02)
                if self.cut and self.mark in data and random.random() < self.cut:
                    self.lost += 1
                    return
                wait = self.delay + (random.uniform(*STALL) if random.random() < self.stalls else 0.0)
                if wait:
                    await asyncio.sleep(wait)
                writer.write(data)
                await writer.drain()
