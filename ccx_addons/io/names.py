"""Names of hosts to addresses, in threads, one each: a name that nobody answers for holds up no other.

``loop.getaddrinfo`` shares a few threads with everything else that waits for something.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Any, Final, cast

type Addresses = list[tuple[Any, ...]]

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
        return await asyncio.shield(_lookup(name, port))
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (name, port))]


def _lookup(name: str, port: int) -> "asyncio.Future[Addresses]":
    loop = asyncio.get_running_loop()
    key = (loop, name, port)
    if running := _lookups.get(key):
        return running
    future = _lookups[key] = loop.create_future()

    def over(result: Addresses | OSError) -> None:
        _lookups.pop(key, None)
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
