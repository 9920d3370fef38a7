"""Who guesses keys is shut out for a while, whatever it sends next. Times are seconds and arguments."""

import ipaddress
from collections import OrderedDict, deque
from typing import Final

MAX_ADDRESSES: Final = 10_000


class LockOut:
    """``most`` wrong keys within ``window`` seconds close an address until it was quiet for as long.

    An IPv6 address counts as its /64 network: one guest has the whole of it.
    """

    def __init__(self, most: int, window: float) -> None:
        self.most, self.window = most, window
        self.failures: OrderedDict[str, deque[float]] = OrderedDict()
        """The address that failed last comes last; the first ones are forgotten when there are too many."""

    def wait(self, address: str, now: float) -> float:
        """Seconds until the address may try again; 0: now."""
        times = self.failures.get(network_of(address)) if self.failures else None
        if times is None or len(times) < self.most:
            return 0.0
        return max(0.0, times[-1] + self.window - now)

    def failed(self, address: str, now: float) -> None:
        network = network_of(address)
        times = self.failures.setdefault(network, deque(maxlen=self.most))
        self.failures.move_to_end(network)
        if len(self.failures) > MAX_ADDRESSES:
            self.failures.popitem(last=False)
        while times and now - times[0] > self.window:
            times.popleft()
        times.append(now)

    def forget(self, address: str) -> None:
        self.failures.pop(network_of(address), None)


def network_of(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
