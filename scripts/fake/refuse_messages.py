"""What the Messages API refuses (platform.claude.com/docs/en/api/messages), in its own words."""

import re
from typing import Any

from scripts.fake.refused import IMAGE_TYPES, Refused, is_base64, objects, unknown

CLAUDE = re.compile(r"claude-(?:(opus|sonnet|haiku|fable|mythos)-)?(\d{1,2})(?:[-.](\d{1,2})(?!\d))?")
OWN_THOUGHTS = re.compile(r"deepseek|glm|kimi|minimax")
BEDROCK = re.compile(r"anthropic\.claude")
ID = re.compile(r"[a-zA-Z0-9_-]+")
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
LEGACY_USER = re.compile(r"user_[0-9a-f]{64}_account_[0-9a-f-]*_session_[0-9a-f-]{36}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.\w+")

BLOCKS: dict[str, dict[str, set[str]]] = {
    "user": {
        "text": {"text", "citations"}, "image": {"source"}, "document": {"source", "title", "context", "citations"},
        "tool_result": {"tool_use_id", "content", "is_error"}, "search_result": {"source", "title", "content", "citations"},
        "container_upload": {"file_id"},
    },
    "assistant": {
        "text": {"text", "citations"}, "tool_use": {"id", "name", "input", "caller"}, "thinking": {"thinking", "signature"},
        "redacted_thinking": {"data"}, "server_tool_use": {"id", "name", "input", "caller"},
        "web_search_tool_result": {"tool_use_id", "content", "caller"}, "web_fetch_tool_result": {"tool_use_id", "content", "caller"},
        "code_execution_tool_result": {"tool_use_id", "content"}, "bash_code_execution_tool_result": {"tool_use_id", "content"},
        "mcp_tool_use": {"id", "name", "input", "server_name"}, "mcp_tool_result": {"tool_use_id", "content", "is_error"},
    },
    "system": {"text": {"text"}},
}  # fmt: skip
TOOL = {
    "name", "description", "input_schema", "type", "cache_control", "strict", "defer_loading", "eager_input_streaming",
    "allowed_callers", "input_examples",
}  # fmt: skip
INSIDE_RESULT = ("text", "image", "document", "search_result", "tool_reference")


def check(body: dict[str, Any], model: str) -> None:
    """Raises Refused."""
    version = version_of(model)
    _limits(body, model, version)
    _system(body.get("system"), model)
    _tools(body)
    _grammar(body)
    _thinking(body, version)
    _sampling(body, version)
    _output(body, version)
    _conversation(body, model, version)
    marks = _marks(body)
    if marks > 4:
        raise Refused(f"A maximum of 4 blocks with cache_control may be provided. Found {marks}.")


def version_of(model: str) -> tuple[int, int] | None:
    """(4, 8) for claude-opus-4-8; None where it is no Claude."""
    found = CLAUDE.search(model)
    return (int(found[2]), int(found[3] or 0)) if found else None


def _limits(body: dict[str, Any], model: str, version: tuple[int, int] | None) -> None:
    limit = body["max_tokens"]
    if not isinstance(limit, int) or limit < 1:
        raise Refused("max_tokens: Input should be greater than or equal to 1")
    if any(not isinstance(stop, str) or not stop.strip() for stop in body.get("stop_sequences") or []):
        raise Refused("stop_sequences: each stop sequence must contain non-whitespace")
    if body.get("service_tier", "auto") not in ("auto", "standard_only"):
        raise Refused("service_tier: Input should be 'auto' or 'standard_only'")
    metadata = body.get("metadata") or {}
    if name := unknown(metadata, {"user_id"}):
        raise Refused(f"metadata.{name}: Extra inputs are not permitted")
    user = metadata.get("user_id") or ""
    if len(user) > 512:
        raise Refused("metadata.user_id: String should have at most 512 characters")
    if EMAIL.search(user):
        raise Refused("metadata.user_id: user_id appears to contain an email address")
    if "relay" in model and user and not LEGACY_USER.fullmatch(user):
        raise Refused("metadata.user_id: String should match pattern '^user_[0-9a-f]{64}_account_.*_session_.*$'")


def _system(system: Any, model: str) -> None:
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) and system else objects(system)
    for n, block in enumerate(blocks):
        if block.get("type") != "text":
            raise Refused(f"system.{n}.type: Input should be 'text'")
        if name := unknown(block, {"type", "text", "cache_control", "citations"}):
            raise Refused(f"system.{n}.{name}: Extra inputs are not permitted")
        if not str(block.get("text", "")).strip():
            raise Refused("system: text content blocks must be non-empty")
        if BEDROCK.search(model) and "x-anthropic-billing-header" in block["text"]:
            raise Refused("x-anthropic-billing-header is a reserved keyword and may not be used in the system prompt.")


