"""Together: open models."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

TOGETHER: Final = Vendor(
    title="Together",
    prices="together",
    hosts=names(r"(?:^|\.)together\.(?:ai|xyz)(?::|$)"),
    server=Facts(
        "https://docs.together.ai/reference/chat-completions-1",
        chat={"switch": "enabled", "limit": "max_tokens", "verbosity": False, "system_turns": False, "schemas": True},
    ),
)
