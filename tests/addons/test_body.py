import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.body import Body, read_body
from ccx_addons.core import endpoints
from ccx_addons.core.config import DEFAULT_CLIENT, Client, Kind
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.patient_json import BIG
from ccx_addons.processes.runtime import Runtime
from tests.addons.flows import flow
from tests.addons.values import exchange

LIMIT = 10_000
MODEL = b'--B\r\ncontent-disposition: form-data; name="model"\r\n\r\nother\r\n'
FORM = (
    b'--B\r\ncontent-disposition: form-data; name="model"\r\n\r\ngpt-image-1\r\n'
    b'--B\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n\x89PNG\r\n'
    b'--B\r\ncontent-disposition: form-data; name="stream"\r\n\r\nTrue\r\n--B--\r\n'
)


def asked(path: str, method: str = "POST") -> Exchange:
    x = exchange("chat", model="")
    x.method, (x.path, _, x.query) = method, path.partition("?")
    x.ask(endpoints.find(method, x.path))
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
        pytest.param("/v1/messages", {"model": "opus", "stream": None}, "opus", False, id="null is no stream"),
        pytest.param("/v1/messages?model=opus", {"model": "opus"}, "opus", False, id="the same model in the query"),
        pytest.param("/v1/messages/count_tokens", {"model": "o", "stream": True}, "o", False, id="never streams"),
        pytest.param(
            "/v1beta/models/g:streamGenerateContent",
            {"model": "models/g", "stream": "x"},
            "g",
            True,
            id="model in the path",
        ),
        pytest.param("/v1beta/models/a%2Fb:generateContent", {}, "a/b", False, id="encoded model"),
        pytest.param("/v1/chat/completions", {"model": "中"}, "中", False, id="any name"),
    ],
)
def test_what_is_asked(path: str, body: dict[str, Any], model: str, stream: bool) -> None:
    raw = json.dumps(body).encode()
    x = read(path, raw)
    assert (x.model, x.stream, x.raw) == (model, stream, raw) and x.body and x.body.members == body


def test_what_stands_in_an_envelope() -> None:
    raw = b'{"model": "g", "request": {"contents": [1]}, "project": "p"}'
    x = read("/v1internal:streamGenerateContent?alt=sse", raw)
    assert x.body and x.envelope and (x.model, x.stream, x.raw, x.asked) == ("g", True, b'{"contents": [1]}', raw)


