"""vLLM, wherever the host is named so."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

VLLM: Final = Vendor(
    title="vLLM",
    hosts=names(r"vllm"),
    server=Facts(
        "https://docs.vllm.ai/en/latest/serving/openai_compatible_server/",
        chat={
            "switch": "template",
            "limit": "max_tokens",
            "verbosity": False,
            "system_turns": False,
            "schemas": True,
            "videos": True,
        },
    ),
)
