"""Webhooks: each in its form, signed, to the address that was checked, and what an answer means."""

import hashlib
import hmac
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ccx_addons.core.config import Alert
from ccx_addons.io import answers, webhook
from ccx_addons.io.pinned import Refused
from ccx_addons.io.webhook import Message, judged, post_of, send, way

NOW = 1_795_600_800.0
ALERT = Alert("ops", "https://hooks.example.com/x?access_token=T", secret="hush")
MESSAGE = Message("id-1", "key", "firing", "key <!channel> & is out", "why", NOW)
TEXT = "⚠ CCX: key <!channel> & is out\nwhy"


def body_of(alert: Alert) -> Any:
    return json.loads(post_of(alert, MESSAGE, NOW).body)


def test_plain_is_signed() -> None:
    post = post_of(ALERT, MESSAGE, NOW)
    stamp = post.headers["x-ccx-timestamp"]
    expected = hmac.new(b"hush", f"{stamp}.".encode() + post.body, hashlib.sha256).hexdigest()
    assert post.headers["x-ccx-signature"] == f"v1={expected}" and stamp == "1795600800"
    assert post.headers["x-ccx-delivery"] == "id-1" and post.url == ALERT.url
    assert json.loads(post.body) == {
        "id": "id-1", "event": "key", "state": "firing", "subject": MESSAGE.subject, "text": "why",
        "at": 1_795_600_800_000,
    }  # fmt: skip
    assert "x-ccx-signature" not in post_of(replace(ALERT, secret=""), MESSAGE, NOW).headers


def test_slack_escapes() -> None:
    assert body_of(replace(ALERT, format="slack")) == {"text": "⚠ CCX: key &lt;!channel&gt; &amp; is out\nwhy"}


def test_feishu() -> None:
    """The signature of timestamp and secret over nothing, from the vendor's own recipe."""
    found = body_of(replace(ALERT, format="feishu"))
    digest = hmac.new(b"1795600800\nhush", b"", hashlib.sha256).digest()
    assert found["sign"] == __import__("base64").b64encode(digest).decode() and found["timestamp"] == "1795600800"
    assert found["msg_type"] == "text" and "<" not in found["content"]["text"]
    assert "sign" not in body_of(replace(ALERT, format="feishu", secret=""))


def test_dingtalk() -> None:
    post = post_of(replace(ALERT, format="dingtalk"), MESSAGE, NOW)
    query = parse_qs(urlsplit(post.url).query)
    digest = hmac.new(b"hush", b"1795600800000\nhush", hashlib.sha256).digest()
    assert query["sign"] == [__import__("base64").b64encode(digest).decode()]
    assert query["access_token"] == ["T"] and query["timestamp"] == ["1795600800000"]
    assert json.loads(post.body) == {"msgtype": "text", "text": {"content": TEXT}}


def test_telegram() -> None:
    found = body_of(replace(ALERT, format="telegram", chat="-100"))
    assert found["chat_id"] == "-100" and found["text"] == TEXT and "parse_mode" not in found


def test_what_is_over() -> None:
    assert replace(MESSAGE, state="resolved", text="").whole.startswith("✓ CCX: ")


@pytest.mark.parametrize(
    ("form", "status", "body", "ok", "again"),
    [
        ("plain", 200, b"", True, False),
        ("plain", 204, b"", True, False),
        ("plain", 302, b"", False, False),
        ("plain", 404, b"no", False, False),
        ("plain", 429, b"", False, True),
        ("plain", 503, b"", False, True),
        ("slack", 200, b"ok", True, False),
        ("feishu", 200, b'{"code":0,"msg":"success"}', True, False),
        ("feishu", 200, b'{"code":19021,"msg":"sign match fail"}', False, False),
        ("feishu", 200, b'{"code":9499,"msg":"too many request"}', False, True),
        ("dingtalk", 200, b'{"errcode":310000,"errmsg":"sign not match"}', False, False),
        ("dingtalk", 200, b'{"errcode":0}', True, False),
        ("telegram", 400, b'{"ok":false}', False, False),
        ("telegram", 200, b'{"ok":false}', False, False),
        ("plain", 200, b'{"code":5}', True, False),
    ],
)
def test_answers(form: Any, status: int, body: bytes, ok: bool, again: bool) -> None:
    found = judged(replace(ALERT, format=form), status, body)
    assert (found.ok, found.again, found.status) == (ok, again, status)


class Receiver(http.server.BaseHTTPRequestHandler):
    seen: list[tuple[str, dict[str, str], bytes]]
    answer: int
    said: bytes

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.answer)
        if self.answer == 302:
            self.send_header("location", "/elsewhere")
        self.end_headers()
        self.wfile.write(self.said)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def receiver() -> Iterator[tuple[str, type[Receiver]]]:
    made = type("Made", (Receiver,), {"seen": [], "answer": 200, "said": b"said"})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), made)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", made
    server.shutdown()
    thread.join()
    server.server_close()


def test_sending(receiver: tuple[str, type[Receiver]]) -> None:
    url, made = receiver
    told = send(Alert("a", url, secret="s", private=True), MESSAGE, NOW)
    assert told.ok and told.status == 200
    ((path, headers, body),) = made.seen
    assert path == "/hook" and json.loads(body)["id"] == "id-1" and headers["x-ccx-signature"].startswith("v1=")
    assert headers["host"] == urlsplit(url).netloc


@pytest.mark.parametrize(("status", "again"), [(302, False), (500, True), (403, False)])
def test_a_refusal_is_told_and_no_redirect_is_followed(
    receiver: tuple[str, type[Receiver]], status: int, again: bool
) -> None:
    url, made = receiver
    made.answer = status
    told = send(Alert("a", url, private=True), MESSAGE, NOW)
    assert (told.ok, told.status, told.words, told.again) == (False, status, "said", again) and len(made.seen) == 1


def test_nobody_is_there() -> None:
    told = send(Alert("a", "http://127.0.0.1:1/secret-path", private=True), MESSAGE, NOW)
    assert not told.ok and told.again and "secret-path" not in told.words


def test_own_network_unless_it_is_said(receiver: tuple[str, type[Receiver]]) -> None:
    url, made = receiver
    told = send(Alert("a", url), MESSAGE, NOW)
    assert not told.ok and not told.again and "public" in told.words and made.seen == []


def test_an_answer_without_an_end_is_left(
    receiver: tuple[str, type[Receiver]],
) -> None:
    receiver[1].said = bytes(answers.MAX_ANSWER + 1)
    told = send(Alert("a", receiver[0], private=True), MESSAGE, NOW)
    assert not told.ok and not told.again and "larger" in told.words


def nobody(host: str, port: int) -> list[str]:
    raise OSError


def test_a_proxy_is_no_way_into_the_own_network() -> None:
    with pytest.raises(Refused):
        way("https://169.254.169.254/x", False, webhook.look_up, True)
    assert way("https://h.example/x", False, lambda host, port: ["93.184.216.34"], True) == ("https://h.example/x", {})
    assert way("https://only.the.proxy.knows/x", False, nobody, True) == ("https://only.the.proxy.knows/x", {})
    with pytest.raises(OSError):
        way("https://only.the.proxy.knows/x", False, nobody, False)


def test_a_name_that_is_none_ends_nothing() -> None:
    told = send(Alert("a", f"https://{'a' * 70}.example/"), MESSAGE, NOW)
    assert not told.ok and told.again


def test_names() -> None:
    assert "127.0.0.1" in webhook.look_up("127.0.0.1", 80)
