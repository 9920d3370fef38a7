"""A client's own login at an upstream: Claude Code's, Codex's or Gemini CLI's subscription, or a key of its own.

It comes where clients put it; the gateway's key is then in ``x-ccx-key``. It is handed to channels with ``credential:
client`` as it came, at each request, so that a client renews it as if nobody were in between. It is never written down.
"""

import hashlib
from typing import Final

from mitmproxy import http

from ccx_addons.core.exchange import Headers
from ccx_addons.core.forwarded import LOCAL_NAMES
from ccx_addons.core.header_names import KEY_HEADER, LOGIN
from ccx_addons.core.mask import mask

PASSED_ON: Final = ("forwarded", "via", "x-forwarded-for", "x-real-ip")
"""Headers of proxies: who speaks for somebody else is not on this machine, whatever its address."""


def gateway_keys(headers: Headers) -> list[list[str]]:
    """What may be the gateway's key beside a login, for each place."""
    return [[value.strip()] for name, value in headers if name == KEY_HEADER and value.strip()]


def login_of(headers: Headers) -> Headers:
    """What says who the client is at its upstream, as it came; empty: it has no login."""
    found = tuple(field for field in headers if field[0] in LOGIN)
    return found if any(name in LOGIN[:3] and value.strip() for name, value in found) else ()


def tokens(login: Headers) -> list[str]:
    """Its secrets, without the words before them."""
    return [value.rpartition(" ")[2] for _name, value in login]


def masked(login: Headers) -> str:
    """``sk-a…9f3c login 4be1a2c0``: its mask, and enough of its hash to tell it from others."""
    token = tokens(login)[0]
    return f"{mask(token)} login {hashlib.sha256(token.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def is_from_here(flow: http.HTTPFlow, peer: str) -> bool:
    """Whether a program on this machine asks, and neither a proxy nor a page in a browser."""
    headers = flow.request.headers
    if any(name in headers for name in (*PASSED_ON, "origin", "referer")):
        return False
    name = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
    return peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1") and name.strip("[]") in LOCAL_NAMES
