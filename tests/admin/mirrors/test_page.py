"""The page of mirrors, and what requests, channels and lists say of them."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from tests.admin import seed
from tests.admin.conftest import NOW, Api
from tests.admin.mirrors import pairs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ccx.yaml").write_text(seed.CONFIG + pairs.MIRRORS)
    return tmp_path


def test_before_the_first_request(session: FlaskClient) -> None:
    text = session.get("/requests/mirrors").text
    assert "No request was mirrored." in text and "25 % of the conversations" in text and "try-glm" in text
    assert "switched off" in session.get("/requests/mirrors?mirror=old").text


def test_sums_and_pairs(session: FlaskClient, store: Store) -> None:
    pairs.fill(store, 60, NOW)
    assert store.flush()
    text = session.get("/requests/mirrors?range=7d").text
    assert text.count("<tr data-href>") == 50 and 'id="older"' in text
    assert "Same tools called" in text and "the gateway was busy" in text and "/compare?with=" in text
    following = text.partition('id="older" rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = session.get(following).text
    assert second.count("<tr data-href>") == 10 and 'id="newest"' in second
    assert 'aria-sort="ascending"' in session.get("/requests/mirrors?sort=cost&up=1").text


@pytest.mark.parametrize("query", ["before=x", "range=never", "mirror=nobody", "sort=id;", "from=2026-13-01&to=x"])
def test_a_wrong_address_is_no_failure(session: FlaskClient, query: str) -> None:
    assert session.get(f"/requests/mirrors?{query}").status_code == 200


def test_one_that_is_no_longer_configured_is_shown(session: FlaskClient, store: Store) -> None:
    pairs.put(store, 0, int(NOW * 1000) - 1000, "gone")
    assert store.flush()
    assert "It is no longer in ccx.yaml." in session.get("/requests/mirrors?mirror=gone").text


def test_a_pair_is_compared_by_parts_then_lines(session: FlaskClient, store: Store) -> None:
    ((original, mirror),) = pairs.fill(store, 1, NOW)
    assert store.flush()
    text = session.get(f"/requests/{mirror}/compare?with={original}").text
    assert "call Read" in text and "a.py" in text and "b.py" in text and "2 of 3 are different" in text
    assert "Mirrored by try-glm to backup:" in session.get(f"/requests/{original}").text
    own = session.get(f"/requests/{mirror}").text
    assert "Asked by the mirror try-glm" in own and "the client got" not in own


def test_lists_hide_it_unless_asked(session: FlaskClient, api: Api, store: Store) -> None:
    ((original, mirror),) = pairs.fill(store, 1, NOW)
    assert store.flush()
    assert original in session.get("/requests").text and mirror not in session.get("/requests").text
    assert mirror in session.get("/requests?q=source:mirror").text
    assert mirror in session.get(f"/requests?q=id:{mirror}").text
    assert mirror not in session.get("/requests?q=model:sonnet").text
    assert "Mirrors, 24 h" in session.get("/channels/ch_back0002").text
    assert "Mirrors, 24 h" not in session.get("/channels/ch_main0001").text
