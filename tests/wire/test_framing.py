"""No client's bytes become a second request, whatever version of HTTP they come in."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.patience import PATIENCE, wait_for
from tests.wire.program import CLIENT_KEY, Program, channel, running_program

type Fields = list[tuple[bytes, bytes]]

KEY = (b"x-api-key", CLIENT_KEY.encode())
ASK = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
CHAT = b"/v1/chat/completions"
SECOND = b" HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\nDELETE /v1/files/file-1 HTTP/1.1\r\nx-rest: "
ANSWER = b'{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]}'  # fmt: skip


class Recorder:
    """An upstream that writes down every byte and answers every request it can find in them."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}"
        self.connections: list[bytearray] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            seen = bytearray()
            self.connections.append(seen)
            threading.Thread(target=self._serve, args=(connection, seen), daemon=True).start()

    def _serve(self, connection: socket.socket, seen: bytearray) -> None:
        answered = 0
        with connection:
            while data := connection.recv(65536):
                seen += data
                whole = len(requests(bytes(seen)))
                for _ in range(whole - answered):
                    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                    connection.sendall(head % len(ANSWER) + ANSWER)
                answered = whole

    def requests(self) -> list[tuple[bytes, bytes]]:
        return [request for seen in self.connections for request in requests(bytes(seen))]


def requests(seen: bytes) -> list[tuple[bytes, bytes]]:
    """(head, body) of every request in what was written to one connection, as a strict reader takes it."""
    found = []
    while b"\r\n\r\n" in seen:
        head, _, rest = seen.partition(b"\r\n\r\n")
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        size = int(lengths[0]) if lengths else 0
        if len(rest) < size:
            break
        found.append((head, rest[:size]))
        seen = rest[size:]
    return found


def halves(seen: bytes) -> bytes:
    """What is behind the last whole request."""
    for head, body in requests(seen):
        seen = seen[len(head) + 4 + len(body) :]
    return seen


@pytest.fixture(scope="module")
def upstream() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.sock.close()


