"""What streams and ends know of the client's connection: the limits set for it, and what it does for them.

Between the layer, which makes them, and them, who call it: neither imports the other's module for its type.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from mitmproxy import http
from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, layer

from ccx_addons.core.exchange import Upstream
from ccx_addons.proxy.budget import Budget
from ccx_addons.proxy.hooks import DirectHooks
from ccx_addons.proxy.pace import PacedConnections


@dataclass(frozen=True, slots=True)
class Limits:
    """What the listener allows a client: bytes and seconds."""

    max_body: int = 50 << 20
    client_timeout: float = 30.0
    body_timeout: float = 300.0
    keepalive_timeout: float = 120.0
    budget: Budget = field(default_factory=Budget)
    """Of all connections together."""


class ClientConnection(Protocol):
    """The layer, as a stream or an end of it sees it."""

    limits: Limits
    direct: DirectHooks | None
    """Hooks that need no event of mitmproxy's; None: all go its way."""
    leaving: bool
    """The gateway stops: the next answer is the last one on this connection."""
    pace: PacedConnections | None
    connections: dict[Connection, Any]

    def set_deadline(self, child: layer.Layer, seconds: float) -> Iterable[commands.Command]:
        """Give ``child`` a DeadlineReached event in ``seconds``, instead of any earlier wish of it."""
        ...

    def clear_deadline(self, child: layer.Layer) -> None: ...

    def drop(self, stream: Any) -> None:
        """Forget a stream that is done."""
        ...

    def backlog(self, stream: Any) -> int:
        """Bytes for the client of this stream that it has not taken yet."""
        ...

    def shorten(self, stream: Any) -> None:
        """From here on the pieces of its answer may take the short way, where there is one."""
        ...

    @property
    def takes_whole(self) -> bool:
        """Whether the client's end is written to at once, head and body."""
        ...

    def idle_connection(self, upstream: Upstream) -> Server | None:
        """One that served this client before, to the same place under the same terms; it costs nothing."""
        ...

    def new_attempt(self, stream: Any) -> None:
        """A new id for the stream's upstream half; whatever the old attempt still sends finds nobody."""
        ...

    def open_socket(self, handshake: http.Request, stream_id: int) -> layer.CommandGenerator[None]:
        """The client's connection speaks WebSocket from here on."""
        ...