def test_what_an_account_is_asked_names_no_model() -> None:
    x = read("/v1internal:loadCodeAssist", b'{"metadata": {}}')
    assert (x.model, x.envelope, x.stream) == ("", None, False) and x.body


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
            "/v1/images/edits", b"x", {"content_type": "multipart/form-data; boundary=B"}, "begin with its boundary", "",
            id="no form",
        ),
        pytest.param(
            "/v1/images/edits", FORM.replace(b"--B\r\n", MODEL + b"--B\r\n", 1),
            {"content_type": "multipart/form-data; boundary=B"}, "'model' stands twice", "", id="a form with two models",
        ),
        pytest.param(
            "/v1/images/edits", FORM.replace(b"True", b"yes"), {"content_type": "multipart/form-data; boundary=B"},
            "stream must be true or false", "stream", id="a form's stream",
        ),
        *(
            pytest.param(path, FORM, {"content_type": kind}, "takes a JSON body", "", id=f"{path} {kind}")
            for path, kind in (
                ("/v1/responses", "multipart/form-data; boundary=B"),
                ("/v1/images/edits", "multipart/mixed; boundary=B"),
            )
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


GEMINI = "/v1beta/models/g"
STREAMING = ("/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/images/generations")
VALUES: tuple[Any, ...] = ("true", 1, 0, "yes", [], {})
TYPES = [
    *((path, {"stream": value}, "stream") for path in STREAMING for value in VALUES),
    ("/v1/responses", {"store": "false"}, "store"),
    ("/v1/responses", {"background": 1}, "background"),
    ("/v1/responses", {"previous_response_id": ["resp_1"]}, "previous_response_id"),
    *(("/v1/chat/completions", {name: "x"}, name.lower()) for name in ("Model", "MODEL", "Stream", "sTream")),
    ("/v1/chat/completions", {"\u017ftream": True}, "stream"),
]


@pytest.mark.parametrize(("path", "more", "param"), TYPES)
def test_members_that_readers_could_take_otherwise(path: str, more: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(path, json.dumps({"model": "m", **more}).encode())
    assert caught.value.param == param


@pytest.mark.parametrize("model", ["..", ".", "../x", "a/../b", "a/./b", "a/..", "a\\..\\b", " m", "m ", "m\u00a0"])
def test_names_that_are_paths_or_nearly_others(model: str) -> None:
    for path, body in (
        ("/v1/chat/completions", {"model": model}),
        (f"/v1beta/models/{quote(model, safe='')}:generateContent", {}),
    ):
        with pytest.raises(BadRequest, match="not a name"):
            read(path, json.dumps(body).encode())


@pytest.mark.parametrize("model", ["a/b", "@cf/meta/llama-3.1", "ft:gpt-4o:org::id", "accounts/x/models/y..z", "v1.5"])
def test_names_with_odd_characters(model: str) -> None:
    assert read("/v1/chat/completions", json.dumps({"model": model}).encode()).model == model


INNER = [
    (":generateContent", b'{"model": "models/other"}'),
    (":streamGenerateContent", b'{"model": "other"}'),
    (":embedContent", b'{"model": "models/other"}'),
    (":embedContent", b'{"model": ["models/g"]}'),
    (":batchEmbedContents", b'{"requests": [{"model": "models/g"}, {"model": "models/other"}]}'),
    (":batchEmbedContents", b'{"requests": [{"model": "models/other", "model": "models/g"}]}'),
    (":batchEmbedContents", b'{"requests": [{"mod\\u0065l": "models/other", "model": "models/g"}]}'),
    (":batchEmbedContents", b'{"requests": {"model": "models/other"}}'),
    (":countTokens", b'{"generateContentRequest": {"model": "models/other"}}'),
]


@pytest.mark.parametrize(("method", "body"), INNER)
def test_a_model_further_in_is_the_one_of_the_path(method: str, body: bytes) -> None:
    with pytest.raises(BadRequest):
        read(GEMINI + method, body)
    same = body.replace(b"other", b"g").replace(b'"mod\\u0065l": "models/g", ', b"").replace(b'["models/g"]', b'"g"')
    assert read(GEMINI + method, same.replace(b'"model": "models/g", ', b"")).model == "g"


@pytest.mark.parametrize(
    "query", ["model=other", "mod%65l=other", "Model=other", "engine=x", "model=m&model=other", "models=a"]
)
def test_a_query_that_names_another_model(query: str) -> None:
    with pytest.raises(BadRequest, match="not in the query"):
        read(f"/v1/chat/completions?{query}", b'{"model": "m"}')


def test_parameters_that_go_no_further_are_named() -> None:
    x = read("/v1/messages?beta=true&utm=1&key=x", b'{"model": "m"}')
    assert [(loss.path, loss.reason) for loss in x.ignored] == [("?utm", "it is no parameter of this path")]


def test_two_content_types() -> None:
    request = flow("POST", "/v1/chat/completions", b'{"model": "m"}', content_type="application/json").request
    request.headers.add("content-type", "application/x-www-form-urlencoded")
    with pytest.raises(BadRequest, match="two content-type"):
        read_body(request, asked("/v1/chat/completions"), LIMIT)


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


@pytest.mark.parametrize(("name", "refused"), [("alice", True), (DEFAULT_CLIENT, False)])
def test_files_of_the_account_are_the_operators(name: str, refused: bool) -> None:
    x = asked("/v1/responses")
    x.client = Client(name, "")
    body = b'{"model": "m", "input": [{"content": [{"type": "input_file", "fil\\u0065_id": "file_1"}]}]}'
    request = flow("POST", "/v1/responses", body).request
    if not refused:
        read_body(request, x, LIMIT)
        return
    with pytest.raises(BadRequest, match="'file_1' is not this client's"):
        read_body(request, x, LIMIT)
