"""Next to the wire: what HTTP/1 requests may look like, coming in and going out.

Both ends are checked as bytes, so that no parser's reading stands between the check and the wire. Incoming, every head
of RFC 9112 passes that two parsers cannot read differently. Outgoing, only what the gateway itself writes passes: one
request line, one true length, nothing that speaks of a client's connection.
"""

import re
from typing import Final

from mitmproxy import http

from ccx_addons.proxy.headers import Headers

TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
VALUE: Final = rb"[\t\x20-\x7e\x80-\xff]*+"

_FIELDS: Final = rb"((?:%b:%b\r\n)*+)\r\n" % (TOKEN, VALUE)

RECEIVED: Final = re.compile(rb"(%b) ([!-~]++) (HTTP/[0-9]\.[0-9])\r\n%b" % (TOKEN, _FIELDS))
"""A request head, (method, target, version, fields): line breaks are CRLF, no folded lines, no space before a colon, no
control characters."""
ANSWERED: Final = re.compile(rb"(HTTP/1\.[01]) ([1-9][0-9]{2})(?: (%b))?\r\n%b" % (VALUE, _FIELDS))
"""The same for an answer's, (version, status, reason, fields). Others are read, too, with more patience."""
FIELD: Final = re.compile(rb"([^:]++):[\t ]*+((?:[^\t\r ]++|[\t ]++(?!\r))*+)[\t ]*+\r\n")
"""One of the fields of such a head: its name, and its value without the space around it."""

OF_CONNECTION: Final = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate", b"te", b"trailer",
    b"transfer-encoding", b"upgrade", b"expect", b"http2-settings",
})  # fmt: skip
"""Headers that speak of one connection only (RFC 9110 section 7.6.1), or of one message's way over it."""

_ELSEWHERE: Final = b"|".join(sorted((*OF_CONNECTION, b"content[-_]length", b"transfer_encoding", b"host")))
_FIELD: Final = rb"(?!(?i:%b):)%b: %b\r\n" % (_ELSEWHERE, TOKEN, VALUE)
SENT: Final = re.compile(
    rb"(?:DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT) /[!\"$-~]*+ HTTP/1\.1\r\n"
    rb"(?:(?i:host): [!-~]*+\r\n)?"
    rb"(?:connection: (?:keep-alive|Upgrade\r\nupgrade: websocket)\r\n)?"
    rb"(?:%b)*+(?:(?i:content-length): ([0-9]{1,15})\r\n)?(?:%b)*+\r\n" % (_FIELD, _FIELD)
)


def problem(head: bytes, body: bytes) -> str:
    """Why a request must not be written to an upstream; empty: nothing. Never repeats a part of it."""
    found = SENT.fullmatch(head)
    if found is None:
        return "its head is not one that the gateway writes"
    if int(found[1] or b"0") != len(body):
        return "its length is not the body's"
    return ""


def reframe(request: http.Request) -> None:
    """A client's request becomes the gateway's own to pass on: HTTP/1.1, framed by the body that it has.

    What the client says of its connection goes; a wish for a WebSocket stays, in our words.
    """
    data = request.data
    fields = data.headers.fields
    hosts = [data.authority] if data.authority else [value for name, value in fields if name.lower() == b"host"]
    cookies = [value for name, value in fields if name.lower() == b"cookie"]
    named = [part for name, value in fields if name.lower() == b"connection" for part in value.lower().split(b",")]
    gone = OF_CONNECTION | {b"host", b"cookie", b"content-length"} | {part.strip() for part in named}
    upgrade = request.headers.get("upgrade", "").lower() == "websocket"
    body = data.content or b""
    own = [(b"host", hosts[0] if hosts else b""), (b"connection", b"Upgrade" if upgrade else b"keep-alive")]
    own += [(b"upgrade", b"websocket")] if upgrade else []
    own += [(b"cookie", b"; ".join(cookies))] if cookies else []  # HTTP/2 may split them (RFC 9113 section 8.2.3)
    own += [field for field in fields if field[0].lower() not in gone]
    if body or data.method in (b"POST", b"PUT", b"PATCH"):
        own.append((b"content-length", b"%d" % len(body)))
    data.headers = Headers.of(own)
    data.authority, data.http_version = b"", b"HTTP/1.1"
