"""What a model's name says about the fields that it takes.

Sources: developers.openai.com/api/docs/guides/reasoning (efforts, sampling fields that reasoning models refuse),
/guides/latest-model (sampling with effort ``none``; functions and effort exclude each other in newer models),
/guides/function-calling (custom tools, allowed tools), docs.mistral.ai/capabilities/function_calling (ids).
Servers of other vendors take what their models know and mostly ignore the rest.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from ccx_addons.core.neutral import Effort
from ccx_addons.core.openai import OTHER_OPENAI, gpt5_efforts, gpt_version

type Efforts = tuple[Effort, ...]

O_SERIES: Final = re.compile(r"(?:^|/)o[1-9](?:-|$)")
MISTRAL: Final = re.compile(r"mistral|mixtral|magistral|ministral|codestral|devstral|pixtral")
DEEPSEEK: Final = re.compile(r"deepseek")
KIMI: Final = re.compile(r"kimi|mimo")


@dataclass(frozen=True, slots=True)
class Rules:
    """``sampling``: temperature, top_p and penalties may differ from their defaults.

    ``sampling_at_none``: they may with the effort ``none``.
    """

    efforts: Efforts = ("none", "low", "medium", "high")
    sampling: bool = True
    sampling_at_none: bool = False
    stop: bool = True
    parallel: bool = True
    verbosity: bool = True
    tools_with_effort: bool = True
    thoughts: bool = True
    """Messages may hold reasoning; the official API refuses fields that it does not know."""
    foreign_thoughts: bool = False
    """Also that of other models: some servers refuse calls without (api-docs.deepseek.com/guides/thinking_mode)."""
    newest_tools: bool = False
    """Custom tools, and a choice among allowed tools."""
    short_ids: bool = False
    """Ids of tool calls are nine letters and digits."""


OTHER: Final = Rules()
KIMI_MODELS: Final = Rules(foreign_thoughts=True)
OPENAI_CLASSIC: Final = Rules(efforts=(), verbosity=False, thoughts=False)
O_MODELS: Final = replace(OPENAI_CLASSIC, efforts=("low", "medium", "high"), sampling=False, stop=False, parallel=False)


@lru_cache(maxsize=256)
def rules_of(model: str) -> Rules:
    """By the model's name, with or without a vendor prefix or date."""
    name = model.lower()
    if O_SERIES.search(name):
        return O_MODELS
    if version := gpt_version(name):
        return _gpt5(name, version) if version >= (5, 0) else OPENAI_CLASSIC
    if OTHER_OPENAI.search(name):
        return OPENAI_CLASSIC
    if MISTRAL.search(name):
        return Rules(thoughts=False, short_ids=True)
    if DEEPSEEK.search(name):
        return Rules(efforts=("none", "low", "medium", "high", "max"), foreign_thoughts=True)
    return KIMI_MODELS if KIMI.search(name) else OTHER


def _gpt5(name: str, version: tuple[int, int]) -> Rules:
    if "-chat" in name and version < (5, 1):
        return OPENAI_CLASSIC
    return Rules(
        gpt5_efforts(name, version),
        sampling=False,
        sampling_at_none=(5, 1) <= version < (5, 6),
        stop=False,
        thoughts=False,
        tools_with_effort=version < (5, 6),
        newest_tools=True,
    )
