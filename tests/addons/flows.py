"""Flows of mitmproxy for the tests of addons: real objects, no sockets."""

from typing import Any

from mitmproxy import http
from mitmproxy.test import tflow

from ccx_addons.core.exchange import Exchange
from ccx_addons.proxy.guard import attach


def flow(
    method: str = "POST",
    path: str = "/v1/chat/completions",
    body: bytes = b"",
    peer: str = "203.0.113.7",
    x: Exchange | None = None,
    **headers: Any,
) -> http.HTTPFlow:
    """A request as it arrives. Header names are written with ``_`` for ``-``; ``x``: the exchange that auth made."""
    made = tflow.tflow()
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    made.request = http.Request.make(method, "http://gateway.test", body, http.Headers(host="gateway.test"))
    made.request.headers.update(fields)
    made.request.path = path
    made.client_conn.peername = (peer, 50_000)
    if x is not None:
        attach(made, x)
    return made


def response(status: int = 200, body: bytes = b"{}", **headers: Any) -> http.Response:
    fields = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return http.Response.make(status, body, {"content-type": "application/json", **fields})
