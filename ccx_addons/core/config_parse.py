"""Plain data (as YAML gives it) -> Snapshot. Every problem is found at once, with path, line and nearest known key."""

import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from ccx_addons.core import confidential, urls, variables
from ccx_addons.core.config import (
    DEFAULT_CLIENT,
    DIRECT,
    KEYLESS,
    KINDS,
    PROXY_SCHEMES,
    TEXT_KINDS,
    Affinity,
    AttemptLimits,
    Bodies,
    BreakerPolicy,
    Channel,
    ChannelLimits,
    Client,
    ClientLimits,
    Embedding,
    HealthCheck,
    Key,
    KeyLimits,
    ModelMap,
    Patterns,
    Policy,
    Price,
    ReasoningPolicy,
    Snapshot,
    Target,
    Timeouts,
    version_problem,
)
from ccx_addons.core.endpoints import RESERVED_PREFIXES
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.core.header_names import HEADER_NAME, is_ours, is_private
from ccx_addons.core.mask import Secrets, mask

type Json = Any


@cache
def shape_of(cls: type) -> Mapping[str, tuple[Any, Mapping[str, Any]]]:
    """A dataclass's fields: name -> type and metadata. A file may have thousands of tables, of a few classes."""
    hints = get_type_hints(cls)
    return {f.name: (hints[f.name], f.metadata) for f in fields(cls)}


DECIMAL: Final = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,12})?(?:[eE]-?[0-9]{1,2})?")
PATTERN: Final = re.compile(r"!?(?:\*|\*?[A-Za-z0-9._:/@+\[\]() -]+\*?)")
NAME: Final = re.compile(r"[^\s/\x00-\x1f][^\x00-\x1f]{0,63}")
CHANNEL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DEFAULTS: Final = Policy()
SURROGATE: Final = re.compile("[\ud800-\udfff]")
EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

CHANNEL_KEYS: Final = tuple(f.name for f in fields(Channel))
CLIENT_KEYS: Final = ("name", "key", "key_sha256", "kinds", "models", "limits", "enabled")
KEY_KEYS: Final = ("key", "name", "weight", "models", "base_url", "enabled", "limits")
TOP_KEYS: Final = ("version", "clients", "channels", "policy", "prices")


