"""What upstreams' real error bodies mean, and which field they refuse."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.faults import read_fault
from ccx_addons.core.neutral import Fault
from ccx_addons.core.vendor_errors import (
    CODES,
    category_of,
)

NOW = datetime(2026, 7, 3, 3, 0, 0, tzinfo=UTC).timestamp()


def error(message: str = "", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


def anthropic(type: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type, "message": message}}


BODIES = [
    # ---- Anthropic
    pytest.param(401, anthropic("authentication_error", "invalid x-api-key"), "auth", id="anthropic: key"),
    pytest.param(403, anthropic("permission_error", "no access"), "permission", id="anthropic: permission"),
    pytest.param(
        400,
        anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        "balance",
        id="anthropic: a balance message wins over its wrapper",
    ),
    pytest.param(429, anthropic("rate_limit_error", "This request would exceed your rate limit of 50 requests per minute"), "rate_limit", id="anthropic: rate"),
    pytest.param(529, anthropic("overloaded_error", "Overloaded"), "overloaded", id="anthropic: overloaded"),
    pytest.param(500, anthropic("api_error", "Internal server error"), "server", id="anthropic: 500"),
    pytest.param(404, anthropic("not_found_error", "model: claude-none"), "model_not_found", id="anthropic: model"),
    pytest.param(404, anthropic("not_found_error", "Not found"), "no_path", id="anthropic: path"),
    pytest.param(413, anthropic("request_too_large", "Request exceeds the maximum size"), "context_length", id="anthropic: 413"),
    pytest.param(400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), "context_length", id="anthropic: long"),
    pytest.param(400, anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"), "context_length", id="anthropic: prompt and answer too long"),
    pytest.param(400, anthropic("invalid_request_error", "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens"), "client", id="anthropic: max_tokens"),
    pytest.param(400, anthropic("invalid_request_error", "messages.0.content.1: tool_use ids were found without tool_result blocks; the image is not supported"), "client", id="anthropic: schema before words"),
    # ---- OpenAI
    pytest.param(401, error("Incorrect API key provided: sk-x", code="invalid_api_key"), "auth", id="openai: key"),
    pytest.param(429, error("You exceeded your current quota, please check your plan and billing details.", type="insufficient_quota", code="insufficient_quota"), "balance", id="openai: quota"),
    pytest.param(429, error("Rate limit reached for gpt-5 on tokens per min (TPM)", code="rate_limit_exceeded"), "rate_limit", id="openai: rate"),
    pytest.param(404, error("The model `gpt-9` does not exist or you do not have access to it.", code="model_not_found"), "model_not_found", id="openai: model"),
    pytest.param(400, error("This model's maximum context length is 128000 tokens.", code="context_length_exceeded"), "context_length", id="openai: long"),
    pytest.param(400, error("Unsupported value: 'temperature' does not support 0.2 with this model.", code="unsupported_value", param="temperature"), "unsupported", id="openai: value"),
    pytest.param(400, error("rejected by our safety system", code="content_policy_violation"), "moderation", id="openai: moderation"),
    pytest.param(503, error("The engine is currently overloaded, please try again later"), "overloaded", id="openai: overloaded"),
    # ---- Google
    pytest.param(400, error("API key not valid. Please pass a valid API key.", code=400, status="INVALID_ARGUMENT"), "auth", id="google: key"),
    pytest.param(403, error("The caller does not have permission", code=403, status="PERMISSION_DENIED"), "permission", id="google: permission"),
    pytest.param(429, error("Quota exceeded for quota metric 'x' and limit 'GenerateRequestsPerMinute'", code=429, status="RESOURCE_EXHAUSTED"), "rate_limit", id="google: per minute is no balance"),
    pytest.param(404, error("models/gemini-1.5-x is not found for API version v1beta", code=404, status="NOT_FOUND"), "model_not_found", id="google: model"),
    pytest.param(503, error("The model is overloaded. Please try again later.", code=503, status="UNAVAILABLE"), "overloaded", id="google: overloaded"),
    pytest.param(400, error("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", code=400, status="INVALID_ARGUMENT"), "context_length", id="google: long"),
    # ---- others
    pytest.param(402, error("Insufficient Balance", type="unknown_error"), "balance", id="deepseek: balance"),
    pytest.param(429, error("余额不足或无可用资源包", code="1113"), "balance", id="zhipu: balance"),
    pytest.param(429, error("engine overloaded", type="engine_overloaded_error"), "overloaded", id="moonshot: overloaded"),
    pytest.param(429, error("Your account is suspended", type="exceeded_current_quota_error"), "balance", id="moonshot: quota"),
    pytest.param(404, error("No endpoints found that support image input"), "capability", id="openrouter: images"),
    pytest.param(403, error("Your team has either used all available credits or reached its spending limit."), "balance", id="xai: credits"),
    # ---- relays
    pytest.param(403, error("预扣费额度失败, 用户剩余额度: ＄0.01", type="new_api_error"), "balance", id="new-api: pre-consume"),
    pytest.param(503, error("No available channel for model x under group default (distributor)", code="model_not_found"), "no_channel", id="new-api: nobody for this model"),
    pytest.param(400, error("The supported API model names are a, b but you passed c", type="invalid_request_error"), "model_not_found", id="model names win over the wrapper"),
    pytest.param(400, {"code": "API_KEY_QUOTA_EXHAUSTED"}, "balance", id="sub2api: quota"),
    pytest.param(400, {"code": "API_KEY_DISABLED"}, "auth", id="sub2api: disabled"),
    pytest.param(400, error("service temporarily unavailable", code="service_unavailable"), "client", id="a code nobody knows decides nothing"),
    pytest.param(400, error("Expecting ',' delimiter: line 1 column 40"), "server", id="broken JSON in a 400"),
    pytest.param(0, {"RetCode": 226615, "Message": "Monthly call limit exceeded for your plan"}, "balance", id="compshare: RetCode"),
    pytest.param(0, {"retcode": 1, "message": "Monthly call limit exceeded for your plan"}, "balance", id="compshare: lower case"),
    pytest.param(429, error("exceeded the 5-hour usage quota. It will reset at 2026-07-03 11:37:21 +0800 CST", code="AccountQuotaExceeded"), "balance", id="volcengine: five hours"),
    pytest.param(429, error("requests are too frequent", code="AccountRateLimitExceeded"), "account_busy", id="account asked too often"),
    pytest.param(403, error("billing not enabled for this account"), "refused", id="billing not enabled blocks nothing"),
    pytest.param(403, error("permission denied for this resource"), "refused", id="permission words block nothing"),
    pytest.param(403, error("x", type="permission_denied"), "permission", id="the type does"),
    pytest.param(403, error("No permission to access group vip"), "permission", id="group, 403"),
    pytest.param(400, error("No permission to access group vip"), "unclear", id="group, 400"),
    pytest.param(403, error("Image generation is not enabled for this group"), "not_enabled", id="images not enabled"),
    pytest.param(401, {"error": "该令牌已过期"}, "auth", id="a string body: expired"),
    pytest.param(401, {"error": "无效的API Key"}, "auth", id="a string body: invalid"),
    pytest.param(401, {"message": "TokenStatusExhausted[sk-x]"}, "balance", id="exhausted token"),
    pytest.param(401, {"detail": "Not authenticated"}, "auth", id="detail"),
    pytest.param(404, {"detail": "Not Found"}, "no_path", id="detail: not found"),
    pytest.param(503, error("no available account in the pool", code="no_available_account"), "pool_empty", id="empty pool"),
    # ---- what a substring would get wrong
    pytest.param(400, error("max_tokens exceeded", type="invalid_request_error"), "client", id="max_tokens exceeded"),
    pytest.param(400, error("max_tokens (200000) exceeds the maximum number of tokens allowed (8192)"), "client", id="max_tokens exceeds"),
    pytest.param(400, error("Invalid value for 'image_url': expected a token of credit type", type="invalid_request_error"), "client", id="words that mean nothing"),
    pytest.param(400, error("Bad request"), "unclear", id="a 400 without a word"),
    pytest.param(400, error("Bad request", type="invalid_request_error"), "client", id="typed"),
    pytest.param(500, error("Bad request", type="invalid_request_error"), "server", id="typed, but 500"),
    pytest.param(422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, "client", id="schema"),
    pytest.param(429, error("请求过于频繁，额度不足"), "rate_limit", id="a transient word wins"),
    pytest.param(409, error("conflict"), "server", id="409"),
    pytest.param(418, error("teapot"), "client", id="418"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "category"), BODIES)
def test_category(status: int, body: dict[str, Any], category: str) -> None:
    assert category_of(read_fault(status, {}, json.dumps(body).encode(), NOW)) == category


@pytest.mark.parametrize(
    ("status", "body", "category"),
    [(400, b"<html><title>400 Bad Request</title></html>", "unclear"), (502, b"<html>", "server"), (0, b"", "server")],
)
def test_bodies_that_are_no_json(status: int, body: bytes, category: str) -> None:
    assert category_of(read_fault(status, {}, body, NOW)) == category


def test_a_code_is_in_one_class() -> None:
    codes = [code for known in CODES.values() for code in known]
    assert len(codes) == len(set(codes)) and all(code == code.lower() for code in codes)


@given(st.integers(0, 599), st.text(max_size=200), st.text(max_size=40), st.text(max_size=40))
def test_anything_has_a_class(status: int, message: str, code: str, type: str) -> None:
    assert category_of(Fault("server", message, status, code, type))
