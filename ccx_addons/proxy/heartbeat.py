"""Signs of life for a client whose stream says nothing yet.

Proxies between a client and the gateway cut what is silent (nginx after 60 s, Cloudflare after 100 s), and a model may
think longer. Once a channel has taken a stream request (200, an event stream), the client gets its head, and a comment
for every so many seconds of silence; and after ``UNANSWERED`` times as long when none has: some upstreams send their
head with the first word. That decides nothing: an attempt that fails later still moves on unseen. Only the status is
spent: when nothing works, the client gets an error event of its own protocol.
"""

import time
from typing import Final

from mitmproxy import http
from mitmproxy.proxy.layers.http import HttpResponseHeadersHook, ResponseData, ResponseHeaders, SendHttp

from ccx_addons.core import sse
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Failed, Fault, Request
from ccx_addons.protocols import PROTOCOLS, TEXT_PROTOCOLS, before_error
from ccx_addons.proxy import answers, checks
from ccx_addons.proxy.request import NEVER, Commands, RequestStream

BLANK: Final = b"\n\n"
"""No event either (html.spec.whatwg.org/multipage/server-sent-events.html): google-genai takes a comment for JSON."""
UNANSWERED: Final = 3
"""Silences after which nobody waits for a status any more: refusals come in the first seconds."""


class BeatingStream(RequestStream):
    """``comment_at``: when the client gets its next comment if nothing else comes. ``every``: seconds between two."""

    every = NEVER

    def _beat_again(self) -> None:
        """Another attempt: a client that has been given signs of life goes on getting them."""
        x = self.x
        assert x.upstream
        if x.opened:
            self.comment_at = time.monotonic() + self.every
        elif x.stream and not x.array:
            self.every = x.upstream.timeouts.heartbeat or NEVER
            self.comment_at = x.clock + UNANSWERED * self.every

    def _accepted(self) -> None:
        """A channel has begun its stream. Silence counts from the request on: that is how a proxy counts it."""
        x = self.x
        assert x.upstream
        if x.stream and not x.array:
            self.every = x.upstream.timeouts.heartbeat or NEVER
            self.comment_at = (time.monotonic() if x.opened else x.clock) + self.every

    def _committed(self, response: http.Response, now: float) -> None:
        assert self.x.upstream
        self.every = (self.x.upstream.timeouts.heartbeat or NEVER) if checks.is_sse(response) else NEVER
        self.comment_at = now + self.every

    def _beat(self) -> Commands:
        self.comment_at = time.monotonic() + self.every
        if not self.x.committed and not self.x.opened:
            yield from self._open()
        if not self._over():
            yield from self._to_client(BLANK if self.x.kind == "gemini" else sse.COMMENT)

    def _open(self) -> Commands:
        """The head of an answer that may still come from another channel: only what the gateway says itself."""
        x, flow, of_upstream = self.x, self.flow, self.flow.response
        x.opened = True
        flow.response = head = http.Response.make(200, b"", {"content-type": "text/event-stream"})
        answers.streamed(head, self.context.client.alpn != b"h2")
        yield from self._hook(HttpResponseHeadersHook)
        if self._gone():
            yield from self._finish_error("the client disconnected")
            return
        whole, flow.response = flow.response, of_upstream
        if whole is not head:  # a bug in a hook
            x.opened = False
            yield from self._fail("converter", "the head of the answer could not be written")
            return
        answers.finish(head, x, self.context.client.tls)
        yield SendHttp(ResponseHeaders(self.stream_id, head, end_stream=False), self.context.client)

    def _to_client(self, chunk: bytes) -> Commands:
        self.x.bytes_out += len(chunk)
        if self.x.tap:
            self.x.tap.to_client(chunk)
        yield SendHttp(ResponseData(self.stream_id, chunk), self.context.client)


def last_words(x: Exchange, response: http.Response) -> list[bytes]:
    """A complete answer for a client that has the head of a stream already, in chunks."""
    if response.status_code < 300:
        return [response.raw_content or b""]
    fault = x.fault or Fault("server", "the attempt failed", response.status_code)
    if x.kind not in TEXT_PROTOCOLS:
        return [PROTOCOLS[x.kind].encode_stream_error(fault)]
    said = TEXT_PROTOCOLS[x.kind].encoder(Request(x.model, (), stream=True)).encode(Failed(fault))
    return [*before_error(x.kind, fault), said]
