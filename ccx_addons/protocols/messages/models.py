"""What each generation of Claude accepts; other vendors' models behind this protocol are not restricted.

Sources: platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting (thinking types by model), /effort,
/mid-conversation-system-messages, /structured-outputs, /docs/en/api/errors (prefill), and the migration guides below
/docs/en/models (sampling parameters, forced tool use).
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

from ccx_addons.core.neutral import Effort

type Version = tuple[int, int]

NEW_NAME: Final = re.compile(r"claude-([a-z]+)(?:-(\d{1,2})(?:[-.](\d{1,2}))?)?(?!\d)")
OLD_NAME: Final = re.compile(r"claude-(\d)(?:[-.](\d{1,2}))?-([a-z]+)")

EFFORTS: Final[tuple[Effort, ...]] = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Rules:
    """``sampling`` one: temperature or top_p, not both; none: neither, and no top_k.

    ``thinking`` is how it is switched on: manual ``budget``, ``adaptive``, or either. ``off`` is how it is switched
    off: the type to send, ``omit`` where it is off unless asked for, ``never`` where it is always on.
    """

    claude: bool = True
    sampling: Literal["free", "one", "none"] = "none"
    thinking: Literal["budget", "either", "adaptive"] = "adaptive"
    off: Literal["disabled", "between_tools", "omit", "never"] = "disabled"
    efforts: tuple[Effort, ...] = EFFORTS
    forced_tools: bool = True
    system_turns: bool = True
    """Messages of role system are taken in the middle of the conversation."""
    prefill: bool = False
    """The conversation may end with an assistant turn, which the model continues."""
    schemas: bool = True
    """Structured outputs: ``output_config.format`` and strict tools."""
    unsigned_thoughts: bool = False
    """Thinking is taken back without a signature, which some vendors demand while thinking is on."""


UNKNOWN: Final = Rules(False, "free", "budget", "disabled", (), True, False, True, False)
"""A model whose name says nothing."""

OTHER: Final = replace(UNKNOWN, unsigned_thoughts=True)
OTHER_NAMES: Final = re.compile(r"deepseek|glm|kimi|qwen|minimax|mimo|doubao")
"""Models of vendors that offer this protocol for their own (e.g. api-docs.deepseek.com/guides/anthropic_api)."""

FIRST_MODERN: Final[Version] = (4, 7)
"""From here on: no sampling parameters, adaptive thinking only, every effort."""


@lru_cache(maxsize=256)
def rules_of(model: str) -> Rules:
    """By the model's name, with or without a vendor prefix or date. A Claude without a version counts as current."""
    name = model.lower()
    if old := OLD_NAME.search(name):
        return _rules(old[3], (int(old[1]), int(old[2] or 0)))
    if new := NEW_NAME.search(name):
        return _rules(new[1], (int(new[2]), int(new[3] or 0)) if new[2] else (5, 0))
    return OTHER if OTHER_NAMES.search(name) else UNKNOWN


def _rules(family: str, version: Version) -> Rules:
    if version >= FIRST_MODERN:
        return _modern(family, version)
    sampling: Literal["free", "one"] = "one" if version >= ((4, 0) if family == "opus" else (4, 5)) else "free"
    schemas = version >= (4, 5)
    if version >= (4, 6):
        efforts: tuple[Effort, ...] = ("low", "medium", "high", "max")
        return Rules(True, sampling, "either", "disabled", efforts, True, False, False, schemas)
    efforts = ("low", "medium", "high") if family == "opus" and version >= (4, 5) else ()
    return Rules(True, sampling, "budget", "disabled", efforts, True, False, True, schemas)


def _modern(family: str, version: Version) -> Rules:
    if version < (5, 0):
        return Rules(off="omit", system_turns=version >= (4, 8))
    match family:
        case "fable" | "mythos":
            return Rules(off="never", forced_tools=version < (5, 1))
        case "opus" if version >= (5, 5):
            return Rules(off="never", forced_tools=False)
        case "sonnet" if version >= (5, 5):
            return Rules(off="between_tools", forced_tools=False)
    return Rules()
