"""Zhipu: GLM, at Z.ai and BigModel.

Sources: docs.z.ai/guides/capabilities/thinking-mode (switch, efforts), docs.z.ai/api-reference/llm/chat-completion
(fields, lengths, JSON mode), docs.z.ai/guides/overview/concept-param (limits).
"""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

THINKING: Final = "https://docs.z.ai/guides/capabilities/thinking-mode"
LIMITS: Final = "https://docs.z.ai/guides/overview/concept-param"
GLM: Final = names(r"glm-(?P<major>\d)(?:\.(?P<minor>\d))?")

ZHIPU: Final = Vendor(
    title="Zhipu",
    prices="zai",
    hosts=names(r"(?:^|\.)(?:z\.ai|bigmodel\.cn)(?::|$)"),
    server=Facts(
        "https://docs.z.ai/api-reference/llm/chat-completion",
        chat={
            "limit": "max_tokens",
            "switch": "thinking",
            "schemas": False,
            "verbosity": False,
            "user": 128,
            "system_turns": True,
            "videos": True,
        },
    ),
    families=(
        Family(names("glm"), Facts(THINKING, chat={"efforts": ()}, messages={"unsigned_thoughts": True})),
        Family(GLM, Facts(LIMITS, {"window": 131_072, "output": 98_304}, {"thinks": "default"}), (4, 5)),
        Family(GLM, Facts(LIMITS, {"window": 200_000, "output": 131_072}), (4, 6)),
        Family(
            GLM,
            Facts(
                THINKING,
                {"window": 1_000_000},
                {"efforts": ("low", "high", "max")},
                {"efforts": ("low", "high", "max")},
            ),
            (5, 2),
        ),
        Family(GLM, Facts(THINKING, {"window": 1_048_576}, {"thinks": "always"}, {"off": "never"}), (5, 3)),
    ),
)
