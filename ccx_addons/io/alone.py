"""One gateway for one data folder: a lock that the kernel releases with the process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ccx_addons.core.errors import StoreError

NAME: Final = "ccx.pid"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the folder; the file in it names the process. Raises StoreError when another one holds it, OSError when
    nothing can be written there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 20, 0).decode(errors="replace").strip() or "unknown"
            raise StoreError(
                f"a gateway already runs on {folder} (process {holder}): stop it, or give this one its own CCX_DATA_DIR"
            ) from None
        os.truncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)