@dataclass
class Reader:
    """Collects problems; ``lines`` maps a path to its line."""

    lines: Mapping[str, int]
    environ: Mapping[str, str]
    now: float
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def problem(self, path: str, message: str, place: str = "") -> None:
        """``place``: the path by which the line is found, where ``path`` hides a part of it."""
        line = next((self.lines[p] for p in _parents(place or path) if p in self.lines), 0)
        self.problems.append(Problem(path, message, line))

    def table(self, value: Json, path: str, known: tuple[str, ...]) -> dict[str, Json]:
        """A mapping with known keys only."""
        if not isinstance(value, dict):
            self.problem(path, f"expected a mapping, got {_kind(value)}")
            return {}
        for name in value:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
                shown = str(name) if confidential.FIELD_NAME.fullmatch(str(name)) else mask(str(name))
                self.problem(_below(path, shown), f"unknown key {shown!r}{hint}", _below(path, str(name)))
        return {name: entry for name, entry in value.items() if name in known}

    def sequence(self, value: Json, path: str) -> list[Json]:
        if value is None:
            return []
        if not isinstance(value, list):
            self.problem(path, f"expected a list, got {_kind(value)}")
            return []
        return value

    def entries(self, value: Json, path: str) -> Iterator[tuple[str, Json]]:
        """The entries of a list, each with its own path."""
        for n, entry in enumerate(self.sequence(value, path)):
            yield f"{path}[{n}]", entry

    def strings(self, value: Json, path: str) -> tuple[str, ...]:
        found = (self.text(entry, at) for at, entry in self.entries(value, path))
        return tuple(text for text in found if text is not None)

    def text(self, value: Json, path: str, pattern: re.Pattern[str] | None = None, what: str = "") -> str | None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            self.problem(path, f"expected text, got {_kind(value)}")
            return None
        if SURROGATE.search(value):
            self.problem(path, "has half a character (a lone surrogate)")
            return None
        if pattern and not pattern.fullmatch(value):
            self.problem(path, f"is not {what}")
            return None
        return value

    def secret(self, value: Json, path: str) -> str | None:
        """A key, or its variable; None when that is not set, which disables only this key."""
        text = self.text(value, path)
        if text is None:
            return None
        if text.startswith("env:") or variables.names(text):
            if not (found := self._filled(text)):
                shown = self._missing(text)
                self.warnings.append(f"{path}: the environment variable {shown} is not set; this key is not used")
                return None
            text = found
        if not text.strip() or not text.isprintable() or not text.isascii():
            self.problem(path, "is not a key: it must be printable ASCII and not empty")
            return None
        return text.strip()

    def filled(self, value: Json, path: str) -> str | None:
        """Text with its variables, each of which has to be set."""
        text = self.text(value, path)
        if text is None or (found := self._filled(text)) is not None:
            return text and found
        self.problem(path, f"the environment variable {self._missing(text)} is not set")
        return None

    def _filled(self, text: str) -> str | None:
        if text.startswith("env:") and not variables.whole(text):
            return self.environ.get(text[4:], "") or None
        return None if variables.missing(text, self.environ) else variables.filled(text, self.environ)

    def _missing(self, text: str) -> str:
        name = next(iter(variables.missing(text, self.environ)), text[4:])
        return name if confidential.is_environment(f"env:{name}") else mask(name)

    def scalars[T](self, cls: type[T], value: Json, path: str, given: T) -> T:
        """A dataclass of simple fields over its defaults ``given``."""
        if value is None:
            return given
        shape = shape_of(cls)  # type: ignore[arg-type]  # mypy: a class may not be hashable
        found = {}
        for name, entry in self.table(value, path, tuple(shape)).items():
            converted = self.scalar(entry, *shape[name], f"{path}.{name}")
            if converted is not MISSING:
                found[name] = converted
        return replace(given, **found)  # type: ignore[type-var]

    def scalar(self, value: Json, hint: Any, rules: Mapping[str, Any], path: str) -> Any:
        """One value against a field's type and metadata; MISSING when it does not fit."""
        hint = getattr(hint, "__value__", hint)
        options = get_args(hint)
        if get_origin(hint) is Literal:
            if value in options and isinstance(value, str):
                return value
            self.problem(path, f"must be one of {', '.join(options)}")
            return MISSING
        if type(None) in options:
            if value is None:
                return None
            hint = next(option for option in options if option is not type(None))
        if hint is float and isinstance(value, str) and DECIMAL.fullmatch(value):
            value = float(value)
        check = CHECKS.get(hint)
        if check is None or not check(value):
            self.problem(path, f"expected {NAMES.get(hint, 'another type')}, got {_kind(value)}")
            return MISSING
        low, high = rules.get("minimum"), rules.get("maximum")
        if (low is not None and value < low) or (high is not None and value > high):
            self.problem(path, f"must be at least {low}" + (f" and at most {high}" if high is not None else ""))
            return MISSING
        return float(value) if hint is float else value


CHECKS: Final[dict[Any, Callable[[Json], bool]]] = {
    bool: lambda v: isinstance(v, bool),
    int: lambda v: isinstance(v, int) and not isinstance(v, bool),
    float: lambda v: isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e12,
    str: lambda v: isinstance(v, str),
}
NAMES: Final[dict[Any, str]] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}

