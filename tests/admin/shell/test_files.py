"""The address of a script names what it is."""

import re
from pathlib import Path

from flask.testing import FlaskClient

from ccx_admin.shell import files


def test_scripts_are_kept_under_an_address_that_names_their_version(session: FlaskClient) -> None:
    page = session.get("/").text
    found = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert f"/static/{files.version()}/js/app.js" in found
    for address in found:
        answer = session.get(address)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000"), address
        answer.close()
    assert session.get("/static/000000000000/js/app.js").status_code == 404


def test_everything_that_app_js_needs_is_asked_for_at_once() -> None:
    needed, waiting = set(), ["app.js"]
    while waiting:
        name = waiting.pop()
        needed.add(name)
        text = (files.FOLDER / "js" / name).read_text()
        waiting += set(re.findall(r'from "\./([\w.]+)"', text)) - needed
    assert {Path(module).name for module in files.modules()} == needed
