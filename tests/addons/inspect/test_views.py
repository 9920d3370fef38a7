import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import contentviews, http
from mitmproxy.test import tflow

from ccx_addons.auth import original
from ccx_addons.core.config import Snapshot
from ccx_addons.core.exchange import Decision, Exchange
from ccx_addons.core.neutral import Fault, Loss, Usage
from ccx_addons.core.settings import Settings
from ccx_addons.inspect import KEY, Inspect
from ccx_addons.inspect.held import UPSTREAM_KEY
from ccx_addons.inspect.views import (
    VIEWS,
    WIDTH,
    AnswerView,
    CcxView,
    RequestView,
    RouteView,
    register,
    waterfall,
    wrapped,
)
from ccx_addons.io.store import Store
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import attach
from tests.addons.values import attempted, channel, exchange

MAIN, BACKUP = channel("main", "messages"), channel("backup", "chat", ("messages",))
ANSWER = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "opus", "stop_reason": "tool_use",
    "content": [
        {"type": "thinking", "thinking": "Let me see.", "signature": "s"},
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
    ],
    "usage": {"input_tokens": 5, "output_tokens": 7},
}  # fmt: skip
REQUEST = {
    "model": "opus", "max_tokens": 64, "temperature": 0.5,
    "system": "S" * 1000,
    "tools": [{"name": "weather", "description": "d", "input_schema": {"type": "object"}}],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "T" * 5000},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 4096}},
        ]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "R" * 2000}]},
    ],
}  # fmt: skip


class NoFlows:
    def add(self, flows: Any) -> None: ...
    def update(self, flows: Any) -> None: ...
    def remove(self, flows: Any) -> None: ...


@pytest.fixture(scope="module")
def inspect(tmp_path_factory: pytest.TempPathFactory) -> Inspect:
    folder: Path = tmp_path_factory.mktemp("views")
    return Inspect(Runtime(Settings(), Snapshot("r", 0), Store(folder / "ccx.db"), boot_id="boot"), NoFlows())


def finished(inspect: Inspect, x: Exchange, answer: Any = ANSWER, request: Any = REQUEST) -> http.HTTPFlow:
    flow = tflow.tflow(resp=True)
    attach(flow, x)
    x.raw = json.dumps(REQUEST).encode()
    assert flow.response
    flow.request.raw_content = json.dumps(request).encode()
    flow.response.raw_content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    inspect.request(flow)
    inspect.response(flow)
    return flow


def answered(**more: Any) -> Exchange:
    x = exchange("messages", MAIN, BACKUP, model="opus")
    attempted(x, MAIN, "ok", 200, "answered")
    x.state, x.status, x.closed, x.ended_at, x.usage = "ok", 200, True, x.clock + 1.9, Usage(12_000, 800, 9_000)
    for name, value in more.items():
        setattr(x, name, value)
    return x


def show(view: CcxView, flow: http.HTTPFlow, message: http.Message | None) -> str:
    assert message
    return view.prettify(message.content or b"", contentviews.Metadata(flow=flow, http_message=message))


def test_answer(inspect: Inspect) -> None:
    flow = finished(inspect, answered())
    lines = show(AnswerView(), flow, flow.response).splitlines()
    assert lines[0] == "opus · stop: tool_call"
    assert lines[1:4] == ["[thinking]", "Let me see.", "Hello"]
    assert lines[4:9] == ["[call weather toolu_1]", "{", '  "city": "Oslo"', "}", ""]
    assert lines[10:] == ["tokens     12000 tokens in (9000 cached), 800 out"]


@pytest.mark.parametrize(
    ("state", "expected", "missing"),
    [
        pytest.param("running", "no end yet", "✗", id="still growing"),
        pytest.param("failed", "✗ ", "no end yet", id="broken off"),
    ],
)
def test_a_stream_without_its_end(inspect: Inspect, state: str, expected: str, missing: str) -> None:
    start = {"type": "message_start", "message": {**ANSWER, "content": [], "stop_reason": None}}
    stream = f"event: message_start\ndata: {json.dumps(start)}\n\n".encode()
    flow = finished(inspect, answered(state=state, stream=True), stream)
    text = show(AnswerView(), flow, flow.response)
    assert (expected in text and missing not in text and "events     1" in text) or "events     2" in text


def test_an_error_answer_is_on_top(inspect: Inspect) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    flow = finished(inspect, answered(state="failed", status=529), error)
    assert show(AnswerView(), flow, flow.response).startswith("✗ Overloaded\n")


def test_request_folds_what_is_long(inspect: Inspect) -> None:
    flow = finished(inspect, answered())
    text = show(RequestView(), flow, flow.request)
    assert text.splitlines()[0] == "messages · opus · max_tokens=64 · temperature=0.5"
    assert "1 tools: weather" in text
    assert max(map(len, text.splitlines())) <= WIDTH, "lines go on in the next one"
    whole = text.replace("\n", "")
    assert "S" * 600 in whole and "S" * 601 not in whole and "400characters more" in whole.replace("400 c", "400c")
    assert "T" * 5000 in whole
    assert "R" * 1500 in whole and "R" * 1501 not in whole and "500characters more" in whole.replace("500 c", "500c")
    assert "[media image/png 3 KB]" in text and "AAAA" not in text
    assert [line[3:].split()[0] for line in text.splitlines() if line.startswith("──")] == [
        "question", "user", "assistant", "tool", "system",
    ]  # fmt: skip


