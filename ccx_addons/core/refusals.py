"""What an upstream refuses of a request, in every vendor's words, and what may be left out or said otherwise.

Wordings: OpenAI and Azure ("Unsupported parameter: 'x'"), Anthropic and Bedrock ("x: Extra inputs are not permitted"),
Google ("Unknown name "x" at 'a.b'"), xAI ("does not support parameter reasoningEffort"), Fireworks ("Extra inputs are
not permitted, field: 'x'"), Groq and Cerebras ("property 'x' is unsupported"), NVIDIA ("Unsupported parameter(s): `x`")
Moonshot ("invalid temperature: only 1 is allowed"), serde ("unknown field `x`"), Go ("json: unknown field "x""), zod
("Unrecognized key(s) in object: 'x'"), pydantic's lists, which core/faults.py reads as "x.y: words".
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ccx_addons.core.leftovers import MEANING
from ccx_addons.core.neutral import Fault, Loss

NAME: Final = r"[`'\"]?([A-Za-z_][A-Za-z0-9_.\[\]]{0,80})"
MORE: Final = re.compile(r"\A[`'\"]?(?:, ?| and )" + NAME)
"""The next name of a list."""
BAD_FIELD: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:Unrecognized request arguments? supplied|(?:Unsupported|Unknown) (?:parameter|value|argument|field)"
        r"(?:s|\(s\))?|Argument not supported on this model|Unrecognized key(?:s|\(s\))? in object): ?" + NAME,
        r"(?:does not|doesn't) support (?:the )?(?:parameter|argument|field)s? " + NAME,
        r"Extra inputs are not permitted, field: " + NAME,
        r"(?:unknown field|unexpected keyword argument|unrecognized field|unknown key) " + NAME,
        r"invalid (temperature|top_p|presence_penalty|frequency_penalty): only ",
        r"[`'\"](reasoning_effort|verbosity|service_tier)[`'\"] must be one of",
        r"Additional properties are not allowed \(" + NAME,
        r"Unsupported (service_tier|reasoning_effort|verbosity|truncation): ",
        r"(?<![\w.\[\]])" + NAME + r"[`'\"]?(?:: Extra inputs are not permitted| is deprecated| is not permitted|"
        r" is unsupported| (?:is )?no longer supported| is not supported (?:for|with|by) this model)",
    )
)
"""How upstreams name a field that they do not take."""
IN_WORDS: Final[tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), fields)
    for pattern, fields in (
        (r"thinking[ _]level is not supported",
         ("generationConfig.thinkingConfig.thinkingLevel", "reasoning_effort")),
        (r"thinking[ _]budget is not supported", ("generationConfig.thinkingConfig.thinkingBudget",)),
        (r"penalty is not enabled", (
            "generationConfig.presencePenalty", "generationConfig.frequencyPenalty",
            "presence_penalty", "frequency_penalty",
        )),
        (r"logprobs is not enabled", (
            "generationConfig.responseLogprobs", "generationConfig.logprobs", "logprobs", "top_logprobs",
        )),
        (r"media resolution is not enabled", ("generationConfig.mediaResolution",)),
        (r"verified to generate reasoning summaries", ("reasoning.summary",)),
    )
)  # fmt: skip
"""What is said of fields without their names -> the fields; Google's own and those of its Chat endpoint."""
GOOGLE: Final = re.compile(r"Unknown name \"([A-Za-z_]{1,40})\"(?: at '([a-z_.\[\]0-9]{1,120})')?")

QUOTED: Final = r"[`'\"][\w.-]{1,40}[`'\"]"
ACCEPTED: Final = re.compile(
    rf"(?:supported values are|must be one of):? ?({QUOTED}(?:(?:,? (?:and|or)|,) ?{QUOTED}){{0,20}})", re.IGNORECASE
)
"""The values that a field may have, where another one is refused."""
BUT: Final = "!="
"""Stands between such a field and its values, as in ``reasoning_effort!=low|high``: others may ask for one of them."""

