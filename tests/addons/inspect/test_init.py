import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import flow as mflow
from mitmproxy import http
from mitmproxy.io import tnetstring
from mitmproxy.test import tflow, tutils

from ccx_addons.auth import original
from ccx_addons.core.config import Snapshot
from ccx_addons.core.exchange import Exchange, Tap
from ccx_addons.core.neutral import Usage
from ccx_addons.core.settings import Settings
from ccx_addons.inspect import KEY, Edits, Inspect, Listed, comment, seconds, thousands
from ccx_addons.inspect.held import UPSTREAM_KEY
from ccx_addons.io.store import Store
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import attach
from tests.addons.values import attempted, channel, exchange

MAIN, BACKUP = channel("main"), channel("backup")


class Flows:
    """Stands for mitmproxy's list."""

    def __init__(self) -> None:
        self.changed: list[mflow.Flow] = []
        self.removed: list[mflow.Flow] = []
        self.added: list[mflow.Flow] = []

    def add(self, flows: Sequence[mflow.Flow]) -> None:
        self.added += flows

    def update(self, flows: Sequence[mflow.Flow]) -> None:
        self.changed += flows

    def remove(self, flows: Sequence[mflow.Flow]) -> None:
        self.removed += flows


def test_flows_of_a_chain_of_their_own_are_listed() -> None:
    flows, flow = Flows(), tflow.tflow()
    listed = Listed(flows)
    listed.request(flow)
    listed.response(flow)
    listed.error(flow)
    assert (flows.added, flows.changed) == ([flow], [flow, flow])


@pytest.fixture
def inspect(tmp_path: Path) -> Iterator[Inspect]:
    store = Store.open(tmp_path / "ccx.db")
    yield Inspect(Runtime(Settings(), Snapshot("r", 0), store, boot_id="boot"), Flows())
    store.close()


def begun(**more: Any) -> tuple[http.HTTPFlow, Exchange]:
    flow, x = tflow.tflow(), exchange("chat", MAIN, BACKUP, model="opus")
    x.raw = b'{"model":"opus"}'
    for name, value in more.items():
        setattr(x, name, value)
    attach(flow, x)
    return flow, x


def end(flow: http.HTTPFlow, x: Exchange, state: Any = "ok", status: int = 200) -> None:
    flow.response = tutils.tresp(status_code=status, content=b"{}")
    x.state, x.status, x.closed, x.ended_at, x.usage = state, status, True, x.clock + 1.9, Usage(12_000, 800)


@pytest.mark.parametrize("operation", ["generate", "websocket"])
def test_a_request_that_went_nowhere_shows_no_key(inspect: Inspect, operation: str) -> None:
    flow, x = begun(operation=operation, client=None)
    sent = flow.request
    sent.path = "/v1/nothing?key=secret-1&a=b"
    for name in ("x-api-key", "Authorization", "sec-websocket-protocol", "x-ccx-key"):
        sent.headers[name] = "secret-2"
    end(flow, x, "failed", 401)
    inspect.response(flow)
    assert (flow.request is sent) is (operation == "websocket"), "the socket has not taken it over yet"
    inspect.look()
    assert flow.request.path == "/v1/nothing?a=b" and "secret" not in repr(flow.request.get_state())
    assert sent.headers["x-api-key"] == "secret-2", "the messages of a socket come with it"


def test_comment_marks_and_metadata_follow_the_exchange(inspect: Inspect) -> None:
    flow, x = begun()
    inspect.request(flow)
    assert flow.comment == "opus · queued"
    attempted(x, MAIN, None)
    x.phase = "waiting"
    inspect.upstream_attempt(flow)
    assert flow.comment == "main · opus · waiting"
    x.attempts.clear()
    attempted(x, MAIN, "status", 429, "rate limited")
    inspect.upstream_outcome(flow)
    attempted(x, BACKUP, "ok", 200, model="glm-5")
    end(flow, x)
    inspect.response(flow)
    assert flow.comment == "main▸backup · opus→glm-5 · 1.9 s · 12k/0.8k" and flow.marked == ":warning:"
    facts = flow.metadata[KEY]
    assert [(row["channel_name"], row["status"]) for row in facts["attempts"]] == [("main", 429), ("backup", 200)]
    assert facts["client_name"] == "alice" and facts["state"] == "ok"
    assert tnetstring.loads(tnetstring.dumps(facts)) == facts
    assert MAIN.keys[0].secret not in str(facts)


@pytest.mark.parametrize(
    ("state", "tries", "mark", "word"),
    [
        pytest.param("ok", 1, "", "", id="all well"),
        pytest.param("ok", 2, ":warning:", "", id="failover"),
        pytest.param("failed", 1, ":x:", "failed", id="failure"),
        pytest.param("client_left", 1, "", "client left", id="client left"),
    ],
)
def test_marks(inspect: Inspect, state: str, tries: int, mark: str, word: str) -> None:
    flow, x = begun()
    for n in range(tries):
        attempted(x, (MAIN, BACKUP)[n], "ok", 200)
    end(flow, x, state)
    (inspect.error if state == "client_left" else inspect.response)(flow)
    assert flow.marked == mark and word in flow.comment


def test_what_a_person_wrote_stays(inspect: Inspect) -> None:
    flow, x = begun()
    inspect.request(flow)
    flow.comment, flow.marked = "look here", ":eyes:"
    end(flow, x, "failed", 500)
    inspect.response(flow)
    assert (flow.comment, flow.marked) == ("look here", ":eyes:")


