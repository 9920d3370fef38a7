import json
from dataclasses import replace

import pytest
from google.genai import errors

from ccx_addons.core.neutral import FAULT_STATUS, Failed, Fault, FaultKind
from ccx_addons.protocols import gemini


def body(code: int, status: str, message: str = "no", **more: object) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "status": status, **more}}).encode()


@pytest.mark.parametrize(
    ("status", "data", "kind", "code", "message"),
    [
        pytest.param(
            400, body(400, "INVALID_ARGUMENT"), "invalid_request", "INVALID_ARGUMENT", "no", id="the vendor's"
        ),
        pytest.param(429, body(429, "RESOURCE_EXHAUSTED"), "rate_limit", "RESOURCE_EXHAUSTED", "no", id="limit"),
        pytest.param(503, body(503, "UNAVAILABLE"), "unavailable", "UNAVAILABLE", "no", id="overloaded"),
        pytest.param(404, b"[" + body(404, "NOT_FOUND") + b"]", "not_found", "NOT_FOUND", "no", id="in an array"),
        pytest.param(502, b"<html><title>Bad gateway</title>", "server", "", "a web page: Bad gateway", id="html"),
        pytest.param(500, b"", "server", "", "HTTP 500 without a message", id="nothing"),
        pytest.param(401, b'{"message": "who?"}', "authentication", "", "who?", id="a relay's"),
    ],
)
def test_decode_error(status: int, data: bytes, kind: FaultKind, code: str, message: str) -> None:
    fault = gemini.decode_error(status, {}, data)
    assert (fault.kind, fault.code, fault.message, fault.status) == (kind, code, message, status)


def test_retry_info_says_when_to_come_back() -> None:
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37.5s"},
    ]
    data = body(429, "RESOURCE_EXHAUSTED", details=details)
    assert gemini.decode_error(429, {}, data).retry_after == 37.5
    assert gemini.decode_error(429, {"retry-after": "3"}, data).retry_after == 3


@pytest.mark.parametrize("kind", FAULT_STATUS)
def test_the_official_client_raises_its_exception(kind: FaultKind) -> None:
    status, data = gemini.encode_error(Fault(kind, "words"), "req_1")
    assert status == FAULT_STATUS[kind]
    value = json.loads(data)
    wanted = errors.ClientError if status < 500 else errors.ServerError
    with pytest.raises(wanted) as caught:
        errors.APIError.raise_error(status, value, None)
    assert (caught.value.code, caught.value.message) == (status, "words")
    assert caught.value.status and gemini.decode_error(status, {}, data).message == "words"


def test_the_upstreams_status_and_delay_are_said() -> None:
    status, data = gemini.encode_error(Fault("rate_limit", "slow", 429, retry_after=7.2), "")
    assert status == 429
    assert gemini.decode_error(429, {}, data).retry_after == 8


def test_errors_in_streams() -> None:
    fault = Fault("overloaded", "busy")
    line, bare = gemini.encode_stream_error(fault), gemini.encode_bare_error(fault)
    error = {"error": {"code": 529, "message": "busy", "status": "UNAVAILABLE"}}
    assert line.startswith(b"data: ") and json.loads(line[6:]) == json.loads(bare) == error
    assert json.loads(b"[{}" + gemini.encode_array_error(fault)) == [{}, error]
    found = gemini.decoder()
    assert [*found.feed(bare + line), *found.flush()] == [Failed(replace(fault, status=529, code="UNAVAILABLE"))]


def test_an_error_in_a_stream_as_google_writes_it() -> None:
    said = b'data: {"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"}}]}\r\n\r\n'
    raw = json.dumps({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}, indent=2)
    found = gemini.decoder()
    events = [*found.feed(said), *found.feed(raw.encode()), *found.flush()]
    assert events[-1] == Failed(Fault("unavailable", "The model is overloaded.", 503, "UNAVAILABLE"))