FIELD_CODES: Final = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})
NEVER_DROPPED: Final = frozenset({
    "model", "messages", "input", "contents", "tools", "system", "stream", "max_tokens", "max_completion_tokens",
    "dimensions", "outputDimensionality", *MEANING,
})  # fmt: skip
"""Fields whose loss would change what was asked. The limit of Responses is none: who refuses it has no other name for
it, and refuses every request of a client whose protocol demands one (github.com/RayBytes/ChatMock/issues/103)."""
REPEATED: Final = frozenset({"parsed", "parsed_arguments"})
"""What OpenAI's libraries put into an answer that they send back: it says once more what stands there
(github.com/openai/openai-python/issues/2720)."""
HARMLESS: Final = frozenset({
    "strict", "cache_control", "defer_loading", "eager_input_streaming", "input_examples", "allowed_callers",
    "annotations", "prompt_cache_breakpoint", "phase", "status", *REPEATED,
})  # fmt: skip
"""Members inside of those that may go all the same."""
OF_PARTS: Final = frozenset({"id", "mediaresolution", "videometadata", "thoughtsignature"})
"""Members of Gemini's parts, and of what is in them, that may go, too; ``plain`` names."""
SIZES: Final = frozenset({"outputdimensionality", "embedcontentconfig"})
"""How long vectors are to be, and where newer clients say so: vectors of another length are of no use."""
THOUGHTS: Final = frozenset({"reasoning", "reasoning_content", "reasoning_details"})

INSTEAD: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "thinking.type.enabled": ("thinking", {"type": "adaptive"}),
}
"""A value that an upstream refuses where it names another -> the field, and that other value."""

OLDER_LIMIT: Final = "max_tokens_field"
NEWER_LIMIT: Final = "max_completion_tokens"
ONE_SAMPLING: Final = "temperature_alone"
"""Without ``top_p`` beside a temperature: who says ``top_p`` alone keeps it."""
NUMBERS: Final = "numbers"
"""Vectors as numbers, which come to the client in the form that it wants (protocols/embeddings.py)."""
OTHERWISE: Final[Mapping[str, str]] = {
    "max_completion_tokens": OLDER_LIMIT, "max_tokens": NEWER_LIMIT, "encoding_format": NUMBERS,
}  # fmt: skip
"""A field that is refused -> the cure that says the same otherwise."""