def _tools(body: dict[str, Any]) -> set[str]:
    names: set[str] = set()
    for n, tool in enumerate(objects(body.get("tools"))):
        kind = tool.get("type", "custom")
        name = tool.get("name", "")
        if kind == "custom":
            if extra := unknown(tool, TOOL):
                raise Refused(f"tools.{n}.custom.{extra}: Extra inputs are not permitted")
            if not TOOL_NAME.fullmatch(name):
                raise Refused(f"tools.{n}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
            schema = tool.get("input_schema")
            if not isinstance(schema, dict) or schema.get("type") != "object":
                raise Refused(f"tools.{n}.custom.input_schema.type: Field required")
            if {"oneOf", "anyOf", "allOf"} & schema.keys():
                raise Refused(
                    f"tools.{n}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level"
                )
        if name in names:
            raise Refused("tools: Tool names must be unique.")
        names.add(name)
    _choice(body, names)
    return names


def _grammar(body: dict[str, Any]) -> None:
    """What is compiled together (platform.claude.com/docs/en/build-with-claude/structured-outputs)."""
    strict = [tool["input_schema"] for tool in objects(body.get("tools")) if tool.get("strict") is True]
    form = (body.get("output_config") or {}).get("format") or {}
    if len(strict) > 20:
        raise Refused(f"Too many strict tools ({len(strict)}). The maximum number of strict tools is 20.")
    inside = [one for schema in [*strict, form.get("schema")] for one in schemas_in(schema)]
    optional = sum(len(set(one.get("properties") or {}) - set(one.get("required") or [])) for one in inside)
    if optional > 24:
        raise Refused(
            f"Schemas contains too many optional parameters ({optional}), which would make grammar compilation "
            "inefficient. Reduce the number of optional parameters in your tool schemas (limit: 24)."
        )
    unions = sum("anyOf" in one or isinstance(one.get("type"), list) for one in inside)
    if unions > 16:
        raise Refused(f"Schemas contains too many parameters with union types ({unions}), (limit: 16).")


def schemas_in(value: Any) -> list[dict[str, Any]]:
    """Every schema in a schema."""
    if not isinstance(value, dict):
        return []
    inner = [one for name in ("properties", "$defs") for one in (value.get(name) or {}).values()]
    inner += [*(value.get("anyOf") or []), *(value.get("allOf") or []), value.get("items")]
    return [value, *(found for one in inner for found in schemas_in(one))]


def _choice(body: dict[str, Any], names: set[str]) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not isinstance(choice, dict) or choice.get("type") not in ("auto", "any", "tool", "none"):
        raise Refused("tool_choice: Input tag does not match any of the expected tags: 'auto', 'any', 'tool', 'none'")
    if extra := unknown(choice, {"type", "name", "disable_parallel_tool_use"}):
        raise Refused(f"tool_choice.{choice['type']}.{extra}: Extra inputs are not permitted")
    if not names:
        raise Refused("tool_choice may only be specified while providing tools")
    if choice["type"] == "tool" and choice.get("name") not in names:
        raise Refused(f"Tool '{choice.get('name')}' not found in provided tools")
    if choice["type"] in ("any", "tool") and (body.get("thinking") or {}).get("type") == "enabled":
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")


def _thinking(body: dict[str, Any], version: tuple[int, int] | None) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type")
    if kind not in ("enabled", "disabled", "adaptive", "between_tools"):
        raise Refused(
            "thinking: Input tag found using 'type' does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'"
        )
    if extra := unknown(thinking, {"type", "budget_tokens", "display"}):
        raise Refused(f"thinking.{kind}.{extra}: Extra inputs are not permitted")
    if kind == "enabled":
        if version and version >= (4, 7):
            raise Refused(
                '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
            )
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int):
            raise Refused("thinking.enabled.budget_tokens: Field required")
        if budget < 1024:
            raise Refused("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if budget >= body["max_tokens"]:
            raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`")
    if kind == "adaptive" and version and version < (4, 6):
        raise Refused("adaptive thinking is not supported on this model")


def _sampling(body: dict[str, Any], version: tuple[int, int] | None) -> None:
    thinks = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    temperature = body.get("temperature")
    if temperature is not None and not 0 <= temperature <= 1:
        raise Refused("temperature: range: 0..1")
    if thinks and temperature not in (None, 1):
        raise Refused("`temperature` may only be set to 1 when thinking is enabled")
    if thinks and "top_k" in body:
        raise Refused("`top_k` must be unset when thinking is enabled")
    if thinks and not 0.95 <= body.get("top_p", 1) <= 1:
        raise Refused("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled")
    if not version:
        return
    if version >= (4, 7) and (given := [name for name in ("temperature", "top_p", "top_k") if name in body]):
        raise Refused(f"`{given[0]}` is deprecated for this model.")
    if version >= (4, 5) and "temperature" in body and "top_p" in body:
        raise Refused("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


def _output(body: dict[str, Any], version: tuple[int, int] | None) -> None:
    config = body.get("output_config") or {}
    if extra := unknown(config, {"effort", "format", "task_budget"}):
        raise Refused(f"output_config.{extra}: Extra inputs are not permitted")
    if config.get("effort", "low") not in ("low", "medium", "high", "xhigh", "max"):
        raise Refused("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    if "effort" in config and version and version < (4, 5):
        raise Refused("This model does not support the effort parameter.")
    form = config.get("format") or body.get("output_format")
    if form is None:
        return
    if version and version < (4, 5):
        raise Refused("output_config.format: this model does not support structured outputs")
    if form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        raise Refused("output_config.format.schema: Field required")
    if extra := unknown(form, {"type", "schema"}):
        raise Refused(f"output_config.format.json_schema.{extra}: Extra inputs are not permitted")
    _closed(form["schema"])


def _closed(schema: Any) -> None:
    """Structured outputs want every object closed."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            raise Refused(
                "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
            )
        for inner in schema.values():
            _closed(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _closed(inner)


# ---- the conversation ------------------------------------------------------------------------------------------------
def _conversation(body: dict[str, Any], model: str, version: tuple[int, int] | None) -> None:
    messages = body["messages"]
    if not isinstance(messages, list) or not messages:
        raise Refused("messages: at least one message is required")
    thinking = (body.get("thinking") or {}).get("type")
    loop = _loop_start(messages)
    waiting: list[str] = []
    seen: set[str] = set()
    for n, message in enumerate(messages):
        at = f"messages.{n}"
        role, blocks = _turn(message, at, model, version)
        if not blocks and n < len(messages) - 1:
            raise Refused(
                f"{at}: all messages must have non-empty content except for the optional final assistant message"
            )
        if role == "user" or (waiting and role == "assistant"):
            _results(blocks, waiting, at)
            waiting = []
        calls = [block for block in blocks if block["type"] == "tool_use"]
        for call in calls:
            if call["id"] in seen:
                raise Refused(f"{at}: `tool_use` ids must be unique")
            seen.add(call["id"])
        if calls:
            running = n > loop or bool(OWN_THOUGHTS.search(model))
            _thought_first(blocks, thinking if running else None, at, model)
            waiting = [call["id"] for call in calls]
    if messages[0].get("role") != "user":
        raise Refused('messages: first message must use the "user" role')
    if waiting:
        raise Refused(
            f"messages.{len(messages) - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(waiting)}"
        )
    _ending(messages[-1], thinking, version)


def _loop_start(messages: list[dict[str, Any]]) -> int:
    """Where the user last said something of their own: from there on a tool loop must show its thinking."""
    found = 0
    for n, message in enumerate(messages):
        content = message.get("content")
        blocks = objects(content) if isinstance(content, list) else [{"type": "text"}]
        if message.get("role") == "user" and not any(block.get("type") == "tool_result" for block in blocks):
            found = n
    return found


def _turn(
    message: dict[str, Any], at: str, model: str, version: tuple[int, int] | None
) -> tuple[str, list[dict[str, Any]]]:
    """Role and blocks of one message."""
    role = message.get("role")
    if role not in ("user", "assistant", "system"):
        raise Refused(f"{at}.role: Input should be 'user' or 'assistant'")
    if role == "system" and (not version or version < (4, 8)):
        raise Refused("role 'system' is not supported on this model")
    if extra := unknown(message, {"role", "content", "output_config"}):
        raise Refused(f"{at}.{extra}: Extra inputs are not permitted")
    content = message.get("content")
    if not isinstance(content, str | list):
        raise Refused(f"{at}.content: Input should be a valid string or list")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for b, block in enumerate(blocks):
        _block(block, role, f"{at}.content.{b}", model)
    return role, blocks


def _ending(last: dict[str, Any], thinking: Any, version: tuple[int, int] | None) -> None:
    if last["role"] != "assistant":
        return
    if version and version >= (4, 6):
        raise Refused(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    if thinking in ("enabled", "adaptive"):
        raise Refused("When thinking is enabled, the conversation may not end with an assistant message.")
    content = last["content"]
    text = content if isinstance(content, str) else str(content[-1].get("text", "")) if content else ""
    if text != text.rstrip():
        raise Refused("messages: final assistant content cannot end with trailing whitespace")


def _results(blocks: list[dict[str, Any]], waiting: list[str], at: str) -> None:
    results = [block.get("tool_use_id") for block in blocks if block["type"] == "tool_result"]
    if missing := [id_ for id_ in waiting if id_ not in results]:
        raise Refused(
            f"{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
        )
    if odd := [id_ for id_ in results if id_ not in waiting]:
        raise Refused(
            f"{at}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {odd[0]}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
        )
    if len(set(results)) < len(results):
        raise Refused(
            f"{at}.content: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {results[0]}"
        )
    if waiting and any(block["type"] != "tool_result" for block in blocks[: len(results)]):
        raise Refused(f"{at}: `tool_result` blocks must come first in the content of the message after a `tool_use`")


def _thought_first(blocks: list[dict[str, Any]], thinking: Any, at: str, model: str) -> None:
    first = blocks[0]["type"]
    if OWN_THOUGHTS.search(model):
        if thinking == "enabled" and not any(block["type"] == "thinking" for block in blocks):
            raise Refused("The `content[].thinking` in the thinking mode must be passed back to the API.")
    elif thinking == "enabled" and first not in ("thinking", "redacted_thinking"):
        raise Refused(
            f"{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block."
        )


def _block(block: Any, role: str, at: str, model: str) -> None:
    kinds = BLOCKS[role]
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in kinds:
        raise Refused(
            f"{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {', '.join(map(repr, kinds))}"
        )
    if extra := unknown(block, kinds[kind] | {"type", "cache_control"}):
        raise Refused(f"{at}.{kind}.{extra}: Extra inputs are not permitted")
    if kind in ("thinking", "redacted_thinking") and "cache_control" in block:
        raise Refused(f"{at}.{kind}.cache_control: Extra inputs are not permitted")
    if kind in LOOKS:
        LOOKS[kind](block, at, model)


def _text(block: dict[str, Any], at: str, _: str) -> None:
    text = block.get("text")
    if not isinstance(text, str) or not text:
        raise Refused(f"{at.rpartition('.content')[0]}: text content blocks must be non-empty")
    if not text.strip():
        raise Refused(f"{at.rpartition('.content')[0]}: text content blocks must contain non-whitespace text")


def _source(block: dict[str, Any], at: str, _: str) -> None:
    source = block.get("source") or {}
    kind = source.get("type")
    if kind == "base64":
        media = source.get("media_type")
        known = IMAGE_TYPES if block["type"] == "image" else ("application/pdf",)
        if media not in known:
            raise Refused(
                f"{at}.{block['type']}.source.base64.media_type: Input should be {', '.join(map(repr, known))}"
            )
        if not is_base64(source.get("data")):
            raise Refused(f"{at}.{block['type']}.source.base64: invalid base64 data")
    elif kind == "url":
        if not str(source.get("url")).startswith("https://"):
            raise Refused("Only HTTPS URLs are supported.")
    elif kind == "file":
        if not str(source.get("file_id", "")).startswith("file_"):
            raise Refused(f"{at}.{block['type']}.source.file: file not found")
    elif kind not in ("text", "content") or block["type"] == "image":
        raise Refused(f"{at}.{block['type']}.source: Input tag '{kind}' does not match any of the expected tags")


def _tool_use(block: dict[str, Any], at: str, _: str) -> None:
    if not ID.fullmatch(str(block.get("id"))):
        raise Refused(f"{at}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if not TOOL_NAME.fullmatch(str(block.get("name"))):
        raise Refused(f"{at}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if not isinstance(block.get("input"), dict):
        raise Refused(f"{at}.tool_use.input: Input should be a valid dictionary")


def _tool_result(block: dict[str, Any], at: str, model: str) -> None:
    content = block.get("content", "")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise Refused(f"{at}.tool_result.content: Input should be a valid string or list")
    for n, inner in enumerate(content):
        if not isinstance(inner, dict) or inner.get("type") not in INSIDE_RESULT:
            raise Refused(f"{at}.tool_result.content.{n}: Input tag does not match any of the expected tags")
        _block(inner, "user", f"{at}.tool_result.content.{n}", model)
        if block.get("is_error") and inner["type"] != "text":
            raise Refused(f'{at}.tool_result: all content must be type "text" if "is_error" is true')


def _signed(block: dict[str, Any], at: str, model: str) -> None:
    if not isinstance(block.get("thinking"), str):
        raise Refused(f"{at}.thinking.thinking: Field required")
    if OWN_THOUGHTS.search(model):
        return
    if "signature" not in block:
        raise Refused(f"{at}.thinking.signature: Field required")
    if not str(block["signature"]).startswith("sig_"):
        raise Refused(f"{at}: Invalid `signature` in `thinking` block")


LOOKS = {
    "text": _text, "image": _source, "document": _source, "tool_use": _tool_use, "tool_result": _tool_result,
    "thinking": _signed,
}  # fmt: skip


def _marks(value: Any) -> int:
    if isinstance(value, dict):
        return (value.get("cache_control") is not None) + sum(map(_marks, value.values()))
    return sum(map(_marks, value)) if isinstance(value, list) else 0
