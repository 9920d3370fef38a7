"""A URL that leads to the very address that was checked: what a name means may change between the look and the request.

For what others name (pictures of clients) or what may be no way into the own network (webhooks).
"""

import ipaddress
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ccx_addons.core.addresses import is_public
from ccx_addons.core.errors import CcxError


class Refused(CcxError):
    """A host that must not be asked. The text says what it is, and names no part of the address."""


class Pinned(NamedTuple):
    """``more``: what httpx needs so that the name stays what is asked for, in the head and towards the certificate."""

    url: str
    more: dict[str, Any]


def pinned(url: str, addresses: Iterable[str], private: bool = False) -> Pinned:
    """``addresses``: all that the host's name has. ``private``: they may be of the own network. Raises Refused."""
    parts = urlsplit(url)
    found = [ipaddress.ip_address(address.partition("%")[0]) for address in addresses]
    if not found:
        raise Refused("is unknown")
    if not private and not all(map(is_public, found)):
        raise Refused("is not on the public internet")
    login, at, named = parts.netloc.rpartition("@")
    address = f"[{found[0]}]" if found[0].version == 6 else str(found[0])
    place = address if parts.port is None else f"{address}:{parts.port}"
    more = {"headers": {"host": named}, "extensions": {"sni_hostname": parts.hostname or ""}}
    return Pinned(parts._replace(netloc=f"{login}{at}{place}", fragment="").geturl(), more)
