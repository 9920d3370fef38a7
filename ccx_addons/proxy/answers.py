"""The head of an answer towards the client: how its body is framed, and what a browser may do with it."""

from functools import cache
from typing import Final

from mitmproxy import http
from mitmproxy.net.http.status_codes import RESPONSES

from ccx_addons.core.exchange import Exchange
from ccx_addons.proxy.headers import Headers

HARMLESS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
)
"""On everything that is not the panel's: an answer shares the panel's origin, and its words are a model's."""

SECURE: Final = ((b"strict-transport-security", b"max-age=15552000"),)
"""Over TLS: half a year (RFC 6797)."""

PACKED: Final = frozenset({b"content-encoding", b"transfer-encoding"})
OF_BODY: Final = PACKED | {b"content-length"}
WITHOUT_BODY: Final = frozenset({204, 304})
REASONS: Final = {status: reason.encode() for status, reason in RESPONSES.items()}


def unframe(response: http.Response) -> None:
    """Forget how the upstream had sent the body."""
    response.headers = without(response.data.headers, OF_BODY)


def without(headers: http.Headers, names: frozenset[bytes]) -> Headers:
    return _quick(headers).without(names)


def _quick(headers: http.Headers) -> Headers:
    return headers if isinstance(headers, Headers) else Headers.of(headers.fields)


def whole(response: http.Response, body: bytes) -> None:
    """A body that is complete, unpacked."""
    data, headers, length = response.data, _quick(response.data.headers), str(len(body))
    data.content = body
    has_body = data.status_code not in WITHOUT_BODY
    if has_body and headers.get("content-length") == length and PACKED.isdisjoint(headers.names):
        return  # as it came
    data.headers = headers.without(OF_BODY)
    if has_body:
        data.headers["content-length"] = length


def streamed(response: http.Response, chunks: bool) -> None:
    """A body that comes in pieces. ``chunks``: HTTP/1 marks its end."""
    unframe(response)
    if chunks:
        response.headers["transfer-encoding"] = "chunked"


def finish(response: http.Response, x: Exchange | None, secure: bool) -> None:
    """The last word about a head. The panel says itself what its pages may do."""
    data = response.data
    data.reason = REASONS.get(data.status_code, b"")
    data.headers = finished(data.headers, x is not None and x.forward is not None, secure)


def finished(headers: http.Headers, panel: bool, secure: bool) -> Headers:
    """A head with the gateway's own fields at its end."""
    own, names = _own(panel, secure)
    return Headers.of(without(headers, names).fields + own)


@cache
def _own(panel: bool, secure: bool) -> tuple[tuple[tuple[bytes, bytes], ...], frozenset[bytes]]:
    """The gateway's fields of a head, and their names."""
    own = (() if panel else HARMLESS) + (SECURE if secure else ())
    return own, frozenset(name for name, _ in own)
