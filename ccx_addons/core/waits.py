"""When it is over: what an upstream's headers and words say about how long to wait.

Seconds to wait, or moments as Unix seconds. Sources: RFC 9110 section 10.2.3, the vendors' pages about rate limits
(platform.claude.com, platform.openai.com, ai.google.dev, openrouter.ai, docs.bigmodel.cn), and their clients' code.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST: Final = 86_400.0 * 31
CHINA: Final = timezone(timedelta(hours=8))
PACIFIC: Final = "America/Los_Angeles"

UNIT: Final = r"(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)"
AMOUNT: Final = rf"\d{{1,9}}(?:\.\d{{1,9}})?\s?{UNIT}(?![a-z])"
RESET_IN: Final = re.compile(
    rf"(?:again|retry|resets?|refresh(?:es)?|recovers?|available|wait|cool ?down):? (?:in:? |after |for )?(?:about )?"
    rf"({AMOUNT}(?:,? ?(?:and )?{AMOUNT}){{0,4}})",
    re.IGNORECASE,
)
PART: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s?(ms|milli|[a-z])", re.IGNORECASE)
CHINESE_PART: Final = re.compile(r"(\d{1,9}) ?(秒|s|分钟|分|小时|天)")
CHINESE_PARTS: Final = r"((?:\d{1,9} ?(?:秒|s|分钟?|小时|天)钟? ?){1,4})"
CHINESE_IN: Final = re.compile(
    rf"{CHINESE_PARTS}(?:之)?(?:后|内)[^，。,;]{{0,6}}?(?:重试|再试|恢复|重置|再次|刷新)|(?:等待|稍等) ?{CHINESE_PARTS}"
)
SECONDS: Final[Mapping[str, float]] = {
    "ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0,
    "秒": 1.0, "分": 60.0, "分钟": 60.0, "小时": 3600.0, "天": 86_400.0,
}  # fmt: skip

WHEN: Final = (
    r"(?:resets?(?: time)?|available again|try again|regain access|retry|wait|refreshed|restored|limited|locked|"
    r"重置时间|将在|将于|于|在)"
    r"\s{0,3}(?:at|on|after|is|until)?\s{0,3}[:：]?\s{0,3}"
)
STAMP: Final = re.compile(
    WHEN + r"(\d{4}(?:[-/年月]\d\d?){2})日?"
    r"(?:(?: ?|T| at )(\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\s{0,3}([+-]\d\d:?\d\d|Z|UTC|GMT)?)?",
    re.IGNORECASE,
)
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WORDED: Final = re.compile(
    WHEN + rf"({'|'.join(MONTHS)})[a-z]{{0,6}}\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})"
    r"(?:,? (?:at )?(\d{1,2}):(\d\d)(?::\d\d)?\s?(am|pm)?)?",
    re.IGNORECASE,
)
CLOCK: Final = re.compile(
    WHEN + rf"(?:({'|'.join(MONTHS)})[a-z]{{0,6}} (\d{{1,2}})(?:st|nd|rd|th)?,? (?:at )?)?"
    r"(?:(\d{1,2})(?::(\d\d))?\s?(am|pm)?|(midnight))\s{0,3}\(?(UTC|GMT|[A-Z][A-Za-z]{1,14}/[A-Za-z_]{2,30})\b",
    re.IGNORECASE,
)
"""A time of day in a zone that is named, with a date without its year or none."""
PIPED: Final = re.compile(r"limit reached\|(\d{10})\b", re.IGNORECASE)
"""Claude's subscriptions: "Claude AI usage limit reached|1759950000"."""
CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
BEIJING_CODES: Final = re.compile(r"1[0-3]\d\d")
"""Zhipu's business codes (docs.bigmodel.cn/cn/faq/api-code): its English words name Beijing's time, too."""


def reset_time(message: str, now: float, code: str = "") -> float | None:
    """The moment that an upstream's words name: "It will reset at 2026-07-03 11:37:21 +0800", "try again in 6m0s".

    None: they name none, or it is past. A time without a zone is UTC, of a vendor in China Beijing's. ``code``: the
    error's, which may tell the vendor.
    """
    at = _stamp(message, code) or _worded(message) or _on_the_clock(message, now)
    if at is None and (found := PIPED.search(message)):
        at = float(found[1])
    if at is not None:
        return min(at, now + LONGEST) if at > now else None
    wait = 0.0
    if found := RESET_IN.search(message):
        wait = sum(float(number) * SECONDS[unit.lower()] for number, unit in PART.findall(found[1]))
    elif found := CHINESE_IN.search(message):
        wait = sum(float(number) * SECONDS[unit] for number, unit in CHINESE_PART.findall(found[1] or found[2]))
    return now + min(wait, LONGEST) if wait else None


