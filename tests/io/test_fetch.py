"""Pictures by address: what is fetched, and what never is."""

import asyncio
import base64
import ipaddress
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from ccx_addons.core.config import Channel, Key
from ccx_addons.core.neutral import Media
from ccx_addons.io import fetch
from ccx_addons.io.fetch import FetchRefused, is_public
from scripts.fake.answers import PIXEL

PICTURE = base64.b64decode(PIXEL)


class Site:
    """Serves PATHS; counts what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        outer = self

        class Serve(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("host", "")))
                status, headers, body = outer.answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except ConnectionError:
                    """The reader had enough."""

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Serve)
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        match path:
            case "/a.png":
                return 200, {"content-type": "image/png; charset=binary"}, PICTURE
            case "/moved":
                return 302, {"location": "/a.png"}, b""
            case "/round":
                return 302, {"location": "/round"}, b""
            case "/page":
                return 200, {"content-type": "text/html"}, b"<html>"
            case "/large":
                return 200, {"content-type": "image/png"}, bytes(2000)
            case "/packed":
                return 200, {"content-type": "image/png", "content-encoding": "gzip"}, PICTURE
            case "/inside":
                return 302, {"location": f"http://127.0.0.1:{self.port}/a.png"}, b""
            case "/tofile":
                return 302, {"location": "file:///etc/passwd"}, b""
        return 404, {}, b""


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.server.shutdown()
    found.server.server_close()


def get(url: str, *own: str) -> Media:
    async def run() -> Media:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await fetch.fetch(client, url, frozenset(own))

    return asyncio.run(run())


@pytest.mark.parametrize("path", ["/a.png", "/moved"])
def test_a_picture_of_a_trusted_host(site: Site, path: str) -> None:
    assert get(site.url + path, "localhost") == Media("image/png", data=PIXEL)
    assert site.asked[-1] == ("/a.png", f"localhost:{site.port}")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/page", "no picture"),
        ("/gone", "404"),
        ("/round", "too often"),
        ("/packed", "encoding"),
        ("/inside", "not on the public internet"),
        ("/tofile", "plain http or https"),
    ],
)
def test_what_is_no_picture(site: Site, path: str, words: str) -> None:
    with pytest.raises(FetchRefused, match=words):
        get(site.url + path, "localhost")


def test_a_picture_that_is_too_large(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_SIZE", 1000)
    with pytest.raises(FetchRefused, match="larger"):
        get(f"{site.url}/large", "localhost")


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/a.png",
        "http://127.0.0.1:{port}/a.png",
        "http://2130706433:{port}/a.png",
        "http://[::1]:{port}/a.png",
        "http://[::ffff:127.0.0.1]:{port}/a.png",
        "http://0.0.0.0:{port}/a.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/a.png",
        "http://user:word@localhost:{port}/a.png",
        "ftp://localhost:{port}/a.png",
        "file:///etc/passwd",
        "http://",
        "http://[::1/a.png",
        "http://localhost:99999/a.png",
        "http://nowhere.invalid/a.png",
    ],
)
def test_addresses_that_are_never_asked(site: Site, url: str) -> None:
    with pytest.raises(FetchRefused):
        get(url.format(port=site.port))
    assert site.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("100.64.0.1", False),
        ("192.168.1.1", False),
        ("224.0.0.1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


def test_each_address_once_and_why_not(site: Site) -> None:
    own = Channel("ch_1", "c", "chat", (f"{site.url}/v1",), (Key("k", "s"),), frozenset({"chat"}))
    good, gone = f"{site.url}/a.png", f"{site.url}/gone"
    found, losses = asyncio.run(fetch.pictures([good, gone, good, "http://10.0.0.1/x"], own))
    assert found == {good: Media("image/png", data=PIXEL)}
    assert sorted(loss.reason for loss in losses) == [
        "the picture's address answers 404",
        "the picture's host is not on the public internet",
    ]
    assert [path for path, _ in site.asked].count("/a.png") == 1
