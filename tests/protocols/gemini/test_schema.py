from typing import Any

import pytest

from ccx_addons.protocols.gemini.schema import MAX_NODES, Room, clean, clean_object, find_reference, read_schema, whole

STRING = {"type": "string"}


def inside(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}}


@pytest.mark.parametrize(
    ("wire", "schema"),
    [
        pytest.param({"type": "STRING"}, STRING, id="capitals"),
        pytest.param({"type": ["STRING", "NULL"]}, {"type": ["string", "null"]}, id="several types"),
        pytest.param({"type": 1}, STRING, id="a number"),
        pytest.param({"type": 0, "description": "x"}, {"description": "x"}, id="the number of no type"),
        pytest.param({"type": 99}, {"type": 99}, id="a number that is no type's"),
        pytest.param({"type": "TYPE_UNSPECIFIED", "description": "x"}, {"description": "x"}, id="no type"),
        pytest.param({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}, id="nullable"),
        pytest.param({"type": "STRING", "nullable": False}, STRING, id="not nullable"),
        pytest.param(
            {"anyOf": [STRING], "nullable": True}, {"anyOf": [STRING, {"type": "null"}]}, id="nullable alternatives"
        ),
        pytest.param({"any_of": [{"type": "STRING"}]}, {"anyOf": [STRING]}, id="snake case"),
        pytest.param(
            {"type": "ARRAY", "min_items": "3", "items": {"type": "STRING"}},
            {"type": "array", "minItems": 3, "items": STRING},
            id="counts as text",
        ),
        pytest.param(
            {"type": "STRING", "format": "enum", "enum": ["x"]}, {"type": "string", "enum": ["x"]}, id="enum as format"
        ),
        pytest.param(inside({"type": "STRING"}) | {"type": "OBJECT"}, inside(STRING), id="nested"),
        pytest.param(
            {"type": "OBJECT", "properties": {"type": {"type": "STRING"}, "min_items": {"type": "ARRAY"}}},
            {"type": "object", "properties": {"type": STRING, "min_items": {"type": "array"}}},
            id="names of properties stay",
        ),
        pytest.param(
            {"type": "string", "enum": ["STRING"], "default": "OBJECT"},
            {"type": "string", "enum": ["STRING"], "default": "OBJECT"},
            id="values stay",
        ),
        pytest.param(
            {"$ref": "#/$defs/a", "$defs": {"a": {"type": "STRING"}}},
            {"$ref": "#/$defs/a", "$defs": {"a": STRING}},
            id="json schema",
        ),
        pytest.param(
            {"type": 33, "properties": 4, "anyOf": 5}, {"type": 33, "properties": {}, "anyOf": []}, id="nonsense"
        ),
    ],
)
def test_read_schema(wire: dict[str, Any], schema: dict[str, Any]) -> None:
    assert read_schema(wire) == schema


def test_properties_come_in_their_order() -> None:
    wire = {"properties": {"a": STRING, "b": STRING, "c": STRING}, "propertyOrdering": ["c", "x", "a"]}
    assert list(read_schema(wire)["properties"]) == ["c", "a", "b"]


LIST = {"type": "array", "items": STRING}


