import json
from typing import Any, Final

import pytest
from flask.testing import FlaskClient

from ccx_addons.core.config import Price, Snapshot
from ccx_addons.core.shape import Part, Shape
from ccx_addons.io.store import Store
from ccx_admin.sessions import context
from tests.admin.conftest import NOW
from tests.admin.sessions.test_cache_loss import lose

SHAPE: Final = Shape(
    (
        Part("s", "thinking", 40, "0"),
        Part("t", "Read", 4000, "1"),
        Part("t", "Bash", 8000, "2"),
        Part("y", "", 4000, "3"),
        Part("u", "", 2000, "4", 0, 1000, 1),
        Part("a", "Read", 400, "5"),
        Part("u", "Read", 6000, "6", 5600),
    )
)
ROW: Final[dict[str, Any]] = {
    "id": "r1",
    "channel_id": "c",
    "upstream_model": "m",
    "started_at": 0,
    "input_tokens": None,
    "cache_read_tokens": 4000,
    "cache_write_tokens": 0,
}
BARE: Final = Snapshot("r", 0.0)
PRICED: Final = Snapshot("r", 0.0, prices={"m": Price(input=10.0, output=0.0, cache_read=1.0)})


def test_shares_are_as_large_as_what_is_there() -> None:
    found = context.context(ROW, SHAPE, BARE)
    assert {s.name: round(s.tokens) for s in found.slices} == {
        "tools": 3000,
        "system": 1000,
        "history": 250 + 100 + 100,
        "results": 1400,
        "pictures": 1600,
    }
    assert sum(s.share for s in found.slices) == pytest.approx(1) and found.slices[1].at == found.slices[0].share
    assert [s.usd for s in found.slices] == [None] * 5


def test_together_they_are_what_the_upstream_counted() -> None:
    found = context.context({**ROW, "input_tokens": 14_900}, SHAPE, BARE)
    assert sum(s.tokens for s in found.slices) == pytest.approx(14_900) and found.tools[0].tokens == pytest.approx(4000)


def test_the_beginning_was_read_from_the_cache_and_costs_less() -> None:
    found = context.context({**ROW, "input_tokens": 7450}, SHAPE, PRICED)
    costs = {s.name: s.usd for s in found.slices}
    assert costs["tools"] == pytest.approx(3000 * 1e-6) and costs["system"] == pytest.approx(1000 * 1e-6)
    assert costs["results"] == pytest.approx(1400 * 10e-6)


def test_the_biggest_and_those_never_called() -> None:
    found = context.context(ROW, SHAPE, BARE)
    assert [tool.name for tool in found.tools] == ["Bash", "Read"]
    assert [(result.name, result.n) for result in found.results] == [("Read", 3)]
    assert [tool.name for tool in found.idle] == ["Bash"] and found.idle_tokens == 2000


def test_a_session_is_drawn_to_the_most() -> None:
    small = Shape(SHAPE.parts[:4])
    found = context.columns([({**ROW, "id": "r0"}, small), (ROW, SHAPE)])
    assert [round(sum(height for _n, _y, height in column.bars)) for column in found] == [537, 1000]
    assert [column.tokens for column in found] == [4000, 7450]
    assert [(tool.name, tool.tokens) for tool in context.idle([(ROW, SHAPE), (ROW, small)])] == [("Bash", 4000)]


def test_the_tab_shows_it(session: FlaskClient, store: Store, filled: list[str]) -> None:
    lose(store, filled[-1], context_why(), parts=SHAPE.dump())
    page = session.get(f"/requests/{filled[-1]}?tab=context").text
    assert "Tools never called" in page and 'class="tools"' in page and "Bash" in page
    assert "Its context is not known" in session.get(f"/requests/{filled[-2]}?tab=context").text


def test_a_session_without_shapes_has_no_picture(session: FlaskClient, store: Store) -> None:
    row = {"id": "r1", "kind": "chat", "trace_hash": "d" * 32, "state": "ok", "started_at": int(NOW * 1000)}
    store.put_request(row)
    assert store.flush()
    assert "What is in the context" not in session.get(f"/sessions/{'d' * 32}").text


def context_why() -> Any:
    return json.loads('["key"]')