OLDER_SIZES: Final = "older_vector_settings"
"""Settings of vectors beside their content, as before they had an object of their own."""
FOREIGN_THOUGHTS: Final = "foreign_thoughts"
"""What the model thought before, which only the account that it thought for can read."""
ITEM_IDS: Final = "item_ids"
"""Ids of a Responses conversation's items: another upstream's have another form, or it alone knows them."""
WHOLE_ITEMS: Final = "whole_items"
"""Items of a Responses conversation without nulls, and thoughts with a summary, be it empty."""
OWN_THINKING: Final = "own_thinking"
"""How much a Gemini model thinks, which is left to it: the value is none of its own."""
NO_SYSTEM: Final = "system_in_turns"
"""What the system says, as the user's first words, for models that have no place for it."""
SERVER_CALLS: Final = "server_calls"
"""Google's own tools beside functions, with the word that it demands for that."""
CONTINUED: Final = "continued"
"""What ``previous_response_id`` stands for, written out: the upstream keeps no answers, or not that one."""
NOT_ENCRYPTED: Final = "not_encrypted"
"""Without a wish for encrypted thoughts, of a model that has none."""
CHATGPT: Final = "as_chatgpt_wants"
"""ChatGPT's own backend takes the form in which Codex asks, and no other."""
TOOL: Final = "tool="
"""How a name begins that says which of the upstream's own tools is left out."""
BAD_TOOL: Final = re.compile(
    r"\btool [`'\"](image_generation|web_search\w*|file_search|code_interpreter|computer\w*|mcp)[`'\"] "
    r"is not supported",
    re.IGNORECASE,
)
WHOLE: Final = "whole_answers"
"""An answer in one piece: this key may not have it as a stream, or the model makes none."""
LOW_EFFORT: Final = "low_effort"
"""The lowest effort with which the upstream's own tools may be used."""
NO_STREAMS: Final = re.compile(r"must be verified to stream|[`'\"]stream[`'\"] does not support true", re.IGNORECASE)
LOOSE_TOOLS: Final = "loose_tools"
"""The schemas of all strict tools together are more than the upstream compiles."""
WHOLE_ARGUMENTS: Final = "whole_arguments"
"""Arguments of earlier calls as JSON objects: what a model broke off some servers read again with each request."""
WHOLE_CHARACTERS: Final = "whole_characters"
"""Text without halves of characters, which are no Unicode: a client cut an emoji in two."""
FLAT_SCHEMAS: Final = "flat_schemas"
"""The arguments of a tool as one object: alternatives at the top of its schema are merged."""
NO_PREFILL: Final = "users_turn"
"""What an assistant began is continued by no model that thinks."""
CURES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (cure, re.compile(pattern, re.IGNORECASE))
    for cure, pattern in (
        (
            "system_role_to_top",
            r"system (?:message|role)s? (?:must|should|can only|is only) [^.]{0,30}(?:beginning|first|start)|"
            r"unexpected role [`'\"]?system|unknown variant [`'\"]?system|roles must alternate|"
            r"role[`'\"]? [`'\"]?system[`'\"]? is not (?:allowed|supported)|system role (?:is )?not supported|"
            r"\.role: Input should be 'user' or 'assistant'|invalid message role:? [`'\"]?system",
        ),
        (
            "developer_to_system",
            r"(?:unexpected role|unknown variant|unknown role|unsupported role|invalid role):? [`'\"]?developer|"
            r"[`'\"]?developer[`'\"]? is not one of|role[`'\"]? [`'\"]?developer[`'\"]? is not",
        ),
        (
            "strip_thinking",
            r"messages\.\d{1,5}[^\n]{0,120}reasoning(?:_content|_details)?['`\"] is unsupported",
        ),
        (
            FOREIGN_THOUGHTS,
            r"invalid [`'\"]?signature[`'\"]? in [`'\"]?thinking|"
            r"encrypted content [^\n]{0,400}?could not be (?:verified|decrypted|parsed)|"
            r"(?:corrupted|invalid) thought[ _]?signature|thought[ _]?signature is (?:not valid|invalid)|"
            r"of type [`'\"]?reasoning[`'\"]? was provided without|"
            r"item with id [`'\"]rs_[^`'\"]{1,100}[`'\"] not found",
        ),
        (
            ITEM_IDS,
            r"invalid [`'\"]?input\[\d{1,6}\]\.id\b|provided without its required [`'\"]?reasoning|"
            r"item with id [`'\"](?!rs_)[^`'\"]{1,100}[`'\"] not found|duplicate item found with id|"
            r"unknown parameter: [`'\"]?input\[\d{1,6}\]\.id\b",
        ),
        (
            OWN_THINKING,
            r"budget \d{1,9} is invalid|not support setting thinking_?budget|"
            r"thinking level [`'\"]?\w{1,20}[`'\"]? is not supported|only one of thinking[ _]budget|"
            r"custom [`'\"]?thinking_config[`'\"]?; found both",
        ),
        (
            NO_SYSTEM,
            r"developer instruction is not enabled|"
            r"system (?:role|message|prompt|instruction)s? (?:is |are )?not supported|"
            r"\.role[`'\"]? does not support [`'\"]?system",
        ),
        (
            WHOLE_ITEMS,
            r"missing required (?:parameter|field):? [`'\"]?(?:input\[\d{1,6}\]\.)?summary|"
            r"invalid type for [`'\"]?input\[\d{1,6}\]\.\w{1,30}[`'\"]?: expected [^\n]{0,80}got null",
        ),
        (LOW_EFFORT, r"tools cannot be used with reasoning\.effort"),
        (SERVER_CALLS, r"enable [`'\"]?tool_config\.include_server_side_tool_invocations"),
        (
            CONTINUED,
            r"(?:unsupported|unknown) parameter: [`'\"]?previous_response_id|"
            r"previous response with id [^\n]{1,120} not found|previous response cannot be used|"
            r"does not support (?:parameter )?[`'\"]?previous_response_id",
        ),
        (NOT_ENCRYPTED, r"encrypted content is not supported"),
        (
            CHATGPT,
            r"^(?:store must be set to false|instructions are (?:required|not valid)|input must be a list|"
            r"system messages are not allowed)",
        ),
        (
            "passback_reasoning",
            r"must be passed back to the api|reasoning_content is missing|missing [`'\"]?reasoning_content",
        ),
        ("dummy_thought_signature", r"missing (?:a )?[`'\"]?thought_?signature"),
        (
            "schema_in_words",
            r"response_format[`'\"]? type is unavailable|"
            r"json_schema[`'\"]? (?:is |type is )?(?:not supported|unsupported|unavailable)|"
            r"(?:does not|doesn't) support (?:response[ _]format )?[`'\"]?json_schema|json mode is not enabled|"
            r"(?:function calling|tool use) with a response mime ?type",
        ),
        (
            "calls_without_thinking",
            r"thinking (?:mode )?(?:does not support|is incompatible with|may not be enabled when)"
            r"[^.]{0,20}tool_choice|"
            r"tool_choice[^.]{0,40}(?:incompatible|not (?:supported|allowed))[^.]{0,40}thinking",
        ),
        (
            "only_streams",
            r"\bstream[`'\"]? must be (?:set to )?[`'\"]?true|only supports? stream(?:ing)?\b|"
            r"non-stream(?:ing)?\b[^.]{0,40}not (?:supported|allowed)|only stream(?:ing)? (?:mode|requests)",
        ),
        (
            LOOSE_TOOLS,
            r"too many strict tools|schemas? contains? too many|grammar is too large|"
            r"schema is too complex",
        ),
        (
            WHOLE_ARGUMENTS,
            r"failed to parse tool call arguments|invalid function arguments json|"
            r"function\.arguments[^\n]{0,60}JSON format|"
            r"(?:unterminated string starting at|expecting (?:value|property name[^:\n]{0,40}|'.{1,3}' delimiter)|"
            r"invalid \\\\?escape|extra data|invalid control character at): line \d{1,9} column \d{1,9} \(char [1-9]",
        ),
        (
            WHOLE_CHARACTERS,
            r"\b(?:no|invalid|lone|unpaired|unexpected) (?:low |high |leading |trailing )?surrogate|"
            r"surrogates not allowed|could not parse the JSON body of your request",
        ),
        (
            FLAT_SCHEMAS,
            r"(?:oneOf|anyOf|allOf)[^\n]{0,60} at the top level|"
            r"schema must be a JSON Schema of [`'\"]type: [`'\"]object",
        ),
        (
            NO_PREFILL,
            r"does not support (?:assistant )?(?:message )?prefill|conversation must end with a user message|"
            r"last message must (?:be from|have role) [`'\"]?user",
        ),
        (
            NUMBERS,
            r"encoding_format[^\n]{0,80}(?:not supported|unsupported|invalid|should be|must be)|"
            r"(?:not support|unsupported|invalid)[^\n]{0,40}encoding_format",
        ),
        (ONE_SAMPLING, r"[`'\"]temperature[`'\"] and [`'\"]top_p[`'\"] cannot both"),
        (OLDER_LIMIT, r"Use [`'\"]?max_tokens[`'\"]? instead"),
        (NEWER_LIMIT, r"Use [`'\"]?max_completion_tokens[`'\"]? instead"),
    )
)
"""Refusals that a change of the body cures; the names are those of quirks, or of protocols/cures.py."""
CURE_NAMES: Final = frozenset(cure for cure, _ in CURES)
PICTURES: Final = "pictures_in_words"
"""Pictures, for a model that sees none: only where nobody else is left who might see them."""
OF_ONE_CONVERSATION: Final = frozenset({
    FOREIGN_THOUGHTS, LOW_EFFORT, ITEM_IDS, WHOLE_ITEMS, CONTINUED, OWN_THINKING, LOOSE_TOOLS, PICTURES, WHOLE,
    WHOLE_ARGUMENTS, WHOLE_CHARACTERS,
})  # fmt: skip
"""Cures that the next request may not need."""
NO_PICTURES: Final = re.compile(
    r"unknown variant [`'\"]?(?:image|image_url|input_image)\b|is not a multimodal model|at most 0 image|"
    r"image_url is only supported by|support image input|"
    r"(?:does not|doesn't|not|cannot) (?:support|accept|process) (?:\w+ ){0,2}[`'\"]?(?:image|vision|multimodal)"
    r"(?! generation)|"
    r"\b(?:image|vision|multimodal)(?: (?:input|content|block|part))?s?[`'\"]? (?:is|are) (?:not |un)supported|"
    r"image input modality is not enabled|"
    r"不支持(?:图片|图像|视觉|多模态)",
    re.IGNORECASE,
)
"""How upstreams say so: DeepSeek (serde), Ollama, vLLM, llama.cpp, OpenRouter, relays."""

