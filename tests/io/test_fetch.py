"""Pictures by address: what is fetched, and what never is."""

import asyncio
import base64
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from ccx_addons.core.config import Channel, Key
from ccx_addons.core.neutral import Media
from ccx_addons.io import fetch, names
from ccx_addons.io.fetch import Bounds, FetchRefused
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
            case "/sheet":
                return 200, {"content-type": "image/png"}, b"<svg xmlns='http://www.w3.org/2000/svg'/>"
            case "/mislabelled":
                return 200, {"content-type": "image/jpg"}, PICTURE
            case path if path.startswith("/n"):
                return 200, {"content-type": "image/png"}, PICTURE
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


def get(url: str, *own: tuple[str, int], left: int = fetch.MAX_TOTAL) -> Media:
    async def run() -> Media:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await fetch.fetch(client, url, fetch.Bounds(frozenset(own), left))

    return asyncio.run(run())


@pytest.mark.parametrize("path", ["/a.png", "/moved"])
def test_a_picture_of_a_trusted_host(site: Site, path: str) -> None:
    assert get(site.url + path, ("localhost", site.port)) == Media("image/png", data=PIXEL)
    assert site.asked[-1] == ("/a.png", f"localhost:{site.port}")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/page", "no picture"),
        ("/sheet", "no picture that upstreams know"),
        ("/gone", "404"),
        ("/round", "too often"),
        ("/packed", "encoding"),
        ("/inside", "not on the public internet"),
        ("/tofile", "plain http or https"),
    ],
)
def test_what_is_no_picture(site: Site, path: str, words: str) -> None:
    with pytest.raises(FetchRefused, match=words):
        get(site.url + path, ("localhost", site.port))


def test_a_picture_that_is_too_large(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_SIZE", 1000)
    with pytest.raises(FetchRefused, match="larger"):
        get(f"{site.url}/large", ("localhost", site.port))


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
        "http://localhost:{port}\r\n/a.png",
        "http://[::127.0.0.1]:{port}/a.png",
        "http://127.1:{port}/a.png",
        "http://0177.0.0.1:{port}/a.png",
        "http://0x7f000001:{port}/a.png",
        "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460:{port}/a.png",
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


def channel_of(site: Site) -> Channel:
    return Channel("ch_1", "c", "chat", (f"{site.url}/v1",), (Key("k", "s"),), frozenset({"chat"}))


def test_only_the_very_port_is_trusted(site: Site) -> None:
    with pytest.raises(FetchRefused, match="public internet"):
        get(f"{site.url}/a.png", ("localhost", site.port + 1), ("127.0.0.1", site.port))
    assert site.asked == []


def test_the_first_bytes_say_what_it_is(site: Site) -> None:
    assert get(f"{site.url}/mislabelled", ("localhost", site.port)).mime == "image/png"


def test_the_name_is_looked_up_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that says something else the second time changes nothing."""
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def turning(host: str, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return look_up("127.0.0.1" if host == "turning.example" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", turning)
    url = f"http://turning.example:{site.port}/a.png"
    assert get(url, ("turning.example", site.port)).mime == "image/png"
    assert asked.count("turning.example") == 1
    assert site.asked == [("/a.png", f"turning.example:{site.port}")]


def test_pictures_of_one_request_are_counted(site: Site) -> None:
    urls = [f"{site.url}/n{n}" for n in range(130)]
    found, losses = asyncio.run(fetch.pictures(urls, channel_of(site), 20.0))
    assert found.keys() == set(urls[:100])
    assert [loss.reason for loss in losses] == ["only 100 pictures of a request are fetched, 30 are left"]


def test_pictures_of_one_request_are_weighed_together(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "AT_ONCE", 1)
    monkeypatch.setattr(fetch, "Bounds", lambda own: Bounds(own, 3 * len(PICTURE)))
    found, losses = asyncio.run(fetch.pictures([f"{site.url}/n{n}" for n in range(9)], channel_of(site), 20.0))
    assert len(found) == 3 and {loss.reason for loss in losses} == {
        "the pictures of the request are larger than 32 MB together"
    }


def test_names_that_nobody_answers_for_hold_up_few(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "running", lambda: fetch.MAX_LOOKUPS)
    with pytest.raises(FetchRefused, match="too many names"):
        get(f"{site.url}/a.png", ("localhost", site.port))
    assert site.asked == []


def test_no_picture_comes_after_the_requests_own_time(site: Site) -> None:
    found, losses = asyncio.run(fetch.pictures([f"{site.url}/a.png"], channel_of(site), 0.0))
    assert found == {} and [loss.reason for loss in losses] == ["the time for the whole request is over"]


def test_each_address_once_and_why_not(site: Site) -> None:
    own = channel_of(site)
    good, gone = f"{site.url}/a.png", f"{site.url}/gone"
    found, losses = asyncio.run(fetch.pictures([good, gone, good, "http://10.0.0.1/x"], own, 20.0))
    assert found == {good: Media("image/png", data=PIXEL)}
    assert sorted(loss.reason for loss in losses) == [
        "the picture's address answers 404",
        "the picture's host is not on the public internet",
    ]
    assert [path for path, _ in site.asked].count("/a.png") == 1
