import os
import subprocess
import sys

import pytest

from ccx_addons.processes.supervisor import ROOT
from tests.patience import PATIENCE


@pytest.mark.parametrize(("word", "numbers"), [("worker", 6), ("panel", 2)])
def test_a_process_without_its_supervisor_ends(word: str, numbers: int) -> None:
    """Not one that serves without anybody who looks after it."""
    command = [sys.executable, "-P", "-m", "ccx_addons", word, *["-1"] * (numbers - 1)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode != 0
