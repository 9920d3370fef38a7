"""The two hooks that mitmproxy does not have, and the events and commands between our layer and its streams."""

import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    GetHttpConnection,
    HttpErrorHook,
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
    RequestHeaders,
    ResponseHeaders,
)

from ccx_addons.core.config import Kind
from ccx_addons.core.exchange import Exchange, Upstream
from ccx_addons.io.aside import aside
from ccx_addons.proxy.dial import Failure
from ccx_addons.proxy.guard import EARLY, Hook, failed, guarded_wait, unguarded

log: Final = logging.getLogger("ccx")


@dataclass
class UpstreamAttemptHook(commands.StartHook):
    """An attempt is about to start: set ``exchange.upstream`` and write ``flow.request``, or set ``flow.response``.

    An addon that does neither leaves the stream without an upstream, and it refuses the request.
    """

    flow: http.HTTPFlow


@dataclass
class UpstreamOutcomeHook(commands.StartHook):
    """An attempt is over, or its buffered answer is complete (``exchange.ended``): set ``exchange.decision``."""

    flow: http.HTTPFlow


type HttpHook = type[
    HttpRequestHeadersHook
    | HttpRequestHook
    | UpstreamAttemptHook
    | UpstreamOutcomeHook
    | HttpResponseHeadersHook
    | HttpResponseHook
    | HttpErrorHook
]
"""What happens to an exchange, in this order; each is told about with the flow."""


@dataclass
class DeadlineReached(events.Event):
    """A time that a stream or client connection had set has come."""


@dataclass
class GoOn(events.Event):
    """A stream has dealt with an event up to this command, outside of the layers; they carry out it and the rest."""

    stream: layer.Layer
    command: commands.Command
    rest: layer.CommandGenerator[None]

    def commands(self) -> layer.CommandGenerator[None]:
        command = self.command
        with contextlib.suppress(StopIteration):
            while True:
                reply = yield command
                command = self.rest.send(reply)


@dataclass
class WholeRequest(RequestHeaders):
    """A request whose body is here already."""

    content: bytes = b""


@dataclass
class WholeAnswer(ResponseHeaders):
    """The same for an answer."""

    content: bytes = b""


@dataclass
class OpenUpstream(GetHttpConnection):
    """Get a connection for one attempt, idle or new. The reply is (connection, error), as for the stock command."""

    upstream: Upstream | None = None
    reused: bool = False
    """Set by the layer: the connection served another request before, so the upstream may be closing it just now."""
    failure: Failure | None = None
    """Set by the layer: why there is no connection."""

    def __hash__(self) -> int:
        return id(self)


@dataclass
class WaitHook(commands.StartHook):
    """The rest of a hook that DirectHooks began and that has to wait."""

    rest: Awaitable[None]


def beside[**P, T](work: Callable[P, T], *args: P.args, **options: P.kwargs) -> layer.CommandGenerator[T]:
    """What ``work`` returns or raises, done beside the event loop, while everything else of this layer waits."""
    found: list[T] = []
    bugs: list[Exception] = []

    async def rest() -> None:
        try:
            found.append(await aside(work, *args, **options))
        except Exception as bug:
            bugs.append(bug)

    yield WaitHook(rest())
    if bugs:
        raise bugs[0]
    return found[0]


class DirectHooks:
    """Calls the addons' hooks where they happen, in the order of the chain.

    mitmproxy starts a task for every hook and looks through all addons; for a chain that is known and mostly does not
    wait, that is a third of an exchange's time. What an addon raises is logged, as mitmproxy does.
    """

    def __init__(self, addons: Iterable[Any]) -> None:
        self._addons = tuple(addons)
        self._calls: dict[str, tuple[Callable[[Any], Any], ...]] = {}
        self._hooks: dict[tuple[str, Kind, str, bool], tuple[Hook, ...] | None] = {}

    def _calls_of(self, name: str) -> tuple[Callable[[Any], Any], ...]:
        calls = self._calls.get(name)
        if calls is None:
            found = (getattr(addon, name, None) for addon in self._addons)
            calls = self._calls[name] = tuple(call for call in found if call is not None)
        return calls

    # ---- one guard for a hook of all addons --------------------------------------------------------------------------
    def ask(self, name: str, flow: http.HTTPFlow, x: Exchange | None) -> Awaitable[None] | None:
        """As ``run``, about an exchange: only those addons are called that it concerns."""
        if x is None or x.match is None:
            return self.run(name, flow)
        sort = (name, x.kind, x.operation, x.forward is not None)
        try:
            hooks = self._hooks[sort]
        except KeyError:
            hooks = self._hooks[sort] = self._hooks_of(*sort)
        if hooks is None:
            return self.run(name, flow)
        return self._asked(iter(hooks), flow, x, name in EARLY)

    def _asked(self, left: Iterator[Hook], flow: http.HTTPFlow, x: Exchange, early: bool) -> Awaitable[None] | None:
        if early and flow.error is not None:
            return None
        for hook in left:
            if early and flow.response is not None:
                return None
            try:
                waiting = hook(flow, x)
            except Exception:
                failed(flow, x, hook.__qualname__)
                continue
            if waiting is not None:
                return _then(guarded_wait(waiting, flow, x, hook.__qualname__), self._asked, left, flow, x, early)
        return None

    def _hooks_of(self, name: str, kind: Kind, operation: str, panel: bool) -> tuple[Hook, ...] | None:
        """None: one of them has no guard."""
        found: list[Hook] = []
        for call in self._calls_of(name):
            hooks = unguarded(call, kind, operation, panel)
            if hooks is None:
                return None
            found += hooks
        return tuple(found)

    # ---- one by one --------------------------------------------------------------------------------------------------
    def run(self, name: str, flow: Any) -> Awaitable[None] | None:
        """None: every addon is done. Otherwise what is left to await. ``flow``: what the hook is about."""
        return self._run(self._calls_of(name), flow)

    def _run(self, calls: tuple[Callable[[Any], Any], ...], flow: Any) -> Awaitable[None] | None:
        for n, call in enumerate(calls):
            try:
                waiting = call(flow)
            except Exception:
                _log(call)
                continue
            if waiting is not None and inspect.isawaitable(waiting):
                return _then(_logged(waiting), self._run, calls[n + 1 :], flow)
        return None


async def _then[**P](
    waiting: Awaitable[None], follow: Callable[P, Awaitable[None] | None], *args: P.args, **options: P.kwargs
) -> None:
    """What waits, and then the rest, which may wait as well."""
    await waiting
    if (rest := follow(*args, **options)) is not None:
        await rest


def _log(call: Callable[[Any], Any]) -> None:
    log.exception("addon error in %s", call)


async def _logged(waiting: Awaitable[None]) -> None:
    try:
        await waiting
    except Exception:
        log.exception("addon error")
