"""Who is it? Makes the Exchange, finds the endpoint, checks the client's key, and answers what needs no upstream."""

import hashlib
import hmac
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode

from mitmproxy import http

from ccx_addons.auth import login, original
from ccx_addons.auth.guesses import Guesses
from ccx_addons.core import endpoints, unserved
from ccx_addons.core.config import Client
from ccx_addons.core.exchange import Exchange, Headers
from ccx_addons.core.forwarded import Proxies, below
from ccx_addons.core.header_names import KEY_HEADER, LOGIN
from ccx_addons.core.ids import uuid7
from ccx_addons.core.neutral import Fault
from ccx_addons.core.wire_json import dumps
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import attach, failed, refuse
from ccx_addons.proxy.websocket import accept

log: Final = logging.getLogger("ccx")

CREDENTIAL_HEADERS: Final = (
    "x-api-key", "authorization", "x-goog-api-key", "api-key", "sec-websocket-protocol", KEY_HEADER,
)  # fmt: skip
HERE: Final = frozenset({"health", "ready", "probe"})
"""Operations that need nobody's key."""
PROOFS: Final = frozenset({*CREDENTIAL_HEADERS, endpoints.TEST_HEADER})
"""What is only for the gateway."""
ADMIN_HEADERS: Final = ("x-api-key", "authorization")
SUBPROTOCOL_KEY: Final = "openai-insecure-api-key."
MAX_CREDENTIALS: Final = 4
"""Keys that a request may name: more than any client has places for."""

WRONG_KEY: Final = Fault(
    "authentication",
    "the access key for this gateway is missing or wrong; use a key from config/.env (PROXY_ACCESS_KEY) or ccx.yaml",
    status=401,
    code="invalid_api_key",
)
WRONG_ADMIN_KEY: Final = Fault(
    "authentication", "this needs the admin key of the gateway (ADMIN_ACCESS_KEY)", status=401, code="invalid_api_key"
)
UPGRADE: Final = Fault("invalid_request", "GET /v1/responses is for WebSocket clients: upgrade the connection", 426)
LOCKED_OUT: Final = Fault("rate_limit", "too many wrong access keys from this address", status=429)
TOO_MANY_KEYS: Final = Fault(
    "invalid_request", f"a request may name at most {MAX_CREDENTIALS} access keys", status=400, code="too_many_keys"
)
TWO_KEYS: Final = Fault(
    "authentication",
    "the request names different access keys in different places; send one of them only",
    status=401,
    code="invalid_api_key",
)
NOT_WRITTEN: Final = "what happens is kept in memory: nothing can be written just now"


