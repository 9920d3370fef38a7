"""The head of a request as an upstream gets it: where it goes, whose key it has, and what of the client's may go along.

What a channel, a key and an address say of it is worked out once, and is the same for all requests that go there.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple, Self
from urllib.parse import quote

from mitmproxy import http

from ccx_addons.core.code_assist import VERSION
from ccx_addons.core.config import Channel, Key, Kind, Snapshot
from ccx_addons.core.endpoints import ACCOUNT, passed
from ccx_addons.core.exchange import AttemptRecord, Exchange, Upstream
from ccx_addons.core.header_names import TENANT
from ccx_addons.core.neutral import Loss
from ccx_addons.core.refusals import loss_of
from ccx_addons.core.urls import target_of
from ccx_addons.core.verdict import Attempt
from ccx_addons.io.outward import proxy_of
from ccx_addons.protocols import PROTOCOLS, WireProtocol, credential
from ccx_addons.protocols.messages.mcp import BETA, SERVERS
from ccx_addons.proxy.headers import Headers

type Field = tuple[bytes, bytes]

COMMON_HEADERS: Final = re.compile(
    r"accept|accept-language|content-type|user-agent|idempotency-key|traceparent|tracestate|x-client-request-id"
)
VENDORS: Final[Mapping[Kind, str]] = {
    "messages": "anthropic",
    "chat": "openai",
    "responses": "openai",
    "images": "openai",
    "embeddings": "openai",
    "gemini": "google",
}
VENDOR_HEADERS: Final[Mapping[str, re.Pattern[str]]] = {
    "anthropic": re.compile(r"anthropic-[\w-]+|x-stainless-[\w-]+|x-app|x-claude-[\w-]+"),
    "openai": re.compile(
        r"openai-[\w-]+|x-stainless-[\w-]+|x-codex-[\w-]+|originator|session[-_]id|thread[-_]id|conversation[-_]id"
    ),
    "google": re.compile(r"x-goog-api-client|x-gemini-[\w-]+|x-server-timeout"),
}
"""Request headers that go to an upstream, beside the common ones. Vendor headers go to that vendor's protocols only."""
LONGEST_NAME: Final = 128
MOST_NAMES: Final = 1024
"""Letters of a header's name that is looked at, and names that are remembered with what was decided about them."""
ANTHROPIC_VERSION: Final = b"2023-06-01"


class Decided[T: str | bytes](dict[T, bytes]):
    """The name of a header, as it arrived -> how it goes on; empty: it does not. Each is decided about once."""

    def __init__(self, decide: Callable[[T], bytes]) -> None:
        super().__init__()
        self._decide = decide

    def __missing__(self, name: T) -> bytes:
        if len(name) > LONGEST_NAME:
            return b""
        found = self._decide(name)
        if len(self) < MOST_NAMES:
            self[name] = found
        return found


def own_names(channel: Channel) -> frozenset[str]:
    """Of the headers that a channel sets itself."""
    return frozenset(name for name, _ in channel.headers)


def names_of(channel: Channel) -> Mapping[Kind, Decided[str]]:
    """What becomes of the headers of each protocol's clients: one table for all keys and addresses of the channel."""
    own, vendor = own_names(channel), VENDORS[channel.protocol]

    def table(same: str) -> Decided[str]:
        return Decided(lambda name: b"" if name in own else forwarded_as(name, same, channel.pass_headers))

    same, others = table(vendor), table("")
    return {kind: same if whose == vendor else others for kind, whose in VENDORS.items()}


