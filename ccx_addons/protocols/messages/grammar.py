"""Schemas that are guarantees: structured outputs and strict tools, which are compiled together for each request.

Source: platform.claude.com/docs/en/build-with-claude/structured-outputs (JSON Schema limitations, schema complexity
limits).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Json
from ccx_addons.vendors.facts import Messages as Rules

DEFINITIONS: Final = ("$defs", "definitions")
NESTED: Final = frozenset({"properties", *DEFINITIONS})
LISTS: Final = frozenset({"anyOf", "allOf"})
KEPT: Final = frozenset({"type", "title", "description", "enum", "const", "default", "required", "$ref"})
FORMATS: Final = frozenset({
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
})  # fmt: skip


def strict_schema(schema: Mapping[str, Json]) -> dict[str, Json]:
    """The part of the schema that is taken: closed objects, no limits on numbers, lengths and counts."""
    strict: dict[str, Any] = {}
    for name, value in schema.items():
        if name in KEPT or (name == "format" and value in FORMATS) or (name == "minItems" and value in (0, 1)):
            strict[name] = value
        elif name in NESTED:
            strict[name] = {key: _strict_value(inner) for key, inner in read.mapping(value).items()}
        elif name in LISTS or name == "oneOf":
            strict["anyOf" if name == "oneOf" else name] = [_strict_value(inner) for inner in read.items(value)]
        elif name == "items":
            strict[name] = _strict_value(value)
    if schema.get("type") == "object" or "properties" in schema:
        strict["additionalProperties"] = False
    return strict


def _strict_value(value: Json) -> Json:
    return strict_schema(value) if isinstance(value, dict) else value


@dataclass(slots=True)
class Grammar:
    """What the guaranteed schemas of one request come to."""

    rules: Rules
    tools: int = 0
    optional: int = 0
    unions: int = 0

    def refuses(self, schema: Mapping[str, Json], tools: int = 0) -> str:
        """Why a schema is no guarantee; empty: it is one, and counts from now on. ``tools``: how many it is of."""
        rules = self.rules
        if not rules.schemas:
            return "the model has no such thing"
        if strict_schema(schema) != schema:
            return "it says what structured outputs do not take"
        if _is_recursive(schema):
            return "it refers to itself"
        counted = [_count(inner) for inner in _inner(schema)]
        optional = self.optional + sum(found[0] for found in counted)
        unions = self.unions + sum(found[1] for found in counted)
        if rules.strict_tools and self.tools + tools > rules.strict_tools:
            return f"{rules.strict_tools} strict tools are the most"
        if rules.strict_optional and optional > rules.strict_optional:
            return f"all guaranteed schemas together have at most {rules.strict_optional} optional parameters"
        if rules.strict_unions and unions > rules.strict_unions:
            return f"all guaranteed schemas together have at most {rules.strict_unions} parameters of several types"
        self.tools, self.optional, self.unions = self.tools + tools, optional, unions
        return ""


def _inner(schema: Json) -> Iterator[Mapping[str, Json]]:
    """A strict schema and every one inside of it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for name in NESTED & schema.keys():
        for inner in read.mapping(schema[name]).values():
            yield from _inner(inner)
    for name in LISTS & schema.keys():
        for inner in read.items(schema[name]):
            yield from _inner(inner)
    yield from _inner(schema.get("items"))


def _count(schema: Mapping[str, Json]) -> tuple[int, int]:
    """Optional parameters, and whether it has several types."""
    optional = len(read.mapping(schema.get("properties")).keys() - set(map(str, read.items(schema.get("required")))))
    return optional, int("anyOf" in schema or isinstance(schema.get("type"), list))


def _is_recursive(schema: Mapping[str, Json]) -> bool:
    """Whether a definition leads back to itself. Only those at the top are looked up, as they are written."""
    places: dict[str, Json] = {"#": {name: value for name, value in schema.items() if name not in DEFINITIONS}}
    for name in DEFINITIONS:
        places |= {f"#/{name}/{key}": inner for key, inner in read.mapping(schema.get(name)).items()}
    if len(places) == 1 and not any("$ref" in one for one in _inner(schema)):
        return False
    leads = {place: {read.text(one.get("$ref")) for one in _inner(inner)} for place, inner in places.items()}
    open_, closed = dict.fromkeys(["#"]), set[str]()
    paths = [iter(leads["#"])]
    while paths:
        if (found := next(paths[-1], None)) is None:
            paths.pop()
            closed.add(open_.popitem()[0])
        elif found in open_:
            return True
        elif found in leads and found not in closed:
            open_[found] = None
            paths.append(iter(leads[found]))
    return False
