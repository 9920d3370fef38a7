"""Files for people and programs."""

import json
import zlib
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ccx_addons.commands.replay import COUNTED
from ccx_addons.core.mask import Secrets
from ccx_addons.io.store import Store
from ccx_admin.db import Reader
from ccx_admin.requests import export


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("=1+1", "'=1+1", id="formula"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="function"),
        pytest.param("-1", "'-1", id="text with a minus"),
        pytest.param("\n=1+1", "'\n'=1+1", id="on the next line"),
        pytest.param("x;=1+1", "x;'=1+1", id="behind the other separator"),
        pytest.param('x;"=1+1"', 'x;"\'=1+1"', id="in quotes behind it"),
        pytest.param("Mozilla/5.0 (X11; Linux) a=b", "Mozilla/5.0 (X11; Linux) a=b", id="words of a browser"),
        pytest.param("＝1+1", "'＝1+1", id="in wide letters"),
        pytest.param(-1, -1, id="number"),
        pytest.param(17.066570000000002, "17.06657", id="sum"),
        pytest.param(7.8e-05, "0.000078", id="small"),
        pytest.param(-0.5, "-0.5", id="less than nothing"),
        pytest.param(0.0, "0", id="zero"),
        pytest.param(None, "", id="nothing"),
        pytest.param([["a.b", "lost"], ["c", "gone"]], "a.b: lost; c: gone", id="losses"),
        pytest.param([["=a", "lost"]], "'=a: lost", id="losses that look like a formula"),
        pytest.param([], "", id="no losses"),
        pytest.param("claude", "claude", id="plain"),
    ],
)
def test_cells_are_no_formulas(value: Any, shown: Any) -> None:
    assert export.cell(value) == shown


def test_times_are_the_readers() -> None:
    rows: list[dict[str, Any]] = [{"id": "r1", "at": 1_795_600_800_123}, {"id": "r2", "at": None}]
    lines = list(export.as_csv(rows, ("id", "at"), ZoneInfo("Asia/Shanghai")))
    assert lines == ["id,at\r\n", "r1,2026-11-25T18:00:00.123+08:00\r\n", "r2,\r\n"]


def test_lines_are_quoted() -> None:
    assert export.line(['a "b", c', 1, "x\ny"]) == '"a ""b"", c",1,"x\ny"\r\n'


ROW = {
    "id": "r1", "started_at": 1_795_600_800_000, "kind": "messages", "operation": "generate", "stream": True,
    "route_prefix": "", "model": "opus", "upstream_model": "glm-5", "channel_name": "main", "status": 200, "state": "ok",
    "first_event_ms": 400.0, "ttfb_ms": 300.0, "total_ms": 2_400.0, "bytes_in": 10, "bytes_out": 20, "attempts_n": 1,
    "error_message": "", "cost_usd": None, "input_tokens": 9, "cache_read_tokens": 5, "output_tokens": 3,
}  # fmt: skip


def test_har_entry() -> None:
    found = export.har_entry(ROW, {}, "https://gw.example")
    assert found["startedDateTime"] == "2026-11-25T10:00:00.000+00:00"
    assert found["request"]["url"] == "https://gw.example/v1/messages" and "postData" not in found["request"]
    assert found["timings"] == {"send": 0, "wait": 400.0, "receive": 2_000.0}


def test_a_har_entry_has_what_a_replay_compares() -> None:
    said = export.har_entry(ROW, {}, "")["_ccx"]
    assert {name: said[name] for name in COUNTED if name != "total_ms"} == {
        name: ROW[name] for name in COUNTED if name != "total_ms"
    }


@pytest.mark.parametrize(
    ("times", "timings"),
    [
        pytest.param({"first_event_ms": None, "ttfb_ms": None}, (2_400.0, 0.0), id="no first byte"),
        pytest.param({"total_ms": None}, (0.0, 0.0), id="running"),
    ],
)
def test_har_timings_add_up(times: dict[str, Any], timings: tuple[float, float]) -> None:
    found = export.har_entry({**ROW, **times}, {}, "")["timings"]
    assert (found["wait"], found["receive"]) == timings


def test_paths_that_are_gone() -> None:
    assert export.line_of({**ROW, "operation": "telegraph"}, {})[1] == ""


def test_a_path_at_code_assist() -> None:
    row = {**ROW, "kind": "gemini", "route_prefix": "google"}
    asked = {"text": json.dumps({"model": "opus", "request": {"contents": []}})}
    assert export.line_of(row, asked) == ("POST", "/google/v1internal:streamGenerateContent?alt=sse")
    other = {"text": '{"contents": [{"request": 1}]}'}
    assert export.line_of(row, other)[1].startswith("/google/v1beta/models/opus:stream")
    account = {**row, "operation": "account:loadCodeAssist"}
    assert export.line_of(account, {}) == ("POST", "/google/v1internal:loadCodeAssist")


PLACE = "/main/v1/models/opus:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("asked", "answered", "shown"),
    [
        pytest.param(
            {"headers": [[":method", "POST"], [":path", PLACE], ["content-type", "application/json"]], "text": "{}"},
            {"headers": [["content-type", "text/event-stream"]], "text": "data: {}"},
            ("POST", PLACE, {"mimeType": "application/json", "text": "{}"}, ("text/event-stream", "data: {}", None)),
            id="a stream",
        ),
        pytest.param(
            {"headers": [["content-type", "multipart/form-data; boundary=x"]], "base64": "/w=="},
            {"headers": [["content-type", "image/png"]], "base64": "iQ=="},
            ("POST", "/v1/messages", {"mimeType": "multipart/form-data; boundary=x", "text": "/w==", "encoding": "base64"},
             ("image/png", "iQ==", "base64")),
            id="no text",
        ),
        pytest.param(
            {"headers": [[":method", "DELETE"], [":path", "/v1/responses/resp_1"]], "text": ""},
            {"headers": [["content-type", "application/json"]], "text": "{}"},
            ("DELETE", "/v1/responses/resp_1", None, ("application/json", "{}", None)),
            id="no body",
        ),
    ],
)  # fmt: skip
def test_har_says_what_was_sent(asked: dict[str, Any], answered: dict[str, Any], shown: tuple[Any, ...]) -> None:
    found = export.har_entry(ROW, {"client_request": asked, "client_response": answered}, "http://gw")
    request, content = found["request"], found["response"]["content"]
    assert (request["method"], request["url"], request.get("postData")) == (shown[0], "http://gw" + shown[1], shown[2])
    assert (content["mimeType"], content["text"], content.get("encoding")) == shown[3]
    assert not [one for one in request["headers"] if one["name"].startswith(":")]
    assert request["queryString"] == ([{"name": "alt", "value": "sse"}] if "?" in shown[1] else [])


def test_bodies(store: Store) -> None:
    store.put_body("r1", "client_request", b"geheim99", [("a", "geheim99")], truncated=True)
    store.flush()
    found = export.bodies(Reader(store.path), "r1", Secrets(["geheim99"]))["client_request"]
    assert (found["text"], found["headers"], found["size"], found["truncated"]) == ("••••", [["a", "••••"]], 8, True)
    assert export.raw_of(zlib.compress(b"x")) == b"x"
