"""What an upstream's error means: structured codes first, words only where a status does not decide.

Codes and wordings are those of the vendors' error references and of common relays; each class is a table below.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Final, Literal

from ccx_addons.core.neutral import Fault

type Category = Literal[
    "auth", "permission", "balance", "rate_limit", "overloaded", "pool_empty", "model_not_found", "context_length",
    "moderation", "capability", "unsupported", "client", "server",
]  # fmt: skip

CODES: Final[Mapping[Category, frozenset[str]]] = {
    "moderation": frozenset({
        "sensitive_words_detected", "violation_fee.grok.csam", "content_moderation_failed", "content_policy_violation",
        "content_filter", "content_blocked", "moderation_blocked", "prompt_blocked",
    }),
    "model_not_found": frozenset({"model_not_found", "model_not_available", "deploymentnotfound"}),
    "context_length": frozenset({"context_length_exceeded", "string_above_max_length", "request_too_large"}),
    "balance": frozenset({
        "1113", "insufficient_balance", "insufficient_quota", "insufficient_user_quota", "api_key_quota_exhausted",
        "usage_limit_exceeded", "usage_limit_reached", "daily_limit_exceeded", "subscription_not_found",
        "subscription_invalid", "pre_consume_token_quota_failed", "pre_consume_quota_failed", "accountquotaexceeded",
        "billing_error", "billing_hard_limit_reached", "billing_not_active",
    }),
    "auth": frozenset({
        "authentication_error", "invalid_api_key", "api_key_required", "api_key_disabled", "api_key_expired",
        "invalid_token", "token_expired", "token_revoked", "empty_token", "invalid_auth_header", "invalid_admin_key",
        "unauthorized", "unauthenticated", "user_not_found", "user_inactive", "account_deactivated",
    }),
    "permission": frozenset({
        "permission_error", "permission_denied", "access_denied", "service_disabled", "group_deleted",
        "group_disabled", "group_not_allowed",
    }),
    "overloaded": frozenset({"overloaded_error", "system_cpu_overloaded", "server_overloaded"}),
    "pool_empty": frozenset({"no_available_account", "accounts_exhausted"}),
    "rate_limit": frozenset({"rate_limit_error", "rate_limit_exceeded", "resource_exhausted", "too_many_requests"}),
}  # fmt: skip
"""Exact codes or types, lower case, in the order in which they decide."""

RESOURCE: Final = r"balance|quota|credits?|funds|subscription|allowance|recharge|余额|额度|充提|积分"
STATE: Final = r"insufficient|negative|exhausted|depleted|too low|expired|overdue|not enough|不足|耗尽|已用尽|过期|失败"
TRANSIENT: Final = re.compile(
    r"rate limit|too many requests|requests per|tokens per|perminute|per minute|请求过于频繁|限流", re.IGNORECASE
)
_WORDS: Final[tuple[tuple[Category, str], ...]] = (
    ("pool_empty", r"no available account|accounts? (?:pool )?(?:is )?exhausted|无可用账号"),
    (
        "balance",
        rf"(?:{RESOURCE})[^.]{{0,40}}(?:{STATE})|(?:{STATE})[^.]{{0,20}}(?:{RESOURCE})|out of credits|no balance|"
        r"quota (?:is )?used up|(?:daily|monthly|5-hour usage|call) (?:limit|quota)[^.]{0,20}exceeded|"
        r"exceeded the [\w-]+ usage quota|limit exceeded for your plan|tokenstatusexhausted|"
        r"exceeded your current quota|no active subscription|预扣费",
    ),
    (
        "model_not_found",
        r"model[^.]{0,80}(?:not found|does not exist|not supported|not available)|unsupported model|"
        r"unknown model|supported api model names|no available channel for model",
    ),
    (
        "context_length",
        r"maximum context length|prompt is too long|context window|input is too long|"
        r"too many (?:input )?tokens|exceeds? the (?:maximum )?(?:number of )?(?:context|input token)",
    ),
    ("overloaded", r"overloaded|负载已饱和|系统过载"),
    ("capability", r"does not support (?:image|vision|tool)|(?:image|vision|multimodal)[^.]{0,30}not supported"),
)
WORDS: Final = tuple((category, re.compile(pattern, re.IGNORECASE)) for category, pattern in _WORDS)
KEY_WORDS: Final = re.compile(
    r"(?:invalid|incorrect|expired|revoked|disabled)[^.]{0,20}(?:api[ _-]?key|token)|该令牌已过期|无效的", re.I
)

BAD_BETA: Final = re.compile(r"anthropic-beta[^`'\"]{0,40}[`'\"]?([a-z0-9-]+-20\d\d-\d\d-\d\d)[`'\"]?", re.I)
BAD_FIELD: Final = re.compile(
    r"[`'\"]?([a-z_][a-z0-9_.]{1,40})[`'\"]?(?:: Extra inputs are not permitted| is deprecated|"
    r"[^.]{0,40}(?:no longer supported|is not supported (?:for|with|by) this model))|"
    r"(?:Unrecognized request argument supplied|Unsupported parameter|Unknown parameter|Unsupported value)s?: "
    r"[`'\"]?([a-z_][a-z0-9_.]{1,40})|Unknown name \"([A-Za-z_]{1,40})\"",
    re.IGNORECASE,
)
NEVER_DROPPED: Final = frozenset({"model", "messages", "input", "contents", "tools", "max_tokens", "system", "stream"})
"""Fields whose loss would change what was asked."""

RESET_AT: Final = re.compile(
    r"reset(?:s)? (?:at|on) (\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)\s*([+-]\d{4}|Z)?", re.IGNORECASE
)


BY_STATUS: Final[Mapping[int, Category]] = {
    401: "auth",
    402: "balance",
    403: "permission",
    408: "server",
    409: "server",
    413: "context_length",
    425: "server",
    429: "rate_limit",
    529: "overloaded",
}


def category_of(fault: Fault) -> Category:
    """The class of an error answer. Message words win over a generic ``invalid_request`` wrapper, codes over words."""
    codes = {fault.code.lower(), fault.type.lower()} - {""}
    for category, known in CODES.items():
        if codes & known and not (category == "balance" and TRANSIENT.search(fault.message)):
            if category == "rate_limit" and _by_words(fault) == "balance":
                return "balance"
            return category
    if words := _by_words(fault):
        return words
    if fault.status in BY_STATUS:
        return BY_STATUS[fault.status]
    if fault.status == 0 or fault.status >= 500:
        return "server"
    if KEY_WORDS.search(fault.message):
        return "auth"
    return "unsupported" if dropped_field(fault.message) else "client"


def _by_words(fault: Fault) -> Category | None:
    for category, pattern in WORDS:
        if category == "balance" and (TRANSIENT.search(fault.message) or fault.status == 413):
            continue
        if pattern.search(fault.message):
            return category
    return None


def dropped_field(message: str) -> str:
    """The request field that an upstream names as unknown or deprecated; empty: none that may be dropped."""
    found = BAD_FIELD.search(message)
    name = next((group for group in found.groups() if group), "") if found else ""
    return "" if name.split(".")[0] in NEVER_DROPPED else name.split(".")[0]


def dropped_beta(message: str) -> str:
    """The anthropic-beta token that an upstream refuses."""
    found = BAD_BETA.search(message)
    return found[1] if found else ""


def reset_time(message: str) -> float | None:
    """Unix seconds of "It will reset at 2026-07-03 11:37:21 +0800"."""
    found = RESET_AT.search(message)
    if not found:
        return None
    moment = datetime.fromisoformat(found[1].replace(" ", "T"))
    zone = found[2] or "Z"
    if zone == "Z":
        return moment.replace(tzinfo=UTC).timestamp()
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    return moment.replace(tzinfo=timezone(offset if zone[0] == "+" else -offset)).timestamp()


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait: Retry-After in seconds or as a date (RFC 9110 section 10.2.3), else vendors' reset headers."""
    value = headers.get("retry-after", "").strip()
    if value:
        try:
            return min(max(0.0, float(value)), 86_400 * 31)
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - now)
        except (ValueError, TypeError):
            pass
    resets = [
        seconds
        for name, text in headers.items()
        if name.startswith(("anthropic-ratelimit-", "x-ratelimit-reset"))
        and "reset" in name
        and _exhausted(headers, name)
        and (seconds := _reset_seconds(text, now)) is not None
    ]
    return max(resets) if resets else None


def _exhausted(headers: Mapping[str, str], reset_name: str) -> bool:
    """A reset time counts only for the limit that is used up, where the upstream says which one is."""
    return headers.get(reset_name.replace("reset", "remaining"), "0").strip() == "0"


DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")


def _reset_seconds(text: str, now: float) -> float | None:
    """``6m0s``, ``1.5``, Unix seconds, or an ISO time."""
    if found := DURATION.fullmatch(text):
        if any(found.groups()):
            hours, minutes, seconds, millis = (float(group or 0) for group in found.groups())
            return hours * 3600 + minutes * 60 + seconds + millis / 1000
        return None
    try:
        number = float(text)
    except ValueError:
        try:
            return max(0.0, datetime.fromisoformat(text).timestamp() - now)
        except ValueError:
            return None
    return max(0.0, number - now) if number > 10**9 else number
