import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ccx_addons.io.store import Store
from ccx_admin.panel import EXTENSION
from ccx_admin.requests import detail as request_detail
from ccx_admin.requests.detail import Pair
from tests.admin import seed
from tests.admin.conftest import NOW
from tests.admin.requests import clients_bodies

MS = int(NOW * 1000)


def attempt(**more: Any) -> dict[str, Any]:
    found = {
        "channel_name": "main",
        "channel_id": "ch",
        "verdict": "commit",
        "status": 200,
        "outcome": "ok",
        "reason": "",
        "retry_after": None,
        "total_ms": 1900.0,
    }
    return {**found, **more}


def row(*attempts: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = {
        "state": "ok",
        "status": 200,
        "stream_end": "",
        "error_message": "",
        "phase": "done",
        "channel_name": "main",
        "started_at": MS - 5000,
        "total_ms": 2300.0,
    }
    return {**found, "attempts": list(attempts), **more}


LIMITED = attempt(
    status=429, outcome="status", verdict="next_channel", reason="rate limited", retry_after=20.0, total_ms=400.0
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(row(attempt()), "main answered in 1.9 s.", id="answered"),
        pytest.param(
            row(LIMITED, attempt(channel_name="backup")),
            "Failed over once: main answered 429 (rate limited, retry after 20 s) after 400 ms; backup answered in 1.9 s.",
            id="failed over",
        ),
        pytest.param(
            row(
                LIMITED,
                attempt(outcome="connect_timeout", status=0, verdict="next_channel"),
                attempt(channel_name="backup"),
            ),
            "Failed over 2 times: main answered 429 (rate limited, retry after 20 s) after 400 ms; main failed, connecting"
            " took too long, after 1.9 s; backup answered in 1.9 s.",
            id="failed over twice",
        ),
        pytest.param(
            row(
                *[attempt(status=503, outcome="status", reason="busy", verdict="next_key")] * 8,
                state="failed",
                status=503,
            ),
            "main answered 503 (busy, 8 times with 8 keys) after 15 s. Nothing else was left to try; the client got 503.",
            id="eight keys of one channel",
        ),
        pytest.param(
            row(attempt(status=503, outcome="status", reason="busy", verdict="same_key"), attempt()),
            "Tried again: main answered 503 (busy) after 1.9 s; main answered in 1.9 s.",
            id="the same key again",
        ),
        pytest.param(
            row(
                attempt(status=400, outcome="status", reason="trying without top_k", verdict="same_key"),
                attempt(status=400, outcome="status", reason="trying without seed", verdict="same_key"),
                attempt(),
            ),
            "Tried again: main answered 400 (trying without top_k, trying without seed, 2 times) after 3.8 s; main answered in"
            " 1.9 s.",
            id="the same key again, for two reasons",
        ),
        pytest.param(
            row(attempt(status=503, outcome="status", reason="busy (503); the request may be at fault"), attempt()),
            "Tried again: main answered 503 (busy; the request may be at fault) after 1.9 s; main answered in 1.9 s.",
            id="the status once",
        ),
        pytest.param(
            row(LIMITED, state="failed", status=429),
            "main answered 429 (rate limited, retry after 20 s) after 400 ms. Nothing else was left to try; the client got 429.",
            id="failed",
        ),
        pytest.param(
            row(attempt(outcome="cut"), state="failed", stream_end="cut"),
            "main failed, the answer broke off, after 1.9 s. The answer had begun and then broke: cut, after 2.3 s.",
            id="200, but broken",
        ),
        pytest.param(
            row(state="failed", status=404, error_message="no channel has it"),
            "Refused before any channel was asked: no channel has it",
            id="refused",
        ),
        pytest.param(row(), "Answered by the gateway itself, without asking a channel.", id="answered locally"),
        pytest.param(
            row(attempt(outcome="client_left"), state="client_left"), "The client left after 2.3 s.", id="client left"
        ),
        pytest.param(
            row(state="running", phase="waiting"), "main: waiting for the first token, for 5.0 s now.", id="running"
        ),
        pytest.param(
            row(state="lost"),
            "Lost: the gateway stopped while this request was running, so its end is unknown.",
            id="lost",
        ),
    ],
)
def test_sentence(app: Flask, given: dict[str, Any], expected: str) -> None:
    with app.test_request_context("/"):
        found = request_detail.sentence(given, MS)
    assert found.striptags().replace("\u202f", " ") == expected


def test_the_sentence_escapes(app: Flask) -> None:
    with app.test_request_context("/"):
        found = request_detail.sentence(row(attempt(channel_name="<i>", status=500, reason="<b>")), MS)
    assert "<b>&lt;i&gt;</b>" in found
    assert "(&lt;b&gt;)" in found


