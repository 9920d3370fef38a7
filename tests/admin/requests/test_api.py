"""/api/requests: list, detail, bodies, exports, replay."""

import csv
import io
import json
from typing import Any

import pytest
from flask import Flask

from ccx_addons.io import probe
from ccx_addons.io.store import Store
from ccx_admin.panel import EXTENSION
from tests.admin.conftest import PROXY_KEY, Api
from tests.admin.seed import SECRETS


@pytest.fixture
def gateway(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str], bytes]]:
    """What a replay sends."""
    app.extensions[EXTENSION].gateway_url = "http://127.0.0.1:3000"
    sent: list[tuple[str, dict[str, str], bytes]] = []

    def replay(url: str, headers: dict[str, str], body: bytes) -> probe.Replay:
        sent.append((url, headers, body))
        return probe.Replay(200, "01a2-new", 12.5, 40)

    monkeypatch.setattr(probe, "replay", replay)
    return sent


def test_list(api: Api, filled: list[str]) -> None:
    found = api.get("/api/requests?limit=10")
    assert len(found["rows"]) == 10 and len(found["running"]) == 2
    following = api.get(f"/api/requests?limit=10&before={found['next']}")
    assert following["running"] == []
    assert following["rows"][0]["started_at"] <= found["rows"][-1]["started_at"]
    assert not {row["id"] for row in found["rows"]} & {row["id"] for row in following["rows"]}


def test_search_says_what_it_understood(api: Api, filled: list[str]) -> None:
    found = api.get("/api/requests", query_string={"q": 'state:failed -text:"credit balance"'})
    assert [term["text"] for term in found["terms"]] == ["state:failed", '-text:"credit balance"']
    assert found["rows"] and {row["state"] for row in found["rows"]} == {"failed"}


@pytest.mark.parametrize("query", ["q=colour:red", "q=status:x", "before=nothing", "limit=0", "limit=x", "format=xml"])
def test_what_is_not_understood(api: Api, query: str) -> None:
    answer = api("GET", f"/api/requests?{query}")
    assert answer.status_code == 422 and '"detail"' in answer.text and "SELECT" not in answer.text


def test_detail(api: Api, filled: list[str]) -> None:
    failed_over = api.get("/api/requests?q=failover:yes&limit=1")["rows"][0]
    found = api.get(f"/api/requests/{failed_over['id']}")
    assert [attempt["n"] for attempt in found["attempts"]] == [1, 2]
    assert [step["channel_name"] for step in found["chain"]] == ["main", "backup"]
    assert found["losses"] == [["top_k", "chat has no top_k"]]
    api.do("GET", "/api/requests/nothing", status=404)


def test_candidates_have_names(api: Api, store: Store, filled: list[str]) -> None:
    row = {"request_id": filled[0], "order": 0, "channel_id": "ch_main0001", "verdict": "kept", "reason": "place 1"}
    store.put_candidates([row])
    store.flush()
    assert api.get(f"/api/requests/{filled[0]}")["candidates"][0]["channel_name"] == "main"


# ---- bodies ----------------------------------------------------------------------------------------------------------
def test_bodies(api: Api, filled: list[str]) -> None:
    found = api.get(f"/api/requests/{filled[-1]}/body")
    assert json.loads(found["sides"]["client_request"]["text"])["model"] == "claude-opus-4-7"
    assert found["sides"]["client_request"]["headers"] == [["content-type", "application/json"]]
    assert "capture" in api.get(f"/api/requests/{filled[0]}/body")["why"]


def test_bodies_are_masked_again(api: Api, store: Store, filled: list[str]) -> None:
    store.put_body(filled[0], "upstream_response", SECRETS[2].encode(), [("x-echo", SECRETS[2])])
    store.put_body(filled[0], "client_response", b"\xff\xfe")
    store.flush()
    sides = api.get(f"/api/requests/{filled[0]}/body")["sides"]
    assert sides["upstream_response"]["text"] == "0123…MNOP"
    assert sides["upstream_response"]["headers"] == [["x-echo", "0123…MNOP"]]
    assert sides["client_response"]["base64"] == "//4="


def test_bodies_can_be_deleted(api: Api, filled: list[str]) -> None:
    assert api.do("DELETE", "/api/bodies") == {"deleted": 2}
    assert api.get(f"/api/requests/{filled[-1]}/body")["sides"] == {}


