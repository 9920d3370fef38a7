"""Numbers, durations and times as people read them. Unknown values are a dash, never zero."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from typing import Final
from urllib.parse import urlencode

type Words = Callable[..., str]
"""A translator, see i18n."""

DASH: Final = "–"
MINUS: Final = "\u2212"
THIN: Final = "\u202f"
"""A narrow space that does not break, between a number and its unit."""


def count(value: float | None) -> str:
    """``950``, ``1.2k``, ``34k``, ``5.1M``."""
    if value is None:
        return DASH
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor * 0.9995:
            scaled = value / factor
            return f"{scaled:.0f}{unit}" if scaled >= 99.95 else f"{_trimmed(scaled, 1)}{unit}"
    return _trimmed(value, 1)


def exact(value: float | None) -> str:
    """``1 234 567``."""
    return DASH if value is None else f"{value:,.0f}".replace(",", THIN)


def _trimmed(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(ms: float | None) -> str:
    """``410 ms``, ``1.9 s``, ``2 min 3 s``, ``1 h 4 min``, ``3 d 2 h``."""
    if ms is None:
        return DASH
    if ms < 999.5:
        return f"{ms:.0f}{THIN}ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f}{THIN}s" if ms < 9_950 else f"{ms / 1000:.0f}{THIN}s"
    seconds = round(ms / 1000)
    for length, unit, small, small_unit in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= length:
            rest = seconds % length // small
            return f"{seconds // length}{THIN}{unit}" + (f" {rest}{THIN}{small_unit}" if rest else "")
    return f"{seconds}{THIN}s"


def money(usd: float | None) -> str:
    """``$12.40``, ``$0.0123``, ``<$0.0001``."""
    if usd is None:
        return DASH
    if usd == 0:
        return "$0"
    if usd < 0.0001:
        return "<$0.0001"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.3f}" if usd >= 0.1 else f"${usd:.4f}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1 as ``98.2 %``. What is not everything never reads 100, what is not nothing never 0."""
    if share is None:
        return DASH
    text = _trimmed(share * 100, digits)
    if text == "100" and share < 1:
        text = f"{100 - 10**-digits:.{digits}f}"
    if text == "0" and share > 0:
        text = f"<{10**-digits:.{digits}f}"
    return f"{text}{THIN}%"


def change(now: float | None, before: float | None) -> str:
    """By how much a figure grew: ``+12 %``, ``−3 %``, ``×4.2``; a dash where nothing is known of before."""
    if now is None or not before:
        return DASH
    ratio = now / before
    if ratio >= 3:
        return f"×{_trimmed(ratio, 0 if ratio >= 10 else 1)}"
    text = _trimmed(abs(ratio - 1) * 100, 1 if abs(ratio - 1) < 0.0995 else 0)
    return f"±0{THIN}%" if text == "0" else f"{'+' if ratio > 1 else MINUS}{text}{THIN}%"


def points(now: float | None, before: float | None) -> str:
    """By how many hundredths a share grew: ``+1.2 pp``."""
    if now is None or before is None:
        return DASH
    text = _trimmed(abs(now - before) * 100, 1)
    return f"±0{THIN}pp" if text == "0" else f"{'+' if now > before else MINUS}{text}{THIN}pp"


def size(amount: float | None) -> str:
    """Bytes as ``512 B``, ``3.4 KB``, ``1.2 GB``."""
    if amount is None:
        return DASH
    for factor, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if amount >= factor:
            return f"{_trimmed(amount / factor, 1)}{THIN}{unit}"
    return f"{amount:.0f}{THIN}B"


# ---- times -----------------------------------------------------------------------------------------------------------
def moment(ms: float | None, zone: tzinfo = UTC) -> datetime | None:
    """A time of the database."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, zone)


def iso(ms: float | None) -> str:
    found = moment(ms)
    return "" if found is None else found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """Unix ms of an ISO time; one without a zone is of UTC."""
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def clock(ms: float | None, zone: tzinfo = UTC, now: float | None = None) -> str:
    """``10:00:05``, with the date before it when that is not the day of ``now``: ``11-24 10:00:05``."""
    found, today = moment(ms, zone), moment(now, zone)
    if found is None:
        return DASH
    return found.strftime("%H:%M:%S" if today is None or today.date() == found.date() else "%m-%d %H:%M:%S")


def stamp(ms: float | None, zone: tzinfo = UTC) -> str:
    """``2026-11-25 10:00:05``; ``UTC`` behind it where that is the zone."""
    found = moment(ms, zone)
    return DASH if found is None else found.strftime("%Y-%m-%d %H:%M:%S" + (" UTC" if zone is UTC else ""))


AGES: Final = (
    (60, 1, "{n} s ago", "in {n} s"),
    (3_600, 60, "{n} min ago", "in {n} min"),
    (86_400, 3_600, "{n} h ago", "in {n} h"),
    (float("inf"), 86_400, "{n} d ago", "in {n} d"),
)
"""(below these seconds, one unit, words for the past, words for the future)."""


def relative(ms: float | None, now: float, words: Words) -> str:
    """``3 min ago``, ``in 48 s``."""
    if ms is None:
        return DASH
    seconds = (now - ms) / 1000
    for limit, unit, past, future in AGES:
        if abs(seconds) < limit:
            return words(past if seconds >= 0 else future, n=int(abs(seconds) // unit))
    raise AssertionError("the last limit is infinite")


def query(pairs: Iterable[tuple[str, object]]) -> str:
    """The query of an address; colons and commas stay as they are, they are common in searches."""
    return urlencode([(name, str(value)) for name, value in pairs], safe=":,<>=*")