@pytest.mark.parametrize(
    ("schema", "wire"),
    [
        pytest.param(STRING, STRING, id="plain"),
        pytest.param({"type": "STRING"}, STRING, id="capitals"),
        pytest.param({**STRING, "title": "T", "default": "x", "examples": ["y"], "$comment": "c"}, STRING, id="annotations go"),
        pytest.param({**STRING, "format": "uri"}, STRING, id="formats of json schema go"),
        pytest.param({**STRING, "format": "date-time"}, {**STRING, "format": "date-time"}, id="but not those it knows"),
        pytest.param({"type": "integer", "format": "double"}, {"type": "integer"}, id="a number's format is no integer's"),
        pytest.param({**STRING, "minLength": 1, "pattern": "a"}, {**STRING, "minLength": 1, "pattern": "a"}, id="limits"),
        pytest.param({"type": "object", "additionalProperties": False}, {"type": "object"}, id="closed objects"),
        pytest.param({"type": "object", "additionalProperties": {}}, {"type": "object"}, id="open objects"),
        pytest.param({"type": "object", "properties": {}}, {"type": "object"}, id="no properties"),
        pytest.param({"properties": {"a": STRING}}, {"type": "object", "properties": {"a": STRING}}, id="an object without its type"),
        pytest.param({**inside(STRING), "required": ["a", "b", 3]}, {**inside(STRING), "required": ["a"]}, id="required names exist"),
        pytest.param({"items": STRING}, LIST, id="an array without its type"),
        pytest.param({"const": "x"}, {**STRING, "enum": ["x"]}, id="const"),
        pytest.param({"enum": ["x", "y"]}, {**STRING, "enum": ["x", "y"]}, id="enum without a type"),
        pytest.param({**STRING, "enum": ["x", None]}, {**STRING, "enum": ["x"], "nullable": True}, id="enum with null"),
        pytest.param({"type": ["string", "null"]}, {**STRING, "nullable": True}, id="null as a type"),
        pytest.param({"type": ["null"]}, {"type": "null"}, id="only null"),
        pytest.param({"type": ["string", "integer"], "description": "d"}, {"anyOf": [{**STRING, "description": "d"}, {"type": "integer", "description": "d"}]}, id="several types"),
        pytest.param({"type": ["array", "null", "string"], "items": STRING}, {"anyOf": [{**LIST, "nullable": True}, {**STRING, "nullable": True}]}, id="several types and null"),
        pytest.param({"anyOf": [STRING, {"type": "null"}], "description": "d"}, {**STRING, "nullable": True, "description": "d"}, id="optional"),
        pytest.param({"oneOf": [STRING, {"type": "integer"}]}, {"anyOf": [STRING, {"type": "integer"}]}, id="oneOf"),
        pytest.param({"anyOf": [STRING, {"type": "integer"}], "description": "d", "title": "t"}, {"anyOf": [{**STRING, "description": "d"}, {"type": "integer", "description": "d"}]}, id="nothing beside anyOf"),
        pytest.param({"type": "string", "anyOf": [{"enum": ["x"]}, {"pattern": "y"}]}, {"anyOf": [{**STRING, "enum": ["x"]}, {**STRING, "pattern": "y"}]}, id="a type for all"),
        pytest.param({"anyOf": [{"type": "null"}]}, {"type": "null"}, id="nothing but null"),
        pytest.param({"allOf": [inside(STRING)], "description": "d"}, {**inside(STRING), "description": "d"}, id="allOf with one member"),
        pytest.param(
            {"allOf": [{**inside(STRING), "required": ["a"]}, {"properties": {"b": LIST}, "required": ["b"]}]},
            {"type": "object", "properties": {"a": STRING, "b": LIST}, "required": ["a", "b"], "propertyOrdering": ["a", "b"]}, id="allOf",
        ),
        pytest.param({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9}, {"type": "integer", "minimum": 1, "maximum": 8}, id="borders of integers"),
        pytest.param({"$ref": "#/$defs/x", "$defs": {"x": STRING}, "description": "d"}, {**STRING, "description": "d"}, id="reference"),
        pytest.param({"$ref": "#/definitions/x/items", "definitions": {"x": LIST}}, STRING, id="reference into a definition"),
        pytest.param({"allOf": [{"$ref": "#/$defs/x"}], "$defs": {"x": STRING}}, STRING, id="reference in allOf"),
    ],
)  # fmt: skip
def test_clean_without_loss(schema: dict[str, Any], wire: dict[str, Any]) -> None:
    assert clean(schema) == (wire, [])


@pytest.mark.parametrize(
    ("schema", "wire", "lost"),
    [
        pytest.param({"type": "number", "exclusiveMinimum": 0, "multipleOf": 2}, {"type": "number"}, ["multipleOf", "exclusiveMinimum"], id="limits of numbers"),
        pytest.param({"type": "object", "additionalProperties": STRING}, {"type": "object"}, ["additionalProperties"], id="a map"),
        pytest.param({"type": "object", "patternProperties": {"x": STRING}}, {"type": "object"}, ["patternProperties"], id="patterns"),
        pytest.param({"type": "array", "prefixItems": [STRING, {"type": "integer"}]}, {"type": "array", "items": {"anyOf": [STRING, {"type": "integer"}]}}, ["prefixItems"], id="a tuple"),
        pytest.param({"type": "array"}, LIST, ["type"], id="an array of anything"),
        pytest.param({"type": "integer", "enum": [1, 2], "description": "d."}, {"type": "integer", "description": "d. One of: 1, 2"}, ["enum"], id="enum of numbers"),
        pytest.param({"enum": [True]}, {"type": "boolean", "description": "One of: True"}, ["enum"], id="enum of flags"),
        pytest.param({**STRING, "enum": ["", "x"]}, {**STRING, "description": "One of: x, "}, ["enum"], id="an empty word"),
        pytest.param({}, STRING, ["type"], id="anything"),
        pytest.param({**STRING, "not": {"const": "x"}}, STRING, ["not"], id="not"),
        pytest.param({**inside(STRING), "anyOf": [{"required": ["a"]}]}, inside(STRING), ["anyOf"], id="alternatives beside properties"),
        pytest.param({"$ref": "#/$defs/none", "description": "d"}, {"type": "object", "description": "d"}, ["$ref"], id="reference to nothing"),
        pytest.param({"$ref": "https://x.test/schema"}, {"type": "object"}, ["$ref"], id="reference out"),
        pytest.param({"allOf": [{"$ref": "#/nothing"}], "type": "string"}, STRING, ["$ref"], id="reference to nothing in allOf"),
    ],
)  # fmt: skip
def test_clean_with_loss(schema: dict[str, Any], wire: dict[str, Any], lost: list[str]) -> None:
    assert clean(schema) == (wire, lost)


