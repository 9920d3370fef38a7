"""JSON schemas as the API takes them (platform.openai.com/docs/guides/structured-outputs#supported-schemas)."""

from collections.abc import Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Json, Loss
from ccx_addons.core.openai import NAMED_SCHEMAS, NESTED_SCHEMAS
from ccx_addons.protocols.responses.wire import Item

EMPTY_SCHEMA: Final[Mapping[str, Json]] = {"type": "object", "properties": {}}
ALTERNATIVES: Final = ("anyOf", "oneOf", "allOf")
REFUSED_AT_TOP: Final = frozenset({*ALTERNATIVES, "enum", "not"})


def object_schema(schema: Mapping[str, Json], path: str, losses: list[Loss]) -> Mapping[str, Json]:
    """The parameters of a function: an object at the top, and for every array what its items are.

    The schema itself where it is so already.
    """
    if REFUSED_AT_TOP & schema.keys():
        losses.append(Loss(f"{path}.parameters", "alternatives at the top of a schema were merged"))
        schema = _merged(schema)
    if schema.get("type") != "object" or "properties" not in schema:
        schema = {**EMPTY_SCHEMA, **schema, "type": "object"}
    return with_items(schema)


def _merged(schema: Mapping[str, Json]) -> Item:
    """One object with every alternative's properties; required is what all of them (allOf: any of them) require."""
    merged: Item = {name: value for name, value in schema.items() if name not in REFUSED_AT_TOP}
    properties = dict(read.mapping(schema.get("properties")))
    required = _names(schema)
    for word in ALTERNATIVES:
        variants = read.mappings(schema.get(word))
        for variant in variants:
            properties = {**read.mapping(variant.get("properties")), **properties}
        wanted = [_names(variant) for variant in variants]
        if wanted:
            required |= set.union(*wanted) if word == "allOf" else set.intersection(*wanted)
    return {**merged, "type": "object", "properties": properties, "required": sorted(required)}


def _names(schema: Mapping[str, Json]) -> set[str]:
    return {name for name in read.items(schema.get("required")) if isinstance(name, str)}


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
