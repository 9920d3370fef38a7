"""JSON schema, and the subset of OpenAPI that ``parameters`` and ``responseSchema`` are.

Beside that subset (ai.google.dev/api/caching#Schema) newer models take JSON schema itself, in ``parametersJsonSchema``
and ``responseJsonSchema``. Every model and relay understands the subset: it is what goes out as long as it says the
same.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Json
from ccx_addons.protocols.gemini.wire import NOTHING, Fields, camel, enumerated

TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
FORMATS: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"date-time"}),
    "number": frozenset({"float", "double"}),
    "integer": frozenset({"int32", "int64"}),
}
LIMITS: Final = frozenset({
    "minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength", "minimum", "maximum", "pattern",
})  # fmt: skip
COUNTS: Final = frozenset({"minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"})
"""64-bit integers, which the wire may carry as strings."""

SILENT: Final = frozenset({
    "$schema", "$id", "$comment", "$defs", "definitions", "$anchor", "title", "default", "example", "examples",
    "format", "readOnly", "writeOnly", "deprecated", "propertyOrdering", "nullable", "required",
})  # fmt: skip
"""Keywords that go without a word: they allow or forbid nothing that a model would notice."""

READ: Final = frozenset({
    "type", "description", "enum", "const", "properties", "items", "prefixItems", "anyOf", "oneOf", "allOf", "$ref",
    "exclusiveMinimum", "exclusiveMaximum", "additionalProperties",
})  # fmt: skip
"""Keywords with code of their own."""

NESTED: Final = frozenset({"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"})
LISTS: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
UNDERSTOOD: Final = SILENT | READ | LIMITS
SINGLE: Final = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"})
MAX_NODES: Final = 4000
"""Nodes of one schema, references inlined; what is deeper is cut, since references can double at each level."""

MAX_ALL: Final = 40_000
"""Nodes of all the schemas of one request."""
MAX_DEPTH: Final = 60
PER_NODE: Final = 10
"""Keywords, and words of an enum, that count as one node more."""

ANYTHING: Final[Mapping[str, Json]] = {"type": "object"}


@dataclass(slots=True)
class Room:
    """How many nodes the schemas of one request may still have."""

    nodes: int = MAX_ALL

    def take(self, value: Json) -> bool:
        """Whether there is room for one node: it counts for more when it has very many keywords or words, for
        references copy them."""
        self.nodes -= 1
        if isinstance(value, dict):
            words = len(value)
            for inner in value.values():
                if isinstance(inner, list):
                    words += len(inner)
            self.nodes -= words // PER_NODE
        return self.nodes >= 0


TYPE_NAMES: Final = ("TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")


# ---- wire -> JSON schema ---------------------------------------------------------------------------------------------
def read_schema(value: Mapping[str, Json]) -> Fields:
    """JSON schema of either wire form: types in lower case, ``nullable`` as a type, properties in their order."""
    schema: Fields = {}
    for name, inner in camel(value).items():
        if name == "type":
            schema["type"] = _read_type(inner)
        elif name in NESTED:
            schema[name] = {key: _read_inner(item) for key, item in read.mapping(inner).items()}
        elif name in LISTS:
            schema[name] = [_read_inner(item) for item in read.items(inner)]
        elif name in SINGLE:
            schema[name] = _read_inner(inner)
        elif name in COUNTS and isinstance(inner, str) and inner.isdecimal():
            schema[name] = int(inner[:18])
        else:
            schema[name] = inner
    return _read_rest(schema)


def _read_rest(schema: Fields) -> Fields:
    """What only this protocol says: order, enum as a format, nullable."""
    if schema.get("type") is None:
        schema.pop("type", None)
    if schema.get("format") == "enum":
        del schema["format"]
    order = schema.pop("propertyOrdering", None)
    if isinstance(order, list) and isinstance(properties := schema.get("properties"), dict):
        first = [name for name in order if isinstance(name, str) and name in properties]
        schema["properties"] = {name: properties[name] for name in dict.fromkeys([*first, *properties])}
    if schema.pop("nullable", None) is True:
        kind = schema.get("type")
        if isinstance(kind, str):
            schema["type"] = [kind, "null"]
        elif "anyOf" in schema:
            schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    return schema


def _read_inner(value: Json) -> Json:
    return read_schema(value) if isinstance(value, dict) else value


def _read_type(value: Json) -> Json:
    if isinstance(value, list):
        return [_read_type(item) for item in value]
    name = enumerated(value, TYPE_NAMES)
    if isinstance(name, str):
        return None if name == "TYPE_UNSPECIFIED" else name.lower()
    return name


# ---- JSON schema -> wire ---------------------------------------------------------------------------------------------
class Cleaner:
    """Writes one schema in the subset. ``lost`` names the keywords whose meaning the subset cannot say."""

    def __init__(self, schema: Mapping[str, Json], room: Room | None, ordered: bool = False) -> None:
        self.lost: dict[str, None] = {}
        self._root = schema
        self._ordered = ordered
        self._depth = 0
        room = room or Room()
        self._room = Room(min(MAX_NODES, room.nodes))
        given = self._room.nodes
        self.schema = self._node(schema, ())
        room.nodes -= given - max(self._room.nodes, 0)

    def _node(self, value: Json, refs: tuple[str, ...]) -> Fields:
        if not isinstance(value, dict):
            return self._untyped({})
        if not self._room.take(value) or self._depth > MAX_DEPTH:
            return self._lose("size", ANYTHING)
        self._depth += 1
        schema = self._kind_of_node(value, refs)
        self._depth -= 1
        return schema

    def _kind_of_node(self, value: Mapping[str, Json], refs: tuple[str, ...]) -> Fields:
        if "$ref" in value:
            return self._referenced(value, refs)
        if "allOf" in value:
            return self._all_of(value, refs)
        kind = value.get("type")
        if isinstance(kind, list):
            return self._several_types(value, [item for item in kind if isinstance(item, str)], refs)
        variants = read.mappings(value.get("anyOf")) or read.mappings(value.get("oneOf"))
        if variants:
            return self._alternatives(value, variants, refs)
        self.lost |= {name: None for name in value if name not in UNDERSTOOD}
        return self._plain(value, refs)

    # ---- references ----
    def _referenced(self, value: Mapping[str, Json], refs: tuple[str, ...]) -> Fields:
        ref = value["$ref"]
        beside = {name: inner for name, inner in value.items() if name != "$ref"}
        found = self._find(ref)
        if found is None or ref in refs:
            description = read.text(value.get("description"))
            return self._lose("$ref", {**ANYTHING, "description": description} if description else ANYTHING)
        return self._node({**found, **beside}, (*refs, ref))

    def _all_of(self, value: Mapping[str, Json], refs: tuple[str, ...]) -> Fields:
        members = read.mappings(value["allOf"])
        merged = _merge_all(value, [self._resolved(item, refs) for item in members])
        return self._node(merged, (*refs, *(ref for item in members if isinstance(ref := item.get("$ref"), str))))

    def _resolved(self, value: Mapping[str, Json], refs: tuple[str, ...]) -> Mapping[str, Json]:
        """A member of ``allOf`` with its own reference, if it is not one that is being inlined, put in."""
        ref = value.get("$ref")
        if ref is None:
            return value
        found = None if ref in refs else self._find(ref)
        if found is None or "$ref" in found or "allOf" in found:
            return self._lose("$ref", NOTHING)
        return {**found, **{name: inner for name, inner in value.items() if name != "$ref"}}

    def _find(self, ref: Json) -> Mapping[str, Json] | None:
        return find_reference(self._root, ref)

    # ---- alternatives ----
    def _several_types(self, value: Mapping[str, Json], kinds: list[str], refs: tuple[str, ...]) -> Fields:
        rest = {name: inner for name, inner in value.items() if name != "type"}
        wanted = [kind for kind in kinds if kind.lower() != "null"]
        if len(wanted) <= 1:
            schema = self._node({**rest, "type": wanted[0]} if wanted else {**rest, "type": "null"}, refs)
            return _nullable(schema) if len(wanted) < len(kinds) and wanted else schema
        return self._one_of(rest, [{"type": kind, **_fitting(rest, kind)} for kind in kinds], refs)

    def _alternatives(
        self, value: Mapping[str, Json], variants: list[dict[str, Json]], refs: tuple[str, ...]
    ) -> Fields:
        rest = {name: inner for name, inner in value.items() if name not in ("anyOf", "oneOf")}
        if "properties" in rest:
            return self._lose("anyOf", self._node(rest, refs))
        kind = rest.get("type")
        return self._one_of(rest, [{"type": kind, **item} if kind else item for item in variants], refs)

    def _one_of(
        self, rest: Mapping[str, Json], variants: Sequence[Mapping[str, Json]], refs: tuple[str, ...]
    ) -> Fields:
        """``anyOf`` stands alone: description and nullable go into its members. A member ``null`` makes it nullable."""
        wanted = [item for item in variants if read.text(item.get("type")).lower() != "null"]
        nullable = len(wanted) < len(variants) or rest.get("nullable") is True
        schemas = [self._node(item, refs) for item in wanted]
        if description := read.text(rest.get("description")):
            schemas = [{"description": description, **schema} for schema in schemas]
        if nullable:
            schemas = [_nullable(schema) for schema in schemas]
        if not schemas:
            return self._plain({**rest, "type": "null"}, refs)
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    # ---- plain nodes ----
    def _plain(self, value: Mapping[str, Json], refs: tuple[str, ...]) -> Fields:
        schema: Fields = {}
        kind = value.get("type")
        if isinstance(kind, str) and kind.lower() in TYPES:
            schema["type"] = kind = kind.lower()
        else:
            kind = None
        if description := read.text(value.get("description")):
            schema["description"] = description
        if value.get("nullable") is True:
            schema["nullable"] = True
        schema |= {name: inner for name, inner in value.items() if name in LIMITS}
        self._exclusive(value, schema)
        if (form := read.text(value.get("format"))) in FORMATS.get(kind or "", ()):
            schema["format"] = form
        if "enum" in value or "const" in value:
            self._enum(value["enum"] if "enum" in value else [value["const"]], schema)
        if "properties" in value or schema.get("type") == "object":
            self._object(value, schema, refs)
        if "items" in value or "prefixItems" in value or schema.get("type") == "array":
            self._array(value, schema, refs)
        return schema if "type" in schema else self._untyped(schema)

    def _exclusive(self, value: Mapping[str, Json], schema: Fields) -> None:
        for name, step, limit in (("exclusiveMinimum", 1, "minimum"), ("exclusiveMaximum", -1, "maximum")):
            border = read.integer(value.get(name))
            if border is not None and schema.get("type") == "integer":
                schema.setdefault(limit, border + step)
            elif name in value:
                self.lost[name] = None

    def _enum(self, values: Json, schema: Fields) -> None:
        given = read.items(values)
        words = [word for word in given if isinstance(word, str) and word]
        if None in given and schema.get("type") != "null":
            schema["nullable"] = True
        others = [word for word in given if word is not None and not (isinstance(word, str) and word)]
        if others:
            self.lost["enum"] = None
            if "type" not in schema:
                schema["type"] = _type_of(others[0])
            allowed = f"One of: {', '.join(map(str, [*words, *others]))[:500]}"
            schema["description"] = f"{schema['description']} {allowed}" if "description" in schema else allowed
        elif words:
            schema["type"] = "string"
            schema["enum"] = words

    def _object(self, value: Mapping[str, Json], schema: Fields, refs: tuple[str, ...]) -> None:
        schema["type"] = "object"
        if read.mapping(value.get("additionalProperties")):
            self.lost["additionalProperties"] = None
        properties = {name: self._node(inner, refs) for name, inner in read.mapping(value.get("properties")).items()}
        if not properties:
            return
        schema["properties"] = properties
        required = [name for name in read.texts(value.get("required")) if name in properties]
        if required:
            schema["required"] = required
        if self._ordered and len(properties) > 1:
            schema["propertyOrdering"] = list(properties)

    def _array(self, value: Mapping[str, Json], schema: Fields, refs: tuple[str, ...]) -> None:
        schema["type"] = "array"
        items = value.get("prefixItems", value.get("items"))
        if isinstance(items, list):
            self.lost["prefixItems"] = None
            items = {"anyOf": [item for item in items if isinstance(item, dict)]}
        schema["items"] = self._node(items, refs)

    def _untyped(self, schema: Fields) -> Fields:
        """A type is demanded; text can say everything."""
        self.lost["type"] = None
        return {"type": "string", **schema}

    def _lose(self, keyword: str, schema: Mapping[str, Json]) -> Fields:
        self.lost[keyword] = None
        return dict(schema)


def clean_object(schema: Mapping[str, Json], room: Room | None = None) -> tuple[Fields, list[str]]:
    """A function's parameters, which must be an object, and the keywords whose meaning got lost."""
    cleaner = Cleaner(schema if "type" in schema or "$ref" in schema else {"type": "object", **schema}, room)
    found = cleaner.schema
    if variants := found.get("anyOf"):
        cleaner.lost["anyOf"] = None
        found = {"type": "object", "properties": _all_properties(variants)}
        if not found["properties"]:
            del found["properties"]
    if found.get("type") != "object":
        cleaner.lost["type"] = None
        found = dict(ANYTHING)
    found.pop("nullable", None)
    return found, list(cleaner.lost)


