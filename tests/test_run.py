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
