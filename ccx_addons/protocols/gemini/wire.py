"""What every module of this protocol shares: its name, paths, key header, field names and the side-car."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from ccx_addons.core.config import AuthStyle, Kind
from ccx_addons.core.neutral import Extra, Json, keep_fields, own_fields

NAME: Final[Kind] = "gemini"
DEFAULT_VERSION: Final = "v1beta"
METHODS: Final[Mapping[str, str]] = {
    "generate": ":generateContent",
    "count_tokens": ":countTokens",
    "embed": ":embedContent",
    "embed_batch": ":batchEmbedContents",
    "model": "",
}
NOTHING: Final[Mapping[str, Json]] = {}
UNDERSCORE: Final = re.compile(r"_([a-z0-9])")
LONGEST_NAME: Final = 128
"""Letters of a member that may be one of Google's."""

type Fields = dict[str, Any]
"""A JSON object as it stands on the wire."""


def upstream_path(operation: str, model: str, stream: bool) -> str:
    if operation == "models":
        return "/models"
    method = ":streamGenerateContent?alt=sse" if operation == "generate" and stream else METHODS[operation]
    return f"/models/{quote(model, safe='/')}{method}"


def auth_header(secret: str, style: AuthStyle) -> tuple[str, str]:
    match style:
        case "query":
            return "?key", secret
        case "bearer":
            return "authorization", f"Bearer {secret}"
        case "x-api-key" | "api-key" | "x-goog-api-key":
            return style, secret
    return ("authorization", f"Bearer {secret}") if secret.startswith("ya29.") else ("x-goog-api-key", secret)


# ---- field names -----------------------------------------------------------------------------------------------------
def camel(table: Mapping[str, Json]) -> Mapping[str, Json]:
    """The object with its own field names in camelCase: the API takes ``inline_data`` as well as ``inlineData``
    (protobuf.dev/programming-guides/json). What is inside the values stays."""
    for name in table:
        if "_" in name:
            return {_camel_name(name) if len(name) <= LONGEST_NAME else name: value for name, value in table.items()}
    return table


@lru_cache(maxsize=512)  # of names no longer than LONGEST_NAME
def _camel_name(name: str) -> str:
    return UNDERSCORE.sub(lambda found: found[1].upper(), name)


def enumerated(value: Json, names: Sequence[str]) -> Json:
    """An enum's value by its name. It may come as a number (protobuf.dev/programming-guides/json), and Google's older
    library for Python, with REST as its transport, writes all of them so."""
    return names[value] if type(value) is int and 0 <= value < len(names) else value


def one_or_many(value: Json) -> list[Json]:
    """A repeated field: the API takes a single object in place of a list of one."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, dict) else []


# ---- side-car --------------------------------------------------------------------------------------------------------
def own(extra: Extra) -> Fields:
    """The fields that this protocol kept for itself."""
    return own_fields(extra, NAME)


def keep(fields: Mapping[str, Json], known: frozenset[str]) -> Extra:
    """The side-car for what has no neutral name: every field that is neither ``known`` nor null."""
    return keep_fields(fields, known, NAME)
