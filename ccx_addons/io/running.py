"""Which gateway uses a data folder: its process number and how its last reload went, in a file that it keeps locked."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ccx_addons.core.errors import StoreError

NAME: Final = "gateway.json"


@dataclass(frozen=True, slots=True)
class Running:
    """``reloads``: how many have ended; ``said``: what went wrong with the last one, empty: nothing."""

    pid: int
    reloads: int = 0
    said: str = ""


class Place:
    """The lock on a data folder until ``leave``; the kernel releases it with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError when another gateway has it, OSError when nothing can be written there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / NAME
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self.fd)
            found = _read(path)
            who = f"process {found.pid}" if found else "unknown"
            words = f"a gateway already runs on {folder} ({who}): stop it, or give this one its own CCX_DATA_DIR"
            raise StoreError(words) from None
        self.tell(Running(os.getpid()))

    def tell(self, running: Running) -> None:
        words = json.dumps(asdict(running)).encode() + b"\n"
        with contextlib.suppress(OSError):  # a full disk: the lock says what counts
            os.pwrite(self.fd, words, 0)  # the rest is of longer words before

    def leave(self) -> None:
        os.close(self.fd)


def find(folder: Path) -> Running | None:
    """The gateway that uses the folder now."""
    path = folder / NAME
    try:
        with _opened(path) as fd:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(path)
    except OSError:
        return None
    return None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _read(path: Path) -> Running | None:
    try:
        return Running(**json.loads(path.read_bytes().partition(b"\n")[0]))
    except (OSError, ValueError, TypeError):
        return None  # it is being written
