"""How an exchange ends, once: with a whole answer, with the end of a stream, or because the client is gone."""

import asyncio
import time
from typing import Final

from mitmproxy import flow as mflow
from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import (
    HttpErrorHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import ErrorCode, HttpEvent
from mitmproxy.proxy.layers.tcp import TCPLayer

from ccx_addons.core.exchange import Ended, StreamEnd
from ccx_addons.core.neutral import Fault
from ccx_addons.proxy import answers
from ccx_addons.proxy.heartbeat import BeatingStream, last_words
from ccx_addons.proxy.hooks import UpstreamOutcomeHook, WaitHook, WholeAnswer
from ccx_addons.proxy.request import Commands

SLICE: Final = 256 << 10
"""Bytes of a whole answer that are written at once; the rest waits until the client has taken them."""

ALONE: Final = 0.03
"""Seconds around each of Gemini's last chunks: Node joins what comes at once, and Gemini CLI, which takes an error only
from a chunk that holds nothing else, would say "Incomplete JSON segment"."""


class EndingStream(BeatingStream):
    """``attempt_id``: of the upstream's half."""

    attempt_id = 0

    def state_idle(self, event: HttpEvent) -> Commands:
        yield from ()

    def _over(self) -> bool:
        return self.server_state in (self.state_done, self.state_errored)

    def _cancel_upstream(self, why: str) -> Commands:
        yield SendHttp(RequestProtocolError(self.attempt_id, why, ErrorCode.CANCEL), self.context.server)

    # ---- the end of a stream ----------------------------------------------------------------------------------------
    def _break_stream(self, end: StreamEnd, fault: Fault, cancel: bool = False) -> Commands:
        """After commit nothing can be tried again: tell the client in its own protocol, and end."""
        if cancel:
            yield from self._cancel_upstream(fault.message)
        watcher = self.x.watcher
        assert watcher
        yield from self._tell(watcher.abort(fault))
        yield from self._end_stream(end, fault)

    def _tell(self, chunks: list[bytes]) -> Commands:
        """The last chunks of a stream, which may have broken off."""
        x = self.x
        is_over = x.watcher is not None and x.watcher.fault is None
        pause = 0 if is_over or x.kind != "gemini" or x.array or not chunks else ALONE
        for chunk in chunks:
            if pause:
                yield WaitHook(asyncio.sleep(pause))
            yield from self._to_client(chunk)
        if pause:
            yield WaitHook(asyncio.sleep(pause))

    def _end_stream(self, end: StreamEnd, fault: Fault | None = None) -> Commands:
        x = self.x
        x.stream_end, x.fault = end, fault
        x.ended = Ended({"done": "ok", "idle": "idle", "cut": "cut"}.get(end, "late_error"), end, fault)  # type: ignore[arg-type]
        self.server_state = self.state_idle
        self._rest()
        yield from self._hook(UpstreamOutcomeHook)
        yield from self._complete(streamed=True)

    # ---- a whole answer ---------------------------------------------------------------------------------------------
    def _answer(self) -> Commands:
        """Send ``flow.response``, complete, from the addons or from a judged upstream answer."""
        response = self.flow.response
        assert response
        self._rest()
        self.server_state = self.state_idle
        response.data.timestamp_start = response.data.timestamp_start or time.time()
        if self.client_state == self.state_discard_request_body:
            response.headers["connection"] = "close"
        yield from self._hook(HttpResponseHeadersHook)
        yield from self._complete(streamed=False)

    def _complete(self, streamed: bool) -> Commands:
        x, response = self.exchange, self.flow.response
        assert response
        response.data.timestamp_end = time.time()
        if x and not streamed:
            x.bytes_out = len(response.data.content or b"")
            x.first_byte_at = x.first_byte_at or time.monotonic()
            if x.opened and response.status_code >= 400:
                x.stream_end = "error event"
        yield from self._hook(HttpResponseHook)
        self.server_state = self.state_done
        self.flow.live = False
        if self._gone():
            yield from self._drop()
            return
        if response.data.status_code == 101:
            yield from self._switch_protocols(response)
            return
        if not streamed:
            content = response.data.content or b""
            if self.flow.request.data.method == b"HEAD":
                content = b""
            if x and x.opened:
                *told, content = last_words(x, response)
                yield from self._tell(told)
            else:
                answers.finish(response, x, self.context.client.tls)
                if len(content) <= SLICE and self.parent.takes_whole:
                    self.parent.drop(self)
                    whole = WholeAnswer(self.stream_id, response, not content, content)
                    yield SendHttp(whole, self.context.client)
                    yield from self._linger()
                    return
                yield SendHttp(ResponseHeaders(self.stream_id, response, not content), self.context.client)
            for at in range(0, len(content), SLICE):
                if at and not (yield from self._taken()):
                    yield from self._hang_up()
                    return
                yield SendHttp(ResponseData(self.stream_id, content[at : at + SLICE]), self.context.client)
        self.parent.drop(self)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)
        yield from self._linger()

    def _switch_protocols(self, response: http.Response) -> Commands:
        """A WebSocket: of the panel, which is passed through, or our own, which makes requests of its messages."""
        yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream=True), self.context.client)
        if self.exchange and self.exchange.forward:
            self.child_layer = TCPLayer(self.context, ignore=True)
            self._handle_event = self.passthrough  # as mitmproxy does on an upgrade
            yield from self.child_layer.handle_event(events.Start())
            yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)
        else:
            self.parent.drop(self)
            yield from self.parent.open_socket(self.flow.request, self.stream_id)

    def release(self) -> None:
        """Nobody needs this stream any more. It refers to itself: its bodies would wait for the garbage collector."""
        if self.exchange:
            self.exchange.watcher = None
        self.__dict__.clear()

    # ---- the client leaves ------------------------------------------------------------------------------------------
    def _drop(self) -> Commands:
        """Forget this stream. A client that is still there, because somebody killed the flow, is hung up on."""
        self.parent.drop(self)
        if self._killed():
            kill = ResponseProtocolError(self.stream_id, mflow.Error.KILLED_MESSAGE, ErrorCode.KILL)
            yield SendHttp(kill, self.context.client)

    def _client_left(self, event: RequestProtocolError) -> Commands:
        if self.client_state == self.state_errored or self.server_state in (self.state_done, self.state_errored):
            return
        if not hasattr(self, "flow"):
            self.client_state = self.server_state = self.state_errored
            return
        if self.server_state not in (self.state_uninitialized, self.state_idle):
            yield from self._cancel_upstream(event.message)
        yield from self._finish_error(event.message)

    def _finish_error(self, message: str) -> Commands:
        """End without an answer: nobody is there to read it."""
        self._rest()
        self.client_state = self.server_state = self.state_errored
        self.flow.error = self.flow.error or mflow.Error(message)
        self.flow.live = False
        if self.exchange and not self.exchange.closed:
            self.exchange.stream_end = "client left" if self.exchange.committed else ""
        yield from self._hook(HttpErrorHook)
        yield from self._drop()
