"""No full key leaves: the text of ccx.yaml is shown with its secrets replaced, and put together again when saved.

A secret in the text becomes ``kept:1a2b3c4d:sk-a…AAAA``: a piece of its hash, and its mask for people. Whoever saves
the text leaves such a word where it is, moves it, or replaces it by a new secret.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from ccx_addons.core.config import Snapshot, mask
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.io import yaml_file

LIKELY: Final = re.compile(
    r"\b(?:sk|rk|pk|xai|gsk|hf|r8|pplx|ya29|AIza|ccx)[-_.]?[A-Za-z0-9_\-]{16,}|\bBearer\s+[^\s\"',]{8,}"
)
"""What looks like a key wherever it stands: in a comment, in a text of an upstream."""
WRITTEN: Final = re.compile(r"""\b(?:key|keys)\s*:\s*\[?\s*["']?([^\s"',\[\]{}#]{8,})""")
"""A key in a file that is no valid YAML."""
KEPT: Final = re.compile(r"kept:([0-9a-f]{8})(?::(?:••••|\S{4}…\S{4}))?")
SECRET_HEADER: Final = re.compile(r"secret|token|key|auth|cookie|password|credential", re.I)
SHORTEST: Final = 4
"""Characters of the shortest secret that is replaced in running text."""


def hide_url(url: str) -> str:
    """A URL without its password."""
    name, at, _ = urlsplit(url).netloc.rpartition("@")
    return url.replace(f"{name}@", "***@", 1) if at and name else url


def shown_header(name: str, value: str) -> str:
    return mask(value) if SECRET_HEADER.search(name) else value


# ---- finding secrets -------------------------------------------------------------------------------------------------
@lru_cache(maxsize=32)
def secrets_of(text: str) -> frozenset[str]:
    """Every secret written in a text of ccx.yaml; ``env:NAME`` is none."""
    found = set(LIKELY.findall(KEPT.sub("", text)))
    try:
        data = yaml_file.load_text(text).data
    except ConfigErrors:
        found.update(WRITTEN.findall(text))
    else:
        found.update(_secrets_in(data))
    return frozenset(s for s in found if len(s) >= SHORTEST and not s.startswith("env:") and not KEPT.fullmatch(s))


def _secrets_in(data: Any) -> Iterator[str]:
    table = data if isinstance(data, dict) else {}
    for client in _tables(table.get("clients")):
        yield from _texts([client.get("key")])
    for channel in _tables(table.get("channels")):
        keys = channel.get("keys")
        yield from _texts([k.get("key") if isinstance(k, dict) else k for k in keys] if isinstance(keys, list) else [])
        headers = channel.get("headers")
        if isinstance(headers, dict):
            yield from _texts(v for name, v in headers.items() if SECRET_HEADER.search(str(name)))
        urls = channel.get("base_urls")
        for url in _texts([channel.get("proxy"), *(urls if isinstance(urls, list) else [])]):
            yield from _texts([_password(url)])


def _tables(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value:
            yield value.strip()


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:
        return None


def secrets_in_force(snapshot: Snapshot) -> frozenset[str]:
    """Also those that came from the environment."""
    return frozenset(key.secret for channel in snapshot.channels for key in channel.keys)


# ---- replacing them --------------------------------------------------------------------------------------------------
def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with these secrets, and whatever looks like a key, masked for good."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, mask(secret))
    return LIKELY.sub(lambda found: mask(found[0]), text)


def clean_config(text: str, *sources: str) -> str:
    """A diff or message about ccx.yaml; ``sources``: the texts whose secrets it may hold."""
    return clean(text, frozenset().union(*(secrets_of(source) for source in sources)))


def hidden(text: str) -> str:
    """A text of ccx.yaml as it may be shown and saved again."""
    for secret in sorted(secrets_of(text), key=len, reverse=True):
        text = text.replace(secret, f"kept:{_hash(secret)}:{_word(secret)}")
    return text


def restored(text: str, current: str) -> str:
    """The text to save: what ``hidden`` replaced is put back from the file as it is now. Raises ConfigErrors."""
    known = {_hash(secret): secret for secret in secrets_of(current)}
    problems: list[Problem] = []

    def secret_of(found: re.Match[str]) -> str:
        if found[1] not in known:
            line = text.count("\n", 0, found.start()) + 1
            problems.append(
                Problem("ccx.yaml", f"{found[0][:60]!r} stands for no key of the file; write the key", line)
            )
        return known.get(found[1], "")

    result = KEPT.sub(secret_of, text)
    if problems:
        raise ConfigErrors(problems)
    return result


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _word(secret: str) -> str:
    return re.sub(r"[\s\"',\[\]{}#]", "_", mask(secret))
