"""Writes what is generated from the code: config/ccx.schema.json, config/env.example and tables in the documents.

python scripts/schema.py            write the files
python scripts/schema.py --check    exit 1 when one of them is stale
"""

import ast
import json
import sys
from collections.abc import Callable, Collection
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ccx_addons.core import config, verdict
from ccx_addons.core.config_alerts import ALERT_KEYS
from ccx_addons.core.config_channels import EFFORTS, KEY_KEYS, MOST_IN_CHAIN
from ccx_addons.core.config_clients import CLIENT_KEYS
from ccx_addons.core.config_mirrors import MIRROR_KEYS
from ccx_addons.core.config_users import USER_KEYS
from ccx_addons.core.endpoints import ENDPOINTS, LOCAL
from ccx_addons.core.settings import Settings
from ccx_addons.protocols.quirks import QUIRKS, Quirk

TEXT = {"type": "string"}
MOMENT = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
PATTERNS = {"type": "array", "items": TEXT, "description": "exact, prefix*, *suffix, *contains*, *; ! excludes"}
KINDS = {"type": "array", "items": {"enum": list(config.KINDS)}}
SCALARS: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: TEXT,
}


def scalar(hint: Any) -> dict[str, Any]:
    hint = getattr(hint, "__value__", hint)
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    options = get_args(hint)
    if NoneType in options:
        inner = scalar(next(option for option in options if option is not NoneType))
        return {"anyOf": [inner, {"type": "null"}]}
    return dict(SCALARS.get(hint, {}))


def table(cls: type, special: dict[str, Any]) -> dict[str, Any]:
    """A dataclass as a JSON schema; ``special`` describes the fields whose YAML form differs."""
    hints = get_type_hints(cls)
    properties = {}
    for entry in fields(cls):
        found = dict(special[entry.name]) if entry.name in special else scalar(hints[entry.name])
        if words := entry.metadata.get("help"):
            found["description"] = words
        for word in ("minimum", "maximum"):
            if word in entry.metadata:
                found[word] = entry.metadata[word]
        if entry.default is not MISSING and isinstance(entry.default, bool | int | float | str):
            found["default"] = entry.default
        properties[entry.name] = found
    return {"type": "object", "additionalProperties": False, "properties": properties}


