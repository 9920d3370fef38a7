"""Mirrors of ccx.yaml."""

from typing import Any

import pytest

from ccx_addons.core.config import TEXT_KINDS, Mirror, MirrorLimits
from tests.core.configs import CHANNEL, parse, problems

CHANNELS = [
    {**CHANNEL, "id": "ch_main"},
    {**CHANNEL, "name": "other", "id": "ch_other", "protocol": "chat"},
    {**CHANNEL, "name": "vectors", "protocol": "embeddings"},
    {**CHANNEL, "name": "login", "credential": "client", "keys": []},
]


def data(*mirrors: Any) -> dict[str, Any]:
    clients = [{"name": "alice", "key": "ccx-alice-0123456789"}]
    return {"channels": CHANNELS, "clients": clients, "mirrors": list(mirrors)}


def test_defaults_are_small_and_names_become_ids() -> None:
    (found,) = parse(data({"name": "try", "to": "other"})).mirrors
    assert found == Mirror("try", "ch_other")
    assert (found.share, found.kinds, found.limits) == (10.0, TEXT_KINDS, MirrorLimits(30, 4, 0, 0.0))


def test_kinds_left_blank_are_all() -> None:
    assert parse(data({"name": "try", "to": "other", "kinds": None})).mirrors[0].kinds == TEXT_KINDS


def test_everything() -> None:
    limits = {"rpm": 0, "concurrency": 1, "tokens_per_day": 5, "usd_per_day": 1.5}
    given = {"model": "m", "share": 0.5, "models": ["claude-*", "!*-opus-*"], "clients": ["alice", "default"]}
    more = {"kinds": ["chat"], "channels": ["main", "ch_other"], "limits": limits, "timeout": 9, "enabled": False}
    (found,) = parse(data({"name": "try", "to": "ch_other", **given, **more})).mirrors
    assert (found.model, found.share, found.clients) == ("m", 0.5, ("alice", "default"))
    assert found.kinds == {"chat"}
    assert (found.channels, found.timeout) == (("ch_main", "ch_other"), 9.0)
    assert found.models.allows("claude-sonnet-5") and not found.models.allows("claude-opus-5") and not found.enabled
    assert found.limits == MirrorLimits(0, 1, 5, 1.5)


@pytest.mark.parametrize(
    ("mirror", "path", "words"),
    [
        ({"name": "a"}, "mirrors[0].to", "expected text"),
        ({"to": "other"}, "mirrors[0].name", "expected text"),
        ({"name": "a", "to": "nobody"}, "mirrors[0].to", "there is no channel 'nobody'"),
        ({"name": "a", "to": "vectors"}, "mirrors[0].to", "cannot be compared"),
        ({"name": "a", "to": "login"}, "mirrors[0].to", "own login"),
        ({"name": "a", "to": "other", "channels": ["x"]}, "mirrors[0].channels[0]", "there is no channel 'x'"),
        ({"name": "a", "to": "other", "clients": ["bob"]}, "mirrors[0].clients[0]", "there is no client 'bob'"),
        ({"name": "a", "to": "other", "kinds": ["images"]}, "mirrors[0].kinds", "images cannot be mirrored"),
        ({"name": "a", "to": "other", "kinds": []}, "mirrors[0].kinds", "needs at least one kind"),
        ({"name": "a", "to": "other", "share": 101}, "mirrors[0].share", "at most 100"),
        ({"name": "a", "to": "other", "limits": {"concurrency": 0}}, "mirrors[0].limits.concurrency", "at least 1"),
        ({"name": "a", "to": "other", "colour": 1}, "mirrors[0].colour", "unknown key"),
        ("a", "mirrors[0]", "expected a mapping"),
    ],
)
def test_problems(mirror: Any, path: str, words: str) -> None:
    found = {one.path: one.message for one in problems(data(mirror))}
    assert words in found[path]


def test_two_have_two_names() -> None:
    one = {"name": "a", "to": "other"}
    assert "used twice" in problems(data(one, one))[0].message
