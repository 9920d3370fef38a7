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
    "revoked", "auth", "account", "location", "refused", "balance", "over_limit", "rate_limit", "account_busy",
    "overloaded", "pool_empty", "model_not_found", "no_channel", "not_enabled", "context_length", "too_large",
    "moderation", "capability", "unsupported", "client", "unclear", "no_path", "server",
]  # fmt: skip
"""What each means, and what follows from it: BY_CATEGORY in verdict.py. ``refused``: a 403 that names no culprit.
``account``: the key's account is shut out. ``over_limit``: this one request is more than the key's limits or credit
ever allow. ``no_channel``: a relay that has nobody for this model just now. ``not_enabled``: this key may not use this
model. ``unclear``: a 400 without a word about the request, or a status that no vendor has for one."""

CODES: Final[Mapping[Category, frozenset[str]]] = {
    "moderation": frozenset({
        "sensitive_words_detected", "violation_fee.grok.csam", "content_moderation_failed", "content_policy_violation",
        "content_filter", "content_blocked", "moderation_blocked", "prompt_blocked", "responsibleaipolicyviolation",
        "1301",  # Zhipu
        "datainspectionfailed", "data_inspection_failed",  # Alibaba
    }),
    "model_not_found": frozenset({
        "model_not_found", "model_not_available", "deploymentnotfound", "unsupported_model", "invalid_model",
        "model_decommissioned", "model_is_deactivated",  # Groq
        "1211",  # Zhipu
    }),
    "context_length": frozenset({
        "context_length_exceeded", "model_max_prompt_tokens_exceeded",
        "exceed_context_size_error",  # llama.cpp
        "1261",  # Zhipu
    }),
    "too_large": frozenset({"request_too_large"}),
    "account_busy": frozenset({"accountratelimitexceeded", "1302", "1303"}),
    "balance": frozenset({
        "insufficient_balance", "insufficient_quota", "insufficient_user_quota", "api_key_quota_exhausted",
        "usage_limit_exceeded", "usage_limit_reached", "daily_limit_exceeded", "subscription_not_found",
        "subscription_invalid", "pre_consume_token_quota_failed", "pre_consume_quota_failed", "accountquotaexceeded",
        "billing_error", "billing_hard_limit_reached", "billing_not_active", "billing_disabled",
        "exceeded_current_quota_error", "usage_not_included", "budget_exceeded",
        "organization_quota_exceeded", "account_quota_exceeded", "plan_limit_reached",
        "insufficient_balance_error",  # MiniMax
        "insufficient_g1_credits_balance",  # Code Assist
        "creditserror", "monthlylimiterror",  # OpenCode Zen
        "arrearage",  # Alibaba
        "accountoverdueerror",  # Volcengine
        "1113", "1304", "1308", "1309", "1310",  # Zhipu
    }),
    "not_enabled": frozenset({
        "key_model_access_denied", "team_model_access_denied", "user_model_access_denied",  # LiteLLM
        "1220", "1311",  # Zhipu
        "modelnotopen", "setlimitexceeded",  # Volcengine
        "model.accessdenied", "allocationquota.freetieronly",  # Alibaba
    }),
    "revoked": frozenset({"api_key_expired", "api_key_disabled", "api_key_revoked", "token_revoked", "expired_key"}),
    "account": frozenset({
        "service_disabled", "group_deleted", "group_disabled", "group_not_allowed", "account_deactivated",
        "account_disabled", "user_inactive", "organization_restricted", "organization_disabled", "consumer_suspended",
        "consumer_invalid", "workspace.accessdenied", "deactivated_workspace",
        "api_key_service_blocked", "api_key_http_referrer_blocked", "api_key_ip_address_blocked",
        "validation_required", "tos_violation",  # Code Assist
        "customer_verification_required",  # Vercel
    }),
    "location": frozenset({"unsupported_country_region_territory"}),
    "auth": frozenset({
        "invalid_api_key", "api_key_required", "api_key_invalid", "invalid_token", "token_expired", "token_invalidated",
        "empty_token", "invalid_auth_header", "invalid_admin_key", "user_not_found",
        "unauthenticated:bad-credentials",  # xAI
    }),
    "overloaded": frozenset({
        "overloaded_error", "system_cpu_overloaded", "server_overloaded", "engine_overloaded_error", "slow_down",
        "server_is_overloaded", "serveroverloaded", "capacity_exceeded", "service_tier_capacity_exceeded",
        "model_capacity_exhausted",  # Code Assist
        "1305",  # Zhipu
    }),
    "pool_empty": frozenset({"no_available_account", "accounts_exhausted"}),
}  # fmt: skip
"""Exact codes, lower case, that say what happened; the words of the message can add nothing to them."""