def mapping(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


def channel() -> dict[str, Any]:
    key = {name: TEXT for name in KEY_KEYS} | {
        "weight": {"type": "integer", "minimum": 1}, "models": PATTERNS, "enabled": {"type": "boolean"},
        "limits": table(config.KeyLimits, {}), "until": MOMENT,
    }  # fmt: skip
    target = {
        "anyOf": [
            TEXT,
            {"type": "object", "properties": {"to": TEXT, "effort": {"enum": list(EFFORTS)}}, "required": ["to"]},
        ]
    }
    chain = {"type": "array", "items": target, "minItems": 1, "maxItems": MOST_IN_CHAIN}
    special = {
        "base_urls": {"type": "array", "items": TEXT, "minItems": 1},
        "keys": {
            "type": "array",
            "items": {"anyOf": [TEXT, {"type": "object", "properties": key, "required": ["key"]}]},
        },
        "serves": KINDS,
        "models": mapping({"anyOf": [*target["anyOf"], chain]}),
        "allow": PATTERNS,
        "promoted_until": MOMENT,
        "headers": mapping(TEXT),
        "timeouts": table(config.Timeouts, {}),
        "limits": table(config.ChannelLimits, {}),
        "reasoning": table(config.ReasoningPolicy, {"effort": mapping(TEXT)}),
        "quirks": {"type": "array", "items": {"oneOf": [one_quirk(*entry) for entry in QUIRKS.items()]}},
        "embedding": table(config.Embedding, {}),
        "health_check": table(config.HealthCheck, {}),
        "tags": {"type": "array", "items": TEXT},
    }
    return {**table(config.Channel, special), "required": ["name", "protocol", "base_urls"]}


def one_quirk(name: str, quirk: Quirk) -> dict[str, Any]:
    return {"const": name, "description": f"{quirk.help} ({', '.join(sorted(quirk.protocols))})"}


def client() -> dict[str, Any]:
    forms = {"kinds": KINDS, "models": PATTERNS, "enabled": {"type": "boolean"}}
    forms["limits"] = table(config.ClientLimits, {})
    forms["model_limits"] = {"type": "array", "items": table(config.ModelLimit, {"models": PATTERNS})}
    forms["expires"], forms["mirror"] = MOMENT, {"type": "boolean"}
    previous = {
        "type": "object",
        "properties": {"key_sha256": TEXT, "until": MOMENT},
        "required": ["key_sha256", "until"],
    }
    forms["previous"] = {"type": "array", "items": previous}
    properties = {name: forms.get(name, TEXT) for name in CLIENT_KEYS}
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": ["name"]}


def user() -> dict[str, Any]:
    shaped = table(config.User, {})["properties"]
    properties = {name: shaped.get(name, TEXT) if name != "key_sha256" else TEXT for name in USER_KEYS}
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": ["name"]}


def alert() -> dict[str, Any]:
    events = {"type": "array", "items": {"enum": list(config.ALERT_EVENTS)}}
    shaped = table(config.Alert, {"events": events})["properties"]
    properties = {name: shaped.get(name, TEXT) for name in ALERT_KEYS}
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": ["name", "url"]}


def mirror() -> dict[str, Any]:
    names = {"type": "array", "items": TEXT}
    limits = table(config.MirrorLimits, {})
    forms = {"kinds": KINDS, "models": PATTERNS, "clients": names, "channels": names, "limits": limits}
    shaped = table(config.Mirror, forms)["properties"]
    properties = {name: shaped.get(name, TEXT) for name in MIRROR_KEYS}
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": ["name", "to"]}


def schema() -> str:
    policy = {
        "affinity": table(config.Affinity, {}),
        "breaker": table(config.BreakerPolicy, {}),
        "attempts": table(config.AttemptLimits, {}),
        "timeouts": table(config.Timeouts, {}),
        "bodies": table(config.Bodies, {"redact": {"type": "array", "items": TEXT}}),
    }
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "CCX configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "version": {"const": 1},
            "clients": {"type": "array", "items": client()},
            "users": {"type": "array", "items": user()},
            "channels": {"type": "array", "items": channel()},
            "policy": table(config.Policy, policy),
            "prices": mapping(table(config.Price, {})),
            "alerts": {"type": "array", "items": alert()},
            "mirrors": {"type": "array", "items": mirror()},
        },
    }
    return json.dumps(whole, indent=2) + "\n"


def env_example() -> str:
    lines = ["# Every process setting with its default. Copy what you change to config/.env; the environment wins.", ""]
    for entry in fields(Settings):
        value = ",".join(entry.default) if isinstance(entry.default, tuple) else entry.default
        shown = str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else value
        lines += [f"# {entry.metadata['help']}", f"#{entry.metadata['name']}={shown}", ""]
    return "\n".join(lines)


MACHINES: Final = (
    "WORKERS", "CCX_MACHINE", "CCX_DATABASE_URL", "CCX_VALKEY_URL", "CCX_VALKEY_WAIT", "CCX_CONFIG_FROM",
    "CCX_CONFIG_SECRET",
)  # fmt: skip


def machines() -> str:
    """docs/machines.md, with the settings of its field."""
    by_name = {entry.metadata["name"]: entry for entry in fields(Settings)}
    lines = ["| setting | default | what |", "| --- | --- | --- |"]
    for name in MACHINES:
        default = f"`{by_name[name].default}`" if by_name[name].default != "" else ""
        lines.append(f"| `{name}` | {default} | {by_name[name].metadata['help']} |")
    return between((ROOT / "docs/machines.md").read_text(), "settings", "\n".join(lines) + "\n")


def endpoint_table() -> str:
    rows: list[tuple[str, ...]] = [(e.method, e.pattern, e.kind, e.operation) for e in ENDPOINTS]
    rows += [(e.method, e.pattern, "", e.operation) for e in LOCAL.values()]
    lines = ["| method | path | kind | what |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {m} | `{p}` | {k} | {o.replace('_', ' ')} |" for m, p, k, o in rows)]) + "\n"