KIND_NAMES: Final[dict[type, str]] = {
    type(None): "nothing",
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


BLANK: Final = "the file has nothing in it; a gateway without channels says channels: []"
"""An editor or a full disk leaves such a file behind; nobody means it."""


def parse(
    data: Json,
    *,
    revision: str,
    now: float,
    environ: Mapping[str, str],
    own_addresses: tuple[tuple[str, int], ...] = (),
    default_client_key: str = "",
    admin_key: str = "",
    lines: Mapping[str, int] | None = None,
    timeouts: Timeouts = DEFAULTS.timeouts,
    bodies: Bodies = DEFAULTS.bodies,
    quirk_names: frozenset[str] | None = None,
    secrets: Iterable[str] = (),
) -> Snapshot:
    """Raises ConfigErrors with every problem. No text of it ever holds a secret. ``secrets``: those of the process."""
    if data is None:
        raise ConfigErrors([Problem("", BLANK)])
    reader = Reader(lines or {}, environ, now)
    top = reader.table(data, "", TOP_KEYS)
    if wrong := version_problem(top.get("version", 1)):
        reader.problem("version", wrong)
    policy = _policy(reader, top.get("policy"), Policy(timeouts=timeouts, bodies=bodies))
    clients = _clients(reader, top.get("clients"), default_client_key, admin_key)
    channels = {
        path: channel
        for path, entry in reader.entries(top.get("channels"), "channels")
        if (channel := _channel(reader, entry, path, policy, own_addresses, quirk_names))
    }
    _no_duplicates(reader, "name", {f"{path}.name": c.name for path, c in channels.items()})
    _no_duplicates(reader, "id", {f"{path}.id": c.id for path, c in channels.items()})
    prices = _prices(reader, top.get("prices"))
    if reader.problems:
        raise ConfigErrors(sorted(reader.problems, key=lambda p: p.line))
    hidden = Secrets([*secrets, default_client_key, admin_key, *confidential.secrets_in(data, environ)])
    return Snapshot(revision, now, clients, tuple(channels.values()), policy, prices, tuple(reader.warnings), hidden)


def _policy(reader: Reader, value: Json, given: Policy) -> Policy:
    table = reader.table(value if value is not None else {}, "policy", tuple(f.name for f in fields(Policy)))
    found: dict[str, Any] = {}
    for name in ("errors", "balance"):
        if (
            name in table
            and (word := reader.scalar(table[name], *shape_of(Policy)[name], f"policy.{name}")) is not MISSING
        ):
            found[name] = word
    tables = {"affinity": Affinity, "breaker": BreakerPolicy, "attempts": AttemptLimits, "timeouts": Timeouts}
    for name, cls in tables.items():
        if name in table:
            found[name] = reader.scalars(cls, table[name], f"policy.{name}", getattr(given, name))
    if "bodies" in table:
        found["bodies"] = _bodies(reader, table["bodies"], given.bodies)
    return replace(given, **found)


def _bodies(reader: Reader, value: Json, given: Bodies) -> Bodies:
    if not isinstance(value, dict) or "redact" not in value:
        return reader.scalars(Bodies, value, "policy.bodies", given)
    redact = []
    for at, entry in reader.entries(value["redact"], "policy.bodies.redact"):
        try:
            redact.append(re.compile(reader.text(entry, at) or "").pattern)
        except (re.error, OverflowError, RecursionError) as error:
            reader.problem(at, f"is not a regular expression: {error}")
    rest = {name: entry for name, entry in value.items() if name != "redact"}
    return replace(reader.scalars(Bodies, rest, "policy.bodies", given), redact=tuple(redact))


def _clients(reader: Reader, value: Json, default_key: str, admin_key: str) -> tuple[Client, ...]:
    clients: dict[str, Client] = {}
    if default_key:
        clients["PROXY_ACCESS_KEY"] = Client(DEFAULT_CLIENT, _sha256(default_key), mask(default_key))
    for path, entry in reader.entries(value, "clients"):
        if client := _client(reader, entry, path):
            clients[path] = client
    admin = _sha256(admin_key) if admin_key else ""
    for path, client in clients.items():
        if client.key_sha256 == admin:
            reader.problem(f"{path}.key", f"the key of {client.name!r} must differ from ADMIN_ACCESS_KEY")
    _no_duplicates(reader, "name", {f"{path}.name": c.name for path, c in clients.items()})
    _no_duplicates(reader, "key", {f"{path}.key": c.key_sha256 for path, c in clients.items()}, secret=True)
    return tuple(clients.values())


def _client(reader: Reader, value: Json, path: str) -> Client | None:
    table = reader.table(value, path, CLIENT_KEYS)
    if not isinstance(value, dict):
        return None
    name = reader.text(table.get("name"), f"{path}.name", NAME, "a name (up to 64 characters)")
    digest, masked = "", ""
    if "key" in table and "key_sha256" in table:
        reader.problem(f"{path}.key", "give key or key_sha256, not both")
    elif "key" in table:
        if secret := reader.secret(table["key"], f"{path}.key"):
            digest, masked = _sha256(secret), mask(secret)
    elif digest_text := reader.text(
        table.get("key_sha256"), f"{path}.key_sha256", re.compile("[0-9a-fA-F]{64}"), "64 hex digits"
    ):
        digest = digest_text.lower()
    kinds = _kinds(reader, table["kinds"], f"{path}.kinds") if "kinds" in table else frozenset(KINDS)
    limits = reader.scalars(ClientLimits, table.get("limits"), f"{path}.limits", ClientLimits())
    enabled = reader.scalar(table.get("enabled", True), bool, {}, f"{path}.enabled")
    models = _patterns(reader, table.get("models"), f"{path}.models")
    if not name or not digest or enabled is MISSING:
        return None
    return Client(name, digest, masked, kinds, models, limits, enabled)


def _channel(
    reader: Reader,
    value: Json,
    path: str,
    policy: Policy,
    own: tuple[tuple[str, int], ...],
    quirk_names: frozenset[str] | None,
) -> Channel | None:
    before = len(reader.problems)
    table = reader.table(value, path, CHANNEL_KEYS)
    if not isinstance(value, dict):
        return None
    name = reader.text(table.get("name"), f"{path}.name", NAME, "a name (up to 64 characters)") or ""
    protocol = table.get("protocol")
    if protocol not in KINDS:
        reader.problem(f"{path}.protocol", f"must be one of {', '.join(KINDS)}")
        protocol = ""
    found: dict[str, Any] = {
        "id": reader.text(table.get("id", _id(name)), f"{path}.id", CHANNEL_ID, "an id"),
        "base_urls": _base_urls(reader, table.get("base_urls"), f"{path}.base_urls", own),
        "serves": _kinds(reader, table["serves"], f"{path}.serves") if "serves" in table else frozenset({protocol}),
        "timeouts": reader.scalars(Timeouts, table.get("timeouts"), f"{path}.timeouts", policy.timeouts),
        "breaker": reader.scalars(BreakerPolicy, table.get("breaker"), f"{path}.breaker", policy.breaker),
        "limits": reader.scalars(ChannelLimits, table.get("limits"), f"{path}.limits", ChannelLimits()),
        "health_check": reader.scalars(HealthCheck, table.get("health_check"), f"{path}.health_check", HealthCheck()),
        "embedding": reader.scalars(Embedding, table.get("embedding"), f"{path}.embedding", Embedding()),
        "reasoning": _reasoning(reader, table.get("reasoning"), f"{path}.reasoning"),
        "models": _model_map(reader, table.get("models"), f"{path}.models"),
        "allow": _patterns(reader, table.get("allow"), f"{path}.allow"),
        "headers": _headers(reader, table.get("headers"), f"{path}.headers"),
        "pass_headers": _passed(reader, table.get("pass_headers"), f"{path}.pass_headers"),
        "quirks": _quirks(reader, table.get("quirks"), f"{path}.quirks", quirk_names),
        "tags": reader.strings(table.get("tags"), f"{path}.tags"),
    }
    found["keys"] = _keys(reader, table.get("keys"), f"{path}.keys", found["base_urls"])
    if protocol:
        _check_serves(reader, path, protocol, found["serves"])
    for given, shape in shape_of(Channel).items():
        if given in table and given not in found and given not in ("name", "protocol", "promoted_until"):
            value = table[given]
            if given in ("proxy", "ca_file") and isinstance(value, str):
                value = reader.filled(value, f"{path}.{given}")
            found[given] = reader.scalar(value, *shape, f"{path}.{given}")
    if "promoted_until" in table:
        found["promoted_until"] = _time(reader, table["promoted_until"], f"{path}.promoted_until")
    _check_text_fields(reader, path, found)
    if len(reader.problems) > before:
        return None
    found.update(name=name, protocol=protocol)
    return Channel(**found)


def _check_serves(reader: Reader, path: str, protocol: str, serves: frozenset[str]) -> None:
    if not serves:
        reader.problem(f"{path}.serves", "needs at least one kind")
    for kind in sorted(serves - {protocol}):
        if kind not in TEXT_KINDS or protocol not in TEXT_KINDS:
            reader.problem(f"{path}.serves", f"{kind} cannot be served by a channel that speaks {protocol}")


def _check_text_fields(reader: Reader, path: str, found: dict[str, Any]) -> None:
    prefix = found.get("route_prefix")
    if isinstance(prefix, str) and prefix and (not PREFIX.fullmatch(prefix) or prefix.lower() in RESERVED_PREFIXES):
        reader.problem(f"{path}.route_prefix", "is not one path segment, or is a path of the gateway itself")
    proxy = found.get("proxy")
    if isinstance(proxy, str) and proxy != DIRECT and (wrong := urls.url_problem(proxy, PROXY_SCHEMES)):
        reader.problem(f"{path}.proxy", wrong)


def _base_urls(reader: Reader, value: Json, path: str, own: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    given = reader.sequence(value, path)
    if not given:
        reader.problem(path, "needs at least one URL")
    found = []
    for at, entry in reader.entries(given, path):
        text = reader.filled(entry, at)
        if text is None:
            continue
        url = urls.canonical(text)
        if wrong := urls.url_problem(url, user=False, query=True):
            reader.problem(at, wrong)
        elif urls.points_at(url, own):
            reader.problem(at, "points at this gateway itself")
        found.append(url)
    return tuple(found)


def _keys(reader: Reader, value: Json, path: str, base_urls: tuple[str, ...]) -> tuple[Key, ...]:
    """Where the file names no key at all, the one that stands for none."""
    if value is None or value == []:
        return (KEYLESS,)
    keys: dict[str, Key] = {}
    for at, entry in reader.entries(value, path):
        table = {"key": entry} if isinstance(entry, str) else reader.table(entry, at, KEY_KEYS)
        if not isinstance(entry, str | dict):
            continue
        secret = reader.secret(table.get("key"), at if isinstance(entry, str) else f"{at}.key")
        base_url = urls.canonical(reader.filled(table.get("base_url", ""), f"{at}.base_url") or "")
        if base_url and base_url not in base_urls:
            reader.problem(f"{at}.base_url", "is not one of the channel's base_urls")
        weight = reader.scalar(table.get("weight", 1), int, {"minimum": 1}, f"{at}.weight")
        enabled = reader.scalar(table.get("enabled", True), bool, {}, f"{at}.enabled")
        name = reader.text(table.get("name", ""), f"{at}.name") or ""
        models = _patterns(reader, table.get("models"), f"{at}.models")
        limits = reader.scalars(KeyLimits, table.get("limits"), f"{at}.limits", KeyLimits())
        if secret and weight is not MISSING and enabled is not MISSING:
            keys[at] = Key("k_" + _sha256(secret)[:8], secret, name, weight, models, base_url, enabled, limits)
    _no_duplicates(reader, "key", {at: key.id for at, key in keys.items()}, secret=True)
    return tuple(keys.values())


def _patterns(reader: Reader, value: Json, path: str) -> Patterns:
    include, exclude = [], []
    for at, element in reader.entries(value, path):
        entry = reader.text(element, at)
        if entry is None:
            continue
        if not PATTERN.fullmatch(entry):
            reader.problem(at, "is not a model pattern (exact, prefix*, *suffix, *contains*, *, !exclude)")
        elif entry.startswith("!"):
            exclude.append(entry[1:].lower())
        else:
            include.append(entry.lower())
    return Patterns(tuple(include), tuple(exclude))


def _model_map(reader: Reader, value: Json, path: str) -> ModelMap:
    entries = {}
    if value is not None and not isinstance(value, dict):
        reader.problem(path, f"expected a mapping of model names, got {_kind(value)}")
        return ModelMap()
    for name, entry in (value or {}).items():
        at = f"{path}.{name}"
        if not PATTERN.fullmatch(str(name)) or str(name).startswith("!"):
            reader.problem(at, "is not a model pattern")
        table = {"to": entry} if isinstance(entry, str) else reader.table(entry, at, ("to", "effort"))
        to = reader.text(table.get("to"), f"{at}.to" if isinstance(entry, dict) else at)
        effort = table.get("effort")
        if effort is not None and effort not in EFFORTS:
            reader.problem(f"{at}.effort", f"must be one of {', '.join(EFFORTS)}")
        if to:
            entries[str(name)] = Target(to, effort)
    return ModelMap(entries)


def _reasoning(reader: Reader, value: Json, path: str) -> ReasoningPolicy:
    if not isinstance(value, dict) or "effort" not in value:
        return reader.scalars(ReasoningPolicy, value, path, ReasoningPolicy())
    rest = {name: entry for name, entry in value.items() if name != "effort"}
    effort = value["effort"] if isinstance(value["effort"], dict) else {}
    if not isinstance(value["effort"], dict):
        reader.problem(f"{path}.effort", f"expected a mapping of model patterns, got {_kind(value['effort'])}")
    for name, word in effort.items():
        if word not in EFFORTS:
            reader.problem(f"{path}.effort.{name}", f"must be one of {', '.join(EFFORTS)}")
    pairs = tuple((str(name), str(word)) for name, word in effort.items())
    return replace(reader.scalars(ReasoningPolicy, rest, path, ReasoningPolicy()), effort=pairs)


def _headers(reader: Reader, value: Json, path: str) -> tuple[tuple[str, str], ...]:
    if value is not None and not isinstance(value, dict):
        reader.problem(path, f"expected a mapping, got {_kind(value)}")
        return ()
    found = []
    for name, entry in (value or {}).items():
        at = f"{path}.{name}"
        text = reader.filled(entry, at)
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
            reader.problem(at, "is not a header name")
        elif is_ours(name):
            reader.problem(at, "cannot be set here: it belongs to the key, the connection or the gateway")
        elif text is not None and not text.isprintable():
            reader.problem(at, "must be printable text on one line")
        elif text is not None:
            found.append((name.lower(), text))
    return tuple(found)


def _passed(reader: Reader, value: Json, path: str) -> tuple[str, ...]:
    """Names of client's headers, in small letters."""
    found = []
    for n, name in enumerate(reader.strings(value, path)):
        if not HEADER_NAME.fullmatch(name):
            reader.problem(f"{path}[{n}]", "is not a header name")
        elif is_private(name):
            reader.problem(f"{path}[{n}]", "never goes on: it says who the client is, whose account is asked, or how")
        found.append(name.lower())
    return tuple(dict.fromkeys(found))


def _quirks(reader: Reader, value: Json, path: str, known: frozenset[str] | None) -> frozenset[str]:
    names = reader.strings(value, path)
    for n, name in enumerate(names):
        if known is not None and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            reader.problem(f"{path}[{n}]", f"unknown quirk {name[:64]!r}{hint}")
    return frozenset(names)


def _kinds(reader: Reader, value: Json, path: str) -> frozenset[Any]:
    names = reader.strings(value, path)
    for n, name in enumerate(names):
        if name not in KINDS:
            reader.problem(f"{path}[{n}]", f"must be one of {', '.join(KINDS)}")
    return frozenset(names)


def _prices(reader: Reader, value: Json) -> dict[str, Price]:
    if value is not None and not isinstance(value, dict):
        reader.problem("prices", f"expected a mapping of model names, got {_kind(value)}")
        return {}
    found = {}
    for name, entry in (value or {}).items():
        path = f"prices.{name}"
        shape = shape_of(Price)
        table = reader.table(entry, path, tuple(shape))
        if "input" not in table or "output" not in table:
            reader.problem(path, "needs input and output, in dollars per million tokens")
            continue
        amounts = {n: reader.scalar(v, shape[n][0], {"minimum": 0}, f"{path}.{n}") for n, v in table.items()}
        if MISSING not in amounts.values():
            found[str(name)] = Price(**amounts)
    return found


def _time(reader: Reader, value: Json, path: str) -> float | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        reader.problem(path, "is not a time like 2026-01-31T12:00:00Z")
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _no_duplicates(reader: Reader, what: str, values: Mapping[str, str], secret: bool = False) -> None:
    """``values``: path -> value."""
    seen: set[str] = set()
    for path, value in values.items():
        if value in seen:
            shown = "" if secret else f" {value!r}"
            reader.problem(path, f"the {what}{shown} is used twice")
        seen.add(value)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _parents(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path[: max(path.rfind("."), path.rfind("["), 0)]


def _kind(value: Json) -> str:
    return KIND_NAMES.get(type(value), "something else")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _id(name: str) -> str:
    return "ch_" + _sha256(name)[:8]
