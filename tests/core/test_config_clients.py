from typing import Any

import pytest

from ccx_addons.core.config import ModelLimit, Patterns
from ccx_addons.core.errors import ConfigErrors
from tests.core.configs import client, parse


def test_a_clients_further_settings() -> None:
    more = {
        "model_limits": [{"models": ["*opus*", "!*mini"], "rpm": 3, "tokens_per_minute": 1000, "usd_per_month": 2}],
        "previous": [{"key_sha256": "A" * 64, "until": "2100-01-01T00:00:00Z"}, {"key_sha256": "b" * 64, "until": "2000-01-01"}],
        "expires": "2099-01-01T00:00:00Z",
    }  # fmt: skip
    snapshot = parse(client(**more), now=1_700_000_000.0)
    (found,) = snapshot.clients
    assert found.model_limits == (
        ModelLimit(models=Patterns(("*opus*",), ("*mini",)), rpm=3, tokens_per_minute=1000, usd_per_month=2.0),
    )
    assert found.previous == (("a" * 64, 4_102_444_800.0),) and found.expires == snapshot.turns_at == 4_070_908_800.0
    assert found.expired(4_070_908_800.0) and not found.expired(4_070_908_799.0)


@pytest.mark.parametrize(
    ("more", "path", "words"),
    [
        ({"model_limits": [{"rpm": -1}]}, "clients[0].model_limits[0].rpm", "at least 0"),
        ({"model_limits": [{"rmp": 1}]}, "clients[0].model_limits[0].rmp", "rpm"),
        ({"previous": [{"key_sha256": "x"}]}, "clients[0].previous[0].key_sha256", "64 hex digits"),
        ({"previous": [{"key_sha256": "a" * 64}]}, "clients[0].previous[0].until", "until when"),
        ({"expires": "soon"}, "clients[0].expires", "is not a time"),
    ],
)
def test_what_is_wrong_with_them(more: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse(client(**more))
    assert [(p.path, words in p.message) for p in caught.value.problems] == [(path, True)]
