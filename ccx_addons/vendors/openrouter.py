"""OpenRouter: models of everybody, in one form (openrouter.ai/docs/use-cases/reasoning-tokens)."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

OPENROUTER: Final = Vendor(
    title="OpenRouter",
    prices="openrouter",
    hosts=names(r"(?:^|\.)openrouter\.ai(?::|$)"),
    server=Facts(
        "https://openrouter.ai/docs/api-reference/parameters",
        chat={
            "switch": "reasoning",
            "efforts": ("none", "minimal", "low", "medium", "high", "xhigh"),
            "limit": "max_tokens",
            "thoughts": True,
            "user": 128,
            "schemas": True,
            "forced_while_thinking": True,
            "signatures": False,
            "videos": True,
        },
    ),
)
