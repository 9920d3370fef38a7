import gzip
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from ccx_addons.io import answers
from ccx_addons.io.answers import Answer, Unreadable

ROOT = Path(__file__).parents[2]
BOMB = gzip.compress(b"x" * (1 << 20)) * 400


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body as it comes over the wire."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read = 0

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self.data), 1000):
            self.read += 1000
            yield self.data[at : at + 1000]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


def answer(data: bytes, encoding: str = "") -> httpx.Response:
    return httpx.Response(200, headers={"content-encoding": encoding} if encoding else {}, stream=Body(data))


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"hello", ""),
        (b"hello", "identity"),
        (gzip.compress(b"hello", mtime=0), "gzip"),
        (gzip.compress(b"hello", mtime=0), "X-Gzip"),
        (zlib.compress(b"hello"), "deflate"),
    ],
)
async def test_a_body_is_read(data: bytes, encoding: str) -> None:
    assert answers.read(answer(data, encoding)) == b"hello"
    assert b"".join([chunk async for chunk in answers.pieces(answer(data, encoding))]) == b"hello"


@pytest.mark.parametrize(
    ("data", "encoding", "words"),
    [
        pytest.param(b"x" * 5000, "", "larger than", id="long"),
        pytest.param(BOMB, "gzip", "larger than", id="bomb"),
        pytest.param(b"hello", "gzip", "not in the encoding", id="not gzip"),
        pytest.param(b"hello", "br", "not asked for", id="another encoding"),
        pytest.param(BOMB, "gzip, gzip", "not asked for", id="several encodings"),
    ],
)
async def test_what_is_not_read(data: bytes, encoding: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        answers.read(found := answer(data, encoding), limit=4096)
    assert isinstance(found.stream, Body) and found.stream.read <= 5000
    with pytest.raises(Unreadable, match=words):
        async for _ in answers.pieces(answer(data, encoding), limit=4096):
            pass


def test_an_answer_that_drips_in_has_an_end() -> None:
    with pytest.raises(Unreadable, match="no answer in time"):
        answers.read(answer(b"x" * 2000), seconds=1e-9)


def test_json_of_any_depth_is_read_or_refused() -> None:
    assert Answer(200, {}, b'{"a":[1]}').json() == {"a": [1]}
    with pytest.raises(ValueError):
        Answer(200, {}, b"[" * 1_000_000).json()


def test_every_client_of_httpx_is_made_here() -> None:
    makes = re.compile(r"httpx\.(?:Async)?Client\(|httpx\.(?:get|post|stream|request)\(")
    found = [path.name for folder in ("ccx_addons", "ccx_admin") for path in (ROOT / folder).rglob("*.py")
             if makes.search(path.read_text())]  # fmt: skip
    assert found == ["answers.py"]
