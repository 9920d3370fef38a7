from ccx_addons.core.schemas import without_alternatives

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
