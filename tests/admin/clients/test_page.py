import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ccx_addons.core.config import ClientLimits
from ccx_addons.core.endpoints import suggest
from ccx_admin.clients import page as clients
from ccx_admin.clients import snippets


@pytest.mark.parametrize("tool", [snippet.id for snippet in snippets.snippets("http://x")])
def test_each_tool_has_its_blocks(session: FlaskClient, tool: str) -> None:
    page = session.get(f"/clients?tool={tool}&root=http://gateway.test:3000").text
    chosen = next(s for s in snippets.snippets("http://gateway.test:3000") if s.id == tool)
    assert page.count('class="snippet"') == len(chosen.blocks)
    assert "http://gateway.test:3000" in page


@pytest.mark.parametrize(
    "root",
    [
        "javascript:alert(1)", "x" * 300, "", "http://x\ncurl evil", "http://x;evil", "http://x'", "http://$(evil)",
        "http://x/path", "http://x`evil`", "http://x y",
    ],
)  # fmt: skip
def test_a_strange_address_is_not_taken(session: FlaskClient, root: str) -> None:
    page = session.get("/clients", query_string={"root": root}).text
    assert 'name="root" value="http://localhost"' in page


@pytest.mark.parametrize("model", ["x';evil;'", 'x"', "x y", "x\ny", "$(evil)", "x" * 300])
def test_a_strange_model_is_not_taken(session: FlaskClient, model: str) -> None:
    """A link that somebody else made must not put commands into what is pasted into a shell."""
    page = session.get("/clients", query_string={"tool": "curl", "model": model}).text
    assert 'name="model" value=""' in page and "claude-sonnet-5" in page


@pytest.mark.parametrize("model", ["gpt-5", "claude-sonnet-4-5[1m]", "accounts/fireworks/models/x:free@eu"])
def test_a_models_name_is_taken(session: FlaskClient, model: str) -> None:
    assert model in session.get("/clients", query_string={"tool": "curl", "model": model}).text


@pytest.mark.usefixtures("filled")
def test_who_was_seen_last(session: FlaskClient) -> None:
    page = session.get("/clients").text
    row = page[page.index("<b>alice-laptop</b>") :].partition("</tr>")[0]
    assert 'data-form="relative"' in row
    assert "60 requests per minute" in row


def test_editing_shows_what_is(session: FlaskClient) -> None:
    page = session.get("/clients?edit=alice-laptop").text
    assert 'data-api="PATCH /api/clients/alice-laptop"' in page
    assert 'name="limits.rpm" data-type="number" value="60"' in page


@pytest.mark.parametrize("path", clients.WRONG_PATHS)
def test_wrong_paths_have_a_right_one(path: str) -> None:
    assert suggest(path)


def test_clients_are_searched(session: FlaskClient) -> None:
    page = session.get("/clients?q=alice").text
    table = page[page.index('id="clients"') :].partition("</section>")[0]
    assert "<b>alice-laptop</b>" in table and "<b>ci</b>" not in table
    assert "Nothing matches" in session.get("/clients?q=%3Cnobody%3E").text


def test_limits_on_models_in_lines() -> None:
    none: dict[str, Any] = asdict(ClientLimits())
    some = {**none, "models": ["*opus*", "!*mini"], "rpm": 3, "tokens_per_minute": 9, "usd_per_day": 0.5}
    rest = {**none, "models": [], "concurrency": 1, "usd_per_month": 20.0}
    expected = "*opus*,!*mini rpm=3 tokens_per_minute=9 usd_per_day=0.5\n* concurrency=1 usd_per_month=20"
    assert clients.limit_lines([some, rest]) == expected
    assert {name for name, _, _ in clients.LIMITS} == {*none}, "the form has them all"


@pytest.mark.usefixtures("filled")
def test_each_budget_shows_what_is_used_and_when_it_begins_anew(session: FlaskClient, folder: Path) -> None:
    text = (folder / "ccx.yaml").read_text()
    some = "model_limits: [{models: [claude-*], requests_per_day: 5000, usd_per_month: 0.01}]"
    (folder / "ccx.yaml").write_text(text.replace("tokens_per_day: 2000000}", f"tokens_per_day: 2000000}}\n    {some}"))
    page = session.get("/clients").text
    row = page[page.index("<b>alice-laptop</b>") :].partition("</tr>")[0]
    assert row.count('class="meter') == 3 and row.count("begins anew") == 3 and "meter over" in row
    assert row.count(">claude-*</span>:") == 3 and "of 5k requests per day" in re.sub(r"<[^>]+>", "", row)


def test_a_tool_that_nobody_serves_is_told_so(session: FlaskClient) -> None:
    assert "this tool would get an error" not in session.get("/clients?tool=claude-code").text
    assert "this tool would get an error" in session.get("/clients?tool=gemini-cli").text
