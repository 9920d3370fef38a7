"""Files that hold secrets: written whole or not at all, and for nobody else to read."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600


def write_atomically(path: Path, text: str) -> None:
    """The whole new content or the whole old one, also after a crash.

    A new file is private; an old one keeps its mode and owner, and a link to it stays a link. A file that is mounted
    alone (a container's volume) cannot be replaced, and is written over.
    """
    target = path.resolve()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            _like(target, file.fileno())
            file.flush()
            os.fsync(file.fileno())
        try:
            Path(name).replace(target)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            target.write_bytes(text.encode())
            Path(name).unlink()
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _like(old: Path, handle: int) -> None:
    """Mode and owner of the file that is replaced, as far as this process may give them."""
    try:
        found = old.stat()
    except OSError:
        return
    with suppress(OSError):
        os.fchown(handle, found.st_uid, found.st_gid)
    with suppress(OSError):
        os.fchmod(handle, stat.S_IMODE(found.st_mode))


def open_to_all(paths: Iterable[Path]) -> list[str]:
    """A warning for each of these files that every user of the machine can read."""
    return [
        f"{path} holds secrets and can be read by every user of this machine: chmod o-rwx {path}"
        for path in paths
        if _is_open_to_all(path)
    ]


def _is_open_to_all(path: Path) -> bool:
    try:
        return os.name == "posix" and bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
