"""What of a configuration may be shown: numbers, switches, choices and the fields marked ``plain``; all else is secret.

The shapes come from the classes of config.py, so that a new field is secret until somebody says that it is not.
"""

import base64
import dataclasses
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import unquote, urlsplit

from ccx_addons.core import variables
from ccx_addons.core.config import Alert, Bodies, Channel, Client, Key, Mirror, ModelLimit, Policy, Price, User
from ccx_addons.core.mask import mask

type Json = Any

FIELD_NAME: Final = re.compile(r"[A-Za-z_-]{1,40}")
"""A name that is shown although nobody knows it. Anything else could be a secret in the wrong place."""
HARMLESS_HEADERS: Final = frozenset({
    "accept", "accept-language", "anthropic-beta", "anthropic-version", "content-type", "http-referer", "openai-beta",
    "originator", "referer", "user-agent", "x-app", "x-title",
})  # fmt: skip
"""Headers of a channel whose values are no secrets; any other may carry one, whatever it is called."""

PIECE: Final = re.compile(
    r"[A-Za-z]{1,15}|[a-z]{16,24}|[0-9]{1,8}|[A-Za-z0-9]{1,7}|v[0-9][a-z]{1,8}[0-9]?|[^\x00-\x7f]+"
)
SEPARATORS: Final = re.compile(r"[^A-Za-z0-9\x80-\U0010ffff]+")


@dataclass(frozen=True, slots=True)
class Shape:
    """What may stand at a place of the file. Entries of a list have the shape of the list."""

    scalar: Literal["plain", "secret", "url", "word"] = "secret"
    """``word``: a number, a switch or one of a few words."""
    members: Mapping[str, "Shape"] = field(default_factory=dict, hash=False)

    def below(self, name: str) -> "Shape":
        """The shape of a member; of whatever is unknown nothing is shown."""
        return self if self is PLAIN else self.members.get(name, SECRET)

    def names(self, name: str) -> bool:
        """Whether a member's name may be shown."""
        return self is PLAIN or name in self.members or FIELD_NAME.fullmatch(name) is not None

    def secrets(self, text: str) -> tuple[str, ...]:
        """The parts of a scalar that must not be shown, as they are written."""
        if self.scalar == "plain" or is_environment(text):
            return ()
        if self.scalar == "url":
            return url_secrets(text)
        if self.scalar == "word" and is_harmless(text):
            return ()  # right, or a mistake that people have to see
        return (text,) if text.strip() else ()


class Headers(Shape):
    """Names are free, and shown."""

    def below(self, name: str) -> Shape:
        return PLAIN if name.lower() in HARMLESS_HEADERS else SECRET

    def names(self, name: str) -> bool:
        return True


SECRET: Final = Shape()
PLAIN: Final = Shape("plain")
URL: Final = Shape("url")


@cache
def file_shape() -> Shape:
    """Of the whole ccx.yaml."""
    key = {"key": SECRET} | members_of(Key)
    client = {"key": SECRET, "key_sha256": SECRET} | members_of(Client)
    client["previous"] = Shape(members={"key_sha256": SECRET, "until": PLAIN})
    client["model_limits"] = Shape(members=members_of(ModelLimit))
    channel = members_of(Channel) | {"keys": Shape("secret", members=key), "headers": Headers()}
    policy = members_of(Policy) | {"bodies": Shape(members=members_of(Bodies))}
    top = {
        "version": Shape("word"),
        "clients": Shape(members=client),
        "users": Shape(members={"key": SECRET, "key_sha256": SECRET} | members_of(User)),
        "channels": Shape(members=channel),
        "policy": Shape(members=policy),
        "prices": Prices(),
        "alerts": Shape(members=members_of(Alert)),
        "mirrors": Shape(members=members_of(Mirror)),
    }
    return Shape(members=top)


class Prices(Shape):
    """Names of models are free; below them are numbers."""

    def below(self, name: str) -> Shape:
        return Shape(members=members_of(Price))

    def names(self, name: str) -> bool:
        return True


@cache
def members_of(cls: type) -> dict[str, Shape]:
    hints = get_type_hints(cls)
    return {entry.name: _shape(hints[entry.name], entry.metadata) for entry in dataclasses.fields(cls)}


def _shape(hint: Any, rules: Mapping[str, Any]) -> Shape:
    if shown := rules.get("shown"):
        return URL if shown == "url" else PLAIN
    hint = getattr(hint, "__value__", hint)
    if get_origin(hint) in (Union, UnionType):
        hint = next(option for option in get_args(hint) if option is not type(None))
    if get_origin(hint) is Literal or hint in (bool, int, float):
        return Shape("word")
    return Shape(members=members_of(hint)) if isinstance(hint, type) and dataclasses.is_dataclass(hint) else SECRET


