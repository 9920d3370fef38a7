"""Opening a connection to an upstream: its name, TCP, the channel's proxy, TLS; all inside one time limit.

Several addresses of a name are tried side by side (RFC 8305). TLS offers the last session of a host again, which spares
the handshake its certificates.
"""

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass, field
from traceback import clear_frames
from typing import Any, Final, Literal, NamedTuple, cast
from urllib.parse import unquote, urlsplit

import aiohappyeyeballs
from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio.v2 import Proxy

from ccx_addons.core.exchange import Upstream
from ccx_addons.io.names import addresses_of
from ccx_addons.io.outward import tls_words, trust
from ccx_addons.proxy.reader import OF_UPSTREAM, Reader

type Failure = Literal["connect", "connect_timeout", "tls"]

HEAD_START: Final = 0.25
"""Seconds an address has before the next one is tried beside it (RFC 8305 section 5)."""

KEEPALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""Seconds of silence before the kernel asks whether the peer is still there, between two such questions, how many."""
UNACKNOWLEDGED: Final = {"TCP_USER_TIMEOUT": 20_000}
"""Milliseconds that bytes sent to an upstream may stay unacknowledged (RFC 5482). A client may take its time."""

PROXY_TYPES: Final = {
    "http": (ProxyType.HTTP, 80),
    "https": (ProxyType.HTTP, 443),
    "socks5": (ProxyType.SOCKS5, 1080),
    "socks5h": (ProxyType.SOCKS5, 1080),
}


class Place(NamedTuple):
    """Where a connection leads and under which terms: what two attempts must share to share it."""

    host: str
    port: int
    tls: bool
    verify_tls: bool
    ca_file: str | None
    proxy: str | None

    @classmethod
    def of(cls, upstream: Upstream) -> "Place":
        return cls(upstream.host, upstream.port, upstream.tls, upstream.verify_tls, upstream.ca_file, upstream.proxy)


class DialError(OSError):
    """Why there is no connection; ``kind`` is the attempt's outcome."""

    def __init__(self, kind: Failure, words: str) -> None:
        super().__init__(words)
        self.kind: Failure = kind


NOT_SET_UP: Final = "the connection was not set up"
NO_TLS: Final = "it was reached, but TLS was not set up"


@dataclass(slots=True)
class Step:
    """What opening a connection waits for, as words of what was not done when the time is over."""

    words: str = NOT_SET_UP


@dataclass(slots=True, eq=False)
class Wire:
    """One open connection. Times are seconds since the epoch, but ``idle_since``, which is monotonic."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    began: float
    connected: float
    secured: float | None = None
    idle_since: float = field(default_factory=time.monotonic)
    idle_limit: float = float("inf")
    """Seconds it may be idle."""
    warm: bool = False
    """Opened before anybody needed it, and not used yet."""

    @property
    def usable(self) -> bool:
        """Whether it may serve a request when it is idle: open, not too old, and the peer has said nothing."""
        if self.writer.is_closing() or not (
            self.reader.quiet if isinstance(self.reader, Reader) else _quiet(self.reader)
        ):
            return False
        return time.monotonic() - self.idle_since < self.idle_limit

    def lasts(self, seconds: float) -> bool:
        """Whether it may be idle for so long and still be used."""
        return self.usable and time.monotonic() + seconds - self.idle_since < self.idle_limit

    def rest(self) -> None:
        """An exchange over it is complete."""
        self.idle_since = time.monotonic()

    def remember_session(self) -> None:
        """Keep the TLS session for the next connection to this host; TLS 1.3 sends it after the handshake."""
        if (tls := self.writer.get_extra_info("ssl_object")) and isinstance(tls.context, Resuming):
            tls.context.remember(tls)

    def close(self) -> None:
        self.remember_session()
        self.writer.close()


def _quiet(reader: asyncio.StreamReader) -> bool:
    """As ``Reader.quiet``, of the reader that a proxy's tunnel comes with."""
    return not (reader._buffer or reader.at_eof() or reader.exception())  # type: ignore[attr-defined]


async def dial(place: Place, seconds: float) -> Wire:
    """A new connection. Raises DialError."""
    step = Step()
    try:
        async with asyncio.timeout(seconds):
            context = await tls_context(place.verify_tls, place.ca_file) if place.tls else None
            name = _ascii(place.host)
            if place.proxy:
                return await _through(place.proxy, name, place.port, context, step)
            return await _straight(name, place.port, context, step)
    except TimeoutError:
        raise DialError("connect_timeout", f"{step.words} in time") from None
    except ssl.SSLError as error:
        raise DialError("tls", _words(error)) from error
    except socket.gaierror as error:
        whose = "of the channel's proxy" if place.proxy else place.host
        raise DialError("connect", f"the name {whose} cannot be resolved: {error.strerror}") from error
    except (OSError, ProxyError, UnicodeError) as error:
        raise DialError("connect", _words(error)) from error


