"""mitmproxy's web UI around the gateway: for debugging on one machine, never for service.

It keeps every flow in memory and shows upstream keys; so it listens on loopback only, and wants a password.
"""

import logging
import socket
from collections.abc import Sequence
from typing import Any, Final

import tornado.httpserver
from mitmproxy.options import Options
from mitmproxy.tools.web.master import WebMaster
from tornado.routing import HostMatches, Rule, RuleRouter

from ccx_addons.inspect import Edits, Inspect, Listed, difference
from ccx_addons.inspect.views import register
from ccx_addons.mirrors import Mirrors
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.master import OPTIONS, GatewayMaster
from ccx_addons.proxy.pool import Pool
from ccx_addons.proxy.replay import Replays
from ccx_addons.proxy.terms import Limits

COLUMNS: Final = ["icon", "method", "path", "status", "size", "time", "comment"]
OWN_HOSTS: Final = r"(?:127\.0\.0\.1|localhost|\[::1\])$"
"""Under another name a page of somebody else may be on its way here (DNS rebinding)."""
TALKATIVE: Final = ("mitmproxy.tools.web.webaddons", "tornado.access")
"""Loggers: that the password is plain text, and each request of the page itself."""


class MitmwebMaster(GatewayMaster, WebMaster):
    """WebMaster on a socket that is there already, with an event loop that is, too."""

    def __init__(self, options: Options, sock: socket.socket) -> None:
        WebMaster.__init__(self, options, with_termlog=False)
        self.sock = sock

    async def running(self) -> None:
        server = tornado.httpserver.HTTPServer(RuleRouter([Rule(HostMatches(OWN_HOSTS), self.app)]))
        server.add_socket(self.sock)
        await GatewayMaster.running(self)


def make_master(
    runtime: Runtime, addons: Sequence[Any], sock: socket.socket, public: tuple[str, int], limits: Limits, pool: Pool
) -> MitmwebMaster:
    """All of mitmproxy's addons but those that would connect to upstreams without the gateway, and ours.

    ``public``: host and port of the gateway, which the page names at its foot.
    """
    settings = runtime.settings
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    master = MitmwebMaster(Options(confdir=settings.ccx_data_dir), sock)
    for name in ("clientplayback", "tlsconfig"):
        master.addons.chain.remove(master.addons.lookup.pop(name))
    register()
    difference.register(master.view._store.values())
    inspect = Inspect(runtime, master.view)
    for mirrors in (addon for addon in addons if settings.web_mirrors and isinstance(addon, Mirrors)):
        mirrors.show(inspect, Listed(master.view))
    master.addons.add(Edits(), *addons, inspect, Replays(limits, pool, runtime.test_secret))
    master.options.update(
        **OPTIONS,
        listen_host=public[0],
        listen_port=public[1],
        onboarding=False,
        command_history=False,
        web_open_browser=False,
        web_host=sock.getsockname()[0],
        web_port=sock.getsockname()[1],
        web_password=settings.web_password,
        web_columns=COLUMNS,
    )
    return master
