"""Nothing is read that nobody can use yet: it waits in the peer's memory, not in ours."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, Final

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO
from mitmproxy.utils import asyncio_utils

from ccx_addons.proxy.hooks import WaitHook

READS: Final[ContextVar[Connection]] = ContextVar("reads")
"""The connection that the running task reads."""

WRITABLE: Final = 64 << 10
STALLED: Final = 16 << 10
"""Bytes that wait for a client: above the first, asyncio lets writers wait until they are below the second."""


class PacedConnections(ConnectionHandler):
    """A client connection's handler that asks its layer before each read."""

    layer: Any
    unsent = False
    """Something may wait for the kernel to take it."""
    moved: asyncio.Event | None = None
    """Set after each event while somebody waits for that."""
    busy = False
    """An event is being handled."""

    async def handle_connection(self, connection: Connection) -> None:
        READS.set(connection)
        await super().handle_connection(connection)

    async def drain_writers(self) -> None:
        """Called between two reads. Mostly everything is with the kernel already, and nobody has to be asked."""
        if self.unsent:
            self.unsent = False
            await super().drain_writers()  # type: ignore[no-untyped-call]
        while not self.layer.may_read(READS.get()):
            await self._moves()

    def backlog(self, stream: HttpStream) -> int:
        """Bytes for the client of this stream that it has not taken yet."""
        io = self.transports.get(self.client)
        writer = io.writer if io else None
        unsent = writer.transport.get_write_buffer_size() if isinstance(writer, asyncio.StreamWriter) else 0
        unread: int = self.layer.unread(stream)
        return unsent + unread

    async def taken(self, stream: HttpStream, seconds: float) -> None:
        """Until the client has taken nearly everything, at most ``seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await super().drain_writers()  # type: ignore[no-untyped-call]
                while self.layer.unread(stream) > STALLED:
                    await self._moves()

    async def _moves(self) -> None:
        self.moved = self.moved or asyncio.Event()
        await self.moved.wait()

    async def server_event(self, event: events.Event) -> None:
        """As mitmproxy's; what is frequent is asked for first. A task that a command starts runs at once, and its own
        events wait for the end of this one."""
        while self.busy:
            await self._moves()
        self.busy = True
        try:
            for command in self.layer.handle_event(event):
                if isinstance(command, commands.SendData):
                    self.write(command.connection, command.data)
                else:
                    self._carry_out(command)
        except Exception:
            self.failed()
        finally:
            self.busy = False
        if self.moved:
            self.moved.set()
            self.moved = None

    def failed(self) -> None:
        """A layer raised something. The connection is over, as if the client had left: nobody knows what its layers
        would do next."""
        self.log("mitmproxy has crashed!", logging.ERROR, exc_info=True)
        io = self.transports.get(self.client)
        if io and io.handler:
            io.handler.cancel("a layer failed")

    def write(self, connection: Connection, data: bytes) -> None:
        io = self.transports.get(connection)
        writer: Any = io.writer if io else None
        if writer and not writer.is_closing():
            writer.write(data)
            if writer.transport.get_write_buffer_size():
                self.unsent = True

    def _carry_out(self, command: commands.Command) -> None:
        match command:
            case commands.OpenConnection():
                self.transports[command.connection] = ConnectionIO(self._start(self.open_connection(command), "server"))
            case commands.RequestWakeup():
                self.wakeup_timer.add(self._start(self.wakeup(command), "wakeup timer"))
            case commands.StartHook():
                self._start(self.hook_task(command), f"hook {command.name}")
            case commands.CloseConnection():
                if command.connection in self.transports:  # else it is closed already
                    half = isinstance(command, commands.CloseTcpConnection) and command.half_close
                    self.close_connection(command.connection, half)
            case commands.Log():
                self.log(command.message, command.level)
            case _:
                raise RuntimeError(f"nobody carries out {command}")

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return asyncio_utils.create_task(work, name=name, keep_ref=True, client=self.client.peername)

    async def handle_hook(self, hook: commands.StartHook) -> None:
        if isinstance(hook, WaitHook):
            with self.timeout_watchdog.disarm():
                await hook.rest
        else:
            await super().handle_hook(hook)  # type: ignore[safe-super]  # of the other base