TYPES: Final[Mapping[Category, frozenset[str]]] = {
    "auth": frozenset({"authentication_error", "invalid_authentication_error", "unauthorized", "unauthenticated"}),
    "refused": frozenset({"permission_error", "permission_denied", "access_denied", "forbidden"}),
    "rate_limit": frozenset({
        "rate_limit_error", "rate_limit_exceeded", "rate_limit_reached_error", "resource_exhausted",
        "too_many_requests", "throttlingexception", "servicequotaexceededexception",
    }),
    "server": frozenset({
        "bad_response_status_code", "do_request_failed", "internal_error", "internal_server_error", "modelservingerror",
    }),
}  # fmt: skip
"""Codes and types that only repeat the status in a word: what the message says of the request, its model or the account
comes before them."""

TRANSIENT: Final = re.compile(
    r"rate limit|too many requests|requests per|tokens per|per ?minute|allocated quota exceeded|"
    r"请求过于频繁|请求频率|限流",
    re.IGNORECASE,
)
"""Limits that are over in a moment: whatever else the message says, no balance is used up."""

RESOURCE: Final = r"balance|quota|credits?|funds|subscription|allowance|recharge|free tier|余额|额度|充提|积分|套餐"
SHORT: Final = (
    r"insufficient|negative|exhausted|depleted|too low|expired|overdue|not enough|"
    r"不足|不够|为负|耗尽|已用尽|用完|过期|失败"
)
_SURE_WORDS: Final[tuple[tuple[Category, str], ...]] = (
    (
        "account",
        r"\borgani[sz]ation (?:has been|is|was) (?:disabled|restricted|suspended)|"
        r"\b(?:account|project|consumer|user)\b[^.]{0,60}?(?:has been|is|was) (?:deactivated|disabled|suspended|"
        r"terminated|banned|flagged|restricted|locked|denied)|your access was terminated|"
        r"has not been used in project|does not have access to claude code|"
        r"\bip address (?:is )?not (?:authorized|allowed|permitted)|violates this restriction|"
        r"\bip\b[^.]{0,40}whitelist|\bip is not in [^.]{0,30}allowed|ip 不在.{0,12}允许|"
        r"无权访问 \S{1,40} ?分组|verify your account at|"
        r"disabled in this account|account is not authorized to invoke|"
        r"oauth (?:token|authentication)\b[^.]{0,30}not (?:meet|allowed|supported)|"
        r"(?:账[户号]|用户)(?:已)?(?:被)?(?:禁用|封禁|冻结|停用|锁定)",
    ),
    (
        "balance",
        r"\benable billing|billing (?:is |has been )?(?:disabled|not active)|out of extra usage|"
        r"draw from your extra usage|reached your specified (?:\w+ ){0,2}usage limits|regain access on|in arrears|欠费|"
        r"account is in good standing|no payment method|key limit exceeded|exceeded your monthly included credits|"
        r"exceeded (?:its|your|the) (?:\w+ ){0,2}spend(?:ing)? (?:cap|limit)|\bover budget\b|"
        r"\bbudget (?:limit )?(?:has been |is |was )?(?:exceeded|reached|exhausted)|"
        r"exceededtokenbudget|doesn't have any credits|hit your (?!rate)(?:\w+ ){0,2}limit\b|"
        r"used up your (?:\w+ ){0,3}allocation|insufficient balance \(\d{4}\)|usage limit reached",
    ),
    (
        "balance",
        r"недостаточно средств|saldo insuficiente|solde insuffisant|cr[ée]ditos? insuficientes?|"
        r"guthaben (?:ist )?(?:aufgebraucht|erschöpft|reicht nicht)|残高.{0,5}不足|(?:크레딧|잔액)이? ?부족",
    ),
    ("refused", r"only authorized for use with"),
    ("location", r"location is not supported|(?:country|region|territory)[^.]{0,40}?not supported|"
                 r"not available in your (?:country|region|location)"),
    (
        "over_limit",
        r"request too large for|can only afford|or fewer max_tokens|required for long context|"
        r"tokens must be reduced in order|long context beta is not",
    ),
    ("too_large", r"image exceeds \d{1,4} ?[mk]b maximum|image dimensions exceed max allowed"),
)  # fmt: skip
_WORDS: Final[tuple[tuple[Category, str], ...]] = (
    (
        "pool_empty",
        r"no available (?:\w+ )?accounts?|accounts? (?:pool )?(?:is |are )?exhausted|"
        r"all (?:\w+ )?accounts (?:are|have)\b|"
        r"no auth available|无可用账号",
    ),
    (
        "not_enabled",
        r"image generation (?:tool )?is not enabled|no endpoints (?:found|available) matching your|"
        r"\b(?:plan|subscription|tier) (?:does not|doesn't) include (?:access to )?(?:this|the) model|"
        r"\bmodel (?:requires a (?:\w+ )?(?:subscription|plan)\b|"
        r"is only available (?:for|to|on) (?:paid|pro|plus|premium))|"
        r"\bonly (?:paid|pro|plus|premium) users can\b|upgrade to a paid plan to use|"
        r"use case details have not been submitted|"
        r"not allowed to use (?:the )?(?:publisher )?model|must be verified to use|"
        r"not authorized to perform: bedrock|not allowed to sample from|"
        r"no allowed providers are available",
    ),
    (
        "no_channel",
        r"no available channel for model|under group .{0,60}\(distributor\)|无可用渠道|"
        r"\bmodel\b.{0,80}\bnot loaded|failed to load model|no models? loaded",
    ),
    (
        "balance",
        rf"(?:{RESOURCE}).{{0,40}}?(?:{SHORT})|(?:{SHORT}).{{0,20}}?(?:{RESOURCE})|out of credits|no balance|"
        r"quota (?:is |was )?(?:used up|exceeded)|exceeded your current quota|"
        r"used all (?:of )?(?:the |your )?available|"
        r"(?:daily|monthly|weekly|usage|call|spending|spend|consumption) (?:\w+ )?(?:limit|quota|cap) "
        r"(?:is |was |has been )?(?:exceeded|reached|exhausted|used up)|"
        r"reached (?:its|your|the) (?:\w+ ){0,2}(?:spending|usage) (?:limit|cap)|"
        r"exceeded the [\w-]+ usage quota|limit exceeded for your plan|tokenstatusexhausted|no active subscription|"
        r"预扣费|使用上限|调用上限|[本今当]日上限|limit exhausted",
    ),
    (
        "model_not_found",
        r"\bmodels?\b.{0,100}?(?:not found|does not exist|not exist|is not supported|isn.t supported|"
        r"not available|no longer available|identifier is invalid|is not open|"
        r"decommissioned|retired|reached its end of life|has been shut ?down|不存在)|"
        r"\bmodel:? [`'\"]?[\w./:@-]{2,80}[`'\"]? not supported|no endpoints found for|not a valid model|"
        r"unknown provider for model|model not support|not a chat model|does not work with the specified model|"
        r"existing deployment to match the model|deployment for this resource does not exist|"
        r"^function '[^']{1,80}': not found|(?:unsupported|unknown|no such|incorrect|invalid) model|"
        r"supported api model names|^model: \S+$|"
        r"access (?:to )?(?:the |this )?(?:(?!tuned)\w+ )?model|"
        r"\bmodel\b.{0,60}?(?:is not (?:allowed|permitted)|no access)|"
        r"(?:无权|没有权限)(?:访问|使用).{0,20}模型|模型.{0,40}(?:不存在|无权|已下线|未开放)",
    ),
    (
        "context_length",
        r"maximum context length|(?:prompt|input) (?:is )?too long|exceeds? (?:the )?context|context (?:window|length)|"
        r"too many (?:input |prompt )tokens|(?:input|prompt) token count.{0,60}(?:exceeds|only supports)|"
        r"reduce the length of (?:the|your) (?:messages|prompt|input)|size limit exceeded by \d|"
        r"must have less than \d{1,9} tokens|\binputs[`'\"]? tokens \+|"
        r"exceeds? the (?:maximum )?(?:number of )?(?:context|input|prompt) tokens?|"
        r"exceeds? the available context|maximum (?:prompt|input) length|exceeded model token limit|"
        r"prompt exceeds max|range of input length|max(?:imum)? context|input length .{0,40}exceed|"
        r"current length is \d{1,9} while limit is|maximum model length|max_model_len|too many total (?:text )?bytes|"
        r"tokens exceeds? the (?:configured|model's maximum) limit|"
        r"[`'\"](?:(?:messages|input)\[\d{1,5}\]\.content(?:\[\d{1,5}\]\.text)?|input|prompt|instructions)[`'\"]: "
        r"string too long|"
        r"(?:上下文|输入).{0,20}(?:超出|超过|过长)",
    ),
    (
        "moderation",
        r"(?:input|prompt|content|request|message)s? (?:was |were |has been |is )?"
        r"(?:flagged|rejected by .{0,20}safety)|"
        r"(?:rejected|failed) as a result of (?:our|the) safety system|"
        r"requires moderation|violates? (?:our |the |these )?(?:usage|content|safety)|safety_check|"
        r"content management policy|content filtering policy|prohibited content|\bcyber policy|"
        r"包含敏感|敏感词|不安全或敏感",
    ),
    ("too_large", r"payload size exceeds|request (?:entity|body) (?:is )?too large"),
    (
        "overloaded",
        r"overloaded|\bat capacity\b|capacity (?:temporarily )?exceeded|no capacity available|high demand|high traffic|"
        r"\bserver busy\b|resourceexhausted|"
        r"(?:server|system|service) is (?:too |currently )?busy|负载已饱和|系统过载|访问量过大|(?:服务|系统)繁忙",
    ),
    (
        "account_busy",
        r"\b(?:your account|organi[sz]ation max|max organi[sz]ation|max concurrency|concurrency limit|"
        r"concurrent requests)\b|账[户号].{0,10}速率|并发",
    ),
    (
        "capability",
        r"(?:does not|doesn't|not) support (?:image|vision|tool|audio|file|pdf|multimodal)|"
        r"(?:image|vision|multimodal|audio)\b.{0,40}?(?:not supported|unsupported|cannot be processed)|"
        r"support image input|no endpoints found that support|requires --enable-auto-tool-choice|"
        r"不支持(?:图片|图像|视觉|多模态)|"
        r"(?:unknown parameter|invalid value|unsupported).{0,40}(?:tools?\[|tool_choice|web_search|tool_search)",
    ),
    (
        "rate_limit",
        r"rate[ -]?limit(?:ing|ed| exceeded| reached)|too many requests|\b(?:qps|rpm|tpm) \w{0,12} ?limit|"
        r"high[- ]frequency|高频",
    ),
)
SURE_WORDS: Final = tuple((category, re.compile(pattern, re.IGNORECASE)) for category, pattern in _SURE_WORDS)
"""Whole phrases of vendors about accounts and limits, searched in every message."""
WORDS: Final = tuple((category, re.compile(pattern, re.IGNORECASE)) for category, pattern in _WORDS)
"""Searched in the message, in this order; never where ``SCHEMA`` says that the request itself is at fault."""
GOOGLES_QUOTA: Final = re.compile(r"(?:exceeded your current|check) quota|quota exceeded", re.IGNORECASE)
"""Google's quotas are limits of a model for a minute or a day, in the words in which others say that money is gone
(ai.google.dev/gemini-api/docs/rate-limits)."""
AT_LIMITS: Final[frozenset[Category]] = frozenset({"account_busy"})
"""Words that only mean this where a limit is what was hit (429)."""

