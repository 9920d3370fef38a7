"""What a model's name says about the fields that it takes.

Sources: developers.openai.com/api/docs/guides/reasoning (efforts, encrypted reasoning, sampling fields that reasoning
models refuse) and /guides/latest-model (sampling with effort ``none``). Servers of other vendors take what their models
know and mostly ignore the rest.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from ccx_addons.core.neutral import Effort
from ccx_addons.core.openai import OTHER_OPENAI, gpt5_efforts, gpt_version

type Efforts = tuple[Effort, ...]

O_SERIES: Final = re.compile(r"(?:^|/)(?:o[1-9]|codex-mini)(?:-|$)")


@dataclass(frozen=True, slots=True)
class Rules:
    """``sampling``: temperature and top_p may differ from their defaults; ``sampling_at_none``: with effort ``none``.

    ``encrypts``: the model's reasoning is given out encrypted, and comes back only so. ``thoughts``: reasoning of
    another origin is taken as text. ``least_tokens``: the smallest limit that is taken.
    """

    efforts: Efforts = ("none", "low", "medium", "high")
    sampling: bool = True
    sampling_at_none: bool = False
    parallel: bool = True
    verbosity: bool = True
    encrypts: bool = False
    thoughts: bool = True
    least_tokens: int = 1


OTHER: Final = Rules()
OPENAI_CLASSIC: Final = Rules(efforts=(), verbosity=False, thoughts=False, least_tokens=16)
REASONING: Final = replace(OPENAI_CLASSIC, sampling=False, encrypts=True)
O_MODELS: Final = replace(REASONING, efforts=("low", "medium", "high"), parallel=False)


@lru_cache(maxsize=256)
def rules_of(model: str) -> Rules:
    """By the model's name, with or without a vendor prefix or date."""
    name = model.lower()
    if O_SERIES.search(name):
        return O_MODELS
    if version := gpt_version(name):
        return _gpt5(name, version) if version >= (5, 0) else OPENAI_CLASSIC
    return OPENAI_CLASSIC if OTHER_OPENAI.search(name) else OTHER


def _gpt5(name: str, version: tuple[int, int]) -> Rules:
    if "-chat" in name and version < (5, 1):
        return OPENAI_CLASSIC
    return replace(
        REASONING, efforts=gpt5_efforts(name, version), verbosity=True, sampling_at_none=(5, 1) <= version < (5, 6)
    )
