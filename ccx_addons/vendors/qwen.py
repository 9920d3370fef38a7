"""Alibaba: Qwen, at DashScope (Model Studio).

Sources: help.aliyun.com/zh/model-studio/deep-thinking (switch),
alibabacloud.com/help/en/model-studio/qwen-api-reference (fields, roles, structured output), /models (lengths).
"""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

THINKING: Final = "https://help.aliyun.com/zh/model-studio/deep-thinking"
REFERENCE: Final = "https://www.alibabacloud.com/help/en/model-studio/qwen-api-reference"
MODELS: Final = "https://www.alibabacloud.com/help/en/model-studio/models"

QWEN: Final = Vendor(
    title="Qwen (DashScope)",
    hosts=names(r"dashscope[\w-]*\.aliyuncs\.com(?::|$)|maas\.aliyuncs\.com(?::|$)"),
    server=Facts(
        REFERENCE,
        chat={
            "limit": "max_tokens",
            "switch": "enable_thinking",
            "schemas": False,
            "verbosity": False,
            "cache_marks": "cache_control",
            "videos": True,
        },
    ),
    families=(
        Family(
            names(r"qwen|qwq|qvq"),
            Facts(
                THINKING,
                {"window": 131_072},
                chat={"efforts": (), "forced_while_thinking": False},
                messages={"unsigned_thoughts": True, "forced_while_thinking": False},
            ),
        ),
        Family(
            names(r"qwen-?3[.p]\d|qwen3-(?:\d|.*thinking)"),
            Facts(THINKING, {"window": 262_144, "output": 65_536}, {"thinks": "default"}),
        ),
        Family(names(r"qwen3-\d+b(?:-a\d+b)?$"), Facts(MODELS, {"window": 131_072, "output": 16_384})),
        Family(names(r"qwen-?3[.p]\d+-(?:plus|flash|max)"), Facts(MODELS, {"window": 1_000_000})),
        Family(names(r"qwen3-max|qwen-(?:plus|flash|turbo|max)"), Facts(THINKING, chat={"thinks": "asked"})),
        Family(names(r"qwen-(?:plus|flash)"), Facts(MODELS, {"window": 1_000_000, "output": 32_768})),
        Family(names(r"qwen-turbo"), Facts(MODELS, {"window": 131_072, "output": 8192})),
        Family(names(r"qwen-max"), Facts(MODELS, {"window": 32_768, "output": 8192})),
        Family(names(r"qwen3-max"), Facts(MODELS, {"window": 262_144, "output": 65_536})),
        Family(names(r"qwq|qvq|qwen.*thinking"), Facts(THINKING, chat={"thinks": "always"})),
        Family(
            names(r"qwen3-coder|qwen.*-instruct"),
            Facts(REFERENCE, {"output": 65_536}, {"thinks": "asked", "forced_while_thinking": True}),
        ),
        Family(names(r"qwen3-coder"), Facts(MODELS, {"window": 262_144})),
        Family(names(r"qwen3-coder-(?:plus|flash)"), Facts(MODELS, {"window": 1_000_000})),
    ),
)
