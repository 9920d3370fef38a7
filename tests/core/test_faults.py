import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.faults import MAX_TEXT, fault_of, quoting, read_fault
from ccx_addons.core.neutral import Fault

NOW = 1_700_000_000.0


def read(status: int, body: Any, headers: dict[str, str] | None = None) -> Fault:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_fault(status, headers or {}, raw, NOW)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        pytest.param(
            400,
            {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: required"}},
            Fault("invalid_request", "max_tokens: required", 400, type="invalid_request_error"),
            id="anthropic",
        ),
        pytest.param(
            429,
            {"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
            Fault("rate_limit", "slow down", 429, code="rate_limit_exceeded", type="requests"),
            id="openai",
        ),
        pytest.param(
            400,
            {"error": {"message": "bad", "type": "invalid_request_error", "param": "messages", "code": None}},
            Fault("invalid_request", "bad", 400, type="invalid_request_error", param="messages"),
            id="openai with a parameter",
        ),
        pytest.param(
            429,
            {
                "error": {
                    "code": 429,
                    "message": "quota",
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}],
                }
            },
            Fault("rate_limit", "quota", 429, code="RESOURCE_EXHAUSTED", retry_after=7.0),
            id="google",
        ),
        pytest.param(
            503,
            [{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}],
            Fault("unavailable", "overloaded", 503, code="UNAVAILABLE"),
            id="google in a list",
        ),
        pytest.param(500, {"error": "it broke"}, Fault("server", "it broke", 500), id="error is text"),
        pytest.param(500, "it broke", Fault("server", "it broke", 500), id="JSON text"),
        pytest.param(502, {"message": "no"}, Fault("server", "no", 502), id="message at the top"),
        pytest.param(
            422, {"detail": [{"msg": "a"}, {"msg": "b"}, {"x": 1}]}, Fault("invalid_request", "a; b", 422), id="FastAPI"
        ),
        pytest.param(403, {"code": 1113, "msg": "no"}, Fault("permission", "no", 403, code="1113"), id="relay"),
        pytest.param(
            400,
            {"error": {"message": "outer", "upstream_error": {"message": "inner"}}},
            Fault("invalid_request", "inner", 400),
            id="the upstream's upstream",
        ),
        pytest.param(
            502,
            b"<html><head><title>502 Bad\n Gateway</title></head>",
            Fault("server", "a web page: 502 Bad Gateway", 502),
            id="HTML",
        ),
        pytest.param(
            502,
            b"<html><title>" + b" " * 19_000 + b"<h1>\n" + b" " * 900 + b"<b>Bad</b> Gateway </h1>",
            Fault("server", "a web page: <b>Bad", 502),
            id="a page of blanks",
        ),
        pytest.param(
            400,
            b'data: {"error":{"code":"invalid_parameter_error","message":"no","type":"invalid_request_error"}}\n\n',
            Fault("invalid_request", "no", 400, code="invalid_parameter_error", type="invalid_request_error"),
            id="Alibaba: an event of a stream",
        ),
        pytest.param(500, b"data: words", Fault("server", "data: words", 500), id="an event without JSON"),
        pytest.param(500, b"plain words", Fault("server", "plain words", 500), id="plain text"),
        pytest.param(500, b"", Fault("server", "HTTP 500 without a message", 500), id="nothing"),
        pytest.param(500, b"{}", Fault("server", "an error without a message", 500), id="empty object"),
        pytest.param(500, b"42", Fault("server", "42", 500), id="a number"),
        pytest.param(500, b"\xff\xfe", Fault("server", "\ufffd\ufffd", 500), id="no text"),
    ],
)
def test_read_fault(status: int, body: Any, fault: Fault) -> None:
    assert read(status, body) == fault


@pytest.mark.parametrize(
    ("value", "kind", "status"),
    [
        ({"error": {"type": "overloaded_error", "message": "x"}}, "overloaded", 0),
        ({"error": {"type": "rate_limit_error", "message": "x"}}, "rate_limit", 0),
        ({"error": {"status": "RESOURCE_EXHAUSTED", "message": "x"}}, "rate_limit", 0),
        ({"error": {"code": "insufficient_quota", "message": "x"}}, "billing", 0),
        ({"error": {"code": "invalid_api_key", "message": "x"}}, "authentication", 0),
        ({"error": {"type": "api_error", "message": "x"}}, "server", 0),
        ({"error": {"code": 404, "message": "x"}}, "not_found", 404),
        ({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}}}, "server", 0),
    ],
)
def test_fault_of_an_event_in_a_stream(value: Any, kind: str, status: int) -> None:
    fault = fault_of(value)
    assert (fault.kind, fault.status, fault.message) == (kind, status, "x")


def test_retry_after_header_comes_first() -> None:
    body = {"error": {"message": "x", "details": [{"retryDelay": "7s"}]}}
    assert read(429, body, {"retry-after": "3"}).retry_after == 3.0
    assert read(429, body).retry_after == 7.0


@pytest.mark.parametrize(
    "value",
    [
        {"resets_in_seconds": 10**400},
        {"resets_in_seconds": 1e308 * 10},
        {"details": [{"retryDelay": "9" * 400 + "s"}]},
    ],
    ids=["huge integer", "infinite", "huge text"],
)
def test_a_wait_is_a_sane_number_of_seconds(value: dict[str, Any]) -> None:
    wait = fault_of({"error": {"message": "x", **value}}, 429).retry_after
    assert wait is None or (math.isfinite(wait) and wait < 10**8)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["error", "message", "code", "type", "details", "response", "param", "detail", "msg"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=10,
)


@given(st.sampled_from([0, 200, 400, 429, 500, 599]), JSON)
def test_any_json_is_a_fault(status: int, value: Any) -> None:
    fault = read_fault(status, {}, json.dumps(value).encode(), NOW)
    assert isinstance(fault, Fault) and fault.message and len(fault.message) <= MAX_TEXT


@given(st.binary(max_size=200))
def test_any_bytes_are_a_fault(body: bytes) -> None:
    assert read_fault(500, {}, body, NOW).message


def test_a_long_message_is_cut() -> None:
    assert len(read(500, {"error": {"message": "x" * 10_000}}).message) == MAX_TEXT
    assert len(read(500, b"x" * 100_000).message) <= MAX_TEXT


@pytest.mark.parametrize(
    ("location", "where"),
    [("https://login.example/in?next=secret", "https://login.example/in"), ("", "nowhere"), ("/v2/x", "/v2/x")],
)
def test_a_redirect_says_where_it_leads(location: str, where: str) -> None:
    fault = read(302, b"<html>", {"location": location})
    assert fault.message == f"it redirects to {where} (302), which is not followed" and fault.status == 502


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"event: error\ndata: upstream exploded\n\n", "; it said: event: error data: upstream exploded"),
        (b": hi\n\n<html><title>502 Bad Gateway</title></html>\n\n", "; it said: a web page: 502 Bad Gateway"),
        (b": hi\n\n", ""),
        (b"", ""),
        (b'data: {"choices": []}\n\n', ""),
    ],
)
def test_a_stream_that_was_none_is_quoted(stream: bytes, said: str) -> None:
    assert quoting(Fault("server", "it ended"), stream).message == f"it ended{said}"