class Auth:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        secret = runtime.settings.admin_access_key
        self.clients = Guesses("client keys", runtime.meeting, secret)
        self.admins = Guesses("admin keys", runtime.meeting, secret)
        self.proxies = Proxies.of(runtime.settings.trusted_proxies)
        self.mounted = bool(self.proxies.networks or runtime.settings.base_path)
        """Whether a path may have something before it."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not flow.live:
            return  # mitmweb loads it from a file: nobody is asking
        request = flow.request
        if self.mounted and (inner := self.inner_path(flow)) != request.path:
            request.path = inner
        method, (path, _, query) = request.method, request.path.partition("?")
        match = endpoints.find(method, path)
        x = Exchange(
            id=uuid7() if flow.is_replay else flow.id,
            started_at=time.time(),
            clock=time.monotonic(),
            snapshot=self.runtime.snapshot,
            method=method,
            path=path,
            query=query,
            headers=(),
            client_ip=self.address_of(flow),
        )
        x.ask(match, endpoints.kind_of(match, path, request.headers))
        attach(flow, x)
        try:
            self.admit(flow, x)
        except Exception:
            failed(flow, x, "Auth.requestheaders")

    def admit(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.method == "OPTIONS" and (preflight := self.cors(flow)):
            flow.response = preflight
            return
        if x.operation in HERE:
            flow.response = self.local(x.operation)
            return
        if x.match is None and self.runtime.admin_port and endpoints.for_panel(x.path):
            x.forward = ("127.0.0.1", self.runtime.admin_port)
            return
        x.headers, proofs = taken_apart(flow.request)
        places, x.query = credentials_of(proofs, x.query)
        x.test = self.is_test(proofs)
        if x.operation == "metrics":
            if fault := self.check_admin(x, proofs):
                flow.response = refuse(flow, fault)
            return
        x.client = original.client_of(flow, x.snapshot)
        if keys := login.gateway_keys(proofs):
            places = keys
            self.take_login(x, proofs)
        elif self.runtime.settings.loopback_client and not x.client:
            self.know_neighbour(flow, x, proofs, places)
        if fault := (None if x.client else self.check(x, places)) or refusal(x):
            flow.response = refuse(flow, fault)
        elif x.operation == "websocket":
            flow.response = accept(flow.request) or refuse(flow, UPGRADE)

    def take_login(self, x: Exchange, proofs: Headers) -> None:
        """The client's own login, but for what is a key of this gateway: that goes to nobody."""
        found = login.login_of((*proofs, *x.headers))
        if found and identify(login.tokens(found), x) is None:
            x.login = found
            x.headers = tuple(field for field in x.headers if field[0] not in LOGIN)

    def know_neighbour(self, flow: http.HTTPFlow, x: Exchange, proofs: Headers, places: list[list[str]]) -> None:
        """A program on this machine that brings a login, and no key, is the client of LOOPBACK_CLIENT."""
        keys, fault = common(places)
        if fault or identify(keys, x) or not login.is_from_here(flow, peer_of(flow)):
            return
        self.take_login(x, proofs)
        name = self.runtime.settings.loopback_client
        if x.login:
            x.client = next((c for c in x.snapshot.clients if c.name == name and c.enabled), None)

    def is_test(self, proofs: Headers) -> bool:
        """Whether the panel asks, or mitmweb. Nobody else knows the secret."""
        given = dict(proofs).get(endpoints.TEST_HEADER, "")
        secret = self.runtime.test_secret
        return bool(given and secret) and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode())

    def check(self, x: Exchange, places: list[list[str]]) -> Fault | None:
        """Sets ``x.client``, or says why not."""
        keys, fault = common(places)
        if fault:
            return fault
        x.client = identify(keys, x)
        if x.client is None:
            return wrong(self.clients, x, keys, WRONG_KEY)
        self.clients.forget(x.client_ip)
        return None

    def check_admin(self, x: Exchange, proofs: Headers) -> Fault | None:
        """For what is not of clients: the admin key, as Bearer or x-api-key."""
        places, _ = credentials_of(tuple(field for field in proofs if field[0] in ADMIN_HEADERS), "")
        keys, fault = common(places)
        if fault:
            return fault
        admin = self.runtime.settings.admin_access_key.encode()
        right = [hmac.compare_digest(key.encode("utf-8", "surrogateescape"), admin) for key in keys]
        if not admin or not any(right):
            return wrong(self.admins, x, keys, WRONG_ADMIN_KEY)
        self.admins.forget(x.client_ip)
        return None

    def address_of(self, flow: http.HTTPFlow) -> str:
        forwarded = flow.request.headers.get("x-forwarded-for", "") if self.proxies.networks else ""
        return self.proxies.client(peer_of(flow), forwarded)

    def inner_path(self, flow: http.HTTPFlow) -> str:
        """The path without what a proxy in front of us has put before it."""
        told = flow.request.headers.get("x-forwarded-prefix", "") if self.proxies.networks else ""
        return below(flow.request.path, self.proxies.prefix(peer_of(flow), self.runtime.settings.base_path, told))

    # ---- answered here ----------------------------------------------------------------------------------------------
    def local(self, operation: str) -> http.Response:
        match operation:
            case "health":
                limits = self.runtime.meeting.trouble.partition(": ")[0]  # nobody's key: no address, no engine's words
                log = NOT_WRITTEN if self.runtime.store.health().trouble else ""
                trouble = {"limits": limits, "log": log}
                return json_response(dumps({"status": "ok", **{name: why for name, why in trouble.items() if why}}))
            case "ready":
                ready = self.runtime.ready
                return json_response(b'{"ready":true}' if ready else b'{"ready":false}', 200 if ready else 503)
        return http.Response.make(200, b"", {"content-type": "text/plain"})

    def cors(self, flow: http.HTTPFlow) -> http.Response | None:
        """Preflight answers for the origins in CORS_ORIGINS; nobody else's pages may call the gateway."""
        origin = flow.request.headers.get("origin", "")
        if not origin:
            return None
        if not allowed_origin(origin, self.runtime.settings.cors_origins):
            return http.Response.make(403, b"", {})
        asked = flow.request.headers.get("access-control-request-headers", "")
        return http.Response.make(
            204,
            b"",
            {
                "access-control-allow-origin": origin,
                "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
                "access-control-allow-headers": asked,
                "access-control-max-age": "600",
                "vary": "origin",
            },
        )


def peer_of(flow: http.HTTPFlow) -> str:
    """Who is at the other end of the connection."""
    name = flow.client_conn.peername
    return str(name[0]) if name else ""


