"""Lookups: each in a thread of its own, one for all who ask for the same, in any event loop."""

import asyncio
import socket
import threading
import time
from typing import Any

import pytest

from ccx_addons.io import names
from tests.patience import PATIENCE

ANSWER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]


@pytest.fixture(autouse=True)
def no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lookups that other tests left behind are none of these."""
    monkeypatch.setattr(names, "_lookups", {})
    monkeypatch.setattr(names, "_last", {})


def test_a_silent_name_holds_up_no_other_and_costs_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    speaks, asked = threading.Event(), []

    def getaddrinfo(name: str, port: int, **_: Any) -> list[Any]:
        asked.append(name)
        if name == "silent.test":
            speaks.wait(10)
        return ANSWER

    async def run() -> None:
        waiting = [asyncio.ensure_future(names.addresses_of("silent.test", 80)) for _ in range(50)]
        await asyncio.sleep(0)
        assert await names.addresses_of("good.test", 80) == ANSWER and names.running() == 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(names.addresses_of("silent.test", 80), 0.01)
        speaks.set()
        assert await asyncio.gather(*waiting) == [ANSWER] * 50, "who left took nobody along"

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    asyncio.run(run())
    assert sorted(asked) == ["good.test", "silent.test"] and names.running() == 0


def test_another_loop_asks_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    speaks = threading.Event()

    def getaddrinfo(name: str, port: int, **_: Any) -> list[Any]:
        speaks.wait(10)
        return ANSWER

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(names.addresses_of("x.test", 80), 0.01)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    asyncio.run(leave())
    (left,) = (thread for thread in threading.enumerate() if thread.name == "lookup of x.test")
    speaks.set()
    assert asyncio.run(names.addresses_of("x.test", 80)) == ANSWER
    left.join(PATIENCE)
    assert names.running() == 0


@pytest.mark.parametrize("name", ["127.0.0.1", "::1"])
def test_addresses_are_not_looked_up(name: str) -> None:
    assert asyncio.run(names.addresses_of(name, 80))[0][4] == (name, 80)


@pytest.mark.parametrize("name", ["none.invalid", "x" * 64 + ".test"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(OSError, match=r"."):
        asyncio.run(names.addresses_of(name, 80))


@pytest.mark.parametrize(
    ("trouble", "seconds", "found"),
    [
        pytest.param(socket.gaierror(socket.EAI_AGAIN, "later"), 1.0, True, id="a name server that fails"),
        pytest.param(None, 1.0, True, id="a question that is lost"),
        pytest.param(socket.gaierror(socket.EAI_AGAIN, "later"), names.LASTS + 1, False, id="for too long"),
        pytest.param(socket.gaierror(socket.EAI_NONAME, "no such name"), 1.0, False, id="no such name"),
    ],
)
def test_the_last_addresses_do_for_a_moment(
    monkeypatch: pytest.MonkeyPatch, trouble: OSError | None, seconds: float, found: bool
) -> None:
    speaks, answers = threading.Event(), iter([ANSWER])

    def getaddrinfo(name: str, port: int, **_: Any) -> list[Any]:
        if answer := next(answers, None):
            return answer
        if trouble is None:
            speaks.wait(10)
        raise trouble or OSError("too late")

    async def run() -> None:
        assert await names.addresses_of("up.test", 80) == ANSWER
        monkeypatch.setattr(names, "PATIENCE", 0.01)
        names._last["up.test", 80] = ANSWER, time.monotonic() - seconds
        if found:
            assert await names.addresses_of("up.test", 80) == ANSWER
        else:
            with pytest.raises(socket.gaierror):
                await names.addresses_of("up.test", 80)
        speaks.set()

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    asyncio.run(run())


def test_names_that_are_many_do_not_take_the_others_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ANSWER)
    monkeypatch.setattr(names, "MOST", 3)

    async def run() -> None:
        for n in range(5):
            await names.addresses_of(f"picture-{n}.test", 80)
            await names.addresses_of("up.test", 80)

    asyncio.run(run())
    assert [name for name, _ in names._last] == ["picture-3.test", "picture-4.test", "up.test"]
