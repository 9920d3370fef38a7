import gzip
import random
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.proxy import encoding as module
from ccx_addons.proxy.encoding import AMPLE, MAX_MEMBERS, PIECE, BadEncoding, Inflater, inflate

zstd = module.zstd  # type: ignore[attr-defined]  # of the standard library or its backport

LIMIT = 1 << 20
PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}
TEXT = b"data: hello world\n\n" * 50


def raw_deflate(data: bytes) -> bytes:
    """Deflate as some servers send it: without the zlib wrapper."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


ENCODED = [*((name, pack(TEXT)) for name, pack in PACKERS.items()), ("deflate", raw_deflate(TEXT))]
MEMBERS = [("gzip", gzip.compress(b"", mtime=0)), ("zstd", zstd.compress(b"")), ("zstd", b"\x50\x2a\x4d\x18\0\0\0\0")]
IDS = [*PACKERS, "deflate without wrapper"]


@pytest.mark.parametrize(("encoding", "packed"), ENCODED, ids=IDS)
def test_inflate(encoding: str, packed: bytes) -> None:
    assert inflate(packed, encoding, LIMIT) == TEXT
    assert inflate(packed, f" {encoding} ", LIMIT) == TEXT


@pytest.mark.parametrize("encoding", ["", "identity", " , "])
def test_nothing_to_undo(encoding: str) -> None:
    assert inflate(TEXT, encoding, LIMIT) == TEXT


def test_several_are_undone_in_reverse_order() -> None:
    assert inflate(brotli.compress(gzip.compress(TEXT)), "gzip, br", LIMIT) == TEXT
    with pytest.raises(BadEncoding):
        inflate(brotli.compress(gzip.compress(TEXT)), "br, gzip", LIMIT)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_several_members_are_one_body(name: str) -> None:
    packed = PACKERS[name](b"one ") + PACKERS[name](b"two ") + PACKERS[name](b"three")
    assert inflate(packed, name, LIMIT) == b"one two three"
    assert in_pieces(name, packed, 3) == b"one two three"


def in_pieces(name: str, packed: bytes, size: int) -> bytes:
    inflater = Inflater.make(name)
    assert inflater
    return b"".join(b"".join(inflater.pieces(packed[at : at + size], LIMIT)) for at in range(0, len(packed), size))


@given(st.binary(max_size=300), st.sampled_from(sorted(PACKERS)), st.integers(1, 50))
def test_borders_of_pieces_do_not_matter(data: bytes, name: str, size: int) -> None:
    assert in_pieces(name, PACKERS[name](data), size) == data


@pytest.mark.parametrize(("encoding", "packed"), ENCODED, ids=IDS)
def test_what_has_arrived_is_given_at_once(encoding: str, packed: bytes) -> None:
    """A stream's events come out while the rest of the body is still to come."""
    inflater = Inflater.make(encoding)
    assert inflater
    flushed = {
        "deflate": zlib.compressobj(wbits=zlib.MAX_WBITS),
        "gzip": zlib.compressobj(wbits=zlib.MAX_WBITS | 16),
    }.get(encoding)
    if flushed:
        piece = flushed.compress(b"data: 1\n\n") + flushed.flush(zlib.Z_SYNC_FLUSH)
        assert b"".join(inflater.pieces(piece, LIMIT)) == b"data: 1\n\n"
    else:
        assert b"".join(inflater.pieces(packed, LIMIT)) == TEXT


@pytest.mark.parametrize("name", sorted(PACKERS))
def test_a_bomb_is_bounded(name: str) -> None:
    packed = PACKERS[name](b"\0" * (50 << 20))
    with pytest.raises(BadEncoding, match="inflates past 1000 bytes") as caught:
        inflate(packed, name, 1000)
    assert caught.value.too_large


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_bomb_of_many_members_is_bounded(name: str) -> None:
    with pytest.raises(BadEncoding, match="inflates past 1000 bytes"):
        inflate(PACKERS[name](b"\0" * 100) * 11, name, 1000)
    assert len(inflate(PACKERS[name](b"\0" * 100) * 10, name, 1000)) == 1000


