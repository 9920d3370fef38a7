"""Pasted text -> a proposal for a channel: the addresses and keys in it, and what protocol they speak. Pure.

It takes an e-mail, a ``.env``, a JSON or shell snippet, or a bare list: whatever a provider's page gives.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from ccx_addons.core.config import Kind
from ccx_addons.core.urls import canonical, url_problem
from ccx_admin.channels.catalog import BY_HOST, by_key

MAX_TEXT: Final = 200_000
MAX_URLS: Final = 10
MAX_KEYS: Final = 1_000

URL: Final = re.compile(r"https?://[^\s\"'<>,;，；、。（）()\[\]{}|`\\^]+", re.I)
SPLIT: Final = re.compile(r"[\s,;:：=，；、。\"'`(){}\[\]<>|&]+")

ENDPOINTS: Final[tuple[tuple[re.Pattern[str], Kind | None], ...]] = (
    (re.compile(r"/messages(?:/count_tokens)?$"), "messages"),
    (re.compile(r"/chat/completions$"), "chat"),
    (re.compile(r"/responses(?:/compact)?$"), "responses"),
    (re.compile(r"/models/[^/]+:(?:stream)?[gG]enerateContent$"), "gemini"),
    (re.compile(r"/embeddings$"), "embeddings"),
    (re.compile(r"/images/(?:generations|edits|variations)$"), "images"),
    (re.compile(r"/(?:models|completions)$"), None),
)
"""The end of a path that belongs to the request, not to the base URL, and what it tells."""

API_VERSION: Final = re.compile(r"\bapi-version=[\w.-]{1,40}")

PAGES: Final = re.compile(
    r"/(?:console|dashboard|keys?|api[-_]?keys?|apikeys?|settings|tokens?|account|login|register|user(?:center)?"
    r"|profile|topup|pricing|panel|workspace|docs?)(?:/|$)",
    re.I,
)
"""Paths of web pages for people: only the origin is an API."""

PATH_HINTS: Final[tuple[tuple[re.Pattern[str], Kind], ...]] = (
    (re.compile(r"/(?:anthropic|claude)(?:/|$)", re.I), "messages"),
    (re.compile(r"/codex(?:/|$)", re.I), "responses"),
    (re.compile(r"/(?:gemini|v1beta)(?:/|$)", re.I), "gemini"),
)

KNOWN_KEYS: Final = re.compile(
    r"(?:sk-(?:proj|ant|or|svcacct)-[A-Za-z0-9_-]{8,}|sk[-_][A-Za-z0-9_.-]{6,}|AIza[A-Za-z0-9_-]{20,}"
    r"|(?:hf|gsk|r8)_[A-Za-z0-9]{8,}|(?:pplx|xai|ccx)-[A-Za-z0-9_-]{8,}|AK[A-Za-z0-9]{16,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})",
    re.I,
)
DOTTED: Final = re.compile(r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{10,}")
"""``id.secret``, as Zhipu and Ollama make them."""
LONG: Final = re.compile(r"[A-Za-z0-9_-]{32,}")
LOOSE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{1,12}[-_][A-Za-z0-9_-]{12,}")
NAME: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
"""``OPENAI_API_KEY``: a variable, not a key."""
MODEL: Final = re.compile(
    r"(?:anthropic|claude|chatgpt|gpt|gemini|gemma|glm|deepseek|qwen|kimi|moonshot|llama|mistral|codestral|grok|minimax"
    r"|text-embedding|dall-e|o\d)[-_.\d]",
    re.I,
)
WORDS: Final = frozenset({"model_provider", "base_url", "env_key", "wire_api", "api_key", "requires_openai_auth"})


@dataclass(frozen=True, slots=True)
class Proposal:
    """``keys`` are the secrets themselves: they are for saving, never for showing. ``name``: not yet made unique."""

    name: str
    protocol: Kind
    base_urls: tuple[str, ...]
    keys: tuple[str, ...]
    notes: tuple[str, ...] = ()


def parse(text: str) -> Proposal:
    """Never raises; what is not found is empty."""
    text = re.sub(r"%20|%0A|%0D", " ", text[:MAX_TEXT], flags=re.I)
    found = [_address(match[0]) for match in URL.finditer(text)]
    keys = tuple(_unique(_keys(URL.sub(lambda match: f" {query_of(match[0])} ", text))))[:MAX_KEYS]
    addresses = [(url, kind) for url, kind in found if url]
    urls, notes = _chosen([url for url, _ in addresses]), []
    hints = [kind for url, kind in addresses if kind and url in urls]
    owner = next((t for key in keys if (t := by_key(key))), None)
    if not urls and owner:
        urls, hints = [owner.base_url], [owner.protocol]
        notes.append(f"the keys look like those of {owner.label}")
    if len({url for url, _ in addresses}) > MAX_URLS:
        notes.append(f"only the first {MAX_URLS} addresses are taken")
    protocol: Kind = hints[0] if hints else owner.protocol if owner else "chat"
    if len(set(hints)) > 1:
        notes.append(
            f"the addresses speak different protocols ({', '.join(sorted(set(hints)))}); make a channel for each"
        )
    return Proposal(name_of(urls[0]) if urls else "channel", protocol, tuple(urls), keys, tuple(notes))


def query_of(url: str) -> str:
    """What stands after the question mark: some paste a key there."""
    return url.partition("?")[2]


# ---- addresses -------------------------------------------------------------------------------------------------------
def _address(raw: str) -> tuple[str, Kind | None]:
    """(base URL, protocol as far as the address tells); an empty URL: it is none."""
    raw = raw.rstrip(".:!?*_~")
    exact = raw.endswith("#")
    try:
        parts = urlsplit(raw)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "", None
    origin = f"{parts.scheme.lower()}://{host if ':' not in host else f'[{host}]'}{f':{port}' if port else ''}"
    path = re.split("[^!-~]", unquote(parts.path))[0].rstrip("/")  # words may follow without a blank
    kept = _version_of(parts.query)
    if not host or url_problem(origin):
        return "", None
    for pattern, kind in ENDPOINTS:
        if pattern.search(path):
            base = pattern.sub("", path)
            return canonical(origin + base + kept + ("#" if exact else "")), kind or _hint(host, base)
    template = BY_HOST.get(host)
    if template and (PAGES.search(path) or host != urlsplit(template.base_url).hostname):
        return template.base_url, template.protocol
    if template and not path:
        return template.base_url, template.protocol
    if PAGES.search(path):
        path = ""
    return canonical(origin + path + kept + ("#" if exact else "")), _hint(host, path)


def _version_of(query: str) -> str:
    """Of a query what Azure's addresses need; anything else could be a key."""
    found = API_VERSION.search(query)
    return f"?{found[0]}" if found else ""


