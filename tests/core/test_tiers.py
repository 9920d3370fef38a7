"""How fast an answer is to come, in each protocol's words."""

from typing import Any

import pytest

from ccx_addons.core.config import Kind
from ccx_addons.core.leftovers import of_request
from ccx_addons.protocols import TEXT_PROTOCOLS

TALK = {"messages": [{"role": "user", "content": "q"}], "max_tokens": 100}


@pytest.mark.parametrize(
    ("source", "fields", "target", "tier", "lost"),
    [
        ("messages", {"speed": "fast"}, "chat", "fast", []),
        ("messages", {"speed": "fast", "service_tier": "auto"}, "responses", "priority", []),
        ("messages", {"speed": "fast"}, "gemini", "priority", []),
        ("messages", {"speed": "standard"}, "chat", None, []),
        ("messages", {"service_tier": "standard_only"}, "chat", "default", []),
        ("chat", {"service_tier": "fast"}, "gemini", "priority", []),
        ("chat", {"service_tier": "fast"}, "messages", None, ["service_tier"]),
    ],
)
def test_both_ways(source: Kind, fields: dict[str, Any], target: Kind, tier: str | None, lost: list[str]) -> None:
    request = TEXT_PROTOCOLS[source].decode_request(TALK | fields, "m", False)
    body, losses = TEXT_PROTOCOLS[target].encode_request(request)
    left = of_request(request, target, TEXT_PROTOCOLS[target].READS)
    assert body.get("service_tier", body.get("serviceTier")) == tier
    assert [loss.path for loss in left + losses] == lost
