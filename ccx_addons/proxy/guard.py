"""One decorator around every hook, so that a bug never lets a request through.

mitmproxy only logs what an addon's hook raises, and goes on; it also calls the later hooks of a flow that has its
answer already. ``guarded`` turns an exception into an answer in the client's own error shape and skips flows that are
answered.
"""

import functools
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from mitmproxy import http

from ccx_addons.core.config import Kind
from ccx_addons.core.endpoints import kind_of
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Fault
from ccx_addons.protocols import PROTOCOLS

log: Final = logging.getLogger("ccx")

ATTRIBUTE: Final = "ccx_exchange"
"""Where a flow has its exchange: it is neither saved nor copied with it."""

ABOUT: Final = "ccx_about"
UNGUARDED: Final = "ccx_hook"
EVERYTHING: Final[tuple[frozenset[Kind], frozenset[str]]] = (frozenset(), frozenset())

EARLY: Final = frozenset({"requestheaders", "request", "upstream_attempt"})
"""Hooks that decide about the request: they are skipped when the flow has its answer."""


def attach(flow: http.HTTPFlow, exchange: Exchange) -> None:
    """From here on addons find the exchange by its flow."""
    flow.__dict__[ATTRIBUTE] = exchange


def exchange_of(flow: http.HTTPFlow) -> Exchange | None:
    return flow.__dict__.get(ATTRIBUTE)


type Hook = Callable[[http.HTTPFlow, Exchange], Awaitable[None] | None]
"""Of one addon, without its guard."""


def about(*kinds: Kind, operations: Collection[str] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Says which requests a hook below ``guarded`` is about; all others pass it by. None: all of them."""

    def mark(hook: Callable[..., Any]) -> Callable[..., Any]:
        hook.__dict__[ABOUT] = (frozenset(kinds), frozenset(operations))
        return hook

    return mark


def concerns(addon: Any, hook: Callable[..., Any], kind: Kind, operation: str, panel: bool) -> bool:
    """Whether a hook is called for such requests. Those for the panel pass by all addons but those that say they are
    ``for_panel``: ``too``, or ``only``."""
    wanted = getattr(addon, "for_panel", "")
    if not wanted if panel else wanted == "only":
        return False
    kinds, operations = hook.__dict__.get(ABOUT, EVERYTHING)
    return (not kinds or kind in kinds) and (not operations or operation in operations)


def guarded(hook: Callable[..., Any]) -> Callable[[Any, http.HTTPFlow], Awaitable[None] | None]:
    """Wraps ``hook(self, flow, exchange)`` into the ``hook(self, flow)`` that mitmproxy calls.

    A hook that has to wait is a coroutine function, or returns a coroutine only when it really waits.
    """
    early = hook.__name__ in EARLY

    @functools.wraps(hook)
    def call(self: Any, flow: http.HTTPFlow) -> Awaitable[None] | None:
        exchange: Exchange | None = flow.__dict__.get(ATTRIBUTE)
        if exchange is None or (early and (flow.response or flow.error)):
            return None
        if not concerns(self, hook, exchange.kind, exchange.operation, exchange.forward is not None):
            return None
        try:
            waiting = hook(self, flow, exchange)
        except Exception:
            failed(flow, exchange, hook.__qualname__)
            return None
        return None if waiting is None else guarded_wait(waiting, flow, exchange, hook.__qualname__)

    call.__dict__[UNGUARDED] = hook
    return call


def unguarded(call: Any, kind: Kind, operation: str, panel: bool) -> tuple[Hook, ...] | None:
    """What a guarded method of an addon does for such requests: its hook, or nothing. None: it has no guard."""
    hook = getattr(call, "__dict__", {}).get(UNGUARDED)
    if hook is None:
        return None
    addon = call.__self__
    return (hook.__get__(addon),) if concerns(addon, hook, kind, operation, panel) else ()


async def guarded_wait(waiting: Awaitable[None], flow: http.HTTPFlow, exchange: Exchange, where: str) -> None:
    try:
        await waiting
    except Exception:
        failed(flow, exchange, where)


def failed(flow: http.HTTPFlow, exchange: Exchange, where: str) -> None:
    """A bug in a hook: log it, refuse the request, and make sure nothing is sent on."""
    log.exception("request %s: %s failed", exchange.id, where, extra={"request": exchange.id})
    exchange.upstream = None
    exchange.decision = "stop"
    fault = Fault("server", "the gateway failed on this request; its log says why", status=500)
    exchange.fault = exchange.fault or fault
    flow.response = refuse(flow, fault)


def refuse_bad(flow: http.HTTPFlow, bad: BadRequest) -> None:
    """The flow's answer is that this request cannot be understood."""
    fault = Fault("invalid_request", str(bad), status=400, param=bad.param, code="invalid_request")
    flow.response = refuse(flow, fault)


def refuse(flow: http.HTTPFlow, fault: Fault, shape: Kind | None = None) -> http.Response:
    """An error answer in the shape of the protocol the client speaks. ``shape``: where its path does not tell."""
    exchange = exchange_of(flow)
    if exchange:
        fault = exchange.veiled(fault)
        kind, request_id = exchange.kind, exchange.id
        exchange.fault = exchange.fault or fault
    else:
        kind, request_id = kind_of(None, flow.request.path, flow.request.headers), ""
    status, body = PROTOCOLS[shape or kind].encode_error(fault, request_id)
    headers = {"content-type": "application/json"}
    if fault.retry_after is not None:
        headers["retry-after"] = seconds_of(fault.retry_after)
    return http.Response.make(status, body, headers)


def seconds_of(wait: float) -> str:
    """What Retry-After says."""
    return str(max(1, round(wait)))
