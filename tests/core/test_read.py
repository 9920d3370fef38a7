import pytest

from ccx_addons.core import read

ODD = [None, True, 1, 1.5, "a", [], {}, [1], {"a": 1}]


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_nothing_raises_and_types_hold(value: object) -> None:
    assert isinstance(read.text(value), str)
    assert read.integer(value) in (None, value)
    assert isinstance(read.count(value), int) and read.count(value) >= 0
    assert isinstance(read.mapping(value), dict) and isinstance(read.items(value), list)
    assert read.flag(value) is None or value is True


def test_numbers() -> None:
    assert read.integer(2.0) == 2 and read.integer(2.5) is None and read.count(-3) == 0
    assert read.number(2) == 2.0 and read.number(True) is None
    assert read.number(10**400) is None and read.number(-(10**400)) is None and read.number(1e308 * 10) is None
    assert read.mappings([1, {"a": 1}, "x"]) == [{"a": 1}]
    assert read.texts([1, "a", {"b": 1}, "c"]) == ["a", "c"] and read.texts("a") == read.texts(None) == []


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("data:image/png;base64,AAAA", ("image/png", "AAAA")),
        ("data:image/png;charset=x;base64,AAAA", ("image/png", "AAAA")),
        ("data:;base64,AAAA", ("application/octet-stream", "AAAA")),
        ("data:text/plain,hello", None),
        ("https://a/b", None),
        ("", None),
    ],
)
def test_data_url(url: str, parts: tuple[str, str] | None) -> None:
    assert read.data_url(url) == parts
