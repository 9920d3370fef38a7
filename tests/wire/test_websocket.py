"""Responses over WebSocket, as Codex and the vendor's own clients speak it, through the same pipeline as HTTP."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.patience import PATIENCE, wait_for
from tests.wire.program import CLIENT_KEY, Fake, Program

ENDS = ("response.completed", "response.incomplete", "response.failed", "error")


@pytest.fixture
def socket(program: Program) -> Iterator[ClientConnection]:
    address = program.url.replace("http", "ws") + "/v1/responses"
    with connect(address, additional_headers={"authorization": f"Bearer {CLIENT_KEY}"}) as found:
        yield found


def ask(socket: ClientConnection, **body: Any) -> list[dict[str, Any]]:
    socket.send(json.dumps({"type": "response.create", "model": "gpt-5.1", **body}))
    return answer(socket)


def answer(socket: ClientConnection) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] not in ENDS:
        events.append(json.loads(socket.recv(PATIENCE)))
    return events


def test_a_turn_and_its_row(socket: ClientConnection, program: Program) -> None:
    events = ask(socket, input="hello there")
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    assert "hello there" in events[-1]["response"]["output"][0]["content"][0]["text"]
    rows = wait_for(lambda: program.query("select * from requests where model = 'gpt-5.1' and state = 'ok'"))
    assert (rows[-1]["kind"], rows[-1]["operation"], rows[-1]["stream_end"]) == ("responses", "generate", "done")


def test_an_answer_of_this_connection_is_continued_without_the_upstream(socket: ClientConnection, fake: Fake) -> None:
    first = ask(socket, input="one", store=False)[-1]["response"]
    fake.clear()
    ask(socket, input=[{"role": "user", "content": "two"}], previous_response_id=first["id"])
    sent = fake.requests()[-1]["json"]
    assert "previous_response_id" not in sent
    assert [item.get("role") for item in sent["input"]] == ["user", "assistant", "user"]
    assert sent["stream"] is True and "type" not in sent


def test_warm_up_is_answered_here(socket: ClientConnection, fake: Fake) -> None:
    fake.clear()
    warm = ask(socket, input="the long prompt", generate=False)
    assert [e["type"] for e in warm] == ["response.created", "response.completed"] and not fake.requests()
    ask(socket, input="now", previous_response_id=warm[-1]["response"]["id"])
    assert [item["content"] for item in fake.requests()[-1]["json"]["input"]] == ["the long prompt", "now"]


def test_messages_wait_their_turn(socket: ClientConnection) -> None:
    for n in range(3):
        socket.send(json.dumps({"type": "response.create", "model": "gpt-5.1", "input": f"number {n}"}))
    texts = [answer(socket)[-1]["response"]["output"][0]["content"][0]["text"] for _ in range(3)]
    assert [text.rsplit(" ", 1)[1] for text in texts] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("message", "status"),
    [("nonsense", 400), ('{"type": "session.update"}', 400), ('{"type": "response.create", "input": "x"}', 400)],
    ids=["not JSON", "another type", "no model"],
)
def test_a_bad_message_is_an_error_and_the_socket_stays(socket: ClientConnection, message: str, status: int) -> None:
    socket.send(message)
    error = json.loads(socket.recv(PATIENCE))
    assert (error["type"], error["status"]) == ("error", status) and error["error"]["message"]
    assert ask(socket, input="still here")[-1]["type"] == "response.completed"


def test_binary_messages_close_the_socket(socket: ClientConnection) -> None:
    socket.send(b"bytes")
    with pytest.raises(ConnectionClosedError) as closed:
        socket.recv(PATIENCE)
    assert closed.value.rcvd and closed.value.rcvd.code == 1003


def test_the_key_is_checked_before_the_upgrade(program: Program) -> None:
    address = program.url.replace("http", "ws") + "/v1/responses"
    with pytest.raises(InvalidStatus) as refused, connect(address, additional_headers={"authorization": "Bearer no"}):
        pass
    assert refused.value.response.status_code == 401


def test_a_browser_names_its_key_as_subprotocol(program: Program) -> None:
    address = program.url.replace("http", "ws") + "/v1/responses"
    with connect(address, subprotocols=["realtime", f"openai-insecure-api-key.{CLIENT_KEY}"]) as socket:  # type: ignore[list-item]
        assert ask(socket, input="from a page")[-1]["type"] == "response.completed"


def test_without_an_upgrade_it_is_426(program: Program) -> None:
    answer = httpx.get(f"{program.url}/v1/responses", headers={"authorization": f"Bearer {CLIENT_KEY}"})
    assert answer.status_code == 426 and answer.json()["error"]["message"]


def test_a_client_that_leaves_cancels_the_upstream(program: Program, fake: Fake) -> None:
    before = fake.stats().get("cancelled", 0)
    address = program.url.replace("http", "ws") + "/v1/responses"
    with connect(address, additional_headers={"authorization": f"Bearer {CLIENT_KEY}"}) as socket:
        message = {"type": "response.create", "model": "gpt-fake-stall", "input": "x"}
        socket.send(json.dumps(message))
        wait_for(lambda: any("stall" in r["json"].get("model", "") for r in fake.requests()))
    wait_for(lambda: fake.stats().get("cancelled", 0) > before)
