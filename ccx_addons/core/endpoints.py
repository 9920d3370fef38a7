"""Every path the gateway answers, in one table. Each AI path also exists below ``/{route_prefix}``.

``operation`` says what is asked; ``kind`` is the client protocol whose error shape the caller understands.
Paths: the vendors' API references (platform.claude.com/docs/en/api, platform.openai.com/docs/api-reference,
ai.google.dev/api).
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlencode

from ccx_addons.core.code_assist import VERSION
from ccx_addons.core.config import Kind
from ccx_addons.core.value import value

type Operation = Literal[
    "generate", "count_tokens", "compact", "get", "delete", "embed", "embed_batch", "embeddings",
    "image_generate", "image_edit", "image_variation", "models", "model", "websocket", "account",
    "health", "ready", "metrics", "probe",
]  # fmt: skip

type ModelIn = Literal["body", "path", "envelope", "none"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``pattern`` has ``{model}`` or ``{id}`` for the variable part, which may hold slashes, or ``{call}``.

    ``model_in`` envelope: the body is Code Assist's, around Gemini's (core/code_assist.py).
    """

    method: str
    pattern: str
    kind: Kind
    operation: Operation
    model_in: ModelIn = "body"
    stream: bool | None = None
    """True or False: this path always or never streams; None: the body's ``stream`` member says."""


@value(frozen=True, slots=True)
class Match:
    endpoint: Endpoint
    route_prefix: str = ""
    subject: str = ""
    """The model or id in the path, decoded; of Code Assist's calls what stands behind its version."""


def _gemini(version: str) -> tuple[Endpoint, ...]:
    return (
        Endpoint("POST", f"/{version}/models/{{model}}:generateContent", "gemini", "generate", "path", False),
        Endpoint("POST", f"/{version}/models/{{model}}:streamGenerateContent", "gemini", "generate", "path", True),
        Endpoint("POST", f"/{version}/models/{{model}}:countTokens", "gemini", "count_tokens", "path", False),
        Endpoint("POST", f"/{version}/models/{{model}}:embedContent", "gemini", "embed", "path", False),
        Endpoint("POST", f"/{version}/models/{{model}}:batchEmbedContents", "gemini", "embed_batch", "path", False),
    )


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("POST", "/v1/messages", "messages", "generate"),
    Endpoint("POST", "/v1/messages/count_tokens", "messages", "count_tokens", stream=False),
    Endpoint("POST", "/v1/chat/completions", "chat", "generate"),
    Endpoint("POST", "/v1/responses", "responses", "generate"),
    Endpoint("GET", "/v1/responses", "responses", "websocket", "none", True),
    Endpoint("POST", "/v1/responses/compact", "responses", "compact", stream=False),
    Endpoint("POST", "/v1/responses/input_tokens", "responses", "count_tokens", stream=False),
    Endpoint("GET", "/v1/responses/{id}", "responses", "get", "none", False),
    Endpoint("DELETE", "/v1/responses/{id}", "responses", "delete", "none", False),
    *_gemini("v1beta"),
    *_gemini("v1"),
    Endpoint("POST", f"/{VERSION}:generateContent", "gemini", "generate", "envelope", False),
    Endpoint("POST", f"/{VERSION}:streamGenerateContent", "gemini", "generate", "envelope", True),
    Endpoint("POST", f"/{VERSION}:countTokens", "gemini", "count_tokens", "envelope", False),
    Endpoint("POST", f"/{VERSION}{{call}}", "gemini", "account", "none", False),
    Endpoint("GET", f"/{VERSION}{{call}}", "gemini", "account", "none", False),
    Endpoint("POST", "/v1/images/generations", "images", "image_generate"),
    Endpoint("POST", "/v1/images/edits", "images", "image_edit"),
    Endpoint("POST", "/v1/images/variations", "images", "image_variation", stream=False),
    Endpoint("POST", "/v1/embeddings", "embeddings", "embeddings", stream=False),
    Endpoint("GET", "/v1/models", "chat", "models", "none", False),
    Endpoint("GET", "/v1/models/{model}", "chat", "model", "path", False),
    Endpoint("GET", "/v1beta/models", "gemini", "models", "none", False),
    Endpoint("GET", "/v1beta/models/{model}", "gemini", "model", "path", False),
)

