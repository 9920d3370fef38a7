"""Names of hosts to addresses, in threads, one each: a name that nobody answers for holds up no other.

``loop.getaddrinfo`` shares a few threads with everything else that waits for something.

Name servers fail now and then, or lose a question, which is asked anew after 5 s (resolv.conf(5)). Meanwhile a name has
the addresses it had a moment ago (RFC 8767), unless it is said to have none.
"""

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final, cast

type Addresses = list[tuple[Any, ...]]

PATIENCE: Final = 0.5
"""Seconds that a lookup may take before the last addresses do."""
LASTS: Final = 600.0
"""Seconds for which they may."""
MOST: Final = 1000
"""Names whose addresses are kept; those go first that were answered longest ago."""
NOW_AND_THEN: Final = frozenset({socket.EAI_AGAIN, socket.EAI_FAIL})
"""What a name server says that does not know just now."""

_last: Final[dict[tuple[str, int], tuple[Addresses, float]]] = {}
"""The last answer to each, and when it came, in monotonic seconds."""

_lookups: Final[dict[tuple[asyncio.AbstractEventLoop, str, int], "asyncio.Future[Addresses]"]] = {}
"""The lookups that are running. A name that hangs costs one thread, however many ask for it."""


def running() -> int:
    """How many lookups are under way, each in a thread."""
    return len(_lookups)


async def addresses_of(name: str, port: int) -> Addresses:
    """As ``socket.getaddrinfo`` for TCP. Raises OSError."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return await _known(name, port)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (name, port))]


async def _known(name: str, port: int) -> Addresses:
    asked = asyncio.shield(_lookup(name, port))
    last, at = _last.get((name, port), ([], 0.0))
    if not last or time.monotonic() - at > LASTS:
        return await asked
    try:
        async with asyncio.timeout(PATIENCE):
            return await asked
    except TimeoutError:
        return last
    except socket.gaierror as error:
        if error.errno not in NOW_AND_THEN:
            raise
        return last


def _keep(place: tuple[str, int], result: Addresses | OSError) -> None:
    if isinstance(result, socket.gaierror) and result.errno in NOW_AND_THEN:
        return
    _last.pop(place, None)
    if not isinstance(result, OSError):
        for oldest in list(_last)[: len(_last) - MOST + 1]:  # another thread's loop may forget it, too
            _last.pop(oldest, None)
        _last[place] = result, time.monotonic()


def _lookup(name: str, port: int) -> "asyncio.Future[Addresses]":
    loop = asyncio.get_running_loop()
    key = (loop, name, port)
    if running := _lookups.get(key):
        return running
    future = _lookups[key] = loop.create_future()

    def over(result: Addresses | OSError) -> None:
        _lookups.pop(key, None)
        _keep((name, port), result)
        if isinstance(result, OSError):
            future.set_exception(result)
            future.exception()  # nobody may be waiting any more
        else:
            future.set_result(result)

    threading.Thread(target=_ask, args=(name, port, loop, over), daemon=True, name=f"lookup of {name}").start()
    return future


def _ask(name: str, port: int, loop: asyncio.AbstractEventLoop, over: Callable[[Addresses | OSError], None]) -> None:
    result: Addresses | OSError
    try:
        result = cast(Addresses, socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP))
    except OSError as error:
        result = error
    except UnicodeError as error:  # a label of more than 63 characters
        result = OSError(f"the name is not valid: {error}")
    if loop.is_closed():
        _lookups.pop((loop, name, port), None)
    else:
        loop.call_soon_threadsafe(over, result)