def _stamp(message: str, code: str) -> float | None:
    found = STAMP.search(message)
    if not found:
        return None
    year, month, day = map(int, re.split("[-/年月]", found[1]))
    try:
        moment = datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{found[2] or '00:00'}")
    except ValueError:
        return None
    return moment.replace(tzinfo=_zone(found[3] or "", message, code)).timestamp()


def _worded(message: str) -> float | None:
    """Codex: "try again at Oct 7th, 2025 9:14 PM"."""
    found = WORDED.search(message)
    if not found:
        return None
    hour = _hour(found[4], found[6])
    try:
        month = MONTHS.index(found[1].lower()) + 1
        return datetime(int(found[3]), month, int(found[2]), hour, int(found[5] or 0), tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _on_the_clock(message: str, now: float) -> float | None:
    """Claude Code: "resets 3:45pm (Asia/Shanghai)", "resets Oct 6, 1pm (Europe/Berlin)"; others: "at 00:00 UTC"."""
    found = CLOCK.search(message)
    if not found or not (found[4] or found[5] or found[6]):
        return None
    try:
        zone = UTC if found[7].upper() in ("UTC", "GMT") else ZoneInfo(found[7])
        here = datetime.fromtimestamp(now, zone)
        moment = here.replace(hour=_hour(found[3], found[5]), minute=int(found[4] or 0), second=0, microsecond=0)
        if found[1]:
            moment = moment.replace(month=MONTHS.index(found[1].lower()) + 1, day=int(found[2]))
            later = moment.replace(year=moment.year + 1)
        else:
            later = moment + timedelta(days=1)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None
    soonest = here + timedelta(seconds=LONGEST)
    return next((each.timestamp() for each in (moment, later) if here < each <= soonest), None)


def next_midnight(now: float, zone: str) -> float:
    """Where this machine knows no zones, eight hours behind UTC."""
    try:
        here = datetime.fromtimestamp(now, ZoneInfo(zone))
    except ZoneInfoNotFoundError:
        here = datetime.fromtimestamp(now, timezone(timedelta(hours=-8)))
    return (here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)).timestamp()


def _hour(digits: str | None, half: str | None) -> int:
    """``digits``: None at midnight."""
    return int(digits or 0) % (12 if half else 24) + (12 if (half or "").lower() == "pm" else 0)


def _zone(text: str, message: str, code: str) -> timezone:
    if text[:1] in ("+", "-"):
        digits = text[1:].replace(":", "")
        offset = timedelta(hours=min(int(digits[:2]), 23), minutes=int(digits[2:4]))
        return timezone(offset if text[0] == "+" else -offset)
    return CHINA if not text and (CHINESE.search(message) or BEIJING_CODES.fullmatch(code)) else UTC


# ---- headers ---------------------------------------------------------------------------------------------------------
UNIFIED: Final = "anthropic-ratelimit-unified-"
"""Limits of a Claude subscription: windows (5h, 7d, 7d_opus ...) of the whole account or of one family of models."""
CLAIMS: Final[Mapping[str, str]] = {"five_hour": "5h", "seven_day": "7d", "seven_day_opus": "7d_opus"}
NO_WINDOW: Final = frozenset({"", "overage", "fallback"})
MILLISECONDS: Final = 1e11
"""A moment above this counts milliseconds (as seconds it would be the year 5138)."""


