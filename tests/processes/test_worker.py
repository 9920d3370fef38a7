import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from ccx_addons.core.config import Client, Snapshot
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.processes.runtime import Runtime
from ccx_addons.processes.supervisor import bind
from ccx_addons.processes.worker import GC_THRESHOLDS, note, note_configuration, serve, spare_the_collector
from tests.patience import PATIENCE


@pytest.fixture
def public() -> Iterator[socket.socket]:
    sock = bind("127.0.0.1", 0)
    yield sock
    sock.close()


async def head_of(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n"), PATIENCE)
    writer.close()
    return head


async def run(runtime: Runtime, public: socket.socket, end: Any) -> list[Any]:
    """A worker from its start until ``end`` makes it stop; what it answered meanwhile."""
    ready, told = os.pipe()
    alive, supervisor = os.pipe()
    served = asyncio.ensure_future(serve(runtime, public, told, alive))
    try:
        found: list[Any] = [await asyncio.wait_for(asyncio.to_thread(os.read, ready, 1), PATIENCE)]
        port = public.getsockname()[1]
        found += [await head_of(port, "/health/ready"), await head_of(port, "/v1/models")]
        end(supervisor)
        await asyncio.wait_for(served, PATIENCE)
        return [*found, runtime.ready]
    finally:
        served.cancel()
        for fd in (ready, alive, supervisor):
            with contextlib.suppress(OSError):
                os.close(fd)


def sigterm(supervisor: int) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("end", [sigterm, os.close], ids=["signal", "supervisor is gone"])
def test_a_worker_serves_until_it_is_told_or_left_alone(runtime: Runtime, public: socket.socket, end: Any) -> None:
    runtime.snapshot = Snapshot("r", 0, clients=(Client("a", "0" * 64),))
    found = asyncio.run(run(runtime, public, end))
    assert found == [b"1", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 401 Unauthorized\r\n", False]


@pytest.mark.parametrize(("worker", "count"), [(0, 1), (1, 0)])
def test_the_first_worker_speaks_for_all(runtime: Runtime, worker: int, count: int) -> None:
    runtime.worker = worker
    note(runtime, "start", "the gateway starts")
    assert runtime.store.flush()
    found = runtime.store.read("SELECT count(*), max(kind), max(message), max(detail) FROM events")
    assert found and found[0] == count
    if count:
        assert found[1:] == ("start", "the gateway starts", "configuration rev1")


def test_a_start_with_the_last_good_configuration_is_told(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    note_configuration(runtime, ConfigErrors([Problem("channels", "expected a list", 2)]))
    assert runtime.store.flush()
    found = runtime.store.read("SELECT level, kind, message, detail FROM events")
    assert found and found[:2] == ("warning", "config")
    assert "rev1" in found[2] and found[3] == "line 2, channels: expected a list" and found[2] in caplog.text


def test_warnings_are_logged_once_for_all_workers(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    runtime.snapshot = Snapshot("r", 0, warnings=("a key is missing",))
    for runtime.worker in range(3):
        note_configuration(runtime, None)
    assert caplog.messages == ["a key is missing"]


def test_the_collector_is_spared() -> None:
    before = gc.get_threshold()
    try:
        spare_the_collector()
        assert gc.get_threshold() == GC_THRESHOLDS and gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