MOST: Final = "at_most="
"""How a name begins that says how large a limit may be."""
TOO_LARGE: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"max_tokens: \d{1,9} > (\d{1,9}),",
        r"max(?:_completion|_output)?_tokens is too large: \d{1,9}\. This model supports at most (\d{1,9})",
        r"range of [`'\"]?max(?:_completion|_output)?_tokens[`'\"]? (?:is|should be) \[\d{1,9}, ?(\d{1,9})\]",
        r"max(?:_completion|_output)?_tokens[`'\"]? must be (?:less than or equal to|at most|between 1 and)"
        r" [`'\"]?(\d{1,9})",
    )
)
TOO_LARGE_GOOGLE: Final = re.compile(
    r"maxOutputTokens[^.]{0,80}range is from 1 \(inclusive\) to (\d{1,9}) \(exclusive\)"
)
"""A limit that is larger than the model's own, with the largest; Google names the next number."""

SHORTER: Final = "descriptions_at_most="
"""How a name begins that says how many characters what a tool is for may have."""
TOO_LONG: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\btools[\w.\[\]]{2,40}\.description[`'\"]?: string too long\. "
        r"Expected a string with maximum length (\d{1,9})",
        r"\btools[\w.\[\]]{2,40}\.description[`'\"]?: String should have at most (\d{1,9}) characters",
    )
)