ABOUT = {
    "none": "this request", "model": "the model on this key", "offer": "the model on this channel", "key": "the key",
    "address": "the address", "channel": "the channel",
}  # fmt: skip
NEXT = {
    "commit": "it is the answer", "same_key": "the same key", "next_key": "the next key, then channel",
    "next_model": "the next model, then key, then channel", "next_offer": "the next model, then channel",
    "next_channel": "the next channel", "stop": "nobody",
}  # fmt: skip


def verdict_table() -> str:
    """What each answer tells, about whom, and for how long. The settings' defaults stand for the breaker's pauses."""
    lines = ["| an answer says | about | which is left alone for | who is asked next |", "| --- | --- | --- | --- |"]
    found = [v for table in (verdict.BY_CATEGORY, verdict.BY_KIND) for v in table.values()] + [verdict.REDIRECT]
    rows = {v.reason: f"| {v.reason} | {ABOUT[v.blame]} | {pauses(v)} | {NEXT[v.action]} |" for v in found if v.reason}
    return "\n".join([*lines, *(rows[name] for name in sorted(rows))]) + "\n"


def pauses(found: verdict.Verdict) -> str:
    if found.pauses:
        return ", ".join(map(spoken, found.pauses))
    if found.health != "failure":
        return ""
    policy = config.BreakerPolicy()
    first = [policy.pause * 2.0**n for n in range(policy.consecutive - 1)]
    return ", ".join(map(spoken, [*first, float(policy.backoff)])) + f" ... {spoken(float(policy.max_backoff))}"


def spoken(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def first_line(path: Path) -> str:
    """What a module says it is: the first line of its docstring."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]


def chain_order() -> list[str]:
    """Names of the addons in the order of the request's way, as ``chain`` imports and lists them."""
    tree = ast.parse((ROOT / "ccx_addons/__init__.py").read_text())
    modules = {
        alias.name: node.module.removeprefix("ccx_addons.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    (listed,) = (
        node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and isinstance(node.value, ast.List)
    )
    return [
        modules[call.func.id] for call in listed.elts if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    ]


def folders(root: str, leave_out: Collection[str] = ()) -> list[Path]:
    found = sorted(path.parent for path in (ROOT / root).rglob("__init__.py"))
    return [path for path in found[1:] if path.relative_to(ROOT / root).parts[0] not in leave_out]


def short_map() -> str:
    """The chain, then the rooms: the first line of each module, in the order a request meets them."""
    chain = chain_order()
    lines = ["| the chain, in `ccx_addons` | |", "| --- | --- |"]
    for name in chain:
        path = ROOT / "ccx_addons" / name
        shown, said = (f"{name}/", path / "__init__.py") if path.is_dir() else (f"{name}.py", path.with_suffix(".py"))
        lines.append(f"| `{shown}` | {first_line(said)} |")
    lines += ["", "| the rooms beside it | |", "| --- | --- |"]
    for path in [*folders("ccx_addons", chain), *folders("ccx_admin")]:
        lines.append(f"| `{path.relative_to(ROOT)}` | {first_line(path / '__init__.py')} |")
    return "\n".join(lines) + "\n"


def between(text: str, mark: str, made: str) -> str:
    """A document with its generated part made anew, between two comment lines."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    head, _, rest = text.partition(begin)
    return head + begin + made + end + rest.partition(end)[2]


def readme() -> str:
    return between((ROOT / "README.md").read_text(), "endpoints", endpoint_table())


def contributing() -> str:
    text = between((ROOT / "CONTRIBUTING.md").read_text(), "verdicts", verdict_table())
    return between(text, "map", short_map())


FILES: dict[str, Callable[[], str]] = {
    "config/ccx.schema.json": schema,
    "config/env.example": env_example,
    "README.md": readme,
    "docs/machines.md": machines,
    "CONTRIBUTING.md": contributing,
}


def stale() -> list[str]:
    """Files that do not say what the code says."""
    found = []
    for name, make in FILES.items():
        path = ROOT / name
        if not path.exists() or path.read_text() != make():
            found.append(name)
    return found


def main() -> int:
    if "--check" in sys.argv[1:]:
        for name in stale():
            print(f"{name} is stale: run python scripts/schema.py")
        return 1 if stale() else 0
    for name, make in FILES.items():
        (ROOT / name).write_text(make())
    return 0


if __name__ == "__main__":
    sys.exit(main())
