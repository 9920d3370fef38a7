"""What a head says of its body, and to browsers."""

import pytest
from mitmproxy import http

from ccx_addons.core.config import Snapshot
from ccx_addons.core.exchange import Exchange
from ccx_addons.proxy import answers

LOOSE = {"content-encoding": "gzip", "transfer-encoding": "chunked", "content-length": "9", "x-a": "1"}


def response(status: int = 200, **more: str) -> http.Response:
    made = http.Response.make(status, b"", {name.replace("_", "-"): value for name, value in more.items()} | LOOSE)
    made.data.reason = b"O\x00K"
    return made


@pytest.mark.parametrize(("status", "length"), [(200, "3"), (404, "3"), (204, None), (304, None)])
def test_whole(status: int, length: str | None) -> None:
    made = response(status)
    answers.whole(made, b"abc")
    assert made.raw_content == b"abc" and made.headers.get("content-length") == length
    assert set(made.headers) - {"content-length"} == {"x-a"}


@pytest.mark.parametrize(("chunks", "coding"), [(True, "chunked"), (False, None)])
def test_streamed(chunks: bool, coding: str | None) -> None:
    made = response()
    answers.streamed(made, chunks)
    assert made.headers.get("transfer-encoding") == coding
    assert set(made.headers) - {"transfer-encoding"} == {"x-a"}


@pytest.mark.parametrize("panel", [True, False])
@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_what_a_browser_may_do(panel: bool, secure: bool, known: bool) -> None:
    x = Exchange("id", 0, 0, Snapshot("r", 0), "GET", "/", "", ()) if known or panel else None
    if panel and x:
        x.forward = ("127.0.0.1", 1)
    made = response(content_security_policy="default-src *", x_content_type_options="x")
    answers.finish(made, x, secure)
    headers = made.headers
    assert headers.get_all("content-security-policy") == ["default-src *" if panel else "sandbox; default-src 'none'"]
    assert headers.get_all("x-content-type-options") == ["x" if panel else "nosniff"]
    assert ("strict-transport-security" in headers) is secure
    assert made.reason == "OK"
