"""The panel as a client of its own gateway: replays and the playground. What it asks is logged with source ``test``."""

from typing import Final

from ccx_addons.core.endpoints import PIN_HEADER, TEST_HEADER
from ccx_admin.api.problem import Failure
from ccx_admin.panel import Panel

UNKNOWN: Final = "this process does not know the gateway's address or a client key"


def headers(panel: Panel, channel: str = "") -> dict[str, str]:
    """Who asks, and (by name or id) which channel alone may answer. Raises Failure where the gateway is not known."""
    if not panel.gateway_url or not panel.settings.proxy_access_key:
        raise Failure(409, "No gateway", UNKNOWN)
    asks = {"x-api-key": panel.settings.proxy_access_key, TEST_HEADER: panel.test_secret}
    return asks | ({PIN_HEADER: channel} if channel else {})
