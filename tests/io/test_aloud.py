import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccx_addons.io import aloud
from ccx_addons.io.aloud import Aloud
from tests.patience import wait_for


@pytest.fixture
def pipe() -> Iterator[tuple[int, Aloud]]:
    """Where it is read, and who speaks into it."""
    read, write = os.pipe()
    stream = os.fdopen(write, "w", encoding="ascii")
    yield read, Aloud(stream)
    stream.close()


def test_lines_come_whole_and_in_order(pipe: tuple[int, Aloud]) -> None:
    read, out = pipe
    for number in range(50):
        print("line", number, file=out)
    out.flush()
    assert os.read(read, 10_000).decode().splitlines() == [f"line {number}" for number in range(50)]
    print("no end", end="", file=out, flush=True)
    assert os.read(read, 100) == b"no end"
    print("ü", file=out, flush=True)
    assert os.read(read, 100) == rb"\xfc" + b"\n", "what the place has no letter for stops nobody"
    assert not out.isatty() and out.fileno() == out.stream.fileno()
    os.close(read)


def test_nobody_hears_it(pipe: tuple[int, Aloud]) -> None:
    read, out = pipe
    os.close(read)
    print("lost", file=out, flush=True)
    with Path("/dev/full").open("w") as full:
        print("lost", file=Aloud(full), flush=True)


def test_who_does_not_listen_holds_nobody_up(pipe: tuple[int, Aloud], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aloud, "FAREWELL", 0.01)
    read, out = pipe
    print("x" * 300_000, file=out, flush=True)  # more than a pipe holds
    taken = 0
    while taken < 300_001:
        taken += len(os.read(read, 65_536))
    print("later", file=out, flush=True)
    wait_for(lambda: os.read(read, 100) == b"later\n")
    os.close(read)


def test_all_that_a_process_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, sys.__dict__[f"__{name}__"])
    before = threading.active_count()
    aloud.use()
    assert isinstance(sys.stdout, Aloud) and isinstance(sys.stderr, Aloud) and threading.active_count() == before + 2
