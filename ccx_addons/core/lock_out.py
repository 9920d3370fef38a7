"""Who guesses keys is told to wait, whatever wrong key comes next. Times are seconds and arguments.

Different wrong keys are counted, not requests: a program that repeats one old key is no guesser. The right key is never
shut out, so that nobody can shut out a neighbour behind the same address; what keeps guesses from being right is the
length of the keys.
"""

import hashlib
import ipaddress
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

MAX_ADDRESSES: Final = 10_000
DIGEST_SIZE: Final = 16
"""Bytes of a key's hash."""


@dataclass(slots=True)
class LockOut:
    """``most`` different wrong keys within ``window`` seconds close an address until no new one came for as long.

    An IPv6 address counts as its /64 network: one guest has the whole of it. Where a clock was set back, what lies in
    the future shuts nobody out.
    """

    most: int
    window: float
    failures: OrderedDict[str, deque[tuple[bytes, float]]] = field(default_factory=OrderedDict)
    """Network -> its last wrong keys, hashed, and when each came first. The network that failed last comes last; the
    first ones are forgotten when there are too many."""
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)

    def wait(self, address: str, now: float) -> float:
        """Seconds until the address may try again; 0: now."""
        found = self.failures.get(network_of(address)) if self.failures else None
        if found is None or len(found) < self.most:
            return 0.0
        left = found[-1][1] + self.window - now
        return 0.0 if left > 2 * self.window else max(0.0, left)

    def failed(self, address: str, key: str, now: float) -> bool:
        """Count a wrong key. False: the address has sent it before."""
        return self.heard(network_of(address), self.digest(key), now)

    def heard(self, network: str, digest: bytes, now: float) -> bool:
        """The same, of a key that another worker has seen."""
        found = self.failures.setdefault(network, deque(maxlen=self.most))
        self.failures.move_to_end(network)
        if len(self.failures) > MAX_ADDRESSES:
            self.failures.popitem(last=False)
        while found and abs(now - found[0][1]) > self.window:
            found.popleft()
        if any(known == digest for known, _ in found):
            return False
        found.append((digest, now))
        return True

    def forget(self, address: str) -> bool:
        """Somebody there proved right. False: there was nothing to forget."""
        return bool(self.failures) and self.failures.pop(network_of(address), None) is not None

    def digest(self, key: str) -> bytes:
        return hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=DIGEST_SIZE, key=self.salt).digest()


def network_of(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
