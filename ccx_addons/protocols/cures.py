"""Requests as an upstream wants them that has refused something: names of core/refusals.py, carried out on a wire body.

Most cures are quirks that nobody has set; those that no operator needs to know of stand here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import is_
from typing import Final

from ccx_addons import vendors
from ccx_addons.core import read
from ccx_addons.core.arguments import mended
from ccx_addons.core.config import Kind
from ccx_addons.core.neutral import Json, Loss
from ccx_addons.core.refusals import (
    CHATGPT,
    CURE_NAMES,
    FLAT_SCHEMAS,
    FOREIGN_THOUGHTS,
    INSTEAD,
    ITEM_IDS,
    LOOSE_TOOLS,
    LOW_EFFORT,
    MOST,
    NEWER_LIMIT,
    NO_PREFILL,
    NO_SYSTEM,
    NOT_ENCRYPTED,
    NUMBERS,
    OLDER_SIZES,
    ONE_SAMPLING,
    OWN_THINKING,
    PICTURES,
    SERVER_CALLS,
    SHORTER,
    TOOL,
    WHOLE,
    WHOLE_ARGUMENTS,
    WHOLE_CHARACTERS,
    WHOLE_ITEMS,
    field_of,
    loss_of,
    plain,
)
from ccx_addons.core.schemas import ALTERNATIVES, without_alternatives
from ccx_addons.core.turns import CONTINUE
from ccx_addons.core.wire_json import dump_text, loads_object
from ccx_addons.protocols import quirks
from ccx_addons.protocols.chat.effort import can_be_off, write_effort
from ccx_addons.protocols.quirks import Context

type Body = Mapping[str, Json]

THOUGHTLESS: Final[Mapping[str, tuple[str, ...]]] = {
    "messages": ("strip_thinking",),
    "chat": ("strip_thinking", "strip_thought_signature"),
    "gemini": ("strip_thought_signature", "dummy_thought_signature"),
}
"""Protocol -> the quirks that leave earlier thoughts out, one after the other."""
LIMIT_FIELDS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")
TALK: Final = frozenset({"messages", "input", "contents"})
_ORDER: Final = {name: n for n, name in enumerate(quirks.QUIRKS)}
HOLDERS: Final = ("content", "output", "parts")
"""Members that hold what was said, a message's and a tool result's."""
SEEN: Final[Mapping[str, str]] = {"image_url": "text", "image": "text", "input_image": "input_text"}
"""Type of a picture's part -> that of a text's."""
NOT_SEEN: Final = "[A picture, which this model cannot see.]"
RAW_ARGUMENTS: Final = "raw_arguments"
"""Where arguments stand that are no JSON object."""
NOT_ON_TOP: Final = (*ALTERNATIVES, "enum", "not")
JSON_ONLY: Final = "Answer with one JSON object and nothing else: no prose, no code fence."
FORMAT: Final = frozenset({"responsemimetype", "responseschema", "responsejsonschema"})
SYSTEM: Final = ("system", "developer")
INSTRUCTIONS: Final = "You are a helpful assistant."
NAMELESS: Final = frozenset({"message", "reasoning", "function_call", "custom_tool_call"})
"""Items that nothing names by their id, and that the API takes without one."""
JSON_SCHEMA: Final = "Answer with one JSON object that is valid against this JSON schema, and nothing else: "


def cured(drop: Collection[str], protocol: Kind, body: Body, context: Context) -> tuple[Body, list[Loss]]:
    """The body without what was refused, and what that takes from it; the same object where it has nothing of that.
    ``drop``: see core/refusals.refused."""
    losses: list[Loss] = []
    for name in sorted(drop, key=lambda name: (_ORDER.get(name, -1), name)):
        left = _cured(name, protocol, body, context)
        if left is not body and (loss := loss_of(name)):
            losses.append(loss)
        body = left
    return body, losses


def _cured(name: str, protocol: Kind, body: Body, context: Context) -> Body:
    if name in INSTEAD:
        return _instead(name, body)
    if name.startswith(MOST):
        return _at_most(int(name.removeprefix(MOST)), body)
    if name.startswith(SHORTER):
        return _shorter_tools(int(name.removeprefix(SHORTER)), body)
    if name.startswith(TOOL):
        return _without_tool(name.removeprefix(TOOL), body)
    if name == FOREIGN_THOUGHTS:
        return without_thoughts(protocol, body, context)
    if change := ANYWHERE.get(name) or (OWN.get(name) if protocol == "chat" else None):
        return change(body)
    if name in CURE_NAMES:
        return quirks.apply((name,), protocol, body, context)[0]
    field, stays = field_of(name)
    return read.mapping(_without(body, field.split("."), stays))


def _instead(name: str, body: Body) -> Body:
    """Another value in the place of the one that is refused, and of no other."""
    field, value = INSTEAD[name]
    *_, member, refused = name.split(".")
    return {**body, field: value} if read.mapping(body.get(field)).get(member) == refused else body


def without_thoughts(protocol: Kind, body: Body, context: Context) -> Body:
    """Without what only the account that it was made for can read: encrypted thoughts, signatures of thoughts, and in
    Responses ids, which hold an item to the thought before it."""
    if protocol == "responses":
        items = read.items(body.get("input"))
        kept = [item for item in items if read.mapping(item).get("type") != "reasoning"]
        return _without_ids({**body, "input": kept} if len(kept) < len(items) else body)
    for wanted in THOUGHTLESS[protocol]:
        body = quirks.apply(frozenset({wanted}), protocol, body, context)[0]
    return body


def _same(found: Sequence[Json], before: Sequence[Json]) -> bool:
    """Whether nothing was changed: these are the very values of before."""
    return len(found) == len(before) and all(map(is_, found, before))


def _but(body: Body, *names: str) -> dict[str, Json]:
    """What is there beside these members."""
    return {name: value for name, value in body.items() if name not in names}


def _without(value: Json, path: list[str], stays: frozenset[str] = frozenset()) -> Json:
    """The value without the member at a path, unless it is one of ``stays``. ``*`` is every element of a list; a step
    that is not there is skipped: some servers put the kind of an element into it (``tools.0.custom.strict``). Google
    says ``thinking_config`` for ``thinkingConfig``."""
    first, rest = path[0], path[1:]
    if isinstance(value, list):
        found = [_without(item, rest if first == "*" and rest else path, stays) for item in value]
        return value if _same(found, value) else found
    if not isinstance(value, dict):
        return value
    known = next((name for name in value if plain(name) == plain(first)), None)
    if known is None:
        return _without(value, rest, stays) if rest and first != "*" else value
    if not rest and isinstance(value[known], str) and value[known] in stays:
        return value
    if not rest:
        return _but(value, known)
    member = _without(value[known], rest, stays)
    return value if member is value[known] else {**value, known: member}


def _at_most(most: int, body: Body) -> Body:
    """The body with a limit that the upstream takes; a smaller one stays. Thinking with a budget keeps half of it."""
    if config := read.mapping(body.get("generationConfig")):
        if read.count(config.get("maxOutputTokens")) > most:
            return {**body, "generationConfig": {**config, "maxOutputTokens": most}}
        return body
    wanted = {name: most for name in LIMIT_FIELDS if read.count(body.get(name)) > most}
    thinking = read.mapping(body.get("thinking"))
    if wanted and read.count(thinking.get("budget_tokens")) >= most:
        return {**body, **wanted, "thinking": {**thinking, "budget_tokens": most // 2}}
    return {**body, **wanted} if wanted else body


def _pictures_in_words(body: Body) -> Body:
    found = {name: _in_words(value) if name in TALK else value for name, value in body.items()}
    return found if any(value is not body[name] for name, value in found.items()) else body


def _in_words(said: Json) -> Json:
    """What was said, with words in the places of pictures."""
    if isinstance(said, list):
        found = [_in_words(item) for item in said]
        return said if _same(found, said) else found
    part = read.mapping(said)
    if kind := SEEN.get(read.text(part.get("type"))):
        return {"type": kind, "text": NOT_SEEN}
    if any(_shows(part.get(name)) for name in ("inlineData", "fileData")):
        return {"text": NOT_SEEN}
    held = {name: _in_words(part[name]) for name in HOLDERS if isinstance(part.get(name), list)}
    return {**part, **held} if any(value is not part[name] for name, value in held.items()) else said


def _shows(media: Json) -> bool:
    return read.text(read.mapping(media).get("mimeType")).startswith("image/")


def _users_turn(body: Body) -> Body:
    """What an assistant began is not continued, but asked for."""
    for name in TALK & body.keys():
        turns = read.items(body[name])
        match read.text(read.mapping(turns[-1]).get("role")) if turns else "":
            case "assistant":
                return {**body, name: [*turns, {"role": "user", "content": CONTINUE}]}
            case "model":
                return {**body, name: [*turns, {"role": "user", "parts": [{"text": CONTINUE}]}]}
    return body


# ---- Responses -------------------------------------------------------------------------------------------------------
def _without_ids(body: Body) -> Body:
    """Without the ids of items that stand there whole. A thought that comes twice is said once."""
    items = body.get("input")
    if not isinstance(items, list):
        return body
    thoughts: set[str] = set()
    kept = []
    for item in items:
        one = read.mapping(item)
        kind, id_ = read.text(one.get("type"), "message"), read.text(one.get("id"))
        if kind == "reasoning" and id_ in thoughts:
            continue
        if kind == "reasoning" and id_:
            thoughts.add(id_)
        whole = "id" in one and (kind in NAMELESS or kind.endswith("_output"))
        kept.append(_but(one, "id") if whole else item)
    return body if _same(kept, items) else {**body, "input": kept}


def _whole_items(body: Body) -> Body:
    def whole(item: Json) -> Json:
        one = read.mapping(item)
        said = {name: value for name, value in one.items() if value is not None}
        if one.get("type") == "reasoning":
            said.setdefault("summary", [])
        return said if said != one else item

    items = read.items(body.get("input"))
    found = [whole(item) for item in items]
    return body if _same(found, items) else {**body, "input": found}


def _as_chatgpt_wants(body: Body) -> Body:
    """Nothing stored, a list as input, developers in place of systems, and instructions, be they the first of those."""
    said = body.get("input")
    items = [{"type": "message", "role": "user", "content": said}] if isinstance(said, str) else read.items(said)
    items = [
        {**item, "role": "developer"} if isinstance(item, dict) and item.get("role") == "system" else item
        for item in items
    ]
    return {**body, "instructions": body.get("instructions") or INSTRUCTIONS, "input": items, "store": False}


def _not_encrypted(body: Body) -> Body:
    wished = read.items(body.get("include"))
    left = [word for word in wished if word != "reasoning.encrypted_content"]
    return {**body, "include": left} if len(left) < len(wished) else body


def _low_effort(body: Body) -> Body:
    reasoning = read.mapping(body.get("reasoning"))
    low = reasoning.get("effort") in ("none", "minimal")
    return {**body, "reasoning": {**reasoning, "effort": "low"}} if low else body


def _without_tool(kind: str, body: Body) -> Body:
    """Without one of the upstream's own tools, and a choice of it."""
    tools = read.items(body.get("tools"))
    left = [tool for tool in tools if read.mapping(tool).get("type") != kind]
    if len(left) == len(tools):
        return body
    gone = set() if left else {"tools", "tool_choice"}
    if read.mapping(body.get("tool_choice")).get("type") == kind:
        gone.add("tool_choice")
    return _but({**body, "tools": left}, *gone)


