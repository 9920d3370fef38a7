"""A renewed certificate of the public port is taken by itself: connections from then on are shown the new one."""

import asyncio
import contextlib
import hashlib
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ccx_addons.core.settings import Settings
from ccx_addons.processes.periodic import Periodic
from ccx_addons.proxy.listener import server_tls

log: Final = logging.getLogger("ccx")

EVERY: Final = 10.0
"""Seconds between two looks at the files."""


class Renewal(Periodic):
    def __init__(self, context: ssl.SSLContext, settings: Settings) -> None:
        self.context = context
        self.cert, self.key = settings.tls_cert_file, settings.tls_key_file
        self.seen = self.fingerprint()

    def fingerprint(self) -> str:
        """Of both files; empty: one of them is not to be read now."""
        try:
            parts = [Path(name).read_bytes() for name in (self.cert, self.key) if name]
        except OSError:
            return ""
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def look(self) -> bool:
        """Takes new files, if they fit together. Whether it did."""
        found = self.fingerprint()
        if found in ("", self.seen):
            return False
        try:
            server_tls(self.cert, self.key)  # a context that took half of a pair would be of no use any more
            self.context.load_cert_chain(self.cert, self.key or None, password="")
        except (OSError, ValueError) as error:
            log.warning("%s has changed and cannot be used yet: %s", self.cert, error)
            return False
        self.seen = found
        log.info("%s has changed: connections are shown the new certificate", self.cert)
        return True


@contextlib.contextmanager
def renewing(context: ssl.SSLContext | None, settings: Settings) -> Iterator[None]:
    """Looks at the files meanwhile. ``context`` None: there is no certificate."""
    renewal = Renewal(context, settings) if context else None
    if renewal:
        renewal.begin("looking at the certificate", lambda: asyncio.to_thread(renewal.look), EVERY)
    try:
        yield
    finally:
        if renewal:
            renewal.done()