def test_properties_say_their_order() -> None:
    schema, _ = clean({"type": "object", "properties": {"b": STRING, "a": STRING}})
    assert schema["propertyOrdering"] == ["b", "a"]


TREE = {"type": "object", "properties": {"value": STRING, "children": {"type": "array", "items": {"$ref": "#"}}}}
LINKED = {
    "$ref": "#/$defs/n",
    "$defs": {"n": {"type": "object", "properties": {"next": {"allOf": [{"$ref": "#/$defs/n"}], "description": "d"}}}},
}


@pytest.mark.parametrize("schema", [TREE, LINKED], ids=["items", "allOf"])
def test_recursion_ends(schema: dict[str, Any]) -> None:
    cleaned, lost = clean(schema)
    assert "$ref" in lost and "$ref" not in str(cleaned)


def test_references_that_double_end() -> None:
    levels = {
        f"l{n}": {
            "type": "object",
            "properties": {"a": {"$ref": f"#/$defs/l{n + 1}"}, "b": {"$ref": f"#/$defs/l{n + 1}"}},
        }
        for n in range(30)
    }
    schema = {"$ref": "#/$defs/l0", "$defs": {**levels, "l30": STRING}}
    assert "size" in clean(schema)[1]
    assert whole(schema)["$ref"] == "#/$defs/l0"
    assert MAX_NODES < 2**20


@pytest.mark.parametrize(
    ("schema", "wire", "lost"),
    [
        pytest.param({}, {"type": "object"}, [], id="nothing"),
        pytest.param({"properties": {"a": STRING}}, inside(STRING), [], id="without its type"),
        pytest.param({"type": ["object", "null"], "properties": {"a": STRING}}, inside(STRING), [], id="never null"),
        pytest.param({"anyOf": [inside(STRING), {"properties": {"b": LIST}}]}, {"type": "object", "properties": {"b": LIST, "a": STRING}}, ["anyOf"], id="alternatives are merged"),
        pytest.param({"type": "string"}, {"type": "object"}, ["type"], id="no object"),
        pytest.param({"$ref": "#/$defs/p", "$defs": {"p": inside(STRING)}}, inside(STRING), [], id="reference"),
    ],
)  # fmt: skip
def test_clean_object(schema: dict[str, Any], wire: dict[str, Any], lost: list[str]) -> None:
    assert clean_object(schema) == (wire, lost)


@pytest.mark.parametrize(
    ("schema", "wire"),
    [
        pytest.param({"$schema": "x", **inside(STRING), "additionalProperties": STRING}, {**inside(STRING), "additionalProperties": STRING}, id="plain"),
        pytest.param({**inside({"$ref": "#/$defs/x", "title": "t"}), "$defs": {"x": STRING}}, inside({**STRING, "title": "t"}), id="inlined"),
        pytest.param({"$schema": "x", **TREE}, TREE, id="recursion stays"),
        pytest.param(inside({"$ref": "#/nothing"}), inside({"$ref": "#/nothing"}), id="reference to nothing stays"),
    ],
)  # fmt: skip
def test_whole(schema: dict[str, Any], wire: dict[str, Any]) -> None:
    assert whole(schema) == wire


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("#", True), ("#/properties/a~1b", True), ("#/anyOf/0", True), ("#/anyOf/7", False), ("#/anyOf/x", False),
        ("x", False), (3, False), ("#/properties/a~1b/type", False),
    ],
)  # fmt: skip
def test_find_reference(ref: Any, found: bool) -> None:
    root = {"properties": {"a/b": STRING}, "anyOf": [LIST]}
    assert (find_reference(root, ref) is not None) is found


def test_the_schemas_of_a_request_share_their_room() -> None:
    schema = {"type": "object", "properties": {f"a{n}": {"type": "string"} for n in range(9)}}
    room = Room(25)
    assert [("size" in clean_object(schema, room)[1], room.nodes) for _ in range(4)] == [
        (False, 15), (False, 5), (True, 0), (True, 0),
    ]  # fmt: skip
    assert whole({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {}}}, room) == {
        "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {}},
    }  # fmt: skip


def test_what_is_copied_much_counts_for_more() -> None:
    room = Room(100)
    assert room.take({"enum": ["x"] * 900}) and not room.take({"enum": ["x"] * 200})
