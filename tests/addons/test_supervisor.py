import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from ccx_addons import supervisor
from ccx_addons.core.settings import Settings
from ccx_addons.supervisor import (
    STEADY,
    Child,
    Sockets,
    StartError,
    bind,
    stop,
)


class Process:
    """As much of subprocess.Popen as a supervisor sees."""

    def __init__(self) -> None:
        self.returncode: int | None = None
        self.signals: list[int] = []
        self.stubborn = False

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        self.signals.append(number)
        if not self.stubborn:
            self.returncode = -number

    def kill(self) -> None:
        self.signals.append(signal.SIGKILL)
        self.returncode = -signal.SIGKILL

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            raise subprocess.TimeoutExpired("worker", timeout or 0)
        return self.returncode


class Starts:
    """Gives out processes, and remembers them."""

    def __init__(self) -> None:
        self.processes: list[Process] = []

    def __call__(self) -> "subprocess.Popen[bytes]":
        self.processes.append(Process())
        return cast("subprocess.Popen[bytes]", self.processes[-1])


@pytest.fixture
def starts() -> Starts:
    return Starts()


def child(starts: Starts, born: float = 0.0) -> Child:
    return Child("worker 0", starts, starts(), born=born)


def test_a_process_that_lives_is_left_alone(starts: Starts) -> None:
    one = child(starts)
    for now in (0.0, 1.0, 1000.0):
        one.revive(now)
    assert len(starts.processes) == 1 and one.alive


def test_one_that_lived_for_a_while_is_started_at_once(starts: Starts, capsys: pytest.CaptureFixture[str]) -> None:
    one = child(starts)
    starts.processes[0].returncode = -9
    one.revive(STEADY + 1)
    assert len(starts.processes) == 2 and one.alive and one.born == STEADY + 1
    assert capsys.readouterr().err == "ccx: worker 0 ended with -9 after 6 s\n"


def test_one_that_died_young_waits(starts: Starts, capsys: pytest.CaptureFixture[str]) -> None:
    one = child(starts)
    starts.processes[0].returncode = 1
    for now in (1.0, 2.0, 1.0 + STEADY - 0.01):
        one.revive(now)
    assert len(starts.processes) == 1
    one.revive(1.0 + STEADY)
    assert len(starts.processes) == 2 and one.again_at is None
    assert capsys.readouterr().err.count("ended with") == 1, "said once"


def test_one_that_always_dies_cannot_spin(starts: Starts) -> None:
    one = child(starts)
    for tick in range(400):  # 100 seconds, four looks a second
        starts.processes[-1].returncode = 1
        one.revive(tick / 4)
    assert len(starts.processes) <= 100 / STEADY + 1


def test_stop_asks_then_waits(starts: Starts) -> None:
    children = [child(starts), child(starts)]
    read, write = os.pipe()
    assert stop(children, 1.0, write) == 0
    assert [p.signals for p in starts.processes] == [[signal.SIGTERM]] * 2
    assert os.read(read, 1) == b"", "children see that the supervisor is gone"
    os.close(read)


def test_stop_kills_who_does_not_listen(starts: Starts) -> None:
    one = child(starts)
    starts.processes[0].stubborn = True
    read, write = os.pipe()
    assert stop([one], 0.0, write) == 0
    assert starts.processes[0].signals == [signal.SIGTERM, signal.SIGKILL]
    os.close(read)


def test_stop_leaves_the_dead_in_peace(starts: Starts) -> None:
    one = child(starts)
    starts.processes[0].returncode = 1
    _, write = os.pipe()
    assert stop([one], 0.0, write) == 0 and starts.processes[0].signals == []


# ---- starting --------------------------------------------------------------------------------------------------------
def test_bind_takes_the_port_and_says_when_it_is_taken() -> None:
    first = bind("127.0.0.1", 0)
    port = first.getsockname()[1]
    with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
        bind("127.0.0.1", port)
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    first.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_bind_to_a_foreign_address(host: str) -> None:
    with pytest.raises(StartError, match=f"cannot listen on {host}:0"):
        bind(host, 0)


def test_bind_ipv6() -> None:
    with contextlib.closing(bind("::1", 0)) as sock:
        assert sock.family == socket.AF_INET6


def test_the_panels_port() -> None:
    with contextlib.closing(bind("127.0.0.1", 0)) as public, contextlib.closing(bind("127.0.0.1", 0)) as panel:
        assert Sockets(public, None, 0).panel_port == 0
        assert Sockets(public, panel, 0).panel_port == panel.getsockname()[1]


SCRIPT = "import os, sys, time; {}"


def start_fake_worker(monkeypatch: pytest.MonkeyPatch, code: str) -> "subprocess.Popen[bytes]":
    """``start_worker`` with a program of one line in place of run.py."""
    real: Any = subprocess.Popen

    def popen(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        ready = command[command.index("worker") + 2]
        return cast("subprocess.Popen[bytes]", real([sys.executable, "-c", SCRIPT.format(code), ready], **options))

    monkeypatch.setattr(subprocess, "Popen", popen)
    with contextlib.closing(bind("127.0.0.1", 0)) as public:
        read, write = os.pipe()
        try:
            return supervisor.start_worker(Sockets(public, None, read), 0, dict(os.environ))
        finally:
            os.close(read)
            os.close(write)


def test_a_worker_is_waited_for_until_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    process = start_fake_worker(monkeypatch, "os.write(int(sys.argv[1]), b'1'); time.sleep(60)")
    try:
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_dies_before_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    assert start_fake_worker(monkeypatch, "sys.exit(3)").returncode == 3


def test_run_ends_with_its_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole supervisor over processes that only live: SIGTERM reaches each of them."""
    starts = Starts()
    monkeypatch.setattr(supervisor, "start_worker", lambda *_: starts())
    monkeypatch.setattr(supervisor, "start_panel", lambda *_: starts())
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
    try:
        assert supervisor.run(Settings(port=0, workers="2", ccx_data_dir=str(tmp_path)), {}) == 0
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert [p.signals for p in starts.processes] == [[signal.SIGTERM]] * 3


def test_run_gives_up_when_a_worker_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = Starts()

    def dead(*_: Any) -> "subprocess.Popen[bytes]":
        process = starts()
        starts.processes[-1].returncode = 1
        return process

    monkeypatch.setattr(supervisor, "start_worker", dead)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        assert supervisor.run(Settings(port=0, enable_web_ui=False, ccx_data_dir=str(tmp_path)), {}) == 1
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
