"""Raw upstream servers, each misbehaving in its own way."""

import asyncio
import gzip
from asyncio import StreamReader, StreamWriter

from tests.proxy.harness import Handler, read_request

SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
BOMB = gzip.compress(b'data: {"a":"' + b"x" * (40 << 20))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def answers(*pieces: bytes | float) -> Handler:
    """For each request on a connection: bytes are sent, numbers are seconds of silence."""

    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            await read_request(reader)
            for piece in pieces:
                if isinstance(piece, bytes):
                    writer.write(piece)
                    await writer.drain()
                else:
                    await asyncio.sleep(piece)

    return handler


def then_silence(*pieces: bytes) -> Handler:
    """Pieces that arrive one by one, then nothing until the peer is gone."""

    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.05)
        await reader.read()

    return handler


async def close(reader: StreamReader, writer: StreamWriter) -> None:
    await read_request(reader)


async def reset(reader: StreamReader, writer: StreamWriter) -> None:
    await read_request(reader)
    writer.transport.abort()


async def cut(reader: StreamReader, writer: StreamWriter) -> None:
    await read_request(reader)
    writer.write(SSE + chunk(b"data: 1\n\n"))
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.transport.abort()


async def cut_error(reader: StreamReader, writer: StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 429 X\r\ncontent-length: 9\r\n\r\n{")
    await writer.drain()


async def drip(reader: StreamReader, writer: StreamWriter) -> None:
    await read_request(reader)
    for byte in SSE:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.03)


async def once(reader: StreamReader, writer: StreamWriter) -> None:
    """Answers one request and closes just when the connection is idle."""
    await read_request(reader)
    writer.write(json_answer(b'{"ok":1}'))
    await writer.drain()
    await reader.readexactly(1)
    writer.transport.abort()


def json_answer(body: bytes, status: int = 200, extra: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%s\r\n" % (
        status,
        len(body),
        extra,
    )
    return head + body


GOOD = answers(SSE + chunk(b"data: 1\n\n"), 0.01, chunk(b"data: 2\n\n") + chunk(b"data: END\n\n") + LAST)
GOOD_TEXT = b"data: 1\n\ndata: 2\n\ndata: END\n\n"

ALL: dict[str, Handler] = {
    "good": GOOD,
    "json": answers(json_answer(b'{"ok":1}')),
    "429": answers(json_answer(b"{}", 429)),
    "close": close,
    "reset": reset,
    "cut": cut,
    "drip": drip,
    "stall": then_silence(),
    "errorfirst": then_silence(SSE + chunk(b"data: ERROR\n\n")),
    "errorlate": then_silence(SSE + chunk(b"data: 1\n\n"), chunk(b"data: ERROR\n\n")),
    "bug": then_silence(SSE + chunk(b"data: 1\n\n"), chunk(b"data: BUG\n\n")),
    "bugfirst": then_silence(SSE + chunk(b"data: BUG\n\n")),
    "empty": answers(SSE + LAST),
    "ssestall": then_silence(SSE),
    "pingonly": answers(SSE, *(chunk(b": ping\n\n"), 0.1) * 20),
    "pingfirst": answers(SSE, *(chunk(b": ping\n\n"), 0.1) * 6, chunk(GOOD_TEXT) + LAST),
    "midstall": then_silence(SSE + chunk(b"data: 1\n\n")),
    "toolpause": answers(SSE + chunk(b"data: TOOL\n\n"), 0.6, chunk(b"data: END\n\n") + LAST),
    "noend": answers(SSE + chunk(b"data: 1\n\n") + LAST),
    "early": answers(b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + json_answer(b'{"ok":1}')),
    "trailers": answers(SSE + chunk(b"data: 1\n\ndata: END\n\n") + b"0\r\nx-checksum: 1\r\n\r\n"),
    "nul": answers(json_answer(b"{}", 200, b"x-bad: a\0b\r\n")),
    "cr": answers(json_answer(b"{}", 200, b"x-bad: a\rb\r\n")),
    "hugehead": then_silence(b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 70_000),
    "badlength": answers(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: x\r\n\r\n{}"),
    "bomb": answers(json_answer(BOMB, 200, b"content-encoding: gzip\r\n")),
    "bombstream": answers(
        json_answer(BOMB, 200, b"content-encoding: gzip\r\n").replace(b"application/json", b"text/event-stream")
    ),
    "bomberror": answers(json_answer(BOMB, 429, b"content-encoding: gzip\r\n")),
    "gziperror": answers(json_answer(b"not gzip", 429, b"content-encoding: gzip\r\n")),
    "fooerror": answers(json_answer(b"{}", 429, b"content-encoding: foo\r\n")),
    "cuterror": cut_error,
    "stallerror": then_silence(b"HTTP/1.1 429 X\r\ncontent-length: 9\r\n\r\n"),
    "gzipbroken": answers(json_answer(b"not gzip", 200, b"content-encoding: gzip\r\n")),
}
