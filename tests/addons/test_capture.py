import json
import zlib
from dataclasses import replace
from typing import Any, Literal

import pytest

from ccx_addons.capture import LIVE_PACE, Capture, redaction, safe
from ccx_addons.core.config import Bodies, Policy
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.mask import Secrets
from ccx_addons.processes.runtime import Runtime
from tests.addons.flows import flow, response
from tests.addons.values import attempted, channel, exchange

MAIN, BACKUP = channel("main"), channel("backup")
SECRET = MAIN.keys[0].secret
NOW = 1000.0
PATH = "/v1/chat/completions"


def bodies(runtime: Runtime) -> dict[str, tuple[bytes, Any, bool]]:
    """Side -> body, headers, cut."""
    assert runtime.store.flush()
    found = {}
    for side in ("client_request", "upstream_request", "upstream_response", "client_response"):
        row = runtime.store.read("SELECT body, headers, truncated FROM bodies WHERE side = ?", side)
        if row:
            found[side] = (zlib.decompress(row[0]), json.loads(row[1]), bool(row[2]))
    return found


def captured(capture: Literal["off", "errors", "all"], **policy: Any) -> Exchange:
    x = exchange("chat", MAIN)
    x.snapshot = replace(x.snapshot, policy=Policy(bodies=Bodies(capture=capture, **policy)))
    x.raw = b'{"model": "gpt-5"}'
    x.headers = (("user-agent", "test/1"), ("cookie", "session=secret-cookie"))
    return x


def run(runtime: Runtime, x: Exchange, status: int = 200, answer: bytes = b'{"ok": 1}') -> None:
    """An exchange of one attempt, from request to response."""
    addon, request = Capture(runtime), flow(x=x, body=b'{"model": "up"}', authorization=f"Bearer {SECRET}")
    addon.request(request)
    attempted(x, MAIN, "ok" if status < 400 else "status", status)
    if x.tap:
        x.tap.from_upstream(b"from upstream")
    x.state = "ok" if status < 400 else "failed"
    request.response = response(status, answer, set_cookie="a=b")
    addon.response(request)


def test_all_four_sides(runtime: Runtime) -> None:
    run(runtime, captured("all"))
    found = bodies(runtime)
    assert [body for body, _, _ in found.values()] == [
        b'{"model": "gpt-5"}', b'{"model": "up"}', b"from upstream", b'{"ok": 1}'
    ]  # fmt: skip
    line = [[":method", "POST"], [":path", PATH]]
    assert found["client_request"][1] == [*line, ["user-agent", "test/1"], ["cookie", "sess…okie"]]
    assert ["authorization", "Bear…6789"] in found["upstream_request"][1] and found["upstream_request"][1][:2] == line
    assert ["set-cookie", "••••"] in found["client_response"][1]
    assert ["x-content-type-options", "nosniff"] in found["client_response"][1]  # which is written at the very end
    assert not any(cut for _, _, cut in found.values())


@pytest.mark.parametrize("query", ["beta=true&limit=20&x=sk-1234567890abcdef", ""], ids=["a query", "none"])
@pytest.mark.parametrize("capture", ["errors", "off"])
def test_what_the_gateway_itself_refuses(runtime: Runtime, capture: Any, query: str) -> None:
    """Its later hooks are not called: a body that is no JSON, a limit that is used up."""
    x = captured(capture)
    x.query = query
    addon, request = Capture(runtime), flow(x=x)
    request.response = response(400, b"no")
    addon.request(request)
    x.state = "failed"
    addon.response(request)
    found = bodies(runtime)
    assert found.keys() == (set() if capture == "off" else {"client_request", "client_response"})
    if found:
        shown = f"{PATH}?beta=true&limit=20&x=sk-1%E2%80%A6cdef" if query else PATH
        assert found["client_request"][:2] == (b'{"model": "gpt-5"}', [
            [":method", "POST"], [":path", shown], ["user-agent", "test/1"], ["cookie", "sess…okie"]
        ])  # fmt: skip
        assert found["client_response"][0] == b"no"


@pytest.mark.parametrize(
    ("capture", "status", "kept"),
    [("off", 200, False), ("off", 500, False), ("errors", 200, False), ("errors", 500, True), ("all", 200, True)],
)
def test_policy(runtime: Runtime, capture: Any, status: int, kept: bool) -> None:
    x = captured(capture)
    run(runtime, x, status)
    assert bool(bodies(runtime)) is kept and (x.tap is not None) is (capture != "off")