REVOKED_WORDS: Final = re.compile(
    r"\b(?:api[ _-]?key|token)\b[^.]{0,20}(?:revoked|deleted|deactivated|disabled|leaked)|"
    r"(?:revoked|deleted|deactivated|disabled)[^.]{0,10}\b(?:api[ _-]?key|token)\b|"
    r"\bapi[ _-]?key\b[^.]{0,20}expired|expired[^.]{0,10}\bapi[ _-]?key\b|"
    r"(?:令牌|密钥)已?(?:过期(?!或)|吊销|禁用|失效)",
    re.IGNORECASE,
)
"""A token that has expired is no key that has: whoever holds it for the upstream makes a new one every hour."""
KEY_WORDS: Final = re.compile(
    r"(?:invalid|incorrect|expired|revoked|disabled)[^.]{0,20}(?:api[ _-]?key|token\b)|"
    r"api[ _-]?key[^.]{0,20}(?:not valid|not found|invalid|incorrect|expired|revoked|disabled)|"
    r"\b(?:access|auth\w*|bearer|security|session|id|ide) token\b[^.]{0,30}(?:invalid|expired)|"
    r"\btoken (?:has )?expired|(?:authentication|authorization|login) fail|^authentication error|authorization header|"
    r"\binvalid_grant\b|(?:密钥|令牌)无效|无效的(?:api|令牌|密钥)|令牌已?过期|认证失败|鉴权失败|身份验证",
    re.IGNORECASE,
)
GROUP_WORDS: Final = re.compile(r"no permission to access group|switch this api key to an available group", re.I)
BROKEN: Final = re.compile(
    r"expecting (?:value|property name|'.{1,3}' delimiter)|bad_response_body|json decode|<!doctype|<html|"
    r"invalid character '.{1,3}' looking for|^internal (?:server )?error|do request failed|model (?:has )?crashed|"
    r"\bupstream\b[^.:]{0,40}(?:failed|unavailable|timed? ?out|timeout)|^provider returned error\.?$|"
    r"connection error\.?$|(?:error|problem) occurred while processing your request|temporarily unavailable|"
    r"\b(?:again|retry) later\b|"
    r"you can retry your request|degraded function cannot be invoked|稍后[^。]{0,4}(?:再试|重试)",
    re.IGNORECASE,
)
"""A relay that could not read its own upstream, or whose upstream failed, says so with a 400; and who asks to try again
later does not mean that the request is wrong."""

