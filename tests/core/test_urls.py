import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.urls import canonical, climbs, host_port, join, points_at, url_problem


@pytest.mark.parametrize(
    ("base", "version", "path", "url"),
    [
        pytest.param("https://a", "v1", "/messages", "https://a/v1/messages", id="default version"),
        pytest.param("https://a/", "v1", "/messages", "https://a/v1/messages", id="trailing slash"),
        pytest.param("https://a/v1", "v1", "/messages", "https://a/v1/messages", id="same version is kept once"),
        pytest.param("https://a/v1/", "v1", "/messages", "https://a/v1/messages", id="version with slash"),
        pytest.param("https://a/v4", "v1", "/chat/completions", "https://a/v4/chat/completions", id="own version"),
        pytest.param("https://a/v1beta", "v1beta", "/models/m:x", "https://a/v1beta/models/m:x", id="beta version"),
        pytest.param("https://a/v1beta1", "v1beta", "/models", "https://a/v1beta1/models", id="numbered beta"),
        pytest.param("https://a/api/paas/v4", "v1", "/x", "https://a/api/paas/v4/x", id="version below a path"),
        pytest.param("https://a/anthropic", "v1", "/messages", "https://a/anthropic/v1/messages", id="path"),
        pytest.param("https://a/v1/proxy", "v1", "/x", "https://a/v1/proxy/v1/x", id="version only at the end counts"),
        pytest.param("https://a/vertex", "v1", "/x", "https://a/vertex/v1/x", id="a word with v is no version"),
        pytest.param("https://a#", "v1", "/x", "https://a/x", id="exact"),
        pytest.param("https://a/b/#", "v1", "/x", "https://a/b/x", id="exact with slash"),
        pytest.param("https://a/v1#", "v9", "/x", "https://a/v1/x", id="exact with version"),
        pytest.param("https://a", "v1", "/x?alt=sse", "https://a/v1/x?alt=sse", id="query of the path"),
        pytest.param("http://[::1]:8080/v2", "v1", "/x", "http://[::1]:8080/v2/x", id="IPv6 and port"),
    ],
)
def test_join(base: str, version: str, path: str, url: str) -> None:
    assert join(base, version, path) == url
    assert join(canonical(base), version, path) == url


@pytest.mark.parametrize(
    ("given_", "stored"),
    [
        ("  https://a/  ", "https://a"),
        ("https://a///", "https://a"),
        ("https://a/v1/#", "https://a/v1#"),
        ("https://a##", "https://a#"),
        ("", ""),
    ],
)
def test_canonical(given_: str, stored: str) -> None:
    assert canonical(given_) == stored


@given(st.text(max_size=30))
def test_canonical_is_stable(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(st.one_of(st.text(max_size=40), st.text(max_size=40).map("https://".__add__)))
def test_url_problem_never_raises(text: str) -> None:
    if not url_problem(text):
        assert host_port(text)[0]


SOCKS = frozenset({"socks5"})


@pytest.mark.parametrize(
    ("url", "schemes", "words"),
    [
        pytest.param("https://api.example.com", None, "", id="good"),
        pytest.param("http://127.0.0.1:8080/v1#", None, "", id="address, port, exact"),
        pytest.param("http://[::1]:80", None, "", id="IPv6"),
        pytest.param("ftp://a", None, "must begin with http:// or https://", id="scheme"),
        pytest.param("api.example.com", None, "must begin with", id="no scheme"),
        pytest.param("", None, "must begin with", id="empty"),
        pytest.param("https://", None, "has no host name", id="no host"),
        pytest.param("https://a b", None, "has no host name", id="space"),
        pytest.param("https://a\x00b", None, "has no host name", id="control character"),
        pytest.param("https://\u00e4.test", None, "must be ASCII", id="other letters in a host"),
        pytest.param("https://a/\u00e4", None, "must be ASCII", id="other letters in a path"),
        pytest.param("https://a:0", None, "has the port 0", id="port 0"),
        pytest.param("https://a:99999", None, "is not a URL", id="port too large"),
        pytest.param("https://a:hidden", None, "is not a URL", id="port is a word"),
        pytest.param("https://[::1", None, "is not a URL", id="broken IPv6"),
        pytest.param("https://a/?x=1", None, "query or fragment", id="query"),
        pytest.param("https://a/#x", None, "query or fragment", id="fragment"),
        pytest.param("socks5://u:p@a:1080", SOCKS, "", id="proxy with a user"),
        pytest.param("http://a", SOCKS, "must begin with socks5://", id="wrong proxy scheme"),
    ],
)
def test_url_problem(url: str, schemes: frozenset[str] | None, words: str) -> None:
    found = url_problem(url, schemes) if schemes else url_problem(url)
    assert words in found and bool(words) is bool(found)


@pytest.mark.parametrize(
    "url", ["https://u:hunter2@a", "https://hunter2@a", "https://a:hunter2", "https://u:hunter2@[:"]
)
def test_url_problem_never_repeats_the_url(url: str) -> None:
    words = url_problem(url, user=False)
    assert words and "hunter2" not in words


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://A.example.com", ("a.example.com", 443)),
        ("http://a", ("a", 80)),
        ("http://[::1]:81/v1#", ("::1", 81)),
    ],
)
def test_host_port(url: str, place: tuple[str, int]) -> None:
    assert host_port(url) == place


@pytest.mark.parametrize(
    ("url", "own", "loops"),
    [
        pytest.param("http://127.0.0.1:3000", "127.0.0.1", True, id="itself"),
        pytest.param("http://localhost:3000/v1", "127.0.0.1", True, id="by name"),
        pytest.param("http://LOCALHOST:3000", "0.0.0.0", True, id="by name in capitals"),
        pytest.param("http://localhost.:3000", "0.0.0.0", True, id="by name with a dot"),
        pytest.param("http://ccx.localhost:3000", "127.0.0.1", True, id="below localhost"),
        pytest.param("http://[::1]:3000", "::", True, id="IPv6"),
        pytest.param("http://127.8.8.8:3000", "0.0.0.0", True, id="another loopback address"),
        pytest.param("http://[::ffff:127.0.0.1]:3000", "127.0.0.1", True, id="IPv4 in IPv6"),
        pytest.param("http://192.168.1.5:3000", "192.168.1.5", True, id="public address"),
        pytest.param("http://127.0.0.1:3001", "127.0.0.1", False, id="another port"),
        pytest.param("http://192.168.1.6:3000", "192.168.1.5", False, id="another host"),
        pytest.param("https://api.example.com", "127.0.0.1", False, id="elsewhere"),
    ],
)
def test_points_at(url: str, own: str, loops: bool) -> None:
    assert points_at(url, ((own, 3000),)) is loops


@pytest.mark.parametrize(
    "path",
    [
        "/..", "/a/../b", "/a/./b", "..", "/%2e%2e/x", "/%2E./x", "/a%2f..%2fb", "/a%2F%2e%2e", "/a\\..\\b", "/a%5c..%5Cb",
        "/..;x/b",
    ],
)  # fmt: skip
def test_a_path_that_climbs(path: str) -> None:
    assert climbs(path)


@pytest.mark.parametrize(
    "path", ["/", "", "/a..b", "/...", "/.well-known", "/gpt-4.1", "/a.", "/%252e%252e/x", "/a/b..c/"]
)
def test_a_path_that_does_not(path: str) -> None:
    assert not climbs(path)