def test_what_each_attempt_was_answered(runtime: Runtime) -> None:
    x = captured("all")
    addon, request = Capture(runtime), flow(x=x)
    addon.request(request)
    assert x.tap
    for name, answer in (("set-cookie", b"data: busy\n\n"), ("x-request-id", b"data: good\n\n")):
        attempted(x, MAIN, "ok", 200)
        x.tap.head = ((name.title().encode(), b"req_0123456789"),)
        x.tap.from_upstream(answer)
    x.state, request.response = "ok", response()
    addon.response(request)
    assert runtime.store.flush()
    found = {
        side: (zlib.decompress(body), json.loads(headers), json.loads(times)[-1][0])
        for side in ("answer_1", "upstream_response")
        for body, headers, times in [
            runtime.store.read("SELECT body, headers, times FROM bodies WHERE side = ?", side) or ()
        ]
    }
    assert found == {
        "answer_1": (b"data: busy\n\n", [["set-cookie", "req_…6789"]], 2),
        "upstream_response": (b"data: good\n\n", [["x-request-id", "req_0123456789"]], 2),
    }


def test_a_failover_is_an_error_worth_keeping(runtime: Runtime) -> None:
    x = captured("errors")
    attempted(x, BACKUP, "status", 500)
    run(runtime, x)
    assert bodies(runtime)


def test_what_was_refused_before_any_attempt(runtime: Runtime) -> None:
    x = captured("all")
    addon, request = Capture(runtime), flow(x=x)
    addon.request(request)
    x.state, request.response = "failed", response(404, b"no")
    addon.response(request)
    assert bodies(runtime).keys() == {"client_request", "client_response"}


def test_a_client_that_left_has_no_answer(runtime: Runtime) -> None:
    x = captured("all")
    addon, request = Capture(runtime), flow(x=x)
    addon.request(request)
    assert x.tap
    x.state, x.committed = "client_left", True
    x.tap.to_client(b"data: 1\n\n")
    addon.error(request)
    assert bodies(runtime)["client_response"] == (b"data: 1\n\n", [], False)


def test_nobody_is_captured_who_is_nobody(runtime: Runtime) -> None:
    x = captured("all")
    x.client = None
    run(runtime, x, 401)
    assert bodies(runtime) == {}


def test_bodies_are_bounded(runtime: Runtime) -> None:
    x = captured("all", max_kb=1)
    x.raw = b"r" * 3000
    run(runtime, x, answer=b"a" * 3000)
    found = bodies(runtime)
    assert found["client_request"][0] == b"r" * 1024 and found["client_request"][2]
    assert found["client_response"][0] == b"a" * 1024 and found["client_response"][2]
    assert not found["upstream_response"][2]


def test_a_stream_keeps_what_passed(runtime: Runtime) -> None:
    x = captured("all")
    addon, request = Capture(runtime), flow(x=x)
    addon.request(request)
    attempted(x, MAIN, "ok", 200)
    assert x.tap
    x.tap.to_client(b"data: 1\n\n")
    x.committed, x.state, request.response = True, "ok", response()
    addon.response(request)
    assert bodies(runtime)["client_response"][0] == b"data: 1\n\n"


# ---- nothing secret --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "patterns", "shown"),
    [
        pytest.param(b"x " + SECRET.encode(), (), b"x sk-m\xe2\x80\xa66789", id="the channel's key"),
        pytest.param(b"sk-other-0123456789abcdef", (), b"sk-o\xe2\x80\xa6cdef", id="what looks like a key"),
        pytest.param(
            b'{"authorization_token": "abcd-1234-efgh", "name": "a"}',
            (),
            '{"authorization_token": "abcd…efgh", "name": "a"}'.encode(),
            id="a remote server's token",
        ),
        pytest.param(
            b'{"headers":{"X-Api-Key":"abcd-1234-efgh","X-Goog-Api-Key":"abc',
            (),
            '{"headers":{"X-Api-Key":"abcd…efgh","X-Goog-Api-Key":"abc'.encode(),
            id="its header",
        ),
        pytest.param(b"card 1234-5678", (r"\d{4}-\d{4}",), b"card [redacted]", id="the policy's pattern"),
        pytest.param(b"\xff\xfe raw \x00", (r"raw",), b"\xff\xfe [redacted] \x00", id="bytes that are no text"),
        pytest.param(b"plain", ("nothing",), b"plain", id="nothing to hide"),
    ],
)
def test_redaction(body: bytes, patterns: tuple[str, ...], shown: bytes) -> None:
    assert redaction(Secrets([SECRET]), patterns)(body) == shown


