import os
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import Timeouts
from ccx_addons.core.errors import ConfigErrors
from ccx_addons.core.settings import Settings, weakness

STRONG = "k" * 16
NAMES = [entry.metadata["name"] for entry in fields(Settings)]


def test_defaults() -> None:
    settings = Settings.read({})
    assert (settings.port, settings.bind_host, settings.workers, settings.worker_count) == (3000, "127.0.0.1", "1", 1)
    assert settings == Settings() and settings.timeouts == Timeouts()


NO_LOGIN = (
    "OTEL_EXPORTER_OTLP_ENDPOINT: must be an http or https address without a login, which goes into "
    "OTEL_EXPORTER_OTLP_HEADERS"
)


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("PORT", "0", "port", 0),
        ("PORT", " 8080 ", "port", 8080),
        ("ENABLE_WEB_UI", "No", "enable_web_ui", False),
        ("ENABLE_WEB_UI", "on", "enable_web_ui", True),
        ("MAX_REQUEST_BODY_MB", "0.5", "max_request_body_mb", 0.5),
        ("BASE_PATH", "/ai/ccx", "base_path", "/ai/ccx"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::1,", "trusted_proxies", ("10.0.0.0/8", "::1")),
        ("CORS_ORIGINS", "https://a", "cors_origins", ("https://a",)),
        (
            "CORS_ORIGINS",
            "https://App.example:8443/, *,null",
            "cors_origins",
            ("https://app.example:8443", "*", "null"),
        ),
        ("CORS_ORIGINS", "app://obsidian.md", "cors_origins", ("app://obsidian.md",)),
        ("CCX_VALKEY_URL", "valkeys://h:6379/0", "ccx_valkey_url", "valkeys://h:6379/0"),
        ("ADMIN_HOSTS", "CCX.Example.com", "admin_hosts", ("ccx.example.com",)),
        (
            "ADMIN_HOSTS",
            "https://a.example/ccx, b.example:8443,[::1]:3000,::1",
            "admin_hosts",
            ("a.example", "b.example", "::1", "::1"),
        ),
        ("CAPTURE_BODIES", "Errors", "capture_bodies", "errors"),
        ("WORKERS", "64", "workers", "64"),
        ("WORKERS", "auto", "workers", "auto"),
        ("CCX_DATA_DIR", "/Data Dir", "ccx_data_dir", "/Data Dir"),
        ("LOG_LEVEL", "", "log_level", "info"),
        ("PORT", "  ", "port", 3000),
    ],
)
def test_one_value(name: str, text: str, field: str, value: object) -> None:
    assert getattr(Settings.read({name: text}), field) == value


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"PORT": "65536"}, "PORT: must be at least 0 and at most 65535"),
        ({"PORT": "-1"}, "PORT: must be at least 0 and at most 65535"),
        ({"PORT": "3000.5"}, "PORT: must be a whole number"),
        ({"IDLE_TIMEOUT": "soon"}, "IDLE_TIMEOUT: must be a number"),
        ({"IDLE_TIMEOUT": "nan"}, "IDLE_TIMEOUT: must be at least 0.1 and at most 1000000000"),
        ({"IDLE_TIMEOUT": "inf"}, "IDLE_TIMEOUT: must be at least 0.1 and at most 1000000000"),
        ({"IDLE_TIMEOUT": "0"}, "IDLE_TIMEOUT: must be at least 0.1 and at most 1000000000"),
        ({"ENABLE_WEB_UI": "maybe"}, "ENABLE_WEB_UI: must be true or false"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: must be one of debug, info, warning, error"),
        ({"WORKERS": "0"}, "WORKERS: must be a number from 1 to 64, or auto"),
        ({"WORKERS": "65"}, "WORKERS: must be a number from 1 to 64, or auto"),
        ({"WORKERS": "two"}, "WORKERS: must be a number from 1 to 64, or auto"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES: '10.0.0.1/8' is not an address or network"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://u:p@otel.test"}, NO_LOGIN),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "otel.test:4318"}, NO_LOGIN),
        ({"BASE_PATH": "ccx"}, "BASE_PATH: must be a path like /ccx, without a slash at its end"),
        ({"BASE_PATH": "/ccx/"}, "BASE_PATH: must be a path like /ccx, without a slash at its end"),
        ({"BASE_PATH": "/../ccx"}, "BASE_PATH: must be a path like /ccx, without a slash at its end"),
        ({"BASE_PATH": "/api/ccx"}, "BASE_PATH: '/api/ccx' would hide paths of the gateway itself"),
        (
            {"CCX_CONFIG_SECRET": f"{STRONG}, short"},
            "CCX_CONFIG_SECRET: is shorter than 16 characters",
        ),
        ({"CORS_ORIGINS": "app.example"}, "CORS_ORIGINS: 'app.example' is no origin like https://app.example"),
        (
            {"CORS_ORIGINS": "https://a.example/x"},
            "CORS_ORIGINS: 'https://a.example/x' is no origin like https://app.example",
        ),
        ({"ADMIN_HOSTS": "a b"}, "ADMIN_HOSTS: 'a b' is no name of a host"),
        (
            {"CCX_VALKEY_URL": "valkey.internal:6379"},
            "CCX_VALKEY_URL: must be a URL like redis://:password@host:6379/0",
        ),
        ({"TLS_KEY_FILE": "k.pem"}, "TLS_KEY_FILE: is set without TLS_CERT_FILE"),
        (
            {"PROXY_ACCESS_KEY": STRONG, "ADMIN_ACCESS_KEY": STRONG},
            "ADMIN_ACCESS_KEY: must differ from PROXY_ACCESS_KEY",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value),
)
def test_one_problem(environ: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        Settings.read(environ)
    assert [str(p) for p in caught.value.problems] == [problem]


def test_all_problems_at_once() -> None:
    with pytest.raises(ConfigErrors) as caught:
        Settings.read({"PORT": "x", "WORKERS": "x", "TRUSTED_PROXIES": "x", "TLS_KEY_FILE": "x"})
    assert [p.path for p in caught.value.problems] == ["PORT", "WORKERS", "TLS_KEY_FILE", "TRUSTED_PROXIES"]


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20)))
def test_anything_gives_settings_or_config_errors(environ: dict[str, str]) -> None:
    try:
        settings = Settings.read(environ)
    except ConfigErrors:
        return
    assert 0 <= settings.port <= 65535 and settings.worker_count >= 1 and settings.timeouts.idle >= 0.1


