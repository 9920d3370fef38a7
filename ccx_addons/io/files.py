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
NOT_ALLOWED: Final = frozenset({errno.EACCES, errno.EPERM})
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
FORESEEN: Final = NOT_ALLOWED | FULL | {errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT}
"""What can be wrong with a place that somebody chose; ``cannot`` has words for it."""
CONTAINERS: Final = ("/.dockerenv", "/run/.containerenv")
"""What Docker and Podman put into a container."""
SHARED: Final = frozenset({"/", "/etc", "/home", "/opt", "/root", "/srv", "/tmp", "/usr", "/var"})


def cannot(path: Path | str, error: OSError) -> str:
    """One line: what is wrong with the file or folder, and what mends it."""
    words = f"{path}: {error.strerror}"
    if error.errno in NOT_ALLOWED:
        return f"{words}; it must be this user's: {_give(Path(path).absolute())}"
    if error.errno == errno.EROFS:
        return f"{words}; name a place that can be written (CCX_CONFIG, CCX_ENV_FILE, CCX_DATA_DIR), or mount it so"
    if error.errno in FULL:
        return f"{words}; make room: df -h {Path(path).absolute().parent}"
    return words


def _give(path: Path) -> str:
    """The command that gives it to this user. Folders of the whole machine are nobody's."""
    owner = f"{os.getuid()}:{os.getgid()}"
    if os.access(path, os.F_OK):
        return f"chown -R {owner} {path}"
    folder = path.parent
    if any(Path(name).exists() for name in CONTAINERS):
        return f"chown -R {owner} the folder that is mounted as {folder}, or mount a named volume there"
    if str(folder) in SHARED:
        return f"choose a folder of its own below {folder}, owned by user {owner}"
    return f"mkdir -p {folder} && chown -R {owner} {folder}"


def write_atomically(path: Path, text: str) -> None:
    """The whole new content or the whole old one, also after a crash.

    A new file is private; an old one keeps its mode and owner, and a link to it stays a link. A file that is mounted
    alone (a container's volume) cannot be replaced, and is written over. Raises OSError with the path.
    """
    try:
        _write(path.resolve(), text)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None


def _write(target: Path, text: str) -> None:
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
