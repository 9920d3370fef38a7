import asyncio
import json
import random
from contextlib import closing
from typing import Any

import pytest
from mitmproxy import http

from ccx_addons import sessions as module
from ccx_addons.convert.translate import continued
from ccx_addons.core import endpoints
from ccx_addons.core.config import Client, Snapshot
from ccx_addons.core.errors import StoreError, UnknownResponse
from ccx_addons.core.exchange import NOWHERE, Exchange, Seat
from ccx_addons.core.wire_json import JsonBody, dumps
from ccx_addons.io.follow import connect
from ccx_addons.io.store import Store
from ccx_addons.processes.runtime import Runtime
from ccx_addons.scheduler.state import NEVER
from ccx_addons.sessions import (
    IN_MEMORY,
    KEPT,
    LIFE,
    MAX_ITEMS,
    MAX_MEMORY,
    Sessions,
    Stored,
    load,
    remembered,
    trimmed,
)
from tests.addons.flows import flow
from tests.addons.values import attempted, channel

SEAT = Seat("ch_1", "k_1", 0)
WHERE = channel("a", "chat", ("responses",))
ANSWER = {"id": "resp_1", "output": [{"id": "msg_1", "type": "message", "role": "assistant", "content": []}]}


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
    seat = Seat(WHERE.id, WHERE.keys[0].id, NEVER)
    row = {"client": "alice", "channel_id": seat[0], "key_id": seat[1]}
    answer_row = {**row, "id": "resp_1", "expires": int((5.0 + KEPT) * 1000), "answer": ""}
    item_row = {**row, "id": "msg_1", "answer": "resp_1"}
    own = [answer_row, {**item_row, "expires": int((5.0 + KEPT) * 1000)}]
    ours = [{**item_row, "expires": int((5.0 + LIFE) * 1000)}]
    for converted, kept, ids in ((True, dumps(ANSWER).decode(), ours), (False, "", own)):
        attempted(x, WHERE, None).converted = converted
        stored = Stored("alice", seat, "", items, 5.0 + LIFE, kept)
        assert remembered(x, answer, 5.0) == ("resp_1", stored, json.dumps(items), ids)


@pytest.mark.parametrize("answer", [b"", b"{}", b"not json", b"data: {}\n\n", b'{"id": 7}', b'{"id": "../x"}'])
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
    stored = Stored("alice", SEAT, "", [], 9e12)
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
    stored = Stored(client, SEAT, "trace", [{"role": "user", "content": "before"}], expires)
    request = flow(x=x)
    Sessions.take(Sessions.__new__(Sessions), request, x, "resp_1", stored)
    assert (x.history, x.home, x.trace) == ((stored.items, SEAT, "trace") if taken else (None, NOWHERE, ""))
    assert (request.response.status_code if request.response else None) == (None if taken else 404)


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
    x.ask(endpoints.find({"get": "GET"}.get(operation, "DELETE"), "/v1/responses/resp_1"))
    request = flow(x=x)
    stored = Stored("alice", SEAT, "trace", [], 9e12, answer)
    Sessions.take(Sessions.__new__(Sessions), request, x, "resp_1", stored)
    found = request.response
    assert (found.status_code if found else None, found.raw_content if found else b"") == (status, body)
    assert x.home == SEAT


# ---- whose is it? ----------------------------------------------------------------------------------------------------
def put(runtime: Runtime, id: str, client: str, expires: float = 9e9) -> None:
    row = {"id": id, "client": client, "channel_id": "ch_native", "expires": int(expires * 1000)}
    runtime.store.put_issued([row])
    runtime.store.flush()


def asks(runtime: Runtime, x: Exchange, sessions: Sessions | None = None) -> tuple[int, str]:
    """The status, and the message of a refusal; 0: it goes on."""
    x.ask(x.match or endpoints.find("POST", "/v1/responses"))
    request = flow(x=x)
    rest = (sessions or Sessions(runtime)).request(request)
    if rest is not None:

        async def wait() -> None:
            await rest

        asyncio.run(wait())
    if request.response is None:
        return 0, ""
    said = json.loads(request.response.content or b"")
    return request.response.status_code, said["error"]["message"] if "error" in said else ""


