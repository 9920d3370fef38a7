"""Configurations as plain data, and short ways to read them."""

from typing import Any

import pytest

from ccx_addons.core import config_parse
from ccx_addons.core.config import Snapshot
from ccx_addons.core.errors import ConfigErrors, Problem

type Json = Any

SECRET = "sk-live-5e2a91c07bd84f36"
OWN = (("127.0.0.1", 3000), ("localhost", 3000))
CHANNEL = {"name": "main", "protocol": "messages", "base_urls": ["https://a.example"], "keys": [SECRET]}
CLIENT = {"name": "alice", "key": "ccx-alice-0123456789"}


def parse(data: Json, **options: Any) -> Snapshot:
    given_ = {"revision": "r1", "now": 100.0, "environ": {}, "own_addresses": OWN, **options}
    return config_parse.parse(data, **given_)


def problems(data: Json, **options: Any) -> list[Problem]:
    with pytest.raises(ConfigErrors) as caught:
        parse(data, **options)
    return caught.value.problems


def channel(**more: Json) -> dict[str, Json]:
    return {"channels": [{**CHANNEL, **more}]}


def client(**more: Json) -> dict[str, Json]:
    return {"clients": [{**CLIENT, **more}]}


def two(first: dict[str, Json], second: dict[str, Json]) -> dict[str, Json]:
    return {"channels": [{**CHANNEL, **first}, {**CHANNEL, **second}]}
