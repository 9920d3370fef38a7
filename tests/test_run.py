import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ccx_addons.processes.supervisor import ROOT
from tests.patience import PATIENCE


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--help"], "run.py mitmweb"), (["check", "--help"], "run.py check")]
)
def test_the_checkouts_own_program_runs_from_anywhere(tmp_path: Path, arguments: list[str], words: str) -> None:
    command = [sys.executable, str(ROOT / "run.py"), *arguments]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 0 and words in ended.stdout


def test_who_reads_no_further_ends_it_without_a_word() -> None:
    """``run.py flows | head``."""
    read, write = os.pipe()
    os.close(read)
    try:
        status, words = ended(write)
    finally:
        os.close(write)
    assert (status, words) == (128 + signal.SIGPIPE, "")


def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        assert ended(full.fileno()) == (1, f"ccx: {os.strerror(errno.ENOSPC)}\n")


def ended(stdout: int) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "where"],
        stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    return done.returncode, done.stderr