@pytest.mark.parametrize("name", sorted(PACKERS))
@pytest.mark.parametrize("size", [0, 1, 100, 1000])
def test_exactly_the_limit_is_allowed(name: str, size: int) -> None:
    assert len(inflate(PACKERS[name](b"x" * size), name, size)) == size
    with pytest.raises(BadEncoding):
        inflate(PACKERS[name](b"x" * (size + 1)), name, size)


@pytest.mark.parametrize(("encoding", "packed"), ENCODED, ids=IDS)
def test_a_body_that_is_cut_off_is_refused(encoding: str, packed: bytes) -> None:
    for cut in (1, len(packed) // 2, len(packed) - 1):
        with pytest.raises(BadEncoding) as caught:
            inflate(packed[:cut], encoding, LIMIT)
        assert not caught.value.too_large


@pytest.mark.parametrize("name", sorted(PACKERS))
def test_bytes_that_are_something_else(name: str) -> None:
    with pytest.raises(BadEncoding, match=f"{name.lower()}"):
        inflate(b"this is not packed at all", name, LIMIT)


@given(st.binary(max_size=100), st.sampled_from(sorted(PACKERS)))
def test_any_bytes_are_inflated_or_refused(data: bytes, name: str) -> None:
    try:
        assert len(inflate(data, name, LIMIT)) <= LIMIT
    except BadEncoding as bad:
        assert str(bad)


def test_an_empty_body_needs_no_encoding() -> None:
    assert inflate(b"", "gzip", LIMIT) == b""


def test_unknown_encodings_are_named() -> None:
    with pytest.raises(BadEncoding, match="an unknown content-encoding 'rot13'"):
        inflate(b"x", "rot13", LIMIT)
    assert Inflater.make("identity") is None and Inflater.make("") is None


@pytest.mark.parametrize("name", sorted(PACKERS))
def test_a_bomb_comes_in_pieces(name: str) -> None:
    size = 5 * PIECE + 7
    inflater = Inflater.make(name)
    assert inflater
    pieces = [len(piece) for piece in inflater.pieces(PACKERS[name](b"\0" * size), size)]
    assert max(pieces) <= PIECE and sum(pieces) == size


@pytest.mark.parametrize("name", sorted(PACKERS))
def test_an_answer_may_grow_as_json_does_and_not_as_a_bomb_does(name: str) -> None:
    def grown(body: bytes) -> int:
        packed, inflater = PACKERS[name](body), Inflater.make(name)
        assert inflater
        steps = (packed[at : at + 1000] for at in range(0, len(packed), 1000))
        return sum(len(piece) for step in steps for piece in inflater.answer(step, len(body)))

    assert grown(b"x" * AMPLE) == AMPLE
    with pytest.raises(BadEncoding, match="inflates past"):
        grown(b"x" * (2 * AMPLE))
    chance = random.Random(1)
    lines = b"".join(chance.randbytes(1000) + b"x" * 19_000 for _ in range(500))
    assert grown(lines) == len(lines) > AMPLE


@pytest.mark.parametrize(("name", "member"), MEMBERS)
def test_members_are_counted_and_cost_what_they_weigh(name: str, member: bytes) -> None:
    last = PACKERS[name](b"the end")
    assert inflate(member * (MAX_MEMBERS - 1) + last, name, LIMIT) == b"the end"
    with pytest.raises(BadEncoding, match="more than 1024 compressed members") as caught:
        inflate(member * 3_000_000, name, LIMIT)
    assert caught.value.too_large


def test_a_couple_of_encodings_is_enough() -> None:
    packed = gzip.compress(gzip.compress(TEXT))
    assert inflate(packed, "gzip, gzip", LIMIT) == TEXT
    with pytest.raises(BadEncoding, match="more than 2 content-encodings"):
        inflate(gzip.compress(packed), "gzip, gzip, gzip", LIMIT)


def test_a_frame_may_not_ask_for_a_window_that_http_does_not_allow() -> None:
    """RFC 9659: 8 MB. The window is memory of ours, whatever the frame holds."""

    def frame(window_log: int) -> bytes:
        packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
        return bytes(packer.compress(TEXT) + packer.flush())

    assert inflate(frame(23), "zstd", LIMIT) == TEXT
    with pytest.raises(BadEncoding, match="not zstd"):
        inflate(frame(27), "zstd", LIMIT)