# ---- files -----------------------------------------------------------------------------------------------------------
def test_csv(api: Api, filled: list[str]) -> None:
    answer = api("GET", "/api/requests?format=csv&limit=1000")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="requests.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 302 and rows[-1]["id"] == filled[0]


def test_jsonl(api: Api, filled: list[str]) -> None:
    lines = api("GET", "/api/requests?format=jsonl&q=state:failed&limit=3").text.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["failed"] * 3


def test_har(api: Api, filled: list[str]) -> None:
    log = json.loads(api("GET", "/api/requests?format=har&limit=5").text)["log"]
    assert log["version"] == "1.2" and len(log["entries"]) == 5
    entry = api.get(f"/api/requests/{filled[-1]}?format=har")["log"]["entries"][0]
    assert "claude-opus-4-7" in entry["request"]["postData"]["text"]
    assert "Hello!" in entry["response"]["content"]["text"]
    assert entry["time"] == pytest.approx(sum(entry["timings"].values()))


# ---- replay ----------------------------------------------------------------------------------------------------------
def request_with_body(store: Store, **more: Any) -> str:
    row = {"id": "r1", "started_at": 1, "state": "ok", "kind": "messages", "operation": "generate", "model": "opus"}
    store.put_request({**row, **more})
    headers = [("Content-Type", "application/json"), ("Anthropic-Version", "2023-06-01"), ("X-Api-Key", "never")]
    store.put_body("r1", "client_request", b'{"model": "opus"}', headers, more.get("truncated", False))
    store.flush()
    return "r1"


def test_replay(api: Api, store: Store, gateway: list[Any]) -> None:
    id = request_with_body(store, route_prefix="kimi")
    found = api.do("POST", f"/api/requests/{id}/replay", {"channel": "backup"})
    assert (found["status"], found["request_id"], found["replay_of"]) == (200, "01a2-new", "r1")
    url, headers, body = gateway[0]
    assert (url, body) == ("http://127.0.0.1:3000/kimi/v1/messages", b'{"model": "opus"}')
    assert headers == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": PROXY_KEY,
        "x-ccx-test": "the-test-secret",
        "x-ccx-channel": "backup",
    }


@pytest.mark.parametrize(
    ("row", "path"),
    [
        pytest.param({"kind": "chat"}, "/v1/chat/completions", id="chat"),
        pytest.param(
            {"kind": "gemini", "stream": 1}, "/v1beta/models/opus:streamGenerateContent?alt=sse", id="Gemini stream"
        ),
        pytest.param({"kind": "gemini", "model": "a/b"}, "/v1beta/models/a%2Fb:generateContent", id="Gemini"),
        pytest.param({"operation": "count_tokens"}, "/v1/messages/count_tokens", id="count"),
        pytest.param({"kind": "images", "operation": "image_edit"}, "/v1/images/edits", id="image edit"),
    ],
)
def test_replay_path(api: Api, store: Store, gateway: list[Any], row: dict[str, Any], path: str) -> None:
    api.do("POST", f"/api/requests/{request_with_body(store, **row)}/replay", {})
    assert gateway[0][0] == f"http://127.0.0.1:3000{path}"


def test_no_replay_without_a_whole_body(api: Api, store: Store, gateway: list[Any], filled: list[str]) -> None:
    found = api.do("POST", f"/api/requests/{filled[0]}/replay", {}, 409)
    assert "not captured" in found["detail"]
    found = api.do("POST", f"/api/requests/{request_with_body(store, truncated=True)}/replay", {}, 409)
    assert "max_kb" in found["detail"]
    assert gateway == []


def test_no_replay_without_a_gateway(api: Api, store: Store) -> None:
    assert api.do("POST", f"/api/requests/{request_with_body(store)}/replay", {}, 409)["title"] == "No gateway"


def test_histogram(api: Api, filled: list[str]) -> None:
    found = api.get("/api/requests/histogram?buckets=24")
    counts = [bucket["ok"] + bucket["failover"] + bucket["left"] + bucket["failed"] for bucket in found["buckets"]]
    assert sum(counts) == 300
    assert api("GET", "/api/requests/histogram?start=5&end=5").status_code == 422
