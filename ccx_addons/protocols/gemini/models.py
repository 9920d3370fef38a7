"""What each generation of Gemini accepts.

Sources: ai.google.dev/gemini-api/docs/generate-content/thinking (budgets and levels by model), /thought-signatures,
/structured-output, /function-calling, /tool-combination, and the developers' guides of 3.6 Flash, 3.8 Flash and
4 Argon below docs.cloud.google.com/gemini-enterprise-agent-platform/models (sampling, penalties, the last turn).
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

from ccx_addons.core.neutral import Effort

type Version = tuple[int, int]

MODEL_NAME: Final = re.compile(r"gemini-(\d{1,2})(?:\.(\d{1,2}))?(?!\d)")
LATEST_NAME: Final = re.compile(r"gemini-(?:pro|flash|flash-lite)-latest")
CURRENT: Final[Version] = (3, 8)
"""What a name without a version stands for."""

FIRST_LEVELS: Final[Version] = (3, 0)
FIRST_FIXED: Final[Version] = (3, 6)
"""From here on: no sampling parameters, penalties are refused, the last turn is the user's."""


@dataclass(frozen=True, slots=True)
class Rules:
    """``thinking`` is how it is controlled; ``budgets`` are the least and the most tokens, ``levels`` what there is.

    ``off``: thinking can be switched off (a budget of 0).
    """

    thinking: Literal["none", "budget", "levels"] = "levels"
    off: bool = False
    budgets: tuple[int, int] = (1, 32768)
    levels: tuple[Effort, ...] = ("low", "medium", "high")
    signatures: bool = True
    """The first function call of a step must carry a thought signature."""
    sampling: bool = False
    penalties: bool = False
    prefill: bool = False
    """The conversation may end with a turn of the model."""
    json_schema: bool = True
    """``parametersJsonSchema`` and ``responseJsonSchema`` are taken."""
    json_with_functions: bool = True
    server_tools_with_functions: bool = True
    media_results: bool = True
    """Function responses hold media."""


OLDER: Final = Rules(
    thinking="budget",
    signatures=False,
    sampling=True,
    penalties=True,
    prefill=True,
    json_schema=False,
    json_with_functions=False,
    server_tools_with_functions=False,
    media_results=False,
)
"""What the generations before 3 have in common."""
UNKNOWN: Final = replace(OLDER, off=True, budgets=(1, 1 << 31))
"""A model whose name says nothing, a relay's own or another vendor's: what every model can do, and its own limits."""


@lru_cache(maxsize=256)
def rules_of(model: str) -> Rules:
    """By the model's name, with or without a prefix or date."""
    name = model.lower()
    if found := MODEL_NAME.search(name):
        return _rules(name, (int(found[1]), int(found[2] or 0)))
    if LATEST_NAME.search(name):
        return _rules(name, CURRENT)
    return replace(UNKNOWN, thinking="none") if "gemma" in name else UNKNOWN


def _rules(name: str, version: Version) -> Rules:
    if version >= FIRST_LEVELS:
        fixed = version >= FIRST_FIXED
        return Rules(levels=_levels(name, version), sampling=not fixed, penalties=not fixed, prefill=not fixed)
    if version < (2, 5):
        return replace(OLDER, thinking="none")
    if "pro" in name:
        return replace(OLDER, budgets=(128, 32768), json_schema=True)
    least = 512 if "lite" in name else 1
    return replace(OLDER, off=True, budgets=(least, 24576), json_schema=True)


def _levels(name: str, version: Version) -> tuple[Effort, ...]:
    if "pro" in name and version < (3, 1):
        return ("low", "high")
    if "lite" in name or ("flash" in name and version < (3, 7)):
        return ("minimal", "low", "medium", "high")
    return ("low", "medium", "high")
