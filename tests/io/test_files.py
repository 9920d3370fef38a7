import errno
import os
import stat
from pathlib import Path

import pytest

from ccx_addons.io import files
from ccx_addons.io.files import cannot, open_to_all, write_atomically


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
    with pytest.raises(OSError, match=f"No space.*{path}"):
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


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "; it must be this user's: mkdir -p {0}/gone && chown -R {1} {0}/gone"),
        (errno.EPERM, "; it must be this user's: mkdir -p {0}/gone && chown -R {1} {0}/gone"),
        (errno.EROFS, "; name a place that can be written (CCX_CONFIG, CCX_ENV_FILE, CCX_DATA_DIR), or mount it so"),
        (errno.ENOSPC, "; make room: df -h {0}/gone"),
        (errno.ENOTDIR, ""),
    ],
)
def test_what_cannot_be_written_says_what_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    monkeypatch.setattr(files, "CONTAINERS", ())
    path = tmp_path / "gone" / "file"
    line = cannot(path, OSError(code, os.strerror(code), str(path)))
    assert line == f"{path}: {os.strerror(code)}" + words.format(tmp_path, f"{os.getuid()}:{os.getgid()}")


def test_what_is_there_is_given_away_itself_and_never_a_folder_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CONTAINERS", ())
    denied = PermissionError(errno.EACCES, "no")
    assert cannot(tmp_path, denied).endswith(f"chown -R {os.getuid()}:{os.getgid()} {tmp_path}")
    assert "chown" not in cannot("/etc/no-such-ccx.yaml", denied)


def test_a_folder_that_cannot_be_made_is_told_by_the_files_own_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wanted = tmp_path / "file" / "ccx.yaml"
    with pytest.raises(OSError) as caught:
        write_atomically(wanted, "x")
    assert caught.value.filename == str(wanted)


def test_in_a_container_the_folder_is_the_one_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mark").touch()
    monkeypatch.setattr(files, "CONTAINERS", (str(tmp_path / "mark"),))
    line = cannot("/app/no-such-folder/.env", PermissionError(errno.EACCES, "no"))
    assert f"chown -R {os.getuid()}:{os.getgid()} the folder that is mounted as /app/no-such-folder" in line
