"""What the gateway asks of its own accord, against a real server on loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

from ccx_addons.core.config import Channel, Key, Kind, ModelMap, Target
from ccx_addons.io import probe

SECRET: Final = "sk-ant-secret-0123456789"
KEY: Final = Key("k_1", SECRET)

type Answer = tuple[int, bytes, str]


class Upstream:
    """Answers every request with ``answer`` and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Answer = (200, b"{}", "application/json")
        self.first: list[Answer] = []
        outer = self

        class Serve(BaseHTTPRequestHandler):
            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.asked.append((self.command, self.path, headers, body))
                status, content, kind = outer.first.pop(0) if outer.first else outer.answer
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("x-ccx-request-id", "r-new")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = serve

            def log_message(self, *arguments: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Serve)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def says(self, status: int, body: Any) -> None:
        self.answer = (status, json.dumps(body).encode(), "application/json")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    found = Upstream()
    yield found
    found.server.shutdown()
    found.server.server_close()


def channel(url: str, protocol: Kind = "messages", **more: Any) -> Channel:
    return Channel("ch_1", "one", protocol, (url,), (KEY,), frozenset({protocol}), **more)


# ---- models ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("protocol", "path", "credential", "body"),
    [
        pytest.param("messages", "/v1/models", "x-api-key", {"data": [{"id": "a"}]}, id="Anthropic"),
        pytest.param("chat", "/v1/models", "authorization", {"data": [{"id": "a"}]}, id="OpenAI"),
        pytest.param("gemini", "/v1beta/models", "x-goog-api-key", {"models": [{"name": "models/a"}]}, id="Gemini"),
    ],
)
def test_models(upstream: Upstream, protocol: Kind, path: str, credential: str, body: Any) -> None:
    upstream.says(200, body)
    found = probe.ask_models(channel(upstream.url, protocol), KEY)
    assert [model["id"] for model in found.models] == ["a"] and found.error == ""
    method, asked, headers, _ = upstream.asked[0]
    assert (method, asked.partition("?")[0]) == ("GET", path) and SECRET in headers[credential]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(
            (401, b'{"error": {"message": "invalid x-api-key"}}', "application/json"), "401: ", id="wrong key"
        ),
        pytest.param((200, b"<html>", "text/html"), "no list of models", id="HTML"),
        pytest.param((200, b'{"data": []}', "application/json"), "no list of models", id="empty"),
        pytest.param((500, b"", "text/plain"), "500: ", id="failure"),
    ],
)
def test_why_there_are_no_models(upstream: Upstream, answer: Answer, words: str) -> None:
    upstream.answer = answer
    found = probe.ask_models(channel(upstream.url), KEY)
    assert found.models == () and words in found.error


def test_a_key_in_an_error_is_masked(upstream: Upstream) -> None:
    upstream.says(401, {"error": {"type": "authentication_error", "message": f"wrong key {SECRET}"}})
    assert probe.ask_models(channel(upstream.url), KEY).error == "401: wrong key sk-a…6789"


async def test_list_models_asks_the_second_key(upstream: Upstream) -> None:
    upstream.says(401, {})
    keys = (KEY, Key("k_2", "sk-second-0123456780"))
    assert await probe.list_models(Channel("ch_1", "one", "chat", (upstream.url,), keys, frozenset({"chat"}))) == []
    assert [headers["authorization"][-4:] for _, _, headers, _ in upstream.asked] == ["6789", "6780"]


# ---- ping ------------------------------------------------------------------------------------------------------------
def test_ping(upstream: Upstream) -> None:
    upstream.says(404, {})
    found = probe.ping(channel(upstream.url), upstream.url)
    assert found.ok and found.status == 404 and found.address == "127.0.0.1"
    assert None not in (found.dns_ms, found.tcp_ms, found.http_ms) and found.tls_ms is None
    assert SECRET not in str(upstream.asked)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("http://127.0.0.1:1", "refused", id="nobody listens"),
        pytest.param("http://name.invalid", "host name", id="no such name"),
    ],
)
def test_ping_says_what_failed(url: str, words: str) -> None:
    found = probe.ping(channel(url), url)
    assert not found.ok and words in found.error.lower() and found.http_ms is None


