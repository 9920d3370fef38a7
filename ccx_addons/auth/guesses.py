"""Wrong access keys, counted for all workers together: who guesses is not let off by reaching another one."""

import hashlib
import time
from typing import Final

from ccx_addons.core.lock_out import DIGEST_SIZE, LockOut, network_of
from ccx_addons.io.meeting import Meeting

MAX_FAILURES: Final = 10
FAILURE_WINDOW: Final = 60.0
"""Seconds."""


class Guesses:
    """``topic``: whose keys are guessed. ``secret``: of all workers that hear of each other, and of nobody else."""

    def __init__(self, topic: str, meeting: Meeting, secret: str) -> None:
        salt = hashlib.blake2b(secret.encode(), digest_size=16, person=b"guesses").digest()
        self.lock_out = LockOut(MAX_FAILURES, FAILURE_WINDOW, salt=salt)
        self.topic, self.meeting = topic, meeting
        meeting.listen(topic, self.hear)

    def wait(self, address: str) -> float:
        """Seconds until the address may try again; 0: now."""
        return self.lock_out.wait(address, time.monotonic())

    def failed(self, address: str, key: str) -> bool:
        """Count a wrong key. False: the address has sent it before."""
        now = time.monotonic()
        shut = self.lock_out.wait(address, now) > 0
        new = self.lock_out.failed(address, key, now)
        if new and not shut:
            self.meeting.tell(self.topic, network_of(address), self.lock_out.digest(key).hex())
        return new

    def forget(self, address: str) -> None:
        """Somebody there proved right."""
        if self.lock_out.forget(address):
            self.meeting.tell(self.topic, network_of(address), "")

    def hear(self, network: str, digest: str) -> None:
        known = bytes.fromhex(digest)
        if not known:
            self.lock_out.forget(network)
        elif len(known) == DIGEST_SIZE:
            self.lock_out.heard(network, known, time.monotonic())
