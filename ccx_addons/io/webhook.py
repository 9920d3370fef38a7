"""Telling people through a webhook: the message in the form of where it goes, its signature, and one request.

Formats and signatures as the vendors say them: Slack (docs.slack.dev, incoming webhooks), Feishu and Lark
(open.feishu.cn/document, custom bots), DingTalk (open.dingtalk.com/document, custom robots), Telegram
(core.telegram.org/bots/api#sendmessage). ``plain`` is JSON of our own with an HMAC of the time and the body.
"""

import base64
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import httpx

from ccx_addons.core.addresses import is_public
from ccx_addons.core.config import Alert
from ccx_addons.io import answers, outward

TIMEOUT: Final = 10.0
MAX_ANSWER: Final = 64 << 10
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
    return [str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def send(alert: Alert, message: Message, now: float, names: Names = look_up) -> Told:
    """One try. Waits for the network, for some seconds at most; never raises."""
    post = post_of(alert, message, now)
    proxy = outward.environment().proxy_for(alert.url)
    try:
        url, more = post.url, dict[str, Any]()
        if proxy is None:
            url, more = pinned(post.url, alert.private, names)
        headers = {**post.headers, **more.pop("headers", {})}
        with (
            answers.client(outward.client_context(None), proxy, TIMEOUT) as client,
            client.stream("POST", url, content=post.body, headers=headers, **more) as answer,
        ):
            read = bytearray()
            for chunk in answer.iter_raw():
                read += chunk
                if len(read) > MAX_ANSWER:
                    break
            return judged(alert, answer.status_code, bytes(read))
    except Refused as refused:
        return Told(False, words=str(refused))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Told(False, words=type(error).__name__, again=True)  # its text may hold the address


class Refused(Exception):
    """An address that must not be asked. Its text names no part of it."""


def pinned(url: str, private: bool, names: Names) -> tuple[str, dict[str, Any]]:
    """The URL with the address that was checked in place of the host, and what httpx needs so that the host stays what
    is asked for. Raises Refused, OSError."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    found = [ipaddress.ip_address(address) for address in names(host, port)]
    if not found:
        raise OSError("the name has no address")
    if not private and not all(map(is_public, found)):
        raise Refused("its host is not on the public internet; private: true allows it")
    address = f"[{found[0]}]" if found[0].version == 6 else str(found[0])
    at = parts._replace(netloc=f"{address}:{port}").geturl()
    named = parts.netloc.rpartition("@")[2]
    return at, {"headers": {"host": named}, "extensions": {"sni_hostname": host}}


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
