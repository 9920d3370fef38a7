"""HTTP/1 towards both sides with the limits that mitmproxy's own layers leave open.

Client side: size and time limits for a request head, errors as JSON instead of HTML pages. Upstream side: informational
answers are skipped, the head is bounded, and what it says of its connection is not said to the client. Both: trailers
are dropped instead of hanging the exchange.
"""

import logging
import re
import time
from collections.abc import Generator
from typing import Any, Final

import h11
from h11._readers import ChunkedReader, ContentLengthReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy import http
from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.net.http import http1, validate
from mitmproxy.net.http.status_codes import RESPONSES
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    RequestHeaders,
    RequestProtocolError,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode, HttpEvent
from mitmproxy.proxy.layers.http._http1 import (
    Http1Client,
    Http1Connection,
    Http1Server,
    TBodyReader,
    make_body_reader,
)

from ccx_addons.core import wire_json
from ccx_addons.proxy import answers, checks, framing
from ccx_addons.proxy.budget import FULL, Lease
from ccx_addons.proxy.chunked import Broken, ChunkedBody
from ccx_addons.proxy.headers import Headers
from ccx_addons.proxy.hooks import DeadlineReached, WholeAnswer, WholeRequest
from ccx_addons.proxy.terms import ClientConnection
from ccx_addons.proxy.upstream import UpstreamConnection

log: Final = logging.getLogger("ccx")

MAX_HEAD: Final = 64 * 1024
UNCOUNTED: Final = 4 * 1024
"""Bytes of an incomplete head that are kept whatever else is: most come in one piece, and a connection takes more."""

ITS_OWN: Final = frozenset({b"connection", b"keep-alive", b"proxy-connection"})
"""What an upstream says of its connection."""

MALFORMED: Final = "the request is not well-formed HTTP/1"

BLANK_LINE: Final = re.compile(rb"\n\r?\n")
"""The end of a head, as a lenient parser would see it."""

KEEP_ALIVE_SECONDS: Final = re.compile(r"\btimeout=(\d{1,6})\b")

SHOWN: Final = 300
"""Bytes of an unreadable head that tell what answered there."""

COPIED: Final = 64 << 10
"""Bytes of a body that are written together with the head."""

TURNS: Final = 16
"""Requests that a client sent ahead and that are read in one step. The rest waits until others had their turn."""

LINGER: Final = 2.0
"""Seconds that an unwanted request body is read and thrown away, so that the client can read the answer first."""


def _nothing(event: events.Event) -> layer.CommandGenerator[None]:
    """What a connection does that is over."""
    yield from ()


class _WholeReads(Http1Connection):
    """mitmproxy sets ``body_reader`` and reads from it at once, so the reader is wrapped where it is set."""

    _reader: Any

    def __init__(self, context: Context, conn: Connection) -> None:
        # Not by mitmproxy's constructors: they make room for events that wait, and here none does.
        self.context, self.conn = context, conn
        self.buf = ReceiveBuffer()

    @property
    def body_reader(self) -> Any:
        return self._reader

    @body_reader.setter
    def body_reader(self, reader: TBodyReader | Broken) -> None:
        self._reader = ChunkedBody() if isinstance(reader, ChunkedReader) else reader

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Nothing that it sends out waits for a reply, so there is no pause to look after."""
        return self._handle_event(event)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, HttpEvent):
            return self.send(event)
        if isinstance(event, events.DataReceived):
            return self._received(event)
        found: layer.CommandGenerator[None] = self.state(event)
        return found

    def _received(self, event: events.DataReceived) -> layer.CommandGenerator[None]:
        if self.state == self.read_headers:
            return self.read_headers(event)
        if self._is_inside(len(event.data)):
            return self._inside(event)
        if self.state != self.passthrough:
            self.buf += event.data
        found: layer.CommandGenerator[None] = self.state(event)
        return found

    def _inside(self, event: events.DataReceived) -> layer.CommandGenerator[None]:
        self._reader._remaining -= len(event.data)
        assert self.stream_id is not None
        yield ReceiveHttp(self.ReceiveData(self.stream_id, event.data))

    def _unread(self, data: bytes) -> bytes:
        """What was left over, and ``data``, which came now. A head that came at once never sees the buffer."""
        if not self.buf:
            return data
        self.buf += data
        return bytes(self.buf.maybe_extract_at_most(len(self.buf)) or b"")

    def let_go(self) -> None:
        """The connection is over. It refers to itself: all of it would wait for the garbage collector."""
        self.request = self.response = None
        self.state = _nothing

    def _is_inside(self, size: int) -> bool:
        """Whether so many bytes are in the midst of a body of known length: they need no buffer, which copies them."""
        return (
            self.state == self.read_body
            and isinstance(self._reader, ContentLengthReader)
            and not self.buf
            and size < self._reader._remaining
        )


class _HeadWithBody:
    """A message's head goes out with the first bytes of its body: one system call, one packet."""

    _head: bytes = b""

    def _held_back(self, head: Generator[Any, Any, None]) -> layer.CommandGenerator[None]:
        for command in head:
            if isinstance(command, commands.SendData):
                self._head += command.data
            else:
                yield command

    def _with_head(self, conn: Connection, rest: Generator[Any, Any, None]) -> layer.CommandGenerator[None]:
        for command in rest:
            if self._head and isinstance(command, commands.SendData):
                command.data = self._head + command.data
                self._head = b""
            yield command
        if self._head:
            yield commands.SendData(conn, self._head)
            self._head = b""


