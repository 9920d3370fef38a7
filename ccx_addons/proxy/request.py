"""The client's half of a stream: its request until it is complete, within time and memory; how it takes the answer."""

import time
from collections.abc import Iterable
from typing import Any, Final, cast

from mitmproxy import flow as mflow
from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpStream,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseHeaders,
    ResponseProtocolError,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import ErrorCode, HttpEvent

from ccx_addons.core.exchange import Exchange
from ccx_addons.core.ids import uuid7
from ccx_addons.core.neutral import Fault
from ccx_addons.core.verdict import OutcomeKind
from ccx_addons.proxy import checks
from ccx_addons.proxy.budget import FULL, Lease
from ccx_addons.proxy.guard import exchange_of, refuse
from ccx_addons.proxy.hooks import HttpHook, WaitHook, WholeRequest
from ccx_addons.proxy.http1 import ClientHttp1
from ccx_addons.proxy.pace import WRITABLE
from ccx_addons.proxy.terms import ClientConnection, Limits

MAX_QUEUED: Final = 4
"""Events that may wait while a hook runs; each has at most 256 KiB."""

NEVER: Final = float("inf")

type Commands = layer.CommandGenerator[None]


class Queue(list[events.Event]):
    """Of few events, mostly of none: a deque takes 760 bytes of each stream for that."""

    __slots__ = ()

    def popleft(self) -> events.Event:
        return self.pop(0)


BLANK: Final = vars(http.HTTPFlow(cast(Any, None), cast(Any, None)))


def _flow(context: Context) -> http.HTTPFlow:
    """As mitmproxy's constructor, which asks the system for the id's random bytes each time."""
    flow = http.HTTPFlow.__new__(http.HTTPFlow)
    more = {"id": uuid7(), "client_conn": context.client, "server_conn": context.server, "metadata": {}}
    flow.__dict__.update(BLANK, **more, timestamp_created=time.time())
    return flow


