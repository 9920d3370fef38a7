import pytest
from mitmproxy import http

from ccx_addons.proxy.headers import Headers

FIELDS = (
    (b"Host", b"a.test"),
    (b"X-Two", b"one"),
    (b"x-two", b"two"),
    (b"x-odd", b"caf\xe9"),
    (b"x-empty", b""),
)
NAMES = ("host", "HOST", b"Host", "x-two", "X-TWO", b"x-two", "x-odd", "x-empty", "x-none", b"x-none", "x", "caf\udce9")


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_a_lookup_finds_what_mitmproxys_own_finds(name: str | bytes) -> None:
    own, stock = Headers.of(FIELDS), http.Headers(FIELDS)
    assert own.get_all(name) == stock.get_all(name)
    assert own.get(name) == stock.get(name) and own.get(name, "") == stock.get(name, "")
    assert (name in own) == (name in stock)
    if name in stock:
        assert own[name] == stock[name]
    else:
        with pytest.raises(KeyError):
            own[name]


def test_what_is_not_a_name_is_in_no_headers() -> None:
    assert 1 not in Headers.of(FIELDS)


def test_changes_and_copies_work_as_mitmproxys() -> None:
    own, stock = Headers.of(FIELDS), http.Headers(FIELDS)
    for headers in (own, stock):
        headers["x-two"] = "new"
        headers["x-more"] = "1"
        del headers["host"]
        headers.pop("x-empty")
        headers.add("x-more", "2")
    assert own.fields == stock.fields and own.copy().fields == stock.fields
    assert own == stock and bytes(own) == bytes(stock) and list(own) == list(stock)


def test_what_was_looked_up_is_looked_up_again_after_a_change() -> None:
    headers = Headers.of(FIELDS)
    assert headers["host"] == "a.test"
    headers["host"] = "b.test"
    headers.add("x-two", "three")
    assert headers["host"] == "b.test" and headers.get_all("x-two") == ["one", "two", "three"]
    headers.fields = ((b"x-none", b"1"),)
    assert "host" not in headers and headers["x-none"] == "1"
    copied = headers.copy()
    copied["x-none"] = "2"
    assert headers["x-none"] == "1" and copied["x-none"] == "2"
