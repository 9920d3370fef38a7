"""OpenAI: GPT, the o-series, open weights.

Sources: developers.openai.com/api/docs/guides/reasoning (efforts, encrypted reasoning, sampling fields that reasoning
models refuse), /guides/latest-model (sampling with effort ``none``; functions and effort exclude each other in newer
models), /guides/function-calling (custom tools, allowed tools), /models (windows and limits).
"""

from typing import Final

from ccx_addons.core.neutral import Effort
from ccx_addons.vendors.facts import Facts, Family, Vendor, names

DOCS: Final = "https://developers.openai.com/api/docs/guides/reasoning"
MODELS: Final = "https://developers.openai.com/api/docs/models"
CACHING: Final = "https://developers.openai.com/api/docs/guides/prompt-caching"
MARKS: Final = {"cache_marks": "prompt_cache_breakpoint"}
GPT: Final = names(r"(?:^|/)gpt-(?P<major>\d)(?:\.(?P<minor>\d+))?")
CHAT_GPT: Final = names(r"(?:^|/)chatgpt-|(?:^|/)gpt-5-chat")
O_SERIES: Final = names(r"(?:^|/)o[1-9](?:-|$)")
CODEX_MINI: Final = names(r"(?:^|/)codex-mini(?:-|$)")
MAX: Final = names(r"(?:^|/)gpt-(?P<major>\d)(?:\.(?P<minor>\d+))?.*max")
OSS: Final = names(r"gpt-oss")

CLASSIC_CHAT: Final = {
    "efforts": (), "verbosity": False, "sampling": True, "sampling_at_none": False, "stop": True, "thoughts": False,
    "system_turns": True, "newest_tools": False,
}  # fmt: skip
CLASSIC_RESPONSES: Final = {
    "efforts": (), "verbosity": False, "sampling": True, "encrypts": False, "thoughts": False, "least_tokens": 16,
}  # fmt: skip
O_EFFORTS: Final[tuple[Effort, ...]] = ("low", "medium", "high")
CLASSIC: Final = Facts(MODELS, chat=CLASSIC_CHAT, responses=CLASSIC_RESPONSES)
O_RESPONSES: Final = CLASSIC_RESPONSES | {
    "efforts": O_EFFORTS, "sampling": False, "encrypts": True, "parallel": False,
}  # fmt: skip


FIVE_ONE: Final = {"efforts": ("none", "low", "medium", "high"), "sampling_at_none": True}
CODEX_MAX: Final = {"efforts": ("none", "low", "medium", "high", "xhigh")}
FIVE_TWO: Final = {**CODEX_MAX, "sampling_at_none": True}
FIVE_SIX: Final = {"efforts": ("none", "low", "medium", "high", "xhigh", "max"), "sampling_at_none": False}
ASTRA: Final = "https://developers.openai.com/api/docs/models/gpt-6-astra"
ALWAYS: Final = {"efforts": ("low", "medium", "high", "xhigh", "max"), "sampling_at_none": False}
"""Generations of GPT, alike on both protocols."""

OPENAI: Final = Vendor(
    title="OpenAI",
    prices="openai",
    hosts=names(r"(?:^|\.)openai\.com(?::|$)|^chatgpt\.com(?::|$)"),
    server=Facts(
        "https://developers.openai.com/api/reference/resources/chat",
        chat={"system_turns": True, "thoughts": False, "prefill": "never"},
        responses={"thoughts": False, "least_tokens": 16},
    ),
    families=(
        Family(GPT, CLASSIC, before=(5, 0)),
        Family(names(r"(?:^|/)gpt-3\.5-turbo"), Facts(MODELS, {"window": 16_385, "output": 4096})),
        Family(names(r"(?:^|/)gpt-4(?:-\d{4})?$"), Facts(MODELS, {"window": 8192, "output": 8192})),
        Family(names(r"(?:^|/)gpt-4-turbo"), Facts(MODELS, {"window": 128_000, "output": 4096})),
        Family(names(r"(?:^|/)(?:chatgpt|gpt)-4o"), Facts(MODELS, {"window": 128_000, "output": 16_384})),
        Family(names(r"(?:^|/)gpt-4\.1"), Facts(MODELS, {"window": 1_047_576, "output": 32_768})),
        Family(
            O_SERIES,
            Facts(
                DOCS,
                {"window": 200_000, "output": 100_000},
                chat=CLASSIC_CHAT | {"efforts": O_EFFORTS, "sampling": False, "stop": False, "parallel": False},
                responses=O_RESPONSES,
            ),
        ),
        Family(CODEX_MINI, Facts(DOCS, responses=O_RESPONSES)),
        Family(
            GPT,
            Facts(
                DOCS,
                {"window": 400_000, "output": 128_000},
                chat={
                    "efforts": ("minimal", "low", "medium", "high"), "sampling": False, "stop": False,
                    "thoughts": False, "newest_tools": True, "system_turns": True,
                },
                responses={
                    "efforts": ("minimal", "low", "medium", "high"), "sampling": False, "thoughts": False,
                    "encrypts": True, "least_tokens": 16,
                },
            ),
            since=(5, 0),
        ),
        Family(GPT, Facts(MODELS, {"window": 1_050_000}), (5, 4)),
        Family(names(r"(?:^|/)gpt-5\.\d+-(?:mini|nano|codex)"), Facts(MODELS, {"window": 400_000})),
        Family(GPT, Facts(DOCS, chat=FIVE_ONE, responses=FIVE_ONE), (5, 1), (5, 2)),
        Family(MAX, Facts(DOCS, chat=CODEX_MAX, responses=CODEX_MAX), (5, 1), (5, 2)),
        Family(GPT, Facts(DOCS, chat=FIVE_TWO, responses=FIVE_TWO), (5, 2), (5, 6)),
        Family(GPT, Facts(DOCS, chat=FIVE_SIX, responses=FIVE_SIX), (5, 6)),
        Family(names(r"(?:^|/)gpt-6-astra"), Facts(ASTRA, chat=ALWAYS, responses=ALWAYS)),
        Family(GPT, Facts(CACHING, {"cache_life": 86_400}), (5, 5), (5, 6)),
        Family(GPT, Facts(CACHING, {"cache_life": 1800}, chat=MARKS, responses=MARKS), (5, 6)),
        Family(
            GPT,
            Facts("https://developers.openai.com/api/docs/guides/latest-model", chat={"tools_with_effort": False}),
            (5, 6),
        ),
        Family(CHAT_GPT, CLASSIC),
        Family(
            OSS,
            Facts(
                "https://developers.openai.com/cookbook/articles/gpt-oss/handle-raw-cot",
                {"window": 131_072, "output": 131_072},
                chat={
                    "efforts": ("low", "medium", "high"), "thinks": "always", "limit": "max_tokens", "thoughts": True,
                    "system_turns": False,
                },
                responses={"thoughts": True, "least_tokens": 1},
            ),
        ),
    ),
)  # fmt: skip
