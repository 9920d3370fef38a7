"""What every module of this protocol shares: its name, paths, key header and the side-car under its name."""

from collections.abc import Mapping
from typing import Any, Final

from ccx_addons.core.config import AuthStyle, Kind
from ccx_addons.core.neutral import Extra, Json, keep_fields, own_fields

NAME: Final[Kind] = "messages"
DEFAULT_VERSION: Final = "v1"
PATHS: Final[Mapping[str, str]] = {
    "generate": "/messages",
    "count_tokens": "/messages/count_tokens",
    "models": "/models",
    "model": "/models/{model}",
}
NOTHING: Final[Mapping[str, Json]] = {}

type Block = dict[str, Any]
"""A content block as it stands on the wire."""


def upstream_path(operation: str, model: str, stream: bool) -> str:
    return PATHS[operation].replace("{model}", model)


def auth_header(secret: str, style: AuthStyle) -> tuple[str, str]:
    if style == "query":
        return "?key", secret
    if style in ("x-api-key", "api-key", "x-goog-api-key"):
        return style, secret
    if style == "auto" and secret.startswith("sk-ant-") and not secret.startswith("sk-ant-oat"):
        return "x-api-key", secret
    return "authorization", f"Bearer {secret}"


def own(extra: Extra) -> dict[str, Json]:
    """The fields that this protocol kept for itself."""
    return own_fields(extra, NAME)


def keep(fields: Mapping[str, Json], known: frozenset[str]) -> Extra:
    """The side-car for what has no neutral name: every field that is neither ``known`` nor null."""
    return keep_fields(fields, known, NAME)
