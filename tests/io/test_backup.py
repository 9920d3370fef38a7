import io
import stat
import tarfile
import time
from pathlib import Path

import pytest

from ccx_addons.core.errors import ConfigErrors, StoreError
from ccx_addons.io.backup import Files, backup, problems, restore
from ccx_addons.io.store import Store
from tests.admin import seed


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "config").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "config" / "ccx.yaml").write_text("version: 1\n")
    (tmp_path / "config" / ".env").write_text("PORT=1\n")
    return Files(tmp_path / "data" / "ccx.db", tmp_path / "config" / "ccx.yaml", tmp_path / "config" / ".env")


def packed(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_there_and_back_while_rows_are_written(files: Files, tmp_path: Path) -> None:
    store = Store.open(files.database, boot_id="one", worker=-1)
    seed.fill(store, 50, time.time())
    assert store.flush()
    count = store.read("SELECT count(*) FROM requests")
    target = tmp_path / "copy.tar.gz"
    assert backup(files, target) == [".env", "ccx.db", "ccx.yaml"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    seed.fill(store, 20, time.time())
    store.close()
    files.config.write_text("version: 1\nclients: []\n")
    files.env.unlink()
    assert restore(files, target) == [".env", "ccx.db", "ccx.yaml"]
    assert files.config.read_text() == "version: 1\n" and files.env.read_text() == "PORT=1\n"
    again = Store.open(files.database, boot_id="two", worker=-1)
    assert again.read("SELECT count(*) FROM requests") == count and problems(files.database) == ("", True)
    again.close()
    assert not [*tmp_path.rglob(".ccx-backup-*")]


def test_what_is_not_there_is_not_in_it(files: Files, tmp_path: Path) -> None:
    files.env.unlink()
    assert backup(files, tmp_path / "copy") == ["ccx.yaml"]
    assert restore(files, tmp_path / "copy") == ["ccx.yaml"] and not files.database.exists()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"passwd": b"x"}, "it has 'passwd' in it"),
        ({"_env": b"A=1\n", "ccx_db": b"no database at all, but long enough to be looked at" * 40}, "cannot be read"),
        ({"ccx_yaml": b"version: [\n", "_env": b"A=1\n"}, "is not valid YAML"),
        ({}, "is empty"),
    ],
    ids=["strange", "database", "configuration", "empty"],
)
def test_nothing_is_changed_by_what_is_not_sound(
    files: Files, tmp_path: Path, members: dict[str, bytes], words: str
) -> None:
    with pytest.raises((StoreError, ConfigErrors), match=words):
        restore(files, packed(tmp_path / "bad", **members))
    assert files.env.read_text() == "PORT=1\n" and not files.database.exists()


def test_half_a_backup_is_none(files: Files, tmp_path: Path) -> None:
    backup(files, tmp_path / "copy")
    (tmp_path / "half").write_bytes((tmp_path / "copy").read_bytes()[:60])
    with pytest.raises(StoreError, match="not a whole one"):
        restore(files, tmp_path / "half")


def test_a_link_in_it_is_not_followed(files: Files, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad", "w:gz") as tar:
        link = tarfile.TarInfo("ccx.yaml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(StoreError, match="is no backup"):
        restore(files, tmp_path / "bad")