# ---- Google ----------------------------------------------------------------------------------------------------------
def _own_thinking(body: Body) -> Body:
    """Without a budget or level that the model does not have; of both the level stays."""
    config = read.mapping(body.get("generationConfig"))
    for name in ("thinkingConfig", "thinking_config"):
        if thinking := read.mapping(config.get(name)):
            gone = {"thinkingBudget", "thinking_budget"}
            if not gone & thinking.keys() or not {"thinkingLevel", "thinking_level"} & thinking.keys():
                gone |= {"thinkingLevel", "thinking_level"}
            left = {member: value for member, value in thinking.items() if member not in gone}
            return {**body, "generationConfig": {**config, name: left}} if len(left) < len(thinking) else body
    if "reasoning_effort" in body:
        return _but(body, "reasoning_effort")
    return read.mapping(_without(body, ["extra_body", "google", "thinking_config"]))


def _server_calls(body: Body) -> Body:
    config = read.mapping(body.get("toolConfig"))
    return {**body, "toolConfig": {**config, "includeServerSideToolInvocations": True}} if "contents" in body else body


def _system_in_turns(body: Body) -> Body:
    """What the system says, before what the user says first."""
    if "contents" in body:
        field = next((name for name in ("systemInstruction", "system_instruction") if name in body), "")
        system = [part for part in read.mappings(read.mapping(body.get(field)).get("parts")) if part.get("text")]
        rest = _but(body, field)
        return {**rest, "contents": _before(system, "parts", read.items(body["contents"]))} if field else body
    turns = read.items(body.get("messages"))
    said = [turn for turn in turns if read.mapping(turn).get("role") in SYSTEM]
    if not said:
        return body
    words = [{"type": "text", "text": text} for turn in said if (text := _plain(read.mapping(turn).get("content")))]
    return {**body, "messages": _before(words, "content", [turn for turn in turns if turn not in said])}


