"""Is the gateway of this configuration ready? For health checks of containers and monitors on the same machine."""

import http.client
import os
import ssl
from typing import Final

from ccx_addons.commands import parser, say
from ccx_addons.commands.places import environment
from ccx_addons.core.settings import Settings

PATIENCE: Final = 5.0
"""Seconds to connect and to answer."""


def health(arguments: list[str]) -> int:
    """Asks the running gateway itself, at the address of the settings and past every proxy; 0: it is ready."""
    words = parser("health", health)
    words.add_argument("--port", type=int, help="where PORT is 0, or another gateway's")
    asked = words.parse_args(arguments)
    settings = Settings.read(environment(os.environ))
    port = asked.port or settings.port
    found = ask(settings, port)
    say(found)
    return 0 if found == "ready" else 1


def ask(settings: Settings, port: int) -> str:
    """``ready``, or what is not as it should be. Standard library only: it runs every few seconds."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.bind_host, settings.bind_host)
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    if settings.tls_cert_file:
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it is asked whether it lives, not who it is
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=trusting)
    try:
        connection.request("GET", "/health/ready")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"nothing answers on {host}:{port}: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    return "ready" if status == http.client.OK else f"not ready: status {status}"
