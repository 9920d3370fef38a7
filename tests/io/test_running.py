import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccx_addons.core.errors import StoreError
from ccx_addons.io.running import NAME, Place, Running, find
from tests.patience import PATIENCE


def test_who_uses_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert find(folder) is None
    place = Place(folder)
    assert find(folder) == Running(os.getpid())
    place.tell(Running(1, 2, "a long story"))
    place.tell(Running(1, 3))
    assert find(folder) == Running(1, 3), "shorter than before"
    assert (folder / NAME).stat().st_mode & 0o777 == 0o600
    place.leave()
    assert find(folder) is None


def test_the_second_is_refused_in_one_line(tmp_path: Path) -> None:
    first = Place(tmp_path)
    with pytest.raises(StoreError) as caught:
        Place(tmp_path)
    words = f"a gateway already runs on {tmp_path} (process {os.getpid()}): "
    assert str(caught.value) == f"{words}stop it, or give this one its own CCX_DATA_DIR"
    first.leave()
    Place(tmp_path).leave()


def test_who_was_killed_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from ccx_addons.io.running import Place\n"
        "Place(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=PATIENCE).returncode == -9
    assert find(tmp_path) is None
    Place(tmp_path).leave()


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(OSError, match="data"):
        Place(tmp_path / "data")


def test_a_file_that_says_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    os.ftruncate(place.fd, 0)
    assert find(tmp_path) is None
    with pytest.raises(StoreError, match="already runs on"):
        Place(tmp_path)
    place.leave()


def test_a_full_disk_refuses_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    place = Place(tmp_path)
    with pytest.raises(StoreError, match="unknown"):
        Place(tmp_path)
    place.leave()
