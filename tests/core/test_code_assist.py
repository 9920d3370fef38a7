import json
from typing import Any

import pytest

from ccx_addons.core.code_assist import answer_in, asked_in, closed, enclosed, is_code_assist, is_enclosed, opened
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.wire_json import JsonBody

INNER = '{ "contents": [{"parts": [{"text": "ü \\u00fc"}]}] }'
ENVELOPE = f'{{"model":  "m", "project": "p", "request": {INNER}, "user_prompt_id": "u"}}'


@pytest.mark.parametrize(
    "url",
    [
        "https://cloudcode-pa.googleapis.com",
        "https://daily-cloudcode-pa.sandbox.googleapis.com",
        "http://127.0.0.1:9/v1internal",
        "https://proxy.test/google/v1internal/",
    ],
)
def test_where_code_assist_is(url: str) -> None:
    assert is_code_assist(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://generativelanguage.googleapis.com",
        "https://cloudcode-pa.googleapis.com.evil.test",
        "https://evilcloudcode-pa.googleapis.com",
        "https://a.test/v1internal/more",
        "https://a.test/v1beta",
    ],
)
def test_where_it_is_not(url: str) -> None:
    assert not is_code_assist(url)


def test_what_stands_in_an_envelope_keeps_its_bytes() -> None:
    envelope = JsonBody.parse(ENVELOPE.encode())
    inner, model = opened(envelope)
    assert (inner.text, model) == (INNER, "m")
    assert closed(envelope, INNER.encode()) == ENVELOPE.encode()
    assert closed(envelope, INNER.encode(), "n") == ENVELOPE.replace('"m"', '"n"').encode()
    assert closed(envelope, b'{"contents":[]}').decode() == ENVELOPE.replace(INNER, '{"contents":[]}')


def test_a_count_has_its_model_inside() -> None:
    envelope = JsonBody.parse(b'{"request": {"model": "models/m", "contents": []}}')
    inner, model = opened(envelope)
    assert model == "m"
    assert json.loads(closed(envelope, inner.text.encode(), "n"))["request"]["model"] == "models/n"


@pytest.mark.parametrize("body", ["{}", '{"request": null}', '{"request": "x"}', '{"request": {"a": 1, "a": 2}}'])
def test_what_is_no_envelope(body: str) -> None:
    with pytest.raises(BadRequest) as caught:
        opened(JsonBody.parse(body.encode()))
    assert caught.value.param == "request"


def test_both_forms_are_read() -> None:
    plain: dict[str, Any] = {"contents": []}
    assert asked_in(plain) is plain and asked_in({"model": "m", "request": plain}) is plain
    assert asked_in({**plain, "request": {"contents": [1]}})["contents"] == []
    assert is_enclosed(ENVELOPE) and not is_enclosed(INNER) and not is_enclosed('{"request": ')
    answer: dict[str, Any] = {"candidates": []}
    assert answer_in(answer) is answer and answer_in({"response": answer, "traceId": "t"}) is answer
    assert answer_in({"error": {}}) == {"error": {}}
    assert json.loads(enclosed(json.dumps(answer).encode())) == {"response": answer}
