"""NVIDIA NIM: open models, which vLLM and TensorRT-LLM serve."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

NVIDIA: Final = Vendor(
    title="NVIDIA NIM",
    hosts=names(r"(?:^|\.)(?:integrate\.api|nim|api)\.nvidia\.com(?::|$)"),
    server=Facts(
        "https://docs.nvidia.com/nim/large-language-models/latest/reference/api-reference.html",
        chat={"switch": "template", "limit": "max_tokens", "verbosity": False, "system_turns": False},
    ),
)