BETA_REFUSED: Final = re.compile(r"anthropic[-_ ]beta|invalid beta flag", re.IGNORECASE)
BETA_TOKEN: Final = re.compile(r"[a-z0-9][a-z0-9-]*-20\d\d-\d\d-\d\d", re.IGNORECASE)


def refused(fault: Fault, sent: frozenset[str]) -> frozenset[str]:
    """What is to be left out or changed next time: fields as they stand in the request (``reasoning.summary`` for a
    member of one), or all values but some of theirs (BUT), values of INSTEAD, cures, beta tokens, the largest limit
    (``at_most=8192``) and length (``descriptions_at_most=1024``). ``sent``: top fields and tokens of the request."""
    if value := refused_value(fault.message):
        return frozenset({value} if value.partition(".")[0] in sent else ())
    if most := largest_limit(fault.message):
        return frozenset({f"{MOST}{most}"})
    if most := _number(TOO_LONG, fault.message):
        return frozenset({f"{SHORTER}{most}"})
    found = {cure for cure, pattern in CURES if pattern.search(fault.message)}
    found |= {f"{TOOL}{tool}" for tool in BAD_TOOL.findall(fault.message)}
    named = named_fields(fault)
    values = _accepted(fault.message) if len(named) == 1 else ""
    for name in named:
        path = _resolve(name, sent)
        steps = [step for step in re.split(r"[.\[\]]+", path) if step]
        if steps[0] in OTHERWISE:
            found.add(OTHERWISE[steps[0]])
        elif steps[0] == "messages" and steps[-1] in THOUGHTS:
            found.add("strip_thinking")
        elif not SIZES.isdisjoint(map(plain, steps)):
            found |= {OLDER_SIZES} if plain(steps[-1]) == "embedcontentconfig" else set()
        elif steps[0] in sent and _may_go(steps):
            found.add(".".join("*" if step.isdigit() else step for step in steps) + values)
    return frozenset(found) | dropped_betas(fault.message, sent)


def _may_go(steps: list[str]) -> bool:
    if steps[0] not in NEVER_DROPPED or steps[-1] in HARMLESS:
        return True
    return steps[0] == "contents" and len(steps) > 1 and plain(steps[-1]) in OF_PARTS


def named_fields(fault: Fault) -> list[str]:
    """The fields that an upstream says it does not take, in its words; empty: it says nothing like it."""
    if fault.code.lower() in FIELD_CODES and fault.param:
        return [fault.param]
    return list(dict.fromkeys(_named(fault.message)))


def _named(message: str) -> Iterator[str]:
    for found in GOOGLE.finditer(message):
        yield f"{found[2]}.{found[1]}" if found[2] else found[1]
    for words, fields in IN_WORDS:
        if words.search(message):
            yield from fields
    for pattern in BAD_FIELD:
        for found in pattern.finditer(message):
            yield found[1].rstrip(".")
            end = found.end(1)
            while more := MORE.search(message[end : end + 120]):
                yield more[1].rstrip(".")
                end += more.end(1)


def _accepted(message: str) -> str:
    found = ACCEPTED.search(message)
    return BUT + "|".join(one.strip("`'\"") for one in re.findall(QUOTED, found[1])) if found else ""


def field_of(name: str) -> tuple[str, frozenset[str]]:
    """The field that is left out, and the values with which it stays."""
    field, _, values = name.partition(BUT)
    return field, frozenset(values.split("|") if values else ())


