"""Anthropic: every generation of Claude.

Sources: platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting (thinking types by model), /effort,
/mid-conversation-system-messages, /structured-outputs, /docs/en/api/errors (prefill), the migration guides below
/docs/en/models (sampling parameters, forced tool use), /docs/en/models (windows and limits).
"""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

THINKING: Final = "https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting"
EFFORT: Final = "https://platform.claude.com/docs/en/build-with-claude/effort"
MODELS: Final = "https://platform.claude.com/docs/en/models"
SYSTEM: Final = "https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages"
FAST: Final = "https://platform.claude.com/docs/en/build-with-claude/fast-mode"
SCHEMAS: Final = "https://platform.claude.com/docs/en/build-with-claude/structured-outputs"

EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
MODERN: Final = (4, 7)
"""From here on: no sampling parameters, adaptive thinking only, every effort."""
CURRENT: Final = (5, 0)
"""What a name without a version stands for."""

_START: Final = r"claude-(?:[a-z]+(?:-(?=\d{1,2}(?!\d)))?)?"
_VERSION: Final = r"(?:(?P<major>\d{1,2})(?:[-.](?P<minor>\d{1,2})(?!\d))?)?"
_NAMED: Final = r"(?=claude-[\w.-]*(?:%s))" + _START + _VERSION
"""Older names have the version before the family, newer ones behind it."""
ANY: Final = names(_START + _VERSION)
OPUS: Final = names(_NAMED % "opus")
SONNET: Final = names(_NAMED % "sonnet")
ALWAYS: Final = names(_NAMED % "fable|mythos")
"""Families that cannot be told not to think."""
FIRST: Final = names(r"claude-3-(?:opus|haiku|sonnet)")

CHAT: Final = {"system_turns": True, "cache_marks": "cache_control"}
"""On relays (openrouter.ai/docs/features/prompt-caching)."""
BEFORE: Final = {"claude": True, "thinking": "budget", "off": "disabled", "system_turns": False, "prefill": True}

ANTHROPIC: Final = Vendor(
    title="Anthropic",
    prices="anthropic",
    hosts=names(r"(?:^|\.)anthropic\.com(?::|$)|^platform\.claude\.com(?::|$)"),
    server=Facts("https://platform.claude.com/docs/en/api/messages/create", chat={"system_turns": True}),
    families=(
        Family(
            ANY,
            Facts(MODELS, {"window": 200_000, "output": 64_000}, CHAT, BEFORE),
            current=CURRENT,
        ),
        Family(OPUS, Facts(MODELS, {"output": 32_000}), before=(4, 5)),
        Family(ANY, Facts(MODELS, {"output": 8192}), before=(3, 7)),
        Family(FIRST, Facts(MODELS, {"output": 4096})),
        Family(ANY, Facts(MODELS, messages={"sampling": "one"}), (4, 5), MODERN),
        Family(OPUS, Facts(MODELS, messages={"sampling": "one"}), (4, 0), MODERN),
        Family(
            ANY,
            Facts(
                SCHEMAS, messages={"schemas": True, "strict_tools": 20, "strict_optional": 24, "strict_unions": 16}
            ),
            (4, 5), current=CURRENT,
        ),
        Family(OPUS, Facts(EFFORT, messages={"efforts": ("low", "medium", "high")}), (4, 5), MODERN),
        Family(
            ANY,
            Facts(
                THINKING, messages={"thinking": "either", "efforts": ("low", "medium", "high", "max"), "prefill": False}
            ),
            (4, 6), MODERN,
        ),
        Family(ANY, Facts(MODELS, {"window": 1_000_000}), (4, 6), current=CURRENT),
        Family(OPUS, Facts(MODELS, {"output": 128_000}), (4, 6)),
        Family(
            ANY,
            Facts(
                THINKING,
                {"output": 128_000},
                messages={
                    "sampling": "none", "thinking": "adaptive", "off": "omit", "efforts": EFFORTS, "prefill": False,
                },
            ),
            MODERN, current=CURRENT,
        ),
        Family(ANY, Facts(SYSTEM, messages={"system_turns": True}), (4, 8), current=CURRENT),
        Family(ANY, Facts(THINKING, messages={"off": "disabled"}), (5, 0), current=CURRENT),
        Family(ALWAYS, Facts(THINKING, messages={"off": "never"}), (5, 0), current=CURRENT),
        Family(ALWAYS, Facts(MODELS, messages={"forced_tools": False}), (5, 1)),
        Family(OPUS, Facts(THINKING, messages={"off": "never", "forced_tools": False}), (5, 5)),
        Family(ALWAYS, Facts(FAST, messages={"fast": True}), (5, 2)),
        Family(OPUS, Facts(FAST, messages={"fast": True}), (5, 5)),
        Family(SONNET, Facts(THINKING, messages={"off": "between_tools", "forced_tools": False}), (5, 5)),
    ),
)  # fmt: skip
