"""One client request whose upstream half may be tried several times.

The client sees nothing before an attempt is committed. The addons decide (hooks ``upstream_attempt`` and
``upstream_outcome``, see hooks.py); this stream carries out: it connects, sends, waits inside deadlines, holds the
first events of a stream back until they mean something, and ends every exchange in exactly one of ``response`` and
``error``.

It fails closed: without an ``exchange.upstream`` set by this attempt's own hook there is no connection.
"""

import asyncio
import time
from typing import Final

from mitmproxy.connection import Server
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import (
    HttpResponseHeadersHook,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import ErrorCode, HttpEvent

from ccx_addons.core.exchange import Ended
from ccx_addons.core.faults import quoting
from ccx_addons.core.neutral import Fault
from ccx_addons.core.verdict import OutcomeKind
from ccx_addons.proxy import answers, checks
from ccx_addons.proxy.bodies import AnswerBody
from ccx_addons.proxy.budget import FULL
from ccx_addons.proxy.encoding import BadEncoding
from ccx_addons.proxy.ending import EndingStream
from ccx_addons.proxy.guard import refuse
from ccx_addons.proxy.hooks import (
    DeadlineReached,
    GoOn,
    OpenUpstream,
    UpstreamAttemptHook,
    UpstreamOutcomeHook,
    WaitHook,
    WholeAnswer,
    WholeRequest,
    beside,
)
from ccx_addons.proxy.pace import STALLED
from ccx_addons.proxy.request import Commands
from ccx_addons.proxy.upstream import UpstreamConnection

MAX_ERROR_SECONDS: Final = 10.0
MAX_HELD: Final = 64 << 10
"""Bytes of a stream that are held back before it is committed whatever it says."""
OF_CLIENT: Final = (RequestHeaders, RequestData, RequestTrailers, RequestEndOfMessage)
NOTHING: Final = AnswerBody()
"""No answer is being read."""
OPENING: Final = 4096
"""Bytes of a stream's beginning that are kept for the addons: a Responses stream says its id there."""


class AttemptStream(EndingStream):
    """See the module's docstring. Client states are mitmproxy's; server states are ours.

    An exception is turned into words at once and dealt with behind its ``except``: what happens inside one is held by
    the exception's frames, bodies and all, until the garbage collector comes.
    """

    depth = 0
    """How many of its events are being handled: what it sends may come back to it at once."""
    held: list[bytes]
    held_size = 0
    alive_until = 0.0
    left = float("inf")
    """Bytes that the client had not taken when it was last looked at."""
    answer = NOTHING
    begun = b""
    """How a stream that has said nothing yet begins: what is no event tells why."""

    # ---- events -----------------------------------------------------------------------------------------------------
    def _handle_event(self, event: events.Event) -> Commands:
        steps: Commands
        if isinstance(event, OF_CLIENT):
            steps = self.client_state(event)
        elif isinstance(event, HttpEvent):
            steps = self._client_left(event) if isinstance(event, RequestProtocolError) else self._of_upstream(event)
        elif isinstance(event, DeadlineReached):
            steps = self._on_deadline()
        else:
            steps = event.commands() if isinstance(event, GoOn) else super()._handle_event(event)
        return steps

    def _of_upstream(self, event: HttpEvent) -> Commands:
        if event.stream_id != self.attempt_id:
            return self.state_idle(event)  # from an attempt that was given up while a hook ran
        return self._upstream_broke(event) if isinstance(event, ResponseProtocolError) else self.server_state(event)

    # ---- attempts ---------------------------------------------------------------------------------------------------
    def _attempt(self) -> Commands:
        """Try candidates until one connection stands and the request is on its way, or the addons give up."""
        while True:
            x, flow = self.x, self.flow
            self.parent.new_attempt(self)
            self.server_state = self.state_idle
            self.held, self.held_size, self.answer, self.begun = [], 0, NOTHING, b""
            self.lease.shrink(self.kept)
            x.upstream = x.watcher = x.ended = None
            x.decision = "stop"
            yield from self._hook(UpstreamAttemptHook)
            if self._gone():
                yield from self._finish_error("the client disconnected")
                return
            if not flow.response and x.client is None and x.forward is None:
                flow.response = refuse(flow, checks.NOT_ADMITTED)
            if not flow.response and x.upstream is None:
                flow.response = refuse(flow, Fault("server", "no upstream was chosen for this request", status=500))
            if flow.response:
                yield from self._answer()
                return
            assert x.upstream
            if idle := self.parent.idle_connection(x.upstream):
                yield from self._send(idle, True)
                return
            where = (x.upstream.host, x.upstream.port)
            command = OpenUpstream(where, x.upstream.tls, None, "tcp", x.upstream)
            connection, error = yield command
            if self._gone():
                yield from self._finish_error("the client disconnected")
                return
            if not error:
                yield from self._send(connection, command.reused)
                return
            x.ended = Ended(command.failure or "connect", error)
            if not (yield from self._judge()):
                return

    def _send(self, connection: Server, reused: bool) -> Commands:
        x, request = self.x, self.flow.request
        assert x.upstream
        self.context.server = self.flow.server_conn = connection
        if record := x.current:
            checks.note_connection(record, connection, reused)
        x.phase = "waiting"
        self.server_state = self.state_wait_for_response_headers
        self._beat_again()
        yield from self._wait("first_byte_timeout", x.upstream.timeouts.head(x.expects_stream))
        content = request.data.content or b""
        yield SendHttp(WholeRequest(self.attempt_id, request, not content, None, content), connection)

    def _judge(self) -> layer.CommandGenerator[bool]:
        """Let the addons decide about the attempt that ended. True: try again; False: the client has its answer."""
        self._rest()
        yield from self._hook(UpstreamOutcomeHook)
        if self._gone():
            yield from self._finish_error("the client disconnected")
            return False
        if self.x.decision == "retry":
            self.flow.response = None
            return True
        if not self.flow.response:
            self.flow.response = refuse(self.flow, Fault("server", "the attempt failed", status=502))
        yield from self._answer()
        return False

    def _fail(self, kind: OutcomeKind, detail: str, fault: Fault | None = None, cancel: bool = True) -> Commands:
        """The attempt is over without an answer and nothing has reached the client."""
        if cancel:
            yield from self._cancel_upstream(detail)
        self.server_state = self.state_idle
        self.flow.response = None
        self.x.ended = Ended(kind, detail, fault)
        if (yield from self._judge()):
            yield from self._attempt()

    def _upstream_broke(self, event: ResponseProtocolError) -> Commands:
        message = event.message
        if event.code == ErrorCode.REQUEST_VALIDATION_FAILED:
            yield from self._fail("unsendable", message, cancel=False)
        elif self.server_state == self.state_stream:
            yield from self._break_stream("cut", Fault("server", f"the upstream broke the stream off: {message}"))
        elif self.server_state == self.state_collect and self.answer.error:
            yield from self._collected(bytes(self.answer.data))  # the status says what happened
        elif self.server_state == self.state_preflight or (
            self.server_state == self.state_collect and self.answer.data
        ):
            yield from self._fail("cut", message, cancel=False)
        elif self.server_state in (self.state_wait_for_response_headers, self.state_collect):
            server = self.context.server
            if isinstance(server, UpstreamConnection) and server.refused and not server.reused:
                yield from self._fail("tls", server.refused, cancel=False)
            else:
                yield from self._fail("reset", message, cancel=False)

    # ---- the upstream's answer --------------------------------------------------------------------------------------
    def state_wait_for_response_headers(self, event: ResponseHeaders) -> Commands:
        x, response, status = self.x, event.response, event.response.data.status_code
        self.flow.response = response
        if x.tap:
            x.tap.head = response.data.headers.fields
        if record := x.current:
            record.status = status
            record.ttfb_ms = (time.monotonic() - record.started) * 1000
        problem = checks.answer_problem(response, self.flow.request, x)
        try:
            self.answer = AnswerBody(response.data.headers.get("content-encoding", ""), status >= 300)
        except BadEncoding as error:
            problem = str(error)
        if problem:
            yield from self._fail("bad_body", f"the upstream's answer has {problem}")
            return
        assert x.upstream
        kind: OutcomeKind = "idle"
        seconds, self.server_state = x.upstream.timeouts.idle, self.state_collect
        if status >= 300:
            kind, seconds = "first_byte_timeout", MAX_ERROR_SECONDS
        elif x.watcher and checks.is_stream(response, x.expects_stream, x.array):
            self.server_state = self.state_preflight
            self.alive_until = time.monotonic() + x.upstream.timeouts.first_event_alive
            self._accepted()
            kind, seconds = "first_event_timeout", x.upstream.timeouts.first_event
        if isinstance(event, WholeAnswer):
            yield from self._take_whole(event)
        else:
            yield from self._wait(kind, seconds)

    def _take_whole(self, event: WholeAnswer) -> Commands:
        """Its body came with the head: nothing is waited for."""
        attempt, reading, size = event.stream_id, self.server_state, len(event.content)
        if reading == self.state_collect and self.answer.is_plain and size <= self.answer.limit:
            if self.lease.grow(size) or (yield from self._room()):
                yield from self._collected(event.content)
            else:
                yield from self._fail("no_room", FULL.message, FULL)
            return
        if event.content:
            yield from reading(ResponseData(attempt, event.content))
        if self.attempt_id == attempt and self.server_state in (reading, self.state_stream):
            yield from self.server_state(ResponseEndOfMessage(attempt))

    def state_collect(self, event: HttpEvent) -> Commands:
        """A JSON answer or an error: complete before anybody decides."""
        if isinstance(event, ResponseData):
            error = self.answer.error
            if not error and self.wait_kind != "total_timeout":
                assert self.x.upstream
                self.wait_until = time.monotonic() + self.x.upstream.timeouts.idle
            before, enough, problem = len(self.answer.data), False, ""
            try:
                enough = self.answer.collect(event.data)
            except BadEncoding as bad:
                problem = str(bad)
            if problem:
                yield from self._fail("bad_body", problem)
            elif enough and error:
                yield from self._cancel_upstream("no more of the error's body is read")
                yield from self._collected(bytes(self.answer.data))
            elif enough:
                yield from self._fail("bad_body", "the answer is larger than 256 MiB")
            elif not self.lease.grow(len(self.answer.data) - before) and not (yield from self._room()):
                yield from self._fail("no_room", FULL.message, FULL)
        elif isinstance(event, ResponseEndOfMessage):
            yield from self._collected(bytes(self.answer.data))

    def _collected(self, body: bytes) -> Commands:
        x, response = self.x, self.flow.response
        assert response
        answers.whole(response, body)
        self.answer = NOTHING
        if x.tap:
            x.tap.from_upstream(body)
        self.server_state = self.state_idle
        x.ended = Ended("ok" if response.data.status_code < 300 else "status")
        if (yield from self._judge()):
            yield from self._attempt()

    def state_preflight(self, event: HttpEvent) -> Commands:
        """A stream before its first meaningful event: everything is held back."""
        x, watcher = self.x, self.x.watcher
        assert watcher
        if isinstance(event, ResponseData):
            failure: tuple[OutcomeKind, str] | None = None
            try:
                for n, piece in enumerate(self.answer.parts(event.data, x)):
                    yield from _breathe(n)
                    self.begun += piece[: OPENING - len(self.begun)]
                    chunks = yield from self._watched(piece)
                    self.held += chunks
                    self.held_size += (size := sum(map(len, chunks)))
                    self.lease.grow(size)
            except BadEncoding as bad:
                failure = ("bad_body", str(bad))
            except Exception as bug:
                failure = ("converter", _words(bug))
            if failure:
                yield from self._fail(*failure)
            elif watcher.fault:
                yield from self._fail("stream_error", watcher.fault.message, watcher.fault)
            elif watcher.meaningful or self.held_size > MAX_HELD:
                yield from self._commit()
            else:  # it lives
                assert x.upstream
                seconds = min(x.upstream.timeouts.first_event, self.alive_until - time.monotonic())
                yield from self._wait("first_event_timeout", seconds)
        elif isinstance(event, ResponseEndOfMessage):
            yield from self._preflight_ended()

    def _preflight_ended(self) -> Commands:
        """The stream is over before anything meaningful came: a complete short answer, an error, or nothing."""
        watcher, bug = self.x.watcher, ""
        assert watcher
        try:
            self.held += yield from self._finished()
        except Exception as error:
            bug = _words(error)
        if bug:
            yield from self._fail("converter", bug, cancel=False)
        elif watcher.meaningful and not watcher.fault:
            yield from self._commit()
            yield from self._end_stream("done")
        else:
            fault = watcher.fault and self.x.veiled(quoting(watcher.fault, self.begun))
            yield from self._fail("empty", "the stream ended without content", fault, cancel=False)

    def _commit(self) -> Commands:
        """From here on this attempt is the answer."""
        x, response = self.x, self.flow.response
        assert response and x.upstream
        x.committed = True
        now = time.monotonic()
        x.first_byte_at = x.first_event_at = x.last_byte_at = now
        x.phase = "streaming"
        if record := x.current:
            record.first_event_at = now
        x.opening = b"".join(self.held)[:OPENING]
        answers.streamed(response, self.context.client.alpn != b"h2")
        self.server_state = self.state_stream
        self._rest()
        yield from self._hook(HttpResponseHeadersHook)
        if self._gone():
            yield from self._finish_error("the client disconnected")
            return
        if self.flow.response is not response:  # a bug in a hook: nothing of the upstream's answer goes out
            yield from self._cancel_upstream("the head of the answer could not be written")
            yield from self._complete(streamed=False)
            return
        if not x.opened:
            answers.finish(response, self.exchange, self.context.client.tls)
            yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream=False), self.context.client)
        for chunk in self.held:
            yield from self._to_client(chunk)
        self.held = []
        self.lease.shrink(self.kept)
        self._committed(response, now)
        self.parent.shorten(self)
        yield from self._wait("idle", self._patience(), streaming=True)

    def state_stream(self, event: HttpEvent) -> Commands:
        x, watcher, bug = self.x, self.x.watcher, ""
        assert watcher and x.upstream
        if isinstance(event, ResponseData):
            now = time.monotonic()
            if x.last_byte_at is not None and now - x.last_byte_at > x.max_gap:
                x.max_gap = now - x.last_byte_at
            x.last_byte_at = now
            self.comment_at = now + self.every
            try:
                for n, piece in enumerate(self.answer.parts(event.data, x)):
                    yield from _breathe(n)
                    chunks = yield from self._watched(piece)
                    if watcher.fault:
                        yield from self._tell(chunks)
                        continue
                    for chunk in chunks:
                        yield from self._to_client(chunk)
            except Exception as error:
                bug = _words(error)
            self.wait_until = now + self._patience()
            if bug:
                yield from self._break_stream("converter error", Fault("server", bug), True)
            elif watcher.fault:
                # The watcher has told the client already, in the stream's own words.
                yield from self._cancel_upstream(watcher.fault.message)
                yield from self._end_stream("error event", watcher.fault)
        elif isinstance(event, ResponseEndOfMessage):
            try:
                self.held = yield from self._finished()
            except Exception as error:
                bug = _words(error)
            if bug:
                yield from self._break_stream("converter error", Fault("server", bug))
                return
            yield from self._tell(self.held)
            yield from self._end_stream("cut" if watcher.fault else "done", watcher.fault)

    def _watched(self, piece: bytes) -> layer.CommandGenerator[list[bytes]]:
        """What the client gets for a piece. The end of a large event is read beside the event loop."""
        assert self.x.watcher
        if not self.answer.ends_large(piece):
            return self.x.watcher.feed(piece)
        return (yield from beside(self.x.watcher.feed, piece))

    def _finished(self) -> layer.CommandGenerator[list[bytes]]:
        """The same for the end of the stream, which may be that of an event without a blank line."""
        assert self.x.watcher
        if not self.answer.is_large:
            return self.x.watcher.finish()
        return (yield from beside(self.x.watcher.finish))

    # ---- deadlines --------------------------------------------------------------------------------------------------
    def _wait(self, kind: OutcomeKind, seconds: float, streaming: bool = False) -> Commands:
        """Until the next event at most ``seconds``, and before a commit never past the exchange's own deadline."""
        now = time.monotonic()
        self.wait_until, self.wait_kind = now + seconds, kind
        if not streaming and self.x.deadline < self.wait_until:
            self.wait_until, self.wait_kind = self.x.deadline, "total_timeout"
        yield from self.parent.set_deadline(self, min(self.wait_until, self.comment_at) - now)

    def _patience(self) -> float:
        """Seconds of silence a committed stream may have: a model may think long, and before a tool's arguments."""
        x = self.x
        assert x.upstream and x.watcher
        return x.upstream.timeouts.tool_idle if x.watcher.patient else x.upstream.timeouts.idle

    def _on_deadline(self) -> Commands:
        now = time.monotonic()
        if now >= self.comment_at - 0.001:
            yield from self._beat()
            if self._over():
                return
        if now < self.wait_until - 0.001:
            if self.wait_until < float("inf"):
                yield from self.parent.set_deadline(self, min(self.wait_until, self.comment_at) - now)
            return
        if self.client_state == self.state_consume_request_body:
            yield from self._refuse_body(checks.TOO_SLOW)
        elif self.server_state == self.state_stream:
            yield from self._silence()
        elif self.server_state == self.state_collect and self.wait_kind == "first_byte_timeout":
            yield from self._cancel_upstream("no more of the error's body came")
            yield from self._collected(bytes(self.answer.data))
        elif self.server_state not in (self.state_idle, self.state_done, self.state_errored):
            yield from self._fail(self.wait_kind, checks.TIMEOUT_WORDS[self.wait_kind])

    def _silence(self) -> Commands:
        """Nothing came for too long: the upstream hangs, or nobody read it because the client takes nothing."""
        before, self.left = self.left, self.parent.backlog(self)
        if self.left <= STALLED:
            yield from self._break_stream("idle", Fault("timeout", "the upstream stopped sending", status=504), True)
        elif self.left < before:
            yield from self._wait("idle", self._patience(), streaming=True)
        else:
            yield from self._cancel_upstream("the client takes nothing")
            yield from self._finish_error("the client takes nothing")
            yield from self._hang_up()


def _breathe(n: int) -> Commands:
    """Between two parts of what came at once, the ``n``-th is next, everybody else has a turn."""
    if n:
        yield WaitHook(asyncio.sleep(0))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
