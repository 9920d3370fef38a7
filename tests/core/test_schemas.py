from typing import Any

import pytest

from ccx_addons.core.neutral import Loss
from ccx_addons.core.schemas import with_types, without_alternatives

A = {"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "b"]}
B = {"properties": {"a": {"type": "integer"}, "c": {}}, "required": ["a", "c", 7]}


def test_alternatives_become_one_object() -> None:
    merged = without_alternatives({"description": "d", "anyOf": [A, B, "x"]})
    assert merged == {
        "description": "d",
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {}, "c": {}},
        "required": ["a"],
    }
    assert list(merged["properties"]) == ["a", "b", "c"]


def test_all_of_requires_what_any_of_them_does() -> None:
    assert without_alternatives({"allOf": [A, B]})["required"] == ["a", "b", "c"]


def test_what_the_schema_itself_says_wins() -> None:
    schema = {"properties": {"a": {"type": "null"}}, "required": ["z"], "oneOf": [A], "enum": [1]}
    merged = without_alternatives(schema, {"oneOf", "enum"})
    assert merged["properties"]["a"] == {"type": "null"} and merged["required"] == ["a", "b", "z"]
    assert "enum" not in merged and "oneOf" not in merged


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"type": "string"}, {"type": "string"}),
        ({}, {"type": "string"}),
        ({"description": "d"}, {"description": "d", "type": "string"}),
        ({"enum": ["a", "b"]}, {"enum": ["a", "b"], "type": "string"}),
        ({"enum": ["a", None]}, {"enum": ["a", None], "type": ["string", "null"]}),
        ({"const": 1}, {"const": 1, "type": "integer"}),
        ({"items": {}}, {"items": {"type": "string"}, "type": "array"}),
        (
            {"type": "object", "anyOf": [{"required": ["a"]}, {"$ref": "#/$defs/x"}]},
            {"anyOf": [{"type": "object", "required": []}, {"$ref": "#/$defs/x"}]},
        ),
        ({"$ref": "#/$defs/x", "description": "d"}, {"$ref": "#/$defs/x"}),
        (
            {"type": "array", "items": [{"type": "string"}, {}]},
            {"type": "array", "prefixItems": [{"type": "string"}, {"type": "string"}]},
        ),
        (
            {"type": "object", "properties": {"a": {}}, "required": ["a", "b"], "additionalProperties": False},
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": ["a"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_with_types(given: dict[str, Any], found: dict[str, Any]) -> None:
    losses: list[Loss] = []
    schema = {"type": "object", "properties": {"p": given}, "$defs": {"x": {"type": "string"}}}
    assert with_types(schema, "p", losses)["properties"]["p"] == found
    assert losses == []


def test_alternatives_at_the_top_are_merged() -> None:
    losses: list[Loss] = []
    found = with_types({"type": "object", "anyOf": [A, B]}, "p", losses)
    assert found["type"] == "object" and "anyOf" not in found and [loss.path for loss in losses] == ["p"]
