"""xAI: Grok.

Sources: docs.x.ai/docs/guides/reasoning (efforts by model; presence and frequency penalties and stop are refused by
reasoning models), docs.x.ai/developers/models (windows).
"""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

MODELS: Final = "https://docs.x.ai/developers/models"
REASONING: Final = "https://docs.x.ai/developers/model-capabilities/text/reasoning"
NO_EFFORT: Final = Facts(REASONING, chat={"efforts": (), "thinks": "always"}, responses={"efforts": ()})
EFFORTS: Final = ("none", "low", "medium", "high")
NEWER: Final = {"efforts": ("low", "medium", "high")}
NEWEST: Final = {"efforts": ("low", "medium", "high", "xhigh")}

XAI: Final = Vendor(
    title="xAI",
    prices="x-ai",
    hosts=names(r"(?:^|\.)x\.ai(?::|$)"),
    server=Facts("https://docs.x.ai/docs/api-reference", chat={"system_turns": True, "verbosity": False}),
    families=(
        Family(names("grok"), NO_EFFORT),
        Family(names("grok"), Facts(REASONING, {"window": 256_000}, {"penalties": False, "stop": False})),
        Family(
            names("grok-3-mini"),
            Facts(REASONING, chat={"efforts": ("low", "high")}, responses={"efforts": ("low", "high")}),
        ),
        Family(names("grok-[23]"), Facts(REASONING, {"window": 131_072})),
        Family(
            names(r"grok-[23](?!-mini)|non-reasoning"),
            Facts(REASONING, chat={"penalties": True, "stop": True, "thinks": "asked"}),
        ),
        Family(names(r"grok-4(?:[.-]1)?-fast"), Facts(MODELS, {"window": 2_000_000, "output": 30_000})),
        Family(
            names(r"grok-4[.-]3(?!\d)|grok-latest|grok-[5-9]"),
            Facts(
                REASONING,
                {"window": 1_000_000},
                {"efforts": EFFORTS, "thinks": "default"},
                responses={"efforts": EFFORTS},
            ),
        ),
        Family(names(r"grok-4[.-]20(?!\d)"), Facts(MODELS, {"window": 1_000_000, "output": 30_000})),
        Family(names(r"grok-4[.-]5(?!\d)"), Facts(MODELS, {"window": 500_000}, NEWER, responses=NEWER)),
        Family(names(r"grok-4[.-][67](?!\d)"), Facts(MODELS, {"window": 500_000}, NEWEST, responses=NEWEST)),
    ),
)
