"""Connections that stand before anybody needs them: the real program in front of a real TLS server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.patience import wait_for
from tests.proxy import certificates
from tests.wire.program import CLIENT_KEY, channel, running_program

ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
ANSWER = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4.1",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}  # fmt: skip


class Upstream(ThreadingHTTPServer):
    """Counts handshakes, and tells over which of them each request came."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        issued = certificates.issue(folder, "127.0.0.1")
        self.socket = issued.server.wrap_socket(self.socket, server_side=True)
        self.ca_file, self.url = issued.ca_file, f"https://127.0.0.1:{self.server_address[1]}/v1"
        self.secured = self.open = 0
        self.served: list[int] = []


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def setup(self) -> None:
        super().setup()
        self.server.secured += 1
        self.server.open += 1
        self.number = self.server.secured

    def finish(self) -> None:
        self.server.open -= 1
        super().finish()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.served.append(self.number)
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Nothing."""


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    with Upstream(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_first_request_of_a_new_client_finds_a_connection(upstream: Upstream, tmp_path: Path) -> None:
    def asks(warm: int) -> dict[str, Any]:
        return channel("main", upstream.url, "chat", ca_file=upstream.ca_file, warm=warm)

    def ask(client: httpx.Client) -> None:
        head = {"authorization": f"Bearer {CLIENT_KEY}"}
        assert client.post("/v1/chat/completions", json=ASK, headers=head).status_code == 200

    with (
        running_program(tmp_path, asks(1)) as gateway,
        httpx.Client(base_url=gateway.url) as one,
        httpx.Client(base_url=gateway.url) as other,
    ):
        wait_for(lambda: upstream.secured == 1)
        ask(one)
        (attempt,) = gateway.attempts(gateway.newest()["id"])
        assert attempt["reused"] == 1 and not attempt["tls_ms"]
        wait_for(lambda: upstream.secured == 2)
        ask(other)
        assert upstream.served == [1, 2], "nobody waited for a handshake"
        wait_for(lambda: upstream.secured == 3)
        gateway.configure(asks(0))
        wait_for(lambda: upstream.open == 2)
        ask(one)
        assert upstream.served == [1, 2, 1] and upstream.secured == 3
