import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from ccx_addons.core.errors import ConfigErrors, Problem, StoreError
from ccx_addons.core.settings import Settings
from ccx_addons.io.running import find
from ccx_addons.processes import supervisor
from ccx_addons.processes.supervisor import STEADY, Child, Sockets, StartError, bind, stop
from tests.patience import PATIENCE, wait_for


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


def test_one_for_which_there_is_no_memory_is_tried_again(starts: Starts, capsys: pytest.CaptureFixture[str]) -> None:
    def refused() -> "subprocess.Popen[bytes]":
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    one = child(starts)
    one.start, starts.processes[0].returncode = refused, -9
    one.revive(STEADY + 1)
    assert "ccx: worker 0 cannot be started: Cannot allocate memory\n" in capsys.readouterr().err
    one.start = starts
    one.revive(2 * STEADY)
    assert not one.alive
    one.revive(2 * STEADY + 1)
    assert one.alive and one.born == 2 * STEADY + 1


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
    with pytest.raises(
        StartError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use; another program has it"
    ):
        bind("127.0.0.1", port)
    with socket.create_connection(("127.0.0.1", port), PATIENCE):
        pass
    first.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_bind_to_a_foreign_address(host: str) -> None:
    with pytest.raises(StartError, match=f"cannot listen on {host}:0"):
        bind(host, 0)


def test_bind_to_what_is_no_address() -> None:
    with pytest.raises(StartError, match="; set BIND_HOST to an address, such as"):
        bind("http://a/", 0)


def test_connections_send_what_is_written_at_once() -> None:
    """Where they do not, the second piece of an answer waits 40 ms for the first one's receipt."""
    with contextlib.closing(bind("127.0.0.1", 0)) as sock, socket.create_connection(sock.getsockname()[:2]):
        sock.setblocking(True)
        with sock.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_bind_ipv6() -> None:
    try:
        sock = bind("::1", 0)
    except StartError as error:  # as in many containers
        assert "this machine has no" in str(error)
    else:
        assert sock.family == socket.AF_INET6
        sock.close()


def test_the_panels_port() -> None:
    with contextlib.closing(bind("127.0.0.1", 0)) as public, contextlib.closing(bind("127.0.0.1", 0)) as panel:
        assert Sockets(public, None, 0).panel_port == 0
        assert Sockets(public, panel, 0).panel_port == panel.getsockname()[1]


SCRIPT = "import os, sys, time; {}"


