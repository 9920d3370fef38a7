"""Google: every generation of Gemini, natively and behind the Chat endpoint; Vertex.

Sources: ai.google.dev/gemini-api/docs/generate-content/thinking (budgets and levels by model), /thought-signatures,
/structured-output, /function-calling, /tool-combination, /openai (Chat), /models (windows and limits), and the
developers' guides of 3.6 Flash, 3.8 Flash and 4 Argon below
docs.cloud.google.com/gemini-enterprise-agent-platform/models (sampling, penalties, the last turn).
"""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

THINKING: Final = "https://ai.google.dev/gemini-api/docs/generate-content/thinking"
SIGNATURES: Final = "https://ai.google.dev/gemini-api/docs/thought-signatures"
MODELS: Final = "https://ai.google.dev/gemini-api/docs/models"
CURRENT: Final = (3, 8)
"""What a name without a version stands for."""
LEVELS: Final = (3, 0)
FIXED: Final = (3, 6)
"""From here on: no sampling parameters, penalties are refused, the last turn is the user's."""

_VERSION: Final = r"(?:gemini-(?P<major>\d{1,2})(?:\.(?P<minor>\d{1,2}))?(?!\d)|gemini-(?:pro|flash|flash-lite)-latest)"
ANY: Final = names(_VERSION)
PRO: Final = names(rf"(?=.*pro){_VERSION}")
FLASH: Final = names(rf"(?=.*flash){_VERSION}")
LITE: Final = names(rf"(?=.*lite){_VERSION}")

GOOGLE: Final = Vendor(
    title="Google",
    prices="google",
    hosts=names(r"^generativelanguage\.googleapis\.com(?::|$)"),
    server=Facts(
        "https://ai.google.dev/gemini-api/docs/openai",
        chat={"switch": "effort", "verbosity": False, "limit": "max_tokens", "thoughts": False},
    ),
    families=(
        Family(names("gemma"), Facts(MODELS, gemini={"thinking": "none"})),
        Family(ANY, Facts(MODELS, {"window": 1_048_576, "output": 65_536}), (2, 5), current=CURRENT),
        Family(ANY, Facts(THINKING, gemini={"thinking": "none", "off": False, "budgets": (1, 32768)}), before=(2, 5)),
        Family(
            ANY,
            Facts(THINKING, gemini={"off": True, "budgets": (1, 24576), "json_schema": True}),
            (2, 5), LEVELS,
        ),
        Family(LITE, Facts(THINKING, gemini={"budgets": (512, 24576)}), (2, 5), LEVELS),
        Family(PRO, Facts(THINKING, gemini={"off": False, "budgets": (128, 32768)}), (2, 5), LEVELS),
        Family(
            ANY,
            Facts(
                THINKING,
                chat={"efforts": ("minimal", "low", "medium", "high"), "thinks": "always"},
                gemini={
                    "thinking": "levels", "off": False, "budgets": (1, 32768), "json_schema": True,
                    "json_with_functions": True, "server_tools_with_functions": True, "media_results": True,
                    "media_levels": True,
                },
            ),
            LEVELS, current=CURRENT,
        ),
        Family(
            ANY,
            Facts(SIGNATURES, chat={"signatures": True}, gemini={"signatures": True}),
            LEVELS, current=CURRENT,
        ),
        Family(
            ANY,
            Facts(
                "https://docs.cloud.google.com/gemini-enterprise-agent-platform/models",
                gemini={"sampling": False, "penalties": False, "prefill": False},
            ),
            FIXED, current=CURRENT,
        ),
        Family(FLASH, Facts(THINKING, gemini={"levels": ("minimal", "low", "medium", "high")}), LEVELS, (3, 7)),
        Family(LITE, Facts(THINKING, gemini={"levels": ("minimal", "low", "medium", "high")}), LEVELS, current=CURRENT),
        Family(PRO, Facts(THINKING, gemini={"levels": ("low", "high")}), LEVELS, (3, 1)),
    ),
)  # fmt: skip
