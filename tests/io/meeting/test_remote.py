"""What a meeting place of several machines does whichever engine it is."""

import asyncio
import json
import logging
from typing import Any

import pytest

from ccx_addons.io.meeting import Away
from ccx_addons.io.meeting.remote import Remote
from ccx_addons.io.meeting.words import YOUNG
from ccx_addons.scheduler.limits import Ask, Part, Refused
from tests.io.meeting.rooms import ask


class Far(Remote):
    """Its engine answers with ``reply``; None: not at all."""

    NAME = "The engine"

    def __init__(self, wait: float = 5.0) -> None:
        super().__init__(lambda at: Part({}, {}), "me", wait)
        self.unsent = ["a word"]
        self.reply: tuple[int, int, int] | None = (0, 0, 7)
        self.parts = 0
        self.said: list[tuple[str, tuple[str, ...]]] = []
        self.news: list[tuple[str, list[str]]] = []
        self.hear = lambda topic, words: self.news.append((topic, words))

    def put(self, part: Part) -> None:
        self.parts += 1

    def tell(self, topic: str, words: tuple[str, ...]) -> None:
        self.said.append((topic, words))

    def _enter(self, ask: Ask, number: int) -> None:
        if self.reply:
            self.patience.answer(number, self.reply)


def test_who_was_never_reached_is_not_asked() -> None:
    async def check() -> None:
        far = Far()
        assert far.trouble == "The engine was not reached yet"
        with pytest.raises(Away, match="not reached yet"):
            await far.enter(ask("1", ("a", 0, 1)))

    asyncio.run(check())


def test_a_new_beginning_is_told_everything_once() -> None:
    async def check() -> None:
        far = Far()
        far._begin()
        assert far.parts == 1 and not far.trouble
        assert await far.enter(ask("1", ("a", 0, 1))) is None and far.parts == 2
        far.reply = (1, -1, 7)
        assert await far.enter(ask("2", ("a", 0, 1))) == Refused("a", "concurrency", float("inf")) and far.parts == 2
        far.reply = (YOUNG, 0, 8)
        with pytest.raises(Away, match="The engine has just begun"):
            await far.enter(ask("3", ("a", 0, 1)))
        assert far.parts == 3

    asyncio.run(check())


def test_who_waits_when_it_goes_hears_of_it_and_everybody_once(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        far = Far()
        far.reply = None
        far._begin()
        asked = asyncio.ensure_future(far.enter(ask("1", ("a", 0, 1))))
        await asyncio.sleep(0)
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                far.words = "it is away"
                far._gone()
        with pytest.raises(Away, match="The engine is gone"):
            await asked
        assert far.trouble == "it is away" and not far.unsent and caplog.text.count("it is away") == 1

    asyncio.run(check())


def test_it_is_in_trouble_while_it_is_late() -> None:
    async def check() -> None:
        far = Far(wait=0.01)
        far.reply = None
        far._begin()
        with pytest.raises(Away):
            await far.enter(ask("1", ("a", 0, 1)))
        assert far.trouble == "The engine does not answer in time"

    asyncio.run(check())


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        (json.dumps(["other", "breakers", ["a", "b"]]), [("breakers", ["a", "b"])]),
        (json.dumps(["other", "breakers", ["a"]]).encode(), [("breakers", ["a"])]),
        (json.dumps(["me", "breakers", ["a"]]), []),
        (json.dumps(["other", "", []]), []),
        ("{", []),
        ("[1, 2]", []),
    ],
)
def test_news_are_those_of_others(text: str | bytes, heard: list[Any]) -> None:
    far = Far()
    far._told_of(text)
    assert far.news == heard


def test_who_joins_says_so_and_counts_at_once() -> None:
    """A place that hangs a moment later leaves each his share, and no more."""
    new, old = Far(), Far()
    asyncio.run(begun(new))
    ((topic, words),) = new.said
    for who, live in (("me", 1), ("other", 2), ("third", 3)):
        old._told_of(json.dumps([who, topic, words]))
        assert old.live == live and not old.news
    old._told_of(json.dumps(["other", "", []]))
    assert old.live == 3, "a sign of life is not one more"


async def begun(far: Far) -> None:
    far._begin()
