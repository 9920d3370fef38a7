"""How long answers took over time."""

import pytest
from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from ccx_admin.requests.heat import BOUNDS, COLUMNS, SHADES, heat
from ccx_admin.requests.page import of_cell
from ccx_admin.requests.search_box import parse
from tests.admin.conftest import NOW

END = int(NOW * 1000)
START = END - COLUMNS * 60_000


@pytest.fixture
def db(store: Store) -> Reader:
    for n, (ago, took) in enumerate(
        [(30_000, 100.0), (30_000, 100.5), (30_000, 101.0), (90_000, 10**7), (90_000, 50.0)]
    ):
        store.put_request({"id": f"r{n}", "started_at": END - ago, "state": "ok", "total_ms": took, "kind": "chat"})
    store.put_request({"id": "f", "started_at": END - 1000, "state": "failed", "total_ms": 5.0})
    store.put_request({"id": "old", "started_at": START - 1, "state": "ok", "total_ms": 5.0})
    store.flush()
    return Reader(store.path)


def test_cells(db: Reader) -> None:
    found = heat(db, parse("", END), START, END)
    cells = {(cell.column, cell.row): cell for cell in found.cells}
    assert {place: cell.count for place, cell in cells.items()} == {
        (COLUMNS - 1, 0): 1,
        (COLUMNS - 1, 1): 2,
        (COLUMNS - 2, 0): 1,
        (COLUMNS - 2, len(BOUNDS)): 1,
    }
    assert found.total == 5 and cells[COLUMNS - 1, 1].shade == SHADES
    assert (cells[COLUMNS - 1, 1].low, cells[COLUMNS - 1, 1].high) == (100, 200)
    assert cells[COLUMNS - 2, len(BOUNDS)].high is None


def test_a_cell_leads_to_its_requests(db: Reader) -> None:
    for cell in heat(db, parse("", END), START, END).cells:
        text = "state:ok " + " ".join(map(str, of_cell(cell)))
        where = parse(text, END)
        assert db.value(f"SELECT count(*) FROM requests WHERE {where.where}", where.params) == cell.count, text


def test_nothing(db: Reader) -> None:
    assert heat(db, parse("kind:images", END), START, END).cells == ()


@pytest.mark.usefixtures("db")
def test_page(session: FlaskClient) -> None:
    assert 'class="shade-5"' in session.get("/requests?show=latency").text
    assert "Nothing matches" in session.get("/requests?show=latency&q=kind:images").text
