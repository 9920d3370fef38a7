"""The channels of a configuration: each with its keys, models, headers and limits."""

import difflib
import re
from dataclasses import MISSING, fields, replace
from typing import Any, Final

from ccx_addons.core import urls
from ccx_addons.core.code_assist import is_code_assist
from ccx_addons.core.config import (
    DIRECT,
    KEYLESS,
    KINDS,
    PROXY_SCHEMES,
    TEXT_KINDS,
    BreakerPolicy,
    Channel,
    ChannelLimits,
    Embedding,
    HealthCheck,
    Key,
    KeyLimits,
    ModelMap,
    Policy,
    ReasoningPolicy,
    Target,
    Timeouts,
)
from ccx_addons.core.config_reader import (
    NAME,
    Json,
    Reader,
    kind_of,
    sha256,
    shape_of,
)
from ccx_addons.core.endpoints import RESERVED_PREFIXES
from ccx_addons.core.header_names import HEADER_NAME, is_ours, is_private

CHANNEL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MEANT: Final = {
    **dict.fromkeys(("openai", "openai-compatible", "openai_compatible", "completions", "chat_completions"), "chat"),
    **dict.fromkeys(("anthropic", "claude"), "messages"),
    **dict.fromkeys(("google", "vertex"), "gemini"),
    **dict.fromkeys(("codex", "openai-responses", "openai_responses"), "responses"),
}
"""What a protocol is called elsewhere."""
EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
MOST_IN_CHAIN: Final = 16
"""Upstream models of one client model: each may cost an attempt."""

CHANNEL_KEYS: Final = tuple(f.name for f in fields(Channel))
KEY_KEYS: Final = ("key", "name", "weight", "models", "base_url", "enabled", "limits", "until")
MASKED: Final = ("email", "phone", "card", "iban")


