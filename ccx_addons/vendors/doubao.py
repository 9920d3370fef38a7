"""Volcengine: Doubao, at Ark.

Source: volcengine.com/docs/82379/1449737 (thinking.type).
"""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

DOUBAO: Final = Vendor(
    title="Volcengine Ark",
    hosts=names(r"ark\.[\w.-]*(?:volces|bytepluses)\.com(?::|$)"),
    server=Facts(
        "https://www.volcengine.com/docs/82379/1494384",
        chat={"limit": "max_tokens", "switch": "thinking", "verbosity": False},
    ),
    families=(
        Family(
            names("doubao|(?:^|/)seed-"),
            Facts(
                "https://www.volcengine.com/docs/82379/1449737",
                {"window": 262_144},
                chat={"efforts": (), "thinks": "default"},
                messages={"unsigned_thoughts": True},
            ),
        ),
    ),
)
