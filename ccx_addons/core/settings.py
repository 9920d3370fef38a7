"""Process settings from the environment. One table: name, default, help."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final
from urllib.parse import urlsplit

from ccx_addons.core.config import Timeouts
from ccx_addons.core.endpoints import RESERVED_PREFIXES
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.core.forwarded import BASE_PATH
from ccx_addons.core.urls import LOOPBACK, is_local, url_problem

MIN_KEY: Final = 16
BOOLEANS: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
WEAK_KEYS: Final = frozenset({"your-proxy-access-key", "your-admin-access-key", "changeme", "password", "secret"})


def env(name: str, default: Any, help: str, **more: Any) -> Any:
    """A setting. Text is a secret, unless it is ``shown`` or one of a few words."""
    secret = default == "" and "shown" not in more
    return field(default=default, repr=not secret, metadata={"name": name, "help": help, "secret": secret, **more})


def _host(text: str) -> str:
    """Also of an address, or with a port. Raises ValueError."""
    bare = text.count(":") > 1 and "/" not in text and "]" not in text
    host = text if bare else urlsplit(text if "://" in text else f"//{text}").hostname or ""
    if not re.fullmatch(r"[\w.:-]+", host):
        raise ValueError(f"{text!r} is no name of a host")
    return host.lower()


def _origin(text: str) -> str:
    """As browsers write it (RFC 6454): without a slash at its end, in small letters. Raises ValueError."""
    origin = text.removesuffix("/").lower()
    if origin not in ("*", "null") and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
        raise ValueError(f"{text!r} is no origin like https://app.example")
    return origin


@dataclass(frozen=True, slots=True)
class Settings:
    port: int = env("PORT", 3000, "public port; 0: any free one", minimum=0, maximum=65535)
    bind_host: str = env("BIND_HOST", "127.0.0.1", "address to listen on")
    proxy_access_key: str = env("PROXY_ACCESS_KEY", "", "key of the client named default")
    admin_access_key: str = env("ADMIN_ACCESS_KEY", "", "key of the panel and of /api")
    enable_web_ui: bool = env("ENABLE_WEB_UI", True, "run the panel")
    admin_port: int = env(
        "ADMIN_PORT", 0, "loopback port between gateway and panel; 0: any free one", minimum=0, maximum=65535
    )
    admin_hosts: tuple[str, ...] = env(
        "ADMIN_HOSTS", (), "further host names under which the panel is opened", clean=_host
    )
    oidc_issuer: str = env("OIDC_ISSUER", "", "OpenID Connect provider that people of the panel use", shown=True)
    oidc_client_id: str = env("OIDC_CLIENT_ID", "", "what the provider knows the panel as", shown=True)
    oidc_client_secret: str = env("OIDC_CLIENT_SECRET", "", "the panel's secret there; empty: it has none")
    oidc_claim: str = env("OIDC_CLAIM", "email", "the claim that is the name of a user")
    oidc_everybody: str = env(
        "OIDC_EVERYBODY",
        "",
        "role of people whom only the provider knows; empty: nobody else comes in",
        shown=True,
        choices=("sees", "edits"),
    )
    base_path: str = env(
        "BASE_PATH",
        "",
        "path below which a reverse proxy mounts the gateway, like /ccx",
        shown=True,
        pattern=BASE_PATH.pattern,
        words="a path like /ccx, without a slash at its end",
    )
    web_port: int = env("CCX_WEB_PORT", 0, "loopback port of run.py mitmweb; 0: any free one", minimum=0, maximum=65535)
    web_max_mb: int = env("CCX_WEB_MAX_MB", 256, "bodies that mitmweb holds in memory; the oldest go first", minimum=1)
    web_mirrors: bool = env("CCX_WEB_MIRRORS", False, "mitmweb shows what mirrors ask, too")
    web_password: str = env("CCX_WEB_PASSWORD", "", "password of mitmweb; empty: a new one each time")
    workers: str = env(
        "WORKERS",
        "1",
        "proxy processes that share the port; auto: one a core",
        pattern="auto|[1-9]|[1-5][0-9]|6[0-4]",
        words="a number from 1 to 64, or auto",
    )
    ccx_config: str = env("CCX_CONFIG", "config/ccx.yaml", "path of the configuration")
    ccx_data_dir: str = env("CCX_DATA_DIR", "data", "folder of the database")
    ccx_database_url: str = env(
        "CCX_DATABASE_URL",
        "",
        "PostgreSQL in which the log and the state of several machines are; empty: a file in CCX_DATA_DIR",
        pattern="(postgres(ql)?://.*)?",
        words="a URL like postgresql://user:password@host/name",
    )
    ccx_machine: str = env(
        "CCX_MACHINE",
        "",
        "name of this machine among several, as the panel shows it; empty: its host's name",
        shown=True,
    )
    ccx_config_from: str = env(
        "CCX_CONFIG_FROM",
        "file",
        "where the configuration comes from: each machine's own file, or the newest version in CCX_DATABASE_URL,"
        " which every machine writes to its file",
        choices=("file", "database"),
    )
    ccx_config_secret: str = env(
        "CCX_CONFIG_SECRET",
        "",
        "seals the configuration in CCX_DATABASE_URL, with the keys that are written in it; the same on all machines."
        " Several, with commas: the first seals, each opens. Empty: it is there as it is",
    )
    ccx_valkey_url: str = env(
        "CCX_VALKEY_URL",
        "",
        "Valkey or Redis in which the workers of several machines agree about limits; empty: CCX_DATABASE_URL, if set",
        pattern="(((redis|valkey)s?|unix)://.*)?",
        words="a URL like redis://:password@host:6379/0",
    )
    ccx_valkey_wait: float = env(
        "CCX_VALKEY_WAIT",
        0.025,
        "seconds a request waits for what decides about limits, Valkey or else PostgreSQL, before its worker's own"
        " share decides",
        minimum=0.001,
    )
    log_level: str = env("LOG_LEVEL", "info", "how much is logged", choices=("debug", "info", "warning", "error"))
    log_format: str = env("LOG_FORMAT", "text", "how log lines look", choices=("text", "json"))
    max_request_body_mb: float = env("MAX_REQUEST_BODY_MB", 50.0, "largest request body, also unpacked", minimum=0.001)
    max_buffered_mb: float = env(
        "MAX_BUFFERED_MB", 512.0, "bodies a worker keeps in memory; over it, new ones wait", minimum=1
    )
    client_timeout: float = env("CLIENT_TIMEOUT", 30.0, "seconds for a head and for a pause in a body", minimum=0.1)
    request_body_timeout: float = env("REQUEST_BODY_TIMEOUT", 300.0, "seconds for a whole request body", minimum=0.1)
    keepalive_timeout: float = env("KEEPALIVE_TIMEOUT", 120.0, "seconds an idle client connection is kept", minimum=0.1)
    upstream_idle_timeout: float = env(
        "UPSTREAM_IDLE_TIMEOUT", 50.0, "seconds an idle upstream connection is kept for the next request", minimum=0
    )
    request_timeout: float = env(
        "REQUEST_TIMEOUT", 600.0, "seconds for a whole exchange until it is committed", minimum=1, timeout="total"
    )
    connect_timeout: float = env(
        "CONNECT_TIMEOUT", 10.0, "seconds to set up a connection", minimum=0.1, timeout="connect"
    )
    first_byte_timeout: float = env(
        "FIRST_BYTE_TIMEOUT",
        0.0,
        "seconds until an answer's head is complete; 0: 300 for a stream, REQUEST_TIMEOUT for JSON",
        minimum=0,
        timeout="first_byte",
    )
    first_event_timeout: float = env(
        "FIRST_EVENT_TIMEOUT", 300.0, "seconds until a stream means something", minimum=0.1, timeout="first_event"
    )
    first_event_alive_timeout: float = env(
        "FIRST_EVENT_ALIVE_TIMEOUT",
        600.0,
        "the same, while comments and pings come",
        minimum=0.1,
        timeout="first_event_alive",
    )
    idle_timeout: float = env("IDLE_TIMEOUT", 300.0, "seconds of silence inside a stream", minimum=0.1, timeout="idle")
    tool_idle_timeout: float = env(
        "TOOL_IDLE_TIMEOUT",
        600.0,
        "the same while a tool call is open or the model thinks",
        minimum=0.1,
        timeout="tool_idle",
    )
    heartbeat: float = env(
        "HEARTBEAT",
        15.0,
        "seconds of silence after which a stream's client gets a comment; 0: never",
        minimum=0,
        timeout="heartbeat",
    )
    tls_cert_file: str = env(
        "TLS_CERT_FILE", "", "certificate chain: serve HTTPS, with HTTP/2, on the public port", shown=True
    )
    tls_key_file: str = env("TLS_KEY_FILE", "", "its private key, when it is in a file of its own", shown=True)
    trusted_proxies: tuple[str, ...] = env(
        "TRUSTED_PROXIES", (), "networks whose X-Forwarded-For, -Proto, -Host and -Prefix count"
    )
    loopback_client: str = env(
        "LOOPBACK_CLIENT",
        "",
        "client that programs on this machine are which send a login of their own and no key; empty: none."
        " Never behind a proxy on the same machine",
        shown=True,
    )
    cors_origins: tuple[str, ...] = env(
        "CORS_ORIGINS", (), "origins of browser clients; none by default", clean=_origin
    )
    hooks_file: str = env(
        "HOOKS_FILE", "", "Python file with own rules, such as config/hooks.py; empty: there are none", shown=True
    )
    hooks_budget: float = env("HOOKS_BUDGET_MS", 50.0, "milliseconds that one of the rules may take", minimum=1)
    otel_endpoint: str = env(
        "OTEL_EXPORTER_OTLP_ENDPOINT", "", "OpenTelemetry collector (OTLP/HTTP) that gets a span a request", shown=True
    )
    otel_headers: str = env("OTEL_EXPORTER_OTLP_HEADERS", "", "headers for it: name=value,name=value")
    otel_service: str = env("OTEL_SERVICE_NAME", "ccx", "name of the service in its spans")
    otel_content: bool = env(
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", False, "also send what is asked and answered"
    )
    capture_bodies: str = env(
        "CAPTURE_BODIES", "off", "which exchanges keep their bodies", choices=("off", "errors", "all")
    )
    retention_days: int = env("RETENTION_DAYS", 90, "days that request rows are kept", minimum=1)
    body_retention_days: int = env("BODY_RETENTION_DAYS", 7, "days that bodies are kept", minimum=1)
    body_storage_mb: int = env("BODY_STORAGE_MB", 1024, "most that kept bodies take on the disk", minimum=1)
    shutdown_grace: float = env("SHUTDOWN_GRACE", 30.0, "seconds that running streams may take to finish", minimum=0)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises ConfigErrors with every problem; an empty variable counts as not set."""
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for entry in fields(cls):
            name = entry.metadata["name"]
            text = environ.get(name, "").strip()
            if not text:
                continue
            try:
                values[entry.name] = _convert(text, entry.default, entry.metadata)
            except ValueError as error:
                problems.append(Problem(name, str(error)))
        settings = cls(**values)
        problems += settings._together()
        if problems:
            raise ConfigErrors(problems)
        return settings

    def config_secrets(self) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.ccx_config_secret.split(",") if word.strip())

    def secrets(self) -> list[str]:
        """What must never be shown."""
        whole = [getattr(self, entry.name) for entry in fields(self) if entry.metadata["secret"]]
        return [*whole, *self.config_secrets()]

    def _together(self) -> list[Problem]:
        problems = []
        if self.admin_access_key and self.admin_access_key == self.proxy_access_key:
            problems.append(Problem("ADMIN_ACCESS_KEY", "must differ from PROXY_ACCESS_KEY"))
        problems += self._sign_on()
        if self.max_buffered_mb < self.max_request_body_mb:
            problems.append(Problem("MAX_BUFFERED_MB", "is less than MAX_REQUEST_BODY_MB: such a body would never fit"))
        if self.loopback_client and (self.bind_host not in LOOPBACK - {"0.0.0.0", "::"} or self.trusted_proxies):
            words = "works only with BIND_HOST on loopback and without TRUSTED_PROXIES"
            problems.append(Problem("LOOPBACK_CLIENT", words))
        if self.ccx_config_from == "database" and not self.ccx_database_url:
            problems.append(Problem("CCX_DATABASE_URL", "is needed for CCX_CONFIG_FROM=database"))
        if any(len(secret) < MIN_KEY for secret in self.config_secrets()):
            problems.append(Problem("CCX_CONFIG_SECRET", f"is shorter than {MIN_KEY} characters"))
        if self.tls_key_file and not self.tls_cert_file:
            problems.append(Problem("TLS_KEY_FILE", "is set without TLS_CERT_FILE"))
        if self.base_path[1:].partition("/")[0] in RESERVED_PREFIXES - {""}:
            problems.append(Problem("BASE_PATH", f"{self.base_path!r} would hide paths of the gateway itself"))
        if self.otel_endpoint and url_problem(self.otel_endpoint, user=False):
            words = "must be an http or https address without a login, which goes into OTEL_EXPORTER_OTLP_HEADERS"
            problems.append(Problem("OTEL_EXPORTER_OTLP_ENDPOINT", words))
        for network in self.trusted_proxies:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                problems.append(Problem("TRUSTED_PROXIES", f"{network!r} is not an address or network"))
        return problems

    def _sign_on(self) -> list[Problem]:
        problems = []
        if self.oidc_issuer and not self.oidc_client_id:
            problems.append(Problem("OIDC_CLIENT_ID", "is needed for OIDC_ISSUER"))
        parts = urlsplit(self.oidc_issuer)
        if self.oidc_issuer and parts.scheme != "https" and not is_local(parts.hostname or ""):
            problems.append(Problem("OIDC_ISSUER", "must begin with https://"))
        return problems

    def problems_for_public_bind(self) -> list[Problem]:
        """Weak keys are accepted on loopback only."""
        if self.bind_host in LOOPBACK - {"0.0.0.0", "::"}:
            return []
        return [
            Problem(name, f"is {reason}, which is refused on the public address {self.bind_host}")
            for name, key in (("PROXY_ACCESS_KEY", self.proxy_access_key), ("ADMIN_ACCESS_KEY", self.admin_access_key))
            if (reason := weakness(key))
        ]

    @property
    def timeouts(self) -> Timeouts:
        """The defaults of ``policy.timeouts``."""
        return Timeouts(
            **{e.metadata["timeout"]: getattr(self, e.name) for e in fields(self) if "timeout" in e.metadata}
        )

    @property
    def seal(self) -> str:
        """What the installation knows and its clients do not: for hashes and stand-ins that nobody is to try out."""
        return self.admin_access_key or self.proxy_access_key

    @property
    def worker_count(self) -> int:
        return (os.cpu_count() or 1) if self.workers == "auto" else int(self.workers)


