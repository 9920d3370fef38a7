"""Base URLs of channels: one rule for every protocol, and the request that becomes of one.

``https://api.example.com`` gets the protocol's default version, ``https://api.example.com/v4`` keeps its own, and a
trailing ``#`` means: exactly this, add no version. OpenAI's SDKs add no version, so that their vendors document whole
addresses (``/v1beta/openai``, ``/inference``): there a version anywhere in the path counts. Those of Anthropic and
Google always add theirs. Of a whole request's address the last part is left out, and a query stays.
"""

import ipaddress
import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from ccx_addons.core.config import Kind
from ccx_addons.core.errors import BadRequest

VERSION: Final = re.compile(r"/v\d+(?:\.\d+)?[a-z]*\d*$", re.IGNORECASE)
VERSION_INSIDE: Final = re.compile(r"/v\d+(?:\.\d+)?(?:alpha|beta)?\d*(?=/|$)", re.IGNORECASE)
CLIMBS: Final = re.compile(r"(?:^|[/\\]|%(?:2f|5c))(?:\.|%2e){1,2}(?:$|[/\\;]|%(?:2f|5c))", re.IGNORECASE)
TAIL: Final = re.compile(r"(?<![\s/#])[\s/#]+\Z")
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})
VERSION_LAST: Final[frozenset[Kind]] = frozenset({"messages", "gemini"})
"""Protocols whose SDKs add their version to every address."""

ENDPOINT: Final = re.compile(
    r"/(?:chat/completions|messages(?:/count_tokens)?|responses(?:/compact|/input_tokens)?|embeddings"
    r"|images/(?:generations|edits|variations)|models/[^/:]+:(?:\w+)|(?<=\d/)models)$"
)
"""What a request's address ends with, and no base URL."""
WHOLE: Final = re.compile(
    r"^https?://(?:[\w.-]*\.)?(?:api\.perplexity\.ai|models\.inference\.ai\.azure\.com|githubcopilot\.com)(?::\d+)?$"
    r"|\.services\.ai\.azure\.com/models$|/openai/deployments/[^/]+$|(?<!//api\.fireworks\.ai)/inference$"
    r"|/serving-endpoints$|/backend-api/codex$"
)
"""Base URLs without a version, as their vendors document them for OpenAI's SDKs: Perplexity, GitHub Models and Copilot,
Azure's models and deployments, Databricks, ChatGPT's Codex."""
GOOGLE_PUBLISHER: Final = re.compile(r"/v\d+\w*/(?:[^?]*/)?publishers/[^/]+$")
"""Vertex AI names whose models they are behind its version."""
AZURE_ROOT: Final = re.compile(r"^https?://[\w-]+\.openai\.azure\.(?:com|us|cn)$")
"""The endpoint as Azure's portal shows it; its version stands below ``/openai``."""
CREDENTIALS: Final = frozenset({"key", "api_key", "apikey", "api-key", "token", "access_token", "secret", "password"})


class Target(NamedTuple):
    """A URL in parts. ``authority``: what the Host header says; ``path``: with its query."""

    scheme: str
    authority: str
    host: str
    port: int
    path: str


def join(base_url: str, kind: Kind, default_version: str, path: str) -> str:
    """The request URL. ``path`` begins with ``/`` and may have a query."""
    exact = base_url.endswith("#")
    base, _, query = base_url.rstrip("#").partition("?")
    whole = base.rstrip("/")
    base = ENDPOINT.sub("", whole)
    path, _, asked = path.partition("?")
    if not (exact or base != whole or _is_versioned(base, kind)):
        path = f"{'/openai' if AZURE_ROOT.search(base) else ''}/{default_version}{path}"
    query = "&".join(part for part in (query, asked) if part)
    return base + path + (f"?{query}" if query else "")


def _is_versioned(base: str, kind: Kind) -> bool:
    if kind in VERSION_LAST:
        return (VERSION.search(base) or GOOGLE_PUBLISHER.search(base)) is not None
    return (VERSION_INSIDE.search(base) or WHOLE.search(base)) is not None


@lru_cache(1024)
def target_of(base_url: str, kind: Kind, version: str, path: str) -> Target:
    """Raises BadRequest for a model or id that would lead elsewhere: a base URL's own path is the operator's."""
    if climbs(path.partition("?")[0]):
        raise BadRequest("the model or id has . or .. as a part of it", "model")
    parts = urlsplit(join(base_url, kind, version, path))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    whole = parts.path + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.netloc.rpartition("@")[2], parts.hostname or "", port, whole)


def climbs(path: str) -> bool:
    """Whether a path has ``.`` or ``..`` as a segment, however it is written: some server behind would resolve it."""
    return CLIMBS.search(path) is not None


def without_version(base_url: str) -> str:
    """The base URL as another protocol would have it: each has its own version segment (``v1``, ``v1beta``)."""
    if base_url.endswith("#"):
        return base_url
    base, mark, query = base_url.partition("?")
    return VERSION.sub("", ENDPOINT.sub("", base.rstrip("/"))) + mark + query


def canonical(base_url: str) -> str:
    """Trimmed as it is stored and compared."""
    url = base_url.lstrip()
    trimmed = TAIL.sub("", url)
    return trimmed + ("#" if "#" in url[len(trimmed) :] else "")


def url_problem(
    url: str, schemes: frozenset[str] = frozenset({"http", "https"}), user: bool = True, query: bool = False
) -> str:
    """What is wrong with a URL; empty: nothing. ``user``: it may name a user and password; ``query``: it may have one.
    Never repeats a part."""
    try:
        parts = urlsplit(url.rstrip("#"))
        port = parts.port
    except ValueError:
        return "is not a URL: its host or port cannot be read"
    if parts.scheme not in schemes:
        return f"must begin with {' or '.join(f'{s}://' for s in sorted(schemes))}"
    if not parts.hostname or any(c.isspace() for c in url) or not url.isprintable():
        return "has no host name"
    if not url.isascii():
        return "must be ASCII: a host with other letters begins with xn--, in a path they are written as %XX"
    if "@" in parts.netloc and not user:
        return "must not have a user name or password: keys go under keys"
    if port == 0:
        return "has the port 0"
    if parts.fragment or (parts.query and not query):
        return "must not have a query or fragment"
    if any(name.lower() in CREDENTIALS for name, _ in parse_qsl(parts.query)):
        return "must not have a key in its query: keys go under keys"
    return ""


def host_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url.rstrip("#"))
    return (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def points_at(url: str, own: tuple[tuple[str, int], ...]) -> bool:
    """Whether a base URL is one of the gateway's own addresses: that would loop."""
    host, port = host_port(url)
    return any(
        port == own_port and (host == own_host or (is_local(host) and own_host in LOOPBACK))
        for own_host, own_port in own
    )


def is_local(host: str) -> bool:
    """Whether the name or address is this machine's own, whatever it is called."""
    name = host.rstrip(".")
    if name in LOOPBACK or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)
