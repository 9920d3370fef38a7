"""Several machines on one Valkey: limits hold for all of them together, and its fall fails no request."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ccx_addons.auth.guesses import MAX_FAILURES
from tests.io.meeting.rooms import Server, redis_binary
from tests.patience import PATIENCE, in_a_minute, wait_for
from tests.wire.program import Fake, Program, channel, running_program

LIMIT = 12
BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
CLIENTS = {
    "minute": {"rpm": LIMIT},
    "before0": {"rpm": LIMIT},
    "before1": {"rpm": LIMIT},
    "places": {"concurrency": LIMIT},
    "plain": {},
    "other": {"rpm": 1000},
}
SICK = {"consecutive": 1, "backoff": 1, "max_backoff": 1}
FAILING = "gpt-fake-slow=0.3+status=500"


def key_of(client: str) -> str:
    return f"{client}-client-key-0123456789"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(redis_binary(), tmp_path_factory.mktemp("engine"))
    asyncio.run(server.start())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def pair(fake: Fake, engine: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Program]]:
    """Two machines with two workers each."""
    channels = [
        {**channel("free", fake.url, "chat"), "route_prefix": "free"},
        {**channel("sick", fake.url, "chat", "sick-key"), "route_prefix": "sick", "breaker": SICK},
        {**channel("tight", fake.url, "chat", "tight-key"), "route_prefix": "tight", "limits": {"concurrency": 3}},
    ]
    clients = [{"name": name, "key": key_of(name), "limits": limits} for name, limits in CLIENTS.items()]
    env = {"WORKERS": "2", "CCX_VALKEY_URL": engine.url, "CCX_VALKEY_WAIT": "10", "TRUSTED_PROXIES": "127.0.0.0/8"}
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    with (
        running_program(folders[0], *channels, clients=clients, env=env) as one,
        running_program(folders[1], *channels, clients=clients, env=env) as two,
    ):
        asyncio.run(engine.ripen())
        yield [one, two]


def statuses(
    pair: list[Program],
    count: int,
    client: str,
    prefix: str = "free",
    body: Any = BODY,
    found: Counter[int] | None = None,
) -> Counter[int]:
    """What so many requests are answered, at once, half of them by each machine; in ``found`` as it comes."""
    found = Counter() if found is None else found

    async def one(n: int) -> None:
        async with httpx.AsyncClient() as http:
            headers = {"authorization": f"Bearer {key_of(client)}"}
            path = f"{pair[n % 2].url}/{prefix}/v1/chat/completions"
            found[(await http.post(path, json=body, headers=headers)).status_code] += 1

    async def all_of_them() -> None:
        await asyncio.gather(*(one(n) for n in range(count)))

    asyncio.run(all_of_them())
    return found


def test_no_meeting_place_of_their_own(pair: list[Program]) -> None:
    assert [program.children("meeting") for program in pair] == [[], []]


def test_a_minute_is_one_for_all_machines(pair: list[Program]) -> None:
    assert statuses(pair, 2 * LIMIT, "minute") == {200: LIMIT, 429: LIMIT}


def test_places_are_for_all_machines(pair: list[Program], fake: Fake) -> None:
    found = Counter[int]()
    with fake.gate(lambda: found[429] == LIMIT) as model:
        statuses(pair, 2 * LIMIT, "places", body={**BODY, "model": model}, found=found)
    assert found == {200: LIMIT, 429: LIMIT}
    assert statuses(pair, LIMIT, "places") == {200: LIMIT}
    with fake.gate(lambda: fake.stats().get("flying tight-key") == 3) as model:
        assert statuses(pair, 9, "plain", "tight", {**BODY, "model": model}) == {200: 9}
    assert fake.stats()["most at once tight-key"] == 3


def asked(text: str) -> dict[str, Any]:
    return {"model": FAILING, "messages": [{"role": "user", "content": text}]}


def test_one_request_of_all_machines_tries_what_was_broken(pair: list[Program], fake: Fake) -> None:
    headers = {"authorization": f"Bearer {key_of('plain')}"}
    for n, program in enumerate(pair):
        path = f"{program.url}/sick/v1/chat/completions"
        assert httpx.post(path, json=asked(f"first {n}"), headers=headers).status_code == 500
        is_open = "select 1 from breakers where state = 'open'"
        wait_for(lambda program=program, is_open=is_open: program.query(is_open))
    time.sleep(1.2)  # a second later it is half-open, for all workers
    assert statuses(pair, 6, "plain", "sick", asked("later")) == {500: 6}
    assert fake.stats()["most at once sick-key"] == 1


def test_who_guesses_keys_is_shut_out_everywhere(pair: list[Program]) -> None:
    def guess(n: int) -> int:
        headers = {"authorization": f"Bearer wrong-{n}", "x-forwarded-for": "192.0.2.77"}
        return httpx.post(f"{pair[n % 2].url}/v1/chat/completions", json=BODY, headers=headers).status_code

    found = [guess(n) for n in range(MAX_FAILURES)]
    assert set(found) == {401}
    wait_for(lambda: {guess(n) for n in range(4)} == {429})
    assert statuses(pair, 4, "plain") == {200: 4}, "a right key is never shut out"


def test_its_fall_and_its_hanging_fail_no_request_and_are_told(pair: list[Program], engine: Server) -> None:
    def fall(n: int) -> None:
        before = statuses(pair, 8, "other")
        assert statuses(pair, 2 * LIMIT, f"before{n}") == {200: LIMIT, 429: LIMIT}
        known = {program.url: max((event["id"] for event in events(program, "")), default=0) for program in pair}

        def told(program: Program, words: str) -> set[int]:
            """The workers that said so since then."""
            return {event["worker"] for event in events(program, words) if event["id"] > known[program.url]}

        assert engine.process
        engine.process.send_signal(signal.SIGKILL)
        engine.process.wait(PATIENCE)
        assert statuses(pair, 8, "other") == before == {200: 8}
        wait_for(lambda: all(httpx.get(f"{program.url}/health").json().get("limits") for program in pair))
        asyncio.run(engine.start())
        for program in pair:
            wait_for(lambda program=program: told(program, "together again") == {0, 1})
            assert told(program, "each worker counts its share") == {0, 1}
            wait_for(lambda program=program: httpx.get(f"{program.url}/health").json() == {"status": "ok"})
        asyncio.run(engine.ripen())
        assert statuses(pair, 2 * LIMIT, f"before{n}") == {429: 2 * LIMIT}, "it was told what had begun before"

    in_a_minute(fall)


def events(program: Program, words: str) -> list[dict[str, Any]]:
    return program.query("select * from events where kind = 'meeting' and message like ?", f"%{words}%")


def test_an_address_that_means_nothing_is_one_line(tmp_path: Path) -> None:
    env = {"CCX_VALKEY_URL": "nonsense://secret-word"}
    with (
        pytest.raises(AssertionError, match="CCX_VALKEY_URL: must be a URL like redis:"),
        running_program(tmp_path, env=env),
    ):
        raise RuntimeError("it started")
    assert "secret-word" not in (tmp_path / "log.txt").read_text()
