"""Responses over WebSocket (platform.openai.com/docs/guides/websocket-mode): each message is a request of its own.

The client's end of the connection speaks frames instead of HTTP/1; behind it every ``response.create`` becomes an
ordinary ``POST /v1/responses`` on a stream of its own, so that routing, failover, conversion and the log are the same.
One request at a time, as the vendor's server does; the others wait.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._base import HttpConnection, ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode, HttpEvent
from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError, generate_accept_token

from ccx_addons.core import ids, read, sse, wire_json
from ccx_addons.core.patient_json import BIG
from ccx_addons.proxy.budget import Lease
from ccx_addons.proxy.hooks import DeadlineReached, WaitHook, WholeRequest, beside
from ccx_addons.proxy.terms import ClientConnection

IDLE: Final = 900.0
"""Seconds without a request after which the socket is closed."""
REMEMBERED: Final = 4
"""Answers of this connection that ``previous_response_id`` can continue, also when nothing is stored."""
FRAGMENT: Final = 64
"""Bytes that a fragment of a message costs beside its text."""
SLICE: Final = 4096
"""Bytes that are looked at between two looks at what was done."""
FRAMES: Final = 64
"""After so many the others have a turn."""
MAX_WAITING: Final = 16
"""Messages that may wait for the one under way."""
ENDINGS: Final = ('"response.completed"', '"response.incomplete"')

NOT_FOR_POST: Final = frozenset({"connection", "upgrade", "content-length", "transfer-encoding", "content-type"})
TRANSPORT_FIELDS: Final = frozenset({"type", "generate", "stream", "background", "stream_id"})
"""Members of a message that are no members of a request body."""

type Commands = layer.CommandGenerator[None]


def accept(request: http.Request) -> http.Response | None:
    """The answer 101 to a WebSocket handshake (RFC 6455 section 4.2.2). None: this is none that we can answer."""
    headers = request.headers
    key = headers.get("sec-websocket-key", "")
    if headers.get("upgrade", "").lower() != "websocket" or headers.get("sec-websocket-version") != "13" or not key:
        return None
    found = {"upgrade": "websocket", "connection": "Upgrade"}
    found["sec-websocket-accept"] = generate_accept_token(key.encode("latin-1", "replace")).decode()
    if protocol := headers.get("sec-websocket-protocol", "").split(",")[0].strip():
        found["sec-websocket-protocol"] = protocol
    response = http.Response.make(101, b"", found)
    del response.headers["content-length"]
    return response


class ClientWebSocket(HttpConnection):
    """The client's end after the handshake: messages in, events out."""

    def __init__(self, context: Context, parent: ClientConnection, handshake: http.Request, next_id: int) -> None:
        super().__init__(context, context.client)
        self.parent = parent
        self.handshake = handshake
        self.frames = Frames(ConnectionType.SERVER)
        self.stream_id = next_id
        self.busy = False
        self.over = False
        self.lease = Lease(parent.limits.budget)
        self.waiting: deque[tuple[Mapping[str, Any], int]] = deque()
        """Messages with their sizes."""
        self.message: list[str] = []
        self.message_size = 0
        self.input: list[Any] = []
        self.input_size = 0
        self.answers: OrderedDict[str, tuple[list[Any], int]] = OrderedDict()
        """What was said up to an answer, with its size."""
        self.status = 200
        self.reader = sse.Reader()
        self.body = bytearray()

    @property
    def idle(self) -> bool:
        return not self.busy

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, HttpEvent):
            if event.stream_id == self.stream_id and not self.over:
                yield from self._answer(event)
        elif isinstance(event, events.Start):
            yield from self.parent.set_deadline(self, IDLE)
        elif isinstance(event, DeadlineReached):
            if not self.busy:
                yield from self._close(CloseReason.GOING_AWAY, "idle")
        elif isinstance(event, events.DataReceived) and not self.over:
            yield from self._receive(event.data)
        elif isinstance(event, events.ConnectionClosed):
            yield from self._left()

    # ---- from the client --------------------------------------------------------------------------------------------
    def _receive(self, data: bytes) -> Commands:
        """A few frames at a time: what comes at once may be thousands."""
        done = 0
        for at in range(0, len(data), SLICE):
            if self.over:
                return
            if done >= FRAMES:
                yield WaitHook(asyncio.sleep(0))
                done = 0
            try:
                self.frames.receive_data(data[at : at + SLICE])
                found = list(self.frames.events())
            except RemoteProtocolError as error:
                yield from self._close(CloseReason.PROTOCOL_ERROR, str(error)[:100])
                return
            for event in found:
                if self.over:
                    return
                yield from self._frame(event)
            done += len(found)

    def _frame(self, event: Event) -> Commands:
        match event:
            case TextMessage():
                yield from self._text_frame(event)
            case BytesMessage():
                yield from self._close(CloseReason.UNSUPPORTED_DATA, "only text messages are understood")
            case Ping():
                yield self._send(event.response())
            case CloseConnection():
                yield self._send(event.response())
                yield from self._left()
                yield commands.CloseConnection(self.conn)

    def _text_frame(self, event: TextMessage) -> Commands:
        self.message.append(event.data)
        self.message_size += len(event.data) + FRAGMENT
        if self.message_size > self.parent.limits.max_body:
            yield from self._close(CloseReason.MESSAGE_TOO_BIG, "the message is too large")
        elif not self._count():
            yield from self._close(CloseReason.TRY_AGAIN_LATER, "the gateway has no memory left for this message")
        elif event.message_finished:
            text, size = "".join(self.message), self.message_size
            self.message, self.message_size = [], 0
            yield from self._understand(text, size)
            self._count()

    def _count(self) -> bool:
        """Whether there is room for what this socket keeps: the message that comes, those that wait, old answers."""
        kept = [size for _, size in (*self.waiting, *self.answers.values())]
        return self.lease.set(self.message_size + sum(kept))

    def _understand(self, text: str, size: int) -> Commands:
        message = yield from self._apart(len(text), wire_json.loads_object, text)
        if message is None or message.get("type") != "response.create":
            yield self._error(400, {"message": "expected a JSON object of type response.create", "code": "bad_message"})
        elif len(self.waiting) >= MAX_WAITING:
            yield self._error(429, {"message": "too many requests wait on this connection", "code": "too_many_waiting"})
        else:
            self.waiting.append((message, size))
            yield from self._next()

    def _apart[**P, T](
        self, size: int, work: Callable[P, T], *args: P.args, **options: P.kwargs
    ) -> layer.CommandGenerator[T]:
        """What ``work`` returns; what is large is done beside the loop, while everything else for this socket waits."""
        if size < BIG:
            return work(*args, **options)
        return (yield from beside(work, *args, **options))

    def _next(self) -> Commands:
        """Begin the next request, unless one is under way."""
        while self.waiting and not self.busy and not self.over:
            message, self.input_size = self.waiting.popleft()
            body = {name: value for name, value in message.items() if name not in TRANSPORT_FIELDS}
            self._continue(body)
            self.input = read.input_items(body.get("input"))
            if message.get("generate") is False:
                yield from self._warm_up(body)
                continue
            self.busy = True
            self.status, self.reader, self.body = 200, sse.Reader(), bytearray()
            whole = {**body, "stream": True}
            data = yield from self._apart(self.input_size, wire_json.dumps_from, self.input_size, whole)
            if self.over:
                return
            yield ReceiveHttp(WholeRequest(self.stream_id, self._request(len(data)), False, content=data))

    def _continue(self, body: dict[str, Any]) -> None:
        """An answer of this very connection is continued from memory: no upstream has to know it."""
        id = read.text(body.get("previous_response_id"))
        if id not in self.answers:
            return
        known, size = self.answers[id]
        self.input_size += size
        given = body.get("input")
        body["input"] = [*known, *(given if isinstance(given, list) else [{"role": "user", "content": given}])]
        del body["previous_response_id"]

    def _request(self, length: int) -> http.Request:
        kept = [field for field in self.handshake.headers.fields if _is_kept(field[0])]
        request = self.handshake.copy()
        request.method = "POST"
        request.headers = http.Headers(
            [*kept, (b"content-type", b"application/json"), (b"content-length", b"%d" % length)]
        )
        request.timestamp_start = time.time()
        return request

    def _warm_up(self, body: dict[str, Any]) -> Commands:
        """``generate: false``: nothing is asked of a model, the input waits for its continuation."""
        id = f"resp_{ids.uuid7().replace('-', '')}"
        response = {
            "id": id, "object": "response", "created_at": int(time.time()), "status": "completed", "error": None,
            "incomplete_details": None, "instructions": body.get("instructions"), "metadata": None,
            "model": body.get("model"), "output": [], "parallel_tool_calls": body.get("parallel_tool_calls", True),
            "temperature": None, "tool_choice": body.get("tool_choice") or "auto", "tools": body.get("tools") or [],
            "top_p": None, "usage": None,
        }  # fmt: skip
        for number, kind in enumerate(("response.created", "response.completed")):
            event = {"type": kind, "sequence_number": number, "response": response}
            yield self._text(wire_json.dump_text(event))
        self._remember(id, [], 0)

    # ---- to the client ----------------------------------------------------------------------------------------------
    def _answer(self, event: HttpEvent) -> Commands:
        if isinstance(event, ResponseHeaders):
            self.status = event.response.status_code
        elif isinstance(event, ResponseData) and self.status == 200:
            yield from self._pass_on(event.data)
        elif isinstance(event, ResponseData):
            self.body += event.data
        elif isinstance(event, ResponseEndOfMessage):
            if self.status == 200:
                for message in self.reader.flush():
                    yield from self._event(message.data)
            else:
                error = read.mapping((wire_json.loads_object(bytes(self.body)) or {}).get("error"))
                yield self._error(self.status, error)
            yield from self._done()
        elif isinstance(event, ResponseProtocolError):
            yield self._error(502, {"message": event.message, "code": "upstream_error"})
            yield from self._done()

    def _pass_on(self, data: bytes) -> Commands:
        found, problem = [], ""
        try:
            found = self.reader.feed(data)
        except sse.EventTooLarge as error:
            problem = str(error)
        for message in found:
            yield from self._event(message.data)
        if problem:
            yield from self._close(CloseReason.MESSAGE_TOO_BIG, problem)

    def _event(self, data: str) -> Commands:
        if data.startswith("{"):
            if any(ending in data[:200] for ending in ENDINGS):
                response = read.mapping((wire_json.loads_object(data) or {}).get("response"))
                self._remember(read.text(response.get("id")), read.items(response.get("output")), len(data))
            yield self._text(data)

    def _remember(self, id: str, output: list[Any], size: int) -> None:
        self.answers[id] = ([*self.input, *output], self.input_size + size)
        while len(self.answers) > REMEMBERED or (self.answers and not self._count()):
            self.answers.popitem(last=False)

    def _done(self) -> Commands:
        self.busy = False
        self.stream_id += 2
        yield from self.parent.set_deadline(self, IDLE)
        yield from self._next()

    def _error(self, status: int, error: Mapping[str, Any]) -> commands.SendData:
        fields = {"type": "invalid_request_error", "code": None, "message": "", "param": None, **error}
        return self._text(wire_json.dump_text({"type": "error", "status": status, "error": fields}))

    def _text(self, data: str) -> commands.SendData:
        return self._send(TextMessage(data=data))

    def _send(self, event: Event) -> commands.SendData:
        return commands.SendData(self.conn, self.frames.send(event))

    # ---- the end ----------------------------------------------------------------------------------------------------
    def _close(self, code: CloseReason, reason: str) -> Commands:
        with contextlib.suppress(LocalProtocolError):  # both sides may be closing already
            yield self._send(CloseConnection(code=code, reason=reason))
        yield from self._left()
        yield commands.CloseConnection(self.conn)

    def _left(self) -> Commands:
        """Nobody waits for answers any more."""
        if self.over:
            return
        self.over = True
        self.waiting.clear()
        self.answers.clear()
        self.lease.release()
        self.parent.clear_deadline(self)
        if self.busy:
            yield ReceiveHttp(
                RequestProtocolError(self.stream_id, "the client closed its socket", ErrorCode.CLIENT_DISCONNECTED)
            )


def _is_kept(name: bytes) -> bool:
    """Everything of the handshake but what made it one; a key in the subprotocol stays for the key check."""
    lower = name.lower().decode("latin-1")
    websocket = lower.startswith("sec-websocket-") and lower != "sec-websocket-protocol"
    return lower not in NOT_FOR_POST and not websocket