REFERENCE = {"type": "item_reference", "id": "msg_1"}
NAMED = [
    pytest.param({"previous_response_id": "resp_1"}, {"resp_1"}, id="an answer"),
    pytest.param({"input": [REFERENCE]}, {"msg_1"}, id="an item"),
    pytest.param({"input": [{"id": "msg_1"}]}, {"msg_1"}, id="an item without a type"),
    pytest.param({"input": [REFERENCE], "previous_response_id": "resp_1"}, {"msg_1", "resp_1"}, id="both"),
]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRIES", (0.0,))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("body", "ids"), NAMED)
def test_only_what_was_handed_to_this_client_goes_upstream(
    runtime: Runtime, body: dict[str, Any], ids: set[str]
) -> None:
    assert asks(runtime, exchange(**body))[0] == 404, "nobody's"
    for id in ids:
        put(runtime, id, "bob")
    assert asks(runtime, exchange(**body))[0] == 404, "another client's"
    for id in ids:
        put(runtime, id, "alice", expires=1.0)
    assert asks(runtime, exchange(**body))[0] == 404, "too old"
    for id in sorted(ids):
        assert asks(runtime, exchange(**body))[0] == 404, "not all of them"
        put(runtime, id, "alice")
    x = exchange(**body)
    assert asks(runtime, x) == (0, "") and x.home.channel_id == "ch_native" and x.history is None
    with pytest.raises(UnknownResponse):
        continued(x, {"previous_response_id": "resp_1"})


