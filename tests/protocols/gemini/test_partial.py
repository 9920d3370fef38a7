from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.wire_json import loads
from ccx_addons.protocols.gemini.partial import GrowingCall, Step, steps
from tests.protocols.values import JSON


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.a", ["a"]),
        ("$.foo.bar[0].data", ["foo", "bar", 0, "data"]),
        ("$['a b'].c", ["a b", "c"]),
        ('$["a.b"][12]', ["a.b", 12]),
        (r"$['it\'s']", ["it's"]),
        ("$.größe", ["größe"]),
        pytest.param("$", ["$"], id="the whole"),
        pytest.param("", [""], id="nothing"),
        pytest.param("a.b", ["a.b"], id="no root"),
        pytest.param("$..a", ["$..a"], id="descendants"),
        pytest.param("$.a[*]", ["$.a[*]"], id="a wildcard"),
        pytest.param("$.a[0", ["$.a[0"], id="cut"),
        pytest.param("$" + ".a" * 65, ["$" + ".a" * 65], id="too deep"),
    ],
)
def test_steps(path: str, found: list[Step]) -> None:
    assert steps(path) == found


@pytest.mark.parametrize(
    ("calls", "arguments"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param([[{"jsonPath": "$.a", "numberValue": 50}]], {"a": 50}, id="a number"),
        pytest.param([[{"jsonPath": "$.a", "numberValue": 0.5}, {"jsonPath": "$.b", "boolValue": False}]], {"a": 0.5, "b": False}, id="two"),
        pytest.param([[{"jsonPath": "$.a", "nullValue": "NULL_VALUE"}]], {"a": None}, id="null"),
        pytest.param([[{"jsonPath": "$.a", "stringValue": ""}]], {"a": ""}, id="an empty text"),
        pytest.param(
            [[{"jsonPath": "$.a", "stringValue": "x", "willContinue": True}], [{"jsonPath": "$.b", "numberValue": 1}],
             [{"jsonPath": "$.a", "stringValue": "y"}]],
            {"a": "xy", "b": 1}, id="a text in pieces",
        ),
        pytest.param([[{"json_path": "$.a", "string_value": "x"}]], {"a": "x"}, id="other names of the fields"),
        pytest.param(
            [[{"jsonPath": "$.l[0].n", "numberValue": 1}, {"jsonPath": "$.l[1].n", "numberValue": 2}]],
            {"l": [{"n": 1}, {"n": 2}]}, id="objects in a list",
        ),
        pytest.param([[{"jsonPath": "$.m[0][0]", "numberValue": 1}, {"jsonPath": "$.m[0][1]", "numberValue": 2}]], {"m": [[1, 2]]}, id="lists in a list"),
        pytest.param([[{"jsonPath": "$.l[999999999]", "numberValue": 1}]], {"l": [1]}, id="a list with gaps"),
        pytest.param([[{"jsonPath": "$.a", "numberValue": 1}, {"jsonPath": "$.a.b", "numberValue": 2}]], {"a": {"b": 2}}, id="a value that becomes an object"),
        pytest.param([[{"jsonPath": "$..x", "numberValue": 1}]], {"$..x": 1}, id="another kind of path"),
        pytest.param([[{"jsonPath": "$.a"}, {"jsonPath": "$.b", "stringValue": ["x"]}, {"boolValue": True}, 5]], {"": True}, id="odd pieces"),
    ],
)  # fmt: skip
def test_arguments(calls: list[Any], arguments: dict[str, Any]) -> None:
    call = GrowingCall("f", "c")
    for pieces in calls:
        call.add({"partialArgs": pieces})
    assert loads(call.arguments(ended=True)) == arguments


def test_arguments_that_came_whole_stay() -> None:
    call = GrowingCall("f", "c")
    call.add({"args": {"a": 1}, "partialArgs": [{"jsonPath": "$.b", "numberValue": 2}]})
    assert loads(call.arguments(ended=True)) == {"a": 1, "b": 2}


def test_a_call_that_broke_off_is_no_json() -> None:
    call = GrowingCall("f", "c")
    call.add({"partialArgs": [{"jsonPath": "$.a", "stringValue": "x", "willContinue": True}]})
    assert call.arguments(ended=False) == '{"a":"x"'


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ({}, True),
        ({"name": "f"}, True),
        ({"name": "f", "id": "c"}, True),
        ({"name": "g"}, False),
        ({"id": "d"}, False),
    ],
)
def test_what_goes_on(call: dict[str, Any], more: bool) -> None:
    assert GrowingCall("f", "c").goes_on(call) is more


@given(st.lists(st.dictionaries(st.sampled_from(["jsonPath", "stringValue", "numberValue", "boolValue"]), JSON | st.sampled_from(["$.a", "$.a[0]", "$.a.b", "$['c']"])), max_size=6))  # fmt: skip
def test_any_pieces_make_an_object(pieces: list[dict[str, Any]]) -> None:
    call = GrowingCall("f", "c")
    call.add({"partialArgs": pieces})
    assert isinstance(loads(call.arguments(ended=True)), dict)
