"""Stored answers of the Responses API: get and delete them, whoever made them; nobody gets another client's."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import pytest

from tests.patience import wait_for
from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program

BOB = "bobs-client-key-0123456789"
CLIENTS = [{"name": "bob", "key": BOB}]


@pytest.fixture(scope="module", params=["native", "converted"])
def program(request: pytest.FixtureRequest, fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    native = request.param == "native"
    made = channel("a", fake.url, "responses") if native else channel("a", fake.url, "chat", serves=["responses"])
    with running_program(tmp_path_factory.mktemp("ccx"), made, clients=CLIENTS) as gateway:
        yield gateway


def client(program: Program, key: str = CLIENT_KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{program.url}/v1", api_key=key, max_retries=0)


def created(program: Program, stream: bool = False) -> str:
    sdk = client(program)
    if not stream:
        return sdk.responses.create(model="gpt-5.1", input="hello").id
    with sdk.responses.stream(model="gpt-5.1", input="hello") as events:
        return events.get_final_response().id


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_get_and_delete(program: Program, stream: bool) -> None:
    before = program.query("select max(rowid) as last from requests")[0]["last"] or 0
    sdk, id = client(program), created(program, stream)
    found = sdk.responses.retrieve(id)
    assert (found.id, found.status) == (id, "completed")
    if program.config["channels"][0]["protocol"] == "chat":
        assert found.output_text == "gpt-5.1 heard: hello"
    sdk.responses.delete(id)
    deleted = "select status from requests where operation = 'delete' and state != 'running' and rowid > ?"
    assert [row["status"] for row in wait_for(lambda: program.query(deleted, before))] == [200]


def test_an_answer_that_is_gone(program: Program) -> None:
    sdk, id = client(program), created(program)
    sdk.responses.delete(id)
    if program.config["channels"][0]["protocol"] == "chat":  # a real upstream forgets it, too
        with pytest.raises(openai.NotFoundError):
            sdk.responses.retrieve(id)
    with pytest.raises(openai.BadRequestError, match="as a part of its path"):
        sdk.responses.retrieve("resp/../../models")


def test_items_are_named_by_their_ids(program: Program, fake: Fake) -> None:
    """As the AI SDK does, unless it is told not to store."""
    sdk = client(program)
    first = sdk.responses.create(model="gpt-5.1", input="a word")
    fake.clear()
    named = [{"role": "user", "content": "a word"}, {"type": "item_reference", "id": first.output[0].id}]
    again = sdk.responses.create(model="gpt-5.1", input=[*named, {"role": "user", "content": "again"}])  # type: ignore[list-item]
    assert again.output_text == "gpt-5.1 heard: again"
    if program.config["channels"][0]["protocol"] == "chat":
        assert "gpt-5.1 heard: a word" in fake.requests()[-1]["text"]


def test_after_a_restart(fake: Fake, tmp_path: Path) -> None:
    made = channel("a", fake.url, "messages", serves=["responses"])
    with running_program(tmp_path, made) as program:
        id = created(program)
        wait_for(lambda: program.query("select 1 from response_sessions where answer != ''"))
    with running_program(tmp_path, made) as program:
        assert client(program).responses.retrieve(id).output_text == "gpt-5.1 heard: hello"
        client(program).responses.delete(id)
        wait_for(lambda: not program.query("select 1 from response_sessions"))


def test_what_one_worker_deletes_is_gone_for_all(fake: Fake, tmp_path: Path) -> None:
    made = channel("a", fake.url, "chat", serves=["responses"])
    with running_program(tmp_path, made, env={"WORKERS": "2"}) as program:
        ids: list[str] = []

        def both_remember_some() -> bool:
            """Each is made on a connection of its own."""
            ids.append(created(program))
            wait_for(lambda: len(program.query("select 1 from response_sessions")) == len(ids))
            return len(program.query("select distinct worker from requests where state = 'ok'")) == 2

        wait_for(both_remember_some)
        for id in ids:
            client(program).responses.delete(id)
        wait_for(lambda: len(program.query("select 1 from command_acks where result = 'forgotten'")) == 2 * len(ids))
        with ThreadPoolExecutor() as pool:  # each waits for who may still write it
            found = pool.map(lambda id: program.get(f"/v1/responses/{id}").status_code, ids * 3)
        assert set(found) == {404}


def test_another_clients_answer_is_not_there(program: Program) -> None:
    id = created(program)
    bob = client(program, BOB)
    with pytest.raises(openai.NotFoundError) as missing:
        bob.responses.retrieve(id)
    assert id in missing.value.message
    with pytest.raises(openai.NotFoundError):
        bob.responses.delete(id)
    with pytest.raises(openai.NotFoundError) as missing:
        bob.responses.create(model="gpt-5.1", input="and what did I say?", previous_response_id=id)
    assert missing.value.code == "previous_response_not_found"
    assert client(program).responses.retrieve(id).id == id


def test_no_answer_is_kept_that_must_not_be(program: Program) -> None:
    sdk = client(program)
    id = sdk.responses.create(model="gpt-5.1", input="hello", store=False).id
    if program.config["channels"][0]["protocol"] == "chat":
        with pytest.raises(openai.NotFoundError):
            sdk.responses.retrieve(id)
    assert httpx.get(f"{program.url}/v1/responses/{id}").status_code == 401


def test_ids_that_nobody_was_given_never_reach_an_upstream(program: Program, fake: Fake) -> None:
    created(program)
    fake.clear()
    for id in ("resp_guessed", "resp_fake%2F..%2F..%2Fmodels", "resp_fake%3Fmodel=x"):
        assert program.get(f"/v1/responses/{id}").status_code in (400, 404)
    ask = {"model": "gpt-5.1", "input": "go on"}
    for more in (
        {"previous_response_id": "resp_guessed"},
        {"input": [{"type": "item_reference", "id": "msg_guessed"}]},
    ):
        assert program.post("/v1/responses", {**ask, **more}).status_code == 404
    bob = program.post("/v1/responses", {**ask, "conversation": "conv_1"}, {"authorization": f"Bearer {BOB}"})
    assert bob.status_code == 404 and fake.requests() == []


def test_an_item_is_named_by_the_client_that_got_it(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "responses"), clients=CLIENTS) as program:
        answer = client(program).responses.create(model="gpt-5.1", input="hello")
        body = {"model": "gpt-5.1", "input": [{"type": "item_reference", "id": answer.output[0].id}]}
        assert program.post("/v1/responses", body).status_code == 200
        foreign = program.post("/v1/responses", body, headers={"authorization": f"Bearer {BOB}"})
        assert foreign.status_code == 404 and answer.output[0].id in foreign.json()["error"]["message"]


def test_who_leaves_a_stream_may_ask_for_its_answer(fake: Fake, tmp_path: Path) -> None:
    ask = {"model": "gpt-5.1", "input": "hello chunks:8", "stream": True}
    head = {"authorization": f"Bearer {CLIENT_KEY}"}
    with running_program(tmp_path, channel("a", fake.url, "responses"), clients=CLIENTS) as program:
        with httpx.stream("POST", f"{program.url}/v1/responses", json=ask, headers=head) as stream:
            event = next(line for line in stream.iter_lines() if line.startswith("data:"))
        id = json.loads(event[5:])["response"]["id"]
        assert client(program).responses.retrieve(id).id == id
        with pytest.raises(openai.NotFoundError):
            client(program, BOB).responses.retrieve(id)
