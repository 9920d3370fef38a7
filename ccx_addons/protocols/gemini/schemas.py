"""JSON schemas as Gemini takes them in ``parameters`` and ``responseSchema`` (ai.google.dev/api/caching#Schema).

That is a part of OpenAPI 3.0: no references, no ``const``, one type, ``nullable`` instead of a null type. Google's own
JSON writes types in capitals, which decoding turns into JSON schema.
"""

from collections.abc import Mapping
from typing import Any, Final

from ccx_addons.core import read

type Json = Any

KEPT: Final = frozenset({
    "title", "description", "nullable", "format", "enum", "minItems", "maxItems", "minProperties", "maxProperties",
    "minimum", "maximum", "minLength", "maxLength", "pattern", "required", "default", "propertyOrdering",
})  # fmt: skip
FORMATS: Final = frozenset({"enum", "date-time", "float", "double", "int32", "int64"})
MAX_DEPTH: Final = 32
TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})


def cleaned(schema: Mapping[str, Json]) -> dict[str, Json]:
    """The schema with everything that Gemini refuses rewritten or left out."""
    return _clean(schema, schema, 0)


def _clean(schema: Json, root: Mapping[str, Json], depth: int) -> dict[str, Json]:
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return {"type": "object"}
    if "$ref" in schema:
        return _clean(
            {**_target(schema["$ref"], root), **{k: v for k, v in schema.items() if k != "$ref"}}, root, depth + 1
        )
    found = {name: value for name, value in schema.items() if name in KEPT}
    if found.get("format") not in FORMATS:
        found.pop("format", None)
    if "const" in schema:
        found["enum"] = [schema["const"]]
    found |= _typed(schema, root, depth)
    if "enum" in found:
        # Google's enums are strings.
        found["enum"] = [
            value if isinstance(value, str) else str(value) for value in read.items(found["enum"]) if value != ""
        ]
        found["type"] = "string"
        if not found["enum"]:
            del found["enum"]
    if isinstance(schema.get("properties"), Mapping):
        found["properties"] = {name: _clean(inner, root, depth + 1) for name, inner in schema["properties"].items()}
        found["required"] = [name for name in read.items(found.get("required")) if name in found["properties"]]
    if not found.get("required"):
        found.pop("required", None)
    if found.get("type") == "array" or "items" in schema:
        found["items"] = _clean(schema.get("items") or {"type": "string"}, root, depth + 1)
    return found


def _typed(schema: Mapping[str, Json], root: Mapping[str, Json], depth: int) -> dict[str, Json]:
    """``type`` or ``anyOf``; a null type becomes ``nullable``, ``allOf`` is merged."""
    found: dict[str, Json] = {}
    kind = schema.get("type")
    if isinstance(kind, list):
        names = [name for name in kind if name != "null"]
        if len(names) < len(kind):
            found["nullable"] = True
        if len(names) == 1:
            found["type"] = str(names[0]).lower()
        elif names:
            found["anyOf"] = [{"type": str(name).lower()} for name in names]
    elif isinstance(kind, str):
        found["type"] = kind.lower()
    for part in read.mappings(schema.get("allOf")):
        found |= _clean(part, root, depth + 1)
    options = read.mappings(schema.get("anyOf")) or read.mappings(schema.get("oneOf"))
    if options:
        real = [option for option in options if option.get("type") != "null"]
        if len(real) < len(options):
            found["nullable"] = True
        if len(real) == 1:
            found |= _clean(real[0], root, depth + 1)
        elif real:
            found["anyOf"] = [_clean(option, root, depth + 1) for option in real]
    if not found.get("type") and "anyOf" not in found:
        found["type"] = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return found


def _target(reference: Json, root: Mapping[str, Json]) -> Mapping[str, Json]:
    """What ``#/$defs/Name`` points at; nothing for anything else."""
    place: Json = root
    for step in str(reference).removeprefix("#/").split("/"):
        place = read.mapping(place).get(step.replace("~1", "/").replace("~0", "~"))
    return read.mapping(place)


def read_schema(schema: Json, depth: int = 0) -> dict[str, Json]:
    """A schema as a Gemini client wrote it, as JSON schema: types in small letters, ``nullable`` as a null type."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return {}
    found = dict(schema)
    kind = found.get("type")
    if isinstance(kind, str):
        found["type"] = kind.lower()
    if found.pop("nullable", None) is True and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    found.pop("propertyOrdering", None)
    for name in ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"):
        if isinstance(found.get(name), str) and found[name].isdecimal():
            found[name] = int(found[name])
    if isinstance(found.get("properties"), Mapping):
        found["properties"] = {name: read_schema(inner, depth + 1) for name, inner in found["properties"].items()}
    if isinstance(found.get("items"), Mapping):
        found["items"] = read_schema(found["items"], depth + 1)
    for name in ("anyOf", "oneOf", "allOf"):
        if isinstance(found.get(name), list):
            found[name] = [read_schema(option, depth + 1) for option in found[name]]
    return found
