import json

import pytest
from openai.types.responses import ResponseErrorEvent

from ccx_addons.core.neutral import Fault
from ccx_addons.protocols import responses
from ccx_addons.protocols.responses.errors import failure


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param(Fault("rate_limit", "slow"), "rate_limit_exceeded", id="by kind"),
        pytest.param(
            Fault("overloaded", "busy", code="1113"), "server_is_overloaded", id="a foreign code says nothing"
        ),
        pytest.param(Fault("server", "x", code="image_too_large"), "image_too_large", id="a known code stays"),
        pytest.param(Fault("billing", "no money"), "insufficient_quota", id="billing"),
        pytest.param(
            Fault("invalid_request", "prompt is too long: 201000 tokens", 400), "context_length_exceeded", id="by words"
        ),
    ],
)
def test_the_code_of_a_failed_answer(fault: Fault, code: str) -> None:
    assert failure(fault) == {"code": code, "message": fault.message}


def test_what_ends_a_stream_that_passes_through() -> None:
    frame = responses.encode_stream_error(Fault("rate_limit", "slow down", type="rate_limit_error"))
    assert frame.startswith(b"event: error\n")
    event = ResponseErrorEvent.model_validate(json.loads(frame.split(b"data: ")[1]))
    assert (event.code, event.message) == ("rate_limit_error", "slow down")
    told = {"type": "rate_limit_error", "code": "rate_limit_error", "message": "slow down", "param": None}
    assert event.model_extra == {"error": told}


def test_errors_of_upstreams() -> None:
    body = b'{"error":{"message":"no","type":"invalid_request_error","param":"input","code":"x"}}'
    assert responses.decode_error(400, {}, body) == Fault(
        "invalid_request", "no", 400, "x", "invalid_request_error", "input"
    )
    status, said = responses.encode_error(Fault("not_found", "no", code="y"), "req_1")
    assert status == 404
    assert json.loads(said) == {"error": {"message": "no", "type": "not_found_error", "param": None, "code": "y"}}