def clean(schema: Mapping[str, Json], room: Room | None = None) -> tuple[Fields, list[str]]:
    """The schema of an answer, its properties in order, and the keywords whose meaning got lost."""
    cleaner = Cleaner(schema, room, ordered=True)
    return cleaner.schema, list(cleaner.lost)


def whole(schema: Mapping[str, Json], room: Room | None = None) -> Fields:
    """JSON schema as newer models take it: references inlined unless that has no end, for beside ``$ref`` they take
    nothing but a description. It is an object, or what the schema says."""
    room = room or Room()
    own = Room(min(MAX_NODES, room.nodes))
    given = own.nodes
    try:
        found: Fields = _inline(schema, schema, (), own)
        dropped = {"$schema", "$defs", "definitions"}
    except (_EndlessError, RecursionError):
        found, dropped = dict(schema), {"$schema"}
    room.nodes -= given - max(own.nodes, 0)
    return {name: value for name, value in found.items() if name not in dropped}


class _EndlessError(Exception):
    """References that cannot be inlined: they lead back to themselves, grow too large, or lead nowhere."""


def find_reference(root: Mapping[str, Json], ref: Json) -> Mapping[str, Json] | None:
    """What a reference within the same document names (RFC 6901)."""
    if not isinstance(ref, str) or not ref.startswith("#"):
        return None
    place: Json = root
    for step in filter(None, ref[1:].split("/")):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, list) and re.fullmatch(r"\d{1,4}", name) and int(name) < len(place):
            place = place[int(name)]
        else:
            place = read.mapping(place).get(name)
    return place if isinstance(place, dict) else None


