"""What the gateway asks by itself, over httpx: how a connection is made, and how much of an answer is read.

How a channel's upstream is reached says outward.py; httpx itself reads nothing of the environment.
"""

import time
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from ccx_addons.core.config import Channel
from ccx_addons.core.wire_json import loads
from ccx_addons.io import outward

MAX_ANSWER: Final = 4 << 20
MAX_STREAM: Final = 256 << 20
TRUST_ENV: Final = False
"""The one place that says so."""


class Unreadable(ValueError):
    """An answer that is too long, takes too long, or is not what its head says."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Raises ValueError."""
        return loads(self.body)


def client(verify: Any = True, proxy: str | None = None, timeout: float = 10.0) -> httpx.Client:
    return httpx.Client(verify=verify, proxy=proxy, timeout=timeout, trust_env=TRUST_ENV)


def async_client(verify: Any = True, proxy: str | None = None, timeout: float = 10.0) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=verify, proxy=proxy, timeout=timeout, trust_env=TRUST_ENV)


def channel_client(channel: Channel, base_url: str, timeout: float) -> httpx.Client:
    return client(_verify(channel), outward.proxy_of(channel, base_url), timeout)


def channel_async_client(channel: Channel, base_url: str, timeout: float) -> httpx.AsyncClient:
    return async_client(_verify(channel), outward.proxy_of(channel, base_url), timeout)


def _verify(channel: Channel) -> Any:
    return outward.client_context(channel.ca_file) if channel.verify_tls else False


def ask(asking: httpx.Client, method: str, url: str, **request: Any) -> Answer:
    """The whole answer to one request. Raises what httpx raises, and Unreadable."""
    with asking.stream(method, url, **request) as answer:
        return Answer(answer.status_code, answer.headers, read(answer, seconds=asking.timeout.read))


async def ask_async(asking: httpx.AsyncClient, method: str, url: str, **request: Any) -> Answer:
    """The same; how long it may take is up to the caller."""
    async with asking.stream(method, url, **request) as answer:
        body = bytearray()
        async for chunk in pieces(answer):
            body += chunk
        return Answer(answer.status_code, answer.headers, bytes(body))


def read(answer: httpx.Response, limit: int = MAX_ANSWER, seconds: float | None = None) -> bytes:
    return b"".join(chunks(answer, limit, seconds))


def chunks(answer: httpx.Response, limit: int = MAX_ANSWER, seconds: float | None = None) -> Iterator[bytes]:
    """The body as it comes, unpacked, at most ``limit`` bytes of it, for at most ``seconds``."""
    unpack, until = _Unpacker(answer, limit), time.monotonic() + (seconds or float("inf"))
    for data in answer.iter_raw():
        if chunk := unpack(data):
            yield chunk
        if time.monotonic() > until:
            raise Unreadable("no answer in time")


async def pieces(answer: httpx.Response, limit: int = MAX_ANSWER) -> AsyncIterator[bytes]:
    unpack = _Unpacker(answer, limit)
    async for data in answer.aiter_raw():
        if chunk := unpack(data):
            yield chunk


class _Unpacker:
    """gzip and deflate, which some servers send to those who asked for neither; other encodings are refused."""

    def __init__(self, answer: httpx.Response, limit: int) -> None:
        encoding = answer.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise Unreadable("the answer came in an encoding that was not asked for")
        self.limit = self.left = limit
        self.stream = None if encoding in ("", "identity") else zlib.decompressobj(zlib.MAX_WBITS | 32)

    def __call__(self, data: bytes) -> bytes:
        if self.stream:
            try:
                data = self.stream.decompress(data, self.left + 1)
            except zlib.error:
                raise Unreadable("the answer is not in the encoding that it says") from None
        self.left -= len(data)
        if self.left < 0:
            raise Unreadable(f"the answer is larger than {self.limit / (1 << 20):g} MiB")
        return data
