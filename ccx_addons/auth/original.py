"""The client's own request as plain data in ``flow.metadata``, because ``flow.request`` becomes the upstream's.

mitmweb shows it, writes it into flow files, and replays it. The client's credentials are not in it.
"""

from typing import Any, Final

from mitmproxy import http

from ccx_addons.core.config import Client, Snapshot
from ccx_addons.core.endpoints import TEST_HEADER
from ccx_addons.core.exchange import Exchange

KEY: Final = "ccx_client"
OF_TRANSFER: Final = frozenset(
    {"connection", "content-encoding", "content-length", "expect", "host", "transfer-encoding", TEST_HEADER}
)
"""Headers that belong to how the request came, not to what it says."""


class Bytes(bytes):
    """Bytes that mitmweb's ``~meta`` filters do not search: they look at the text of all metadata."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"

    def __deepcopy__(self, memo: Any) -> "Bytes":
        return self


def keep(flow: http.HTTPFlow, x: Exchange) -> None:
    flow.metadata[KEY] = {
        "client": x.client.name if x.client else "",
        "method": x.method,
        "path": x.path + (f"?{x.query}" if x.query else ""),
        "headers": [[name, plain(value)] for name, value in x.headers],
        "body": Bytes(x.asked or x.raw),
    }


def plain(value: str) -> str:
    """A header's value as text that a flow file can hold."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def kept(flow: http.HTTPFlow) -> dict[str, Any] | None:
    found = flow.metadata.get(KEY)
    return found if isinstance(found, dict) else None


def restored(flow: http.HTTPFlow, secret: str) -> http.Request | None:
    """The client's request once more, marked as a test of this gateway. None: it is not known."""
    found = kept(flow)
    if found is None or not found["client"]:
        return None
    request = http.Request.make(found["method"], "http://gateway.invalid" + found["path"], found["body"])
    fields = [(name, value) for name, value in found["headers"] if name not in OF_TRANSFER]
    fields += [("host", "gateway.invalid"), ("content-length", str(len(found["body"]))), (TEST_HEADER, secret)]
    request.headers = http.Headers([(name.encode(), value.encode()) for name, value in fields])
    return request


def client_of(flow: http.HTTPFlow, snapshot: Snapshot) -> Client | None:
    """Who asked at first, for a flow that mitmweb replays; only while that client is enabled."""
    if flow.is_replay != "request" or (found := kept(flow)) is None:
        return None
    return next((client for client in snapshot.clients if client.name == found["client"] and client.enabled), None)
