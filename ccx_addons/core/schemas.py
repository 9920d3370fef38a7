"""JSON schemas, as far as several protocols do the same with them."""

from collections.abc import Collection, Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Json

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