@pytest.fixture(scope="module")
def secure(upstream: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The gateway with TLS, and so with HTTP/2, in front of the recorder."""
    folder: Path = tmp_path_factory.mktemp("tls")
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem"]
    more = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*make, *more], cwd=folder, check=True, capture_output=True)
    env = {"TLS_CERT_FILE": str(folder / "cert.pem"), "TLS_KEY_FILE": str(folder / "key.pem")}
    channels = [channel(kind, upstream.url, kind) for kind in ("chat", "responses", "gemini")]
    with running_program(folder, *channels, env=env, panel=True) as program:
        yield program


def connect(program: Program, protocol: str) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(program.folder / "cert.pem"))
    context.set_alpn_protocols([protocol])
    port = int(program.url.rpartition(":")[2])
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE), server_hostname="localhost")


def ask_h2(program: Program, fields: Fields, body: bytes = b"", ended: bool | None = None) -> tuple[int, bytes]:
    """Status and body; status 0: the gateway reset the stream or closed the connection."""
    loose = h2.config.H2Configuration(
        client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None
    )
    client = h2.connection.H2Connection(loose)
    client.initiate_connection()
    client.send_headers(1, fields, end_stream=not body if ended is None else ended)
    if body:
        client.send_data(1, body, end_stream=True)
    status, answer = 0, b""
    with connect(program, "h2") as sock:
        sock.sendall(client.data_to_send())
        while data := sock.recv(65536):
            for event in client.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
                elif isinstance(event, h2.events.DataReceived):
                    answer += event.data
                elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset | h2.events.ConnectionTerminated):
                    return status, answer
            sock.sendall(client.data_to_send())
    return status, answer


def ask_h1(program: Program, data: bytes) -> bytes:
    """Everything the gateway says until it closes the connection, which the request must ask for."""
    answer = b""
    with connect(program, "http/1.1") as sock:
        sock.sendall(data)
        while piece := sock.recv(65536):
            answer += piece
    return answer


def h2_head(
    path: bytes = CHAT, *fields: tuple[bytes, bytes], method: bytes = b"POST", authority: bytes = b"localhost"
) -> Fields:
    return [(b":method", method), (b":scheme", b"https"), (b":authority", authority), (b":path", path), KEY, *fields]  # fmt: skip


def test_http_2_reaches_upstreams(secure: Program, upstream: Recorder) -> None:
    before = len(upstream.requests())
    assert ask_h2(secure, h2_head(), ASK)[0] == 200
    assert ask_h2(secure, h2_head(CHAT, (b"content-length", b"%d" % len(ASK)), (b"te", b"trailers")), ASK)[0] == 200
    assert len(upstream.requests()) == before + 2


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        pytest.param(h2_head(CHAT + b"?a=1" + SECOND), ASK, id="a request in the path"),
        pytest.param(h2_head(b"/v1/responses/resp_1?a=1" + SECOND, method=b"GET"), b"", id="in a stored answer's"),
        pytest.param(h2_head(b"/v1beta/models/m:generateContent?x=1" + SECOND), ASK, id="in a model's"),
        pytest.param(h2_head(method=b"POST" + SECOND), ASK, id="in the method"),
        pytest.param(h2_head(authority=b"localhost" + SECOND), ASK, id="in the authority"),
        pytest.param(h2_head(CHAT, (b"user-agent", b"x\r\nx-injected: 1")), ASK, id="in a value"),
        pytest.param(h2_head(CHAT, (b"openai-x\r\nx-injected", b"1")), ASK, id="in a name"),
        pytest.param(h2_head(CHAT, (b"openai-x: a", b"1")), ASK, id="a colon in a name"),
        pytest.param(h2_head(CHAT, (b"transfer-encoding", b"chunked")), ASK, id="chunks"),
        pytest.param(h2_head(CHAT, (b"connection", b"close")), ASK, id="a connection"),
        pytest.param(h2_head(CHAT, (b"content-length", b"3")), ASK, id="an untrue length"),
        pytest.param(h2_head(CHAT, (b"content-length", b"40")), b"", id="a length without a body"),
        pytest.param(h2_head(CHAT, (b"content-length", b"+56")), ASK, id="no number"),
        *(
            pytest.param(h2_head(CHAT + tail), ASK, id=f"{tail!r} in the path")
            for tail in (b"?\x00", b"?\r", b"?\t", b"? x", b"?\xff", b"/../x", b"/%2e%2e/x")
        ),
        *(pytest.param(h2_head(path), ASK, id=f"path {path!r}") for path in (b"v1/x", b"*", b"", b"http://x" + CHAT)),
        *(pytest.param(h2_head(method=m), ASK, id=f"method {m!r}") for m in (b"post", b"BREW", b"TRACE", b"", b"CONNECT")),
    ],
)  # fmt: skip
def test_http_2_that_is_not_well_formed_reaches_nobody(
    secure: Program, upstream: Recorder, fields: Fields, body: bytes
) -> None:
    before = len(upstream.requests())
    assert ask_h2(secure, fields, body)[0] in (0, 400, 405)
    assert len(upstream.requests()) == before


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(h2_head(b"/login" + SECOND, method=b"GET"), id="a request in the path"),
        pytest.param(h2_head(b"/login", method=b"GET /api/status HTTP/1.1\r\nhost: x\r\n\r\nGET"), id="in the method"),
        pytest.param(h2_head(b"/login", method=b"GET", authority=b"localhost\r\nx-forwarded-for: 7.7.7.7"), id="host"),
        pytest.param(h2_head(b"/login", (b"content-length", b"40"), method=b"GET"), id="a length without a body"),
        pytest.param(h2_head(b"/login", (b"transfer-encoding", b"chunked"), method=b"POST"), id="chunks"),
        pytest.param(h2_head(b"/static/../login", method=b"GET"), id="dots"),
        pytest.param(h2_head(b"/login", method=b"get"), id="a small method"),
    ],
)
def test_http_2_that_is_not_well_formed_does_not_reach_the_panel(secure: Program, fields: Fields) -> None:
    status, body = ask_h2(secure, fields)
    assert status in (0, 400, 405) and b"<html" not in body


def test_http_2_reaches_the_panel(secure: Program) -> None:
    status, body = ask_h2(secure, h2_head(b"/login", method=b"GET"))
    assert status == 200 and b"<html" in body


@pytest.mark.parametrize("method", [b"post", b"Post", b"BREW", b"TRACE", b"CONNECT"])
def test_no_other_method_reaches_an_upstream(secure: Program, upstream: Recorder, method: bytes) -> None:
    before = len(upstream.requests())
    head = b"%b %b HTTP/1.1\r\nhost: x\r\nx-api-key: %b\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    answer = ask_h1(secure, head % (method, CHAT, KEY[1], len(ASK)) + ASK)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 405 ")) and len(upstream.requests()) == before


NOISE = st.binary(max_size=12) | st.sampled_from([
    b"\r\n", b"\r\n\r\n", SECOND, b"\n", b"\r\nx: y", b"\0", b" ", b"content-length", b"transfer-encoding", b"chunked",
    b"0\r\n\r\n", b"?a=b", b"/../", b"//", b"5", b"GET", b":", b"\xff",
])  # fmt: skip
TEXT = st.lists(NOISE, max_size=3).map(b"".join)
MANY = settings(max_examples=60)


def check(upstream: Recorder, before: int) -> None:
    """At most one request came through, and its head is clean."""
    wait_for(lambda: not any(halves(bytes(seen)) for seen in upstream.connections))
    for seen in upstream.connections:
        rest = bytes(seen)
        for head, body in requests(rest):
            assert rest.startswith(head + b"\r\n\r\n" + body)
            rest = rest[len(head) + 4 + len(body) :]
            lines = head.split(b"\r\n")
            assert lines[0].startswith((b"POST /v1/", b"GET /v1/", b"GET /v1beta/models ")) and lines[0].endswith(
                b" HTTP/1.1"
            )
            assert not {byte for line in lines for byte in line if byte < 32 and byte != 9}
            names = [line.partition(b":")[0].lower() for line in lines[1:]]
            assert names.count(b"content-length") <= 1 and b"transfer-encoding" not in names
            assert KEY[1] not in head
    assert len(upstream.requests()) <= before + 1


@MANY
@given(TEXT, TEXT, TEXT, TEXT, TEXT, st.booleans())
def test_any_bytes_over_http_2(
    secure: Program, upstream: Recorder, path: bytes, name: bytes, value: bytes, method: bytes, host: bytes, body: bool
) -> None:
    before = len(upstream.requests())
    fields = h2_head(CHAT + path, (b"openai-" + name, value), (name, value), method=b"POST" + method, authority=host)
    ask_h2(secure, fields, ASK if body else b"")
    check(upstream, before)


@MANY
@given(TEXT, TEXT, TEXT, TEXT, TEXT)
def test_any_bytes_over_http_1(
    secure: Program, upstream: Recorder, path: bytes, name: bytes, value: bytes, method: bytes, body: bytes
) -> None:
    before = len(upstream.requests())
    head = b"POST%b %b%b HTTP/1.1\r\nhost: x\r\nx-api-key: %b\r\nconnection: close\r\nopenai-%b: %b\r\n"
    framing = b"content-length: %d\r\n\r\n" % (len(ASK) + len(body))
    with connect(secure, "http/1.1") as sock:
        sock.sendall(head % (method, CHAT, path, KEY[1], name, value) + framing + ASK + body)
        sock.settimeout(0.5)
        answer = b""
        try:
            while piece := sock.recv(65536):
                answer += piece
                if answer.startswith(b"HTTP/1.1 4"):
                    break
        except TimeoutError:
            pass
    check(upstream, before)


# ---- answers ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /health", 200),
        ("HEAD /health", 200),
        ("HEAD /health/ready", 200),
        ("HEAD /", 200),
        ("GET /v1/models", 200),
        ("POST //v1/chat/completions", 200),
        ("POST /v1//chat/completions", 200),
        ("GET /metrics", 401),
        ("GET /nothing", 404),
        ("GET /v1/responses/resp_1", 404),
        ("POST /v1/embeddings", 503),
        ("OPTIONS /v1/models", 405),
        ("BREW /v1/models", 405),
        ("GET /v1/../login", 400),
        ("GET /\x7f", 400),
    ],
)
def test_no_answer_of_the_gateway_is_a_page(secure: Program, line: str, status: int) -> None:
    body = ASK if line.startswith("POST") else b""
    head = b"%b HTTP/1.1\r\nhost: x\r\nx-api-key: %b\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    answer = ask_h1(secure, head % (line.encode(), KEY[1], len(body)) + body)
    said = answer.partition(b"\r\n\r\n")[0].lower()
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert said.count(b"\r\nx-content-type-options: nosniff") == 1
    assert said.count(b"\r\ncontent-security-policy: sandbox; default-src 'none'") == 1
    assert said.count(b"\r\ncontent-type: ") == 1 and b"content-type: text/html" not in said
    assert b"\r\nconnection: close" in said
    if line.startswith("HEAD"):
        assert answer.endswith(b"\r\n\r\n")


def test_the_panel_says_for_itself_what_its_pages_may_do_and_stays_with_tls(secure: Program) -> None:
    answer = ask_h1(secure, b"GET /login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").lower()
    assert b"sandbox" not in answer.partition(b"\r\n\r\n")[0] and b"\r\nstrict-transport-security: max-age=" in answer
