import re

import pytest
from flask.testing import FlaskClient

from ccx_admin.usage import page as usage


@pytest.mark.parametrize("by", [name for name, _word in usage.BY])
@pytest.mark.usefixtures("filled")
def test_the_table_has_every_value(session: FlaskClient, by: str) -> None:
    rows = session.get(f"/api/stats/table?range=24h&by={by}").json
    assert rows
    page = session.get(f"/usage?range=24h&by={by}").text
    body = page[page.index("<tbody>") :]
    assert body.count("<tr>") == len(rows["rows"])


@pytest.mark.usefixtures("filled")
def test_cost_without_prices_is_a_lower_bound(session: FlaskClient) -> None:
    page = session.get("/usage?range=24h").text
    assert "≥ $" in page
    assert re.search(r"\d+ answers have no price", page)
    assert session.get("/usage?range=24h&by=kind&kind=gemini").text.count("no price") >= 1


@pytest.mark.usefixtures("filled")
def test_filters_are_links_and_go_to_the_chart_and_the_file(session: FlaskClient) -> None:
    page = session.get("/usage?range=24h&by=channel&model=glm-5").text
    assert "model:glm-5" in page
    assert 'data-chart="range=24h&amp;by=channel&amp;model=glm-5"' in page
    assert "model=glm-5&amp;format=csv" in page


@pytest.mark.parametrize("query", ["range=1y", "by=colour", "show=nothing"])
def test_unknown_choices_are_the_usual_ones(session: FlaskClient, query: str) -> None:
    assert session.get(f"/usage?{query}").status_code == 200