def test_keys_are_not_in_the_repr() -> None:
    settings = Settings.read({"PROXY_ACCESS_KEY": "proxy-secret-123456", "ADMIN_ACCESS_KEY": "admin-secret-123456"})
    assert "secret" not in repr(settings)


def test_each_of_several_secrets_is_one() -> None:
    settings = Settings(ccx_config_secret="new-secret-0123456789, old-secret-0123456789")
    assert {"new-secret-0123456789", "old-secret-0123456789"} <= set(settings.secrets())


def test_timeouts_are_the_defaults_of_the_policy() -> None:
    environ = {
        "REQUEST_TIMEOUT": "1",
        "CONNECT_TIMEOUT": "2",
        "FIRST_BYTE_TIMEOUT": "3",
        "FIRST_EVENT_TIMEOUT": "4",
        "FIRST_EVENT_ALIVE_TIMEOUT": "5",
        "IDLE_TIMEOUT": "6",
        "TOOL_IDLE_TIMEOUT": "7",
        "HEARTBEAT": "8",
    }
    assert Settings.read(environ).timeouts == Timeouts(1, 2, 3, 4, 5, 6, 7, 8)


def test_auto_is_one_worker_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert Settings.read({"WORKERS": "auto"}).worker_count == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert Settings.read({"WORKERS": "auto"}).worker_count == 1


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "empty"),
        ("ChangeMe", "a well-known default"),
        ("short", "shorter than 16 characters"),
        (STRONG, ""),
    ],
)
def test_weakness(key: str, why: str) -> None:
    assert weakness(key) == why


@pytest.mark.parametrize(
    ("host", "proxy", "admin", "refused"),
    [
        pytest.param("127.0.0.1", "", "", [], id="loopback takes anything"),
        pytest.param("::1", "x", "y", [], id="IPv6 loopback"),
        pytest.param("0.0.0.0", STRONG, STRONG + "2", [], id="public with good keys"),
        pytest.param("0.0.0.0", "", "tiny", ["PROXY_ACCESS_KEY", "ADMIN_ACCESS_KEY"], id="public, both weak"),
        pytest.param("192.168.1.5", "your-proxy-access-key", STRONG, ["PROXY_ACCESS_KEY"], id="a well-known default"),
    ],
)
def test_public_bind(host: str, proxy: str, admin: str, refused: list[str]) -> None:
    settings = Settings(bind_host=host, proxy_access_key=proxy, admin_access_key=admin)
    problems = settings.problems_for_public_bind()
    assert [p.path for p in problems] == refused
    assert not any(key and key in str(p) for key in (proxy, admin) for p in problems)