@pytest.mark.parametrize("here", [True, False], ids=["this worker", "another one"])
def test_what_is_deleted_is_gone_at_once(runtime: Runtime, here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row may be in the log for a moment more."""
    put(runtime, "resp_1", "alice")
    monkeypatch.setattr(runtime.store, "remove", lambda table, key: None)
    sessions, x = Sessions(runtime), exchange()
    assert asks(runtime, exchange(previous_response_id="resp_1"), sessions) == (0, "")
    if here:
        x.ask(endpoints.find("DELETE", "/v1/responses/resp_1"))
        over = flow(x=x)
        over.response = http.Response.make(200)
        sessions.response(over)
    else:
        runtime.forgotten.append("resp_1")
    assert asks(runtime, exchange(previous_response_id="resp_1"), sessions)[0] == 404


class Two:
    """Workers on one database. ``lives``: answers, and the items that each has with those before it; ``told``: what a
    worker has still to hear of as deleted."""

    def __init__(self, workers: list[Runtime]) -> None:
        self.workers, self.both = workers, [Sessions(worker) for worker in workers]
        self.lives: dict[str, list[str]] = {}
        self.gone: list[str] = []
        self.told: list[list[str]] = [[], []]

    def ask(self, who: int, method: str, id: str, client: str = "alice", previous: str = "") -> tuple[int, Exchange]:
        more: dict[str, Any] = {"previous_response_id": previous} if previous else {}
        x = exchange(input="x", **more)
        x.client = Client(client, "")
        x.ask(endpoints.find(method, f"/v1/responses/{id}" if id else "/v1/responses"))
        x.body = None if id else x.body
        return (asks(self.workers[who], x, self.both[who])[0], x)

    def create(self, who: int, id: str, previous: str = "") -> None:
        status, x = self.ask(who, "POST", "", previous=previous)
        assert status == 0
        attempted(x, WHERE, None).converted = True
        answer = {"id": id, "output": [{"id": f"msg_{id}", "type": "message", "content": []}]}
        asyncio.run(self.both[who].keep(x, dumps(answer)))
        self.lives[id] = [*self.lives.get(previous, ()), f"msg_{id}"]

    def get(self, who: int, id: str) -> None:
        status, x = self.ask(who, "GET", id)
        assert status == (200 if id in self.lives else 404)
        assert [item["id"] for item in x.history or () if "id" in item] == self.lives.get(id, [])
        assert self.ask(who, "POST", "", previous=id)[0] == (0 if id in self.lives else 404)

    def delete(self, who: int, id: str) -> None:
        status, x = self.ask(who, "DELETE", id)
        assert status == (200 if id in self.lives else 404)
        if status == 200:
            over = flow(x=x)
            over.response = http.Response.make(200)
            self.both[who].response(over)
            del self.lives[id]
            self.gone.append(id)
            self.told[1 - who].append(id)

    def hear(self, who: int) -> None:
        self.workers[who].forgotten += self.told[who]
        self.told[who].clear()


@pytest.mark.usefixtures("impatient")
def test_two_workers_that_create_ask_continue_and_delete(runtime: Runtime) -> None:
    """In any order, and wherever: what was deleted is gone where that was asked at once, elsewhere as soon as it is
    heard of, and for other clients nothing is ever there."""
    dice, store = random.Random(5), Store.open(runtime.store.path, boot_id="boot", worker=1)
    two = Two([runtime, Runtime(runtime.settings, runtime.snapshot, store, worker=1, boot_id="boot")])
    for worker in two.workers:
        worker.meeting.shared = True
    for n in range(90):
        who, id = dice.randrange(2), dice.choice([*two.lives, *two.gone, "resp_none"])
        match dice.choice(["create", "continue", "ask", "ask", "delete", "stranger", "hear"]):
            case "create":
                two.create(who, f"resp_{n}")
            case "continue" if id in two.lives:
                two.create(who, f"resp_{n}", id)
            case "stranger":
                assert two.ask(who, dice.choice(["GET", "DELETE"]), id, "bob")[0] == 404
            case "hear":
                two.hear(who)
            case _ if id in two.told[who]:
                """What it answers now depends on what it remembers."""
            case "delete":
                two.delete(who, id)
            case "ask":
                two.get(who, id)
        assert all(worker.store.flush() for worker in two.workers)
    assert len(two.gone) > 4
    with closing(connect(store.path)) as conn:
        orders = [json.loads(row["args"])["id"] for row in conn.execute("SELECT args FROM commands")]
    assert sorted(orders) == sorted(two.gone), "each is told, whatever says that there are others"
    store.close()


def test_an_id_that_an_upstream_gives_again(runtime: Runtime) -> None:
    """After the first answer of that id was deleted, while the second is being kept."""
    sessions = Sessions(runtime)
    runtime.forgotten.append("resp_1")

    async def kept() -> None:
        await asyncio.sleep(0.05)
        sessions.remember("resp_1", Stored("alice", SEAT, "", [], 9e12), 0)

    async def ask() -> None:
        x = exchange(previous_response_id="resp_1")
        x.ask(endpoints.find("POST", "/v1/responses"))
        task = asyncio.create_task(kept())
        sessions.tasks.add(task)
        task.add_done_callback(sessions.tasks.discard)
        request = flow(x=x)
        if rest := sessions.request(request):
            await rest
        assert request.response is None and x.home == SEAT

    asyncio.run(ask())


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("converted", [True, False], ids=["converted", "native"])
def test_items_are_named_that_a_remembered_answer_has(runtime: Runtime, converted: bool) -> None:
    """As the AI SDK does with thoughts, where nothing says ``store: false``."""
    thought = {"id": "rs_1", "type": "reasoning", "summary": []}
    said = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    first = exchange(input="a question")
    first.ask(endpoints.find("POST", "/v1/responses"))
    attempted(first, WHERE, None).converted = converted

    async def kept(x: Exchange, answer: dict[str, Any]) -> None:
        await Sessions(runtime).keep(x, dumps(answer))

    asyncio.run(kept(first, {"id": "resp_1", "output": [thought, said]}))
    runtime.store.flush()
    named = [{"role": "user", "content": "a question"}, REFERENCE, {"type": "item_reference", "id": "rs_1"}]
    second = exchange(input=named)
    assert asks(runtime, second) == (0, "") and second.home[:2] == (WHERE.id, WHERE.keys[0].id)
    assert {id: one.item for id, one in second.named.items()} == {"rs_1": thought, "msg_1": said}
    assert second.body and continued(second, second.body.members)["input"] == [named[0], said, thought]
    attempted(second, WHERE, None).converted = converted
    asyncio.run(kept(second, {"id": "resp_2", "output": []}))
    runtime.store.flush()
    assert load(runtime.store, "resp_2", "alice").items == [named[0], said, thought], "kept as they are"  # type: ignore[union-attr]
    stranger = exchange(input=named)
    stranger.client = Client("bob", "")
    assert asks(runtime, stranger) == (404, "Item with id 'msg_1' not found.")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "body",
    [
        {"previous_response_id": "../models"},
        {"previous_response_id": "resp_1?model=x"},
        {"input": [{"type": "item_reference", "id": "a/b"}]},
        {"input": [{"type": "item_reference"}]},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
    ],
)
def test_what_cannot_have_been_handed_out(runtime: Runtime, body: dict[str, Any]) -> None:
    assert asks(runtime, exchange(**body))[0] == 404


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("path", ["resp_9", "resp%2F..%2F..%2Fmodels", "..", "resp_9%3Fx"])
def test_paths_of_answers_that_nobody_has(runtime: Runtime, method: str, path: str) -> None:
    x = exchange()
    x.body = None
    x.ask(endpoints.find(method, f"/v1/responses/{path}"))
    assert x.match and asks(runtime, x)[0] == 404


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("converted", "store", "status"), [(False, None, 0), (False, True, 0), (False, False, 404), (True, None, 404)]
)
def test_a_stream_that_is_left_early_may_be_asked_for(
    runtime: Runtime, converted: bool, store: bool | None, status: int
) -> None:
    x = exchange(True, input="x", **({} if store is None else {"store": store}))
    x.ask(endpoints.find("POST", "/v1/responses"))
    x.committed = True
    x.opening = b'data: {"type":"response.created","response":{"id":"resp_7"}}\n\n'
    attempted(x, WHERE, None).converted = converted
    Sessions(runtime).responseheaders(flow(x=x))
    runtime.store.flush()
    assert asks(runtime, later := exchange(previous_response_id="resp_7"))[0] == status
    assert later.home.channel_id == ("" if status else WHERE.id)


def test_an_answer_that_another_worker_is_just_writing(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    def late(store: Any, id: str, client: str) -> Stored | None:
        looks.append(id)
        return Stored(client, Seat("ch_native", "", 0), "", None, 9e12) if len(looks) == 3 else None

    monkeypatch.setattr(module, "load", late)
    monkeypatch.setattr(module, "TRIES", (0.0,) * 4)
    assert asks(runtime, exchange(previous_response_id="resp_1")) == (0, "") and len(looks) == 3


def test_without_the_database_nothing_goes_on(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.store, "rows", broken)
    assert asks(runtime, exchange(previous_response_id="resp_1"))[0] == 503
    assert asks(runtime, exchange(input=[REFERENCE]))[0] == 503


def broken(*_: Any) -> Any:
    raise StoreError("the disk is gone")


def test_the_input_is_continued() -> None:
    x = exchange(input="now", previous_response_id="resp_1")
    assert x.body
    with pytest.raises(UnknownResponse):
        continued(x, x.body.members)
    x.history = [{"role": "user", "content": "before"}]
    members = continued(x, x.body.members)
    assert [item["content"] for item in members["input"]] == ["before", "now"] and "previous_response_id" not in members
