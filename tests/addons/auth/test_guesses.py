"""Wrong keys are counted for all workers together."""

import asyncio
from pathlib import Path

from ccx_addons.auth.guesses import MAX_FAILURES, Guesses
from ccx_addons.io.meeting import Alone
from ccx_addons.scheduler.limits import Limits
from tests.io.meeting.rooms import place_room

ADDRESSES = ("192.0.2.7", "2001:db8:1:2::7")


async def shut(address: str, *guesses: Guesses) -> None:
    while not all(each.wait(address) for each in guesses):
        await asyncio.sleep(0.005)


def test_what_one_worker_has_seen_counts_for_the_other(tmp_path: Path) -> None:
    async def main() -> None:
        async with place_room(tmp_path) as room:
            one, two = [Guesses("keys", await room.member(), "secret") for _ in range(2)]
            for address in ADDRESSES:
                for n in range(MAX_FAILURES):
                    assert (one, two)[n % 2].failed(address, f"wrong {n}")
                await shut(address, one, two)
                assert not one.failed(address, "wrong 1"), "the same key, whoever saw it first"
                one.forget(address)
                while two.wait(address):
                    await asyncio.sleep(0.005)

    asyncio.run(main())


def test_who_is_shut_out_is_told_of_no_more(tmp_path: Path) -> None:
    told = list[tuple[str, ...]]()

    class Heard(Alone):
        def tell(self, topic: str, *words: str) -> None:
            told.append((topic, *words))

    guesses = Guesses("keys", Heard(Limits()), "secret")
    for n in range(3 * MAX_FAILURES):
        guesses.failed(ADDRESSES[0], f"wrong {n}")
    guesses.forget(ADDRESSES[1])
    assert len(told) == MAX_FAILURES and not any("wrong" in word for words in told for word in words)


def test_digests_of_another_kind_are_none() -> None:
    guesses = Guesses("keys", Alone(Limits()), "secret")
    guesses.hear(ADDRESSES[0], "abcd")
    assert not guesses.lock_out.failures