# ---- a file's secrets ------------------------------------------------------------------------------------------------
def secrets_in(data: Json, environ: Mapping[str, str], shape: Shape | None = None) -> Iterator[str]:
    """Every secret of the plain data, quoted or not, and what ``env:NAME`` stands for."""
    shape = shape or file_shape()
    if isinstance(data, dict):
        for name, value in data.items():
            if not shape.names(str(name)):
                yield str(name)
            yield from secrets_in(value, environ, shape.below(str(name)))
    elif isinstance(data, list):
        for value in data:
            yield from secrets_in(value, environ, shape)
    elif isinstance(data, str | int | float) and not isinstance(data, bool):
        text = str(data)
        if shape.scalar != "plain" and (named := variables.names(text)):
            yield from _of_variables(text, named, environ, shape)
        for secret in shape.secrets(text):
            yield from dict.fromkeys((secret.strip(), unquote(secret).strip(), secret.strip().removeprefix("env:")))
        if shape.scalar == "url":
            yield from login_of(text)


def written_keys(data: Json, shape: Shape | None = None) -> int:
    """How many secrets stand in the plain data themselves. A hash opens nothing."""
    shape = shape or file_shape()
    if isinstance(data, dict):
        return sum(written_keys(value, shape.below(str(name))) for name, value in data.items() if name != "key_sha256")
    if isinstance(data, list):
        return sum(written_keys(value, shape) for value in data)
    return len(shape.secrets(data)) if isinstance(data, str) else 0


def _of_variables(text: str, named: tuple[str, ...], environ: Mapping[str, str], shape: Shape) -> Iterator[str]:
    """What the variables of a text add to its secrets: all they are, or of an address what is no plain word in it."""
    whole = variables.filled(text, environ)
    if shape.scalar != "url" and not variables.missing(text, environ):
        yield whole
    values = [environ.get(name, "").strip() for name in named]
    yield from (value for value in values if shape.scalar != "url" or not ("://" in value or is_harmless(value)))
    if shape.scalar == "url":
        for secret in url_secrets(whole):
            yield from dict.fromkeys((secret, unquote(secret)))
        yield from login_of(whole)


def sent_secrets(channel: Channel, *keys: Key) -> Iterator[str]:
    """All that the channel's upstream, or its proxy, could repeat of what it was sent with these keys."""
    yield from (key.secret for key in keys if key.secret)
    yield from (value for name, value in channel.headers if name not in HARMLESS_HEADERS)
    for url in (*channel.base_urls, channel.proxy or ""):
        for secret in url_secrets(url):
            yield from dict.fromkeys((secret, unquote(secret)))
        yield from login_of(url)


# ---- URLs and words --------------------------------------------------------------------------------------------------
def url_secrets(url: str) -> tuple[str, ...]:
    """User and password, odd path segments and odd values of the query, as they are written."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return (url,)
    login, _, _ = parts.netloc.rpartition("@")
    segments = [segment for segment in parts.path.split("/") if not is_harmless(segment)]
    values = [part.partition("=")[2] for part in re.split("[&;]", parts.query)]
    return tuple(
        part for part in (*login.partition(":")[::2], *segments, *(v for v in values if not is_harmless(v))) if part
    )


def login_of(url: str) -> Iterator[str]:
    """What a URL's user and password become in a header (RFC 7617)."""
    login, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    if at:
        yield base64.b64encode(unquote(login if ":" in login else f"{login}:").encode()).decode()


def hide_url(url: str) -> str:
    """A URL without its password, and without what looks like a key in it."""
    name, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    shown = url.replace(f"{name}@", "***@", 1) if at and name else url
    for secret in url_secrets(shown):
        shown = shown.replace(secret, "***") if secret != "***" else shown
    return shown


@lru_cache(maxsize=4096)
def kept_url(url: str) -> str:
    """How a URL is written down that has to be known again: a piece of its hash stands for the secrets that it has."""
    shown = hide_url(url)
    return url if shown == url else f"{shown} {hashlib.sha256(url.encode()).hexdigest()[:8]}"


def shown_header(name: str, value: str) -> str:
    """The value of a header that a channel adds, as it may be shown."""
    return value if name.lower() in HARMLESS_HEADERS else mask(value)


def is_environment(text: str) -> bool:
    """Whether the text is a variable, and no key that somebody wrote behind ``env:``."""
    name = variables.whole(text)
    return bool(name) and (name.isupper() or is_harmless(name))


def is_harmless(word: str) -> bool:
    """Whether a word of free text is certainly no key: words, short numbers, names such as ``claude-sonnet-4-5``."""
    return all(PIECE.fullmatch(piece) for piece in SEPARATORS.split(word) if piece)