def start_fake_worker(
    monkeypatch: pytest.MonkeyPatch, code: str, stopping: threading.Event | None = None
) -> "subprocess.Popen[bytes]":
    """``start_worker`` with a program of one line in place of run.py."""
    real: Any = subprocess.Popen

    def popen(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        ready = command[command.index("worker") + 2]
        return cast("subprocess.Popen[bytes]", real([sys.executable, "-c", SCRIPT.format(code), ready], **options))

    monkeypatch.setattr(subprocess, "Popen", popen)
    with contextlib.closing(bind("127.0.0.1", 0)) as public:
        read, write = os.pipe()
        try:
            sockets = Sockets(public, None, read, stopping=stopping or threading.Event())
            return supervisor.start_worker(sockets, 0, dict(os.environ))
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


def test_a_worker_that_hangs_at_its_start_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping = threading.Event()
    threading.Timer(0.05, stopping.set).start()
    process = start_fake_worker(monkeypatch, "time.sleep(60)", stopping)
    assert process.poll() is None
    process.kill()
    process.wait()


def test_a_worker_that_cannot_be_started_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with contextlib.closing(bind("127.0.0.1", 0)) as public, pytest.raises(FileNotFoundError):
        supervisor.start_worker(Sockets(public, None, public.fileno()), 0, dict(os.environ))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# ---- prepare and check -----------------------------------------------------------------------------------------------
def put_back(before: tuple[Any, ...]) -> None:
    for number, handler in zip((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), before, strict=True):
        signal.signal(number, handler)


def test_run_ends_with_its_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole supervisor over processes that only live: SIGTERM reaches each of them."""
    starts = Starts()
    monkeypatch.setattr(supervisor, "start_worker", lambda *_: starts())
    monkeypatch.setattr(supervisor, "start_panel", lambda *_: starts())
    before = tuple(map(signal.getsignal, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))

    def end() -> None:
        """Once it hears: until then the signal would be the end of these tests."""
        wait_for(lambda: len(starts.processes) == 3 and signal.getsignal(signal.SIGTERM) != before[0])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end).start()
    settings = Settings(port=0, workers="2", ccx_data_dir=str(tmp_path))
    try:
        assert supervisor.run(settings, {}, lambda: (settings, {})) == 0
    finally:
        put_back(before)
    assert [p.signals for p in starts.processes] == [[signal.SIGTERM]] * 3


def test_run_gives_up_when_a_worker_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = Starts()

    def dead(*_: Any) -> "subprocess.Popen[bytes]":
        process = starts()
        starts.processes[-1].returncode = 1
        return process

    monkeypatch.setattr(supervisor, "start_worker", dead)
    before = tuple(map(signal.getsignal, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
    settings = Settings(port=0, enable_web_ui=False, ccx_data_dir=str(tmp_path))
    try:
        assert supervisor.run(settings, {}, lambda: (settings, {})) == 1
    finally:
        put_back(before)


# ---- reload ----------------------------------------------------------------------------------------------------------
class Reloaded:
    """A gateway over processes that only live; ``settings`` are what a reload finds."""

    def __init__(self, folder: Path, starts: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(supervisor, "start_worker", lambda *_: starts())
        monkeypatch.setattr(supervisor, "start_panel", lambda *_: starts())
        self.meetings, self.expected = Starts(), list[int]()
        monkeypatch.setattr(supervisor, "start_meeting", self.start_meeting)
        self.settings = Settings(port=0, workers="2", ccx_data_dir=str(folder))
        self.folder, self.starts = folder, starts
        self.gateway = supervisor.Gateway(self.settings, {"A": "1"}, lambda: (self.settings, {"A": "2"}))
        assert self.gateway.start()

    def start_meeting(self, sock: socket.socket, alive: int, expects: int, env: Any) -> "subprocess.Popen[bytes]":
        self.expected.append(expects)
        return self.meetings()

    def reload(self, **changes: Any) -> str:
        """What it says."""
        self.settings = replace(self.settings, **changes)
        self.gateway.reload()
        found = find(self.folder)
        assert found
        return found.said

    def signals(self) -> list[list[int]]:
        return [process.signals for process in self.starts.processes]


@pytest.fixture
def reloaded(tmp_path: Path, starts: Starts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reloaded]:
    made = Reloaded(tmp_path, starts, monkeypatch)
    yield made
    stop(made.gateway.children, 0, made.gateway.alive)
    made.gateway.leave()
    assert made.gateway.meeting and not made.gateway.meeting.exists()


def test_a_reload_renews_each_process_and_its_surroundings(reloaded: Reloaded) -> None:
    before = dict(reloaded.gateway.env)
    assert reloaded.reload() == ""
    assert reloaded.signals() == [[signal.SIGHUP], [signal.SIGHUP], [signal.SIGTERM], [], [], []]
    now = reloaded.gateway.env
    assert (before["A"], now["A"]) == ("1", "2") and now["CCX_BOOT_ID"] != before["CCX_BOOT_ID"]
    assert now["CCX_PANEL_SECRET"] == before["CCX_PANEL_SECRET"], "old workers reach the new panel"


def test_a_reload_with_a_worker_that_dies_keeps_the_old_ones(reloaded: Reloaded) -> None:
    def dead() -> "subprocess.Popen[bytes]":
        process = reloaded.starts()
        reloaded.starts.processes[-1].returncode = 1
        return process

    reloaded.gateway.children[0].start = dead
    assert reloaded.reload() == "worker 0 does not start with it, the old one goes on"
    assert reloaded.signals() == [[], [], [], []] and reloaded.gateway.children[0].alive


@pytest.mark.parametrize(
    "error",
    [
        ConfigErrors([Problem("PORT", "must be a whole number")]),
        StoreError("a newer CCX wrote it"),
        PermissionError(errno.EACCES, "no access", ".env"),
    ],
)
def test_a_reload_with_settings_that_mean_nothing(reloaded: Reloaded, error: Exception) -> None:
    def broken() -> tuple[Settings, dict[str, str]]:
        raise error

    reloaded.gateway.again = broken
    words = error.words if isinstance(error, ConfigErrors) else str(error)
    assert reloaded.reload() == words
    assert reloaded.signals() == [[], [], []]


def test_a_process_that_died_gets_nothing_of_a_reload_that_failed(reloaded: Reloaded) -> None:
    """Else it would fail as the reload did, and not come back."""

    def refused() -> "subprocess.Popen[bytes]":
        raise OSError(errno.EAGAIN, "no process is left")

    first = reloaded.gateway.children[0]
    first.start = refused
    assert "no process is left" in reloaded.reload(log_level="debug")
    assert reloaded.gateway.env["A"] == "1" and reloaded.gateway.settings.log_level == "info"
    first.start = reloaded.starts
    assert reloaded.reload() == "" and reloaded.gateway.env["A"] == "2"


def test_its_lines_are_objects_where_the_log_has_them(reloaded: Reloaded, capsys: pytest.CaptureFixture[str]) -> None:
    reloaded.gateway.settings = replace(reloaded.gateway.settings, log_format="json")
    for child in reloaded.gateway.children:
        child.say("worker 0 ended with -9 after 3 s")
    reloaded.gateway.told("")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {(line["process"], line["level"]) for line in lines} == {("supervisor", "error"), ("supervisor", "info")}
    assert lines[-1]["message"] == "reloaded" and "time" in lines[-1]


def test_what_a_reload_cannot_change_is_said(reloaded: Reloaded) -> None:
    assert reloaded.reload(port=4242, ccx_data_dir="elsewhere") == "PORT, CCX_DATA_DIR: not before the next start"
    assert reloaded.gateway.settings.port == 0


def test_the_meeting_place_stays_through_reloads_and_is_started_again(reloaded: Reloaded) -> None:
    gateway, (place,) = reloaded.gateway, reloaded.meetings.processes
    assert gateway.env["CCX_MEETING"] == str(gateway.meeting) and reloaded.expected == [0]
    assert reloaded.reload() == "" and place.signals == [] and gateway.env["CCX_MEETING"] == str(gateway.meeting)
    place.returncode = -9
    gateway.look(gateway.children[0].born + STEADY + 1)
    assert reloaded.expected == [0, 2], "what the workers have taken is not forgotten"


@pytest.mark.parametrize(
    ("workers", "names"),
    [("1", ["worker 0", "meeting", "panel"]), ("3", ["worker 0", "worker 1", "worker 2", "meeting", "panel"])],
)
def test_as_many_workers_as_the_settings_say(reloaded: Reloaded, workers: str, names: list[str]) -> None:
    assert reloaded.reload(workers=workers) == ""
    assert [child.name for child in reloaded.gateway.children] == names
    assert all(child.alive for child in reloaded.gateway.children)
    assert reloaded.signals()[:2] == [[signal.SIGHUP]] * 2


def test_the_end_ends_also_who_is_leaving(starts: Starts) -> None:
    one = child(starts)
    starts.processes[0].stubborn = True
    assert one.renew()
    read, write = os.pipe()
    assert stop([one], 0.0, write) == 0
    assert [p.signals for p in starts.processes] == [[signal.SIGHUP, signal.SIGTERM, signal.SIGKILL], [signal.SIGTERM]]
    os.close(read)
