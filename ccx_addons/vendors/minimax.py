"""MiniMax.

Sources: platform.minimax.io/docs/api-reference/text-openai-api, /text-anthropic-api (thinking is always on,
comes back and must be sent again; temperature above 0 up to 1),
platform.minimax.io/docs/guides/text-generation (windows).
"""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

REFERENCE: Final = "https://platform.minimax.io/docs/api-reference/text-openai-api"
GUIDE: Final = "https://platform.minimax.io/docs/guides/text-generation"
"""Of M3's million tokens half is promised."""

MINIMAX: Final = Vendor(
    title="MiniMax",
    prices="minimax",
    hosts=names(r"(?:^|\.)minimaxi?\.(?:io|com|chat)(?::|$)"),
    server=Facts(REFERENCE, chat={"limit": "max_tokens", "schemas": False, "verbosity": False}),
    families=(
        Family(
            names("minimax"),
            Facts(
                GUIDE,
                {"window": 204_800, "output": 131_072},
                chat={"efforts": (), "thinks": "always", "foreign_thoughts": True},
                messages={"unsigned_thoughts": True},
            ),
        ),
        Family(names(r"minimax-m3"), Facts(GUIDE, {"window": 512_000})),
        Family(names(r"minimax-m3\.1"), Facts(GUIDE, {"window": 1_000_000})),
    ),
)