def weakness(key: str) -> str:
    """Why a key is no protection; empty: it is one."""
    if not key:
        return "empty"
    if key.lower() in WEAK_KEYS:
        return "a well-known default"
    return f"shorter than {MIN_KEY} characters" if len(key) < MIN_KEY else ""


def _convert(text: str, default: Any, rules: Mapping[str, Any]) -> Any:
    if isinstance(default, bool):
        if text.lower() not in BOOLEANS:
            raise ValueError("must be true or false")
        return BOOLEANS[text.lower()]
    if isinstance(default, tuple):
        clean = rules.get("clean", str.strip)
        return tuple(clean(part.strip()) for part in text.split(",") if part.strip())
    if isinstance(default, int | float):
        return _number(text, type(default), rules)
    if choices := rules.get("choices"):
        if text.lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text.lower()
    if "pattern" in rules and not re.fullmatch(rules["pattern"], text):
        raise ValueError(f"must be {rules['words']}")
    return text


def _number(text: str, kind: type, rules: Mapping[str, Any]) -> float:
    try:
        value: float = kind(text)
    except ValueError:
        raise ValueError(f"must be a {'whole ' if kind is int else ''}number") from None
    low, high = rules.get("minimum", 0), rules.get("maximum", 10**9)
    if not low <= value <= high:
        raise ValueError(f"must be at least {low} and at most {high}")
    return value


OWN_SECRETS: Final = frozenset(
    {str(entry.metadata["name"]) for entry in fields(Settings) if entry.metadata["secret"]} - {"PROXY_ACCESS_KEY"}
    | {"CCX_PANEL_SECRET", "CCX_TEST_SECRET"}
)
"""Variables that a configuration hands to nobody: who may edit channels would get with them what outlives their leave.
A client's key is none of these: two gateways in a row may have the same."""
