"""Chunked bodies: whatever the borders, one piece per read, and nothing that two parsers could read differently."""

import contextlib

import h11
import pytest
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.proxy.chunked import MAX_LINE, MAX_TRAILERS, ChunkedBody


def encode(chunks: list[bytes], extension: bytes = b"", trailers: bytes = b"") -> bytes:
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks if chunk)
    return body + b"0\r\n" + trailers + b"\r\n"


def read(data: bytes, cuts: list[int]) -> tuple[bytes, bool, bytes]:
    """Content, whether it ended, and what is left in the buffer."""
    body, buffer, content, ended, at = ChunkedBody(), ReceiveBuffer(), b"", False, 0
    for cut in [*sorted(cuts), len(data)]:
        buffer += data[at:cut]
        at = max(at, cut)
        while (event := body(buffer)) is not None and not ended:
            if isinstance(event, h11.EndOfMessage):
                ended = True
            else:
                content += event.data
    return content, ended, bytes(buffer)


@given(
    chunks=st.lists(st.binary(max_size=300), max_size=8),
    cuts=st.lists(st.integers(0, 2600), max_size=12),
    extension=st.sampled_from([b"", b";a=b", b' ;name="x y"']),
    trailers=st.sampled_from([b"", b"x-checksum: 1\r\n", b"a: b\r\nc: d\r\n"]),
    following=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n"]),
)
def test_borders_do_not_matter(
    chunks: list[bytes], cuts: list[int], extension: bytes, trailers: bytes, following: bytes
) -> None:
    data = encode(chunks, extension, trailers) + following
    assert read(data, [min(cut, len(data)) for cut in cuts]) == (b"".join(chunks), True, following)


def test_what_came_together_is_one_piece() -> None:
    buffer = ReceiveBuffer()
    buffer += b"1\r\na\r\n2\r\nbc\r\n9\r\nhalf of "
    assert ChunkedBody()(buffer).data == b"abchalf of "


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"x\r\n", id="not a number"),
        pytest.param(b"-1\r\n", id="negative"),
        pytest.param(b"0x5\r\nhello\r\n", id="prefix"),
        pytest.param(b" 5\r\nhello\r\n", id="leading space"),
        pytest.param(b"5\nhello\r\n", id="bare LF after the size"),
        pytest.param(b"5\r\nhelloX\r\n", id="longer than it says"),
        pytest.param(b"5\r\nhello\n\n", id="bare LF after the chunk"),
        pytest.param(b"5;\0\r\nhello\r\n", id="NUL in an extension"),
        pytest.param(b"1" * 17 + b"\r\n", id="size too long"),
        pytest.param(b"5;" + b"a" * MAX_LINE, id="extension without end"),
        pytest.param(b"0\r\n\nGET / HTTP/1.1\r\n\r\n", id="bare LF in place of trailers"),
        pytest.param(b"0\r\na: b\n\nGET / HTTP/1.1\r\n\r\n", id="bare LF behind a trailer"),
        pytest.param(b"0\r\nGET / HTTP/1.1\r\n\r\n", id="a trailer without colon"),
        pytest.param(b"0\r\na: b\r\n c\r\n\r\n", id="a folded trailer"),
        pytest.param(b"0\r\na: \0\r\n\r\n", id="NUL in a trailer"),
        pytest.param(b"0\r\n" + b"a" * (MAX_TRAILERS + 1), id="trailers without end"),
    ],
)
def test_malformed(data: bytes) -> None:
    for before in (b"", b"1\r\na\r\n", b"1\r\na\r\n2\r\nbc\r\n"):
        with pytest.raises(h11.RemoteProtocolError):
            read(before + data, [])


@pytest.mark.parametrize("data", [b"2\r\nbc", b"2\r\nb\r", b"02\r\nbc\r\n", b"2;a\r\nbc\r\n", b"4\r\n\r\nbc\r\n"])
def test_chunks_behind_a_whole_one(data: bytes) -> None:
    content, ended, left = read(b"1\r\na\r\n" + data, [])
    whole = read(b"1\r\na\r\n" + data, [*range(7 + len(data))])
    assert (content, ended, left) == whole


@given(st.binary(max_size=200))
def test_random_bytes_are_content_or_a_protocol_error(data: bytes) -> None:
    with contextlib.suppress(h11.RemoteProtocolError):
        read(data, [])


def test_an_end_of_the_connection_inside_the_body_is_an_error() -> None:
    with pytest.raises(h11.RemoteProtocolError):
        ChunkedBody().read_eof()
