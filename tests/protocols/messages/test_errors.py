import json

import anthropic
import httpx2
import pytest

from ccx_addons.core.neutral import Fault, FaultKind
from ccx_addons.protocols import messages


@pytest.mark.parametrize(
    ("kind", "status", "type_", "error"),
    [
        ("invalid_request", 400, "invalid_request_error", anthropic.BadRequestError),
        ("authentication", 401, "authentication_error", anthropic.AuthenticationError),
        ("billing", 402, "billing_error", anthropic.APIStatusError),
        ("permission", 403, "permission_error", anthropic.PermissionDeniedError),
        ("not_found", 404, "not_found_error", anthropic.NotFoundError),
        ("method", 405, "invalid_request_error", anthropic.APIStatusError),
        ("conflict", 409, "invalid_request_error", anthropic.ConflictError),
        ("too_large", 413, "request_too_large", anthropic.APIStatusError),
        ("rate_limit", 429, "rate_limit_error", anthropic.RateLimitError),
        ("server", 500, "api_error", anthropic.InternalServerError),
        ("unavailable", 503, "api_error", anthropic.APIStatusError),
        ("timeout", 504, "timeout_error", anthropic.APIStatusError),
        ("overloaded", 529, "overloaded_error", anthropic.APIStatusError),
    ],
)
def test_the_official_client_raises(
    kind: FaultKind, status: int, type_: str, error: type[anthropic.APIStatusError]
) -> None:
    code, body = messages.encode_error(Fault(kind, "why"), "req_1")
    assert code == status
    assert json.loads(body) == {
        "type": "error", "error": {"type": type_, "message": "why"}, "request_id": "req_1"
    }  # fmt: skip
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(code, content=body)))
    client = anthropic.Anthropic(api_key="k", base_url="http://upstream.test", http_client=http, max_retries=0)
    with pytest.raises(error, match="why"):
        client.messages.create(model="m", max_tokens=1, messages=[])


def test_an_upstreams_own_status_and_type_stay() -> None:
    fault = messages.decode_error(
        404, {}, b'{"type":"error","error":{"type":"not_found_error","message":"model: x"},"request_id":"r"}'
    )
    assert (fault.kind, fault.status, fault.type, fault.message) == ("not_found", 404, "not_found_error", "model: x")
    assert messages.encode_error(fault, "")[0] == 404


def test_a_foreign_type_is_translated() -> None:
    body = messages.encode_error(Fault("rate_limit", "slow", 429, type="insufficient_quota"), "")[1]
    assert json.loads(body)["error"]["type"] == "rate_limit_error"


def test_stream_error() -> None:
    data = b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"cut"}}\n\n'
    assert messages.encode_stream_error(Fault("server", "cut")) == data