class Terms(NamedTuple):
    """What a channel, a key and an address say of every request."""

    channel: Channel
    key: Key
    protocol: WireProtocol
    upstream: Upstream
    scheme: bytes
    host: Field
    names: Mapping[Kind, Decided[str]]
    """Of the headers of each protocol's clients."""
    added: tuple[Field, ...]
    """What the upstream gets where neither the client nor the channel says it."""
    fixed: tuple[Field, ...]
    """What it gets behind the client's own: among it the key."""
    query: tuple[str, ...]
    """The same in the address."""

    @classmethod
    def of(cls, channel: Channel, key: Key, at: str, names: Mapping[Kind, Decided[str]]) -> Self:
        protocol = PROTOCOLS[channel.protocol]
        target = target_of(at, channel.protocol, protocol.DEFAULT_VERSION, "/")
        own = own_names(channel)
        added = {b"anthropic-version": ANTHROPIC_VERSION} if VENDORS[channel.protocol] == "anthropic" else {}
        added[b"user-agent"] = b"ccx"
        name, value = credential(channel, key, at)
        fixed = [("accept-encoding", "identity"), *channel.headers]
        if name and name != "?key":
            fixed.insert(1, (name, value))
        return cls(
            channel,
            key,
            protocol,
            Upstream(
                target.host,
                target.port,
                target.scheme == "https",
                channel.timeouts,
                channel.verify_tls,
                channel.ca_file,
                proxy_of(channel, at),
            ),
            target.scheme.encode(),
            (b"host", target.authority.encode()),
            names,
            tuple(field for field in added.items() if field[0].decode() not in own),
            tuple((name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in fixed),
            (f"key={quote(value, safe='')}",) if name == "?key" else (),
        )


class AllTerms:
    """Those of one snapshot, each made when it is first asked for."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._known: dict[tuple[int, int, str], Terms] = {}
        self._names: dict[int, Mapping[Kind, Decided[str]]] = {}

    def of(self, snapshot: Snapshot, attempt: Attempt) -> Terms:
        """Channels and keys are known by their identity, which their terms keep alive: to compare them takes long."""
        if self._snapshot is not snapshot:
            self._snapshot, self._known, self._names = snapshot, {}, {}
        channel, key, at = attempt.channel, attempt.key, attempt.base_url
        terms = self._known.get((id(channel), id(key), at))
        if terms is None:
            if (names := self._names.get(id(channel))) is None:
                names = self._names[id(channel)] = names_of(channel)
            terms = self._known[id(channel), id(key), at] = Terms.of(channel, key, at, names)
        return terms


def write_request(
    request: http.Request, x: Exchange, record: AttemptRecord, terms: Terms, path: str, body: bytes
) -> None:
    """``flow.request`` becomes the upstream's: what mitmproxy sends and mitmweb shows. Only its own key is on it."""
    channel = record.attempt.channel
    version = VERSION if x.envelope or x.operation == ACCOUNT else terms.protocol.DEFAULT_VERSION
    whole = target_of(record.attempt.base_url, channel.protocol, version, path).path
    query = passed(x.kind, x.query) if x.query and not record.converted else ()
    if query or terms.query:
        whole = with_query(whole, (*query, *terms.query))
    fields = [terms.host, *forwarded_headers(x, terms, record.attempt.drop)]
    if channel.credential == "client":
        fields += [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in x.login]
    fields += terms.fixed
    if SERVERS in record.fields and record.converted:
        fields.append((b"anthropic-beta", BETA.encode()))
    if body or x.method == "POST":
        fields.append((b"content-length", b"%d" % len(body)))
    data = request.data
    data.method = x.method.encode()
    data.http_version = b"HTTP/1.1"
    data.authority = b""
    data.scheme = terms.scheme
    data.host = terms.upstream.host
    data.port = terms.upstream.port
    data.path = whole.encode()
    data.headers = Headers.of(fields)
    data.content = body


def with_query(path: str, parts: Collection[str]) -> str:
    """A path with these behind it, but for those that it has itself."""
    named = {part.partition("=")[0] for part in path.partition("?")[2].split("&")}
    for part in parts:
        if part.partition("=")[0] not in named:
            path += ("&" if "?" in path else "?") + part
    return path


def forwarded_headers(x: Exchange, terms: Terms, drop: Collection[str]) -> list[Field]:
    """The client's headers that this upstream may see, and what it wants to see there in any case."""
    names = terms.names[x.kind]
    kept: list[Field] = []
    ended = ""
    for name, value in x.headers:
        told = names[name]
        if not told:
            if name == "connection":
                ended += f",{value}"
            continue
        if name == "content-type" and x.body:  # it was read as JSON, so nobody may read it as a form
            value = "application/json"
        elif drop and name == "anthropic-beta":
            value = _without(value, drop)
        if value:
            kept.append((told, value.encode("utf-8", "surrogateescape")))
    if ended:
        here = hop_by_hop(ended)
        kept = [field for field in kept if field[0] not in here]
    said = dict(kept)
    return kept + [field for field in terms.added if field[0] not in said]


def hop_by_hop(connection: str) -> set[bytes]:
    """Names of headers that end here, because the client says so (RFC 9110 section 7.6.1)."""
    return {name.strip().lower().encode("utf-8", "surrogateescape") for name in connection.split(",")}


def forwarded_as(name: str, vendor: str, also: Collection[str]) -> bytes:
    """A client's header on its way to an upstream. ``vendor``: whose protocols both sides speak; empty: not one's."""
    pattern = VENDOR_HEADERS.get(vendor)
    known = not TENANT.fullmatch(name) and (COMMON_HEADERS.fullmatch(name) or (pattern and pattern.fullmatch(name)))
    return name.encode() if known or name in also else b""


def lost_betas(x: Exchange, drop: Collection[str]) -> list[Loss]:
    """Of the client's own anthropic-beta tokens, those that the upstream does not get."""
    sent = ",".join(value for name, value in x.headers if name == "anthropic-beta")
    lost = (loss_of(token) for token in map(str.strip, sent.split(",")) if token in drop)
    return [loss for loss in lost if loss]


def _without(betas: str, drop: Collection[str]) -> str:
    return ",".join(token for token in (part.strip() for part in betas.split(",")) if token not in drop)
