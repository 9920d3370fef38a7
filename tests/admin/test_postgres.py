"""Every page and every figure of the panel, over SQLite and over PostgreSQL with the same rows: they say the same."""

import difflib
import itertools
import re
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.core.settings import Settings
from ccx_addons.io.database import described
from ccx_addons.io.place import Place
from ccx_addons.io.store import Store
from ccx_addons.io.transaction import fold_step
from ccx_admin import create_app
from ccx_admin.mirrors import figures
from ccx_admin.requests import detail
from tests.admin import seed
from tests.admin.conftest import ADMIN_KEY, PROXY_KEY, Api, Clock, log_in
from tests.admin.every_page import every_page
from tests.admin.mirrors import pairs as mirrored
from tests.admin.test_leaks import everything
from tests.admin.test_pages import CHANNELS, PATHS
from tests.patience import PATIENCE
from tests.postgres import Server

COUNT: Final = 400
DIMENSIONS: Final = ("kind", "channel", "model", "upstream", "client", "key")
SEARCHES: Final = (
    "state:ok",
    "-state:ok,failed",
    "status:>=400",
    "status:5xx",
    "channel:MAIN",
    "channel:=main",
    "tried:=main",
    "model:opus -model:4",
    "client:ci took:>1s",
    "ttft:<800ms in:>1k out:>10",
    "cost:>0.001",
    "failover:yes",
    "failover:no attempts:>1",
    "converted:yes",
    "stream:yes",
    "text:quota%20100%25",
    "error:rate,auth",
    "since:6h",
    "until:3h",
    "at:yesterday",
    "trace:a",
    "id:0",
    "key:sk kind:messages,chat",
    "said:hello",
    'said:"hello world"',
    "said:THERE",
    "said:wor",
    "said:main.py",
    "said:你好",
    "said:好你",
    "nothing-like-this",
)
UUID: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8}(?:-[0-9a-f]{4}){2}(?=<)|[0-9a-f]{8}…"
)
STRANGE: Final = re.compile(
    r"""nonce-[^"']+|nonce="[^"]*"|csrf[^>]*>|data-(?:rev|since)="\d+"|"(?:bytes|free_bytes|queued|time|rev)": ?\d+"""
    r"""|[\d.,]+\s(?:[KMGT]i?)?B\b|/[\w/.-]*both[\w/.-]*|postgresql:[^"<\s]*|CCX_DATABASE_URL.*?(?:</tr>|"value": ?\w+)""",
    re.S,
)
"""What differs from process to process."""
ABOUT_THE_ENGINE: Final = {"/settings/machines", "/api/machines"}
"""Pages that say what is shared with others: tests/admin/machines."""
LONG: Final = re.compile(r"\d+\.\d{6,}(?:e-\d+)?|\d+(?:\.\d+)?e-\d+")
"""Sums, which depend on the order in which they are added up."""


@dataclass
class Side:
    """The panel over one engine."""

    app: Flask
    store: Store
    ids: list[str]
    browser: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.browser = self.app.test_client()
        assert log_in(self.browser).status_code == 303

    def said(self, path: str, is_api: bool) -> list[str]:
        """What is answered, in words, without what differs from process to process. ``{n}`` in the path: the id of a
        request."""
        asked = re.sub(r"\{(-?\d+)\}", lambda found: self.ids[int(found[1])], path)
        assert self.store.flush(60), "who looked at what before is told"
        answer = Api(self.app.test_client(use_cookies=False))("GET", asked) if is_api else self.browser.get(asked)
        assert answer.status_code < 500, answer.text
        numbers = {id: f"request-{n}" for n, id in enumerate(self.ids)}
        text = UUID.sub(lambda found: numbers.get(found[0], "some-id"), answer.text)
        text = LONG.sub(lambda found: f"{float(found[0]):.5f}", text)
        return re.split(r"(?<=[>,])", STRANGE.sub("", text))


