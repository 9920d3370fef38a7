import json
import re
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import Markup

import ccx_admin
from ccx_admin.shell import page as shell


def test_seven_entries_and_where_one_is(session: FlaskClient) -> None:
    page = session.get("/channels").text
    tabs = page[page.index('class="tabs"') :].partition("</nav>")[0]
    assert re.findall(r"<span>(\w+)</span>", tabs) == [
        "Overview",
        "Requests",
        "Channels",
        "Sessions",
        "Usage",
        "Clients",
        "Settings",
    ]
    assert tabs.count("aria-current") == 1
    assert '<a href="/channels" aria-current="page">' in tabs


@pytest.mark.parametrize(
    ("path", "location", "cookie"),
    [
        pytest.param("/channels?theme=dark", "/channels", "ccx_theme=dark", id="theme"),
        pytest.param("/?language=zh&range=7d", "/?range=7d", "ccx_language=zh", id="language"),
        pytest.param("/requests?theme=purple", "/requests", "", id="unknown theme"),
        pytest.param("/login?language=zh", "/login", "ccx_language=zh", id="before the login"),
    ],
)
def test_choices_are_cookies(browser: FlaskClient, path: str, location: str, cookie: str) -> None:
    answer = browser.get(path)
    if path.startswith("/login"):
        assert (answer.status_code, answer.location) == (303, location)
        assert cookie in answer.headers["Set-Cookie"]
        assert "HttpOnly" in answer.headers["Set-Cookie"]
    else:
        assert answer.location.startswith("/login")


@pytest.mark.parametrize(("name", "scheme"), [("dark", "dark"), ("light", "light"), ("auto", "light dark")])
def test_theme(session: FlaskClient, name: str, scheme: str) -> None:
    session.get(f"/?theme={name}")
    page = session.get("/").text
    assert f'data-theme="{name}"' in page
    assert f'<meta name="color-scheme" content="{scheme}">' in page


def test_script_words_are_json(session: FlaskClient) -> None:
    found = re.search(r'data-words="([^"]*)"', session.get("/", headers={"Accept-Language": "zh"}).text)
    assert found
    words = json.loads(unescape(found[1]))
    assert set(words) == set(shell.SCRIPT_WORDS)
    assert words["Saved"] == "已保存"


@pytest.mark.parametrize(
    ("path", "changes", "expected"),
    [
        pytest.param("/usage?range=7d&by=model", {"by": "kind"}, "/usage?range=7d&by=kind", id="one is changed"),
        pytest.param("/usage?range=7d", {"range": None}, "/usage", id="one is taken away"),
        pytest.param("/requests?q=a%26b", {"before": "x"}, "/requests?q=a%26b&before=x", id="values stay encoded"),
    ],
)
def test_link(app: Flask, path: str, changes: dict[str, str | None], expected: str) -> None:
    with app.test_request_context(path):
        assert shell.link(**changes) == expected


def test_breakable() -> None:
    assert shell.breakable("a/b<c") == Markup("a/<wbr>b&lt;c")


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, None, 3], 3), ([], 0.5), ([None], 0.5), ([0, 0], 0.5)],
    ids=["some", "none", "unknown", "zero"],
)
def test_highest(values: list[float | None], expected: float) -> None:
    assert shell.highest(values, 0.5) == expected


def test_the_scripts_know_where_the_panel_is_mounted() -> None:
    """Every path of ours goes through ``at``, which puts the place before it; ``call`` does so itself."""
    bare = re.compile(r"""(?:fetch\(|assign\(|href\s*[:=]\s*|ajax\("GET",\s*|location\.host})["'`]?/""")
    scripts = list((Path(ccx_admin.__file__).parent / "static" / "js").glob("*.js"))
    assert len(scripts) > 10
    assert [f"{script.name}: {found[0]}" for script in scripts for found in bare.finditer(script.read_text())] == []