def test_waterfall_is_on_the_time_of_the_request(app: Flask) -> None:
    given = attempt(started_at=MS - 4000, connect_ms=50.0, tls_ms=50.0, ttfb_ms=600.0, total_ms=1000.0)
    with app.test_request_context("/"):
        bars = request_detail.waterfall(row(total_ms=2000.0), given, MS)
    assert [(bar.phase, bar.x, bar.width) for bar in bars] == [
        ("connect", 500.0, 50.0),
        ("wait", 550.0, 250.0),
        ("stream", 800.0, 200.0),
    ]


@pytest.mark.parametrize("total", [0.1, 500.0, 60_000.0])
def test_waterfall_stays_inside(app: Flask, total: float) -> None:
    given = attempt(started_at=MS - 4000, connect_ms=9e4, tls_ms=None, ttfb_ms=None, total_ms=total, outcome="reset")
    with app.test_request_context("/"):
        bars = request_detail.waterfall(row(total_ms=2000.0), given, MS)
    assert all(0 <= bar.x <= 1000 and 0 < bar.width <= 1000 for bar in bars)


def test_side_by_side() -> None:
    left = [*(f"same {n}" for n in range(20)), "top_k", "end"]
    right = [*(f"same {n}" for n in range(20)), "reasoning", "effort", "end"]
    found = list(request_detail.side_by_side(left, right))
    assert found[3] == Pair("14", "", "gap")
    assert found[7:] == [
        Pair("top_k", "reasoning", "changed"),
        Pair("", "effort", "changed"),
        Pair("end", "end", "same"),
    ]


def test_headers_are_put_side_by_side() -> None:
    found = request_detail.headers({"headers": [["Accept", "a"], ["x-only", "1"]]}, {"headers": [["accept", "b"]]})
    assert found == [("accept", "a", "b"), ("x-only", "1", "")]


def test_what_was_sent_and_received(session: FlaskClient, store: Store) -> None:
    found, attempts = next((r, a) for r, a in seed.rows(200, NOW, 1.0) if len(a) == 2)
    store.put_request(found)
    store.put_attempts(attempts)
    store.put_body(
        found["id"],
        "client_request",
        b'{"model": "claude", "top_k": 5, "messages": [{"role": "user", "content": "Hi there"}]}',
        [],
    )
    store.put_body(
        found["id"],
        "upstream_request",
        b'{"model": "glm-5", "messages": [{"role": "user", "content": "Hi there"}]}',
        [],
    )
    store.put_body(
        found["id"],
        "upstream_response",
        b'data: {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hello back"}}]}\n\n',
        [("x-request-id", "req_upstream")],
        times=lambda body: [[body.count(b"\n"), 1234]],
    )
    store.put_body(found["id"], "answer_1", b"said by the first")
    store.flush(10)
    talk = session.get(f"/requests/{found['id']}").text
    assert "Hi there" in talk
    assert "Hello back" in talk
    sent = session.get(f"/requests/{found['id']}?tab=sent").text
    assert '<td class="del">  &#34;model&#34;: &#34;claude&#34;,' in sent
    assert "chat has no top_k" in sent
    received = session.get(f"/requests/{found['id']}?tab=received").text
    assert "chat.completion.chunk" in received
    assert "1.234 s" in received and "req_upstream" in received
    page = session.get(f"/requests/{found['id']}?tab=received&side=answer_1").text
    assert "said by the first" in page and "1 main</a>" in page
    assert "its answer" in page


def test_each_attempt_shows_its_exact_error(session: FlaskClient, store: Store) -> None:
    found, attempts = next((r, a) for r, a in seed.rows(200, NOW, 1.0) if len(a) == 2)
    attempts[0]["error_message"] = 'Number of request tokens has exceeded your "per-minute" limit'
    store.put_request(found)
    store.put_attempts(attempts)
    store.flush(10)
    page = session.get(f"/requests/{found['id']}?tab=routing").text
    assert "exceeded your &#34;per-minute&#34; limit" in page
    assert page.count('class="attempt"') == 2


def test_channels_that_nobody_had_to_look_at_are_counted(session: FlaskClient, store: Store, filled: list[str]) -> None:
    rows = [("ch_main0001", "kept", "by_priority: place 1: next by priority"),
            ("", "dropped", "others: 7 more would come after these, 2 can not take this request")]  # fmt: skip
    store.put_candidates(
        {"request_id": filled[0], "order": n, "channel_id": id, "verdict": verdict, "reason": reason}
        for n, (id, verdict, reason) in enumerate(rows)
    )
    store.flush()
    page = session.get(f"/requests/{filled[0]}?tab=routing").text
    assert "all others" in page and "7 more would come after these, 2 can not take this request" in page
    assert page.count("dropped</span>") == 0