def wrong(guesses: Guesses, x: Exchange, keys: list[str], fault: Fault) -> Fault:
    """None of ``keys`` is right: ``fault``, or that the address has guessed enough. No key at all is no guess."""
    wait = guesses.wait(x.client_ip)
    new = [guesses.failed(x.client_ip, key) for key in keys]
    if wait and keys:
        return replace(LOCKED_OUT, retry_after=wait)
    if any(new):
        log.warning("request %s from %s refused: wrong key", x.id, x.client_ip, extra={"request": x.id})
    return fault


def taken_apart(request: http.Request) -> tuple[Headers, Headers]:
    """What the headers say, and what in them is only for the gateway."""
    headers: list[tuple[str, str]] = []
    proofs: list[tuple[str, str]] = []
    for raw, value in request.headers.fields:
        name = raw.lower().decode("utf-8", "surrogateescape")
        (proofs if name in PROOFS else headers).append((name, value.decode("utf-8", "surrogateescape")))
    return tuple(headers), tuple(proofs)


def refusal(x: Exchange) -> Fault | None:
    """Why a client that is known gets no answer on this path."""
    if x.client and x.client.expired(x.started_at):
        words = f"the key {x.client.name!r} was right until {moment(x.client.expires)}; ask for another one"
        return Fault("authentication", words, status=401, code="key_expired")
    if x.match is None:
        return not_found(x)
    if x.client and x.kind not in x.client.kinds and x.operation not in endpoints.LISTS:
        words = f"the key {x.client.name!r} may not use {x.kind}"
        return Fault("permission", words, status=403, code="kind_not_allowed")
    return None


def moment(at: float | None) -> str:
    return datetime.fromtimestamp(at or 0.0, UTC).strftime("%Y-%m-%d %H:%M UTC")


def allowed_origin(origin: str, allowed: tuple[str, ...]) -> bool:
    return "*" in allowed or origin in allowed


def credentials_of(headers: Headers, query: str) -> tuple[list[list[str]], str]:
    """For each of the places where a key may stand and something does: what may be the key; and the query without
    ``key``."""
    found: list[list[str]] = []
    for name, value in headers:
        if name == "authorization":
            scheme, _, key = value.strip().partition(" ")  # of "Bearer " with no key HTTP leaves "Bearer"
            found.append([key.strip() if scheme.lower() == "bearer" else value.strip()])
        elif name == "sec-websocket-protocol":
            # A browser's WebSocket can only name subprotocols: the key is one of them, in OpenAI's form or bare.
            names = [part.strip() for part in value.split(",")]
            keys = [name.removeprefix(SUBPROTOCOL_KEY).strip() for name in names if name.startswith(SUBPROTOCOL_KEY)]
            found.append([key for key in keys or names if key])
        elif name in CREDENTIAL_HEADERS:
            found.append([value.strip()])
    if "key=" in query or "%" in query:  # a name may be written in hexadecimal
        pairs = parse_qsl(query, keep_blank_values=True)
        if named := [[value.strip()] for name, value in pairs if name == "key"]:
            found += named
            query = urlencode([pair for pair in pairs if pair[0] != "key"])
    return [place for place in found if any(place)], query


def common(places: list[list[str]]) -> tuple[list[str], Fault | None]:
    """What may be the key in every place, each once; or why nothing is looked up: where the places do not agree, it
    would be a guess which key is meant, and who pays."""
    if len(places) == 1 == len(places[0]):
        return places[0], None
    if len(places) > MAX_CREDENTIALS or any(len(place) > MAX_CREDENTIALS for place in places):
        return [], TOO_MANY_KEYS
    first, *others = places or [[]]
    keys = [key for key in dict.fromkeys(first) if all(key in place for place in others)]
    return keys, TWO_KEYS if places and not keys else None


def identify(credentials: list[str], x: Exchange) -> Client | None:
    """The client one of the keys belongs to."""
    for key in credentials:
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        if found := x.snapshot.client(digest, x.started_at):
            return found
    return None


def not_found(x: Exchange) -> Fault:
    """404 or 405 that says what was probably meant."""
    if what := unserved.what(x.path):
        words = f"{x.method} {x.path} is not served: the gateway has no {what}"
        return Fault("not_found", words, status=404, code="not_served")
    if methods := endpoints.methods_of(x.path):
        return Fault("method", f"{x.path} does not support {x.method}; use {' or '.join(methods)}", status=405)
    hint = endpoints.suggest(x.path)
    words = f"there is no {x.method} {x.path} here" + (f"; did you mean {hint}?" if hint else "")
    return Fault("not_found", words, status=404, code="unknown_path")


def json_response(body: bytes, status: int = 200) -> http.Response:
    return http.Response.make(status, body, {"content-type": "application/json"})
