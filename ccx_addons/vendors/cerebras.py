"""Cerebras: open models; messages of assistants hold no reasoning_content."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

CEREBRAS: Final = Vendor(
    title="Cerebras",
    prices="cerebras",
    hosts=names(r"(?:^|\.)cerebras\.ai(?::|$)"),
    server=Facts(
        "https://inference-docs.cerebras.ai/api-reference/chat-completions",
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