# ---- test ------------------------------------------------------------------------------------------------------------
GOOD: Final[dict[Kind, Any]] = {
    "messages": {
        "id": "m", "type": "message", "role": "assistant", "model": "a", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "OK"}], "usage": {"input_tokens": 9, "output_tokens": 1},
    },
    "chat": {
        "id": "c", "object": "chat.completion", "model": "a", "created": 1,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "OK"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
    },
    "responses": {
        "id": "r", "object": "response", "model": "a", "status": "completed", "created_at": 1,
        "output": [{"type": "message", "id": "m", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "OK", "annotations": []}]}],
        "usage": {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10},
    },
    "gemini": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "OK"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 1},
    },
    "embeddings": {
        "object": "list", "model": "a", "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
        "usage": {"prompt_tokens": 9, "total_tokens": 9},
    },
}  # fmt: skip
PATHS: Final[dict[Kind, str]] = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/glm-5:generateContent",
    "embeddings": "/v1/embeddings",
}


@pytest.mark.parametrize("protocol", list(GOOD))
def test_a_test(upstream: Upstream, protocol: Kind) -> None:
    upstream.says(200, GOOD[protocol])
    mapped = ModelMap({"opus": (Target("glm-5"),)})
    found = probe.test(channel(upstream.url, protocol, models=mapped), KEY, "claude-opus-4-7")
    assert (found.ok, found.status, found.error, found.model) == (True, 200, "", "glm-5")
    assert found.usage and found.usage.input == 9
    method, path, _, body = upstream.asked[0]
    assert (method, path) == ("POST", PATHS[protocol])
    assert json.loads(body).get("model") == (None if protocol == "gemini" else "glm-5")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param((401, json.dumps({"error": {"message": f"bad {SECRET}"}}).encode(), "application/json"),
            "401: bad sk-a…6789", id="wrong key"),
        pytest.param((200, b"<html>login</html>", "text/html"), "not JSON", id="HTML"),
        pytest.param((200, b'{"error": {"message": "no credit"}}', "application/json"), "no credit", id="error in a 200"),
        pytest.param((302, b"", "text/plain"), "302", id="redirect"),
    ],
)  # fmt: skip
def test_a_test_that_fails(upstream: Upstream, answer: Answer, words: str) -> None:
    upstream.answer = answer
    found = probe.test(channel(upstream.url), KEY, "a")
    assert not found.ok and words in found.error and SECRET not in str(found)


def test_an_upstream_that_only_streams_is_asked_for_a_stream(upstream: Upstream) -> None:
    upstream.first = [(400, b'{"detail": "Stream must be set to true"}', "application/json")]
    done: dict[str, Any] = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}}
    done["response"]["usage"] = {"input_tokens": 9, "output_tokens": 1}
    said = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "OK"}
    upstream.answer = (
        200,
        b"".join(b"data: %s\n\n" % json.dumps(e).encode() for e in (said, done)),
        "text/event-stream",
    )
    found = probe.test(channel(upstream.url, "responses"), KEY, "gpt-5")
    assert (found.ok, found.text, found.usage and found.usage.input) == (True, "OK", 9)
    assert [json.loads(body).get("stream") for *_, body in upstream.asked] == [None, True]


def test_images_are_not_tested() -> None:
    assert "cost" in probe.test(channel("http://127.0.0.1:1", "images"), KEY, "a").error


@pytest.mark.parametrize("call", [probe.ask_models, lambda c, k: probe.test(c, k, "a")], ids=["models", "test"])
def test_no_connection(call: Callable[[Channel, Key], Any]) -> None:
    assert "refused" in call(channel("http://127.0.0.1:1"), KEY).error.lower()


# ---- replay ----------------------------------------------------------------------------------------------------------
def test_replay(upstream: Upstream) -> None:
    found = probe.replay(f"{upstream.url}/v1/messages", {"x-api-key": "k"}, b'{"a": 1}')
    assert (found.status, found.request_id, found.bytes) == (200, "r-new", 2)
    method, path, headers, body = upstream.asked[0]
    assert (method, path, headers["x-api-key"], body) == ("POST", "/v1/messages", "k", b'{"a": 1}')


def test_replay_without_a_gateway() -> None:
    assert probe.replay("http://127.0.0.1:1/v1/messages", {}, b"").error
