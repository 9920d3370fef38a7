"""Azure OpenAI: OpenAI's models at an address of one's own."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

AZURE: Final = Vendor(
    title="Azure OpenAI",
    prices="azure",
    hosts=names(r"\.(?:openai|services\.ai|cognitiveservices)\.azure\.(?:com|us|cn)(?::|$)"),
    server=Facts(
        "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/latest",
        chat={"system_turns": True, "thoughts": False, "limit": "max_completion_tokens"},
        responses={"thoughts": False, "least_tokens": 16},
    ),
)