def test_a_replay_is_described_anew(inspect: Inspect) -> None:
    flow, x = begun()
    attempted(x, MAIN, "status", 500)
    end(flow, x, "failed", 500)
    inspect.response(flow)
    assert flow.marked == ":x:"
    flow.response = None
    x = exchange("chat", MAIN, model="opus")
    attach(flow, x)
    inspect.request(flow)
    attempted(x, BACKUP, "ok", 200)
    end(flow, x)
    inspect.response(flow)
    assert flow.comment == "backup · opus · 1.9 s · 12k/0.8k" and flow.marked == ""


def test_a_stream_grows(inspect: Inspect) -> None:
    flow, x = begun()
    inspect.request(flow)
    assert x.tap
    flow.response = tutils.tresp(content=None)
    x.committed, x.phase = True, "streaming"
    inspect.responseheaders(flow)
    x.tap.to_client(b"data: 1\n\n")
    inspect.look()
    assert flow.response.content == b"data: 1\n\n" and inspect.flows.changed == [flow]  # type: ignore[attr-defined]
    inspect.look()
    assert inspect.flows.changed == [flow]  # type: ignore[attr-defined]
    x.tap.to_client(b"data: 2\n\n")
    response = flow.response
    end(flow, x)
    flow.response = response
    inspect.response(flow)
    assert flow.response.content == b"data: 1\n\ndata: 2\n\n" and inspect.growing == {}


def test_the_policys_limit_for_bodies_holds(inspect: Inspect) -> None:
    flow, x = begun(tap=Tap(4))
    inspect.request(flow)
    assert x.tap and x.tap.limit == 4


def test_a_converted_answer_is_kept_as_it_came(inspect: Inspect) -> None:
    flow, x = begun()
    inspect.request(flow)
    attempted(x, MAIN, "ok", 200).converted = True
    assert x.tap
    x.tap.from_upstream(b"upstream's words")
    end(flow, x)
    inspect.response(flow)
    assert flow.metadata[UPSTREAM_KEY] == {"body": b"upstream's words"}


def test_a_refused_request_is_kept_for_a_replay(inspect: Inspect) -> None:
    flow, x = begun()
    end(flow, x, "failed", 400)
    inspect.response(flow)
    assert flow.metadata[original.KEY]["body"] == x.raw


def test_who_is_nobody_leaves_nothing(inspect: Inspect) -> None:
    flow, x = begun(client=None)
    end(flow, x, "failed", 401)
    inspect.response(flow)
    assert flow.metadata == {} and flow.comment == ""


def test_the_panels_flows_are_forgotten_when_they_are_over(inspect: Inspect) -> None:
    flow, _ = begun(forward=("127.0.0.1", 1))
    inspect.request(flow)
    inspect.response(flow)
    flow.live = True
    inspect.look()
    assert inspect.flows.removed == []  # type: ignore[attr-defined]
    flow.live = False
    inspect.look()
    inspect.look()
    assert inspect.flows.removed == [flow] and flow.metadata == {}  # type: ignore[attr-defined]


def test_health_checks_leave_no_line(inspect: Inspect) -> None:
    flow, x = begun()
    x.path, x.client = "/health", None
    inspect.request(flow)
    inspect.response(flow)
    flow.live = False
    inspect.look()
    assert flow in inspect.flows.removed  # type: ignore[attr-defined]


def test_an_answer_that_is_held_back_waits(inspect: Inspect) -> None:
    flow, x = begun()
    end(flow, x)
    flow.intercept()

    async def wait() -> None:
        waiting = inspect.response(flow)
        assert waiting
        task = asyncio.ensure_future(waiting)
        await asyncio.sleep(0)
        assert not task.done()
        flow.resume()
        await task

    asyncio.run(wait())


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/messages?beta=true", None), ("/v1/nothing", 404), ("/v1/embeddings", 403)]
)
def test_an_edited_request_is_read_anew(path: str, status: int | None) -> None:
    flow, x = begun()
    assert x.client
    object.__setattr__(x.client, "kinds", frozenset({"chat", "messages"}))
    flow.request = http.Request.make("POST", f"http://x{path}", b"{}")
    flow.request.headers["x-api-key"], flow.request.headers["x-new"] = "secret", "1"
    flow.intercept()

    async def edit() -> None:
        waiting = Edits().request(flow)
        assert waiting
        flow.resume()
        await waiting

    asyncio.run(edit())
    assert (flow.response.status_code if flow.response else None) == status
    assert ("x-new", "1") in x.headers and "secret" not in str(x.headers)
    if status is None:
        assert (x.path, x.query, x.kind) == ("/v1/messages", "beta=true", "messages")


def test_a_killed_request_stays_as_it_was() -> None:
    flow, x = begun()
    flow.request.path = "/v1/messages"
    flow.live = True
    flow.intercept()

    async def kill() -> None:
        waiting = Edits().request(flow)
        assert waiting
        flow.kill()
        await waiting

    asyncio.run(kill())
    assert flow.error and x.kind == "chat"


def test_a_request_that_is_not_held_back_does_not_wait() -> None:
    assert Edits().request(begun()[0]) is None


@pytest.mark.parametrize(("ms", "words"), [(0, "0 ms"), (99.4, "99 ms"), (100, "0.1 s"), (61_040, "61.0 s")])
def test_seconds(ms: float, words: str) -> None:
    assert seconds(ms) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0"), (99, "99"), (800, "0.8k"), (1234, "1.2k"), (9949, "9.9k"), (12_000, "12k")]
)
def test_thousands(count: int, words: str) -> None:
    assert thousands(count) == words


def test_a_comment_says_only_what_is_known() -> None:
    facts = {
        "attempts": [],
        "model": "",
        "upstream_model": "",
        "state": "failed",
        "total_ms": 3.0,
        "input_tokens": None,
    }
    assert comment(facts) == "failed · 3 ms"
