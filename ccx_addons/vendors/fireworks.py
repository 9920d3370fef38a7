"""Fireworks: open models under strict chat templates."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

FIREWORKS: Final = Vendor(
    title="Fireworks",
    prices="fireworks",
    hosts=names(r"(?:^|\.)fireworks\.ai(?::|$)"),
    server=Facts(
        "https://docs.fireworks.ai/api-reference/post-chatcompletions",
        chat={
            "switch": "effort",
            "efforts": ("none", "low", "medium", "high"),
            "limit": "max_tokens",
            "verbosity": False,
            "system_turns": False,
            "schemas": True,
        },
    ),
)
