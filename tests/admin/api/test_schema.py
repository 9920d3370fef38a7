"""The check says exactly what the schema says."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_admin.api import schema as s
from ccx_admin.api.problem import Failure

SCHEMA = s.table(
    {
        "name": s.text(minLength=1, maxLength=4),
        "count": s.integer(low=1, high=5),
        "share": s.number(low=0, high=1),
        "on": s.boolean(),
        "kind": s.choice(("a", "b")),
        "list": s.array(s.integer(high=3), most=2, minItems=1),
        "any": {},
    },
    ("name",),
)

values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 7) | st.floats(-1, 2) | st.sampled_from(["", "a", "abc", "abcde"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SCHEMA["properties"], "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(
    values
    | st.fixed_dictionaries({"name": st.just("ab")}, optional={n: values for n in SCHEMA["properties"] if n != "name"})
)
def test_agrees_with_the_standard(value: Any) -> None:
    try:
        s.check(value, SCHEMA)
        accepted = True
    except Failure as failure:
        assert failure.status == 422
        accepted = False
    assert accepted == _standard(value)


def _standard(value: Any) -> bool:
    """JSON Schema takes 1.0 for a whole number; here it is none."""
    if isinstance(value, dict):
        entries = value["list"] if isinstance(value.get("list"), list) else []
        if any(isinstance(number, float) for number in (value.get("count"), *entries)):
            return False
    return jsonschema_rs.validator_for(SCHEMA).is_valid(value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a\ud800", id="surrogate"),
        pytest.param("a\x00", id="NUL"),
        pytest.param("a\x1b[31m", id="escape sequence"),
        pytest.param("a\u2028", id="line separator"),
        pytest.param(float("inf"), id="infinite"),
        pytest.param(10**400, id="huge"),
        pytest.param({"a\ud800": 1}, id="surrogate in a name"),
    ],
)
def test_what_cannot_be_written(value: Any) -> None:
    with pytest.raises(Failure):
        s.check({"name": "a", "any": value}, SCHEMA)


def test_depth() -> None:
    deep: Any = 1
    for _ in range(s.MAX_DEPTH + 2):
        deep = [deep]
    with pytest.raises(Failure, match="deeply"):
        s.check({"name": "a", "any": deep}, SCHEMA)


@pytest.mark.parametrize(
    ("value", "rules", "found"),
    [
        pytest.param("7", s.integer(), 7, id="integer"),
        pytest.param("0.5", s.number(), 0.5, id="number"),
        pytest.param("true", s.boolean(), True, id="true"),
        pytest.param("0", s.boolean(), False, id="false"),
        pytest.param("x", s.text(), "x", id="text"),
    ],
)
def test_from_query(value: str, rules: s.Schema, found: Any) -> None:
    assert s.from_query(value, rules, "x") == found


@pytest.mark.parametrize(
    ("value", "rules"), [("x", s.integer()), ("9" * 5000, s.integer()), ("nan", s.number()), ("maybe", s.boolean())]
)
def test_wrong_queries(value: str, rules: s.Schema) -> None:
    with pytest.raises(Failure):
        s.from_query(value, rules, "x")
