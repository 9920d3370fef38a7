import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from ccx_addons.proxy.hooks import (
    DirectHooks,
    OpenUpstream,
    UpstreamAttemptHook,
    UpstreamOutcomeHook,
    WaitHook,
    beside,
)


class Addon:
    """Notes its calls. ``how``: at once, waiting, raising, or raising after it waited."""

    def __init__(self, name: str, calls: list[str], how: str = "") -> None:
        self.name, self.calls, self.how = name, calls, how

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        if self.how == "raises":
            raise ValueError(self.name)
        if self.how.startswith("waits"):
            return self.wait()
        self.calls.append(self.name)
        return None

    async def wait(self) -> None:
        await asyncio.sleep(0)
        if self.how == "waits and raises":
            raise ValueError(self.name)
        self.calls.append(self.name)


class Deaf:
    """An addon without any hook."""


def run(*how: str) -> tuple[list[str], bool]:
    """Who was called, in order, and whether the stream had to wait."""
    calls: list[str] = []
    addons: list[Any] = [Addon(f"{n}", calls, word) for n, word in enumerate(how)]
    rest = DirectHooks([Deaf(), *addons]).run("request", tflow.tflow())
    if rest is not None:

        async def wait() -> None:
            await rest

        asyncio.run(wait())
    return calls, rest is not None


@pytest.mark.parametrize(
    ("how", "calls", "waits"),
    [
        pytest.param([], [], False, id="nobody"),
        pytest.param(["", ""], ["0", "1"], False, id="in the order of the chain"),
        pytest.param(["", "waits", ""], ["0", "1", "2"], True, id="one waits, the others after it"),
        pytest.param(["waits", "waits"], ["0", "1"], True, id="one after the other"),
        pytest.param(["raises", ""], ["1"], False, id="a bug stops nobody else"),
        pytest.param(["waits and raises", ""], ["1"], True, id="nor does one that waited"),
        pytest.param(["waits", "raises", "waits"], ["0", "2"], True, id="all of it"),
    ],
)
def test_direct_hooks(how: list[str], calls: list[str], waits: bool) -> None:
    assert run(*how) == (calls, waits)


def test_what_an_addon_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    run("raises", "waits and raises")
    assert caplog.text.count("addon error") == 2


def test_a_hook_nobody_has() -> None:
    assert DirectHooks([Addon("a", [])]).run("response", tflow.tflow()) is None


@pytest.mark.parametrize(
    ("hook", "name"), [(UpstreamAttemptHook, "upstream_attempt"), (UpstreamOutcomeHook, "upstream_outcome")]
)
def test_hooks_have_the_names_that_addons_use(hook: type[UpstreamAttemptHook | UpstreamOutcomeHook], name: str) -> None:
    flow = tflow.tflow()
    made = hook(flow)
    assert made.name == name and made.args() == [flow] and made.blocking


def test_two_equal_connections_are_two_commands() -> None:
    one, two = (OpenUpstream(("a", 1), False, None, "tcp") for _ in range(2))
    assert len({one, two}) == 2 and not one.reused


def test_waiting_is_a_hook_that_blocks() -> None:
    async def rest() -> None:
        return None

    waiting = rest()
    assert WaitHook(waiting).blocking
    waiting.close()


async def test_what_is_done_beside_gives_its_result_or_its_error() -> None:
    for text, found in (("7", 7), ("seven", None)):
        doing = beside(int, text)
        waiting = next(doing)
        assert isinstance(waiting, WaitHook)
        await waiting.rest
        with pytest.raises(StopIteration if found else ValueError) as ended:
            next(doing)
        assert getattr(ended.value, "value", None) == found
