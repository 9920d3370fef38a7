"""Ollama, whose port is 11434."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

OLLAMA: Final = Vendor(
    title="Ollama",
    hosts=names(r"(?:^|[.-])ollama(?:[.:-]|$)|:11434$"),
    server=Facts(
        "https://docs.ollama.com/api/openai-compatibility",
        chat={
            "switch": "effort",
            "efforts": ("none", "low", "medium", "high"),
            "limit": "max_tokens",
            "verbosity": False,
            "system_turns": False,
        },
    ),
)
