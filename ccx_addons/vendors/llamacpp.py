"""The server of llama.cpp, wherever the host is named so."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

LLAMA_CPP: Final = Vendor(
    title="llama.cpp",
    hosts=names(r"llama[.-]?cpp|llama-server"),
    server=Facts(
        "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
        chat={"switch": "template", "limit": "max_tokens", "verbosity": False, "system_turns": False, "schemas": True},
    ),
)
