from collections.abc import Callable
from typing import Any

import pytest

from ccx_addons.core import demand
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.neutral import Json


@pytest.mark.parametrize(
    ("reader", "value", "found"),
    [
        pytest.param(demand.integer, 3, 3, id="whole"),
        pytest.param(demand.integer, 3.0, 3, id="whole as a float"),
        pytest.param(demand.integer, None, None, id="no whole number"),
        pytest.param(demand.number, 1, 1.0, id="number"),
        pytest.param(demand.number, 0, 0.0, id="zero"),
        pytest.param(demand.number, None, None, id="no number"),
        pytest.param(demand.mapping, {"b": 1}, {"b": 1}, id="object"),
        pytest.param(demand.mapping, None, {}, id="no object"),
        pytest.param(demand.items, [1], [1], id="list"),
        pytest.param(demand.items, None, [], id="no list"),
    ],
)
def test_what_is_there_or_absent(reader: Callable[..., Any], value: Json, found: Json) -> None:
    assert reader({"a": value}, "a") == found
    if value is None:
        assert reader({}, "a") == found


@pytest.mark.parametrize(
    ("reader", "value", "within", "message"),
    [
        pytest.param(demand.integer, 1.5, "", "a must be a whole number", id="a fraction"),
        pytest.param(demand.integer, True, "", "a must be a whole number", id="true"),
        pytest.param(demand.number, "1", "c.", "a must be a number", id="a text"),
        pytest.param(demand.number, 10**400, "", "a must be a number", id="too large"),
        pytest.param(demand.mapping, [], "", "a must be an object", id="no object"),
        pytest.param(demand.mapping, [], "c.", "c.a must be an object", id="no object inside"),
        pytest.param(demand.items, {}, "c.", "a must be a list", id="no list"),
    ],
)
def test_the_wrong_type(reader: Callable[..., Any], value: Json, within: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        reader({"a": value}, "a", within)
    assert str(caught.value) == message and caught.value.param == f"{within}a"


def test_a_list_that_must_be_there() -> None:
    with pytest.raises(BadRequest, match="a must be a list"):
        demand.items({}, "a", required=True)


def test_texts() -> None:
    assert demand.text("", "here") == ""
    with pytest.raises(BadRequest, match="here must be a string") as caught:
        demand.text(5, "here")
    assert caught.value.param == "here"


def test_what_is_too_deep_is_said() -> None:
    def follow(value: Json) -> int:
        return 1 + follow(value[0]) if value else 0

    value: list[Any] = []
    for _ in range(10**5):
        value = [value]
    with pytest.raises(BadRequest, match="nested too deeply"):
        demand.shallow(follow)(value)
    assert demand.shallow(follow)([[]]) == 1