def retry_after(headers: Mapping[str, str], now: float, status: int = 429) -> float | None:
    """Seconds to wait: Retry-After in seconds or as a date (RFC 9110 section 10.2.3), else vendors' reset headers.

    Reset headers come with every answer; they say when to come back only where a limit is what was hit.
    """
    for name in sorted((name for name in headers if "retry-after" in name), key=_exactness):
        if name.endswith("-ms"):
            if (milliseconds := _number(headers[name])) is not None:
                return min(milliseconds / 1000, LONGEST)
        elif (seconds := _asked(headers[name].strip(), now)) is not None:
            return seconds
    if status != 429:
        return None
    resets = [
        seconds
        for name, text in headers.items()
        if "reset" in name
        and name.startswith(RESETS)
        and (_rejected(headers, name) if name.startswith(UNIFIED) else _exhausted(headers, name))
        and (seconds := seconds_until(text.strip(), now)) is not None
    ]
    resets += [float(found[1] or found[2]) for found in DRAFT.finditer(headers.get("ratelimit", ""))]
    resets += [
        seconds
        for window in ("primary", "secondary")
        if (_number(headers.get(f"x-codex-{window}-used-percent", "")) or 0.0) >= 100.0
        and (seconds := _number(headers.get(f"x-codex-{window}-reset-after-seconds", ""))) is not None
    ]
    return min(max(resets), LONGEST) if resets else None


def _exactness(name: str) -> tuple[bool, int]:
    """Milliseconds come first, then the plain header."""
    return not name.endswith("-ms"), len(name)


RESETS: Final = (
    "anthropic-ratelimit-",
    "x-ratelimit-reset",
    "x-rate-limit-reset",
    "ratelimit-reset",
    "ratelimitbysize-",
)
"""How the names of reset headers begin; the last are DeepL's and Mistral's."""
DRAFT: Final = re.compile(r"remaining=0\b[^;]{0,40}reset=(\d{1,9})|;r=0;t=(\d{1,9})")
"""The header RateLimit (draft-ietf-httpapi-ratelimit-headers-07 and -10), of the limit that is used up."""


def _asked(text: str, now: float) -> float | None:
    """A Retry-After: seconds, a date, and what else is sent there: a duration, a moment, two values in one."""
    for value in (text, text.partition(",")[0], text.removesuffix("seconds").rstrip()):
        if (seconds := seconds_until(value, now)) is not None:
            return seconds
    try:
        return min(max(0.0, parsedate_to_datetime(text).timestamp() - now), LONGEST)
    except (ValueError, TypeError):
        return None


def whole_account(headers: Mapping[str, str]) -> bool:
    """Whether the limit that was hit is the account's, whatever the model: a window of a Claude subscription."""
    claim = headers.get(f"{UNIFIED}representative-claim", "")
    return not any(family in claim for family in ("opus", "sonnet", "haiku")) and any(
        name.startswith(UNIFIED) for name in headers
    )


def _exhausted(headers: Mapping[str, str], reset_name: str) -> bool:
    """A reset time counts only for the limit that is used up, where the upstream says which one is."""
    return headers.get(reset_name.replace("reset", "remaining"), "0").strip() == "0"


def _rejected(headers: Mapping[str, str], reset_name: str) -> bool:
    """Whether this window of a subscription is the one that is used up."""
    window = reset_name.removeprefix(UNIFIED).removesuffix("reset").strip("-")
    if window in NO_WINDOW:
        return not window and headers.get(f"{UNIFIED}status", "rejected") == "rejected"
    if status := headers.get(f"{UNIFIED}{window}-status", "").strip():
        return status == "rejected"
    if claim := headers.get(f"{UNIFIED}representative-claim", "").strip():
        return CLAIMS.get(claim, claim) == window
    return (_number(headers.get(f"{UNIFIED}{window}-utilization", "")) or 0.0) >= 1.0


DURATION: Final = re.compile(
    r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?"
)


def seconds_until(text: str, now: float) -> float | None:
    """``6m0s``, ``1.5``, Unix seconds or milliseconds, or an ISO time; None: it is none of these, or a moment without
    a clock (``now`` 0)."""
    if found := DURATION.fullmatch(text):
        if any(found.groups()):
            days, hours, minutes, seconds, millis = (float(group or 0) for group in found.groups())
            return min(days * 86_400 + hours * 3600 + minutes * 60 + seconds + millis / 1000, LONGEST)
        return None
    number = _number(text)
    if number is not None and number <= 10**9:
        return min(number, LONGEST)
    if not now:
        return None
    if number is not None:
        return min(max(0.0, (number / 1000 if number > MILLISECONDS else number) - now), LONGEST)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return min(max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now), LONGEST)


def _number(text: str) -> float | None:
    """A plain number that is not negative."""
    return float(text) if re.fullmatch(r"\d{1,18}(?:\.\d{1,18})?", text := text.strip()) else None
