"""What can be known of a vendor: four sets of facts, one for each protocol, and the size of a model.

A vendor is who answers at a host, who makes models, or both. Its facts are written as the members that differ from the
defaults below, with the page that says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ccx_addons.core.cache_marks import Form
from ccx_addons.core.neutral import Effort

type Efforts = tuple[Effort, ...]
type Version = tuple[int, int]
type Differences = Mapping[str, Any]
"""Members of one of the sets below -> their values."""

FROM: Final[Version] = (0, 0)
EVER: Final[Version] = (1000, 0)


@dataclass(frozen=True, slots=True)
class Size:
    """Tokens; 0: not known. ``window``: prompt and answer together, ``output``: the most of one answer.

    ``cache_life``: seconds that a prompt is cached at least, where a request does not say; 0: not known.
    """

    window: int = 0
    output: int = 0
    cache_life: int = 0


@dataclass(frozen=True, slots=True)
class Chat:
    """How a server speaks Chat Completions, with one of its models.

    ``sampling``: temperature, top_p and penalties may differ from their defaults.
    ``sampling_at_none``: they may with the effort ``none``.
    """

    efforts: Efforts = ("none", "low", "medium", "high")
    """Words of ``reasoning_effort``, lowest first; none: the field is refused."""
    switch: Literal["effort", "thinking", "enable_thinking", "reasoning", "enabled", "gemini", "template"] = "effort"
    """The field that switches thinking on and off: of that name, or ``reasoning_effort`` (effort),
    ``reasoning.enabled`` (enabled), Google's ``extra_body`` (gemini), vLLM's ``chat_template_kwargs`` (template)."""
    thinks: Literal["asked", "default", "always"] = "asked"
    """When a model thinks: when asked to, unless told not to, or whatever it is told."""
    sampling: bool = True
    sampling_at_none: bool = False
    penalties: bool = True
    stop: bool = True
    parallel: bool = True
    verbosity: bool = True
    tools_with_effort: bool = True
    forced_while_thinking: bool = True
    """A tool may be forced while the model thinks."""
    thoughts: bool = True
    """Messages may hold reasoning; the official API refuses fields that it does not know."""
    foreign_thoughts: bool = False
    """Also that of other models."""
    call_thoughts: bool = False
    """Turns that called tools must say what was thought before, while thinking is on."""
    signatures: bool = False
    """The first call of a turn must carry Google's thought signature."""
    newest_tools: bool = False
    """Custom tools, and a choice among allowed tools."""
    short_ids: bool = False
    """Ids of tool calls are nine letters and digits."""
    limit: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    """The field with the most tokens of an answer."""
    system_turns: bool = False
    """Messages of role system are taken in the middle of the conversation."""
    prefill: Literal["", "prefix", "partial", "never"] = ""
    """The field by which an assistant's last message is one that the model continues; never: it does not."""
    user_after_tool: bool = True
    """A user's message may follow a tool's result; else an assistant's stands between."""
    typed_schemas: bool = False
    """Each schema of a tool says its type, but not beside alternatives, and a reference stands alone."""
    schemas: bool = True
    """``response_format`` takes a schema; else only JSON as such."""
    stream_options: bool = True
    user: int = 64
    """Characters of ``user``, and of ``prompt_cache_key``."""
    cache_marks: Form = ""
    """The field with which blocks say that the prompt may be cached up to them; none: there is no such thing."""
    videos: bool = False
    """Messages may hold videos, as ``video_url``."""


@dataclass(frozen=True, slots=True)
class Messages:
    """How a server speaks Messages, with one of its models.

    ``sampling`` one: temperature or top_p, not both; none: neither, and no top_k.

    ``thinking`` is how it is switched on: manual ``budget``, ``adaptive``, or either. ``off`` is how it is switched
    off: the type to send, ``omit`` where it is off unless asked for, ``never`` where it is always on.
    """

    claude: bool = False
    sampling: Literal["free", "one", "none"] = "free"
    thinking: Literal["budget", "either", "adaptive"] = "budget"
    off: Literal["disabled", "between_tools", "omit", "never"] = "disabled"
    efforts: Efforts = ()
    forced_tools: bool = True
    forced_while_thinking: bool = True
    """A tool may be forced although thinking is on unless it is switched off."""
    system_turns: bool = False
    """Messages of role system are taken in the middle of the conversation."""
    prefill: bool = True
    """The conversation may end with an assistant turn, which the model continues."""
    schemas: bool = False
    """Structured outputs: ``output_config.format`` and strict tools."""
    fast: bool = False
    """Answers come faster for ``speed``, without a beta header."""
    strict_tools: int = 0
    """The most strict tools of a request; 0: as many as there are."""
    strict_optional: int = 0
    """The most parameters that are not required, in all guaranteed schemas of a request together."""
    strict_unions: int = 0
    """The most parameters with several types, counted likewise."""
    unsigned_thoughts: bool = False
    """Thinking is taken back without a signature, which some vendors demand while thinking is on."""


@dataclass(frozen=True, slots=True)
class Responses:
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
    cache_marks: Form = ""


@dataclass(frozen=True, slots=True)
class Gemini:
    """``thinking`` is how it is controlled; ``budgets`` are the least and the most tokens, ``levels`` what there is.

    ``off``: thinking can be switched off (a budget of 0). The defaults are what every model can do.
    """

    thinking: Literal["none", "budget", "levels"] = "budget"
    off: bool = True
    budgets: tuple[int, int] = (1, 1 << 31)
    levels: Efforts = ("low", "medium", "high")
    signatures: bool = False
    """The first function call of a step must carry a thought signature."""
    sampling: bool = True
    penalties: bool = True
    prefill: bool = True
    """The conversation may end with a turn of the model."""
    json_schema: bool = False
    """``parametersJsonSchema`` and ``responseJsonSchema`` are taken."""
    json_with_functions: bool = False
    server_tools_with_functions: bool = False
    media_results: bool = False
    """Function responses hold media."""
    media_levels: bool = False
    """Each of the media may say how closely it is looked at."""
    excludes: bool = False
    """Searches take domains that they leave out."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Differences for each protocol, and the page that says so."""

    source: str
    size: Differences = field(default_factory=dict)
    chat: Differences = field(default_factory=dict)
    messages: Differences = field(default_factory=dict)
    responses: Differences = field(default_factory=dict)
    gemini: Differences = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """Models of one kind. ``name``: a pattern whose groups ``major`` and ``minor``, where it has them, are the version;
    ``since`` and ``before`` bound it. A name without a version counts as ``current``.
    """

    name: re.Pattern[str]
    facts: Facts
    since: Version = FROM
    before: Version = EVER
    current: Version = FROM

    def has(self, model: str) -> bool:
        """``model``: a name in lower case, with or without a vendor's prefix or a date."""
        found = self.name.search(model)
        if found is None:
            return False
        groups = found.groupdict()
        major = groups.get("major")
        version = (int(major), int(groups.get("minor") or 0)) if major else self.current
        return self.since <= version < self.before


@dataclass(frozen=True, slots=True)
class Vendor:
    """``hosts``: a pattern of ``host:port``. ``server``: what holds for everything that answers there. ``families``:
    models it makes; of several that match, the later says more and wins. ``prices``: its name in genai-prices.
    """

    title: str
    server: Facts
    hosts: re.Pattern[str] | None = None
    families: tuple[Family, ...] = ()
    prices: str = ""


def names(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