LOCAL: Final[dict[tuple[str, str], Endpoint]] = {
    (endpoint.method, endpoint.pattern): endpoint
    for endpoint in (
        Endpoint("GET", "/health", "chat", "health", "none", False),
        Endpoint("GET", "/health/ready", "chat", "ready", "none", False),
        Endpoint("GET", "/metrics", "chat", "metrics", "none", False),
        Endpoint("HEAD", "/", "messages", "probe", "none", False),
    )
}
"""Answered by the gateway itself; they have no route prefix."""

PIN_HEADER: Final = "x-ccx-channel"
"""Name or id of the only channel that may answer."""
GATEWAY_HEADER: Final = "x-ccx-gateway"
"""The gateway's secret towards its panel."""
TEST_HEADER: Final = "x-ccx-test"
"""On requests of the panel: its boot id, which no client knows. They are logged, but no statistics count them."""

VECTORS: Final[frozenset[str]] = frozenset({"embed", "embed_batch", "embeddings"})
"""Operations whose answers only compare with others of the same space."""
LISTS: Final[frozenset[str]] = frozenset({"models", "model"})
"""Operations of all kinds alike: who asks is told by the headers that only one vendor's libraries send."""
STORED: Final[frozenset[str]] = frozenset({"get", "delete"})
"""Operations on an answer that was made before; their path names its id."""
ACCOUNT: Final = "account"
"""What Code Assist is asked about a client's own account: it goes on as it came, and is no use of a model."""

PARAMETERS: Final[Mapping[Kind, frozenset[str]]] = {
    "messages": frozenset({"beta"}),
    **dict.fromkeys(("chat", "images", "embeddings"), frozenset({"api-version"})),
    "responses": frozenset({"api-version", "include", "include[]", "include_obfuscation"}),
    "gemini": frozenset(),
}
"""Query parameters that an upstream of the same protocol may see."""
MAX_UNKNOWN: Final = 20
CHOSEN: Final = frozenset({"alt", "$alt", "key", "model"})
"""Parameters that the gateway reads or sets itself: leaving them out loses nothing."""

LIBRARIES: Final[Mapping[str, Kind]] = {
    "anthropic-version": "messages",
    **dict.fromkeys(("x-goog-api-key", "x-goog-api-client"), "gemini"),
}
"""Headers of one vendor's libraries."""

VERSIONS: Final = frozenset({"v1", "v1beta"})
PANEL: Final = frozenset({
    "", "api", "login", "logout", "static", "favicon.ico", "language", "theme", "overview", "requests", "channels",
    "sessions", "usage", "clients", "settings", "test",
})  # fmt: skip
"""First path segments of the panel and its API; the empty one is its front page."""
RESERVED_PREFIXES: Final = VERSIONS | PANEL | {VERSION, "admin", "health", "metrics", "live"}
"""First path segments that can never be a channel's route prefix."""

_INTERNAL: Final = (f"/{VERSION}:", f"/{VERSION}/")
_PREFIX: Final = re.compile(rf"/([A-Za-z0-9][A-Za-z0-9._-]{{0,63}})(/(?:v1(?:beta)?/|{VERSION}[:/]).*)")
_STATIC: Final = {(e.method, e.pattern): e for e in ENDPOINTS if "{" not in e.pattern}
_PLAIN: Final = {place: Match(endpoint) for place, endpoint in (LOCAL | _STATIC).items()}
_DYNAMIC: Final = tuple(
    (
        re.compile(
            re.escape(e.pattern)
            .replace(r"\{model\}", "(.+)" if e.operation != "model" else "((?:(?!/operations/).)+)")
            .replace(r"\{id\}", "([^/]+)")
            .replace(r"\{call\}", r"(:[A-Za-z]{1,64}|/operations/[\w.-]{1,200})")
        ),
        e,
    )
    for e in ENDPOINTS
    if "{" in e.pattern
)
_FIRST: Final[Mapping[str, Kind]] = {e.pattern.split("/")[2]: e.kind for e in reversed(ENDPOINTS) if e.kind != "gemini"}
"""What comes after the version -> whose it is."""
_METHODS: Final = frozenset(e.pattern.rpartition(":")[2] for e in ENDPOINTS if ":" in e.pattern)


