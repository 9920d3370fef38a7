import re

import pytest
from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from ccx_admin.usage import page as usage
from tests.admin.conftest import NOW


@pytest.mark.parametrize("by", [name for name, _word in usage.BY])
@pytest.mark.usefixtures("filled")
def test_the_table_has_every_value(session: FlaskClient, by: str) -> None:
    rows = session.get(f"/api/stats/table?range=24h&by={by}").json
    assert rows
    page = session.get(f"/usage?range=24h&by={by}").text
    body = page[page.index("<tbody>") : page.index("</tbody>")]
    assert body.count("<tr>") == len(rows["rows"])


@pytest.mark.usefixtures("filled")
def test_cost_without_prices_is_a_lower_bound(session: FlaskClient) -> None:
    page = session.get("/usage?range=24h").text
    assert "≥ $" in page
    assert re.search(r"\d+ answers have no price", page)
    unpriced = session.get("/usage?range=24h&by=upstream&kind=gemini").text
    assert (
        "unknown" in unpriced and "gemini-3.8-flash" in unpriced and "$0" not in unpriced[unpriced.index("<tbody>") :]
    )


@pytest.mark.usefixtures("filled")
def test_filters_are_links_and_go_to_the_chart_and_the_file(session: FlaskClient) -> None:
    page = session.get("/usage?range=24h&by=channel&model=glm-5").text
    assert "model:glm-5" in page
    assert 'data-chart="range=24h&amp;by=channel&amp;model=glm-5"' in page
    assert "model=glm-5&amp;by=channel&amp;format=csv" in page


@pytest.mark.parametrize("query", ["range=1y", "by=colour", "show=nothing"])
def test_unknown_choices_are_the_usual_ones(session: FlaskClient, query: str) -> None:
    assert session.get(f"/usage?{query}").status_code == 200


@pytest.mark.usefixtures("filled")
def test_days_are_chosen_by_date(session: FlaskClient) -> None:
    page = session.get("/usage?from=2026-11-24&to=2026-11-24&by=client").text
    assert 'value="2026-11-24"' in page and 'data-chart="range=2026-11-24..2026-11-24&amp;by=client"' in page
    assert 'role="alert"' in session.get("/usage?from=2026-11-24&to=2026-11-20").text


@pytest.mark.usefixtures("filled")
def test_money_is_told_by_month_kind_and_client(session: FlaskClient) -> None:
    page = session.get("/usage?range=24h").text
    for words in ("This month", "Expected at its end", "Saved by the cache", "What was paid for", "Models by clients"):
        assert words in page
    for path in ("table", "costs", "matrix"):
        link = re.search(rf'href="(/api/stats/{path}\?[^"]*)"', page)
        assert link, path
        answer = session.get(link[1].replace("&amp;", "&"))
        assert answer.mimetype == "text/csv" and len(answer.text.splitlines()) > 2, path


def test_spent_and_budget_stand_with_each_client(session: FlaskClient, store: Store) -> None:
    row = {"id": "a", "state": "ok", "started_at": int(NOW * 1000), "client_name": "alice-laptop", "attempts_n": 1}
    store.put_request({**row, "input_tokens": 1_500_000, "output_tokens": 200_000, "cost_usd": 12.5})
    store.flush()
    page = session.get("/clients").text
    assert "$12.50" in page and "85\u202f%" in page and 'class="meter near"' in page
    assert "alice-laptop" in session.get("/api/stats/budgets?format=csv").text
