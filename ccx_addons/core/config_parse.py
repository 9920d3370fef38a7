"""Plain data (as YAML gives it) -> Snapshot. Every problem is found at once, with path, line and nearest known key."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, replace
from typing import Any, Final

from ccx_addons.core import confidential
from ccx_addons.core.config import (
    Affinity,
    AttemptLimits,
    Bodies,
    BreakerPolicy,
    Policy,
    Price,
    Snapshot,
    Timeouts,
    version_problem,
)
from ccx_addons.core.config_alerts import alerts_of
from ccx_addons.core.config_channels import channel_of
from ccx_addons.core.config_clients import clients_of
from ccx_addons.core.config_mirrors import mirrors_of
from ccx_addons.core.config_reader import Json, Reader, kind_of, shape_of
from ccx_addons.core.config_users import users_of
from ccx_addons.core.errors import ConfigErrors, Problem
from ccx_addons.core.mask import Secrets

DEFAULTS: Final = Policy()

TOP_KEYS: Final = ("version", "clients", "users", "channels", "policy", "prices", "alerts", "mirrors")


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
    clients = clients_of(reader, top.get("clients"), default_client_key, admin_key)
    users = users_of(reader, top.get("users"), clients, admin_key)
    channels = {
        path: channel
        for path, entry in reader.entries(top.get("channels"), "channels")
        if (channel := channel_of(reader, entry, path, policy, own_addresses, quirk_names))
    }
    reader.no_duplicates("name", {f"{path}.name": c.name for path, c in channels.items()})
    reader.no_duplicates("id", {f"{path}.id": c.id for path, c in channels.items()})
    prices = _prices(reader, top.get("prices"))
    alerts = alerts_of(reader, top.get("alerts"))
    names = frozenset(c.name for c in clients)
    mirrors = mirrors_of(reader, top.get("mirrors"), tuple(channels.values()), names, top)
    if reader.problems:
        raise ConfigErrors(sorted(reader.problems, key=lambda p: p.line))
    hidden = Secrets([*secrets, default_client_key, admin_key, *confidential.secrets_in(data, environ)])
    return Snapshot(
        revision,
        now,
        clients,
        users,
        tuple(channels.values()),
        policy,
        prices,
        tuple(reader.warnings),
        reader.turns_at,
        hidden,
        alerts,
        mirrors,
    )


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
            pattern = re.compile(text) if (text := reader.text(entry, at)) is not None else None
        except (re.error, OverflowError, RecursionError) as error:
            reader.problem(at, f"is not a regular expression: {error}")
            continue
        if pattern and pattern.search(""):
            reader.problem(at, "matches nothing at all, too, so that it would be found between all letters")
        elif pattern:
            redact.append(pattern.pattern)
    rest = {name: entry for name, entry in value.items() if name != "redact"}
    return replace(reader.scalars(Bodies, rest, "policy.bodies", given), redact=tuple(redact))


def _prices(reader: Reader, value: Json) -> dict[str, Price]:
    if value is not None and not isinstance(value, dict):
        reader.problem("prices", f"expected a mapping of model names, got {kind_of(value)}")
        return {}
    found = {}
    for name, entry in (value or {}).items():
        path = f"prices.{name}"
        reader.is_pattern(str(name), path)
        shape = shape_of(Price)
        table = reader.table(entry, path, tuple(shape))
        if "input" not in table or "output" not in table:
            reader.problem(path, "needs input and output, in dollars per million tokens")
            continue
        amounts = {n: reader.scalar(v, shape[n][0], {"minimum": 0}, f"{path}.{n}") for n, v in table.items()}
        if MISSING not in amounts.values():
            found[str(name)] = Price(**amounts)
    return found
