"""How long upstreams ask to wait: in headers, in words, in bodies, in whatever zone and unit they count."""

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.faults import fault_of, read_fault
from ccx_addons.core.waits import next_midnight, reset_time, retry_after, whole_account

NOW = datetime(2026, 7, 3, 3, 0, 0, tzinfo=UTC).timestamp()
HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        pytest.param("It will reset at 2026-07-03 11:37:21 +0800 CST", 37 * 60 + 21, id="volcengine"),
        pytest.param("quota reset time: 2026-07-03T04:00:00Z", HOUR, id="RFC 3339"),
        pytest.param("resets on 2026-07-03 05:00:00", 2 * HOUR, id="no zone is UTC"),
        pytest.param("Resets at 2026-07-03T04:30:00+01:00", 1800, id="zone with a colon"),
        pytest.param("You will regain access on 2026-07-04 at 00:00 UTC.", 21 * HOUR, id="anthropic: a date"),
        pytest.param("已达到 5 小时的使用上限。您的限额将在 2026-07-03 11:20:00 重置。", 1200, id="zhipu: Beijing's time"),
        pytest.param("额度将于2026-07-03 12:00:00恢复", HOUR, id="Chinese without spaces"),
        pytest.param("请求过于频繁，请在 30 秒后重试", 30, id="Chinese seconds"),
        pytest.param("请5分钟后再试", 300, id="Chinese minutes"),
        pytest.param("You've hit your usage limit. Try again at Jul 3rd, 2026 4:14 AM.", 74 * 60, id="codex: a date in words"),
        pytest.param("Try again on July 4, 2026", 21 * HOUR, id="a day in words"),
        pytest.param("Try again at Jul 3, 2026 12:00 PM", 9 * HOUR, id="noon"),
        pytest.param(f"Claude AI usage limit reached|{int(NOW) + 500}", 500, id="claude: behind a bar"),
        pytest.param("resets at 2026-07-02 05:00:00", None, id="past"),
        pytest.param("resets at 2026-13-45 05:00:00", None, id="no date"),
        pytest.param("Try again at Feb 31, 2027", None, id="no day"),
        pytest.param("Please try again in 6m0s.", 360, id="try again in"),
        pytest.param("Please try again in 1.5s", 1.5, id="fractions"),
        pytest.param("Please retry in 40.25s.", 40.25, id="google"),
        pytest.param("try again in 250ms", 0.25, id="milliseconds"),
        pytest.param("try again in 250 milliseconds", 0.25, id="milliseconds in words"),
        pytest.param("try again in 2 days", 2 * DAY, id="days"),
        pytest.param("Please wait 3 minutes and 20 seconds", 200, id="minutes in words"),
        pytest.param("Please retry after 12 seconds.", 12, id="retry after"),
        pytest.param("resets in 1h 5m", 3900, id="hours"),
        pytest.param("Resets in: 2h 30m", 9000, id="a colon"),
        pytest.param("Rate limited. Cool down 90 seconds", 90, id="cool down"),
        pytest.param("请在60s后重试", 60, id="Chinese with a letter"),
        pytest.param("将在2小时30分钟后重置", 9000, id="Chinese hours and minutes"),
        pytest.param("请等待 60 秒", 60, id="Chinese: wait"),
        pytest.param("将于2026年7月3日 12:00:00重置", HOUR, id="a Chinese date"),
        pytest.param("wait until 2026-07-03 04:00:00+00:00", HOUR, id="wait until"),
        pytest.param("Quota will be refreshed at 2026-07-03 04:00 UTC", HOUR, id="refreshed"),
        pytest.param("Your access will be restored on 2026-07-04T00:00:00Z", 21 * HOUR, id="restored"),
        pytest.param("Rate limited until 2026-07-03T03:05:00Z", 300, id="limited until"),
        pytest.param("Quota refreshes in 2h", 7200, id="refreshes"),
        pytest.param("Current limit: 1000, Remaining: 0. Limit resets at: 2026-07-03 03:05:00 UTC", 300, id="litellm: a colon behind at"),
        pytest.param("retry 3 times", None, id="no unit"),
        pytest.param("wait 5 million tokens", None, id="a longer word"),
        pytest.param("exceeded", None, id="nothing"),
        pytest.param("You've hit your limit · resets 1:30pm (Asia/Shanghai)", 2 * HOUR + 1800, id="claude code: a time in its zone"),
        pytest.param("Your limit will reset at 3am (UTC)", DAY, id="just now is tomorrow"),
        pytest.param("You've hit your weekly limit · resets Jul 6, 1pm (Europe/Berlin)", 3 * DAY + 8 * HOUR, id="claude code: a day without its year"),
        pytest.param("resets Jul 2, 1pm (Europe/Berlin)", None, id="a day that is over"),
        pytest.param("quota resets at midnight UTC", 21 * HOUR, id="midnight"),
        pytest.param("Please try again after 04:30 UTC", HOUR + 1800, id="a time of the day"),
        pytest.param("resets 3pm (Nowhere/Land)", None, id="no such zone"),
        pytest.param("resets 3pm", None, id="nobody knows whose 3pm"),
        pytest.param("Limit resets on 2026-07-05", 45 * HOUR, id="a date alone"),
        pytest.param("resets at 2999-01-01 00:00:00", 31 * DAY, id="at most a month"),
    ],
)  # fmt: skip
def test_reset_time(message: str, seconds: float | None) -> None:
    found = reset_time(message, NOW)
    assert found == (None if seconds is None else pytest.approx(NOW + seconds))


