"""Containers in which an upstream runs code: they and their files belong to the operator's account, which all clients
share. So a client may go on only in those that it was given through this gateway.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import Final

from mitmproxy import http

from ccx_addons.core.config import DEFAULT_CLIENT
from ccx_addons.core.errors import StoreError
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Fault
from ccx_addons.core.references import ID, containers_in, containers_of
from ccx_addons.core.wire_json import loads_object
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import about, guarded, refuse
from ccx_addons.sessions import UNREADABLE, final_answer, issued, look_up, seat_of

NAMED: Final = b"container"
NAMING: Final = ("container", "tools")
"""Members of a request that may name one."""


class Containers:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        """Waits only for what names a container."""
        if x.body is None or x.client is None or x.client.name == DEFAULT_CLIENT:
            return None
        ids = [] if x.body.members.keys().isdisjoint(NAMING) else containers_of(x.body.members)
        return self.find(flow, x, ids) if ids else None

    async def find(self, flow: http.HTTPFlow, x: Exchange, ids: list[str]) -> None:
        assert x.client
        try:
            for id in ids:
                found = await look_up(self.runtime.store, id, x.client.name) if ID.fullmatch(id) else None
                if found is None:
                    words = f"Container with id '{id[:100]}' not found."
                    flow.response = refuse(flow, Fault("not_found", words, 404, param="container"))
                    return
                x.home = x.home if x.home.channel_id else found.seat
        except StoreError:
            flow.response = refuse(flow, UNREADABLE)

    @guarded
    @about("messages", "responses")
    def response(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        """The client may go on where its answer ran code. Reading JSON happens in a thread."""
        record, answer = x.current, flow.response
        if record is None or record.converted or x.client is None or answer is None or answer.status_code != 200:
            return None
        if x.container:
            self.give(x, [x.container])
            return None
        whole = x.final_event if x.stream else answer.raw_content or b""
        return self.look(x, whole) if NAMED in whole and x.kind in ("messages", "responses") else None

    async def look(self, x: Exchange, whole: bytes) -> None:
        found = await asyncio.to_thread(lambda: final_answer(whole) if x.stream else loads_object(whole))
        self.give(x, containers_in(found or {}))

    def give(self, x: Exchange, ids: list[str]) -> None:
        assert x.client and x.current
        seat, now = seat_of(x.current.attempt), time.time()
        if rows := [issued(id, x.client.name, seat, now) for id in ids if ID.fullmatch(id)]:
            self.runtime.store.put_issued(rows)