def _plain(content: Json) -> str:
    if isinstance(content, str):
        return content
    return "\n\n".join(read.text(part.get("text")) for part in read.mappings(content))


def _before(words: list[dict[str, Json]], name: str, turns: list[Json]) -> list[Json]:
    """The turns with words before the first, which is made where it is not the user's."""
    first = read.mapping(turns[0]) if turns else {}
    if not words:
        return turns
    if first.get("role", "user") != "user":
        return [{"role": "user", name: words}, *turns]
    content = first.get(name)
    if isinstance(content, str):
        return [{**first, name: "\n\n".join([*(read.text(part["text"]) for part in words), content])}, *turns[1:]]
    return [{**first, name: [*words, *read.items(content)]}, *turns[1:]]


def _older_sizes(body: Body) -> Body:
    """Settings of vectors in their older place, also in each request of a batch (google-genai, EmbedContentConfig)."""
    if batch := read.mappings(body.get("requests")):
        changed = [_older_sizes(one) for one in batch]
        return body if _same(changed, batch) else {**body, "requests": changed}
    for name in ("embedContentConfig", "embed_content_config"):
        if config := read.mapping(body.get(name)):
            return {**_but(body, name), **config}
    return body


def _newer_limit(body: Body) -> Body:
    if "max_tokens" not in body:
        return body
    return {**_but(body, "max_tokens"), NEWER_LIMIT: body["max_tokens"]}