async def _straight(name: str, port: int, context: ssl.SSLContext | None, step: Step) -> Wire:
    began = time.time()
    step.words = "the name was not resolved"
    addresses = cast(Any, await addresses_of(name, port))
    step.words = NOT_SET_UP
    try:
        sock = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=HEAD_START, interleave=1)
    except OSError as error:
        clear_frames(error.__traceback__)  # it keeps its errors in a ring, and all who wait for it with them
        raise
    connected = time.time()
    step.words = NO_TLS
    try:
        keep_alive(sock, **UNACKNOWLEDGED)
        loop, reader = asyncio.get_running_loop(), Reader(OF_UPSTREAM)
        protocol = asyncio.StreamReaderProtocol(reader)
        tls: Any = {"ssl": context, "server_hostname": name if context else None}
        transport, _ = await loop.create_connection(lambda: protocol, sock=sock, **tls)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    except BaseException:
        sock.close()
        raise
    return Wire(reader, writer, began, connected, time.time() if context else None)


async def _through(proxy: str, name: str, port: int, context: ssl.SSLContext | None, step: Step) -> Wire:
    """A tunnel through the channel's proxy, which looks the name up itself."""
    parts = urlsplit(proxy)
    kind, default = PROXY_TYPES[parts.scheme]
    began = time.time()
    step.words = "the channel's proxy has not set up the connection"
    stream = await Proxy(
        kind,
        parts.hostname or "",
        parts.port or default,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or "") if parts.username else None,
        rdns=True,
        proxy_ssl=await tls_context(True, None) if parts.scheme == "https" else None,
    ).connect(name, port)
    wire = Wire(stream.reader, stream.writer, began, time.time())
    if sock := stream.writer.get_extra_info("socket"):
        keep_alive(sock, **UNACKNOWLEDGED)
    if context:
        step.words = NO_TLS
        try:
            await stream.writer.start_tls(context, server_hostname=name)
        except BaseException:
            stream.writer.transport.abort()
            raise
        wire.secured = time.time()
    return wire


def _ascii(host: str) -> str:
    """Names as IDNA (RFC 5891), addresses as they are."""
    return host if host.isascii() else host.encode("idna").decode()


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return tls_words(error)
    if isinstance(error, ProxyError):
        return f"the channel's proxy: {error}"
    return str(error) or type(error).__name__


def keep_alive(sock: socket.socket, **more: int) -> None:
    """The kernel notices a peer that is gone although nobody closed the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (KEEPALIVE | more).items():
        if (number := getattr(socket, option, None)) is not None:  # not every system has each of them
            sock.setsockopt(socket.IPPROTO_TCP, number, value)


# ---- TLS -------------------------------------------------------------------------------------------------------------
class Resuming(ssl.SSLContext):
    """Offers the last session of a host again (RFC 8446 section 2.2)."""

    MOST: Final = 1000

    sessions: dict[str, ssl.SSLSession]

    def remember(self, tls: ssl.SSLObject) -> None:
        if tls.server_hostname and (session := tls.session):
            if len(self.sessions) >= self.MOST:
                self.sessions.clear()
            self.sessions[tls.server_hostname] = session

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        if session is None and isinstance(server_hostname, str):
            session = self.sessions.get(server_hostname)
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


async def tls_context(verify: bool, ca_file: str | None) -> ssl.SSLContext:
    """Made in a thread: reading the trusted certificates takes some 20 ms."""
    if (ready := _contexts.get((verify, ca_file))) is None:
        ready = _contexts[verify, ca_file] = await asyncio.to_thread(make_context, verify, ca_file)
    return ready


_contexts: Final[dict[tuple[bool, str | None], ssl.SSLContext]] = {}


def forget_contexts() -> None:
    """The files of trusted certificates may have changed."""
    _contexts.clear()


def make_context(verify: bool, ca_file: str | None) -> ssl.SSLContext:
    """Raises OSError or ssl.SSLError when ``ca_file`` cannot be used."""
    context = Resuming(ssl.PROTOCOL_TLS_CLIENT)
    context.sessions = {}
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    if verify:
        trust(context, ca_file)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.options |= ssl.OP_LEGACY_SERVER_CONNECT
    return context