def test_the_question_is_the_persons_last_words(inspect: Inspect) -> None:
    turns = [
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "Well"},
        {"role": "user", "content": [
            {"type": "text", "text": "<system-reminder>x</system-reminder>"}, {"type": "text", "text": "And now?"},
        ]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "R"}]},
    ]  # fmt: skip
    flow = finished(inspect, answered(), request={**REQUEST, "messages": turns})
    lines = show(RequestView(), flow, flow.request).splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("── question"))
    assert lines[at + 1 : at + 3] == ["And now?", ""]


def test_a_converted_request_is_in_the_upstreams_words(inspect: Inspect) -> None:
    x = answered()
    x.attempts.clear()
    attempted(x, BACKUP, "ok", 200, model="glm-5").converted = True
    sent = {"model": "glm-5", "messages": [{"role": "user", "content": "hi"}]}
    flow = finished(inspect, x, request=sent)
    assert show(RequestView(), flow, flow.request).startswith("chat · glm-5\n\n── user ─")


def test_route(inspect: Inspect) -> None:
    x = answered(fault=Fault("rate_limit", "slow down", 429), losses=[Loss("top_k", "Chat has none")])
    x.attempts.clear()
    attempted(x, MAIN, "status", 429, "rate limited")
    attempted(x, BACKUP, "ok", 200, "answered", "glm-5").converted = True
    x.decisions = (
        Decision("id_main", "main", "by_priority", True, "place 1"),
        Decision("id_old", "old", "active", False, "is suspended"),
        Decision("", "all others", "others", False, "7 more"),
    )
    x.headers = (("user-agent", "me"),)
    flow = finished(inspect, x)
    flow.metadata[UPSTREAM_KEY] = {"body": b'{"object":"chat.completion"}'}
    text = show(RouteView(), flow, flow.request)
    for line in (
        "x1",
        "client     alice",
        "asked      messages generate",
        "state      ok",
        "status     200",
        "time       1.9 s",
        "tokens     12000 tokens in (9000 cached), 800 out",
        "model      opus",
        "upstream   glm-5",
        "converted  messages → chat",
        "   then       next_channel: rate limited",
        "· all others: others: 7 more",
        "✗ rate_limit: slow down",
        "top_k: Chat has none",
        "POST /v1/messages",
        "user-agent: me",
        '  "object": "chat.completion"',
    ):
        assert line in text.splitlines() or line in text, line
    assert "1  main  ✗ 429 status" in text and "2  backup  ✓ 200" in text
    assert "✓ main: by_priority: place 1" in text and "✗ old: active: is suspended" in text
    assert MAIN.keys[0].secret not in text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, "░" * 4 + "▒" * 16 + "▓" * 20, id="the whole"),
        pytest.param({"started_at": 1500, "total_ms": 500.0}, " " * 20 + "░" * 4 + "▒" * 16, id="the second half"),
        pytest.param({"ttfb_ms": None}, "░" * 4 + "▒" * 36, id="never answered"),
        pytest.param({"total_ms": 0.0, "connect_ms": None, "ttfb_ms": None}, "▓" + " " * 39, id="at once"),
        pytest.param({"total_ms": None}, "░" * 4 + "▒" * 16 + "▓" * 20, id="under way"),
    ],
)
def test_waterfall(given: dict[str, Any], expected: str) -> None:
    row = {"started_at": 1000, "total_ms": 1000.0, "connect_ms": 100.0, "tls_ms": None, "ttfb_ms": 500.0, **given}
    assert waterfall(row, 1000, 1000.0) == f"│{expected}│"


@pytest.mark.parametrize("text", ["a" * 300, "word " * 100, "    " + "deep " * 60, "", "a\n\nb", "\t" * 200])
def test_no_line_is_too_long_and_no_word_is_lost(text: str) -> None:
    lines = list(wrapped(text))
    assert all(len(line) <= WIDTH for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_flow_of_nobody_has_no_route() -> None:
    flow = tflow.tflow()
    assert "did not pass" in show(RouteView(), flow, flow.request)


def test_mitmproxy_chooses_ours_for_our_flows_only(inspect: Inspect) -> None:
    register()
    flow, foreign = finished(inspect, answered()), tflow.tflow(resp=True)
    chosen = {
        (name, found is flow): contentviews.registry.get_view(
            b"{}", contentviews.Metadata(flow=found, http_message=getattr(found, name), content_type="application/json")
        ).name
        for found in (flow, foreign)
        for name in ("request", "response")
    }
    assert chosen["request", True] == "CCX request" and chosen["response", True] == "CCX answer"
    assert not {chosen["request", False], chosen["response", False]} & {view.name for view in VIEWS}


@given(data=st.binary(max_size=300), kind=st.sampled_from(["messages", "chat", "embeddings"]))
def test_any_bytes_are_shown(inspect: Inspect, data: bytes, kind: Any) -> None:
    x = answered()
    x.ask(exchange(kind).match)
    flow = finished(inspect, x, data)
    flow.request.raw_content = data
    for view in VIEWS:
        for message in (flow.request, flow.response):
            assert message and view().prettify(data, contentviews.Metadata(flow=flow, http_message=message))
    del flow.metadata[KEY], flow.metadata[original.KEY]
    for view in VIEWS:
        assert view().prettify(data, contentviews.Metadata(flow=flow, http_message=flow.request))