class ClientHttp1(_WholeReads, _HeadWithBody, Http1Server):
    """The client's HTTP/1 connection, bounded in size and time."""

    def __init__(self, context: Context, parent: ClientConnection, head_timeout: float, keepalive: float) -> None:
        super().__init__(context, context.client)
        self.stream_id = 1
        self.parent = parent
        self.head_timeout = head_timeout
        self.keepalive = keepalive
        self.lease = Lease(parent.limits.budget.strangers)
        """For a head that is not complete yet."""
        self.lingering = False
        self.in_head = False
        """A request head has begun, and has a time by which it must be here."""
        self.last = False
        """The client said that this is its last request: its connection is closed behind the answer."""
        self.http_1_0 = False
        self.behind = False
        """More came behind a request that is served now, and nobody has looked at it."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self.behind:
            if isinstance(event, events.DataReceived):
                self.buf += event.data
                return
            if isinstance(event, DeadlineReached):
                self.behind, event = False, events.DataReceived(self.conn, b"")
        if isinstance(event, DeadlineReached):
            yield from self._out_of_time()
            return
        yield from super()._handle_event(event)
        turns = TURNS
        while self.behind and turns:
            self.behind, turns = False, turns - 1
            yield from self.state(events.DataReceived(self.conn, b""))
        if self.behind:
            yield from self.parent.set_deadline(self, 0)
        elif self.state != self.read_headers:  # for the request's body its stream waits
            self.in_head = False
            if not self.lingering:
                self.parent.clear_deadline(self)
        elif not self.buf:  # a served connection waits for its next request
            self.lingering = False
            yield from self.parent.set_deadline(self, self.keepalive)
        elif not self.in_head:
            self.in_head = True
            yield from self.parent.set_deadline(self, self.head_timeout)

    @property
    def early(self) -> int:
        """Bytes that came before their turn, behind a request that is under way."""
        return len(self.buf) if self.behind or self.state == self.wait else 0

    def _out_of_time(self) -> layer.CommandGenerator[None]:
        if self.state == self.read_headers and self.buf:
            yield commands.SendData(self.conn, error_page(408, "the request head did not arrive in time"))
        if self.state == self.read_headers or self.lingering:
            yield commands.CloseConnection(self.conn)
            self.state = self.done

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        if not isinstance(event, events.DataReceived):
            # With a request it is still here because a layer failed.
            yield from self.wait(event) if self.request else self._left()
            return
        received = event.data
        if self.buf:
            received = self._unread(received)
            self.lease.release()
        if received[:1] in (b"\r", b"\n"):  # some clients end a body with a line break too many
            received = received.lstrip(b"\r\n")
        end = found.end() if (found := BLANK_LINE.search(received)) else 0
        if (end or len(received)) > MAX_HEAD:
            yield from self._hang_up(431, "the request head is larger than 64 KiB")
        elif end:
            yield from self._understand(received[:end], received[end:], event)
        elif len(received) > UNCOUNTED and not self.lease.set(len(received)):
            yield from self._hang_up(503, FULL.message)
        else:
            self.buf += received

    def _left(self) -> layer.CommandGenerator[None]:
        """Gone within a head, or without one. The stock layer would write into a log what it had said, its key too."""
        yield commands.CloseConnection(self.conn)

    def _understand(self, head: bytes, rest: bytes, event: events.Event) -> layer.CommandGenerator[None]:
        """A whole head. What does not follow the rules ends the connection: nobody knows where it really ends."""
        try:
            self.request = request = _request(head)
            size = checks.body_size(request)
        except ValueError as error:
            words = str(error)
            yield from self._hang_up(400, words if words.startswith("the request") else MALFORMED)
            return
        version = request.data.http_version
        if version != b"HTTP/1.1" and version != b"HTTP/1.0":  # HTTP/2 begins with TLS, never with a line
            yield from self._hang_up(505, "this HTTP version is not supported")
            return
        self.last = checks.wants_close(request)
        self.http_1_0 = version == b"HTTP/1.0"
        if size is not None and size <= len(rest):
            self.buf += rest[size:]
            yield ReceiveHttp(WholeRequest(self.stream_id, request, size == 0, None, rest[:size]))
            yield from self.mark_done(request=True)
            return
        self.buf += rest
        yield ReceiveHttp(RequestHeaders(self.stream_id, request, end_stream=False))
        self.body_reader = make_body_reader(size)
        self.state = self.read_body
        yield from self.state(event)

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """As the stock one; a client that breaks the rules of a body is told so."""
        for command in super().read_body(event):
            if isinstance(command, commands.CloseConnection) and not self.response:
                if isinstance(event, events.DataReceived):
                    yield commands.SendData(self.conn, error_page(400, "the request body is not well-formed HTTP/1"))
                self.state = self.done
            yield command

    def _hang_up(self, status: int, message: str) -> layer.CommandGenerator[None]:
        self.lease.release()
        yield commands.SendData(self.conn, error_page(status, message))
        yield commands.CloseConnection(self.conn)
        self.state = self.done

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, WholeAnswer):
            return self._send_whole(event)
        if isinstance(event, ResponseProtocolError) and not self.response:
            return _json_errors(super().send(event))
        if isinstance(event, ResponseHeaders) and event.response.status_code == 100:
            return self._go_on(event.response)
        if isinstance(event, ResponseHeaders) and event.response.status_code >= 200:
            self._say_what_follows(event.response)
            if not event.end_stream:
                return self._held_back(super().send(event))
        return self._with_head(self.conn, super().send(event))

    def _go_on(self, response: http.Response) -> layer.CommandGenerator[None]:
        """No answer yet. HTTP/1.0 does not know it (RFC 9110 section 10.1.1)."""
        if not self.http_1_0:
            yield commands.SendData(self.conn, http1.assemble_response_head(response))

    def _send_whole(self, event: WholeAnswer) -> layer.CommandGenerator[None]:
        self.response = response = event.response
        self._say_what_follows(response)
        data = response.data
        head = b"%b %d %b\r\n%b\r\n" % (data.http_version, data.status_code, data.reason, bytes(data.headers))
        yield from _written(self.conn, head, event.content)
        yield from self.mark_done(response=True)

    def _say_what_follows(self, response: http.Response) -> None:
        """Whether the connection goes on behind this answer."""
        headers = response.data.headers
        unmeasured = self.http_1_0 and headers.pop("transfer-encoding", None)
        if self.last or unmeasured or self.parent.leaving:
            headers["connection"] = "close"
        elif self.http_1_0:
            headers["connection"] = "keep-alive"

    def mark_done(self, *, request: bool = False, response: bool = False) -> Any:
        self.request_done |= request
        self.response_done |= response
        if self.request_done and self.response_done:
            return self._served()
        if self.request_done:
            self.state = self.wait
        return ()

    def _served(self) -> layer.CommandGenerator[None]:
        assert self.response
        if self.response.data.status_code == 101:
            yield from self.make_pipe()
        elif self.last or _is_last(self.response):
            yield commands.CloseConnection(self.conn)
            self.state = self.done
        else:
            self.request_done = self.response_done = False
            self.request = self.response = None
            self.stream_id += 2
            self.state = self.read_headers
            self.behind = bool(self.buf)  # read from where this one was read: thousands would be as many calls deep

    def linger(self) -> layer.CommandGenerator[None]:
        """The answer went out before the body was read: throw the rest away for a moment, then close."""
        self.lingering = True
        yield from self.parent.set_deadline(self, LINGER)


class UpstreamHttp1(_WholeReads, Http1Client):
    """An upstream's HTTP/1 connection: requests go out whole; skips 100, 102 and 103, bounds the answer's head."""

    last = False
    """The connection ends with the answer, or behind it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, context.server)

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, WholeRequest):
            return self._send_whole(event)
        return self._send_other(event)

    def _send_other(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        if not isinstance(event, RequestProtocolError) or not _is_stale(event, self.stream_id):
            yield from super().send(event)

    @property
    def in_chunks(self) -> bool:
        """Whether a chunked body is under way."""
        return self.state == self.read_body and isinstance(self.body_reader, ChunkedBody)

    def content(self, data: bytes) -> bytes:
        """What the next bytes say of a chunked body. Its end, and what is wrong with it, is left for the layers."""
        self.buf += data
        try:
            found = self.body_reader(self.buf)
        except h11.ProtocolError as error:
            self.body_reader = Broken(error)
            return b""
        return bytes(found.data) if isinstance(found, h11.Data) else b""

    @property
    def is_told(self) -> bool:
        """Whether the body is over, well or not, and nobody was told."""
        return bool(self.body_reader.ended)

    def _send_whole(self, event: WholeRequest) -> layer.CommandGenerator[None]:
        self.stream_id, self.request = event.stream_id, event.request
        data = event.request.data
        target = data.authority + data.path  # with an authority it is none that may be sent
        head = b"%b %b %b\r\n%b\r\n" % (data.method, target, data.http_version, bytes(data.headers))
        if problem := framing.problem(head, event.content):
            log.error("a request was not sent to %s: %s", self.context.server.address, problem)
            yield commands.CloseConnection(self.conn)
            yield ReceiveHttp(ResponseProtocolError(event.stream_id, problem, ErrorCode.REQUEST_VALIDATION_FAILED))
            return
        yield from _written(self.conn, head, event.content)
        yield from self.mark_done(request=True)

    @property
    def idle(self) -> bool:
        return self.stream_id is None and self.state == self.read_headers and not self.buf

    def mark_done(self, *, request: bool = False, response: bool = False) -> Any:
        self.request_done |= request
        self.response_done |= response
        return self._answered() if self.request_done and self.response_done else ()

    def _answered(self) -> layer.CommandGenerator[None]:
        assert self.response
        if self.response.data.status_code == 101:
            yield from self.make_pipe()
        elif self.last:
            yield commands.CloseConnection(self.conn)
            self.state = self.done
        else:
            self.request_done = self.response_done = False
            self.request = self.response = self.stream_id = None
            self.state = self.read_headers
            assert isinstance(self.conn, UpstreamConnection) and self.conn.wire
            self.conn.shortcut = None
            self.conn.wire.rest()
            if self.buf:
                yield from self.state(events.DataReceived(self.conn, b""))

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        if not isinstance(event, events.DataReceived):
            yield from self._cut_off(bytes(self.buf)) if self.buf and self.request else super().read_headers(event)
            return
        received = self._unread(event.data)
        if not self.request:  # nobody asked
            yield commands.CloseConnection(self.conn)
            return
        found = BLANK_LINE.search(received)
        while found and _is_informational(received):
            received = received[found.end() :]
            found = BLANK_LINE.search(received)
        end = found.end() if found else 0
        if (end or len(received)) > MAX_HEAD:
            yield from self._unreadable("the answer's head is larger than 64 KiB")
        elif end:
            yield from self._understand(received[:end], received[end:], event)
        else:
            self.buf += received

    def _cut_off(self, head: bytes) -> layer.CommandGenerator[None]:
        yield from self._unreadable(f"unexpected server response: {_whole_words(head)!r}")

    def _unreadable(self, words: str) -> layer.CommandGenerator[None]:
        assert self.stream_id is not None
        if self.conn.state & ConnectionState.CAN_WRITE:
            yield commands.CloseConnection(self.conn)
        yield ReceiveHttp(ResponseProtocolError(self.stream_id, words, ErrorCode.GENERIC_SERVER_ERROR))

    def _understand(self, head: bytes, rest: bytes, event: events.Event) -> layer.CommandGenerator[None]:
        """A whole head. The connection is free before an answer that came with it is dealt with."""
        assert self.stream_id is not None and self.request
        try:
            self.response = response = _response(head)
            size = _answer_size(self.request, response)
        except ValueError as error:
            said = str(error).encode()
            words = (said if len(said) <= SHOWN else _whole_words(said)).decode()
            yield from self._unreadable(f"Cannot parse HTTP response: {words}")
            return
        self.last = self._ends_behind(response) or size == -1
        if size is not None and 0 <= size <= len(rest) and response.data.status_code != 101:
            self.buf += rest[size:]
            stream_id = self.stream_id
            yield from self.mark_done(response=True)
            yield ReceiveHttp(WholeAnswer(stream_id, response, size == 0, rest[:size]))
            return
        self.buf += rest
        yield ReceiveHttp(ResponseHeaders(self.stream_id, response, size == 0))
        self.body_reader = make_body_reader(size)
        self.state = self.read_body
        yield from self.state(event)

    def _ends_behind(self, response: http.Response) -> bool:
        """Whether the connection ends behind an answer. What its head says of the connection is taken out of it."""
        headers = response.data.headers
        assert isinstance(headers, Headers)
        if ITS_OWN.isdisjoint(headers.names):
            return response.data.http_version != b"HTTP/1.1"
        self._note_time_to_live(headers)
        is_last = _is_last(response)
        if response.data.status_code != 101:
            response.data.headers = headers.without(ITS_OWN)
        return is_last

    def _note_time_to_live(self, headers: Headers) -> None:
        """An upstream may say how long it keeps an idle connection (RFC 2068 section 19.7.1.1)."""
        said = KEEP_ALIVE_SECONDS.search(headers.get("keep-alive", ""))
        if said and isinstance(self.conn, UpstreamConnection) and self.conn.wire:
            self.conn.wire.idle_limit = min(self.conn.wire.idle_limit, float(said[1]) - 1)


def _request(head: bytes) -> http.Request:
    """Raises ValueError for a head that is not as RECEIVED says, and for a bad target."""
    found = framing.RECEIVED.fullmatch(head)
    if found is None:
        raise ValueError(MALFORMED)
    method, target, version, fields = found.groups()
    host, port, scheme, authority, path = "", 0, b"", b"", target
    if not target.startswith(b"/"):
        host, port, _, scheme, authority, path, _ = http1.read._read_request_line(head.partition(b"\r\n")[0])
    headers = Headers.of(framing.FIELD.findall(fields))
    request = http.Request.__new__(http.Request)
    request.data = http.RequestData(
        version, headers, None, None, time.time(), None, host, port, method, scheme, authority, path
    )
    return request


def _response(head: bytes) -> http.Response:
    """Whatever can be read. Raises ValueError."""
    found = framing.ANSWERED.fullmatch(head)
    if found is None:
        response = http1.read_response_head([line.removesuffix(b"\r") for line in head.rstrip(b"\r\n").split(b"\n")])
        response.headers = Headers.of(response.headers.fields)
        return response
    version, status, reason, fields = found.groups()
    headers = Headers.of(framing.FIELD.findall(fields))
    headers.sound = True
    response = http.Response.__new__(http.Response)
    response.data = http.ResponseData(version, headers, None, None, time.time(), None, int(status), reason or b"")
    return response


def _answer_size(request: http.Request, response: http.Response) -> int | None:
    """The length of the answer's body; None: it is chunked; -1: it ends with the connection. Raises ValueError."""
    headers = response.data.headers
    is_usual = response.data.status_code == 200 and request.data.method == b"POST"
    if is_usual and "transfer-encoding" not in headers and (length := headers.get("content-length")):
        return validate.parse_content_length(length)
    return http1.expected_http_body_size(request, response)


def _written(conn: Connection, head: bytes, content: bytes) -> tuple[commands.SendData, ...]:
    """A whole message: a small one in one system call and one packet, a large one without a copy."""
    if len(content) <= COPIED:
        return (commands.SendData(conn, head + content),)
    return commands.SendData(conn, head), commands.SendData(conn, content)


def _whole_words(said: bytes) -> bytes:
    """How something unreadable begins. Its last word may be cut: nobody would know a secret by its half."""
    begin = said[:SHOWN]
    return begin[: max(map(begin.rfind, (b" ", b"\n", b"'"))) + 1]


def _is_stale(event: RequestProtocolError, stream_id: int | None) -> bool:
    """Whether who gives an attempt up has no part in the connection any more: its answer is complete."""
    return event.code == ErrorCode.CANCEL and event.stream_id != stream_id


def _is_last(response: http.Response) -> bool:
    """Whether an answer's connection ends behind it."""
    version, said = response.data.http_version, response.headers.get("connection")
    if said is None or said == "keep-alive":
        return said is None and version != b"HTTP/1.1"
    return bool(http1.connection_close(version, response.headers))


def _is_informational(head: bytes) -> bool:
    """``HTTP/1.1 1xx``, but not 101, which ends HTTP on this connection."""
    return head[:7] == b"HTTP/1." and head[8:10] == b" 1" and head[9:12] != b"101"


def error_page(status: int, message: str) -> bytes:
    """A complete HTTP/1.1 answer for faults below any endpoint; both OpenAI's and Anthropic's SDKs read its shape."""
    body = wire_json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}})
    head = (
        f"HTTP/1.1 {status} {RESPONSES.get(status, 'Error')}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
    )
    return head.encode() + bytes(Headers.of(answers.HARMLESS)) + b"\r\n" + body


def _json_errors(stock: Generator[Any, Any, None]) -> layer.CommandGenerator[None]:
    """Everything a stock generator does, except that the HTML pages it would send become our JSON."""
    for command in stock:
        if isinstance(command, commands.SendData) and b"text/html" in command.data:
            status = int(command.data[9:12])
            command = commands.SendData(command.connection, error_page(status, "the request is not well-formed HTTP/1"))
        yield command
