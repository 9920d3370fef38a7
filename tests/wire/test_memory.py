"""What a worker keeps, measured in the real one: bombs of upstreams, and clients that do not read."""

import re
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import brotli
import pytest

from ccx_addons.proxy import encoding
from tests.patience import wait_for
from tests.wire.program import CLIENT_KEY, Program, channel, running_program

MB: Final = 1 << 20
EVENT: Final = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
MESSAGES: Final = [{"role": "user", "content": "hello"}]


def bomb(packer: Any, begin: bytes) -> bytes:
    """400 MB, packed."""
    write = packer.compress if hasattr(packer, "compress") else packer.process
    end: Callable[[], bytes] = packer.flush if hasattr(packer, "compress") else packer.finish
    return bytes(write(begin) + b"".join(write(b"x" * MB) for _ in range(400)) + end())


PACKERS: Final[dict[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.compressobj(1, wbits=31),
    "br": lambda: brotli.Compressor(quality=5),
    "zstd": lambda: encoding.zstd.ZstdCompressor(),  # type: ignore[attr-defined]  # of the library or its backport
}
ANSWER: Final = b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]}],"model":"m"}'
BEGIN: Final = {
    "json": b'{"a":"',
    "error": b'{"error":{"message":"',
    "event": b'data: {"a":"',
    "late": EVENT + b"data: ",
}


class Upstream(BaseHTTPRequestHandler):
    """The model says what is answered: ``gzip-json``, or ``endless``, a stream without end, or ``plain``, a short answer."""

    bombs: dict[str, bytes] = {}  # of the class: each connection has an instance
    sent = 0

    def do_POST(self) -> None:
        model = re.search(rb'"model": ?"([\w-]+)"', self.rfile.read(int(self.headers["content-length"])))
        assert model
        name, _, kind = model[1].decode().partition("-")
        if name == "endless":
            self.endless()
            return
        if name == "plain":
            self.bombs["plain-"] = ANSWER
        body = self.bombs.setdefault(f"{name}-{kind}", b"") or bomb(PACKERS[name](), BEGIN[kind])
        self.bombs[f"{name}-{kind}"] = body
        self.send_response(400 if kind == "error" else 200)
        self.send_header("content-type", "application/json" if kind in ("json", "error") else "text/event-stream")
        self.send_header("content-encoding", "identity" if name == "plain" else name)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def endless(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        while Upstream.sent < 400 * MB:
            self.wfile.write(EVENT * 600)
            Upstream.sent += len(EVENT) * 600

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    channels = channel("one", url, "chat"), channel("two", url, "embeddings")
    with running_program(tmp_path_factory.mktemp("ccx"), *channels) as program:
        program.post("/v1/chat/completions", {"model": "gzip-error", "messages": MESSAGES})
        yield program
    server.shutdown()


def memory(program: Program, what: str) -> int:
    """``VmRSS`` or ``VmHWM``, its peak, of the worker, in bytes."""
    (worker,) = program.children("worker")
    found = re.search(rf"{what}:\s*(\d+) kB", Path(f"/proc/{worker}/status").read_text())
    assert found
    return int(found[1]) << 10


def forget_the_peak(program: Program) -> int:
    (worker,) = program.children("worker")
    Path(f"/proc/{worker}/clear_refs").write_text("5")
    return memory(program, "VmRSS")


def page_faults(program: Program) -> int:
    """How often the worker got a page of memory from the system."""
    (worker,) = program.children("worker")
    return int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[7])


@pytest.mark.parametrize("kind", BEGIN)
@pytest.mark.parametrize("name", PACKERS)
def test_a_bomb_costs_less_than_60_mb_and_leaves_nothing(gateway: Program, name: str, kind: str) -> None:
    body = {"model": f"{name}-{kind}", "messages": MESSAGES, "stream": kind in ("event", "late")}
    before = forget_the_peak(gateway)
    for _ in range(8):
        answer = gateway.post("/v1/chat/completions", body)
        assert kind in ("event", "late") or answer.status_code == (400 if kind == "error" else 502)
        assert b'"error"' in answer.content
    assert memory(gateway, "VmHWM") - before < 60 * MB


def test_a_client_that_does_not_read_keeps_the_upstream_waiting(gateway: Program) -> None:
    """What it does not take stays where it comes from."""
    body = b'{"model": "endless", "messages": [{"role": "user", "content": "hello"}], "stream": true}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: {CLIENT_KEY}\r\ncontent-length: {len(body)}"
    before, seen = forget_the_peak(gateway), -1

    def stands_still() -> bool:
        nonlocal seen
        stood, seen = seen == Upstream.sent > 0, Upstream.sent
        threading.Event().wait(0.5)
        return stood

    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2]))) as client:
        client.sendall(head.encode() + b"\r\n\r\n" + body)
        wait_for(stands_still)
        assert Upstream.sent < 100 * MB and memory(gateway, "VmHWM") - before < 30 * MB


def test_large_requests_leave_nothing(gateway: Program) -> None:
    """Their bodies are free when they are answered, not when the garbage collector comes, and the next ones take their
    place. Without either it is 1,700 pages for each."""
    body = {"model": "plain", "input": "x" * (3 * MB)}
    assert gateway.post("/v1/embeddings", body).status_code == 200
    before, faults = forget_the_peak(gateway), page_faults(gateway)
    for _ in range(20):
        gateway.post("/v1/embeddings", body)
    assert memory(gateway, "VmHWM") - before < 60 * MB
    assert page_faults(gateway) - faults < 4000, "each one gets its pages anew"
