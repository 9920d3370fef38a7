"""Mistral.

Sources: docs.mistral.ai/api (fields, order of roles), /capabilities/function_calling (ids), /capabilities/reasoning.
"""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

MISTRAL: Final = Vendor(
    title="Mistral",
    prices="mistral",
    hosts=names(r"(?:^|\.)mistral\.ai(?::|$)"),
    server=Facts(
        "https://docs.mistral.ai/api/endpoint/chat",
        chat={
            "limit": "max_tokens",
            "thoughts": False,
            "short_ids": True,
            "stream_options": False,
            "verbosity": False,
            "prefill": "prefix",
            "user_after_tool": False,
        },
    ),
    families=(
        Family(
            names(r"mistral|mixtral|magistral|ministral|codestral|devstral|pixtral"),
            Facts(
                "https://docs.mistral.ai/getting-started/models",
                {"window": 131_072},
                {"efforts": (), "user_after_tool": False},  # its template is checked wherever it runs
            ),
        ),
        Family(
            names(r"mistral-small-(?:latest|2603)|mistral-medium-(?:latest|2604|3[.-]5|[4-9])"),
            Facts("https://docs.mistral.ai/capabilities/reasoning", {"window": 262_144}, {"efforts": ("none", "high")}),
        ),
        Family(
            names(r"mistral-large-4"),
            Facts("https://docs.mistral.ai/models/mistral-large-4-0", chat={"efforts": ("none", "high")}),
        ),
        Family(
            names(r"mistral-large-(?:latest|2512)|devstral-(?:medium-latest|latest|2512)"),
            Facts("https://docs.mistral.ai/getting-started/models", {"window": 262_144}),
        ),
        Family(
            names(r"codestral|mistral-code|magistral"),
            Facts("https://docs.mistral.ai/models/codestral-25-08", {"window": 128_000}),
        ),
        Family(names("magistral"), Facts("https://docs.mistral.ai/capabilities/reasoning", chat={"thinks": "always"})),
    ),
)
