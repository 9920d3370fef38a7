"""An upstream that answers each case's requests by its script, and keeps what it got.

The first step of a request's path is the case's name. ``answers`` are given in their order, the last one again and
again; where a case says what its upstream ``refuses``, the first answer is the refusal, given only to such requests.
"""

import gzip
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import brotli
from backports import zstd

from tests.field.checks import holds

PACKERS = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstd.compress}


@dataclass
class Got:
    """A request that arrived."""

    body: Any
    raw: bytes
    headers: dict[str, str]


@dataclass
class Scripted:
    url: str
    cases: Mapping[str, dict[str, Any]]
    got: dict[str, list[Got]] = field(default_factory=dict)

    def answer(self, name: str, request: Got) -> dict[str, Any]:
        """The script's answer: status, headers, body."""
        case = self.cases[name]
        known = self.got.setdefault(name, [])
        known.append(request)
        answers: list[dict[str, Any]] = case["answers"]
        if "refuses" in case:
            return answers[0 if all(holds([request.body], check) for check in case["refuses"]) else 1]
        return answers[min(len(known), len(answers)) - 1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Scripted

    def log_message(self, *_: object) -> None:
        """The tests speak for themselves."""

    def do_POST(self) -> None:
        raw = b"".join(self.pieces()) if "transfer-encoding" in self.headers else self.rfile.read(self.length())
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        request = Got(body, raw, {name.lower(): value for name, value in self.headers.items()})
        self.say(self.script.answer(self.path.split("/")[1], request))

    def length(self) -> int:
        return int(self.headers.get("content-length") or 0)

    def pieces(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def say(self, answer: dict[str, Any]) -> None:
        body = answer["body"] or "".join(piece for piece, _ in answer.get("pieces", []))
        is_stream = isinstance(body, str) and body.lstrip("\ufeff").startswith(("data:", "event:", ":"))
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        if "hex" in answer:
            data, is_stream = bytes.fromhex(answer["hex"]), True
        headers = {
            "content-type": "text/event-stream" if is_stream else "application/json",
            **answer.get("headers", {}),
        }
        if packed := answer.get("packed"):
            data, headers["content-encoding"] = PACKERS[packed](data), packed
        self.send_response(answer.get("status", 200))
        for name, value in headers.items():
            self.send_header(name, value)
        if size := answer.get("cut"):
            self.send_pieces([(data[at : at + size], 0.0) for at in range(0, len(data), size)])
        elif pieces := answer.get("pieces"):
            self.send_pieces([(piece.encode(), pause) for piece, pause in pieces])
        else:
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def send_pieces(self, pieces: list[tuple[bytes, float]]) -> None:
        """``pieces``: bytes, and seconds of silence behind them."""
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece, pause in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
            time.sleep(pause)
        self.wfile.write(b"0\r\n\r\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """The gateway closes connections when it likes."""


@contextmanager
def scripted(cases: Mapping[str, dict[str, Any]]) -> Iterator[Scripted]:
    script = Scripted("", cases)
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"script": script}))
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
