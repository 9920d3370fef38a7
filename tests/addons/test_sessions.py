import json
from typing import Any

import pytest

from ccx_addons.core import endpoints
from ccx_addons.core.config import Client, Snapshot
from ccx_addons.core.errors import UnknownResponse
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.wire_json import JsonBody, dumps
from ccx_addons.sessions import IN_MEMORY, LIFE, MAX_ITEMS, MAX_MEMORY, Sessions, Stored, remembered, trimmed
from ccx_addons.translate import continued
from tests.addons.flows import flow
from tests.addons.values import attempted, channel

WHERE = channel("a", "chat", ("responses",))
ANSWER = {"id": "resp_1", "output": [{"type": "message", "role": "assistant", "content": []}]}


def exchange(stream: bool = False, **body: Any) -> Exchange:
    x = Exchange("id", 0, 0, Snapshot("r", 0), "POST", "/v1/responses", "", (), stream=stream)
    x.body = JsonBody.parse(json.dumps({"model": "m", **body}).encode())
    x.client = Client("alice", "")
    return x


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("hi", [{"role": "user", "content": "hi"}]),
        ([{"role": "user", "content": "a"}], [{"role": "user", "content": "a"}]),
    ],
    ids=["text", "items"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_history_input_and_output_are_remembered(given: Any, asked: Any, stream: bool) -> None:
    x = exchange(stream, input=given)
    x.history = [{"role": "user", "content": "before"}]
    answer = json.dumps(ANSWER).encode()
    if stream:
        event = {"type": "response.completed", "response": ANSWER}
        before = 'data: {"type":"response.output_item.done"}\n\n'
        answer = f"{before}event: response.completed\ndata: {json.dumps(event)}\n\n".encode()
    items = [*x.history, *asked, *ANSWER["output"]]
    for converted, kept in ((True, dumps(ANSWER).decode()), (False, "")):
        attempted(x, WHERE, None).converted = converted
        stored = Stored("alice", WHERE.id, "", items, 5.0 + LIFE, kept)
        assert remembered(x, answer, 5.0) == ("resp_1", stored, json.dumps(items))


@pytest.mark.parametrize("answer", [b"", b"{}", b"not json", b"data: {}\n\n", b'{"id": 7}'])
def test_no_answer_is_not_remembered(answer: bytes) -> None:
    x = exchange(input="x")
    attempted(x, WHERE, None)
    assert remembered(x, answer, 5.0) is None


def test_what_is_left_never_begins_with_an_orphan() -> None:
    turn = [
        {"type": "function_call", "call_id": "c", "name": "f"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
        {"role": "user", "content": "x"},
    ]
    items = [{**item, "call_id": f"c{n}"} if "call_id" in item else item for n in range(100) for item in turn]
    kept = trimmed(items)
    assert len(kept) <= MAX_ITEMS and kept[-1] == items[-1]
    calls = set()
    for item in kept:
        if item.get("type") == "function_call":
            calls.add(item["call_id"])
        elif item.get("type") == "function_call_output":
            assert item["call_id"] in calls


def test_memory_is_bounded_by_count_and_by_size() -> None:
    sessions = Sessions(None)  # type: ignore[arg-type]  # nothing of it is asked here
    stored = Stored("alice", "ch_1", "", [], 9e12)
    for n in range(IN_MEMORY + 3):
        sessions.remember(f"r{n}", stored, 10)
    assert len(sessions.recent) == IN_MEMORY and sessions.size == 10 * IN_MEMORY and "r2" not in sessions.recent
    sessions.remember("large", stored, MAX_MEMORY - 25)
    assert list(sessions.recent) == [f"r{IN_MEMORY + 1}", f"r{IN_MEMORY + 2}", "large"]
    sessions.remember("larger", stored, MAX_MEMORY * 2)
    assert list(sessions.recent) == ["larger"], "the newest is always kept"
    sessions.remember("larger", stored, 1)
    sessions.forget("larger")
    sessions.forget("nobody")
    assert (sessions.size, sessions.sizes, len(sessions.recent)) == (0, {}, 0)


def test_short_histories_stay_whole() -> None:
    items = [{"role": "user", "content": "x"}] * 3
    assert trimmed(items) == items


@pytest.mark.parametrize(
    ("client", "expires", "taken"), [("alice", 9e12, True), ("bob", 9e12, False), ("alice", 1.0, False)]
)
def test_only_the_same_client_continues_and_only_for_a_day(client: str, expires: float, taken: bool) -> None:
    x = exchange(input="x", previous_response_id="resp_1")
    stored = Stored(client, "ch_1", "trace", [{"role": "user", "content": "before"}], expires)
    request = flow(x=x)
    Sessions.take(Sessions.__new__(Sessions), request, x, "resp_1", stored)
    assert (x.history, x.home, x.trace) == ((stored.items, "ch_1", "trace") if taken else (None, "", ""))
    assert (request.response.status_code if request.response else None) == (404 if client == "bob" else None)


@pytest.mark.parametrize(
    ("operation", "answer", "status", "body"),
    [
        pytest.param("get", '{"id":"resp_1"}', 200, b'{"id":"resp_1"}', id="kept here"),
        pytest.param("get", "", None, b"", id="kept by the upstream"),
        pytest.param("delete", "{}", 200, b'{"id":"resp_1","object":"response","deleted":true}', id="deleted here"),
        pytest.param("delete", "", None, b"", id="deleted there"),
    ],
)
def test_stored_answers(operation: str, answer: str, status: int | None, body: bytes) -> None:
    x = exchange()
    x.body = None
    x.match = endpoints.find({"get": "GET"}.get(operation, "DELETE"), "/v1/responses/resp_1")
    request = flow(x=x)
    stored = Stored("alice", "ch_1", "trace", [], 9e12, answer)
    Sessions.take(Sessions.__new__(Sessions), request, x, "resp_1", stored)
    found = request.response
    assert (found.status_code if found else None, found.raw_content if found else b"") == (status, body)
    assert x.home == "ch_1"


def test_the_input_is_continued() -> None:
    x = exchange(input="now", previous_response_id="resp_1")
    assert x.body
    with pytest.raises(UnknownResponse):
        continued(x, x.body.members)
    x.history = [{"role": "user", "content": "before"}]
    members = continued(x, x.body.members)
    assert [item["content"] for item in members["input"]] == ["before", "now"] and "previous_response_id" not in members
