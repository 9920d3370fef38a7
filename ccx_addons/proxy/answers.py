"""The head of an answer towards the client: how its body is framed, and what a browser may do with it."""

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

OF_BODY: Final = frozenset({b"content-length", b"content-encoding", b"transfer-encoding"})
WITHOUT_BODY: Final = frozenset({204, 304})


def unframe(response: http.Response) -> None:
    """Forget how the upstream had sent the body."""
    fields = response.headers.fields
    response.headers = Headers.of(field for field in fields if field[0].lower() not in OF_BODY)


def whole(response: http.Response, body: bytes) -> None:
    """A body that is complete, unpacked."""
    unframe(response)
    response.raw_content = body
    if response.status_code not in WITHOUT_BODY:
        response.headers["content-length"] = str(len(body))


def streamed(response: http.Response, chunks: bool) -> None:
    """A body that comes in pieces. ``chunks``: HTTP/1 marks its end."""
    unframe(response)
    if chunks:
        response.headers["transfer-encoding"] = "chunked"


def finish(response: http.Response, x: Exchange | None, secure: bool) -> None:
    """The last word about a head. The panel says itself what its pages may do."""
    response.data.reason = RESPONSES.get(response.status_code, "").encode()
    own = (() if x and x.forward else HARMLESS) + (SECURE if secure else ())
    names = {name for name, _ in own}
    kept = (field for field in response.headers.fields if field[0].lower() not in names)
    response.headers = Headers.of((*kept, *own))
