"""Moonshot: Kimi; and MiMo, which speaks alike.

Sources: platform.kimi.ai/docs/api/models-overview (switch, fixed sampling, windows), /docs/guide/use-thinking-model,
platform.xiaomimimo.com/docs. The longest answer is what the server takes for the default: more is allowed, up to the
whole window, which a prompt would not fit beside.
"""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

OVERVIEW: Final = "https://platform.kimi.ai/docs/api/models-overview"
FIXED: Final = {
    "sampling": False, "forced_while_thinking": False, "call_thoughts": True, "thinks": "default", "efforts": (),
}  # fmt: skip

TYPED: Final = {"typed_schemas": True}
STRICT: Final = {**TYPED, "prefill": "partial"}
"""How tools are checked (vercel/ai, provider moonshotai) and an answer is begun (/docs/guide/use-partial-mode)."""

MOONSHOT: Final = Vendor(
    title="Moonshot",
    prices="moonshotai",
    hosts=names(r"(?:^|\.)moonshot\.(?:ai|cn)(?::|$)|(?:^|\.)kimi\.com(?::|$)"),
    server=Facts(OVERVIEW, chat={**STRICT, "switch": "thinking", "verbosity": False, "system_turns": True}),
    families=(
        Family(
            names("kimi"),
            Facts(
                OVERVIEW,
                {"window": 262_144, "output": 32_768},
                chat={**TYPED, "foreign_thoughts": True, "system_turns": True, "efforts": (), "switch": "effort"},
                messages={"unsigned_thoughts": True, "forced_while_thinking": False},
            ),
        ),
        Family(
            names("kimi-k2.*thinking"),
            Facts(OVERVIEW, chat={"thinks": "always", "forced_while_thinking": False, "call_thoughts": True}),
        ),
        Family(names(r"kimi-k2[.p-][5-9]"), Facts(OVERVIEW, chat={**FIXED, "switch": "thinking"})),
        Family(
            names(r"kimi-(?:k[3-9]|for-coding|latest)|(?:^|/)k3"),
            Facts(
                OVERVIEW,
                {"window": 1_048_576, "output": 131_072},
                chat={**FIXED, "thinks": "always", "efforts": ("low", "high", "max")},
                messages={"off": "never"},
            ),
        ),
    ),
)

MIMO: Final = Vendor(
    title="Xiaomi MiMo",
    hosts=names(r"(?:^|\.)xiaomimimo\.com(?::|$)"),
    server=Facts("https://platform.xiaomimimo.com/docs", chat={"switch": "thinking", "verbosity": False}),
    families=(
        Family(
            names("mimo"),
            Facts(
                "https://platform.xiaomimimo.com/docs",
                {"window": 262_144},
                chat={"foreign_thoughts": True, "call_thoughts": True, "efforts": ()},
                messages={"unsigned_thoughts": True},
            ),
        ),
    ),
)
