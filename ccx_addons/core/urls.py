"""Base URLs of channels: one rule for every protocol.

``https://api.example.com`` gets the protocol's default version, ``https://api.example.com/v4`` keeps its own, and a
trailing ``#`` means: exactly this, add no version.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

VERSION: Final = re.compile(r"/v\d+[a-z]*\d*$")
CLIMBS: Final = re.compile(r"(?:^|[/\\]|%(?:2f|5c))(?:\.|%2e){1,2}(?:$|[/\\;]|%(?:2f|5c))", re.IGNORECASE)
TAIL: Final = re.compile(r"(?<![\s/#])[\s/#]+\Z")
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})


def join(base_url: str, default_version: str, path: str) -> str:
    """The request URL. ``path`` begins with ``/`` and may have a query."""
    exact = base_url.endswith("#")
    base = base_url.rstrip("#").rstrip("/")
    if exact or VERSION.search(base):
        return base + path
    return f"{base}/{default_version}{path}"


def climbs(path: str) -> bool:
    """Whether a path has ``.`` or ``..`` as a segment, however it is written: some server behind would resolve it."""
    return CLIMBS.search(path) is not None


def without_version(base_url: str) -> str:
    """The base URL as another protocol would have it: each has its own version segment (``v1``, ``v1beta``)."""
    base = base_url.rstrip("/")
    return base if base_url.endswith("#") else VERSION.sub("", base)


def canonical(base_url: str) -> str:
    """Trimmed as it is stored and compared."""
    url = base_url.lstrip()
    trimmed = TAIL.sub("", url)
    return trimmed + ("#" if "#" in url[len(trimmed) :] else "")


def url_problem(url: str, schemes: frozenset[str] = frozenset({"http", "https"}), user: bool = True) -> str:
    """What is wrong with a URL; empty: nothing. ``user``: it may name a user and password. Never repeats a part."""
    try:
        parts = urlsplit(url.rstrip("#"))
        port = parts.port
    except ValueError:
        return "is not a URL: its host or port cannot be read"
    if parts.scheme not in schemes:
        return f"must begin with {' or '.join(f'{s}://' for s in sorted(schemes))}"
    if not parts.hostname or any(c.isspace() for c in url) or not url.isprintable():
        return "has no host name"
    if not url.isascii():
        return "must be ASCII: a host with other letters begins with xn--, in a path they are written as %XX"
    if "@" in parts.netloc and not user:
        return "must not have a user name or password: keys go under keys"
    if port == 0:
        return "has the port 0"
    if parts.query or parts.fragment:
        return "must not have a query or fragment"
    return ""


def host_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url.rstrip("#"))
    return (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def points_at(url: str, own: tuple[tuple[str, int], ...]) -> bool:
    """Whether a base URL is one of the gateway's own addresses: that would loop."""
    host, port = host_port(url)
    return any(
        port == own_port and (host == own_host or (_is_local(host) and own_host in LOOPBACK))
        for own_host, own_port in own
    )


def _is_local(host: str) -> bool:
    """Whether the name or address is this machine's own, whatever it is called."""
    name = host.rstrip(".")
    if name in LOOPBACK or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)
