"""Groq: open models; messages of assistants hold no reasoning."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

GROQ: Final = Vendor(
    title="Groq",
    prices="groq",
    hosts=names(r"(?:^|\.)groq\.com(?::|$)"),
    server=Facts(
        "https://console.groq.com/docs/api-reference",
        chat={
            "switch": "effort",
            "thoughts": False,
            "foreign_thoughts": False,
            "call_thoughts": False,
            "limit": "max_completion_tokens",
            "verbosity": False,
        },
    ),
)
