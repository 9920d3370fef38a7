"""The certificates a channel trusts: whether its ``ca_file`` can be used. A channel without them cannot connect."""

import ssl
from collections.abc import Collection, Mapping
from pathlib import Path

from ccx_addons.core.config import Snapshot
from ccx_addons.core.errors import Problem

type Marks = tuple[tuple[int, int] | None, ...]


def named(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(channel.ca_file for channel in snapshot.channels if channel.ca_file is not None)


def problems(snapshot: Snapshot, lines: Mapping[str, int], known: Collection[str] = ()) -> list[Problem]:
    """Channels whose file cannot be used, but for the files in ``known``."""
    faults = {file: words for file in named(snapshot).difference(known) if (words := _fault(file))}
    named_at = {f"channels[{n}].ca_file": channel.ca_file for n, channel in enumerate(snapshot.channels)}
    return [
        Problem(path, f"{faults[file]}; this channel cannot connect", lines.get(path, 0))
        for path, file in named_at.items()
        if file in faults
    ]


def marks(snapshot: Snapshot) -> Marks:
    """Differ when one of the files did."""
    return tuple(_mark(file) for file in sorted(named(snapshot)))


def _fault(file: str) -> str:
    try:
        if not Path(file).is_file():
            return "there is no such file"
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError:
        return "is not a file of certificates in PEM form"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def _mark(file: str) -> tuple[int, int] | None:
    try:
        found = Path(file).stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size