@pytest.mark.parametrize(("code", "seconds"), [("1310", HOUR), ("", 9 * HOUR), ("rate_limit", 9 * HOUR)])
def test_a_vendors_english_words_count_its_own_zone(code: str, seconds: float) -> None:
    words = "Weekly/Monthly Limit Exhausted. Your limit will reset at 2026-07-03 12:00:00"
    assert reset_time(words, NOW, code) == NOW + seconds


UNIFIED = "anthropic-ratelimit-unified-"
WINDOWS = {f"{UNIFIED}5h-reset": str(int(NOW) + HOUR), f"{UNIFIED}7d-reset": str(int(NOW) + 5 * DAY)}


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        pytest.param(503, {"retry-after": "7"}, 7, id="seconds"),
        pytest.param(503, {"retry-after": "0"}, 0, id="at once"),
        pytest.param(503, {"retry-after": "2.5"}, 2.5, id="a fraction"),
        pytest.param(503, {"retry-after": "30s"}, 30, id="with a unit"),
        pytest.param(503, {"retry-after": "9999999999"}, 31 * DAY, id="at most a month"),
        pytest.param(429, {"retry-after": format_datetime(datetime.fromtimestamp(NOW + 90, UTC), True)}, 90, id="a date"),
        pytest.param(429, {"retry-after": format_datetime(datetime.fromtimestamp(NOW - 90, UTC), True)}, 0, id="past"),
        pytest.param(429, {"retry-after": "soon"}, None, id="nonsense"),
        pytest.param(429, {"retry-after": "60, 60"}, 60, id="two in one"),
        pytest.param(429, {"retry-after": "60 seconds"}, 60, id="a unit in words"),
        pytest.param(429, {"retry-after": "1m30s"}, 90, id="a duration"),
        pytest.param(429, {"retry-after": str(int(NOW) + 60)}, 60, id="a moment"),
        pytest.param(429, {"retry-after": "2026-07-03T03:01:00Z"}, 60, id="an ISO time"),
        pytest.param(429, {"x-retry-after": "30"}, 30, id="another name"),
        pytest.param(429, {"x-ms-retry-after-ms": "1500"}, 1.5, id="azure: milliseconds"),
        pytest.param(429, {"ratelimit-reset": "30", "ratelimit-remaining": "0"}, 30, id="the draft's three headers"),
        pytest.param(429, {"ratelimit-reset": "30", "ratelimit-remaining": "5"}, None, id="not what was hit"),
        pytest.param(429, {"ratelimit": "limit=100, remaining=0, reset=50"}, 50, id="the draft's one header"),
        pytest.param(429, {"ratelimit": '"default";r=0;t=50'}, 50, id="the draft's structured header"),
        pytest.param(429, {"ratelimit": '"default";r=9;t=50'}, None, id="of a limit that is not used up"),
        pytest.param(429, {"ratelimitbysize-reset": "38", "ratelimitbysize-remaining": "0"}, 38, id="mistral: by size"),
        pytest.param(429, {"ratelimit": '"a";r=0;t=50, "b";r=0;t=900, "c";r=1;t=9999'}, 900, id="several that are used up"),
        pytest.param(429, {"x-rate-limit-retry-after-seconds": "30"}, 30, id="a longer name"),
        pytest.param(429, {"x-codex-primary-used-percent": "100", "x-codex-primary-reset-after-seconds": "1800", "x-codex-secondary-used-percent": "20", "x-codex-secondary-reset-after-seconds": "500000"}, 1800, id="chatgpt: the window that is full"),
        pytest.param(429, {"retry-after": "nan"}, None, id="not a number"),
        pytest.param(429, {"retry-after-ms": "1500"}, 1.5, id="milliseconds"),
        pytest.param(429, {"retry-after-ms": "1500.5"}, 1.5005, id="a fraction of a millisecond"),
        pytest.param(429, {"retry-after": "1", "retry-after-ms": "350"}, 0.35, id="the finer one"),
        pytest.param(429, {"retry-after": "3", "x-ratelimit-reset-requests": "9s"}, 3, id="Retry-After first"),
        pytest.param(429, {"x-ratelimit-reset-requests": "6m0s"}, 360, id="openai: a duration"),
        pytest.param(429, {"x-ratelimit-reset-requests": "1d2h"}, DAY + 2 * HOUR, id="days"),
        pytest.param(429, {"x-ratelimit-reset-tokens": "20ms"}, 0.02, id="openai: milliseconds"),
        pytest.param(429, {"x-ratelimit-reset": str(int(NOW) + 50)}, 50, id="Unix seconds"),
        pytest.param(429, {"x-ratelimit-reset": str(int(NOW + 50) * 1000)}, 50, id="openrouter: Unix milliseconds"),
        pytest.param(429, {"x-ratelimit-reset": "12"}, 12, id="plain seconds"),
        pytest.param(429, {"anthropic-ratelimit-tokens-reset": "2026-07-03T03:01:00Z"}, 60, id="anthropic: a time"),
        pytest.param(429, {f"{UNIFIED}reset": str(int(NOW) + 50)}, 50, id="subscription: the whole"),
        pytest.param(429, WINDOWS | {f"{UNIFIED}5h-status": "rejected", f"{UNIFIED}7d-status": "allowed_warning"}, HOUR, id="subscription: the rejected window"),
        pytest.param(429, WINDOWS | {f"{UNIFIED}5h-status": "allowed", f"{UNIFIED}7d-status": "rejected"}, 5 * DAY, id="subscription: the week"),
        pytest.param(429, WINDOWS | {f"{UNIFIED}representative-claim": "five_hour"}, HOUR, id="subscription: the window that it names"),
        pytest.param(429, WINDOWS | {f"{UNIFIED}representative-claim": "seven_day"}, 5 * DAY, id="subscription: it names the week"),
        pytest.param(429, WINDOWS | {f"{UNIFIED}5h-utilization": "1.0", f"{UNIFIED}7d-utilization": "0.2"}, HOUR, id="subscription: the window that is full"),
        pytest.param(429, WINDOWS | {f"{UNIFIED}overage-status": "rejected", f"{UNIFIED}overage-reset": str(int(NOW) + 20 * DAY), f"{UNIFIED}5h-status": "rejected"}, HOUR, id="subscription: what may be bought beyond is no window"),
        pytest.param(429, WINDOWS | {f"{UNIFIED}status": "allowed", f"{UNIFIED}reset": str(int(NOW) + HOUR)}, None, id="subscription: it is not what was hit"),
        pytest.param(429, {"x-ratelimit-reset-requests": "9s", "x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-tokens": "2s", "x-ratelimit-remaining-tokens": "0"}, 2, id="only the limit that is used up"),
        pytest.param(500, {f"{UNIFIED}reset": str(int(NOW) + 9999)}, None, id="a 500 hit no limit"),
        pytest.param(429, {}, None, id="nothing"),
    ],
)  # fmt: skip
def test_retry_after(status: int, headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after(headers, NOW, status)
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "whole"),
    [
        (WINDOWS | {f"{UNIFIED}representative-claim": "five_hour"}, True),
        (WINDOWS | {f"{UNIFIED}representative-claim": "seven_day_opus"}, False),
        ({"anthropic-ratelimit-input-tokens-reset": "2026-07-03T03:01:00Z"}, False),
        ({}, False),
    ],
)
def test_whose_limit_it_is(headers: dict[str, str], whole: bool) -> None:
    assert whole_account(headers) is whole


