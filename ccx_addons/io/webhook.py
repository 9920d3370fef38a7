"""Telling people through a webhook: the message in the form of where it goes, its signature, and one request.

Formats and signatures as the vendors say them: Slack (docs.slack.dev, incoming webhooks), Feishu and Lark
(open.feishu.cn/document, custom bots), DingTalk (open.dingtalk.com/document, custom robots), Telegram
(core.telegram.org/bots/api#sendmessage). ``plain`` is JSON of our own with an HMAC of the time and the body.
"""

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import httpx

from ccx_addons.core.config import Alert
from ccx_addons.io import answers, outward
from ccx_addons.io.pinned import Refused, pinned

TIMEOUT: Final = 10.0
WORDS: Final = 300
"""Characters of an answer that are kept."""
AGAIN: Final = frozenset({408, 425, 429})
"""Statuses below 500 after which another try may help."""
PORTS: Final = {"https": 443, "http": 80}

type Names = Callable[[str, int], list[str]]
"""Host and port -> addresses. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Message:
    """``state``: firing, resolved or test. ``at``: Unix seconds."""

    id: str
    event: str
    state: str
    subject: str
    text: str
    at: float

    @property
    def title(self) -> str:
        return {"firing": "⚠ ", "resolved": "✓ "}.get(self.state, "") + f"CCX: {self.subject}"

    @property
    def whole(self) -> str:
        return "\n".join(filter(None, (self.title, self.text)))


@dataclass(frozen=True, slots=True)
class Post:
    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """``status`` 0: there was no answer. ``again``: another try may help. ``words``: why it did not work."""

    ok: bool
    status: int = 0
    words: str = ""
    again: bool = False


# ---- what is sent ----------------------------------------------------------------------------------------------------
def post_of(alert: Alert, message: Message, now: float) -> Post:
    """``now``: Unix seconds, which signatures hold."""
    url, headers = alert.url, {"content-type": "application/json; charset=utf-8", "user-agent": "ccx"}
    body: dict[str, Any]
    match alert.format:
        case "slack":
            body = {"text": message.whole.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
        case "feishu":
            body = {"msg_type": "text", "content": {"text": message.whole.replace("<", "＜")}}  # <at user_id="all">
            if alert.secret:
                stamp = str(int(now))
                body = {"timestamp": stamp, "sign": _sign(f"{stamp}\n{alert.secret}", ""), **body}
        case "dingtalk":
            body = {"msgtype": "text", "text": {"content": message.whole}}
            if alert.secret:
                stamp = str(int(now * 1000))
                sign = quote_plus(_sign(alert.secret, f"{stamp}\n{alert.secret}"))
                url += f"{'&' if '?' in url else '?'}timestamp={stamp}&sign={sign}"
        case "telegram":
            body = {"chat_id": alert.chat, "text": message.whole, "link_preview_options": {"is_disabled": True}}
        case _:
            body = {
                "id": message.id,
                "event": message.event,
                "state": message.state,
                "subject": message.subject,
                "text": message.text,
                "at": int(message.at * 1000),
            }
    data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    if alert.format == "plain":
        headers |= signed(alert.secret, data, message.id, now)
    return Post(url, data, headers)


def signed(secret: str, body: bytes, id: str, now: float) -> dict[str, str]:
    """Whoever knows the secret can check that the body is ours and how old it is."""
    stamp = str(int(now))
    headers = {"x-ccx-delivery": id, "x-ccx-timestamp": stamp}
    if secret:
        digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers["x-ccx-signature"] = f"v1={digest}"
    return headers


def _sign(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


# ---- sending ---------------------------------------------------------------------------------------------------------
def look_up(host: str, port: int) -> list[str]:
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError as error:  # a label of more than 63 characters
        raise OSError(f"the name is not valid: {error}") from None


def send(alert: Alert, message: Message, now: float, names: Names = look_up) -> Told:
    """One try. Waits for the network, for some seconds at most; never raises."""
    post = post_of(alert, message, now)
    proxy = outward.environment().proxy_for(alert.url)
    try:
        url, more = way(post.url, alert.private, names, proxy is not None)
        headers = {**post.headers, **more.pop("headers", {})}
        with answers.client(outward.client_context(None), proxy, TIMEOUT) as client:
            answer = answers.ask(client, "POST", url, content=post.body, headers=headers, **more)
        return judged(alert, answer.status, answer.body)
    except Refused as refused:
        return Told(False, words=f"its host {refused}; private: true allows it")
    except answers.Unreadable as unreadable:
        return Told(False, words=str(unreadable))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Told(False, words=type(error).__name__, again=True)  # its text may hold the address


def way(url: str, private: bool, names: Names, proxied: bool) -> tuple[str, dict[str, Any]]:
    """The URL that is asked, and what httpx needs for it. A proxy looks names up itself, and may know some that nobody
    here does. Raises Refused, OSError."""
    parts = urlsplit(url)
    try:
        found = names(parts.hostname or "", parts.port or PORTS[parts.scheme])
    except OSError:
        if proxied:
            return url, {}
        raise
    checked = pinned(url, found, private)
    return (url, {}) if proxied else checked


def judged(alert: Alert, status: int, body: bytes) -> Told:
    """Feishu and DingTalk say in a 200 that it did not work."""
    words = " ".join(body.decode("utf-8", "replace").split())[:WORDS]
    if not 200 <= status < 300:
        return Told(False, status, words, status >= 500 or status in AGAIN)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and alert.format in ("feishu", "dingtalk", "telegram"):
        code = found.get("code") or found.get("errcode") or found.get("StatusCode")
        if code or found.get("ok") is False:
            return Told(False, status, words, again=code in (9499, 11232, 130101))  # too many at once
    return Told(True, status)
