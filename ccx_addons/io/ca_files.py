"""Files of certificates: whether a channel's ``ca_file`` can be used, without which it cannot connect, and the pair of
the public port, without which nothing starts."""

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


def pair_problem(cert_file: str, key_file: str) -> Problem | None:
    """Why HTTPS cannot be served with them. ``key_file``: empty, where the other has both."""
    for name, file in (("TLS_CERT_FILE", cert_file), ("TLS_KEY_FILE", key_file)):
        try:
            if file:
                Path(file).read_bytes()
        except OSError as error:
            return Problem(name, f"{file} cannot be read: {error.strerror}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file or None, password="")
    except (ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            return Problem("TLS_KEY_FILE" if key_file else "TLS_CERT_FILE", "has the key of another certificate")
        files = f"{cert_file} and {key_file} have" if key_file else f"{cert_file} has"
        words = f"{files} no certificate chain and private key in PEM form, without a password"
        return Problem("TLS_CERT_FILE", words)
    return None
