"""JSON schemas as the API takes them (platform.openai.com/docs/guides/structured-outputs#supported-schemas)."""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core.neutral import Json, Loss
from ccx_addons.core.openai import NAMED_SCHEMAS, NESTED_SCHEMAS
from ccx_addons.core.schemas import ALTERNATIVES, without_alternatives
from ccx_addons.protocols.responses.wire import Item

EMPTY_SCHEMA: Final[Mapping[str, Json]] = {"type": "object", "properties": {}}
REFUSED_AT_TOP: Final = frozenset({*ALTERNATIVES, "enum", "not"})


def object_schema(schema: Mapping[str, Json], path: str, losses: list[Loss]) -> Mapping[str, Json]:
    """The parameters of a function: an object at the top, and for every array what its items are.

    The schema itself where it is so already.
    """
    if REFUSED_AT_TOP & schema.keys():
        losses.append(Loss(f"{path}.parameters", "alternatives at the top of a schema were merged"))
        schema = without_alternatives(schema, REFUSED_AT_TOP)
    if schema.get("type") != "object" or "properties" not in schema:
        schema = {**EMPTY_SCHEMA, **schema, "type": "object"}
    return with_items(schema)


def with_items(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """Every array says what its items are, if only that they may be anything."""
    changed: Item = {}
    if schema.get("type") == "array" and "items" not in schema and "prefixItems" not in schema:
        changed["items"] = {}
    for name in NAMED_SCHEMAS:
        if isinstance(inner := schema.get(name), dict):
            fixed = {key: _fixed(value) for key, value in inner.items()}
            if any(fixed[key] is not inner[key] for key in inner):
                changed[name] = fixed
    for name in NESTED_SCHEMAS:
        if isinstance(inner := schema.get(name), list):
            whole = [_fixed(value) for value in inner]
            if any(one is not other for one, other in zip(whole, inner, strict=True)):
                changed[name] = whole
        elif isinstance(inner, dict) and (value := with_items(inner)) is not inner:
            changed[name] = value
    return {**schema, **changed} if changed else schema


def _fixed(value: Json) -> Json:
    return with_items(value) if isinstance(value, dict) else value
