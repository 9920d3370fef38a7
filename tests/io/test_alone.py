import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccx_addons.core.errors import StoreError
from ccx_addons.io.alone import NAME, alone


def test_the_second_is_told_who_the_first_is(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with alone(folder):
        assert (folder / NAME).read_text() == f"{os.getpid()}\n"
        with pytest.raises(StoreError, match=rf"already runs on {folder} \(process {os.getpid()}\)"), alone(folder):
            pass
    with alone(folder):
        pass


def test_who_was_killed_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from ccx_addons.io.alone import alone\n"
        "with alone(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=30).returncode == -9
    with alone(tmp_path):
        pass
