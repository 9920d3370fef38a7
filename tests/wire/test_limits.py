"""Limits are those of the whole gateway, however many workers it has and whatever becomes of the place they meet in."""

import asyncio
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ccx_addons.auth.guesses import MAX_FAILURES
from ccx_addons.io.meeting.place import SETTLE
from tests.patience import in_a_minute, same_day, wait_for
from tests.wire.program import Fake, Program, channel, running_program

LIMIT = 12
BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
SLOW = {**BODY, "model": "gpt-fake-slow=1.5"}
BEFORE = {f"before{n}": {"rpm": LIMIT} for n in range(2)}
CLIENTS = {"minute": {"rpm": LIMIT}, "places": {"concurrency": LIMIT}, "tokens": {}, "pace": {}, "plain": {}, **BEFORE}


def key_of(client: str) -> str:
    return f"{client}-client-key-0123456789"


def configured(fake: Fake, count: str, tokens: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Channels and clients, each with one limit."""

    def one(name: str, key: Any, **more: Any) -> dict[str, Any]:
        return {**channel(name, fake.url, "chat", **more), "keys": key, "route_prefix": name}

    def limited(name: str, **limits: int) -> dict[str, Any]:
        return {"key": f"{name}-{count}-upstream", "limits": limits}

    clients = [{"name": name, "key": key_of(name), "limits": limits} for name, limits in CLIENTS.items()]
    clients[2]["limits"], clients[3]["limits"] = {"tokens_per_day": tokens}, {"tokens_per_minute": tokens}
    return [
        one("free", [f"free-{count}"]),
        one("minute", [f"minute-{count}"], limits={"rpm": LIMIT}),
        one("places", [f"places-{count}"], limits={"concurrency": LIMIT}),
        one("keyminute", [limited("one", rpm=LIMIT // 2), limited("two", rpm=LIMIT // 2)]),
        one("keyplaces", [limited("three", concurrency=2), limited("four", concurrency=3)]),
    ], clients


@pytest.fixture(scope="module", params=["1", "2", "4"], ids=lambda count: f"{count} workers")
def gateway(fake: Fake, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    channels, clients = configured(fake, request.param, 10**9)
    env = {"WORKERS": request.param}
    with running_program(tmp_path_factory.mktemp("limits"), *channels, clients=clients, env=env) as program:
        yield program


def statuses(
    gateway: Program, count: int, client: str, prefix: str = "free", body: Any = BODY, found: Counter[int] | None = None
) -> Counter[int]:
    """What so many requests are answered, each on a connection of its own, at once; in ``found`` as it comes."""
    found = Counter() if found is None else found

    async def one() -> None:
        async with httpx.AsyncClient() as http:
            headers = {"authorization": f"Bearer {key_of(client)}"}
            path = f"{gateway.url}/{prefix}/v1/chat/completions"
            found[(await http.post(path, json=body, headers=headers)).status_code] += 1

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(count)))

    asyncio.run(all_of_them())
    return found


def flying(fake: Fake, **most: int) -> Callable[[], bool]:
    """Whether so many requests with each key wait for their answers."""
    return lambda: all(fake.stats().get(f"flying {key}") == count for key, count in most.items())


def test_a_clients_minute(gateway: Program) -> None:
    assert statuses(gateway, 2 * LIMIT, "minute") == {200: LIMIT, 429: LIMIT}


def test_a_clients_places(gateway: Program, fake: Fake) -> None:
    found = Counter[int]()
    with fake.gate(lambda: found[429] == LIMIT) as model:
        statuses(gateway, 2 * LIMIT, "places", body={**BODY, "model": model}, found=found)
    assert found == {200: LIMIT, 429: LIMIT}
    assert statuses(gateway, LIMIT, "places") == {200: LIMIT}, "they come back"


def test_a_channels_minute(gateway: Program) -> None:
    assert statuses(gateway, 2 * LIMIT, "plain", "minute") == {200: LIMIT, 429: LIMIT}


def test_a_channels_places(gateway: Program, fake: Fake) -> None:
    key = f"places-{gateway.env['WORKERS']}"
    with fake.gate(flying(fake, **{key: LIMIT})) as model:
        found = statuses(gateway, 2 * LIMIT, "plain", "places", {**BODY, "model": model})
    assert found == {200: 2 * LIMIT}, "who finds none waits"
    assert fake.stats()[f"most at once {key}"] == LIMIT


def test_the_minute_of_keys(gateway: Program) -> None:
    assert statuses(gateway, 2 * LIMIT, "plain", "keyminute") == {200: LIMIT, 429: LIMIT}, "of both together"


def test_the_places_of_keys(gateway: Program, fake: Fake) -> None:
    keys = {f"{name}-{gateway.env['WORKERS']}-upstream": most for name, most in (("three", 2), ("four", 3))}
    with fake.gate(flying(fake, **keys)) as model:
        assert statuses(gateway, 10, "plain", "keyplaces", {**BODY, "model": model}) == {200: 10}
    stats = fake.stats()
    assert {key: stats[f"most at once {key}"] for key in keys} == keys


def test_a_clients_tokens(gateway: Program, fake: Fake) -> None:
    """The same answer again and again, over connections that the kernel spreads among the workers."""
    same_day(60)
    headers = {"authorization": f"Bearer {key_of('plain')}"}
    usage = httpx.post(f"{gateway.url}/free/v1/chat/completions", json=BODY, headers=headers).json()["usage"]
    channels, clients = configured(fake, gateway.env["WORKERS"], LIMIT * usage["total_tokens"])
    before = gateway.log.read_text().count("is in force")
    gateway.configure(*channels, clients=clients)
    wait_for(lambda: gateway.log.read_text().count("is in force") - before >= int(gateway.env["WORKERS"]))
    for client in ("tokens", "pace"):
        found: Counter[int] = Counter()
        for _ in range(
            4 * LIMIT
        ):  # near the limit the last one's estimate may still be counted, and the next one waits
            found += statuses(gateway, 1, client)
        assert found == {200: LIMIT, 429: 3 * LIMIT}, client


def test_who_guesses_keys_is_known_to_all_workers(gateway: Program) -> None:
    """Last in this module for its gateway: the address is shut out afterwards, for wrong keys only."""
    numbers = itertools.count()

    def guess() -> int:
        headers = {"authorization": f"Bearer guess-{next(numbers)}"}
        return httpx.post(f"{gateway.url}/free/v1/chat/completions", json=BODY, headers=headers).status_code

    assert {guess() for _ in range(MAX_FAILURES - 1)} == {401}
    wait_for(lambda: {guess() for _ in range(2 * MAX_FAILURES)} == {429})  # news may take a moment
    assert statuses(gateway, 1, "plain") == {200: 1}


# ---- trouble ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def pair(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    channels, clients = configured(fake, "pair", 10**9)
    with running_program(tmp_path_factory.mktemp("pair"), *channels, clients=clients, env={"WORKERS": "2"}) as program:
        yield program


def test_what_a_worker_had_is_free_when_it_is_killed(pair: Program) -> None:
    slow = {**BODY, "model": "gpt-fake-stall", "stream": True}

    async def main() -> None:
        async def hold() -> None:
            async with httpx.AsyncClient() as http:
                headers = {"authorization": f"Bearer {key_of('places')}"}
                await http.post(f"{pair.url}/free/v1/chat/completions", json=slow, headers=headers)

        held = [asyncio.ensure_future(hold()) for _ in range(LIMIT)]
        while len(await asyncio.to_thread(pair.query, "select 1 from requests where state = 'running'")) < LIMIT:
            await asyncio.sleep(0.05)
        assert await asyncio.to_thread(statuses, pair, 4, "places") == {429: 4}
        for worker in pair.children("worker"):
            os.kill(worker, signal.SIGKILL)
        await asyncio.wait(held)

    asyncio.run(main())
    wait_for(lambda: statuses_or_nothing(pair) == {200: 4})


def statuses_or_nothing(gateway: Program) -> Counter[int]:
    try:
        return statuses(gateway, 4, "places")
    except httpx.HTTPError:
        return Counter()


def test_a_place_that_is_killed_or_hangs_fails_no_request(pair: Program) -> None:
    def fall(n: int) -> None:
        (place,) = pair.children("meeting")
        assert statuses(pair, LIMIT // 2, f"before{n}") == {200: LIMIT // 2}
        os.kill(place, signal.SIGSTOP)
        assert statuses(pair, LIMIT, "places", body=SLOW)[200] >= LIMIT // 2, "each has its share, whoever gets them"
        os.kill(place, signal.SIGCONT)
        wait_for(lambda: events(pair, "together again"))
        os.kill(place, signal.SIGKILL)
        assert set(statuses(pair, LIMIT, "plain", "places")) == {200}
        wait_for(lambda: len(pair.children("meeting")) == 1 and pair.children("meeting") != [place])
        wait_for(lambda: not any("limits" in pair.get("/health").json() for _ in range(20)))  # both workers reach it
        time.sleep(SETTLE)  # the longest that it listens before it decides
        assert statuses(pair, 2 * LIMIT, f"before{n}") == {200: LIMIT // 2, 429: 2 * LIMIT - LIMIT // 2}, (
            "it was told again"
        )
        assert events(pair, "each worker counts its share")

    in_a_minute(fall)


def events(gateway: Program, words: str) -> list[dict[str, Any]]:
    return gateway.query("select * from events where kind = 'meeting' and message like ?", f"%{words}%")
