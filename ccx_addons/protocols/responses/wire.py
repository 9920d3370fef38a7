"""What every module of this protocol shares: its name, its paths, ids and the side-car under its name."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from ccx_addons.core.config import Kind
from ccx_addons.core.neutral import Extra, Json, keep_fields, own_fields

NAME: Final[Kind] = "responses"
DEFAULT_VERSION: Final = "v1"
PATHS: Final[Mapping[str, str]] = {
    "generate": "/responses",
    "compact": "/responses/compact",
    "count_tokens": "/responses/input_tokens",
    "get": "/responses/{subject}",
    "delete": "/responses/{subject}",
    "models": "/models",
    "model": "/models/{subject}",
}
NOTHING: Final[Mapping[str, Json]] = {}

PARAGRAPH: Final = "\n\n"
"""Between texts that the wire keeps apart and the neutral form does not."""

type Item = dict[str, Any]
"""An item of ``input`` or ``output``, or another object, as it stands on the wire."""


def upstream_path(operation: str, model: str, stream: bool) -> str:
    """``model``: for stored answers it is their id."""
    return PATHS[operation].replace("{subject}", quote(model, safe=""))


def own(extra: Extra) -> Item:
    """The fields that this protocol kept for itself."""
    return own_fields(extra, NAME)


def keep(fields: Mapping[str, Json], known: frozenset[str]) -> Extra:
    """The side-car for what has no neutral name: every field that is neither ``known`` nor null."""
    return keep_fields(fields, known, NAME)


def sidecar(fields: Mapping[str, Json]) -> Extra:
    """These fields, but for nulls, under this protocol's name."""
    return keep_fields(fields, frozenset(), NAME)