def channel_of(
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
        meant = MEANT.get(str(protocol).lower())
        hint = f"; did you mean {meant!r}?" if meant else ""
        reader.problem(f"{path}.protocol", f"must be one of {', '.join(KINDS)}{hint}")
        protocol = ""
    found: dict[str, Any] = {
        "id": reader.text(table.get("id", _id(name)), f"{path}.id", CHANNEL_ID, "an id"),
        "base_urls": _base_urls(reader, table.get("base_urls"), f"{path}.base_urls", own),
        "serves": reader.kinds(table.get("serves"), f"{path}.serves", {protocol}),
        "timeouts": reader.scalars(Timeouts, table.get("timeouts"), f"{path}.timeouts", policy.timeouts),
        "breaker": reader.scalars(BreakerPolicy, table.get("breaker"), f"{path}.breaker", policy.breaker),
        "limits": reader.scalars(ChannelLimits, table.get("limits"), f"{path}.limits", ChannelLimits()),
        "health_check": reader.scalars(HealthCheck, table.get("health_check"), f"{path}.health_check", HealthCheck()),
        "embedding": reader.scalars(Embedding, table.get("embedding"), f"{path}.embedding", Embedding()),
        "reasoning": _reasoning(reader, table.get("reasoning"), f"{path}.reasoning"),
        "models": _model_map(reader, table.get("models"), f"{path}.models"),
        "allow": reader.patterns(table.get("allow"), f"{path}.allow"),
        "headers": _headers(reader, table.get("headers"), f"{path}.headers"),
        "pass_headers": _passed(reader, table.get("pass_headers"), f"{path}.pass_headers"),
        "quirks": _quirks(reader, table.get("quirks"), f"{path}.quirks", quirk_names),
        "tags": reader.strings(table.get("tags"), f"{path}.tags"),
        "mask": reader.strings(table.get("mask"), f"{path}.mask"),
    }
    found["keys"] = _keys(reader, table.get("keys"), f"{path}.keys", found["base_urls"])
    for given, shape in shape_of(Channel).items():
        if given in table and given not in found and given not in ("name", "protocol", "promoted_until"):
            value = table[given]
            if given in ("proxy", "ca_file") and isinstance(value, str):
                value = reader.filled(value, f"{path}.{given}")
            found[given] = reader.scalar(value, *shape, f"{path}.{given}")
    if "promoted_until" in table:
        found["promoted_until"] = reader.moment(table["promoted_until"], f"{path}.promoted_until")
    _check(reader, path, protocol, found)
    if len(reader.problems) > before:
        return None
    found.update(name=name, protocol=protocol)
    return Channel(**found)


def _check(reader: Reader, path: str, protocol: str, found: dict[str, Any]) -> None:
    """What its members say together. ``protocol``: empty where it is none."""
    if protocol:
        _check_serves(reader, path, protocol, found["serves"])
    if strange := [name for name in found["mask"] if name not in MASKED]:
        reader.problem(f"{path}.mask", f"{strange[0]!r} is none of {', '.join(MASKED)}")
    if found.get("credential") == "client" and (found["keys"] != (KEYLESS,) or found["serves"] != {protocol}):
        reader.problem(f"{path}.credential", "client: needs a channel without keys that serves its own protocol only")
    inside = [is_code_assist(url) for url in found["base_urls"]]
    if any(inside) and not (all(inside) and protocol == "gemini" and found.get("credential") == "client"):
        words = "Code Assist takes a client's own login: protocol gemini, credential client, no other addresses"
        reader.problem(f"{path}.base_urls", words)
    _check_text_fields(reader, path, found)


def _check_serves(reader: Reader, path: str, protocol: str, serves: frozenset[str]) -> None:
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


WRAPPED: Final = re.compile(r"""\s|^(["']).*\1$""")
"""A key as it stands in a header, or as docker's --env-file reads it: no upstream takes it so."""


def _keys(reader: Reader, value: Json, path: str, base_urls: tuple[str, ...]) -> tuple[Key, ...]:
    """Where the file names no key at all, the one that stands for none."""
    if value is None or value == []:
        return (KEYLESS,)
    keys: dict[str, Key] = {}
    for at, entry in reader.entries(value, path):
        table = {"key": entry} if isinstance(entry, str) else reader.table(entry, at, KEY_KEYS)
        if not isinstance(entry, str | dict):
            continue
        place = at if isinstance(entry, str) else f"{at}.key"
        secret = reader.secret(table.get("key"), place)
        if secret and WRAPPED.search(secret):
            reader.problem(place, "is more than a key: without Bearer before it, quotes around it and spaces in it")
        base_url = urls.canonical(reader.filled(table.get("base_url", ""), f"{at}.base_url") or "")
        if base_url and base_url not in base_urls:
            reader.problem(f"{at}.base_url", "is not one of the channel's base_urls")
        weight = reader.scalar(table.get("weight", 1), int, {"minimum": 1}, f"{at}.weight")
        enabled = reader.scalar(table.get("enabled", True), bool, {}, f"{at}.enabled")
        name = reader.text(table.get("name", ""), f"{at}.name") or ""
        models = reader.patterns(table.get("models"), f"{at}.models")
        limits = reader.scalars(KeyLimits, table.get("limits"), f"{at}.limits", KeyLimits())
        until = reader.turn(table.get("until"), f"{at}.until")
        enabled = enabled if until is None or until > reader.now else False
        if secret and weight is not MISSING and enabled is not MISSING:
            keys[at] = Key("k_" + sha256(secret)[:8], secret, name, weight, models, base_url, enabled, limits, until)
    reader.no_duplicates("key", {at: key.id for at, key in keys.items()}, secret=True)
    return tuple(keys.values())


def _model_map(reader: Reader, value: Json, path: str) -> ModelMap:
    entries = {}
    if value is not None and not isinstance(value, dict):
        hint = "; the names that a channel takes are its allow" if isinstance(value, list) else ""
        reader.problem(path, f"expected a mapping of model names, got {kind_of(value)}{hint}")
        return ModelMap()
    for name, entry in (value or {}).items():
        at = f"{path}.{name}"
        reader.is_pattern(str(name), at)
        if chain := _chain(reader, entry, at):
            entries[str(name)] = chain
    return ModelMap(entries)


def _chain(reader: Reader, value: Json, path: str) -> tuple[Target, ...]:
    """One upstream model, or several in the order in which they are tried."""
    if not isinstance(value, list):
        return (target,) if (target := _target(reader, value, path)) else ()
    if not 1 <= len(value) <= MOST_IN_CHAIN:
        reader.problem(path, f"needs 1 to {MOST_IN_CHAIN} models")
    chain = {at: target for at, entry in reader.entries(value, path) if (target := _target(reader, entry, at))}
    reader.no_duplicates("model", {at: target.to for at, target in chain.items()})
    return tuple(chain.values())


def _target(reader: Reader, value: Json, path: str) -> Target | None:
    table = {"to": value} if isinstance(value, str) else reader.table(value, path, ("to", "effort"))
    at = f"{path}.to" if isinstance(value, dict) else path
    to = reader.text(table.get("to"), at)
    if to is not None and not to.strip():
        reader.problem(at, "is empty: it is the upstream's name of the model")
    effort = table.get("effort")
    if effort is not None and effort not in EFFORTS:
        reader.problem(f"{path}.effort", f"must be one of {', '.join(EFFORTS)}")
    return Target(to, effort) if to else None


def _reasoning(reader: Reader, value: Json, path: str) -> ReasoningPolicy:
    if not isinstance(value, dict) or "effort" not in value:
        return reader.scalars(ReasoningPolicy, value, path, ReasoningPolicy())
    rest = {name: entry for name, entry in value.items() if name != "effort"}
    effort = value["effort"] if isinstance(value["effort"], dict) else {}
    if not isinstance(value["effort"], dict):
        reader.problem(f"{path}.effort", f"expected a mapping of model patterns, got {kind_of(value['effort'])}")
    for name, word in effort.items():
        reader.is_pattern(str(name), f"{path}.effort.{name}")
        if word not in EFFORTS:
            reader.problem(f"{path}.effort.{name}", f"must be one of {', '.join(EFFORTS)}")
    pairs = tuple((str(name), str(word)) for name, word in effort.items())
    return replace(reader.scalars(ReasoningPolicy, rest, path, ReasoningPolicy()), effort=pairs)


def _headers(reader: Reader, value: Json, path: str) -> tuple[tuple[str, str], ...]:
    if value is not None and not isinstance(value, dict):
        reader.problem(path, f"expected a mapping, got {kind_of(value)}")
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


def _id(name: str) -> str:
    return "ch_" + sha256(name)[:8]
