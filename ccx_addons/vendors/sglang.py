"""SGLang, whose port is 30000."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

SGLANG: Final = Vendor(
    title="SGLang",
    hosts=names(r"sglang|:30000$"),
    server=Facts(
        "https://docs.sglang.io/basic_usage/openai_api_completions.html",
        chat={"switch": "template", "limit": "max_tokens", "verbosity": False, "system_turns": False, "schemas": True},
    ),
)
