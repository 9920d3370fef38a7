"""The panel's first steps: the request that is offered for copying works, and the page notices it."""

import contextlib
import html
import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ccx_admin.clients.snippets import HELLO, first_request
from tests.patience import PATIENCE, wait_for
from tests.wire.program import ADMIN_KEY, CLIENT_KEY, Fake, Program, all_kinds, channel, running_program


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("first")
    (folder / ".env").write_text(f"PROXY_ACCESS_KEY={CLIENT_KEY}\n")
    only = channel("only", fake.url, "chat", models={"claude-*": "x", "gpt-5.1": "y"}, serves=["messages", "chat"])
    others = [each for each in all_kinds(fake) if each["protocol"] not in ("chat", "messages")]
    with running_program(folder, only, *others, panel=True) as program:
        yield program


def in_a_shell(asked: str) -> Any:
    done = subprocess.run(["sh", "-c", asked], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def logged_in(program: Program) -> httpx.Client:
    tab = httpx.Client(base_url=program.url, follow_redirects=True)
    page = wait_for(lambda: (found := tab.get("/login")).status_code == 200 and found)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    cookie = page.headers["set-cookie"].partition(";")[0]
    form = {"key": ADMIN_KEY, "csrf_token": token[1]}
    answer = tab.post("/login", data=form, headers={"origin": program.url, "cookie": cookie}, follow_redirects=False)
    tab.headers["cookie"] = answer.headers["set-cookie"].partition(";")[0]
    return tab


def test_it_works_by_copying_and_the_page_notices(gateway: Program) -> None:
    with contextlib.closing(logged_in(gateway)) as tab:
        page = tab.get("/").text
        asked = html.unescape(page.partition('id="first-ask" tabindex="0">')[2].partition("</pre>")[0])
        assert asked.startswith(f". {gateway.folder}/.env\n") and CLIENT_KEY not in page and 'class="tiles"' not in page
        assert "hello" in in_a_shell(asked)["choices"][0]["message"]["content"]
        row = gateway.newest()
        assert (row["kind"], row["model"], row["state"]) == ("chat", "gpt-5.1", "ok")
        wait_for(lambda: 'class="tiles"' in tab.get("/").text)


@pytest.mark.parametrize("kind", HELLO)
def test_every_kind_has_one(gateway: Program, kind: Any) -> None:
    env_file = str(gateway.folder / ".env")
    answer = in_a_shell(first_request(gateway.url, {kind}, "", env_file))
    assert answer.get("error") is None
    row = gateway.newest()
    assert (row["kind"], row["state"]) == (kind, "ok")