def _resolve(name: str, sent: frozenset[str]) -> str:
    """The path as the request has it: ``reasoningEffort`` is ``reasoning_effort``, or ``effort`` in ``reasoning``."""
    first, dot, rest = name.removeprefix("body.").partition(".")
    alike = {plain(field): field for field in sent}
    bare, bracket, index = first.partition("[")
    if field := alike.get(plain(bare)):
        return field + bracket + index + dot + rest
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", bare).lower()
    outer, _, inner = snake.partition("_")
    return f"{alike[outer]}.{inner}" if inner and outer in alike else name


def plain(name: str) -> str:
    """The same for a name in camel case and in snake case."""
    return name.replace("_", "").lower()


def refused_value(message: str) -> str:
    """The key of INSTEAD that a refusal speaks of, with what it wants in its place; empty: none."""
    wanted = ((name, f"{field}.type.{value['type']}") for name, (field, value) in INSTEAD.items())
    return next((name for name, other in wanted if name in message and other in message), "")


def dropped_betas(message: str, sent: frozenset[str]) -> frozenset[str]:
    """The anthropic-beta tokens among ``sent`` that an upstream refuses: those it names, or all when it names none."""
    if not BETA_REFUSED.search(message):
        return frozenset()
    betas = frozenset(name for name in sent if BETA_TOKEN.fullmatch(name))
    named = frozenset(BETA_TOKEN.findall(message))
    return betas & named if named else betas


def largest_limit(message: str) -> int:
    """The most tokens of an answer that an upstream takes, where it refuses a larger limit; 0: it does not."""
    if found := TOO_LARGE_GOOGLE.search(message):
        return int(found[1]) - 1
    return _number(TOO_LARGE, message)


def _number(patterns: Iterable[re.Pattern[str]], message: str) -> int:
    return next((int(found[1]) for pattern in patterns if (found := pattern.search(message))), 0)


LOSSES: Final[Mapping[str, Loss]] = {
    WHOLE_ARGUMENTS: Loss("tool_calls", "arguments of earlier calls are no JSON objects"),
    WHOLE_CHARACTERS: Loss("text", "halves of characters were replaced"),
    FLAT_SCHEMAS: Loss("tools.schema", "alternatives at the top of a schema were merged"),
    FOREIGN_THOUGHTS: Loss("reasoning", "only the key that it was made with can read it"),
    CONTINUED: Loss("reasoning", "only the key that it was made with can read it"),
    LOW_EFFORT: Loss("reasoning.effort", "with tools of its own the upstream wants a higher one"),
    OWN_THINKING: Loss("reasoning", "the model takes no such value; it thinks as it does by itself"),
    LOOSE_TOOLS: Loss("tools.strict", "the upstream does not compile all of these schemas together"),
    NO_PREFILL: Loss("messages", "the model does not continue an assistant turn; a user turn was added"),
    ONE_SAMPLING: Loss("top_p", "the upstream refuses it"),
    PICTURES: Loss("pictures", "the model sees none; words say where they were"),
}
"""What a cure means for the client, where it means anything."""


def loss_of(name: str) -> Loss | None:
    """What leaving it out, or saying it otherwise, means for the client; None: nothing."""
    if name.startswith(MOST):
        return Loss("max_tokens", f"the upstream answers with at most {name.removeprefix(MOST)} tokens")
    if name.startswith(SHORTER):
        return Loss("tools.description", f"the upstream takes at most {name.removeprefix(SHORTER)} characters")
    if name.startswith(TOOL):
        return Loss(f"tools.{name.removeprefix(TOOL)}", "the upstream refuses it")
    if name in LOSSES:
        return LOSSES[name]
    if name in CURE_NAMES or name in (WHOLE, OLDER_SIZES) or name.rpartition(".")[2] in REPEATED:
        return None
    return Loss(field_of(name)[0], "the upstream refuses it")


def speaks_of_fields(fault: Fault) -> bool:
    """Whether a refusal is about something that can be left out or said otherwise."""
    message = fault.message
    return bool(
        named_fields(fault)
        or BETA_REFUSED.search(message)
        or largest_limit(message)
        or _number(TOO_LONG, message)
        or refused_value(message)
        or BAD_TOOL.search(message)
        or any(pattern.search(message) for _, pattern in CURES)
    )