def test_curl_can_be_run(app: Flask, session: FlaskClient, filled: list[str]) -> None:
    page = session.get(f"/requests/{filled[-1]}?tab=raw")
    assert page.status_code == 200
    with app.test_request_context("/"):
        found = session.get(f"/api/requests/{filled[-1]}").json
        assert found
        words = shlex.split(request_detail.curl(app.extensions["ccx"], found))
    assert words[0] == "curl"
    assert "authorization: Bearer $CCX_KEY" in words
    assert '"Hi"' in words[-1]


@pytest.mark.parametrize("size", [10, 200_000], ids=["in the command", "behind it"])
def test_curl_says_what_the_client_said(
    app: Flask, session: FlaskClient, store: Store, filled: list[str], tmp_path: Path, size: int
) -> None:
    """A shell that runs it asks the same: the client's own headers, and the body whatever is in it."""
    sent = json.dumps({"model": "it's", "messages": [{"role": "user", "content": "$HOME `x`" * size}]}).encode()
    beta = [("anthropic-beta", "context-1m"), ("x-secret", "no"), ("anthropic-version", "2024-01-01")]
    store.put_body(filled[-1], "client_request", sent, beta)
    store.flush()
    program = tmp_path / "curl"
    program.write_text('#!/bin/sh\nfor word; do last=$word; done\necho "$*" | head -c 999 > "$0.words"\n'
                       'if [ "$last" = @- ]; then cat; else printf %s "$last"; fi > "$0.body"\n')  # fmt: skip
    program.chmod(0o700)
    with app.test_request_context("/"):
        row = session.get(f"/api/requests/{filled[-1]}").json
        assert row
        command = request_detail.curl(app.extensions["ccx"], row)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CCX_KEY": "k"}
    subprocess.run(["sh", "-c", command] if size < 99 else ["sh"], env=path, input=command.encode(), check=True)
    assert (tmp_path / "curl.body").read_bytes().rstrip(b"\n") == sent
    words = (tmp_path / "curl.words").read_text()
    assert "anthropic-beta: context-1m" in words and "x-secret" not in words
    assert "anthropic-version: 2024-01-01" in words and "2023-06-01" not in words


DECODED = "base64 --decode <<'CCX_BODY' | "


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ("@/etc/passwd", "--data-raw '@/etc/passwd'"),
        ("{}\r\n\t", "--data-raw '{}\r\n\t'"),
        ("'\x7f\x7f'; id #", f"{DECODED}--data-binary @-\nJ39/JzsgaWQgIw==\nCCX_BODY"),
        ("\x1b[201~\nid", f"{DECODED}--data-binary @-\nG1syMDF+Cmlk\nCCX_BODY"),
        ("CCX_BODY\n" * 20_000, "--data-binary @- <<'CCX_BODY_'\nCCX_BODY\n"),
        ("", "--data-binary @request.json"),
    ],
)
def test_a_body_is_no_command_and_no_file(body: str, sent: str) -> None:
    assert "".join(request_detail.data({"text": body})).startswith(sent)


FORM = b'--x\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n\x89PNG\xff\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("line", "body", "sent", "shown"),
    [
        (("POST", "/v1/images/edits"), FORM, FORM, "[5 bytes]"),
        (("POST", "/v1/responses"), b"\xff\xfe", b"\xff\xfe", "[2 bytes that are no text]"),
        (("DELETE", "/v1/responses/resp_1?a=it's"), b"", b"-X DELETE", "resp_1"),
        (("GET", "/v1/models"), b"", b"authorization: Bearer k", "/v1/models"),
    ],
    ids=["form", "bytes", "delete", "get"],
)
def test_what_is_no_json(
    app: Flask, session: FlaskClient, store: Store, filled: list[str], tmp_path: Path,
    line: tuple[str, str], body: bytes, sent: bytes, shown: str,
) -> None:  # fmt: skip
    """The page shows it, and its command sends it: the same bytes with the same method to the same place."""
    head = [(":method", line[0]), (":path", line[1]), ("content-type", "multipart/form-data; boundary=x")]
    store.put_body(filled[-1], "client_request", body, head)
    store.flush()
    assert shown in session.get(f"/requests/{filled[-1]}?tab=sent").text
    program = tmp_path / "curl"
    program.write_text('#!/bin/sh\necho "$*" > "$0.words"\ncase "$*" in *@-) cat;; *) echo "$*";; esac > "$0.body"\n')
    program.chmod(0o700)
    with app.test_request_context("/"):
        row = session.get(f"/api/requests/{filled[-1]}").json
        assert row
        command = request_detail.curl(app.extensions["ccx"], row)
    subprocess.run(["sh", "-c", command], env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "CCX_KEY": "k"}, check=True)
    assert sent in (tmp_path / "curl.body").read_bytes()
    words = (tmp_path / "curl.words").read_text()
    assert line[1] in words and ("-X" in words) == (line[0] == "DELETE") and "boundary=x" in words


