"""What is written, as any engine takes it; transactions themselves are tested with each engine."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.read import LARGEST
from ccx_addons.io.transaction import plain


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        pytest.param("text", "text", id="text"),
        pytest.param("中\x00", "中\x00", id="any text"),
        pytest.param("half \ud800", "half ?", id="half a surrogate"),
        pytest.param(10**30, LARGEST, id="huge"),
        pytest.param(-(10**30), -LARGEST, id="huge and negative"),
        pytest.param(True, 1, id="flag"),
        pytest.param(float("inf"), None, id="infinite"),
        pytest.param(float("nan"), None, id="not a number"),
        pytest.param([1, {"a": "\ud800"}], '[1, {"a": "\\ud800"}]', id="list"),
        pytest.param({"a": (1, 2)}, '{"a": [1, 2]}', id="mapping"),
        pytest.param({"a": Path("x")}, '{"a": "x"}', id="mapping with an object"),
        pytest.param(b"\xff", b"\xff", id="bytes"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_values(value: object, stored: object) -> None:
    assert plain(value) == stored


@given(st.text() | st.integers() | st.floats() | st.lists(st.text()) | st.none() | st.booleans() | st.binary())
def test_sqlite_takes_every_value(value: object) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("SELECT ?", (plain(value),)).fetchone()
