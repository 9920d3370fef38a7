"""SiliconFlow: open models."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

SILICONFLOW: Final = Vendor(
    title="SiliconFlow",
    hosts=names(r"(?:^|\.)siliconflow\.(?:cn|com)(?::|$)"),
    server=Facts(
        "https://docs.siliconflow.cn/en/api-reference/chat-completions/chat-completions",
        chat={
            "switch": "enable_thinking",
            "efforts": (),
            "limit": "max_tokens",
            "verbosity": False,
            "system_turns": False,
        },
    ),
)
