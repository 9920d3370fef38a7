"""A copy of everything that is one gateway's: the database, ccx.yaml and .env in one file, taken while it runs.

The file is a gzipped tar with these names and nothing else. It holds every key, so it is for its owner only.
"""

import contextlib
import gzip
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ccx_addons.core.errors import StoreError
from ccx_addons.io import yaml_file
from ccx_addons.io.database import NEWER, at_most, code_of, newer
from ccx_addons.io.files import PRIVATE, write_atomically

DATABASE: Final = "ccx.db"
CONFIG: Final = "ccx.yaml"
ENV: Final = ".env"
LARGEST_TEXT: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Files:
    """Where the three of them are. What is not there is not in the copy."""

    database: Path
    config: Path
    env: Path

    def texts(self) -> dict[str, Path]:
        return {CONFIG: self.config, ENV: self.env}


def backup(files: Files, target: Path) -> list[str]:
    """Writes ``target`` whole or not at all; the names of what is in it. Raises StoreError, OSError."""
    there = {name: path for name, path in files.texts().items() if path.is_file()}
    with _scratch(target.absolute().parent) as folder:
        if files.database.is_file():
            there[DATABASE] = _copy(files.database, folder / DATABASE)
        packed = folder / "packed"
        packed.touch(PRIVATE)
        with packed.open("wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as tar:
            for name, path in there.items():
                tar.add(path.resolve(), name, recursive=False)
        packed.replace(target)
    return sorted(there)


def restore(files: Files, source: Path) -> list[str]:
    """Puts back what is in the file; the names. Nothing is changed before all of it was found sound.

    The gateway must not run on these files. Raises StoreError, ConfigErrors, OSError.
    """
    files.database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _scratch(files.database.absolute().parent) as folder:
        found = _unpack(source, folder)
        if DATABASE in found:
            _sound(found[DATABASE])
        texts = {name: path.read_text("utf-8") for name, path in found.items() if name != DATABASE}
        if CONFIG in texts:
            yaml_file.load_text(texts[CONFIG])
        if DATABASE in found:
            for ending in ("-wal", "-shm"):  # of the database that goes: it would be played into the new one
                files.database.with_name(files.database.name + ending).unlink(missing_ok=True)
            found[DATABASE].chmod(PRIVATE)
            found[DATABASE].replace(files.database)
        for name, text in texts.items():
            write_atomically(files.texts()[name], text)
    return sorted(found)


def problems(database: Path, most: float = 0.0) -> tuple[str, bool]:
    """What is wrong with a database, empty when nothing was found, and whether all of it was looked at. Reads every
    page, as far as it comes in ``most`` seconds (0: however long it takes); changes nothing."""
    if not database.is_file():
        return "", True
    address = f"{database.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True, check_same_thread=False)) as conn:
            if newer(conn):
                return NEWER, True
            with at_most(conn, most) if most else contextlib.nullcontext():
                words = [str(row[0]) for row in conn.execute("PRAGMA integrity_check(3)")]
            return ("" if words == ["ok"] else "is damaged: " + "; ".join(words)), True
    except sqlite3.Error as error:
        if code_of(error) == sqlite3.SQLITE_INTERRUPT:
            return "", False
        return f"cannot be read: {error}", True


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".ccx-backup-") as name:
        yield Path(name)


def _copy(database: Path, target: Path) -> Path:
    """https://www.sqlite.org/backup.html: one consistent state, while others write."""
    address = f"{database.absolute().as_uri()}?mode=ro"
    target.touch(PRIVATE)
    try:
        with (
            contextlib.closing(sqlite3.connect(address, uri=True, timeout=10)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StoreError(f"{database} cannot be copied: {error}") from error
    return target


def _unpack(source: Path, folder: Path) -> dict[str, Path]:
    """Name -> file, of the three names only. Raises StoreError for anything else."""
    found = {}
    try:
        with tarfile.open(source, "r:gz") as tar:
            for member in tar:
                if member.name not in (DATABASE, CONFIG, ENV) or not member.isfile() or member.name in found:
                    raise StoreError(f"{source} is no backup of CCX: it has {member.name[:100]!r} in it")
                if member.name != DATABASE and member.size > LARGEST_TEXT:
                    raise StoreError(f"{source}: {member.name} is too large")
                tar.extract(member, folder, filter="data")
                found[member.name] = folder / member.name
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise StoreError(f"{source} is no backup of CCX, or not a whole one: {error}") from None
    if not found:
        raise StoreError(f"{source} is empty")
    return found


def _sound(database: Path) -> None:
    words, _ = problems(database)
    if words:
        raise StoreError(f"the database in the backup {words}")
