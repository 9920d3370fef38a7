"""Errors in bodies, answers and streams."""

import json
from typing import Any

import pytest

from ccx_addons.core.neutral import Fault
from ccx_addons.protocols import chat
from ccx_addons.protocols.chat.errors import error_in


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        pytest.param(
            429,
            {"error": {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}},
            "rate_limit", "slow down", id="OpenAI",
        ),
        pytest.param(
            502,
            {"error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": "upstream is down"}}},
            "server", "upstream is down", id="OpenRouter with the provider's text",
        ),
        pytest.param(
            400,
            {"error": {"message": "Provider returned error", "metadata": {"raw": '{"error":{"message":"no"}}'}}},
            "invalid_request", "no", id="OpenRouter with the provider's error",
        ),
        pytest.param(
            400,
            {"error": {"message": "Provider returned error", "metadata": {"raw": {"why": "x"}}}},
            "invalid_request", 'Provider returned error: {"why":"x"}', id="OpenRouter with the provider's JSON",
        ),
        pytest.param(
            400,
            {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400},
            "invalid_request", "too long", id="older vLLM",
        ),
        pytest.param(500, {"error": {"message": "x", "metadata": 5}}, "server", "x", id="strange metadata"),
    ],
)  # fmt: skip
def test_decode_error(status: int, body: dict[str, Any], kind: str, message: str) -> None:
    fault = chat.decode_error(status, {}, json.dumps(body).encode())
    assert (fault.kind, fault.message, fault.status) == (kind, message, status)


def test_a_body_that_is_no_json() -> None:
    fault = chat.decode_error(502, {"retry-after": "3"}, b"<html><title>Bad Gateway</title></html>")
    assert fault == Fault("server", "a web page: Bad Gateway", 502, retry_after=3.0)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param({"error": "no"}, "no", id="text"),
        pytest.param({"error": {"message": "no"}}, "no", id="object"),
        pytest.param({"object": "error", "message": "no"}, "no", id="vLLM"),
        pytest.param({"choices": [{"error": {"message": "no", "code": 502}}]}, "no", id="OpenRouter in a choice"),
        pytest.param(
            {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
            "insufficient balance", id="MiniMax",
        ),
        pytest.param({"base_resp": {"status_code": 5}}, "error 5", id="MiniMax without words"),
    ],
)  # fmt: skip
def test_an_answer_that_is_an_error(answer: dict[str, Any], message: str) -> None:
    fault = error_in(answer)
    assert fault
    assert fault.message == message


@pytest.mark.parametrize(
    "answer",
    [{}, {"error": None, "choices": []}, {"choices": [{"delta": {}}], "base_resp": {"status_code": 0}}],
)
def test_an_answer_that_is_none(answer: dict[str, Any]) -> None:
    assert error_in(answer) is None


def test_encoded_errors_have_the_vendors_shape() -> None:
    status, body = chat.encode_error(Fault("rate_limit", "slow down"), "id")
    assert (status, json.loads(body)["error"]["type"]) == (429, "rate_limit_error")
    assert chat.encode_stream_error(Fault("server", "x")).startswith(b'data: {"error":{"message":"x"')