def _schema_in_words(body: Body) -> Body:
    if config := read.mapping(body.get("generationConfig")):
        return _gemini_in_words(body, config)
    form = read.mapping(body.get("response_format"))
    if form.get("type") != "json_schema":
        return body
    words = JSON_SCHEMA + dump_text(read.mapping(form.get("json_schema")).get("schema") or {})
    turns = [{"role": "system", "content": words}, *read.items(body.get("messages"))]
    return {**body, "response_format": {"type": "json_object"}, "messages": turns}


def _gemini_in_words(body: Body, config: Body) -> Body:
    found = {plain(name): value for name, value in config.items()}
    schema = found.get("responsejsonschema") or found.get("responseschema")
    if found.get("responsemimetype") != "application/json":
        return body
    words = {"text": JSON_SCHEMA + dump_text(schema) if schema else JSON_ONLY}
    name = "system_instruction" if "system_instruction" in body else "systemInstruction"
    system = [*read.items(read.mapping(body.get(name)).get("parts")), words]
    left = {field: value for field, value in config.items() if plain(field) not in FORMAT}
    return {**body, "generationConfig": left, name: {"parts": system}}


def _calls_without_thinking(body: Body) -> Body:
    """Thinking gives way to a forced call where it can be switched off, else the call is the model's choice."""
    model = read.text(body.get("model"))
    rules = vendors.chat("", model)
    if body.get("tool_choice") in (None, "auto", "none"):
        return body
    if can_be_off(rules) and rules.switch != "effort":
        return {**body, **write_effort("none", rules, model, [])}
    return {**body, "tool_choice": "auto"}


def _loose_tools(body: Body) -> Body:
    """``strict`` stands in the tool itself, or in its function."""
    for path in (["tools", "*", "strict"], ["tools", "*", "function", "strict"]):
        body = read.mapping(_without(body, path))
    return body


def _each_tool(body: Body, change: Callable[[Body], Body]) -> Body:
    """The body with each of its tools changed, wherever its protocol says what a tool is."""
    tools = body.get("tools")
    if not isinstance(tools, list):
        return body
    found = [_changed_tool(tool, change) for tool in tools]
    return body if _same(found, tools) else {**body, "tools": found}


