import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.body import Body, read_body
from ccx_addons.core import endpoints
from ccx_addons.core.config import Kind
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.patient_json import BIG
from ccx_addons.runtime import Runtime
from tests.addons.flows import flow
from tests.addons.values import exchange

LIMIT = 10_000
FORM = (
    b'--B\r\ncontent-disposition: form-data; name="model"\r\n\r\ngpt-image-1\r\n'
    b'--B\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n\x89PNG\r\n'
    b'--B\r\ncontent-disposition: form-data; name="stream"\r\n\r\nTrue\r\n--B--\r\n'
)


def asked(path: str, method: str = "POST") -> Exchange:
    x = exchange("chat", model="")
    x.method, x.path, x.match = method, path, endpoints.find(method, path)
    assert x.match
    return x


def read(path: str, body: bytes, method: str = "POST", **headers: Any) -> Exchange:
    x = asked(path, method)
    read_body(flow(method, path, body, **headers).request, x, LIMIT)
    return x


@pytest.mark.parametrize(
    ("path", "body", "model", "stream"),
    [
        pytest.param("/v1/messages", {"model": "opus"}, "opus", False, id="no stream"),
        pytest.param("/v1/messages", {"model": "opus", "stream": True}, "opus", True, id="stream"),
        pytest.param("/v1/messages", {"model": "opus", "stream": "true"}, "opus", False, id="text is no flag"),
        pytest.param("/v1/messages/count_tokens", {"model": "o", "stream": True}, "o", False, id="never streams"),
        pytest.param("/v1beta/models/g:streamGenerateContent", {"model": "x"}, "g", True, id="model in the path"),
        pytest.param("/v1beta/models/a%2Fb:generateContent", {}, "a/b", False, id="encoded model"),
        pytest.param("/v1/chat/completions", {"model": "中"}, "中", False, id="any name"),
    ],
)
def test_what_is_asked(path: str, body: dict[str, Any], model: str, stream: bool) -> None:
    raw = json.dumps(body).encode()
    x = read(path, raw)
    assert (x.model, x.stream, x.raw) == (model, stream, raw) and x.body and x.body.members == body


def test_a_form() -> None:
    x = read("/v1/images/edits", FORM, content_type="multipart/form-data; boundary=B")
    assert (x.model, x.stream, x.body) == ("gpt-image-1", True, None) and x.form and x.raw == FORM


def test_a_packed_body_is_unpacked_once() -> None:
    raw = b'{"model": "m"}'
    assert read("/v1/messages", gzip.compress(raw), content_encoding="gzip").raw == raw


@pytest.mark.parametrize(
    ("method", "path", "model"),
    [("GET", "/v1/models/gpt-5", "gpt-5"), ("GET", "/v1/models", ""), ("GET", "/v1/responses/resp_1", "")],
)
def test_requests_without_a_body(method: str, path: str, model: str) -> None:
    x = read(path, b"", method)
    assert (x.model, x.stream, x.body) == (model, False, None)


@pytest.mark.parametrize(
    ("path", "body", "headers", "words", "param"),
    [
        pytest.param("/v1/messages", b"", {}, "not valid JSON", "", id="empty"),
        pytest.param("/v1/messages", b"[]", {}, "must be a JSON object", "", id="list"),
        pytest.param("/v1/messages", b"{", {}, "not valid JSON", "", id="cut"),
        pytest.param("/v1/messages", b"\xff{}", {}, "not UTF-8", "", id="no text"),
        pytest.param("/v1/messages", b'{"a":1,"a":2}', {}, "stands twice", "", id="member twice"),
        pytest.param("/v1/messages", b"{}", {}, "names no model", "model", id="no model"),
        pytest.param("/v1/messages", b'{"model": 5}', {}, "names no model", "model", id="number"),
        pytest.param("/v1/messages", b'{"model": "a\\nb"}', {}, "is not a name", "model", id="two lines"),
        pytest.param("/v1/messages", b'{"model": "\\ud800"}', {}, "is not a name", "model", id="half a character"),
        pytest.param("/v1/messages", json.dumps({"model": "m" * 257}).encode(), {}, "is not a name", "model", id="long"),
        pytest.param("/v1/messages", b"xyz", {"content_encoding": "gzip"}, "the request body has bytes", "", id="no gzip"),
        pytest.param("/v1/messages", b"x", {"content_encoding": "rot13"}, "an unknown content-encoding", "", id="rot13"),
        pytest.param(
            "/v1/messages", gzip.compress(b" " * 20_000), {"content_encoding": "gzip"}, "inflates past", "", id="bomb"
        ),
        pytest.param(
            "/v1/images/edits", b"x", {"content_type": "multipart/form-data; boundary=B"}, "malformed", "", id="no form"
        ),
        pytest.param(
            "/v1/images/edits", FORM.replace(b'"model"', b'"modle"'),
            {"content_type": "multipart/form-data; boundary=B"}, "names no model", "model", id="form without model",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(path: str, body: bytes, headers: Mapping[str, str], words: str, param: str) -> None:
    with pytest.raises(BadRequest, match=words) as caught:
        read(path, body, **headers)
    assert caught.value.param == param


@given(st.binary(max_size=60), st.sampled_from(["", "gzip", "deflate", "br", "zstd", "gzip, br"]))
def test_any_bytes_are_read_or_refused(body: bytes, encoding: str) -> None:
    try:
        assert read("/v1/messages", body, content_encoding=encoding).model
    except BadRequest as bad:
        assert str(bad)


@pytest.mark.parametrize(("kind", "error"), [("messages", "invalid_request_error"), ("chat", "invalid_request_error")])
def test_the_addon_answers_400(runtime: Runtime, kind: Kind, error: str) -> None:
    request = flow(x=exchange(kind), body=b"{}")
    Body(runtime).request(request)
    assert request.response and request.response.status_code == 400
    assert json.loads(request.response.content or b"")["error"]["type"] == error


@pytest.mark.parametrize("big", [{"body": b" " * BIG}, {"body": b"x", "content_encoding": "gzip"}])
async def test_what_may_be_large_is_read_beside_the_loop(runtime: Runtime, big: dict[str, Any]) -> None:
    request = flow(x=exchange(), **big)
    waiting = Body(runtime).request(request)
    assert waiting is not None and request.response is None
    await waiting
    assert request.response is not None


async def test_the_addon_bounds_by_its_setting(runtime: Runtime) -> None:
    runtime.settings = replace(runtime.settings, max_request_body_mb=0.001)
    request = flow(x=exchange(), body=gzip.compress(b" " * 2000), content_encoding="gzip")
    waiting = Body(runtime).request(request)
    assert waiting is not None
    await waiting
    assert request.response and request.response.status_code == 413
    assert b"MAX_REQUEST_BODY_MB" in (request.response.content or b"")
