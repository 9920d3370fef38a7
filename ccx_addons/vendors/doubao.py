"""Volcengine: Doubao, at Ark.

Sources: volcengine.com/docs/82379/1449737 (thinking.type), docs.byteplus.com/en/docs/modelark/1330310 (lengths).
"""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

LENGTHS: Final = "https://docs.byteplus.com/en/docs/modelark/1330310"

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
        Family(names(r"seed-1[.-][68]"), Facts(LENGTHS, {"output": 65_536})),
        Family(names(r"seed-2[.-]\d"), Facts(LENGTHS, {"output": 131_072})),
    ),
)
