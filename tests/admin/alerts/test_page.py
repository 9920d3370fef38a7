"""The page of alerts."""

from pathlib import Path

from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from tests.admin.alerts.test_api import ALERTS
from tests.admin.conftest import NOW
from tests.patience import PATIENCE


def test_nobody(session: FlaskClient) -> None:
    assert "Nobody is told yet" in session.get("/settings/alerts").text


def test_receivers_and_messages(session: FlaskClient, store: Store, folder: Path) -> None:
    (folder / "ccx.yaml").write_text((folder / "ccx.yaml").read_text() + ALERTS)
    at = int(NOW * 1000)

    def write(conn: object) -> None:
        conn.execute(  # type: ignore[attr-defined]
            "INSERT INTO deliveries VALUES ('i', 'a/b <i>', 'key', 'resolved', 'key <b> is out', 'why', ?, ?, ?, 2,"
            " 'waiting', 503, '<u>busy</u>')",
            (at, at, at + 60_000),
        )
        conn.execute("INSERT INTO alerts VALUES ('k', 'disk', 'only 5 MB', '', '/', ?)", (at,))  # type: ignore[attr-defined]

    store.submit(write).result(PATIENCE)
    page = session.get("/settings/alerts").text
    for words in ("a/b &lt;i&gt;", "key &lt;b&gt; is out", "&lt;u&gt;busy&lt;/u&gt;", "Wrong now", "only 5 MB", "over"):
        assert words in page, words
    assert "secret-part" not in page and "hush" not in page
    assert "POST /api/alerts/test" in page