def find(method: str, path: str) -> Match | None:
    """The endpoint of a request line, ``path`` without its query. None: no such path, or not with this method."""
    if plain := _PLAIN.get((method, path)):
        return plain
    if method == "HEAD" and (local := LOCAL.get(("GET", path))):
        return Match(local)
    prefix = ""
    if not path.startswith(("/v1/", "/v1beta/", *_INTERNAL)):
        found = _PREFIX.fullmatch(path)
        if not found or found[1] in RESERVED_PREFIXES:
            return None
        prefix, path = found[1], found[2]
    if endpoint := _STATIC.get((method, path.rstrip("/"))):
        return Match(endpoint, prefix)
    for pattern, endpoint in _DYNAMIC:
        if endpoint.method == method and (hit := pattern.fullmatch(path)):
            return Match(endpoint, prefix, unquote(hit[1]))
    return None


@lru_cache(1024)
def passed(kind: Kind, query: str) -> tuple[str, ...]:
    """The parts ``name=value`` of a query that go on, written anew: however they were written, one reading is left."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return tuple(urlencode([pair]) for pair in pairs if pair[0] in PARAMETERS[kind])


def unknown(kind: Kind, query: str) -> tuple[str, ...]:
    """The first names in a query that go no further and that nobody here reads."""
    names = dict.fromkeys(name for name, _ in parse_qsl(query, keep_blank_values=True))
    read = PARAMETERS[kind] | CHOSEN
    return tuple(name[:64] for name in names if name not in read)[:MAX_UNKNOWN]


def for_panel(path: str) -> bool:
    """Whether a path that is no endpoint belongs to the panel."""
    return path.startswith("/") and path[1:].partition("/")[0] in PANEL


def methods_of(path: str) -> tuple[str, ...]:
    """Which methods the path knows: for the answer 405."""
    return tuple(m for m in ("GET", "POST", "DELETE", "HEAD") if find(m, path))


def suggest(path: str) -> str:
    """The path that was probably meant: a doubled or missing version, a forgotten ``/v1``, something before it (Azure's
    and Google's ``/openai/deployments/NAME/``, ``/v1beta/openai/``). Empty: no idea."""
    tail = re.sub(r"^(?:/v1(?:beta)?)+(?=/|$)", "", path).rstrip("/")
    for candidate in (f"/v1{tail}", f"/v1beta{tail}"):
        if candidate != path and methods_of(candidate):
            return candidate
    prefix, slash, rest = path[1:].rstrip("/").partition("/")
    for candidate in (f"/{prefix}/{version}/{rest}" for version in ("v1", "v1beta") if slash):
        if prefix not in RESERVED_PREFIXES and methods_of(candidate):
            return candidate
    inside = path[max(path.rfind("/v1/"), path.rfind("/v1beta/"), 0) :]
    if inside != path and methods_of(inside):
        return inside
    steps = path.rstrip("/").split("/")
    if "openai" in steps or "engines" in steps:
        for candidate in ("/v1/" + "/".join(steps[-n:]) for n in (2, 1)):
            if methods_of(candidate):
                return candidate
    return next((e.pattern for e in ENDPOINTS if tail and e.pattern.endswith(tail) and "{" not in e.pattern), "")


def kind_of(match: Match | None, path: str, headers: Container[str]) -> Kind:
    """Whose protocol a client speaks: its endpoint's, or of what several vendors have, that of its library."""
    if match and match.endpoint.operation not in LISTS:
        return match.endpoint.kind
    kind = kind_of_path(path)
    return kind if kind != "chat" else next((whose for name, whose in LIBRARIES.items() if name in headers), kind)


def kind_of_path(path: str) -> Kind:
    """Whose error shape to use for a path that is no endpoint: that of the endpoints which begin as it does."""
    path = path.partition("?")[0]
    if any(part in path for part in _INTERNAL):
        return "gemini"
    steps = path.split("/", 5)[1:]
    at = next((n for n, step in enumerate(steps[:2]) if step in VERSIONS), -1)
    if steps[at : at + 1] == ["v1beta"] or path.rpartition(":")[2] in _METHODS:
        return "gemini"
    return _FIRST.get(steps[at + 1], "chat") if at + 1 < len(steps) else "chat"
