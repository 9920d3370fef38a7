"""Generated files say what the code says, and the example is a configuration."""

import json
from pathlib import Path
from typing import Any

import yaml

from ccx_addons.core.config import Policy
from ccx_addons.core.config_alerts import ALERT_KEYS
from ccx_addons.core.config_channels import CHANNEL_KEYS
from ccx_addons.core.config_clients import CLIENT_KEYS
from ccx_addons.core.config_mirrors import MIRROR_KEYS
from ccx_addons.core.config_parse import TOP_KEYS, parse
from ccx_addons.core.config_users import USER_KEYS
from scripts import schema

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRON = {"ANTHROPIC_API_KEY": "sk-one", "ANTHROPIC_KEY_2": "sk-two", "OPENAI_API_KEY": "sk-three"}


def example() -> Any:
    return yaml.load((ROOT / "config" / "ccx.example.yaml").read_text(), Loader=yaml.BaseLoader)


def test_nothing_is_stale() -> None:
    assert schema.stale() == []


def test_the_example_names_every_setting() -> None:
    found = example()
    assert found.keys() == set(TOP_KEYS)
    missing = {
        "channels": set(CHANNEL_KEYS) - {key for channel in found["channels"] for key in channel},
        "clients": set(CLIENT_KEYS) - found["clients"][0].keys() - {"key"},
        "users": set(USER_KEYS) - found["users"][0].keys() - {"key"},
        "alerts": set(ALERT_KEYS) - found["alerts"][0].keys(),
        "mirrors": set(MIRROR_KEYS) - found["mirrors"][0].keys(),
        "policy": schema.table(Policy, {})["properties"].keys() - found["policy"].keys(),
    }
    assert not any(missing.values()), missing


def test_the_example_is_valid() -> None:
    from ccx_addons.io.yaml_file import load

    loaded = load(ROOT / "config" / "ccx.example.yaml")
    snapshot = parse(loaded.data, revision="r", now=0, environ=ENVIRON, lines=loaded.lines)
    assert [channel.name for channel in snapshot.channels] == ["main", "vectors"] and not snapshot.warnings


def test_the_schema_is_strict_about_keys() -> None:
    whole = json.loads((ROOT / "config" / "ccx.schema.json").read_text())
    assert whole["additionalProperties"] is False
    assert whole["properties"]["channels"]["items"]["properties"].keys() == set(CHANNEL_KEYS)
