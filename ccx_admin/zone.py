"""The reader's time zone, and the times that people write in it.

The browser says its zone (an IANA name) in the cookie ``tz``; who sends none, such as a script, reads and writes UTC.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal
from zoneinfo import ZoneInfo

from flask import g, has_request_context, request

from ccx_addons.core.errors import CcxError

COOKIE: Final = "tz"
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}")

DAYS: Final = {"today": 0, "今天": 0, "yesterday": 1, "昨天": 1}
"""Words for days -> how many days ago."""
SPANS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
"""Units of a length of time, in ms."""
AGO: Final = re.compile(r"(\d{1,6})([smhdw])")
EPOCH: Final = re.compile(r"\d{12,14}")
CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
MONTH: Final = re.compile(r"\d{4}-\d{2}")
SECONDS: Final = re.compile(r"[T ]\d{2}:\d{2}:\d{2}")
TO: Final = ".."

type Unit = Literal["day", "month", "year"]


class MomentError(CcxError):
    """A text is no time; it says which texts are."""


# ---- whose zone ------------------------------------------------------------------------------------------------------
def zone() -> tzinfo:
    """Of who reads this answer."""
    if not has_request_context():
        return UTC
    if "zone" not in g:
        g.zone = named(request.cookies.get(COOKIE, ""))
    found: tzinfo = g.zone
    return found


def named(name: str) -> tzinfo:
    """The zone of an IANA name; UTC for what is none."""
    if not NAME.fullmatch(name):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


# ---- days, months, years ---------------------------------------------------------------------------------------------
def local(ms: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(ms / 1000, zone)


def unix(when: datetime) -> int:
    return int(when.timestamp() * 1000)


def began(unit: Unit, now: float, zone: tzinfo, back: int = 0) -> int:
    """When this day, month or year began in the zone, or the one so many ``back``; Unix ms, as ``now``."""
    midnight = local(now, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "day":
        return unix(midnight - timedelta(days=back))
    if unit == "year":
        return unix(midnight.replace(year=midnight.year - back, month=1, day=1))
    months = midnight.year * 12 + midnight.month - 1 - back
    return unix(midnight.replace(year=months // 12, month=months % 12 + 1, day=1))


# ---- times as people write them --------------------------------------------------------------------------------------
def span(text: str, now: int, zone: tzinfo) -> tuple[int, int]:
    """The stretch of time that a text names, from its first to before its last ms. Raises MomentError.

    ``14:03`` is that minute, the last that has begun; ``yesterday``, ``2026-11-25`` a day, ``2026-11`` a month;
    ``24h`` lasts until now, ``09:00..10:30`` from the one to the other.
    """
    first, to, last = text.partition(TO)
    if to:
        start, end = (span(part, now, zone) for part in (first, last))
        return start[0], end[1] if last not in ("", "now") else now
    if found := AGO.fullmatch(text):
        return now - int(found[1]) * SPANS[found[2]], now
    if EPOCH.fullmatch(text):
        return int(text), int(text) + 1
    if text == "now":
        return now, now
    try:
        return _named(text, now, zone)
    except (ValueError, OverflowError):
        words = "is neither a span like 24h nor a time like 14:03, yesterday or 2026-01-31T12:00"
        raise MomentError(f"{text[:40]!r} {words}") from None


def _named(text: str, now: int, zone: tzinfo) -> tuple[int, int]:
    """Raises ValueError, OverflowError."""
    if text.lower() in DAYS:
        back = DAYS[text.lower()]
        return began("day", now, zone, back), began("day", now, zone, back - 1)
    if found := CLOCK.fullmatch(text):
        hour, minute, second = (int(part or 0) for part in found.groups())
        at = local(now, zone).replace(hour=hour, minute=minute, second=second, microsecond=0, fold=0)
        start = unix(at) if unix(at) <= now else unix(at - timedelta(days=1))
        return start, start + SPANS["s" if found[3] else "m"]
    if MONTH.fullmatch(text):
        first = datetime.fromisoformat(f"{text}-01").replace(tzinfo=zone)
        return unix(first), began("month", unix(first), zone, -1)
    when = datetime.fromisoformat(text)
    when = when if when.tzinfo else when.replace(tzinfo=zone)
    if len(text) <= len("2026-01-31"):
        return unix(when), unix(when + timedelta(days=1))
    return unix(when), unix(when) + SPANS["s" if SECONDS.search(text) else "m"]


def moment(text: str, now: int, zone: tzinfo) -> int:
    """When the named time begins, Unix ms. Raises MomentError."""
    return span(text, now, zone)[0]


def is_time(text: str) -> bool:
    """Whether a word alone is a time: a clock, a word for a day, or from one to another of them."""
    first, to, last = text.partition(TO)
    return all(part.lower() in DAYS or CLOCK.fullmatch(part) for part in ((first, last) if to else (first,)))
