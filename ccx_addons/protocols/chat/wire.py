"""What every module of this protocol shares: its name, its paths and the side-car under its name."""

from collections.abc import Mapping
from typing import Any, Final

from ccx_addons.core.config import Kind
from ccx_addons.core.neutral import Extra, Json, keep_fields, own_fields

NAME: Final[Kind] = "chat"
DEFAULT_VERSION: Final = "v1"
PATHS: Final[Mapping[str, str]] = {"generate": "/chat/completions", "models": "/models", "model": "/models/{model}"}
NOTHING: Final[Mapping[str, Json]] = {}

type Fields = dict[str, Any]
"""An object as it stands on the wire."""


def upstream_path(operation: str, model: str, stream: bool) -> str:
    return PATHS[operation].replace("{model}", model)


def own(extra: Extra) -> Fields:
    """The fields that this protocol kept for itself."""
    return own_fields(extra, NAME)


def keep(fields: Mapping[str, Json], known: frozenset[str]) -> Extra:
    """The side-car for what has no neutral name: every field that is neither ``known`` nor null."""
    return keep_fields(fields, known, NAME)


def sidecar(fields: Mapping[str, Json]) -> Extra:
    """These fields, but for nulls, under this protocol's name."""
    return keep_fields(fields, frozenset(), NAME)
