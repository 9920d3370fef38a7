from typing import Any

import pytest
from flask.testing import FlaskClient

from ccx_admin.channels import find
from ccx_admin.channels.activity import Activity
from tests.admin.conftest import Api

ROWS: list[dict[str, Any]] = [
    {"id": id, "name": name, "state": state, "protocol": "messages", "route_prefix": "", "note": "", "base_urls": [host],
     "tags": tags, "serves": ["messages"], "models": models, "allow": [], "usable_keys": n}
    for n, (id, name, state, host, tags, models) in enumerate([
        ("ch_1", "Alpha", "ok", "https://a.example", ["paid"], {"opus": {"to": "glm-5", "effort": None}}),
        ("ch_2", "beta", "open", "https://b.example", [], {}),
        ("ch_3", "gamma", "standby", "https://a.example", ["paid"], {"x": [{"to": "kimi"}, {"to": "glm-5"}]}),
    ])
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "123"), ("alpha", "1"), ("ALPHA", "1"), ("a.example", "13"), ("paid", "13"), ("paid standby", "3"),
        ("open", "2"), ("glm-5", "13"), ("kimi", "3"), ("messages", "123"), ("nothing", ""), ("  beta  ", "2"),
    ],
)  # fmt: skip
def test_words_are_looked_for_everywhere(text: str, ids: str) -> None:
    assert "".join(row["id"][-1] for row in find.matching(ROWS, text)) == ids


@pytest.mark.parametrize(
    ("by", "down", "ids"),
    [
        ("", False, "123"), ("name", False, "123"), ("name", True, "321"), ("state", False, "213"), ("cost", True, "213"),
        ("cost", False, "123"), ("success", False, "123"), ("attempts", True, "123"), ("keys", True, "321"), ("no", True, "123"),
    ],
)  # fmt: skip
def test_orders(by: str, down: bool, ids: str) -> None:
    figures = {"ch_1": {"cost_usd": 1.0}, "ch_2": {"cost_usd": 5.0}}
    seen = {"ch_1": Activity(((10, 5),)), "ch_2": Activity(((5, 0),))}
    assert "".join(row["id"][-1] for row in find.ordered(ROWS, by, down, figures, seen)) == ids


@pytest.mark.usefixtures("filled")
def test_the_page_finds_and_sorts_without_a_script(session: FlaskClient) -> None:
    page = session.get("/channels?q=openai.com").text
    assert 'id="c-ch_codex003"' in page and 'id="c-ch_main0001"' not in page and 'data-sortable="no"' in page
    page = session.get("/channels?sort=name").text
    order = [page.index(f'id="c-{id}"') for id in ("ch_back0002", "ch_codex003", "ch_gem00004", "ch_main0001")]
    assert order == sorted(order)
    assert "Nothing matches" in session.get("/channels?q=%3Cscript%3E").text


def test_all_keys(session: FlaskClient, api: Api) -> None:
    page = session.get("/channels/keys").text
    assert page.count("data-replace=") == 6 and "sk-a…BBBB" in page
    assert session.get("/channels/keys?q=spare").text.count("data-replace=") == 1
    assert "Nothing matches" in session.get("/channels/keys?only=blocked").text
