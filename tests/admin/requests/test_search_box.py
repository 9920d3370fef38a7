"""The search grammar, paging, and what a search costs."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from ccx_admin.requests import bars, search_box
from ccx_admin.requests.search_box import FIELDS, Now, QueryError, parse, search
from tests.admin.conftest import NOW
from tests.patience import PATIENCE

NOW_MS = int(NOW * 1000)

ROWS = [
    {"id": "01a00000-0000-7000-8000-000000000001", "started_at": NOW_MS - 90_000_000, "state": "ok", "status": 200}
    | {"kind": "messages", "model": "claude-opus-4-7", "upstream_model": "glm-5", "channel_id": "ch_1"}
    | {"channel_name": "main", "client_name": "alice", "total_ms": 45_000.0, "attempts_n": 2, "stream": 1}
    | {"converted": "messages>chat", "stream_end": "done", "first_event_ms": 900.0, "output_tokens": 1_500},
    {"id": "01a00000-0000-7000-8000-000000000002", "started_at": NOW_MS - 7_000, "state": "failed", "status": 429}
    | {"kind": "chat", "model": "gpt-5-mini", "upstream_model": "gpt-5-mini", "channel_id": "ch_2"}
    | {"channel_name": "backup", "client_name": "CI", "total_ms": 400.0, "attempts_n": 1, "error_kind": "quota"}
    | {"error_message": "Quota exceeded: 100% used", "key_mask": "sk-a…b_cd", "cost_usd": 0.5},
    {"id": "01a00000-0000-7000-8000-000000000003", "started_at": NOW_MS - 5_000, "state": "client_left"}
    | {"kind": "chat", "model": "gpt-5", "channel_name": "backup", "client_name": "bob", "status": 499}
    | {"source": "test", "trace_hash": "abcdef", "client_ip": "10.0.0.7", "user_agent": "OpenAI/Python"},
]


@pytest.fixture
def db(store: Store) -> Reader:
    for row in ROWS:
        store.put_request(row)
    store.put_attempts(
        {"request_id": ROWS[0]["id"], "n": n, "channel_name": name, "status": status, "outcome": outcome}
        | {"verdict": verdict}
        for n, name, status, outcome, verdict in (
            (1, "main", 529, "overloaded", "next_channel"),
            (2, "backup", 200, "ok", "commit"),
        )
    )
    store.put_body(str(ROWS[1]["id"]), "client_request", b"Where is the moon?", words=bytes.decode)
    store.flush()
    return Reader(store.path)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("", "321", id="everything, newest first"),
        pytest.param("state:failed", "2", id="state"),
        pytest.param("state:failed,client_left", "32", id="or"),
        pytest.param("-state:failed", "31", id="not"),
        pytest.param("status:429", "2", id="status"),
        pytest.param("status:>=400", "32", id="at least"),
        pytest.param("status:4xx", "32", id="status class"),
        pytest.param("channel:main", "1", id="channel by name"),
        pytest.param("channel:ch_2", "2", id="channel by id"),
        pytest.param("tried:=main", "1", id="tried, and answered"),
        pytest.param("tried:backup", "321", id="tried on the way"),
        pytest.param("-tried:backup", "", id="not tried"),
        pytest.param("model:opus", "1", id="contains"),
        pytest.param("model:=gpt-5", "3", id="exactly"),
        pytest.param("model:GPT", "32", id="in either case"),
        pytest.param("model:glm", "1", id="upstream's model"),
        pytest.param("upstream:claude", "", id="only the upstream's model"),
        pytest.param("-model:gpt", "1", id="not containing"),
        pytest.param("client:ci", "2", id="client"),
        pytest.param("kind:chat state:failed", "2", id="and"),
        pytest.param("took:>30s", "1", id="seconds"),
        pytest.param("took:<=400ms", "2", id="milliseconds"),
        pytest.param("took:>1h", "", id="hours"),
        pytest.param("ttft:<1s", "1", id="first event"),
        pytest.param("out:>1k", "1", id="thousands"),
        pytest.param("cost:>0.1", "2", id="cost"),
        pytest.param("attempts:>1", "1", id="attempts"),
        pytest.param("failover:yes", "1", id="failed over"),
        pytest.param("failover:no", "32", id="not failed over"),
        pytest.param("converted:yes", "1", id="converted"),
        pytest.param("converted:messages", "1", id="converted from"),
        pytest.param("stream:yes", "1", id="streams"),
        pytest.param("end:done", "1", id="stream end"),
        pytest.param('text:"quota exceeded"', "2", id="quoted"),
        pytest.param('text:"quota, exceeded"', "", id="a comma in quotes is text"),
        pytest.param("text:100%", "2", id="percent is itself"),
        pytest.param("text:1%0", "", id="percent is no wildcard"),
        pytest.param("key:b_c", "2", id="underscore is itself"),
        pytest.param("key:…b_c", "2", id="not ASCII"),
        pytest.param("key:b.c", "", id="underscore is no wildcard"),
        pytest.param("key:_____", "", id="underscores are no wildcards"),
        pytest.param("text:!", "", id="the escape character"),
        pytest.param("error:quota", "2", id="error kind"),
        pytest.param("source:test", "3", id="source"),
        pytest.param("trace:abc", "3", id="trace"),
        pytest.param("id:01a00000-0000-7000-8000-000000000002", "2", id="id"),
        pytest.param("ip:10.0", "3", id="address"),
        pytest.param("agent:python", "3", id="agent"),
        pytest.param("since:1h", "32", id="since"),
        pytest.param("until:1h", "1", id="until"),
        pytest.param("since:2026-11-25T09:59", "32", id="since a time"),
        pytest.param("since:2026-11-25T17:59:00+08:00", "32", id="time with a zone"),
        pytest.param("since:yesterday", "321", id="since a day"),
        pytest.param("yesterday", "1", id="a day"),
        pytest.param("-yesterday", "32", id="not that day"),
        pytest.param("today", "32", id="this day"),
        pytest.param("at:09:59", "32", id="a minute"),
        pytest.param("09:59", "32", id="a minute by itself"),
        pytest.param("since:09:59", "32", id="since a clock"),
        pytest.param("until:2026-11-25", "1", id="before a day"),
        pytest.param('"today"', "", id="a quoted day is text"),
        pytest.param("said:moon", "2", id="in a kept body"),
        pytest.param('said:"the moon" state:failed', "2", id="words in a kept body"),
        pytest.param("-said:moon", "31", id="not in a kept body"),
        pytest.param("said:sun", "", id="in no kept body"),
        pytest.param("opus", "1", id="word"),
        pytest.param("quota backup", "2", id="two words"),
        pytest.param("-opus", "32", id="not a word"),
        pytest.param('"Quota exceeded"', "2", id="phrase"),
        pytest.param("'; DROP TABLE requests; --", "", id="SQL"),
    ],
)
def test_grammar(db: Reader, query: str, found: str) -> None:
    assert "".join(row["id"][-1] for row in search(db, parse(query, NOW_MS)).rows) == found


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param("colour:red", "there is no field 'colour'", id="unknown field"),
        pytest.param("state:broken", "must be one of running", id="unknown state"),
        pytest.param("status:abc", "needs a number", id="no number"),
        pytest.param("status:>", "needs a number", id="nothing to compare with"),
        pytest.param("took:>5k", "optional unit", id="wrong unit"),
        pytest.param("failover:maybe", "yes or no", id="neither"),
        pytest.param("since:soon", "neither a span", id="no time"),
        pytest.param("at:25:61", "neither a span", id="no clock"),
        pytest.param("since:99999-01-01", "neither a span", id="impossible time"),
        pytest.param("state:,", "has no value", id="only commas"),
        pytest.param("a " * 21, "more than 20 terms", id="too many terms"),
        pytest.param("a" * 501, "longer than 500", id="too long"),
        pytest.param("said:a\x00b", "cannot be written", id="where the index would end"),
        pytest.param("said:\ud800", "cannot be written", id="half a character"),
    ],
)
def test_errors_say_what_is_wrong(query: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        parse(query, NOW_MS)


@given(st.text(max_size=80))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        found = parse(text, NOW_MS)
    except QueryError:
        return
    assert found.where.count("?") == len(found.params)
    again = parse(" ".join(map(str, found.terms)), NOW_MS)
    assert [t.value for t in again.terms] == [t.value for t in found.terms]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from([*(f"{f}:" for f in FIELDS), "-", '"', "%", "_", "!", "(", "1", ">2s", " ", "a", "=", ","])
    )
)
def test_every_query_that_is_understood_runs(store_of_all: Reader, parts: list[str]) -> None:
    try:
        found = parse("".join(parts), NOW_MS)
    except QueryError:
        return
    search(store_of_all, found)
    bars.histogram(store_of_all, found, 0, NOW_MS, Now(NOW_MS))


@pytest.fixture(scope="module")
def store_of_all(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    path: Path = tmp_path_factory.mktemp("query") / "ccx.db"
    store = Store.open(path)
    for row in ROWS:
        store.put_request(row)
    store.close()
    return Reader(path)


def test_pages_follow_each_other(db: Reader) -> None:
    everything, seen, before = parse("", NOW_MS), [], ""
    while True:
        page = search(db, everything, before, limit=1)
        seen += [row["id"][-1] for row in page.rows]
        before = page.next
        if not before:
            break
    assert seen == ["3", "2", "1"]


def test_a_page_can_follow_a_request(db: Reader) -> None:
    page = search(db, parse("", NOW_MS), ROWS[1]["id"])  # type: ignore[arg-type]
    assert [row["id"] for row in page.rows] == [ROWS[0]["id"]]


def test_a_page_survives_the_row_before_it(db: Reader, store: Store) -> None:
    page = search(db, parse("", NOW_MS), limit=2)
    store.submit(lambda conn: conn.execute("DELETE FROM requests WHERE id = ?", (ROWS[1]["id"],))).result(PATIENCE)
    assert [row["id"] for row in search(db, parse("", NOW_MS), page.next).rows] == [ROWS[0]["id"]]


def test_rows_have_their_chain_and_speed(db: Reader) -> None:
    row = search(db, parse("model:opus", NOW_MS)).rows[0]
    assert [(a["channel_name"], a["status"]) for a in row["chain"]] == [("main", 529), ("backup", 200)]
    assert row["tokens_per_s"] == 34.0
    assert row["stream"] is True


def test_detail(db: Reader, store: Store) -> None:
    id = str(ROWS[0]["id"])
    store.put_candidates([{"request_id": id, "order": 0, "channel_id": "ch_1", "verdict": "kept", "reason": "place 1"}])
    store.put_body(id, "client_request", b"{}")
    store.flush()
    found = search_box.detail(db, id)
    assert found
    assert [a["n"] for a in found["attempts"]] == [1, 2]
    assert found["candidates"][0]["reason"] == "place 1"
    assert [(b["side"], b["size"]) for b in found["bodies"]] == [("client_request", 2)]
    assert search_box.detail(db, "nothing") is None


def test_a_search_looks_at_so_many_and_goes_on_from_there(db: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """However rare what is looked for, a page costs the same, and no row is left out or shown twice."""
    monkeypatch.setattr(search_box, "MANY", 1)
    found, pages, before = parse("state:ok", NOW_MS), [], ""
    while True:
        page = search(db, found, before)
        pages.append(page)
        before = page.next
        if not before:
            break
    ids = [row["id"] for page in pages for row in page.rows]
    assert ids == [row["id"] for row in ROWS if row["state"] == "ok"] and len(pages) > 1
    assert pages[0].searched and not pages[-1].searched


def test_a_search_ends_where_its_time_does(db: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_box, "MANY", 1)
    newest = max(int(str(row["started_at"])) for row in ROWS)
    page = search(db, parse(f"since:{newest} model:nothing", NOW_MS))
    assert (page.rows, page.next, page.searched) == ([], "", 0)


def test_every_goes_through_all_pages(db: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_box, "EXPORT_STEP", 1)
    assert len(list(search_box.every(db, parse("", NOW_MS)))) == 3
    assert len(list(search_box.every(db, parse("", NOW_MS), limit=2))) == 2


@pytest.mark.parametrize("query", ["", "state:failed", "zzzz", "channel:main -model:haiku", "took:>300s"])
def test_lists_read_the_covering_index_only(db: Reader, query: str) -> None:
    """What keeps the list fast at 200,000 rows: no sorting, and the table is read for the rows shown only."""
    found = parse(query, NOW_MS)
    plan = db.rows(
        f"EXPLAIN QUERY PLAN SELECT rowid FROM requests INDEXED BY requests_list WHERE {found.where}"
        " ORDER BY started_at DESC, id DESC LIMIT 100",
        found.params,
    )
    assert [row["detail"] for row in plan] == ["SCAN requests USING COVERING INDEX requests_list"]


def test_losses_are_unpacked(store: Store) -> None:
    losses = json.dumps([["top_k", "chat has no top_k"]])
    store.put_request({"id": "a", "started_at": 1, "state": "ok", "losses": losses})
    store.flush()
    assert search(Reader(store.path), parse("", 1)).rows[0]["losses"] == [["top_k", "chat has no top_k"]]


@pytest.mark.parametrize("name", ["plain", "two words", 'say "hi"', '"', "a,b", "=x", "a:b", "中 文", "%_!"])
def test_one_name_is_looked_for_whatever_is_in_it(store: Store, name: str) -> None:
    for n, other in enumerate((name, name + "2", "x" + name)):
        store.put_request({"id": f"{n}", "started_at": 1, "state": "ok", "channel_name": other})
    store.flush()
    text = search_box.exactly("channel", name)
    found = parse(f"{text} state:ok", 1)
    assert [row["id"] for row in search(Reader(store.path), found).rows] == ["0"]
    assert str(parse(str(found.terms[0]), 1).terms[0]) == str(found.terms[0]) == text