WIRES: Final = re.compile(
    r"connection (?:was )?(?:reset|refused|closed)|no such host|handshake timeout|\bi/o timeout|"
    r"stream error: stream id|unexpected eof|socket hang up|fetch failed|"
    r"\be(?:connreset|connrefused|timedout|notfound|pipe|ai_again)\b|"
    r"upstream connect error|no healthy upstream|deadline exceeded|request timed out|temporary routing error|"
    r"endpoint is unavailable|under maintenance|维护中|^error code: 5\d\d",
    re.IGNORECASE,
)
"""The same in the words of what a relay is built of (Go, Node.js, Envoy), or of whoever looks after it."""
FETCHING: Final = re.compile(r"download|fetching|retriev|\b(?:image|file|url|media)\b", re.IGNORECASE)
"""What the request named could not be fetched: that is its own affair."""

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
    408: "server",
    409: "server",
    413: "too_large",
    425: "server",
    429: "rate_limit",
    529: "overloaded",
    **dict.fromkeys((404, 405, 406, 407, 410, 418, 421, 423, 424, 426, 451, 499), "no_path"),
}
"""Statuses that say enough by themselves. The last are of upstreams that are broken or shut, not of the request."""
MESSAGE_DECIDES: Final = frozenset({0, 400, 401, 402, 403, 404, 422, 429})
"""Statuses (0: none, inside a 200) whose words are read for balance and keys."""