def test_neighbours(app: Flask, session: FlaskClient, filled: list[str]) -> None:
    page = session.get(f"/requests/{filled[10]}").text
    assert f'href="/requests/{filled[11]}"' in page
    assert f'href="/requests/{filled[9]}"' in page


@pytest.mark.parametrize(
    ("address", "boot", "shown"),
    [
        pytest.param("http://127.0.0.1:8081", "test", True, id="it runs"),
        pytest.param("http://127.0.0.1:8081", "earlier", False, id="it did not when the request came"),
        pytest.param("", "test", False, id="it does not run"),
    ],
)
def test_mitmweb_is_linked(
    app: Flask, session: FlaskClient, store: Store, address: str, boot: str, shown: bool
) -> None:
    app.extensions[EXTENSION].mitmweb_url = address
    store.put_request({"id": "abc", "started_at": MS, "state": "ok", "boot_id": boot})
    store.flush()
    page = session.get("/requests/abc").text
    assert ('href="http://127.0.0.1:8081/#/flows?s=~meta%20abc"' in page) == shown == ("mitmweb" in page)


@pytest.mark.parametrize(
    ("sides", "first"),
    [(("client_request",), "from the client"), (("upstream_request",), "to the upstream"),
     (("client_request", "upstream_request"), "from the client")],
    ids=["client", "upstream", "both"],
)  # fmt: skip
def test_a_side_alone_has_its_own_name(sides: tuple[str, ...], first: str) -> None:
    found = request_detail.sent({side: {"headers": [], "text": f'["{side}"]', "truncated": False} for side in sides})
    assert found["first"] == first and found["both"] == (len(sides) == 2)


def test_what_went_through_unchanged_is_shown_whole() -> None:
    """Nothing in it is folded: there is no difference to look for."""
    kept = {"headers": [], "text": json.dumps([*range(99)]), "truncated": False}
    found = request_detail.sent({"client_request": kept, "upstream_request": kept})
    assert found["same"] and not found["both"] and len(found["lines"]) == 101


# ---- what real clients send ------------------------------------------------------------------------------------------
def of_client(store: Store, kind: str, state: str, answer: str) -> str:
    """A kept request of that protocol's own client."""
    id, body = f"real-{kind}", clients_bodies.ASKED[kind]
    over: dict[str, Any] = {"status": 200, "total_ms": 900.0, "stream_end": "done"} if state == "ok" else {}
    store.put_request(
        {"id": id, "started_at": MS, "state": state, "kind": kind, "operation": "generate", "stream": 1}
        | {"model": body.get("model", "gemini-3-pro"), "channel_name": "main", **over}
    )
    store.put_body(id, "client_request", json.dumps(body).encode(), [("user-agent", "real")])
    store.put_body(id, "client_response", answer.encode(), [])
    store.flush()
    return id


@pytest.mark.parametrize("state", ["running", "ok"])
@pytest.mark.parametrize("kind", list(clients_bodies.ASKED))
def test_real_conversations_are_readable(session: FlaskClient, store: Store, kind: str, state: str) -> None:
    """System prompt, question, picture, thinking, call, result and answer; nothing red while all is well."""
    answer = clients_bodies.begun(kind) if state == "running" else clients_bodies.whole(kind)
    page = session.get(f"/requests/{of_client(store, kind, state, answer)}")
    assert page.status_code == 200
    for words in ("system", clients_bodies.QUESTION, "The file has to be read.", "poem.txt", "roses are red"):
        assert words in page.text, words
    assert "image/png" in page.text and "There are three" in page.text
    assert 'class="message bad"' not in page.text and "proper end" not in page.text
    assert ('class="cursor"' in page.text) is (state == "running")


@pytest.mark.parametrize("tab", [name for name, _ in request_detail.TABS])
@pytest.mark.parametrize("kind", list(clients_bodies.ASKED))
def test_every_tab_of_a_real_request(session: FlaskClient, store: Store, kind: str, tab: str) -> None:
    id = of_client(store, kind, "ok", clients_bodies.whole(kind))
    assert session.get(f"/requests/{id}?tab={tab}").status_code == 200


@pytest.mark.parametrize("kind", ["messages", "responses"])
def test_a_stream_that_is_over_without_its_end_says_so(session: FlaskClient, store: Store, kind: str) -> None:
    page = session.get(f"/requests/{of_client(store, kind, 'failed', clients_bodies.begun(kind))}")
    assert 'class="message bad"' in page.text and "There are three" in page.text