class Both:
    """The same panel over two engines."""

    def __init__(self, *sides: Side) -> None:
        self.sides = sides

    def page(self, path: str) -> None:
        self._same(path, False)

    def api(self, path: str) -> None:
        self._same(path, True)

    def _same(self, path: str, is_api: bool) -> None:
        left, right = (side.said(path, is_api) for side in self.sides)
        found = difflib.unified_diff(left, right, "SQLite", "PostgreSQL", lineterm="", n=0)
        assert "\n".join(itertools.islice(found, 20)) == "", path


def rare(store: Store, ids: list[str], now: int) -> None:
    """Rows of the tables that the seed leaves empty: what pages say of them is said in words of both engines."""
    place = {"kind": "messages", "channel_id": "ch_main0001"}
    store.put_affinity({**place, "trace_hash": "a" * 16, "key_id": "k", "expires_at": now + 9000, "detail": ""})
    store.put_override(
        {"kind": "messages", "trace_hash": "a" * 16, "channels": '["ch_main0001"]', "avoid": "[]", "created_at": now}
        | {"expires_at": now + 9000, "note": "by hand"}
    )
    store.put_refusal(
        {**place, "model": "claude-opus-4-7", "name": "thinking", "reason": "unknown field", "since": now - 9000}
        | {"until": now + 9000, "updated_at": now, "detail": "is not known here"}
    )
    store.put_key_use({"channel_id": "ch_main0001", "key_id": "k", "used_at": now - 5000})
    store.put_candidates(
        [
            {"request_id": ids[-n], "order": order, "channel_id": id, "verdict": verdict, "reason": "its turn"}
            for n in (1, 2, 3)
            for order, (id, verdict) in enumerate((("ch_main0001", "chosen"), ("ch_back0002", "left out")))
        ]
    )
    store.put_issued(
        [{"id": "resp_1", "client": "ci", "channel_id": "ch_codex003", "expires": now + 9000, "key_id": "k"}]
    )
    store.put_alert(
        {
            "key": "k1",
            "event": "key_out",
            "subject": "a key is out",
            "text": "of main",
            "path": "/channels",
            "since": now,
        }
    )
    for n, state in enumerate(("sent", "failed", "waits")):
        store.put_delivery(
            {"id": f"d{n}", "alert": "team", "event": "key_out", "state": state, "subject": "a key is out", "text": "t"}
            | {
                "at": now - n,
                "tried_at": now - n,
                "due": now,
                "tries": n,
                "outcome": "x",
                "status": 200,
                "words": "ok",
            },
            100,
        )
    assert store.flush(60)
    store.ack_command(store.command("reset", {"channel": "ch_main0001"}).result(PATIENCE), "reset")
    store.submit(lambda conn: conn.execute("INSERT INTO views VALUES ('slow', 'took:>1s', ?, 'ann')", (now,)))
    shape = "INSERT INTO shapes (request_id, trace_hash, kind, at, parts, why, again_tokens, again_usd) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    store.submit(
        lambda conn: conn.execute(
            shape,
            (
                ids[-1],
                "a" * 16,
                "messages",
                now,
                '[1, 300, ["tools", "Read", 100, "p"]]',
                '["tools removed", "Read"]',
                5000,
                0.25,
            ),
        )
    )


