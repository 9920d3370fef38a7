"""What proxies in front of the gateway say about a request, as far as TRUSTED_PROXIES believes them."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Of this machine, in a Host header."""

BASE_PATH: Final = re.compile(r"(?:/[A-Za-z0-9][A-Za-z0-9._~-]*)*", re.ASCII)
"""Where a proxy mounts the gateway: empty, or like ``/ai/ccx``."""
PORT: Final = re.compile(r"\[([^]]+)\](?::\d+)?|([\d.]+):\d+", re.ASCII)
"""An address as some proxies write it (Azure, IIS): with its port."""
HOST: Final = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)
SCHEMES: Final = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks whose words count. None by default: every X-Forwarded header is then a client's own invention."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> Self:
        """Raises ValueError."""
        return cls(tuple(ipaddress.ip_network(network) for network in networks))

    def trust(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address.removeprefix("::ffff:"))
        except ValueError:
            return False
        return any(found in network for network in self.networks)

    def client(self, peer: str, forwarded_for: str) -> str:
        """The address of who asks: the last one in X-Forwarded-For that is no trusted proxy. A list that is not one
        of addresses counts for nothing."""
        peer = peer.removeprefix("::ffff:")  # IPv4 on a socket for both
        if not forwarded_for or not self.networks:
            return peer
        for hop in (peer, *reversed([without_port(part.strip()) for part in forwarded_for.split(",")])):
            try:
                ipaddress.ip_address(hop)
            except ValueError:
                return peer
            if not self.trust(hop):
                return hop
        return peer

    def scheme(self, peer: str, ours: str, forwarded_proto: str) -> str:
        """How the browser came. ``ours``: how the connection to us does."""
        return SCHEMES.get(last(forwarded_proto).lower(), ours) if self.trust(peer) else ours

    def host(self, peer: str, ours: str, forwarded_host: str) -> str:
        """The host, and port, that the browser asked for. ``ours``: what the request says itself."""
        told = last(forwarded_host)
        return told if self.trust(peer) and HOST.fullmatch(told) else ours

    def prefix(self, peer: str, ours: str, forwarded_prefix: str) -> str:
        """The path below which the browser sees us, without a slash at its end. ``ours``: that of the settings."""
        told = forwarded_prefix.strip().rstrip("/")
        return told if told and self.trust(peer) and BASE_PATH.fullmatch(told) else ours


def below(path: str, prefix: str) -> str:
    """``path`` as it is inside of ``prefix``. A path that does not begin with it has lost it on its way here."""
    if prefix and path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/", "?"):
        left = path[len(prefix) :]
        return left if left.startswith("/") else f"/{left}"
    return path


def without_port(address: str) -> str:
    found = PORT.fullmatch(address)
    return (found[1] or found[2]) if found else address


def last(value: str) -> str:
    """What the proxy next to us wrote: every other word may be the client's own."""
    return value.rpartition(",")[2].strip()
