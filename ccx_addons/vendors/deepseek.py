"""DeepSeek.

Sources: api-docs.deepseek.com/guides/thinking_mode (switch, efforts, thoughts of turns with calls),
/api/create-chat-completion (fields), /guides/json_mode, /guides/anthropic_api, /quick_start/pricing
(windows and limits).
"""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

THINKING: Final = "https://api-docs.deepseek.com/guides/thinking_mode"
ALL: Final = names("deepseek")
V4: Final = names(r"deepseek-(?:v[4-9]|flash|pro)")
EFFORTS: Final = ("low", "high", "max")

DEEPSEEK: Final = Vendor(
    title="DeepSeek",
    prices="deepseek",
    hosts=names(r"(?:^|\.)deepseek\.com(?::|$)"),
    server=Facts(
        "https://api-docs.deepseek.com/api/create-chat-completion",
        chat={
            "limit": "max_tokens",
            "switch": "thinking",
            "schemas": False,
            "verbosity": False,
            "user": 64,
        },
    ),
    families=(
        Family(
            ALL,
            Facts(
                THINKING,
                {"window": 131_072, "output": 65_536},
                chat={
                    "efforts": (),
                    "foreign_thoughts": True,
                    "call_thoughts": True,
                    "forced_while_thinking": False,
                    "system_turns": True,
                },
                messages={"unsigned_thoughts": True, "forced_while_thinking": False},
            ),
        ),
        Family(names(r"deepseek-chat"), Facts("https://api-docs.deepseek.com/quick_start/pricing", {"output": 8192})),
        Family(names(r"deepseek-(?:r1|reasoner)"), Facts(THINKING, chat={"thinks": "always"})),
        Family(
            V4,
            Facts(
                THINKING,
                {"window": 1_000_000, "output": 384_000},
                chat={"efforts": EFFORTS, "thinks": "default"},
                messages={"efforts": EFFORTS},
                responses={"efforts": ("none", *EFFORTS)},
            ),
        ),
    ),
)