def _hint(host: str, path: str) -> Kind | None:
    for pattern, kind in PATH_HINTS:
        if pattern.search(path):
            return kind
    template = BY_HOST.get(host)
    return template.protocol if template else None


def _chosen(urls: Iterable[str]) -> list[str]:
    """Without doubles: ``https://a`` and ``https://a/v1`` are the same place."""
    found: dict[str, str] = {}
    for url in urls:
        found.setdefault(re.sub(r"/v1$", "", url), url)
    return list(found.values())[:MAX_URLS]


def name_of(url: str) -> str:
    """A name for a channel: the telling part of the host."""
    host = urlsplit(url).hostname or ""
    if host in BY_HOST:
        return BY_HOST[host].id
    if re.fullmatch(r"[\d.]+|.*:.*", host) or "." not in host:
        return host.replace(":", "-") or "channel"
    labels = [
        label for label in host.split(".")[:-1] if label not in ("api", "www", "open", "com", "co", "net", "platform")
    ]
    return labels[-1] if labels else host.split(".")[0]


# ---- keys ------------------------------------------------------------------------------------------------------------
def _keys(text: str) -> Iterator[str]:
    for word in SPLIT.split(text):
        word = word.strip(".-_*#/\\")
        if _is_key(word):
            yield word


def _is_key(word: str) -> bool:
    if len(word) < 8 or len(word) > 4_096 or not word.isascii() or "/" in word or "@" in word:
        return False
    if NAME.fullmatch(word) and ("_" in word or len(word) < 32):
        return False
    if word.lower() in WORDS or MODEL.match(word):
        return False
    if KNOWN_KEYS.fullmatch(word):
        return True
    if DOTTED.fullmatch(word):
        return _is_random(word.rpartition(".")[2])
    return bool(LONG.fullmatch(word) or LOOSE.fullmatch(word)) and _is_random(word)


def _is_random(word: str) -> bool:
    return bool(re.search(r"[A-Za-z]", word) and re.search(r"\d", word))


def _unique(values: Iterable[str]) -> Iterator[str]:
    return iter(dict.fromkeys(values))
