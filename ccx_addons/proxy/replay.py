"""Replaying a flow of mitmweb: the client's own request goes through the whole chain again, as that client's."""

import logging
from typing import Final

from mitmproxy import flow as mflow
from mitmproxy import http
from mitmproxy.addons.clientplayback import ClientPlayback, MockServer, ReplayHandler
from mitmproxy.options import Options

from ccx_addons.auth import original
from ccx_addons.proxy.layer import AttemptLayer
from ccx_addons.proxy.pool import Pool
from ccx_addons.proxy.terms import Limits
from ccx_addons.proxy.upstream import UpstreamConnections

log: Final = logging.getLogger("ccx")


class ReplayConnection(UpstreamConnections, ReplayHandler):
    """mitmproxy's replay with our layer instead of the stock one."""

    def __init__(self, flow: http.HTTPFlow, options: Options, limits: Limits, pool: Pool) -> None:
        super().__init__(flow, options)
        self.pool = pool
        context = self.layer.context
        self.layer: AttemptLayer = AttemptLayer(context, limits)
        self.layer.connections[context.client] = MockServer(flow, context.fork())

    async def replay(self) -> None:
        await super().replay()
        for timer in self.wakeup_timer:
            timer.cancel()


class Replays(ClientPlayback):
    """Takes the place of mitmproxy's addon of the same name."""

    name = "clientplayback"

    def __init__(self, limits: Limits, pool: Pool, secret: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.limits = limits
        self.pool = pool
        self.secret = secret

    def check(self, f: mflow.Flow) -> str | None:
        if reason := super().check(f):
            return reason
        if not isinstance(f, http.HTTPFlow) or original.restored(f, self.secret) is None:
            return "Can't replay a flow whose client the gateway does not know."
        return None

    async def playback(self) -> None:
        while True:
            flow: http.HTTPFlow = await self.queue.get()
            self.inflight = flow
            try:
                await self.play(flow)
            except Exception:
                log.exception("replaying a flow failed")
            self.queue.task_done()
            self.inflight = None

    async def play(self, flow: http.HTTPFlow) -> None:
        request = original.restored(flow, self.secret)
        assert request
        flow.request = request
        await ReplayConnection(flow, self.options, self.limits, self.pool).replay()