def _changed_tool(tool: Json, change: Callable[[Body], Body]) -> Json:
    if not isinstance(tool, dict):
        return tool
    if declared := read.mappings(tool.get("functionDeclarations")):
        changed = [change(one) for one in declared]
        return tool if _same(changed, declared) else {**tool, "functionDeclarations": changed}
    for name in ("function", "custom"):
        if inner := read.mapping(tool.get(name)):
            found = change(inner)
            return tool if found is inner else {**tool, name: found}
    return change(tool)


def _shorter_tools(most: int, body: Body) -> Body:
    def shorter(tool: Body) -> Body:
        text = read.text(tool.get("description"))
        return {**tool, "description": text[: most - 1] + "…"} if len(text) > most else tool

    return _each_tool(body, shorter)


def _flat_schema(tool: Body) -> Body:
    for name in ("parameters", "input_schema"):
        schema = read.mapping(tool.get(name))
        if name in tool and (schema.get("type") != "object" or not schema.keys().isdisjoint(NOT_ON_TOP)):
            return {**tool, name: without_alternatives(schema, NOT_ON_TOP)}
    return tool


def _whole_arguments(body: Body) -> Body:
    """Calls stand in Chat's messages, and are items of Responses' input."""
    found = {
        name: [_with_arguments(item) for item in value]
        for name, value in body.items()
        if name in TALK and isinstance(value, list)
    }
    same = all(_same(items, body[name]) for name, items in found.items())
    return body if same else {**body, **found}


def _with_arguments(item: Json) -> Json:
    said = read.mapping(item)
    if isinstance(calls := said.get("tool_calls"), list):
        found = [_with_arguments(call) for call in calls]
        return item if _same(found, calls) else {**said, "tool_calls": found}
    if function := read.mapping(said.get("function")):
        found_one = _with_arguments(function)
        return item if found_one is function else {**said, "function": found_one}
    text = said.get("arguments")
    if not isinstance(text, str) or loads_object(text or "{}") is not None:
        return item
    whole = mended(text)
    return {**said, "arguments": whole if loads_object(whole) is not None else dump_text({RAW_ARGUMENTS: text})}


def _whole_text(value: Json) -> Json:
    """The value without halves of characters (U+D800 to U+DFFF), in whose places U+FFFD stands."""
    if isinstance(value, str):
        return value if value.isascii() else _paired(value)
    if isinstance(value, list):
        found = [_whole_text(item) for item in value]
        return value if _same(found, value) else found
    if not isinstance(value, dict):
        return value
    members = {name: _whole_text(member) for name, member in value.items()}
    return members if any(member is not value[name] for name, member in members.items()) else value


def _paired(text: str) -> str:
    found = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text if found == text else found


OWN: Final[Mapping[str, Callable[[Body], Body]]] = {
    NEWER_LIMIT: _newer_limit,
    "calls_without_thinking": _calls_without_thinking,
}
"""Cures of Chat's own words."""
ANYWHERE: Final[Mapping[str, Callable[[Body], Body]]] = {
    WHOLE_ARGUMENTS: _whole_arguments,
    WHOLE_CHARACTERS: _whole_text,
    FLAT_SCHEMAS: lambda body: _each_tool(body, _flat_schema),
    LOOSE_TOOLS: _loose_tools,
    NO_PREFILL: _users_turn,
    ONE_SAMPLING: lambda body: read.mapping(_without(body, ["top_p"])) if "temperature" in body else body,
    NUMBERS: lambda body: _but(body, "encoding_format"),
    PICTURES: _pictures_in_words,
    "schema_in_words": _schema_in_words,
    ITEM_IDS: _without_ids,
    WHOLE_ITEMS: _whole_items,
    OWN_THINKING: _own_thinking,
    NO_SYSTEM: _system_in_turns,
    SERVER_CALLS: _server_calls,
    OLDER_SIZES: _older_sizes,
    NOT_ENCRYPTED: _not_encrypted,
    LOW_EFFORT: _low_effort,
    CHATGPT: _as_chatgpt_wants,
    WHOLE: lambda body: _but(body, "stream", "stream_options"),
}
"""Those that read every protocol."""
