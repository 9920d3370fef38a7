import subprocess
import sys

from ccx_addons.processes.supervisor import ROOT
from tests.patience import PATIENCE


def test_the_package_runs_as_a_program() -> None:
    """Without the working folder on the path: nothing there can take a module's place."""
    command = [sys.executable, "-P", "-m", "ccx_addons", "--help"]
    ended = subprocess.run(
        command, cwd="/", env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=PATIENCE
    )
    assert ended.returncode == 0 and ended.stdout.startswith("usage: ccx ")
