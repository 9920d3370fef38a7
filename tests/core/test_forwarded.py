import pytest

from ccx_addons.core.forwarded import Proxies, below

PROXIES = Proxies.of(["10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param("10.0.0.1", "", "10.0.0.1", id="no header"),
        pytest.param("10.0.0.1", "1.2.3.4", "1.2.3.4", id="a trusted proxy"),
        pytest.param("9.9.9.9", "1.2.3.4", "9.9.9.9", id="a stranger's header"),
        pytest.param("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4", id="what the client wrote itself"),
        pytest.param("10.0.0.1", "1.2.3.4, 10.0.0.2", "1.2.3.4", id="two trusted proxies"),
        pytest.param("10.0.0.1", "1.2.3.4, ::ffff:10.0.0.2", "1.2.3.4", id="IPv4 written as IPv6"),
        pytest.param("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.1", id="only proxies"),
        pytest.param("10.0.0.1", "unknown", "10.0.0.1", id="no address"),
        pytest.param("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4", id="IPv4 on an IPv6 socket"),
        pytest.param("::1", "2001:db8::1", "2001:db8::1", id="IPv6"),
        pytest.param("", "1.2.3.4", "", id="no peer"),
        pytest.param("10.0.0.1", "1.2.3.4:5678", "1.2.3.4", id="with its port"),
        pytest.param("10.0.0.1", "[2001:db8::1]:5678", "2001:db8::1", id="IPv6 with its port"),
        pytest.param("10.0.0.1", "[2001:db8::1]", "2001:db8::1", id="IPv6 in brackets"),
        pytest.param("10.0.0.1", "1.2.3.4, 10.0.0.2:80", "1.2.3.4", id="a proxy with its port"),
        pytest.param("10.0.0.1", "1.2.3.4:x", "10.0.0.1", id="no port"),
    ],
)
def test_client(peer: str, forwarded: str, address: str) -> None:
    assert PROXIES.client(peer, forwarded) == address
    assert Proxies().client(peer, forwarded) == peer.removeprefix("::ffff:"), "nobody is believed by default"


@pytest.mark.parametrize(
    ("told", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("wss", "https"), ("ws", "http"), ("http, https", "https"),
     ("https, http", "http"), ("", "ours"), ("ftp", "ours"), ("https,", "ours")],
)  # fmt: skip
def test_scheme(told: str, scheme: str) -> None:
    assert PROXIES.scheme("10.0.0.1", "ours", told) == scheme
    assert PROXIES.scheme("9.9.9.9", "ours", told) == "ours"


@pytest.mark.parametrize(
    ("told", "host"),
    [("a.example", "a.example"), ("a.example:8443", "a.example:8443"), ("[::1]:80", "[::1]:80"), ("b, c", "c"),
     ("", "ours"), ("a/b", "ours"), ("a\r\nx: y", "ours"), ("a b", "ours"), ("a@b", "ours"), ("a:port", "ours")],
)  # fmt: skip
def test_host(told: str, host: str) -> None:
    assert PROXIES.host("10.0.0.1", "ours", told) == host
    assert PROXIES.host("9.9.9.9", "ours", told) == "ours"


@pytest.mark.parametrize(
    ("told", "prefix"),
    [("/ccx", "/ccx"), ("/ccx/", "/ccx"), ("/a/b-c.d", "/a/b-c.d"), ("", "/ours"), ("/", "/ours"), ("ccx", "/ours"),
     ("//evil.example", "/ours"), ("/../x", "/ours"), ("/a\r\nx: y", "/ours"), ("/a?b", "/ours"), ("/a, /b", "/ours")],
)  # fmt: skip
def test_prefix(told: str, prefix: str) -> None:
    assert PROXIES.prefix("10.0.0.1", "/ours", told) == prefix
    assert PROXIES.prefix("9.9.9.9", "/ours", told) == "/ours"


@pytest.mark.parametrize(
    ("path", "inner"),
    [("/ccx/v1/messages", "/v1/messages"), ("/ccx", "/"), ("/ccx/", "/"), ("/ccx?a=b", "/?a=b"), ("/ccxx", "/ccxx"),
     ("/v1/messages", "/v1/messages"), ("/ccx/ccx/x", "/ccx/x"), ("*", "*")],
)  # fmt: skip
def test_below(path: str, inner: str) -> None:
    assert below(path, "/ccx") == inner
    assert below(path, "") == path


def test_what_is_no_network() -> None:
    with pytest.raises(ValueError, match="10"):
        Proxies.of(["10.0.0.0/99"])
