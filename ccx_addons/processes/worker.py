"""One proxy process: mitmproxy's event loop with our chain behind an inherited listening socket."""

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from typing import Final

from mitmproxy.master import Master

from ccx_addons import chain
from ccx_addons.core import mask
from ccx_addons.core.errors import ConfigErrors
from ccx_addons.core.settings import Settings
from ccx_addons.io import last_good, logs
from ccx_addons.io.meeting.join import meeting_of
from ccx_addons.io.place import place_of
from ccx_addons.io.store import Store
from ccx_addons.processes.certificate import renewing
from ccx_addons.processes.runtime import Runtime
from ccx_addons.processes.warmth import Warmth
from ccx_addons.processes.watchdog import Tell, watching
from ccx_addons.proxy.budget import Budget
from ccx_addons.proxy.hooks import DirectHooks
from ccx_addons.proxy.listener import Listener, server_tls
from ccx_addons.proxy.master import make_master
from ccx_addons.proxy.pool import Pool
from ccx_addons.proxy.terms import Limits
from ccx_addons.proxy.unasked import Unasked

try:
    import uvloop
except ImportError:  # Windows: asyncio's own loop
    uvloop = None  # type: ignore[assignment]

log: Final = logging.getLogger("ccx")

LONGEST: Final = 6 * 3600.0
"""Seconds that a worker whose place was taken may go on with what it is doing."""
GC_THRESHOLDS: Final = (150_000, 2, 5)
"""New objects between two collections of the youngest, and how many of these between two of the middle and the oldest
ones. A thousand requests that are under way have some 100,000, and none of them is garbage: what ends, ends by itself.
Looking through 150,000 takes about 10 ms."""


async def serve(
    runtime: Runtime, sock: socket.socket, ready_fd: int, parent_fd: int, web: socket.socket | None = None
) -> None:
    """Runs until SIGTERM, SIGINT, or the supervisor is gone (its end of ``parent_fd`` closes); after SIGHUP until what
    it is doing is done.

    ``web``: where mitmproxy's web UI listens; None: there is none.
    """
    loop = asyncio.get_running_loop()
    settings = runtime.settings
    stop, leave = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, leave.set)

    def orphaned() -> None:
        loop.remove_reader(parent_fd)  # it stays readable: one call is enough
        stop.set()

    loop.add_reader(parent_fd, orphaned)
    addons = chain(runtime)
    limits = Limits(
        max_body=int(settings.max_request_body_mb * (1 << 20)),
        client_timeout=settings.client_timeout,
        body_timeout=settings.request_body_timeout,
        keepalive_timeout=settings.keepalive_timeout,
        budget=Budget(int(settings.max_buffered_mb * (1 << 20))),
    )
    pool = Pool(settings.upstream_idle_timeout)
    tls = server_tls(settings.tls_cert_file, settings.tls_key_file) if settings.tls_cert_file else None
    master: Master
    if web:
        from ccx_addons.proxy import mitmweb  # nobody else needs a web server here

        master = mitmweb.make_master(runtime, addons, web, sock.getsockname()[:2], limits, pool)
        listener = Listener(master, sock, limits, pool, tls)
    else:
        master = make_master(addons, loop)
        listener = Listener(master, sock, limits, pool, tls, DirectHooks(addons))
    runtime.unasked = Unasked(master.options, limits, pool)
    running = asyncio.ensure_future(master.run())
    await asyncio.sleep(0)
    await runtime.meeting.start()
    await listener.start()
    warmth = Warmth(runtime, pool)
    warmth.running()
    runtime.ready = True
    os.write(ready_fd, b"1")
    os.close(ready_fd)
    with watching(loop, tell_stall(runtime)), renewing(tls, settings):
        await first_of(stop, leave)
    runtime.ready = False
    warmth.done()
    cut = await gone(listener, stop, settings.shutdown_grace)
    loop.remove_reader(parent_fd)
    if cut:
        log.warning("stopping: %d connections were cut after %g s", cut, settings.shutdown_grace)
    runtime.meeting.stop()
    master.shutdown()
    await running


async def first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def gone(listener: Listener, stop: asyncio.Event, grace: float) -> int:
    """No further connections; waits ``grace`` seconds from the moment that ``stop`` is set. How many were cut."""
    ending = asyncio.ensure_future(listener.stop(grace if stop.is_set() else LONGEST))
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait((ending, stopped), return_when=asyncio.FIRST_COMPLETED)
    listener.hurry(grace)
    stopped.cancel()
    return await ending


def spare_the_collector() -> None:
    """What is loaded stays: the garbage collector need not walk through it, nor run after every few requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def note(runtime: Runtime, kind: str, words: str) -> None:
    """An event of the whole gateway, which its first worker writes for all."""
    if runtime.worker == 0:
        runtime.store.put_event("info", kind, words, f"configuration {runtime.snapshot.revision}")


def tell_stall(runtime: Runtime) -> Tell:
    def tell(words: str, stack: str) -> None:
        runtime.store.put_event("warning", "stall", f"worker {runtime.worker}: {words}", stack)

    return tell


def note_configuration(runtime: Runtime, errors: ConfigErrors | None) -> None:
    """What somebody should know of the configuration in force. ``errors``: of the file, which is not in force."""
    for warning in runtime.snapshot.warnings if runtime.worker == 0 else ():
        log.warning("%s", warning)
    if errors is None:
        return
    words = f"ccx.yaml is not valid; worker {runtime.worker} starts with the last good one, {runtime.snapshot.revision}"
    log.warning("%s: %s", words, errors.words)
    runtime.store.put_event("warning", "config", words, errors.words)


def main(fd: int, ready_fd: int, parent_fd: int, worker: int, admin_port: int, web_fd: int) -> int:
    """``web_fd``: a listening socket for mitmproxy's web UI, or -1."""
    settings = Settings.read(os.environ)
    listener = logs.start(settings.log_level, settings.log_format, "worker", worker)
    try:
        mask.use(mask.Secrets(settings.secrets()))
        snapshot, errors = last_good.take_or_last(settings, time.time())
        mask.use(snapshot.secrets)
        boot_id = os.environ.get("CCX_BOOT_ID", "")
        store = Store.open(
            place_of(settings),
            boot_id=boot_id,
            worker=worker,
            body_limit=settings.body_storage_mb << 20,
        )
        runtime = Runtime(settings, snapshot, store, worker=worker, boot_id=boot_id, admin_port=admin_port)
        runtime.meeting = meeting_of(settings, os.environ, runtime.state.limits)
        runtime.panel_secret = os.environ.get("CCX_PANEL_SECRET", "")
        runtime.test_secret = os.environ.get("CCX_TEST_SECRET", "")
        try:
            spare_the_collector()
            note_configuration(runtime, errors)
            run = asyncio.run if uvloop is None else uvloop.run
            size = f"{settings.worker_count} workers, {len(snapshot.channels)} channels"
            note(runtime, "start", f"the gateway starts: {size}")
            web = socket.socket(fileno=web_fd) if web_fd >= 0 else None
            run(serve(runtime, socket.socket(fileno=fd), ready_fd, parent_fd, web))
            note(runtime, "stop", f"the gateway stops after {time.time() - runtime.started:.0f} s")
        finally:
            store.close()
    finally:
        listener.stop()
    return 0