def built(place: Place, folder: Path, clock: Clock) -> Side:
    folder.mkdir()
    (folder / "ccx.yaml").write_text(seed.CONFIG)
    store = Store.open(place, boot_id="test", worker=-1, clock=clock)
    ids = seed.fill(store, COUNT, clock(), days=1.0, running=2)
    store.put_body(ids[-1], "client_request", b"{}", words=lambda body: "hello there, world: read src/main.py")
    store.put_body(ids[-2], "client_request", b"{}", words=lambda body: "hello world, 你好世界")
    mirrored.fill(store, 60, clock())
    store.put_response_session({"id": "resp_1", "client": "ci", "created": 1, "expires": 1 << 50, "messages": "[]"})
    rare(store, ids, int(clock() * 1000))
    assert store.flush(60)
    while store._add(fold_step, Future()).result(PATIENCE):
        pass
    settings = Settings(
        admin_access_key=ADMIN_KEY,
        proxy_access_key=PROXY_KEY,
        ccx_config=str(folder / "ccx.yaml"),
        ccx_data_dir=str(folder),
        ccx_database_url=place if isinstance(place, str) else "",
    )
    app = create_app(settings, store, clock=clock, ack_wait=0.0)
    app.testing = True
    return Side(app, store, ids)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Both]:
    folder, clock = tmp_path_factory.mktemp("both"), Clock()
    places: dict[str, Place] = {"sqlite": folder / "sqlite" / "ccx.db", "postgres": postgres.made()}
    sides = [built(place, folder / name, clock) for name, place in places.items()]
    yield Both(*sides)
    for side in sides:
        side.store.close()


def test_no_table_is_empty(both: Both) -> None:
    """A page over nothing would say the same whatever its SQL is."""
    for side in both.sides:
        counts = {table.name: side.store.read(f"SELECT count(*) FROM {table.name}") for table in described()}
        assert not [name for name, count in counts.items() if count == (0,)]


@pytest.mark.parametrize("path", [path for path in (*PATHS, *CHANNELS) if path not in ABOUT_THE_ENGINE])
def test_pages(both: Both, path: str) -> None:
    both.page(path)


def test_all_other_pages(both: Both) -> None:
    """Those that another list names, by which new ones are found, too."""
    first = both.sides[0]
    numbers = {id: f"{{{n - len(first.ids)}}}" for n, id in enumerate(first.ids)}
    for path in every_page(first.app, first.browser):
        if path not in (*PATHS, *CHANNELS, *ABOUT_THE_ENGINE):
            both.page(UUID.sub(lambda found: numbers.get(found[0], "{-1}"), path))


@pytest.mark.parametrize("by", DIMENSIONS)
def test_figures(both: Both, by: str) -> None:
    """Totals and series by everything, and everything by everything."""
    for of in ("range=7d&zone=Asia/Shanghai", "range=30d&channel=main", "range=yesterday&client=ci"):
        both.api(f"/api/stats/table?{of}&by={by}")
        both.api(f"/api/stats/history?{of}&by={by}")
        both.api(f"/api/stats/matrix?{of}&by={by}&across={'kind' if by != 'kind' else 'model'}")
    both.page(f"/usage?range=30d&by={by}&show=cost")


def test_exports(both: Both) -> None:
    for form in ("csv", "jsonl", "har"):
        both.api(f"/api/requests?q=state:failed&limit=50&format={form}")
    both.api("/api/requests/histogram?q=model:opus&buckets=24")
    both.api("/api/stats/budgets?format=csv")
    both.api("/api/stats/costs?range=30d&format=csv")


@pytest.mark.parametrize("tab", [name for name, _word in detail.TABS])
def test_requests(both: Both, tab: str) -> None:
    for n in (-1, -2, -3):
        both.page(f"/requests/{{{n}}}?tab={tab}")


@pytest.mark.parametrize("search", SEARCHES)
def test_searches(both: Both, search: str) -> None:
    both.api(f"/api/requests?q={search}&limit=500")
    both.page(f"/requests?q={search}")
    both.page(f"/requests?view=errors&q={search}")


@pytest.mark.parametrize("sort", figures.SORTS)
def test_mirrors(both: Both, sort: str) -> None:
    both.page(f"/requests/mirrors?sort={sort}")
    both.page(f"/requests/mirrors?sort={sort}&up=1&before=1_0")
    both.api("/api/mirrors/try-glm?range=7d")
    both.api("/api/mirrors/try-glm?range=7d&format=csv")


def test_api(both: Both) -> None:
    for path in everything(both.sides[0].app, {"name": "ci", "request": "{-1}"}):
        if path not in ABOUT_THE_ENGINE:
            both.api(path)
