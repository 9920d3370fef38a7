from collections.abc import Mapping
from typing import Any

import pytest

from ccx_addons import vendors
from ccx_addons.core.neutral import OutputFormat, Tool, ToolChoice
from ccx_addons.protocols import messages
from ccx_addons.protocols.messages.grammar import Grammar, strict_schema
from tests.protocols.messages.values import OTHER, ask

CLAUDE = "claude-sonnet-4-5"
TEXT = {"type": "string"}


def closed(properties: Mapping[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": list(required), "additionalProperties": False, **more,
    }  # fmt: skip


def several(count: int) -> dict[str, Any]:
    return {f"p{n}": TEXT for n in range(count)}


def strict_tool(name: str, schema: Mapping[str, Any]) -> Tool:
    return Tool(name, parameters=schema, strict=True)


def strict_ones(**fields: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """Names of the tools that stay strict, and the losses."""
    body, losses = messages.encode_request(ask(CLAUDE, **fields))
    kept = [tool["name"] for tool in body["tools"] if tool.get("strict")]
    return kept, [(loss.path, loss.reason) for loss in losses]


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        pytest.param({"type": "string", "minLength": 1, "pattern": "x"}, {"type": "string"}, id="text limits"),
        pytest.param({"type": "integer", "maximum": 5, "description": "d"}, {"type": "integer", "description": "d"}, id="number limits"),
        pytest.param({"type": "string", "format": "date"}, {"type": "string", "format": "date"}, id="format"),
        pytest.param({"type": "string", "format": "regex"}, {"type": "string"}, id="unknown format"),
        pytest.param({"type": "array", "items": {"minimum": 1}, "minItems": 1, "maxItems": 3}, {"type": "array", "items": {}, "minItems": 1}, id="array"),
        pytest.param({"type": "array", "minItems": 2}, {"type": "array"}, id="many items"),
        pytest.param({"type": "object", "properties": {"a": {"oneOf": [{"minimum": 1}]}}, "required": ["a"], "additionalProperties": True},
                     {"type": "object", "properties": {"a": {"anyOf": [{}]}}, "required": ["a"], "additionalProperties": False}, id="object"),
        pytest.param({"$ref": "#/$defs/x", "$defs": {"x": {"type": "string", "maxLength": 3}}},
                     {"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}}, id="definitions"),
        pytest.param({"anyOf": [True, {"const": 1}]}, {"anyOf": [True, {"const": 1}]}, id="constant"),
    ],
)  # fmt: skip
def test_strict_schema(schema: dict[str, Any], strict: dict[str, Any]) -> None:
    assert strict_schema(schema) == strict
    assert strict_schema(strict) == strict


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (closed(several(24)), ""),
        (closed(several(25)), "at most 24 optional"),
        (closed(several(25), *several(25)), ""),
        (closed({"a": closed(several(24)), "b": TEXT}, "a"), "at most 24 optional"),
        (closed({f"p{n}": {"type": ["string", "null"]} for n in range(16)}, *several(16)), ""),
        (closed({f"p{n}": {"type": ["string", "null"]} for n in range(17)}, *several(17)), "16 parameters of several"),
        (closed({f"p{n}": {"anyOf": [TEXT, {"type": "null"}]} for n in range(17)}, *several(17)), "16 parameters"),
        (closed({"a": {"type": "string", "maxLength": 3}}), "do not take"),
        (closed({"a": {"$ref": "#/$defs/x"}}, "a", **{"$defs": {"x": TEXT}}), ""),
        (closed({"a": {"$ref": "#/$defs/x"}}, "a", **{"$defs": {"x": closed({"b": {"$ref": "#/$defs/x"}}, "b")}}), "refers to itself"),
        (closed({"a": {"$ref": "#"}}, "a"), "refers to itself"),
        (closed({"a": {"$ref": "#/$defs/x"}, "b": {"$ref": "#/$defs/y"}}, "a", "b", **{"$defs": {"x": {"$ref": "#/$defs/y"}, "y": TEXT}}), ""),
        (closed({"a": {"$ref": "#/$defs/x"}}, "a", **{"$defs": {"x": {"$ref": "#/$defs/y"}, "y": {"$ref": "#/$defs/x"}}}),
         "refers to itself"),
    ],
)  # fmt: skip
def test_what_is_compiled(schema: dict[str, Any], why: str) -> None:
    found = Grammar(vendors.messages("", CLAUDE)).refuses(schema)
    assert why in found and bool(why) == bool(found)


def test_twenty_tools_stay_strict_and_the_others_are_told() -> None:
    tools = tuple(strict_tool(f"t{n}", closed({"a": TEXT}, "a")) for n in range(22))
    kept, losses = strict_ones(tools=tools)
    assert kept == [f"t{n}" for n in range(20)]
    assert losses == [(f"tools[{n}].strict", "20 strict tools are the most") for n in (20, 21)]


def test_the_tool_that_must_be_called_is_strict_before_all_others() -> None:
    tools = tuple(strict_tool(f"t{n}", closed({"a": TEXT}, "a")) for n in range(21))
    kept, losses = strict_ones(tools=tools, tool_choice=ToolChoice("any", ("t20",)))
    assert "t20" in kept and "t19" not in kept and [path for path, _ in losses] == ["tools[19].strict"]


def test_a_large_tool_leaves_room_for_small_ones() -> None:
    tools = (
        strict_tool("a", closed(several(20))),
        strict_tool("b", closed(several(6))),
        strict_tool("c", closed(several(3))),
    )
    kept, losses = strict_ones(tools=tools)
    assert kept == ["a", "c"] and [path for path, _ in losses] == ["tools[1].strict"]


def test_the_schema_of_the_answer_comes_first() -> None:
    tools = (strict_tool("a", closed(several(5))), strict_tool("b", closed(several(4))))
    kept, losses = strict_ones(tools=tools, output=OutputFormat("json_schema", closed(several(20))))
    assert kept == ["b"] and [path for path, _ in losses] == ["tools[0].strict"]


def test_an_answer_whose_schema_is_not_compiled_is_asked_for_in_words() -> None:
    schema = closed(several(25))
    body, losses = messages.encode_request(ask(CLAUDE, output=OutputFormat("json_schema", schema)))
    assert "output_config" not in body and '"p24"' in body["system"][-1]["text"]
    assert [loss.path for loss in losses] == ["output"] and "24 optional" in losses[0].reason


def test_nothing_is_strict_where_nothing_is_known_of_it() -> None:
    assert Grammar(vendors.messages("", OTHER)).refuses(closed({})) == "the model has no such thing"
