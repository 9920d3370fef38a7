import asyncio

import pytest

from ccx_addons.proxy.reader import Reader


async def waiting(reader: Reader) -> "asyncio.Task[bytes]":
    task = asyncio.ensure_future(reader.read(10))
    await asyncio.sleep(0)
    return task


async def test_what_is_waited_for_goes_the_short_way_and_more_waits_in_line() -> None:
    reader = Reader(20)
    task = await waiting(reader)
    data = b"a" * 20
    reader.feed_data(data)
    reader.feed_data(b"b")
    reader.feed_data(b"c")
    assert not reader.quiet
    assert await task is data and not reader.quiet
    assert await reader.read(10) == b"bc" and reader.quiet


@pytest.mark.parametrize("waits", [False, True])
async def test_a_read_gives_what_is_there_up_to_its_limit(waits: bool) -> None:
    reader = Reader(20)
    task = await waiting(reader) if waits else asyncio.ensure_future(reader.read(1))
    reader.feed_data(b"a" * 41)
    assert [len(await task), len(await reader.read(1)), len(await reader.read(50))] == [20, 20, 1]


@pytest.mark.parametrize("before", [b"", b"last"])
async def test_the_end(before: bytes) -> None:
    reader = Reader(20)
    task = await waiting(reader)
    if before:
        reader.feed_data(before)
    reader.feed_eof()
    assert await task == before
    assert await reader.read(10) == b"" and not reader.quiet


async def test_an_error() -> None:
    reader = Reader(20)
    task = await waiting(reader)
    reader.set_exception(ConnectionResetError("gone"))
    for reading in (task, reader.read(10)):
        with pytest.raises(ConnectionResetError):
            await reading
    assert not reader.quiet


@pytest.mark.parametrize("came", [[], [b"a"], [b"a", b"b"], [b"a" * 41]])
async def test_what_came_for_a_reader_that_is_cancelled_is_the_next_ones(came: list[bytes]) -> None:
    """A connection that changes hands: what its upstream said unasked must not get lost."""
    reader = Reader(20)
    task = await waiting(reader)
    for data in came:
        reader.feed_data(data)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reader.quiet is not bool(came)
    reader.feed_data(b"c")
    reader.feed_eof()
    reader.most = 100
    assert await reader.read() == b"".join(came) + b"c"