@given(st.text(max_size=40), st.text(max_size=40))
def test_headers_never_raise(one: str, other: str) -> None:
    found = retry_after({"retry-after": one, "x-ratelimit-reset": other, f"{UNIFIED}5h-reset": other}, NOW)
    assert found is None or found >= 0


@given(st.text(alphabet="again in try 0123456789-:.smhd将在重置后秒|年月JulyT", max_size=80))
def test_words_never_raise(words: str) -> None:
    found = reset_time(words, NOW)
    assert found is None or NOW < found <= NOW + 31 * DAY


BODIES: list[tuple[dict[str, Any], str, float | None]] = [
    ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "7s"}]}}, "RESOURCE_EXHAUSTED", 7),
    ({"error": {"type": "usage_limit_reached", "resets_in_seconds": 1234}}, "", 1234),
    ({"error": {"type": "usage_limit_reached", "resets_at": NOW + 7200}}, "", 7200),
    ({"error": {"code": 429, "metadata": {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{int(NOW + 60)}000"}}}}, "429", 60),
    ({"error": {"code": 500, "message": "x"}}, "500", None),
    ({"error": {"status": "RESOURCE_EXHAUSTED", "details": [{"reason": "QUOTA_EXHAUSTED", "metadata": {"quotaResetDelay": "2h43m12.5s"}}]}}, "QUOTA_EXHAUSTED", 9792.5),
    ({"error": {"details": [{"retryDelay": "500ms"}]}}, "", 0.5),
    ({"detail": {"code": "usage_limit_reached", "resets_in_seconds": 60}}, "usage_limit_reached", 60),
    ({"error": {"message": "x"}, "retry_after": 12}, "", 12),
    ({"error": {"metadata": {"retry_after_seconds": "33"}}}, "", 33),
    ({"error": {"reset_at": "2026-07-03T03:01:00Z"}}, "", 60),
    ({"error": {"message": "x", "retryAfterMs": 1500}}, "", 1.5),
    ({"error": {"message": "x", "resetTime": "2026-07-03T03:01:00Z"}}, "", 60),
    ({"error": {"message": "x", "details": {"retry_after": 30}}}, "", 30),
    ({"error": {"retry_after": True, "resets_at": None, "retryDelay": "soon"}}, "", None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "wait"), BODIES)
def test_codes_and_delays_in_bodies(body: dict[str, Any], code: str, wait: float | None) -> None:
    fault = read_fault(429, {}, json.dumps(body).encode(), NOW)
    assert (fault.code, fault.retry_after) == (code, wait)


@pytest.mark.parametrize(
    ("details", "resets"),
    [
        ({"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}, 4 * HOUR),
        ({"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]}, None),
        ({"metadata": {"quota_limit": "Gemini25ProRequestsPerDayPerUserPerTier"}}, 4 * HOUR),
    ],
)
def test_googles_days_begin_at_midnight_pacific(details: dict[str, Any], resets: float | None) -> None:
    body = {"error": {"message": "Please retry in 40s.", "details": [details, {"retryDelay": "40s"}]}}
    fault = read_fault(429, {}, json.dumps(body).encode(), NOW)
    assert (fault.resets_at, fault.retry_after) == ((NOW + resets, resets) if resets else (0, 40))
    assert next_midnight(NOW, "Nowhere/Land") == NOW + 5 * HOUR


def test_without_a_clock_a_moment_says_nothing() -> None:
    assert fault_of({"error": {"type": "usage_limit_reached", "resets_at": NOW}}, 429).retry_after is None
