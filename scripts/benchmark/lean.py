"""mitmproxy as small as a reverse proxy can be: its layers, its server, no addon that nobody needs.

    python -m scripts.benchmark.lean PORT UPSTREAM

What the gateway costs beside this is its own; below it no program on mitmproxy comes.
"""

import asyncio
import sys

from mitmproxy.addons import core, next_layer, proxyserver, tlsconfig
from mitmproxy.http import HTTPFlow
from mitmproxy.options import Options

from ccx_addons.proxy.master import GatewayMaster


class Streams:
    """Passes event streams on as they come; other bodies are read whole, as whoever looks at them has to."""

    def responseheaders(self, flow: HTTPFlow) -> None:
        if flow.response and flow.response.headers.get("content-type", "").startswith("text/event-stream"):
            flow.response.stream = True


async def main(port: int, upstream: str) -> None:
    options = Options(listen_host="127.0.0.1", listen_port=port, mode=[f"reverse:{upstream}"], ssl_insecure=True)
    master = GatewayMaster(options, asyncio.get_running_loop())
    server = proxyserver.Proxyserver()
    master.addons.add(core.Core(), server, next_layer.NextLayer(), tlsconfig.TlsConfig(), Streams())
    await server.setup_servers()
    await master.run()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
    else:
        uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
