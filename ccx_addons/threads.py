"""Threads of Claude Messages: an upstream keeps a conversation; ``thread`` continues it by the id of its last answer.

All clients share the operator's account, so a client may continue only what it was given. What cannot be continued, and
what no channel can keep, is refused with the ``error_code`` on which the official SDKs send the whole history again
(anthropic-sdk-python, ``lib/threads``).
"""

import re
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Final

from mitmproxy import http

from ccx_addons.core import read
from ccx_addons.core.errors import StoreError
from ccx_addons.core.exchange import THREAD_NOT_FOUND, THREAD_UNSUPPORTED, Exchange
from ccx_addons.core.neutral import Fault
from ccx_addons.core.references import ID
from ccx_addons.core.wire_json import dumps, loads_object
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import about, guarded, refuse
from ccx_addons.sessions import UNREADABLE, issued, look_up, seat_of

CREATED: Final = re.compile(rb'"message"\s*+:\s*+\{[^{}\[\]]*?"id"\s*+:\s*+"([^"\\]{1,200})"')
"""In the first event of a stream."""


class Threads:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @guarded
    @about("messages")
    def request(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        """Waits only for what continues a thread."""
        id = read.text(thread_of(x).get("previous_message_id"))
        return self.find(flow, x, id) if id else None

    async def find(self, flow: http.HTTPFlow, x: Exchange, id: str) -> None:
        client = x.client.name if x.client else ""
        try:
            found = await look_up(self.runtime.store, id, client) if ID.fullmatch(id) else None
        except StoreError:
            flow.response = refuse(flow, UNREADABLE)
            return
        if found:
            x.home = found.seat
            return
        flow.response = refused(flow, 404, "not_found", f"Thread of message '{id[:100]}' not found.", THREAD_NOT_FOUND)

    @guarded
    @about("messages")
    def responseheaders(self, flow: http.HTTPFlow, x: Exchange) -> None:
        """A stream has its id from the first event on."""
        if x.committed and thread_of(x) and (found := CREATED.search(x.opening)):
            self.give(x, found[1].decode("latin-1"))

    @guarded
    @about("messages")
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if not x.committed and thread_of(x) and flow.response and flow.response.status_code == 200:
            self.give(x, read.text((loads_object(flow.response.raw_content or b"") or {}).get("id")))

    def give(self, x: Exchange, id: str) -> None:
        """The client may continue behind this answer."""
        if x.client and x.current and not x.current.converted and ID.fullmatch(id):
            self.runtime.store.put_issued([issued(id, x.client.name, seat_of(x.current.attempt), time.time())])


def thread_of(x: Exchange) -> Mapping[str, Any]:
    """What a request says of its thread; empty: it has none."""
    return read.mapping(x.body.members.get("thread")) if x.kind == "messages" and x.body else {}


def unsupported(flow: http.HTTPFlow) -> http.Response:
    """No channel that could take the request keeps threads."""
    words = "thread: no channel that could take this request keeps threads"
    return refused(flow, 400, "invalid_request", words, THREAD_UNSUPPORTED, unsupported=["thread"])


def refused(flow: http.HTTPFlow, status: int, kind: Any, words: str, code: str, **more: Any) -> http.Response:
    made = refuse(flow, Fault(kind, words, status, code, param="thread"))
    body = loads_object(made.raw_content or b"") or {}
    error = {**read.mapping(body.get("error")), "details": {"error_code": code, **more}}
    made.raw_content = dumps({**body, "error": error})
    made.headers["content-length"] = str(len(made.raw_content))
    return made
