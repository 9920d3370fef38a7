"""Gets pictures that a request names by address, for upstreams that take only the picture itself.

The addresses come from clients, so they may lead nowhere that the gateway's own network would show: http and https,
public addresses only (checked after the look-up, and the connection goes to the very address that was checked), also
after redirects. The hosts of the channel's own base URLs are trusted, since requests go there anyway.
"""

import asyncio
import base64
import functools
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

from ccx_addons.core.config import Channel
from ccx_addons.core.errors import CcxError
from ccx_addons.core.neutral import Loss, Media
from ccx_addons.core.urls import host_port

MAX_SIZE: Final = 20 << 20
"""Bytes of one picture."""
TIMEOUT: Final = 10.0
"""Seconds for one picture, redirects included."""
MAX_REDIRECTS: Final = 3
AT_ONCE: Final = 4

NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchRefused(CcxError):
    """The picture is not there, or must not be fetched. The message is safe to show."""


async def pictures(urls: Iterable[str], channel: Channel) -> tuple[dict[str, Media], list[Loss]]:
    """What could be fetched, by address; for every other one a loss that says why."""
    own = frozenset(host_port(base_url)[0] for base_url in channel.base_urls)
    gate = asyncio.Semaphore(AT_ONCE)
    found: dict[str, Media] = {}
    losses: list[Loss] = []

    async def get(client: httpx.AsyncClient, url: str) -> None:
        try:
            async with gate:
                found[url] = await fetch(client, url, own)
        except FetchRefused as refused:
            losses.append(Loss("image_url", str(refused)))

    wanted = list(dict.fromkeys(urls))
    if wanted:
        async with httpx.AsyncClient(verify=_tls(), proxy=channel.proxy, timeout=TIMEOUT, trust_env=False) as client:
            await asyncio.gather(*(get(client, url) for url in wanted))
    return found, losses


async def fetch(client: httpx.AsyncClient, url: str, own: frozenset[str] = frozenset()) -> Media:
    """One picture. ``own``: host names that may have a private address. Raises FetchRefused."""
    try:
        async with asyncio.timeout(TIMEOUT):
            for _ in range(MAX_REDIRECTS + 1):
                answer = await _get(client, url, own)
                if isinstance(answer, Media):
                    return answer
                url = urljoin(url, answer)
    except TimeoutError:
        raise FetchRefused(f"the picture did not come within {TIMEOUT:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise FetchRefused(f"the picture could not be fetched: {type(error).__name__}") from None
    raise FetchRefused("the picture's address redirects too often")


async def _get(client: httpx.AsyncClient, url: str, own: frozenset[str]) -> Media | str:
    """The picture, or where it has gone."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise FetchRefused("the picture's address is not a URL") from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise FetchRefused("the picture's address is not a plain http or https URL")
    address = await _address(host, port or (443 if parts.scheme == "https" else 80), host in own)
    literal = f"[{address}]" if address.version == 6 else str(address)
    netloc = literal if port is None else f"{literal}:{port}"
    request = client.build_request(
        "GET",
        parts._replace(netloc=netloc, fragment="").geturl(),
        headers={"host": parts.netloc, "accept": "image/*", "accept-encoding": "identity", "user-agent": "ccx"},
        extensions={"sni_hostname": host},
    )
    answer = await client.send(request, stream=True)
    try:
        if answer.has_redirect_location:
            return answer.headers["location"]
        return await _picture(answer)
    finally:
        await answer.aclose()


async def _picture(answer: httpx.Response) -> Media:
    if answer.status_code != 200:
        raise FetchRefused(f"the picture's address answers {answer.status_code}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise FetchRefused("the picture came in an encoding that was not asked for")
    mime = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not mime.startswith("image/"):
        raise FetchRefused("what stands at the picture's address is no picture")
    data = bytearray()
    async for chunk in answer.aiter_raw():
        data += chunk
        if len(data) > MAX_SIZE:
            raise FetchRefused(f"the picture is larger than {MAX_SIZE >> 20} MB")
    return Media(mime, data=base64.b64encode(data).decode())


async def _address(host: str, port: int, trusted: bool) -> Address:
    """The address to connect to. Raises FetchRefused where any address of the name is not public."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise FetchRefused("the picture's host is unknown") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses:
        raise FetchRefused("the picture's host is unknown")
    if not trusted and not all(map(is_public, addresses)):
        raise FetchRefused("the picture's host is not on the public internet")
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether an address belongs to the internet at large; addresses that wrap an IPv4 one count as that."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(address.packed[12:])
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


@functools.cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than most pictures."""
    return httpx.create_ssl_context(trust_env=False)
