"""Pairs and sums for programs."""

import csv
import io

from ccx_addons.io.store import Store
from ccx_admin.mirrors.api import EXPORTED
from tests.admin.conftest import NOW, Api
from tests.admin.mirrors import pairs


def test_json_has_the_sums_and_csv_every_pair(api: Api, store: Store) -> None:
    pairs.fill(store, 520, NOW)
    pairs.put(store, 0, int(NOW * 1000) - 1000, a_client_name="=1+1")
    assert store.flush()
    found = api.get("/api/mirrors/try-glm?range=7d")
    assert len(found["rows"]) == 500 and found["sum"]["client"]["requests"] == 521
    assert found["left_out"]["budget"] == 21 and found["rows"][0]["channel_name"] == "backup"
    answer = api("GET", "/api/mirrors/try-glm?range=7d&format=csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert tuple(rows[0]) == EXPORTED and len(rows) == 522 and rows[1][EXPORTED.index("client_name")] == "'=1+1"


def test_nobody_has_asked(api: Api) -> None:
    assert api.get("/api/mirrors/nobody")["rows"] == []
