import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_admin.i18n import translate
from ccx_admin.shell import format


def words(text: str, **values: object) -> str:
    return translate("en", text, **values)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, "–", id="unknown"),
        pytest.param(0, "0", id="zero"),
        pytest.param(950, "950", id="below a thousand"),
        pytest.param(999.6, "1k", id="rounds up into the next unit"),
        pytest.param(1_234, "1.2k", id="thousands"),
        pytest.param(34_000, "34k", id="no needless digit"),
        pytest.param(123_456, "123k", id="three digits are enough"),
        pytest.param(5_120_000, "5.1M", id="millions"),
        pytest.param(2e9, "2G", id="more"),
        pytest.param(93.26, "93.3", id="a rate"),
    ],
)
def test_count(value: float | None, expected: str) -> None:
    assert format.count(value) == expected


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        pytest.param(None, "–", id="unknown"),
        pytest.param(0.4, "0 ms", id="nothing"),
        pytest.param(410, "410 ms", id="milliseconds"),
        pytest.param(999.7, "1.0 s", id="a second, nearly"),
        pytest.param(1_940, "1.9 s", id="seconds"),
        pytest.param(12_400, "12 s", id="tens of seconds"),
        pytest.param(59_960, "1 min", id="a minute, nearly"),
        pytest.param(123_000, "2 min 3 s", id="minutes"),
        pytest.param(3_840_000, "1 h 4 min", id="hours"),
        pytest.param(266_400_000, "3 d 2 h", id="days"),
    ],
)
def test_duration(ms: float | None, expected: str) -> None:
    assert format.duration(ms).replace(format.THIN, " ") == expected


@given(st.floats(min_value=0, max_value=1e12))
def test_duration_never_shows_sixty(ms: float) -> None:
    assert not re.search(r"\b60\u202f(?:s|min)\b", format.duration(ms))


@pytest.mark.parametrize(
    ("usd", "expected"),
    [
        pytest.param(None, "–", id="unknown"),
        pytest.param(0.0, "$0", id="free"),
        pytest.param(0.00004, "<$0.0001", id="next to nothing"),
        pytest.param(0.0123, "$0.0123", id="cents"),
        pytest.param(0.5, "$0.500", id="a part of a dollar"),
        pytest.param(1234.5, "$1,234.50", id="dollars"),
    ],
)
def test_money(usd: float | None, expected: str) -> None:
    assert format.money(usd) == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        pytest.param(None, "–", id="unknown"),
        pytest.param(0.982, "98.2", id="a share"),
        pytest.param(1.0, "100", id="everything"),
        pytest.param(0.99999, "99.9", id="not everything"),
        pytest.param(0.0, "0", id="nothing"),
        pytest.param(0.00001, "<0.1", id="not nothing"),
    ],
)
def test_percent(share: float | None, expected: str) -> None:
    assert format.percent(share).removesuffix("\u202f%") == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        pytest.param(None, "–", id="unknown"),
        pytest.param(512, "512 B", id="bytes"),
        pytest.param(3_482, "3.4 KB", id="kilobytes"),
        pytest.param(5 << 20, "5 MB", id="megabytes"),
        pytest.param(1.25 * (1 << 30), "1.2 GB", id="gigabytes"),
    ],
)
def test_size(amount: float | None, expected: str) -> None:
    assert format.size(amount).replace(format.THIN, " ") == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(0, "0 s ago", id="now"),
        pytest.param(59, "59 s ago", id="seconds"),
        pytest.param(200, "3 min ago", id="minutes"),
        pytest.param(7_300, "2 h ago", id="hours"),
        pytest.param(200_000, "2 d ago", id="days"),
        pytest.param(-48, "in 48 s", id="to come"),
        pytest.param(-90, "in 1 min", id="minutes to come"),
    ],
)
def test_relative(seconds: int, expected: str) -> None:
    now = 1_795_600_800_000
    assert format.relative(now - seconds * 1000, now, words) == expected


def test_moments() -> None:
    at = 1_795_600_800_123
    assert format.iso(at) == "2026-11-25T10:00:00.123Z"
    assert format.clock(at) == "10:00:00"
    assert format.stamp(at) == "2026-11-25 10:00:00 UTC"
    assert (format.iso(None), format.clock(None), format.stamp(None)) == ("", "–", "–")
    assert format.relative(None, at, words) == "–"


def test_exact() -> None:
    assert format.exact(1_234_567).replace(format.THIN, " ") == "1 234 567"
    assert format.exact(None) == "–"


def test_query_keeps_searches_readable() -> None:
    assert format.query([("q", 'status:>=400 text:"a&b"'), ("n", 3)]) == "q=status:>=400+text:%22a%26b%22&n=3"
