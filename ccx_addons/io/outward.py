"""The way out, as the environment of the process says: proxies, and certificates that are trusted beside the usual.

A channel's own ``proxy`` and ``ca_file`` come first; ``proxy: none`` means no proxy at all. This machine itself is
never asked through a proxy. Names as curl, Python and Go read them: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and
``NO_PROXY`` (hosts, ``.domains``, networks, each with a port or without), in small letters too, and ``SSL_CERT_FILE``,
``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``.
"""

import ipaddress
import logging
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final
from urllib.parse import unquote, urlsplit

import certifi

from ccx_addons.core.confidential import login_of, url_secrets
from ccx_addons.core.config import DIRECT, PROXY_SCHEMES, Channel
from ccx_addons.core.urls import host_port, is_local, url_problem

log: Final = logging.getLogger(__name__)

PROXIES: Final[Mapping[str, tuple[str, ...]]] = {
    "https": ("HTTPS_PROXY", "ALL_PROXY"),
    "http": ("HTTP_PROXY", "ALL_PROXY"),
}
"""Scheme of a base URL -> the variables that name its proxy; the first that is set counts."""
CERTIFICATES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

OWN_ISSUER: Final = "an issuer of your own or of your network is named in the channel's ca_file or in SSL_CERT_FILE"
HINTS: Final[Mapping[str, str]] = {
    "local issuer certificate": OWN_ISSUER,
    "self-signed certificate": OWN_ISSUER,
    "not yet valid": "is this machine's clock right?",
    "WRONG_VERSION_NUMBER": "it speaks no TLS: is it http?",
    "PROTOCOL_VERSION": "it knows no TLS 1.2",
    "UNSUPPORTED_PROTOCOL": "it knows no TLS 1.2",
    "HANDSHAKE_FAILURE": "it knows no TLS 1.2, none of its ciphers, or not this name",
    "UNRECOGNIZED_NAME": "it does not know this name",
    "CERTIFICATE_REQUIRED": "it wants a certificate of its clients, and the gateway has none",
}
"""Part of what OpenSSL says -> what is meant."""


@dataclass(frozen=True, slots=True)
class Environment:
    """``proxies``: by the scheme of what is asked; ``direct``: what is asked without one."""

    proxies: Mapping[str, str]
    direct: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Environment":
        proxies = {}
        for scheme, names in PROXIES.items():
            name, value = next(((name, value) for name in names if (value := _either(environ, name))), ("", ""))
            url = value if "://" in value else f"http://{value}"
            if value and (wrong := url_problem(url, PROXY_SCHEMES)):
                log.warning("%s %s; it is not used", name, wrong)
            elif value:
                proxies[scheme] = url
        direct = tuple(_either(environ, "NO_PROXY").lower().replace(",", " ").split())
        found = dict.fromkeys(value for name in CERTIFICATES if (value := environ.get(name, "").strip()))
        return cls(proxies, direct, tuple(found))

    def proxy_for(self, base_url: str) -> str | None:
        proxy = self.proxies.get(base_url.partition("://")[0].lower())
        if proxy is None:
            return None
        host, port = host_port(base_url)
        return None if is_local(host) or any(_covers(entry, host, port) for entry in self.direct) else proxy

    def secrets(self) -> Iterator[str]:
        for proxy in self.proxies.values():
            for secret in url_secrets(proxy):
                yield from dict.fromkeys((secret, unquote(secret)))
            yield from login_of(proxy)


def _either(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name.lower(), "").strip() or environ.get(name, "").strip()


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY means this host."""
    if entry == "*":
        return True
    name = entry
    if "/" in entry:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    if not _is_address(entry):
        try:
            parts = urlsplit(f"//{entry}")
            name, only = parts.hostname or "", parts.port
        except ValueError:
            return False
        if only not in (None, port):
            return False
    name = name.strip("[]").removeprefix("*").removeprefix(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@cache
def environment() -> Environment:
    """Of this process, read once."""
    return Environment.of(os.environ)


def proxy_of(channel: Channel, base_url: str) -> str | None:
    """The proxy through which a channel's upstream is asked; None: straight."""
    if channel.proxy:
        return None if channel.proxy == DIRECT else channel.proxy
    return _outside(base_url)


@lru_cache(1024)
def _outside(base_url: str) -> str | None:
    return environment().proxy_for(base_url)


def trust(context: ssl.SSLContext, ca_file: str | None) -> None:
    """Fills a context: with a channel's own file alone, or the Mozilla list of certifi and the environment's files.
    Raises OSError or ssl.SSLError where the channel's file cannot be used."""
    context.load_verify_locations(ca_file or certifi.where())
    for file in () if ca_file else environment().certificates:
        try:
            context.load_verify_locations(file)
        except (OSError, ssl.SSLError) as error:
            log.warning("the certificates of %s are not used: %s", file, error.strerror or error)


def tls_words(error: ssl.SSLError) -> str:
    """Why there is no secure connection, and what mends it."""
    said = getattr(error, "verify_message", "")
    words = f"the certificate is not accepted: {said}" if said else str(error)
    hint = next((hint for part, hint in HINTS.items() if part in f"{said} {error.reason}"), "")
    return f"{words}; {hint}" if hint else words


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """For what the gateway asks by itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust(context, ca_file)
    return context
