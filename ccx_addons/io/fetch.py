"""Gets pictures that a request names by address, for upstreams that take only the picture itself.

The addresses come from clients, so they may lead nowhere that the gateway's own network would show: http and https,
public addresses only (checked after the look-up, and the connection goes to the very address that was checked), also
after redirects. Hosts and ports of the channel's own base URLs are trusted, since requests go there anyway. The
pictures of one request have limits of number, bytes and time together.
"""

import asyncio
import base64
import functools
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

from ccx_addons.core.config import Channel
from ccx_addons.core.errors import CcxError
from ccx_addons.core.neutral import Loss, Media
from ccx_addons.core.urls import host_port
from ccx_addons.io import answers, names, outward
from ccx_addons.io.pinned import Refused, pinned

MAX_PICTURES: Final = 100
MAX_SIZE: Final = 20 << 20
"""Bytes of one picture."""
MAX_TOTAL: Final = 32 << 20
"""Bytes of all pictures of one request: what the largest upstreams take."""
ANYWHERE: Final = "https://"
"""Pictures may be at any host, so that NO_PROXY says nothing of them."""
TIMEOUT: Final = 10.0
"""Seconds for one picture, redirects included."""
MAX_REDIRECTS: Final = 3
AT_ONCE: Final = 4
MAX_LOOKUPS: Final = 64
"""Names that may be looked up at once: a client may name hosts whose name servers never answer."""

MAGIC: Final = (
    (0, b"\x89PNG", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
)
"""Where, how and what: the formats that any upstream takes, by their first bytes (mimesniff.spec.whatwg.org)."""

type Place = tuple[str, int]


class FetchRefused(CcxError):
    """The picture is not there, or must not be fetched. The message is safe to show."""


@dataclass(slots=True)
class Bounds:
    """Of one request. ``own``: hosts and ports that may have a private address; ``left``: bytes that may still come."""

    own: frozenset[Place] = frozenset()
    left: int = MAX_TOTAL


async def pictures(urls: Iterable[str], channel: Channel, seconds: float) -> tuple[dict[str, Media], list[Loss]]:
    """What could be fetched within ``seconds``, by address; for every other one a loss that says why."""
    bounds = Bounds(frozenset(map(host_port, channel.base_urls)))
    gate = asyncio.Semaphore(AT_ONCE)
    found: dict[str, Media] = {}
    losses: list[Loss] = []
    until = asyncio.get_running_loop().time() + max(seconds, 0.0)

    async def get(client: httpx.AsyncClient, url: str) -> None:
        try:
            async with asyncio.timeout_at(until), gate:
                found[url] = await fetch(client, url, bounds)
        except FetchRefused as refused:
            losses.append(Loss("image_url", str(refused)))
        except TimeoutError:
            losses.append(Loss("image_url", "the time for the whole request is over"))

    wanted = list(dict.fromkeys(urls))
    if len(wanted) > MAX_PICTURES:
        words = f"only {MAX_PICTURES} pictures of a request are fetched, {len(wanted) - MAX_PICTURES} are left"
        losses.append(Loss("image_url", words))
    if wanted:
        async with answers.async_client(_tls(), outward.proxy_of(channel, ANYWHERE), TIMEOUT) as client:
            await asyncio.gather(*(get(client, url) for url in wanted[:MAX_PICTURES]))
    return found, losses


async def fetch(client: httpx.AsyncClient, url: str, bounds: Bounds) -> Media:
    """One picture. Raises FetchRefused."""
    try:
        async with asyncio.timeout(TIMEOUT):
            for _ in range(MAX_REDIRECTS + 1):
                answer = await _get(client, url, bounds)
                if isinstance(answer, Media):
                    return answer
                url = urljoin(url, answer)
    except TimeoutError:
        raise FetchRefused(f"the picture did not come within {TIMEOUT:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise FetchRefused(f"the picture could not be fetched: {type(error).__name__}") from None
    raise FetchRefused("the picture's address redirects too often")


async def _get(client: httpx.AsyncClient, url: str, bounds: Bounds) -> Media | str:
    """The picture, or where it has gone."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise FetchRefused("the picture's address is not a URL") from None
    plain = parts.scheme in ("http", "https") and parts.username is None and url.isprintable()
    if not host or not plain:
        raise FetchRefused("the picture's address is not a plain http or https URL")
    place = (host, port or (443 if parts.scheme == "https" else 80))
    try:
        at, more = pinned(url, await _addresses(place), place in bounds.own)
    except Refused as refused:
        raise FetchRefused(f"the picture's host {refused}") from None
    headers = {**more["headers"], "accept": "image/*", "accept-encoding": "identity", "user-agent": "ccx"}
    request = client.build_request("GET", at, headers=headers, extensions=more["extensions"])
    answer = await client.send(request, stream=True)
    try:
        if answer.has_redirect_location:
            return answer.headers["location"]
        return await _picture(answer, bounds)
    finally:
        await answer.aclose()


async def _picture(answer: httpx.Response, bounds: Bounds) -> Media:
    if answer.status_code != 200:
        raise FetchRefused(f"the picture's address answers {answer.status_code}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise FetchRefused("the picture came in an encoding that was not asked for")
    if not answer.headers.get("content-type", "").strip().lower().startswith("image/"):
        raise FetchRefused("what stands at the picture's address is no picture")
    data = bytearray()
    async for chunk in answer.aiter_raw():
        data += chunk
        bounds.left -= len(chunk)
        if len(data) > MAX_SIZE:
            raise FetchRefused(f"the picture is larger than {MAX_SIZE >> 20} MB")
        if bounds.left < 0:
            raise FetchRefused(f"the pictures of the request are larger than {MAX_TOTAL >> 20} MB together")
    mime = next((mime for at, magic, mime in MAGIC if data.startswith(magic, at)), "")
    if not mime:
        raise FetchRefused("what stands at the picture's address is no picture that upstreams know")
    return Media(mime, data=base64.b64encode(data).decode())


async def _addresses(place: Place) -> list[str]:
    """All that a host's name has. Raises FetchRefused."""
    if names.running() >= MAX_LOOKUPS:
        raise FetchRefused("too many names of hosts are being looked up")
    try:
        return [str(entry[4][0]) for entry in await names.addresses_of(*place)]
    except OSError:
        raise FetchRefused("the picture's host is unknown") from None


@functools.cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than most pictures."""
    return outward.client_context(None)
