"""Sub-agents stand below their parents."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from ccx_admin.sessions import tree
from tests.admin.conftest import NOW


def session(trace: str, parent: str = "") -> dict[str, Any]:
    return {"kind": "messages", "trace_hash": trace, "parent": parent}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(["a", "b"], "0a 0b", id="no parents"),
        pytest.param(["c:a", "b", "a"], "0b 0a 1c", id="below its parent"),
        pytest.param(["d:c", "c:a", "a"], "0a 1c 2d", id="two levels"),
        pytest.param(["c:gone", "b"], "0c 0b", id="the parent is not there"),
        pytest.param(["a:a"], "0a", id="its own parent"),
        pytest.param(["a:b", "b:a", "c"], "0a 0b 0c", id="a circle"),
        pytest.param([], "", id="none"),
    ],
)
def test_order(given: list[str], expected: str) -> None:
    found = tree.ordered([session(*entry.split(":")) for entry in given])
    assert " ".join(f"{depth}{one['trace_hash']}" for depth, one in found) == expected


@pytest.fixture
def family(store: Store) -> None:
    at = int(NOW * 1000)
    for n, (trace, parent, title) in enumerate((("p", "", "Fix <b>"), ("c", "p", "Count words"), ("c2", "p", ""))):
        store.put_request(
            {"id": f"r{trace}", "started_at": at + n, "kind": "messages", "trace_hash": trace, "state": "ok"}
        )
        store.put_session({"kind": "messages", "trace_hash": trace, "title": title, "parent": parent})
    store.flush()


@pytest.mark.usefixtures("family")
def test_parents_and_children(store: Store) -> None:
    db = Reader(store.path)
    assert [child["trace_hash"] for child in tree.agents(db, "p", 0, int(NOW * 1000))] == ["c", "c2"]
    above = tree.parent(db, session("c", "p"))
    assert above and above["title"] == "Fix <b>" and tree.parent(db, session("p")) is None


@pytest.mark.usefixtures("family")
def test_pages(session: FlaskClient) -> None:
    listed = session.get("/sessions").text
    assert listed.index("Fix &lt;b&gt;") < listed.index("Count words") and 'depth-1"' in listed
    assert "Count words" in session.get("/sessions/p").text
    child = session.get("/sessions/c").text
    assert "sub-agent" in child and 'href="/sessions/p"' in child
