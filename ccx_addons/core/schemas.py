"""JSON schemas, as far as several protocols do the same with them."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Json, Loss

ALTERNATIVES: Final = ("anyOf", "oneOf", "allOf")


def without_alternatives(schema: Mapping[str, Json], dropped: Collection[str] = ALTERNATIVES) -> dict[str, Json]:
    """One object with every alternative's properties; required is what all of them (allOf: any of them) require.

    ``dropped``: members that are left out.
    """
    properties = dict(read.mapping(schema.get("properties")))
    required = _required(schema)
    for word in ALTERNATIVES:
        variants = read.mappings(schema.get(word))
        for variant in variants:
            for name, inner in read.mapping(variant.get("properties")).items():
                properties.setdefault(name, inner)
        wanted = [_required(variant) for variant in variants]
        if wanted:
            required |= set.union(*wanted) if word == "allOf" else set.intersection(*wanted)
    kept = {name: value for name, value in schema.items() if name not in dropped}
    return {**kept, "type": "object", "properties": properties, "required": sorted(required)}


def _required(schema: Mapping[str, Json]) -> set[str]:
    return {name for name in read.items(schema.get("required")) if isinstance(name, str)}


# ---- a type for each schema ------------------------------------------------------------------------------------------
NAMED: Final = ("properties", "$defs", "definitions", "patternProperties")
NESTED: Final = ("items", "additionalProperties")
CHOICES: Final = ("anyOf", "oneOf", "allOf")
TYPES: Final[Mapping[type, str]] = {
    bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object", type(None): "null",
}  # fmt: skip
UNSAID: Final = "string"
"""The type of what may be anything: text can say everything."""


def with_types(schema: Mapping[str, Json], path: str, losses: list[Loss]) -> Mapping[str, Json]:
    """The parameters of a function for validators that want a type in each schema, but none beside alternatives, and
    nothing beside a reference (Moonshot's: "type is not defined", "when using anyOf, type should be defined in anyOf
    items instead of the parent schema", "conflicting keywords found after $ref expansion")."""
    if any(name in schema for name in ALTERNATIVES):
        losses.append(Loss(path, "alternatives at the top of a schema were merged"))
        schema = without_alternatives(schema)
    found = _typed(schema)
    return found if isinstance(found, dict) else schema


def _typed(value: Json) -> Json:
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return {"$ref": value["$ref"]} | {
            name: _each(value[name]) for name in ("$defs", "definitions") if name in value
        }
    schema: dict[str, Any] = dict(value)
    for name in NAMED:
        if name in schema:
            schema[name] = _each(schema[name])
    if isinstance(items := schema.get("items"), list):
        del schema["items"]
        schema["prefixItems"] = items
    for name in NESTED:
        if isinstance(schema.get(name), dict) and (schema[name] or name == "items"):
            schema[name] = _typed(schema[name])
    if isinstance(schema.get("prefixItems"), list):
        schema["prefixItems"] = [_typed(item) for item in schema["prefixItems"]]
    if choice := next((name for name in CHOICES if read.mappings(schema.get(name))), ""):
        beside = {"type": schema.pop("type")} if "type" in schema else {}
        schema[choice] = [_typed(item if "$ref" in item else beside | item) for item in read.mappings(schema[choice])]
    elif "type" not in schema:
        schema["type"] = _type_of(schema)
    return _required_ones(schema)


def _each(named: Json) -> Json:
    return {name: _typed(inner) for name, inner in named.items()} if isinstance(named, dict) else named


def _type_of(schema: Mapping[str, Json]) -> Json:
    if "properties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    values = [schema["const"]] if "const" in schema else read.items(schema.get("enum"))
    types = list(dict.fromkeys(TYPES[type(value)] for value in values if type(value) in TYPES))
    return types[0] if len(types) == 1 else types or UNSAID


def _required_ones(schema: dict[str, Any]) -> dict[str, Any]:
    """Without names that no property has, and without what is no list."""
    if "required" not in schema:
        return schema
    known = read.mapping(schema.get("properties"))
    required = [name for name in read.texts(schema["required"]) if name in known]
    return {**schema, "required": required}
