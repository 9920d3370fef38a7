"""An upstream whose answers cost it nearly nothing, so that what is measured is what stands before it.

    python -m scripts.benchmark.canned [--tls-folder DIR] [--round-trip SECONDS]       prints its address when ready

A Chat or Messages request gets a short JSON answer, or a stream of a hundred pieces at once. A stream of a model that is
called ``slow-N`` has fifty pieces, one every N ms; each says when it was sent.
"""

import argparse
import asyncio
import datetime
import ipaddress
import json
import re
import ssl
import time
from pathlib import Path
from typing import Any, Final, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PIECES: Final = 100
SLOW_PIECES: Final = 50
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
SLOW: Final = re.compile(rb'"slow-(\d+)"')
STREAM: Final = re.compile(rb'"stream": ?true')


def event(value: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


# ---- answers ---------------------------------------------------------------------------------------------------------
def chat_event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


def chat_end(pieces: int) -> list[bytes]:
    usage = {"prompt_tokens": 8, "completion_tokens": pieces, "total_tokens": 8 + pieces}
    last = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
    return [chat_event({}, "stop"), event(last), b"data: [DONE]\n\n"]


def messages_event(type: str, **members: Any) -> bytes:
    return event({"type": type, **members}, type)


def messages_stream() -> list[bytes]:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }
    usage = {"input_tokens": 8, "output_tokens": 1}
    text = {"type": "text", "text": ""}
    return [
        messages_event("message_start", message={**message, "stop_sequence": None, "usage": usage}),
        messages_event("content_block_start", index=0, content_block=text),
        *(
            messages_event("content_block_delta", index=0, delta={"type": "text_delta", "text": f" word {n}"})
            for n in range(PIECES)
        ),
        messages_event("content_block_stop", index=0),
        messages_event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=usage),
        messages_event("message_stop"),
    ]


def chat_json() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "How can I help?"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 8, "completion_tokens": 5, "total_tokens": 13}
    value = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return json.dumps(value).encode()


HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
BODY: Final = chat_json()
JSON: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
START: Final = chat_event({"role": "assistant", "content": ""})
PIECES_AT_ONCE: Final = [START, *(chat_event({"content": f" word {n}"}) for n in range(PIECES)), *chat_end(PIECES)]
CHAT: Final = HEAD + b"".join(map(chunk, PIECES_AT_ONCE)) + b"0\r\n\r\n"
MESSAGES: Final = HEAD + b"".join(map(chunk, messages_stream())) + b"0\r\n\r\n"


class Canned(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by their class

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self.buffer, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < whole:
                return
            request = bytes(self.buffer[:whole])
            del self.buffer[:whole]
            self.answer(request, end)

    def answer(self, request: bytes, end: int) -> None:
        path = request.split(b" ", 2)[1]
        if not STREAM.search(request, end):
            self.transport.write(JSON)
        elif path.endswith(b"/messages"):
            self.transport.write(MESSAGES)
        elif found := SLOW.search(request, end):
            task = asyncio.ensure_future(self.slow(int(found[1]) / 1000))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self.transport.write(CHAT)

    async def slow(self, pause: float) -> None:
        self.transport.write(HEAD + chunk(START))
        for _ in range(SLOW_PIECES):
            await asyncio.sleep(pause)
            self.transport.write(chunk(chat_event({"content": f"at {time.monotonic():.6f}"})))
        self.transport.write(b"".join(map(chunk, chat_end(SLOW_PIECES))) + b"0\r\n\r\n")


# ---- a long way ------------------------------------------------------------------------------------------------------
async def far(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, round_trip: float) -> None:
    """A relay to ``port`` over which each byte takes half a round trip. The kernel accepts a connection at once, so what
    comes first waits for the round trip that the handshake would have taken."""
    there, back = await asyncio.open_connection("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    opened = loop.time() + round_trip

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            due = max(loop.time(), opened) + round_trip / 2
            loop.call_at(due, target.write, data)
        loop.call_later(round_trip, target.close)

    await asyncio.gather(carry(reader, back), carry(there, writer), return_exceptions=True)


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).add_extension(address, critical=False)
    builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(9))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = folder / "upstream.pem"
    file.touch(0o600)
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form)
        + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def serve(tls: ssl.SSLContext | None = None, round_trip: float = 0.0) -> tuple[list[asyncio.Server], int]:
    """The servers, which somebody has to keep, and the port to connect to."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Canned, "127.0.0.1", 0, ssl=tls, backlog=1024)
    port: int = server.sockets[0].getsockname()[1]
    if not round_trip:
        return [server], port

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await far(reader, writer, port, round_trip)

    front = await asyncio.start_server(relay, "127.0.0.1", 0, backlog=1024)
    return [server, front], front.sockets[0].getsockname()[1]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tls-folder", type=Path)
    parser.add_argument("--round-trip", type=float, default=0.0)
    options = parser.parse_args()
    tls = certificate(options.tls_folder) if options.tls_folder else None
    servers, port = await serve(tls, options.round_trip)
    print(f"ready 127.0.0.1:{port}", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
