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
    TYPES,
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
    pytest.param(403, anthropic("permission_error", "no access"), "refused", id="anthropic: permission"),
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
    pytest.param(404, error("Item with id 'rs_1' not found.", type="invalid_request_error"), "unsupported", id="openai: item"),
    pytest.param(413, anthropic("request_too_large", "Request exceeds the maximum size"), "too_large", id="anthropic: 413"),
    pytest.param(400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), "context_length", id="anthropic: long"),
    pytest.param(400, anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"), "context_length", id="anthropic: prompt and answer too long"),
    pytest.param(400, anthropic("invalid_request_error", "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens"), "unsupported", id="anthropic: max_tokens"),
    pytest.param(400, anthropic("invalid_request_error", "messages.0.content.1: tool_use ids were found without tool_result blocks; the image is not supported"), "client", id="anthropic: schema before words"),
    # ---- OpenAI
    pytest.param(401, error("Incorrect API key provided: sk-x", code="invalid_api_key"), "auth", id="openai: key"),
    pytest.param(429, error("You exceeded your current quota, please check your plan and billing details.", type="insufficient_quota", code="insufficient_quota"), "balance", id="openai: quota"),
    pytest.param(429, error("Rate limit reached for gpt-5 on tokens per min (TPM)", code="rate_limit_exceeded"), "rate_limit", id="openai: rate"),
    pytest.param(404, error("The model `gpt-9` does not exist or you do not have access to it.", code="model_not_found"), "model_not_found", id="openai: model"),
    pytest.param(400, error("This model's maximum context length is 128000 tokens.", code="context_length_exceeded"), "context_length", id="openai: long"),
    pytest.param(400, error("Invalid 'tools[2].function.description': string too long. Expected a string with maximum length 1024, but got a string with length 4394 instead.", code="string_above_max_length"), "unsupported", id="openai: a long description"),
    pytest.param(400, error("Unsupported value: 'temperature' does not support 0.2 with this model.", code="unsupported_value", param="temperature"), "unsupported", id="openai: value"),
    pytest.param(400, error("rejected by our safety system", code="content_policy_violation"), "moderation", id="openai: moderation"),
    pytest.param(503, error("The engine is currently overloaded, please try again later"), "overloaded", id="openai: overloaded"),
    # ---- Google
    pytest.param(400, error("API key not valid. Please pass a valid API key.", code=400, status="INVALID_ARGUMENT"), "auth", id="google: key"),
    pytest.param(403, error("The caller does not have permission", code=403, status="PERMISSION_DENIED"), "refused", id="google: permission"),
    pytest.param(429, error("You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: x, limit: 250, model: m", code=429, status="RESOURCE_EXHAUSTED"), "rate_limit", id="google: per day is no balance"),
    pytest.param(429, error("Resource has been exhausted (e.g. check quota).", code=429, status="RESOURCE_EXHAUSTED"), "rate_limit", id="google: the quota of a project"),
    pytest.param(429, error("Your prepayment credits are depleted.", code=429, status="RESOURCE_EXHAUSTED"), "balance", id="google: prepaid"),
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
    pytest.param(400, {"code": "API_KEY_DISABLED"}, "revoked", id="sub2api: disabled"),
    pytest.param(400, error("the tool's name is longer than sixty-four", code="something_else"), "client", id="a code nobody knows decides nothing"),
    pytest.param(400, error("Expecting ',' delimiter: line 1 column 40"), "server", id="broken JSON in a 400"),
    pytest.param(0, {"RetCode": 226615, "Message": "Monthly call limit exceeded for your plan"}, "balance", id="compshare: RetCode"),
    pytest.param(0, {"retcode": 1, "message": "Monthly call limit exceeded for your plan"}, "balance", id="compshare: lower case"),
    pytest.param(429, error("exceeded the 5-hour usage quota. It will reset at 2026-07-03 11:37:21 +0800 CST", code="AccountQuotaExceeded"), "balance", id="volcengine: five hours"),
    pytest.param(429, error("requests are too frequent", code="AccountRateLimitExceeded"), "account_busy", id="account asked too often"),
    pytest.param(403, error("billing not enabled for this account"), "refused", id="billing not enabled blocks nothing"),
    pytest.param(403, error("permission denied for this resource"), "refused", id="permission words block nothing"),
    pytest.param(403, error("x", type="permission_denied"), "refused", id="nor does the type"),
    pytest.param(403, error("No permission to access group vip"), "account", id="group, 403"),
    pytest.param(400, error("No permission to access group vip"), "unclear", id="group, 400"),
    pytest.param(403, error("Image generation is not enabled for this group"), "not_enabled", id="images not enabled"),
    pytest.param(401, {"error": "该令牌已过期"}, "revoked", id="a string body: expired"),
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
    *(pytest.param(n, error("no"), "no_path", id=f"{n}: a broken upstream") for n in (405, 406, 410, 418, 423, 426, 451, 499)),
    # ---- what a 400 says of the account
    pytest.param(400, anthropic("invalid_request_error", "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."), "balance", id="anthropic: usage limits"),
    pytest.param(400, anthropic("invalid_request_error", "You have reached your specified workspace API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."), "balance", id="anthropic: the workspace's"),
    pytest.param(400, anthropic("invalid_request_error", "This organization has been disabled."), "account", id="anthropic: organisation disabled"),
    pytest.param(400, anthropic("invalid_request_error", "You're out of extra usage. Add more at claude.ai/settings/usage and keep going."), "balance", id="anthropic: extra usage"),
    pytest.param(400, anthropic("invalid_request_error", "Third-party apps now draw from your extra usage, not your plan limits. Add more at claude.ai/settings/usage and keep going."), "balance", id="anthropic: third-party apps"),
    pytest.param(400, error("API Key not found. Please pass a valid API key.", code=400, status="INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}]), "auth", id="google: key not found"),
    pytest.param(400, error("Something new about it.", code=400, status="INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}]), "auth", id="google: the reason decides"),
    pytest.param(400, error("API key expired. Please renew the API key.", code=400, status="INVALID_ARGUMENT"), "revoked", id="google: key expired"),
    pytest.param(400, error('{"error":{"message":"API Key not found. Please pass a valid API key.","code":400}}'), "auth", id="a relay's wrapping"),
    pytest.param(400, error("User location is not supported for the API use.", code=400, status="FAILED_PRECONDITION"), "location", id="google: location"),
    pytest.param(403, error("Country, region, or territory not supported", code="unsupported_country_region_territory"), "location", id="openai: location"),
    pytest.param(400, error("Gemini API free tier is not available in your country. Please enable billing on your project in Google AI Studio.", code=400, status="FAILED_PRECONDITION"), "balance", id="google: billing"),
    pytest.param(403, error("Permission denied: Consumer 'project:1' has been suspended.", code=403, status="PERMISSION_DENIED", details=[{"reason": "CONSUMER_SUSPENDED"}]), "account", id="google: suspended"),
    pytest.param(403, error("Generative Language API has not been used in project 1 before or it is disabled.", code=403, status="PERMISSION_DENIED", details=[{"reason": "SERVICE_DISABLED"}]), "account", id="google: service disabled"),
    pytest.param(400, error("Access denied, please make sure your account is in good standing.", code="Arrearage"), "balance", id="alibaba: arrears"),
    pytest.param(403, error("Your account has an overdue balance", code="AccountOverdueError"), "balance", id="volcengine: arrears"),
    pytest.param(400, error("Organization has been restricted. Please reach out to support", code="organization_restricted"), "account", id="groq: restricted"),
    pytest.param(401, error("Your OpenAI account has been deactivated", code="account_deactivated"), "account", id="openai: deactivated"),
    pytest.param(401, error("The token has been revoked", code="token_revoked"), "revoked", id="chatgpt: revoked"),
    pytest.param(429, error("已达到 5 小时的使用上限。您的限额将在 2030-10-19 20:59:58 重置。", code="1308"), "balance", id="zhipu: five hours"),
    pytest.param(429, error("Weekly/Monthly Limit Exhausted. Your limit will reset at 2030-02-12 13:50:36", code="1310"), "balance", id="zhipu: the week"),
    pytest.param(429, error("您的账户已达到速率限制，请您控制请求频率", code="1302"), "account_busy", id="zhipu: the account's rate"),
    pytest.param(429, error("该模型当前访问量过大，请您稍后再试", code="1305"), "overloaded", id="zhipu: crowded"),
    pytest.param(429, error("Your account org-1 request reached max organization concurrency: 3, please try again after 1 seconds", type="rate_limit_reached_error"), "account_busy", id="moonshot: concurrency"),
    # ---- what is only about this request
    pytest.param(403, error("You do not have permission to access the File other or it may not exist.", code=403, status="PERMISSION_DENIED"), "refused", id="google: somebody else's file"),
    pytest.param(403, error("CachedContent not found (or permission denied)", code=403, status="PERMISSION_DENIED"), "refused", id="google: somebody else's cache"),
    pytest.param(403, anthropic("permission_error", "Your organization does not have access to the container API."), "refused", id="anthropic: a feature"),
    pytest.param(403, error('openai/gpt-5 requires moderation on OpenAI. Your input was flagged for "violence". No credits were charged.', code=403), "moderation", id="openrouter: flagged"),
    pytest.param(403, {"code": "The caller does not have permission to execute the specified operation", "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"}, "moderation", id="xai: safety"),
    pytest.param(413, error("Request too large for model `llama-3.3-70b-versatile` in organization `org_x` service tier `on_demand` on tokens per minute (TPM): Limit 12000, Requested 40000, please reduce your message size and try again.", type="tokens", code="rate_limit_exceeded"), "over_limit", id="groq: over the TPM"),
    pytest.param(429, error("Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 45000. The input or output tokens must be reduced in order to run successfully.", type="tokens", code="rate_limit_exceeded"), "over_limit", id="openai: over the TPM"),
    pytest.param(402, error("This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 1666.", code=402), "over_limit", id="openrouter: an answer too dear"),
    pytest.param(429, anthropic("rate_limit_error", "Extra usage is required for long context requests."), "over_limit", id="anthropic: long context"),
    pytest.param(403, error("You do not have permission to access tuned model tunedModels/x.", code=403, status="PERMISSION_DENIED"), "refused", id="google: somebody else's tuned model"),
    # ---- a key without a model, in every wording
    pytest.param(403, error("Project `proj_x` does not have access to model `o3-pro`", type="invalid_request_error", code="model_not_found"), "model_not_found", id="openai: 403"),
    pytest.param(401, error("Authentication failed (401): Model nope is not supported", type="authentication_error"), "model_not_found", id="401, the words before the type"),
    pytest.param(401, error("Model nope is not supported"), "model_not_found", id="401 without a type"),
    pytest.param(401, error("401 Incorrect model: unknown model nope"), "model_not_found", id="401, incorrect model"),
    pytest.param(403, error("您无权访问该模型", code="AccessDenied"), "model_not_found", id="Chinese: no right to the model"),
    pytest.param(400, error("The requested model is not supported.", code="model_not_supported"), "model_not_found", id="copilot: model"),
    pytest.param(404, error("The model or endpoint ep-1 does not exist or you do not have access to it.", code="InvalidEndpointOrModel.NotFound"), "model_not_found", id="volcengine: model"),
    # ---- prompts that are too long, in everybody's words
    pytest.param(400, error("Invalid request: Your request exceeded model token limit: 262144", type="invalid_request_error"), "context_length", id="moonshot: long"),
    pytest.param(400, error("Prompt exceeds max length", code="1261"), "context_length", id="zhipu: long"),
    pytest.param(400, error("Range of input length should be [1, 129024]", code="invalid_parameter_error", type="invalid_request_error"), "context_length", id="alibaba: long"),
    pytest.param(400, error("the request exceeds the available context size, try increasing it", code=400, type="exceed_context_size_error"), "context_length", id="llama.cpp: long"),
    pytest.param(400, {"code": "Client specified an invalid argument", "error": "This model's maximum prompt length is 131072 but the request contains 140000 tokens."}, "context_length", id="xai: long"),
    pytest.param(400, error("invalid params, context window exceeds limit (2013)", type="bad_request_error"), "context_length", id="minimax: long"),
    pytest.param(400, error("prompt token count of 130000 exceeds the limit of 128000", code="model_max_prompt_tokens_exceeded"), "context_length", id="copilot: long"),
    pytest.param(400, {"object": "error", "message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length", "type": "invalid_request_error", "code": "3051"}, "context_length", id="mistral: long"),
    pytest.param(400, {"error": "prompt too long; exceeded max context length by 2000 tokens"}, "context_length", id="ollama: long"),
    pytest.param(400, {"message": "Input is too long for requested model."}, "context_length", id="bedrock: long"),
    pytest.param(400, error("Your input exceeds the context window of this model.", code="context_length_exceeded", param="input"), "context_length", id="openai responses: long"),
    pytest.param(400, error("Unable to submit request because the input token count is 2000000 but model only supports up to 1048576.", code=400, status="INVALID_ARGUMENT"), "context_length", id="vertex: long"),
    pytest.param(400, error("Please reduce the length of the messages or completion."), "context_length", id="groq: long"),
    pytest.param(400, error("too many tokens: size limit exceeded by 11326 tokens. Try using shorter or fewer inputs."), "context_length", id="cohere: long"),
    pytest.param(422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096.", "error_type": "validation"}, "context_length", id="text-generation-inference: long"),
    *(
        pytest.param(400, error(words, type="invalid_request_error"), "context_length", id=f"long: {words[:30]}")
        for words in (
            "Please reduce the length of it. Current length is 9000 while limit is 8192",
            "input tokens exceed the configured limit of 272000 tokens",
            "total tokens exceeds the model's maximum limit of 4096",
            "too many total text bytes: 1024000",
            "engine prompt length 50000 exceeds the max_model_len of 32768",
            "The decoder prompt (length 50000) is longer than the maximum model length of 32768.",
        )
    ),
    *(
        pytest.param(400, error(f"Invalid '{field}': string too long. Expected a string with maximum length 64.", type="invalid_request_error", param=field, code="string_above_max_length"), category, id=f"openai: too long a {field}")
        for field, category in (("input", "context_length"), ("messages[1].content", "context_length"), ("input[2].content[0].text", "context_length"), ("user", "client"), ("input[3].id", "unsupported"), ("prompt_cache_key", "client"), ("metadata.x", "client"))
    ),
    pytest.param(400, anthropic("invalid_request_error", "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes"), "too_large", id="anthropic: a picture"),
    pytest.param(400, error("Request payload size exceeds the limit: 20971520 bytes.", code=400, status="INVALID_ARGUMENT"), "too_large", id="google: bytes"),
    # ---- money and quotas, in more words and languages
    pytest.param(403, error("Key limit exceeded (daily limit). Manage it using https://openrouter.ai/settings/keys", code=403), "balance", id="openrouter: a key's limit"),
    pytest.param(403, {"error": "You have exceeded your monthly included credits for Inference Providers."}, "balance", id="hugging face: credits"),
    pytest.param(429, error("Your project has exceeded its monthly spending cap.", code=429, status="RESOURCE_EXHAUSTED"), "balance", id="google: a spending cap"),
    pytest.param(500, error("insufficient balance (1008)", type="insufficient_balance_error"), "balance", id="minimax: balance in a 500"),
    pytest.param(400, error("Budget has been exceeded! Current cost: 1.2, Max budget: 1.0", type="budget_exceeded", code="400"), "balance", id="litellm: budget"),
    pytest.param(401, anthropic("CreditsError", "No payment method."), "balance", id="opencode zen: credits"),
    pytest.param(400, error("Open api daily request limit reached"), "balance", id="baidu: the day"),
    pytest.param(400, error("daily quota has been used up"), "balance", id="a day's quota"),
    pytest.param(429, error("当前套餐额度已用完"), "balance", id="Chinese: a plan is used up"),
    pytest.param(400, error("余额不够，请充值"), "balance", id="Chinese: not enough"),
    *(pytest.param(400, error(words), "balance", id=f"balance: {words[:12]}") for words in ("Недостаточно средств на счёте.", "Solde insuffisant, rechargez votre compte.", "Saldo insuficiente.", "Ihr Guthaben ist aufgebraucht.", "残高が不足しています", "크레딧이 부족합니다")),
    pytest.param(429, error("Allocated quota exceeded, please increase your quota limit.", code="insufficient_quota", type="insufficient_quota"), "rate_limit", id="alibaba: tokens of a minute"),
    pytest.param(403, {"code": 0, "message": "Request was rejected due to rate limiting. Details:TPM limit reached.", "data": None}, "rate_limit", id="siliconflow: a limit told with 403"),
    pytest.param(503, error("Rate limit reached, slow down please"), "rate_limit", id="a limit told with 503"),
    # ---- errors in errors
    *(
        pytest.param(400, error("Provider returned error", code=400, metadata={"raw": raw, "provider_name": "X"}), category, id=f"openrouter: {id}")
        for id, raw, category in (
            ("long", json.dumps(anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")), "context_length"),
            ("a code", json.dumps(error("too big", code="context_length_exceeded")), "context_length"),
            ("words of bedrock", '{"message":"Input is too long for requested model."}', "context_length"),
            ("the request's fault", json.dumps(anthropic("invalid_request_error", "messages.5.content.0: `tool_use` ids were found without `tool_result` blocks")), "client"),
            ("an object", error("x", code="content_filter"), "moderation"),
            ("plain words", "z-ai/glm is temporarily rate-limited upstream. Please retry shortly", "rate_limit"),
            ("a page", "<html><title>502 Bad gateway</title>", "unclear"),
            ("nothing", "", "server"),
        )
    ),
    pytest.param(400, error("litellm.BadRequestError: AnthropicException - " + json.dumps(error("too big", code="context_length_exceeded")) + ". Received Model Group=x"), "context_length", id="litellm: a code in its words"),
    pytest.param(500, error(json.dumps({"error": {"message": json.dumps(error("no", code="insufficient_quota"))}})), "balance", id="three deep"),
    pytest.param(400, error('the tool was called with {"error": {"of": "the tool"}}', type="invalid_request_error"), "client", id="JSON that is no error"),
    # ---- keys and accounts
    pytest.param(403, error("Your API key was reported as leaked. Please use another API key.", code=403, status="PERMISSION_DENIED"), "revoked", id="google: leaked"),
    pytest.param(403, {"message": "The security token included in the request is expired"}, "auth", id="aws: a token of an hour"),
    pytest.param(401, "IDE token expired: unauthorized: token expired", "auth", id="copilot: a token of half an hour"),
    pytest.param(401, error("令牌已过期或验证不正确", code="401"), "auth", id="zhipu: expired or wrong"),
    pytest.param(400, "bad request: Authorization header is badly formatted", "auth", id="copilot: header"),
    pytest.param(403, {"status": 403, "title": "Forbidden", "detail": "Authorization failed"}, "auth", id="nvidia: key"),
    pytest.param(403, error("用户已被封禁", type="new_api_error"), "account", id="new-api: banned"),
    pytest.param(403, error("The originating IP address of the call (1.2.3.4) violates this restriction.", code=403, status="PERMISSION_DENIED"), "account", id="google: addresses"),
    pytest.param(402, {"detail": {"code": "deactivated_workspace"}}, "account", id="chatgpt: workspace"),
    pytest.param(400, anthropic("invalid_request_error", "This credential is only authorized for use with Claude Code and cannot be used for other API requests."), "refused", id="anthropic: a login for Claude Code"),
    # ---- models
    pytest.param(400, error("The model `mixtral` has been decommissioned and is no longer supported.", code="model_decommissioned"), "model_not_found", id="groq: decommissioned"),
    pytest.param(410, {"status": 410, "title": "Gone", "detail": "The model 'x' has reached its end of life"}, "model_not_found", id="nvidia: end of life"),
    pytest.param(401, anthropic("ModelError", "Model grok-x not supported"), "model_not_found", id="opencode zen: model"),
    pytest.param(404, error("No endpoints found for foo/bar.", code=404), "model_not_found", id="openrouter: nobody"),
    pytest.param(400, error("foo/bar is not a valid model ID", code=400), "model_not_found", id="openrouter: no such name"),
    pytest.param(400, {"message": "Invocation of model ID anthropic.claude-x with on-demand throughput isn’t supported."}, "model_not_found", id="bedrock: no throughput"),
    pytest.param(404, error("No endpoints found that support tool use.", code=404), "capability", id="openrouter: tools"),
    pytest.param(400, error('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'), "capability", id="vllm: tools"),
    pytest.param(403, error("您无权访问glm-5", code="1220"), "not_enabled", id="zhipu: no right to a model"),
    pytest.param(404, error("Your account 21 has not activated the model x.", code="ModelNotOpen"), "not_enabled", id="volcengine: not activated"),
    pytest.param(401, error("key not allowed to access model.", type="key_model_access_denied"), "not_enabled", id="litellm: model"),
    *(
        pytest.param(status, error(words), "model_not_found", id=f"model: {words[:30]}")
        for status, words in (
            (400, "Could not find an existing deployment to match the model in the request."),
            (400, "The chatCompletion operation does not work with the specified model, gpt-5-codex. Please choose different model and try again."),
            (400, "The provided model identifier is invalid."),
            (400, "Invalid request: model is not open"),
            (404, "litellm.NotFoundError: AzureException - The API deployment for this resource does not exist."),
            (404, "This model models/gemini-2.5-flash is no longer available to new users."),
        )
    ),
    *(
        pytest.param(status, error(words), "not_enabled", id=f"not enabled: {words[:30]}")
        for status, words in (
            (404, "No endpoints available matching your guardrail restrictions and data policy."),
            (404, "Model use case details have not been submitted for this account."),
            (403, "this model requires a subscription, upgrade for access"),
            (403, "Your plan does not include access to this model"),
            (400, "This model is only available for paid users"),
            (403, "Only Pro users can use this model"),
            (402, "This model requires a paid plan"),
        )
    ),
    pytest.param(400, {"message": "Your account is not authorized to invoke this API operation."}, "account", id="bedrock: account"),
    # ---- crowds, pools and broken upstreams
    pytest.param(400, {"title": "Bad Request", "status": 400, "detail": "Function id 'x': DEGRADED function cannot be invoked"}, "server", id="nvidia: degraded"),
    pytest.param(400, error("检测到高频请求"), "rate_limit", id="Chinese: too frequent"),
    *(
        pytest.param(400, error(words, type="invalid_request_error"), category, id=f"400: {words[:28]}")
        for words, category in (
            ("stream error: stream ID 1; INTERNAL_ERROR; received from peer", "server"),
            ("read tcp 10.0.0.1:443->10.0.0.2:50: read: connection reset by peer", "server"),
            ('Post "https://api.example": net/http: TLS handshake timeout', "server"),
            ("upstream connect error or disconnect/reset before headers. reset reason: connection timeout", "server"),
            ("This endpoint is unavailable. Please try another model", "server"),
            ("Temporary routing error (400).", "server"),
            ("渠道维护中", "server"),
            ("Failed to download the image: connection refused", "client"),
            ("High traffic detected. For a more stable experience, upgrade to our Plus plan", "overloaded"),
            ("Project `x` is not allowed to use Publisher Model `y`", "not_enabled"),
            ("该模型已下线", "model_not_found"),
            ("invalid_grant", "auth"),
        )
    ),
    pytest.param(429, {"detail": "Max budget limit reached"}, "balance", id="litellm: most of a budget"),
    pytest.param(412, {"message": "Budget exceeded"}, "balance", id="portkey: budget"),
    pytest.param(401, error("Authentication Error - Expired Key", type="expired_key"), "revoked", id="litellm: expired"),
    pytest.param(403, error("this needs a card on file", type="customer_verification_required"), "account", id="vercel: a card"),
    pytest.param(429, error("今日调用上限已达到"), "balance", id="Chinese: the day's calls"),
    pytest.param(429, error("no more of it", code="account_quota_exceeded"), "balance", id="a relay: an account's quota"),
    pytest.param(503, {"error": "All antigravity accounts have exhausted their quota (reset after 5m)"}, "pool_empty", id="a relay: all accounts"),
    pytest.param(400, error("Your request was rejected as a result of our safety system.", type="image_generation_user_error"), "moderation", id="openai: pictures"),
    pytest.param(429, error("Selected model is at capacity. Please try a different model."), "overloaded", id="chatgpt: capacity"),
    pytest.param(503, error("This model is currently experiencing high demand.", code=503, status="UNAVAILABLE"), "overloaded", id="google: demand"),
    pytest.param(498, error("Flex tier capacity exceeded", code="capacity_exceeded"), "overloaded", id="groq: flex"),
    pytest.param(503, {"error": "server busy, please try again.  maximum pending requests exceeded"}, "overloaded", id="ollama: busy"),
    pytest.param(503, {"error": "No available Claude accounts"}, "pool_empty", id="a relay: no account of a sort"),
    pytest.param(500, error("auth_unavailable: no auth available"), "pool_empty", id="a relay: no login"),
    pytest.param(400, error("openai_error", code="bad_response_status_code", type="bad_response_status_code"), "server", id="new-api: its upstream failed"),
    pytest.param(400, error("The model has crashed without additional information. (Exit code: 1)"), "server", id="lm studio: crashed"),
    pytest.param(400, error("Internal server error"), "server", id="a 500 told with 400"),
    pytest.param(400, error("Request contains an invalid argument.", code=400, status="INVALID_ARGUMENT"), "unclear", id="google: says nothing"),
    *(pytest.param(n, error("no idea what this is, sorry about that, really"), "unclear", id=f"{n}: no vendor's status") for n in (411, 415, 431, 444, 460, 494, 498)),
    pytest.param(403, error("The message contains prohibited content"), "moderation", id="prohibited"),
    # ---- what is told with a status of the request's, and is not about it
    *(
        pytest.param(400, error(words, type=type), "server", id=f"400: {words[:24]}")
        for words, type in (
            ("service temporarily unavailable", "upstream_error"),
            ("Error from provider (Console Go): Upstream request failed", ""),
            ("Provider returned error", ""),
            ("litellm.BadRequestError: OpenAIException - Connection error.", ""),
            ("An error occurred while processing your request. You can retry your request, or contact us.", "invalid_request_error"),
            ("the queue of this group is full, please retry later", ""),
            ("请求失败，请稍后重试", "upstream_error"),
        )
    ),
    pytest.param(400, error('Provider returned error: {"error":{"message":"Invalid schema for function x: nothing to see"}}'), "client", id="a provider that did say why"),
    pytest.param(400, error("Could not process the image, please try again with another one", type="invalid_request_error"), "client", id="again, with something else"),
    pytest.param(400, error("AiError: Capacity temporarily exceeded, please try again."), "overloaded", id="cloudflare: capacity"),
    pytest.param(400, error("Upstream error from Nvidia: ResourceExhausted: Worker local total request limit reached (32/32)"), "overloaded", id="openrouter: nvidia"),
    pytest.param(503, error("No capacity available for model gemini-3.1-pro on the server", details=[{"reason": "MODEL_CAPACITY_EXHAUSTED"}]), "overloaded", id="code assist: capacity"),
    pytest.param(400, error("Model 'qwen' not loaded. Please load it first"), "no_channel", id="lm studio: not loaded"),
    pytest.param(400, error("unknown provider for model gpt-5.6-sol"), "model_not_found", id="a relay: unknown provider"),
    pytest.param(404, error("This is not a chat model and thus not supported in the v1/chat/completions endpoint."), "model_not_found", id="openai: no chat model"),
    pytest.param(500, anthropic("api_error", "insufficient balance (1008)"), "balance", id="minimax: balance in a 500, typed as the server's"),
    pytest.param(500, anthropic("api_error", "usage limit exceeded, 5-hour usage limit reached (2056)"), "balance", id="minimax: five hours"),
    pytest.param(403, error("Your newly created team doesn't have any credits or licenses yet."), "balance", id="xai: no credits"),
    pytest.param(429, anthropic("rate_limit_error", "You've hit your limit · resets Oct 6, 1pm"), "balance", id="claude: a subscription's limit"),
    pytest.param(429, error("You've hit your rate limit"), "rate_limit", id="a rate is no balance"),
    pytest.param(429, {"errors": [{"message": "you have used up your daily free allocation of 10,000 neurons", "code": 4006}]}, "balance", id="cloudflare: the day"),
    pytest.param(400, error("ExceededTokenBudget: Current spend for token: 7.2; Max Budget for Token: 2e-07", type="auth_error"), "balance", id="litellm: a token's budget"),
    *(
        pytest.param(403, error(words, code=code), "account", id=f"account: {words[:30]}")
        for words, code in (
            ("To continue, verify your account at https://accounts.google.com/signin/continue", "VALIDATION_REQUIRED"),
            ("This service has been disabled in this account for violation of Terms of Service.", "TOS_VIOLATION"),
            ("OAuth token does not meet scope requirement user:inference", ""),
            ("OAuth authentication is currently not allowed for this organization.", ""),
            ("IP not in whitelist", ""),
            ("您的 IP 不在令牌允许访问的列表中", ""),
            ("无权访问 vip 分组", "access_denied"),
        )
    ),
    pytest.param(403, {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]}, "auth", id="cloudflare: key"),
    pytest.param(403, {"code": "unauthenticated:bad-credentials", "error": "The OAuth2 access token could not be validated."}, "auth", id="xai: login"),
    *(
        pytest.param(403, error(words), "not_enabled", id=f"not enabled: {words[:30]}")
        for words in (
            "Your organization must be verified to use the model `gpt-5`.",
            "User: arn:aws:iam::1:user/x is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:x",
            "You are not allowed to sample from this model",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "category"), BODIES)
def test_category(status: int, body: dict[str, Any] | str, category: str) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    assert category_of(read_fault(status, {}, text.encode(), NOW)) == category


@pytest.mark.parametrize(
    ("status", "body", "category"),
    [
        (403, b"<html><head><title>Attention Required! | Cloudflare</title></head></html>", "refused"),
        (413, b"<html><head><title>413 Request Entity Too Large</title></head></html>", "too_large"),
        (400, b"<html><title>400 Bad Request</title></html>", "unclear"),
        (502, b"<html>", "server"),
        (0, b"", "server"),
    ],
)
def test_bodies_that_are_no_json(status: int, body: bytes, category: str) -> None:
    assert category_of(read_fault(status, {}, body, NOW)) == category


def test_a_code_is_in_one_class() -> None:
    codes = [code for table in (CODES, TYPES) for known in table.values() for code in known]
    assert len(codes) == len(set(codes)) and all(code == code.lower() for code in codes)


@given(st.integers(0, 599), st.text(max_size=200), st.text(max_size=40), st.text(max_size=40))
def test_anything_has_a_class(status: int, message: str, code: str, type: str) -> None:
    assert category_of(Fault("server", message, status, code, type))