class RequestStream(HttpStream):
    """Client states are mitmproxy's. Subclasses try upstreams, and answer."""

    exchange: Exchange | None = None
    wait_until = NEVER
    wait_kind: OutcomeKind = "total_timeout"
    comment_at = NEVER
    kept = 0
    """Bytes of the request, which stay for another attempt."""
    request_size = 0
    expected_size: int | None = None
    body_until = NEVER

    def __init__(self, context: Context, stream_id: int, parent: ClientConnection, limits: Limits) -> None:
        # Not by mitmproxy's constructors: they make buffers that nobody uses here, and copy an option.
        self.context = context
        self._paused, self._paused_event_queue = None, cast(Any, Queue())
        self.stream_id = stream_id
        self.client_state = self.state_wait_for_request_headers
        self.server_state = self.state_uninitialized
        self.parent = parent
        self.limits = limits
        self.lease = Lease(limits.budget)
        self.request: list[bytes] = []
        self.max_body = limits.max_body

    def _attempt(self) -> Commands:
        """The request is complete: try upstreams."""
        raise NotImplementedError

    def _answer(self) -> Commands:
        """Send ``flow.response``."""
        raise NotImplementedError

    def _finish_error(self, message: str) -> Commands:
        """End without an answer: nobody is there to read it."""
        raise NotImplementedError

    def _fail(self, kind: OutcomeKind, detail: str) -> Commands:
        """The attempt is over without an answer."""
        raise NotImplementedError

    def _over(self) -> bool:
        """Whether the client has its answer, or is gone."""
        raise NotImplementedError

    @property
    def x(self) -> Exchange:
        assert self.exchange
        return self.exchange

    def _hook(self, hook: HttpHook) -> Iterable[commands.Command]:
        """Call the addons: at once where the chain is known, else as mitmproxy does."""
        direct = self.parent.direct
        if direct is None:
            return (hook(self.flow),)
        rest = direct.ask(hook.name, self.flow, self.exchange)
        return () if rest is None else (WaitHook(rest),)

    def _gone(self) -> bool:
        """Whether the client disconnected, or somebody killed the flow, while this stream was paused."""
        if self.flow.error is None and not self._paused_event_queue:
            return False
        return self._killed() or any(isinstance(event, RequestProtocolError) for event in self._paused_event_queue)

    def _killed(self) -> bool:
        return self.flow.error is not None and self.flow.error.msg == mflow.Error.KILLED_MESSAGE

    def _rest(self) -> None:
        self.wait_until = self.comment_at = NEVER
        self.parent.clear_deadline(self)

    # ---- head and body ----------------------------------------------------------------------------------------------
    def state_wait_for_request_headers(self, event: RequestHeaders) -> Commands:
        self.flow = flow = event.replay_flow or _flow(self.context)
        flow.request = request = event.request
        flow.live = True
        self.exchange = exchange_of(flow)
        content = event.content if isinstance(event, WholeRequest) else None
        request.data.scheme = b"https" if self.context.client.tls else b"http"
        if problem := checks.head_problem(request, event.end_stream):
            flow.response = refuse(flow, Fault("invalid_request", problem[1], status=problem[0]))
        else:
            checks.merge_slashes(request)
            yield from self._hook(HttpRequestHeadersHook)
            self.exchange = exchange_of(flow)
            if self._gone():
                yield from self._finish_error("the client disconnected")
                return
            self.expected_size = checks.body_size(request) if content is None else len(content)
            self.max_body = checks.body_limit(self.exchange, self.limits.max_body)
            if self.exchange is None or self.exchange.client is None:
                self.lease = Lease(self.limits.budget.strangers)
            if self.exchange is None:
                flow.response = refuse(flow, checks.NOT_ADMITTED)
            if not flow.response and (self.expected_size or 0) > self.max_body:
                flow.response = refuse(flow, self._too_large())
        if flow.response:
            here = event.end_stream or content is not None
            self.client_state = self.state_done if here else self.state_discard_request_body
            yield from self._answer()
            return
        if "expect" in request.headers and request.headers["expect"].lower() == "100-continue":
            yield SendHttp(ResponseHeaders(self.stream_id, checks.go_on()), self.context.client)
            request.headers.pop("expect")
        self.client_state = self.state_consume_request_body
        if content is None:
            self.body_until = time.monotonic() + self.limits.body_timeout
            yield from self.parent.set_deadline(self, self._body_pause() - time.monotonic())
        elif (yield from self._fits(len(content))):
            yield from self._complete_request(content)

    def state_consume_request_body(self, event: RequestData | RequestTrailers | RequestEndOfMessage) -> Commands:
        if isinstance(event, RequestData):
            self._body_pause()
            if (yield from self._fits(len(event.data))):
                self.request.append(event.data)
        elif isinstance(event, RequestEndOfMessage):
            content = b"".join(self.request)
            self.request.clear()
            self._rest()
            yield from self._complete_request(content)

    def _fits(self, size: int) -> layer.CommandGenerator[bool]:
        """Whether so many bytes more of the body may stay. False: it is refused."""
        self.request_size += size
        if self.request_size > self.max_body:
            yield from self._refuse_body(self._too_large())
            return False
        if not self.lease.grow(size) and not (yield from self._room()):
            yield from self._refuse_body(FULL)
            return False
        return True

    def _complete_request(self, content: bytes) -> Commands:
        flow, data = self.flow, self.flow.request.data
        data.timestamp_end, data.content = time.time(), content
        self.client_state = self.state_done
        if self.expected_size is not None and self.expected_size != self.request_size:
            flow.response = refuse(flow, checks.UNTRUE)
            yield from self._answer()
            return
        yield from self._hook(HttpRequestHook)
        self.exchange = exchange_of(flow)
        if self._gone():
            yield from self._finish_error("the client disconnected")
        elif flow.response:
            yield from self._answer()
        else:
            if self.x.raw is not data.content:
                self.lease.grow(len(self.x.raw))
            self.kept = self.lease.size
            yield from self._attempt()

    def _too_large(self) -> Fault:
        return checks.too_large(self.max_body, self.max_body == self.limits.max_body)

    def _refuse_body(self, fault: Fault) -> Commands:
        self.request.clear()
        self.lease.release()
        self.client_state = self.state_discard_request_body
        self.flow.response = refuse(self.flow, fault)
        yield from self._answer()

    def _body_pause(self) -> float:
        """The time by which more of the body must have come."""
        self.wait_until = min(time.monotonic() + self.limits.client_timeout, self.body_until)
        return self.wait_until

    # ---- memory -----------------------------------------------------------------------------------------------------
    def _room(self) -> layer.CommandGenerator[bool]:
        """The worker keeps too much already. False: nothing became free in time."""
        yield WaitHook(self.lease.room())
        return self.lease.fits

    @property
    def clogged(self) -> bool:
        """Whether what arrives for it only piles up."""
        return self.lease.waiting or len(self._paused_event_queue) > MAX_QUEUED

    def state_done(self, _: HttpEvent) -> Commands:
        """The client has nothing more to say; the end of a request without a body comes after its head was answered."""
        yield from ()

    def state_discard_request_body(self, event: RequestData | RequestTrailers | RequestEndOfMessage) -> Commands:
        """The answer is out already; an HTTP/1 connection goes on only when the body is read."""
        yield from ()

    # ---- how it takes its answer -------------------------------------------------------------------------------------
    def _taken(self) -> layer.CommandGenerator[bool]:
        """Wait until the client has taken what was sent. False: it is gone, or takes nothing."""
        left = self.parent.backlog(self)
        while left > WRITABLE:
            assert self.parent.pace
            yield WaitHook(self.parent.pace.taken(self, self.limits.client_timeout))
            before, left = left, self.parent.backlog(self)
            if self._gone() or left >= before:
                return False
        return True

    def _hang_up(self) -> Commands:
        self.parent.drop(self)
        kill = ResponseProtocolError(self.stream_id, "the client takes nothing", ErrorCode.KILL)
        yield SendHttp(kill, self.context.client)

    def _linger(self) -> Commands:
        """The client may still be sending what nobody will read."""
        if self.client_state == self.state_discard_request_body:
            end = self.parent.connections.get(self.context.client)
            if isinstance(end, ClientHttp1):
                yield from end.linger()
