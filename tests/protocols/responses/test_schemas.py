from typing import Any

import pytest
from hypothesis import given

from ccx_addons.core.neutral import Loss
from ccx_addons.core.openai import fits_strict
from ccx_addons.protocols.responses.schemas import object_schema, with_items
from scripts.fake.refused import openai_schema
from tests.protocols.responses.values import SCHEMA
from tests.protocols.values import OBJECTS

STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({}, {"type": "object", "properties": {}}),
        ({"type": "object"}, {"type": "object", "properties": {}}),
        ({"type": ["object", "null"], "properties": {"a": STRING}}, {"type": "object", "properties": {"a": STRING}}),
        (
            {"type": "object", "properties": {"a": {"type": "array"}}},
            {"type": "object", "properties": {"a": {"type": "array", "items": {}}}},
        ),
        (
            {"type": "object", "properties": {}, "$defs": {"d": {"anyOf": [{"type": "array"}, STRING]}}},
            {"type": "object", "properties": {}, "$defs": {"d": {"anyOf": [{"type": "array", "items": {}}, STRING]}}},
        ),
    ],
)
def test_an_object_with_properties(schema: dict[str, Any], written: dict[str, Any]) -> None:
    losses: list[Loss] = []
    assert object_schema(schema, "tools[0]", losses) == written
    assert losses == []
    openai_schema(written, "it", False)


def test_a_good_schema_is_left_alone() -> None:
    assert object_schema(SCHEMA, "tools[0]", []) is SCHEMA


@pytest.mark.parametrize(
    ("schema", "properties", "required"),
    [
        pytest.param(
            {"anyOf": [{"properties": {"a": STRING}, "required": ["a", "b"]}, {"properties": {"b": {}}, "required": ["b"]}]},
            {"a": STRING, "b": {}}, ["b"], id="any of",
        ),
        pytest.param(
            {"allOf": [{"properties": {"a": STRING}, "required": ["a"]}, {"properties": {"b": {}}, "required": ["b"]}]},
            {"a": STRING, "b": {}}, ["a", "b"], id="all of",
        ),
        pytest.param({"properties": {"a": STRING}, "required": ["a"], "not": {}}, {"a": STRING}, ["a"], id="not"),
    ],
)  # fmt: skip
def test_alternatives_at_the_top_are_merged(
    schema: dict[str, Any], properties: dict[str, Any], required: list[str]
) -> None:
    losses: list[Loss] = []
    written = object_schema(schema, "tools[3]", losses)
    assert written == {"type": "object", "properties": properties, "required": required}
    assert [loss.path for loss in losses] == ["tools[3].parameters"]


@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        (SCHEMA, True),
        ({"type": "object", "properties": {}}, False),
        ({**SCHEMA, "required": []}, False),
        ({**SCHEMA, "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}}}, False),
        ({**SCHEMA, "properties": {"a": {"anyOf": [SCHEMA, {"type": "null"}]}}}, True),
        ({**SCHEMA, "$defs": {"d": {"properties": {"b": {}}}}}, False),
    ],
)
def test_strict_mode(schema: dict[str, Any], fits: bool) -> None:
    assert fits_strict(schema) is fits


@given(OBJECTS)
def test_any_schema(schema: dict[str, Any]) -> None:
    losses: list[Loss] = []
    written = object_schema(schema, "p", losses)
    assert written["type"] == "object"
    assert with_items(written) is written or with_items(written) == written
    assert fits_strict(written) in (True, False)
