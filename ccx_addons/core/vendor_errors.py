"""What an upstream's error means: structured codes first, words only where neither they nor the status decide.

Codes and wordings are those of the vendors' error references (platform.claude.com/docs/en/api/errors,
platform.openai.com/docs/guides/error-codes, ai.google.dev/gemini-api/docs/troubleshooting) and of common relays; each
class is a row of a table below.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from ccx_addons.core.neutral import Fault
from ccx_addons.core.refusals import speaks_of_fields

type Category = Literal[
    "auth", "permission", "refused", "balance", "rate_limit", "account_busy", "overloaded", "pool_empty",
    "model_not_found", "no_channel", "not_enabled", "context_length", "moderation", "capability", "unsupported",
    "client", "unclear", "no_path", "server",
]  # fmt: skip
"""``refused``: a 403 that does not say that the key is at fault. ``no_channel``: a relay that has nobody for this model
just now. ``not_enabled``: this key may not use this model. ``unclear``: a 400 without a word about the request."""

CODES: Final[Mapping[Category, frozenset[str]]] = {
    "moderation": frozenset({
        "sensitive_words_detected", "violation_fee.grok.csam", "content_moderation_failed", "content_policy_violation",
        "content_filter", "content_blocked", "moderation_blocked", "prompt_blocked",
    }),
    "model_not_found": frozenset({"model_not_found", "model_not_available", "deploymentnotfound"}),
    "context_length": frozenset({"context_length_exceeded", "string_above_max_length", "request_too_large"}),
    "account_busy": frozenset({"accountratelimitexceeded"}),
    "balance": frozenset({
        "1113", "insufficient_balance", "insufficient_quota", "insufficient_user_quota", "api_key_quota_exhausted",
        "usage_limit_exceeded", "usage_limit_reached", "daily_limit_exceeded", "subscription_not_found",
        "subscription_invalid", "pre_consume_token_quota_failed", "pre_consume_quota_failed", "accountquotaexceeded",
        "billing_error", "billing_hard_limit_reached", "billing_not_active", "exceeded_current_quota_error",
    }),
    "auth": frozenset({
        "authentication_error", "invalid_api_key", "invalid_authentication_error", "api_key_required",
        "api_key_disabled", "api_key_expired", "api_key_invalid", "invalid_token", "token_expired", "token_revoked",
        "empty_token", "invalid_auth_header", "invalid_admin_key", "unauthorized", "unauthenticated", "user_not_found",
        "user_inactive", "account_deactivated",
    }),
    "permission": frozenset({
        "permission_error", "permission_denied", "access_denied", "service_disabled", "group_deleted",
        "group_disabled", "group_not_allowed",
    }),
    "overloaded": frozenset({
        "overloaded_error", "system_cpu_overloaded", "server_overloaded", "engine_overloaded_error", "slow_down",
    }),
    "pool_empty": frozenset({"no_available_account", "accounts_exhausted"}),
    "rate_limit": frozenset({
        "rate_limit_error", "rate_limit_exceeded", "rate_limit_reached_error", "resource_exhausted",
        "too_many_requests", "throttlingexception",
    }),
}  # fmt: skip
"""Exact codes or types, lower case, in the order in which they decide."""

TRANSIENT: Final = re.compile(
    r"rate limit|too many requests|requests per|tokens per|per ?minute|请求过于频繁|请求频率|限流", re.IGNORECASE
)
"""Limits that are over in a moment: whatever else the message says, no balance is used up."""

RESOURCE: Final = r"balance|quota|credits?|funds|subscription|allowance|recharge|余额|额度|充提|积分"
SHORT: Final = r"insufficient|negative|exhausted|depleted|too low|expired|overdue|not enough|不足|耗尽|已用尽|过期|失败"
_WORDS: Final[tuple[tuple[Category, str], ...]] = (
    ("pool_empty", r"no available accounts?|accounts? (?:pool )?(?:is |are )?exhausted|无可用账号"),
    ("not_enabled", r"image generation (?:tool )?is not enabled"),
    ("no_channel", r"no available channel for model|under group .{0,60}\(distributor\)|无可用渠道"),
    (
        "balance",
        rf"(?:{RESOURCE}).{{0,40}}?(?:{SHORT})|(?:{SHORT}).{{0,20}}?(?:{RESOURCE})|out of credits|no balance|"
        r"quota (?:is |was )?(?:used up|exceeded)|exceeded your current quota|"
        r"used all (?:of )?(?:the |your )?available|"
        r"(?:daily|monthly|weekly|usage|call) (?:limit|quota) (?:is |was |has been )?(?:exceeded|reached|exhausted)|"
        r"exceeded the [\w-]+ usage quota|limit exceeded for your plan|tokenstatusexhausted|no active subscription|"
        r"预扣费",
    ),
    (
        "model_not_found",
        r"\bmodels?\b.{0,100}?(?:not found|does not exist|not exist|is not supported|not available|不存在)|"
        r"(?:unsupported|unknown|no such) model|supported api model names|^model: \S+$",
    ),
    (
        "context_length",
        r"maximum context length|prompt is too long|exceeds? (?:the )?context|context window|input is too long|"
        r"too many (?:input |prompt )tokens|input token count.{0,60}exceeds|"
        r"exceeds? the (?:maximum )?(?:number of )?(?:context|input|prompt) tokens?",
    ),
    ("overloaded", r"overloaded|负载已饱和|系统过载"),
    (
        "capability",
        r"(?:does not|doesn't|not) support (?:image|vision|tool|audio|file|pdf|multimodal)|"
        r"(?:image|vision|multimodal|audio)\b.{0,40}?(?:not supported|unsupported|cannot be processed)|"
        r"support image input|不支持(?:图片|图像|视觉|多模态)|"
        r"(?:unknown parameter|invalid value|unsupported).{0,40}(?:tools?\[|tool_choice|web_search|tool_search)",
    ),
)
WORDS: Final = tuple((category, re.compile(pattern, re.IGNORECASE)) for category, pattern in _WORDS)
"""Searched in the message, in this order; never where ``SCHEMA`` says that the request itself is at fault."""

KEY_WORDS: Final = re.compile(
    r"(?:invalid|incorrect|expired|revoked|disabled)[^.]{0,20}(?:api[ _-]?key|token\b)|"
    r"api[ _-]?key[^.]{0,20}(?:not valid|invalid|incorrect|expired|revoked|disabled)|"
    r"令牌已过期|(?:密钥|令牌)无效|无效的(?:api|令牌|密钥)|authentication failed|认证失败|鉴权失败",
    re.IGNORECASE,
)
GROUP_WORDS: Final = re.compile(r"no permission to access group|switch this api key to an available group", re.I)
BROKEN: Final = re.compile(
    r"expecting (?:value|property name|'.{1,3}' delimiter)|bad_response_body|json decode|<!doctype|<html|"
    r"invalid character '.{1,3}' looking for",
    re.IGNORECASE,
)
"""A relay that could not read its own upstream says so with a 400."""

SCHEMA: Final = re.compile(
    r"^(?:messages|input|contents|tools|system|instructions)[.\[]|max_(?:output_|completion_)?tokens|maxOutputTokens|"
    r"field required|required field|missing required parameter|(?:is|are) required|schema validation|"
    r"validation failed|unsupported content type|must be passed back to the api",
    re.IGNORECASE,
)
BY_STATUS: Final[Mapping[int, Category]] = {
    401: "auth",
    402: "balance",
    403: "refused",
    404: "no_path",
    408: "server",
    409: "server",
    413: "context_length",
    425: "server",
    429: "rate_limit",
    529: "overloaded",
}
MESSAGE_DECIDES: Final = frozenset({0, 400, 401, 402, 403, 404, 422, 429})
"""Statuses (0: none, inside a 200) whose words are read for balance and keys."""


def category_of(fault: Fault) -> Category:
    """The class of an error answer: by its codes, else its words, else its status."""
    codes = {fault.code.lower(), fault.type.lower()} - {""}
    words = _by_words(fault)
    for category, known in CODES.items():
        if codes & known:
            if category == "rate_limit" and words in ("balance", "overloaded"):
                return words
            if category == "balance" and TRANSIENT.search(fault.message):
                continue
            return words if category == "model_not_found" and words == "no_channel" else category
    if words:
        return words
    if fault.status in BY_STATUS:
        return BY_STATUS[fault.status]
    if fault.status == 0 or fault.status >= 500:
        return "server"
    return _refused_request(fault, codes)


def _by_words(fault: Fault) -> Category | None:
    message = fault.message
    if SCHEMA.search(message) and not re.search(r"context|prompt", message, re.IGNORECASE):
        return None
    reads_keys = fault.status in MESSAGE_DECIDES
    for category, pattern in WORDS:
        if category == "balance" and (not reads_keys or TRANSIENT.search(message)):
            continue
        if pattern.search(message):
            return category
    if reads_keys and KEY_WORDS.search(message):
        return "auth"
    if fault.status == 403 and GROUP_WORDS.search(message):
        return "permission"
    return None


def _refused_request(fault: Fault, codes: set[str]) -> Category:
    """A 4xx about which neither codes nor words nor the status said anything."""
    if BROKEN.search(fault.message):
        return "server"
    if speaks_of_fields(fault):
        return "unsupported"
    nothing_said = fault.status == 400 and not codes - {"400"} and not SCHEMA.search(fault.message)
    return "unclear" if nothing_said and fault.param == "" and len(fault.message) < UNCLEAR else "client"


UNCLEAR: Final = 40
"""Characters: "Bad request" and the like; whoever says more speaks about the request."""