def category_of(fault: Fault) -> Category:
    """The class of an error answer: by its codes, else its words, else its type, else its status."""
    codes = {fault.code.lower(), fault.type.lower()} - {""}
    words = _by_words(fault)
    if words == "balance" and "resource_exhausted" in codes and GOOGLES_QUOTA.search(fault.message):
        return "rate_limit"
    for category, known in CODES.items():
        if codes & known:
            if category == "balance" and TRANSIENT.search(fault.message):
                continue
            return words if category == "model_not_found" and words == "no_channel" else category
    if words:
        return words
    for category, known in TYPES.items():
        if codes & known:
            return category
    if fault.status == 404 and speaks_of_fields(fault):
        return "unsupported"
    if fault.status in BY_STATUS:
        return BY_STATUS[fault.status]
    if fault.status == 0 or fault.status >= 500:
        return "server"
    return _refused_request(fault, codes)


def _by_words(fault: Fault) -> Category | None:
    message = fault.message
    for category, pattern in SURE_WORDS:
        if pattern.search(message):
            return category
    if SCHEMA.search(message) and not re.search(r"context|prompt", message, re.IGNORECASE):
        return None
    reads_keys = fault.status in MESSAGE_DECIDES
    for category, pattern in WORDS:
        if category == "balance" and (not reads_keys or TRANSIENT.search(message)):
            continue
        if category in AT_LIMITS and fault.status != 429:
            continue
        if pattern.search(message):
            return category
    return _about_the_key(fault) if reads_keys else None


def _about_the_key(fault: Fault) -> Category | None:
    if REVOKED_WORDS.search(fault.message):
        return "revoked"
    if KEY_WORDS.search(fault.message):
        return "auth"
    return "account" if fault.status == 403 and GROUP_WORDS.search(fault.message) else None


def _refused_request(fault: Fault, codes: set[str]) -> Category:
    """A 4xx about which neither codes nor words nor the status said anything."""
    if BROKEN.search(fault.message) or (WIRES.search(fault.message) and not FETCHING.search(fault.message)):
        return "server"
    if speaks_of_fields(fault):
        return "unsupported"
    if fault.status not in (400, 422) or fault.message.startswith(PAGE):
        return "unclear"
    nothing_said = fault.status == 400 and not codes - NO_CODES and not SCHEMA.search(fault.message)
    return "unclear" if nothing_said and fault.param == "" and len(fault.message) < UNCLEAR else "client"


PAGE: Final = "a web page: "
"""How the words of an answer begin that is a page: whoever stands before the upstream wrote it."""
NO_CODES: Final = frozenset({"400", "invalid_argument"})
"""Codes that only repeat the status."""
UNCLEAR: Final = 40
"""Characters: "Bad request" and the like; whoever says more speaks about the request."""