def _inline(value: Json, root: Mapping[str, Json], refs: tuple[str, ...], room: Room) -> Json:
    if not room.take(value):
        raise _EndlessError
    if isinstance(value, list):
        return [_inline(item, root, refs, room) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(ref := value.get("$ref"), str):
        found = find_reference(root, ref)
        if found is None or ref in refs:
            raise _EndlessError
        beside = {name: inner for name, inner in value.items() if name != "$ref"}
        return _inline({**found, **beside}, root, (*refs, ref), room)
    return {
        name: inner if name in ("$defs", "definitions") else _inline(inner, root, refs, room)
        for name, inner in value.items()
    }


# ---- small things ----------------------------------------------------------------------------------------------------
def _nullable(schema: Fields) -> Fields:
    if "anyOf" in schema:
        return {"anyOf": [_nullable(item) for item in schema["anyOf"]]}
    return schema if schema.get("type") == "null" else {**schema, "nullable": True}


def _fitting(rest: Mapping[str, Json], kind: str) -> Fields:
    """Of a node with several types, what concerns one of them."""
    names = {"object": {"properties", "required", "additionalProperties"}, "array": {"items", "prefixItems"}}
    return {name: rest[name] for name in names.get(kind.lower(), ()) if name in rest}


def _type_of(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    return {int: "integer", float: "number", list: "array", dict: "object"}.get(type(value), "string")


def _merge_all(value: Mapping[str, Json], members: Iterable[Mapping[str, Json]]) -> Fields:
    """The node with everything that ``allOf`` demands; what the node itself says wins."""
    merged = {name: inner for name, inner in value.items() if name != "allOf"}
    properties = dict(read.mapping(merged.get("properties")))
    lists = {name: [*read.items(merged.get(name))] for name in ("required", "allOf")}
    for member in members:
        for name, inner in member.items():
            if name == "properties":
                for key, item in read.mapping(inner).items():
                    properties.setdefault(key, item)
            elif name in lists:
                lists[name] += read.items(inner)
            else:
                merged.setdefault(name, inner)
    return merged | {name: found for name, found in {"properties": properties, **lists}.items() if found}


def _all_properties(variants: Iterable[Mapping[str, Json]]) -> Fields:
    properties: Fields = {}
    for variant in variants:
        for name, schema in read.mapping(variant.get("properties")).items():
            properties.setdefault(name, schema)
    return properties
