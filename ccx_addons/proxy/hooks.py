"""The two hooks that mitmproxy does not have, and the events and commands between our layer and its streams."""

from dataclasses import dataclass

from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import GetHttpConnection

from ccx_addons.core.exchange import Upstream


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


@dataclass
class DeadlineReached(events.Event):
    """A time that a stream or client connection had set has come."""


@dataclass
class OpenUpstream(GetHttpConnection):
    """Get a connection for one attempt, idle or new. The reply is (connection, error), as for the stock command."""

    upstream: Upstream | None = None
    reused: bool = False
    """Set by the layer: the connection served another request before, so the upstream may be closing it just now."""

    def __hash__(self) -> int:
        return id(self)
