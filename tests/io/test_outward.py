import logging
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ccx_addons.io import outward
from ccx_addons.io.outward import Environment, client_context, environment, proxy_of
from tests.proxy.certificates import issue
from tests.scheduler.values import channel

PROXY = "http://me:p%40ss@proxy.example:3128"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", *outward.CERTIFICATES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget() -> None:
    environment.cache_clear()
    outward._outside.cache_clear()


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        pytest.param({}, "https://a.example", None, id="nothing"),
        pytest.param({"HTTPS_PROXY": PROXY}, "https://a.example/v1", PROXY, id="https"),
        pytest.param({"https_proxy": PROXY}, "HTTPS://a.example", PROXY, id="small letters"),
        pytest.param({"https_proxy": PROXY, "HTTPS_PROXY": "http://b"}, "https://a.example", PROXY, id="small first"),
        pytest.param({"HTTPS_PROXY": PROXY}, "http://a.example", None, id="not for http"),
        pytest.param({"HTTP_PROXY": PROXY}, "http://a.example", PROXY, id="http"),
        pytest.param({"ALL_PROXY": PROXY}, "https://a.example", PROXY, id="all"),
        pytest.param({"ALL_PROXY": "http://b", "HTTPS_PROXY": PROXY}, "https://a.example", PROXY, id="all comes last"),
        pytest.param({"HTTPS_PROXY": "proxy:3128"}, "https://a.example", "http://proxy:3128", id="no scheme"),
        pytest.param({"HTTPS_PROXY": "ftp://proxy"}, "https://a.example", None, id="a scheme that nobody speaks"),
        pytest.param({"HTTPS_PROXY": PROXY}, "https://localhost:8443", None, id="this machine"),
        pytest.param({"HTTPS_PROXY": PROXY}, "https://127.0.0.5", None, id="this machine's address"),
        pytest.param({"HTTPS_PROXY": PROXY}, "https://[::1]:1", None, id="this machine's IPv6"),
    ],
)
def test_proxies(environ: dict[str, str], url: str, proxy: str | None) -> None:
    assert Environment.of(environ).proxy_for(url) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url", "straight"),
    [
        ("*", "https://a.example", True),
        ("a.example", "https://a.example", True),
        ("A.Example", "https://a.example", True),
        (".example", "https://a.example", True),
        ("*.example", "https://a.example", True),
        ("example", "https://a.b.example", True),
        ("xample", "https://a.example", False),
        ("b.example, a.example", "https://a.example", True),
        ("a.example:443", "https://a.example", True),
        ("a.example:8443", "https://a.example", False),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://a.example", False),
        ("10.1.2.3", "https://10.1.2.3:8080", True),
        ("fd00::1", "https://[fd00::1]", True),
        ("[fd00::1]:443", "https://[fd00::1]", True),
        ("nonsense/8,a.example:x,,.", "https://a.example", False),
        ("", "https://a.example", False),
        ("b.example a.example", "https://a.example", True),
        ("b.example, .Example", "https://a.example", True),
    ],
)
def test_no_proxy(no_proxy: str, url: str, straight: bool) -> None:
    found = Environment.of({"ALL_PROXY": PROXY, "NO_PROXY": no_proxy}).proxy_for(url)
    assert (found is None) is straight


def test_the_channel_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    where, url = channel("one"), "https://a.example"
    assert proxy_of(where, url) == PROXY
    assert proxy_of(replace(where, proxy="socks5://b:1"), url) == "socks5://b:1"
    assert proxy_of(replace(where, proxy="none"), url) is None
    assert proxy_of(replace(where, proxy="socks5://b:1"), "https://localhost") == "socks5://b:1"


def test_logins_of_proxies_are_secrets() -> None:
    found = set(Environment.of({"HTTPS_PROXY": PROXY}).secrets())
    assert {"me", "p%40ss", "p@ss", "bWU6cEBzcw=="} <= found


def test_a_proxy_that_cannot_be_used_is_named_without_its_value(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Environment.of({"HTTPS_PROXY": "ftp://hunter2"})
    assert "HTTPS_PROXY must begin with" in caplog.text and "hunter2" not in caplog.text


@pytest.mark.parametrize("name", outward.CERTIFICATES)
def test_certificates_of_the_environment_are_trusted_beside_the_others(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = client_context(None).cert_store_stats()["x509"]
    monkeypatch.setenv(name, issue(tmp_path, "a.example").ca_file)
    forget()
    assert client_context(None).cert_store_stats()["x509"] == usual + 1
    assert client_context(issue(tmp_path, "b.example").ca_file).cert_store_stats()["x509"] == 1


def test_a_missing_file_of_the_environment_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    context = client_context(None)
    assert context.cert_store_stats()["x509"] > 1 and "/nowhere/ca.pem are not used" in caplog.text
    with pytest.raises((OSError, ssl.SSLError)):
        client_context("/nowhere/ca.pem")


@pytest.mark.parametrize(
    ("said", "reason", "words"),
    [
        ("unable to get local issuer certificate", "CERTIFICATE_VERIFY_FAILED", "is named in the channel's ca_file"),
        ("certificate is not yet valid", "CERTIFICATE_VERIFY_FAILED", "is this machine's clock right"),
        ("certificate has expired", "CERTIFICATE_VERIFY_FAILED", "not accepted: certificate has expired"),
        ("", "WRONG_VERSION_NUMBER", "is it http?"),
        ("", "TLSV13_ALERT_CERTIFICATE_REQUIRED", "the gateway has none"),
        ("", "TLSV1_ALERT_PROTOCOL_VERSION", "it knows no TLS 1.2"),
    ],
)
def test_words_for_a_failed_handshake(said: str, reason: str, words: str) -> None:
    error = ssl.SSLCertVerificationError(1, reason) if said else ssl.SSLError(1, reason)
    error.reason = reason
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message = said
    assert words in outward.tls_words(error)