@pytest.mark.parametrize(
    "name", ["authorization", "x-api-key", "x-goog-api-key", "api-key", "proxy-authorization", "cookie", "set-cookie"]
)
def test_credentials_are_masks(name: str) -> None:
    assert safe([(name, "top-secret-value")], exchange()) == [(name, "top-…alue")]


def test_other_headers_are_cleaned() -> None:
    x = exchange("chat", MAIN)
    attempted(x, MAIN, "ok")
    assert safe([("x-a", f"k={SECRET}"), ("x-b", "fine")], x) == [("x-a", "k=sk-m…6789"), ("x-b", "fine")]


# ---- live ------------------------------------------------------------------------------------------------------------
def test_a_watched_stream_is_shown_while_it_runs(runtime: Runtime) -> None:
    x = captured("off")
    addon, request = Capture(runtime), flow(x=x)
    addon.request(request)
    addon.look(NOW)
    assert x.tap is None, "it costs nothing while nobody watches"
    runtime.watched["x1"] = NOW + 5
    addon.look(NOW)
    assert x.tap is not None
    for n, text in enumerate((b"data: 1\n\n", b"data: 2\n\n")):
        x.tap.to_client(text)
        addon.look(NOW + n)
    found = bodies(runtime)
    assert found["client_response"][0] == b"data: 1\n\ndata: 2\n\n"
    assert found["client_request"][0] == x.raw, "the page shows the question, too"


def test_who_watches_late_sees_how_it_began(runtime: Runtime) -> None:
    x = captured("off")
    addon, request = Capture(runtime), flow(x=x)
    addon.request(request)
    x.opening = b"data: 0\n\n"
    runtime.watched["x1"] = NOW + 5
    addon.look(NOW)
    assert bodies(runtime)["client_response"][0] == b"data: 0\n\n"


def test_a_long_answer_is_written_less_often(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written each time is the whole, so that the work stays in proportion to the time."""
    x = captured("all", max_kb=4096)
    addon, request = Capture(runtime), flow(x=x)
    addon.request(request)
    assert x.tap
    runtime.watched["x1"] = NOW + 500
    written: list[int] = []
    monkeypatch.setattr(runtime.store, "put_body", lambda *values, **_: written.append(len(values[2])))
    for n in range(100):
        x.tap.to_client(b"a" * 20_000)
        addon.look(NOW + n / 10)
    assert sum(written) < 1.5 * LIVE_PACE * 10 and len(written) > 8


def test_what_was_only_watched_is_gone_at_the_end(runtime: Runtime) -> None:
    cases: tuple[tuple[Literal["off", "errors"], Literal["ok", "failed"], bool], ...]
    cases = (("off", "ok", False), ("errors", "ok", False), ("errors", "failed", True))
    for capture, state, kept in cases:
        x = captured(capture)
        addon, request = Capture(runtime), flow(x=x)
        addon.request(request)
        runtime.watched["x1"] = NOW + 5
        addon.look(NOW)
        attempted(x, MAIN, "ok", 200)
        x.state, request.response = state, response()
        addon.response(request)
        assert bool(bodies(runtime)) is kept, (capture, state)


def test_nothing_new_is_nothing_written(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    x = captured("off")
    addon, request = Capture(runtime), flow(x=x)
    addon.request(request)
    runtime.watched["x1"] = NOW + 5
    addon.look(NOW)
    assert x.tap
    x.tap.to_client(b"a")
    written: list[bytes] = []
    monkeypatch.setattr(runtime.store, "put_body", lambda *values, **_: written.append(values[2]))
    for _ in range(3):
        addon.look(NOW)
    assert written == [b"a"]


def test_watching_ends_by_itself(runtime: Runtime) -> None:
    addon = Capture(runtime)
    runtime.watched.update(old=NOW - 1, unknown=NOW + 1)
    addon.look(NOW)
    assert runtime.watched == {"unknown": NOW + 1}


def test_a_watched_answer_that_is_over_is_not_kept(runtime: Runtime) -> None:
    x = captured("off")
    addon, request = Capture(runtime), flow(x=x)
    addon.request(request)
    runtime.watched["x1"] = NOW + 5
    addon.look(NOW)
    attempted(x, MAIN, "ok", 200)
    x.state, request.response = "ok", response()
    addon.response(request)
    assert addon.active == {} and "upstream_response" not in bodies(runtime)
