import pytest

from ccx_addons.io.pinned import Refused, pinned


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "0.0.0.0"],
)
def test_own_networks_are_not_asked(address: str) -> None:
    with pytest.raises(Refused) as refused:
        pinned("https://hooks.example.com/secret", ["93.184.216.34", address])
    assert "secret" not in str(refused.value)
    assert pinned("https://hooks.example.com/x", [address], private=True)


def test_a_name_without_an_address() -> None:
    with pytest.raises(Refused):
        pinned("https://hooks.example.com/", [], private=True)


@pytest.mark.parametrize(
    ("url", "address", "at", "host"),
    [
        ("https://h.example/a?b=c#d", "93.184.216.34", "https://93.184.216.34/a?b=c", "h.example"),
        ("http://h.example:8080/", "2606:4700::1111", "http://[2606:4700::1111]:8080/", "h.example:8080"),
        ("https://u:p@h.example/", "93.184.216.34", "https://u:p@93.184.216.34/", "h.example"),
    ],
)
def test_the_address_that_was_checked_is_the_one_that_is_asked(url: str, address: str, at: str, host: str) -> None:
    more = {"headers": {"host": host}, "extensions": {"sni_hostname": "h.example"}}
    assert pinned(url, [address]) == (at, more)
