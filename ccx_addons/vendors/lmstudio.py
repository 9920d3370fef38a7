"""LM Studio, whose port is 1234."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

LM_STUDIO: Final = Vendor(
    title="LM Studio",
    hosts=names(r"lm-?studio|:1234$"),
    server=Facts(
        "https://lmstudio.ai/docs/developer/openai-compat",
        chat={"switch": "effort", "limit": "max_tokens", "verbosity": False, "system_turns": False, "schemas": True},
    ),
)
