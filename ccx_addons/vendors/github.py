"""GitHub Models: models of many makers."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

GITHUB: Final = Vendor(
    title="GitHub Models",
    hosts=names(r"^models\.(?:github\.ai|inference\.ai\.azure\.com)(?::|$)"),
    server=Facts(
        "https://docs.github.com/en/rest/models/inference",
        chat={"thoughts": False, "verbosity": False, "limit": "max_tokens"},
    ),
)
