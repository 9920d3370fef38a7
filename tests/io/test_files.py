import errno
import os
import stat
from pathlib import Path

import pytest

from ccx_addons.io.files import open_to_all, write_atomically


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ccx.yaml"
    write_atomically(path, "a: 1\n")
    assert path.read_text() == "a: 1\n" and mode(path) == 0o600 and mode(path.parent) == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["ccx.yaml"]


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o660, 0o644])
def test_an_old_file_keeps_its_mode(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "ccx.yaml"
    path.write_text("old\n")
    path.chmod(bits)
    write_atomically(path, "new\n")
    assert (path.read_text(), mode(path)) == ("new\n", bits)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "ccx.yaml", tmp_path / "config" / "ccx.yaml"
    real.parent.mkdir()
    link.parent.mkdir()
    real.write_text("old\n")
    real.chmod(0o640)
    link.symlink_to("../dotfiles/ccx.yaml")
    write_atomically(link, "new\n")
    assert link.is_symlink() and (real.read_text(), mode(real)) == ("new\n", 0o640)
    assert [p.name for p in (*real.parent.iterdir(), *link.parent.iterdir())] == ["ccx.yaml", "ccx.yaml"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ccx.yaml"
    write_atomically(path, "old\n")

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new\n")
    assert path.read_text() == "old\n" and [p.name for p in tmp_path.iterdir()] == ["ccx.yaml"]


@pytest.mark.parametrize(("code", "written"), [(errno.EBUSY, True), (errno.EACCES, False)])
def test_a_file_that_is_a_mount_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, written: bool
) -> None:
    path = tmp_path / "ccx.yaml"
    path.write_text("old and long\n")

    def refused(self: Path, target: Path) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(Path, "replace", refused)
    if written:
        write_atomically(path, "new\n")
    else:
        with pytest.raises(OSError, match="no"):
            write_atomically(path, "new\n")
    assert path.read_text() == ("new\n" if written else "old and long\n")
    assert [p.name for p in tmp_path.iterdir()] == ["ccx.yaml"]


@pytest.mark.parametrize(("bits", "warned"), [(0o600, False), (0o640, False), (0o604, True), (0o644, True)])
def test_who_can_read_secrets(tmp_path: Path, bits: int, warned: bool) -> None:
    path = tmp_path / ".env"
    path.write_text("KEY=x\n")
    path.chmod(bits)
    assert [str(path) in words for words in open_to_all([path, tmp_path / "none"])] == [True] * warned
