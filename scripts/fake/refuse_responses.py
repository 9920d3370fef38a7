"""What the Responses API refuses (platform.openai.com/docs/api-reference/responses), in its own words."""

import json
import re
from typing import Any

from scripts.fake.refuse_chat import EFFORTS, tools
from scripts.fake.refused import REASONING_MODELS, SAFE_NAME, Refused, data_url, objects, openai_schema, unknown

PARTS = {
    "user": {"input_text": {"text"}, "input_image": {"image_url", "file_id", "detail"},
             "input_file": {"file_data", "filename", "file_id", "file_url", "detail"}, "input_audio": {"input_audio"}},
    "assistant": {"output_text": {"text", "annotations", "logprobs"}, "refusal": {"refusal"}},
}  # fmt: skip
ITEMS: dict[str, set[str]] = {
    "message": {"role", "content", "status", "phase"},
    "function_call": {"call_id", "name", "arguments", "status", "namespace", "caller"},
    "function_call_output": {"call_id", "output", "status", "caller"},
    "custom_tool_call": {"call_id", "name", "input", "status", "namespace"},
    "custom_tool_call_output": {"call_id", "output", "status"},
    "reasoning": {"summary", "content", "encrypted_content"},
}  # fmt: skip
"""Items whose members are checked; others (server tools, compaction) pass."""

CODEX_FIELD = "internal_chat_message_metadata_passthrough"
"""Undocumented; Codex sends it with its built-in provider."""

PREFIXES = {"message": "msg", "function_call": "fc", "custom_tool_call": "ctc", "reasoning": "rs"}
FOLLOWS_REASONING = ("message", "function_call", "custom_tool_call", "reasoning", "web_search_call", "local_shell_call")


def check(body: dict[str, Any], model: str) -> None:
    """Raises Refused."""
    names = tools(body, lambda tool: tool, "tools[{}]")
    _choice(body.get("tool_choice"), body, names)
    _fields(body, model)
    _format(body)
    items = body.get("input", [])
    if not isinstance(items, str):
        _items(items, body.get("store") is False, bool(body.get("previous_response_id")))
    if "input" not in body and "prompt" not in body:
        raise Refused(
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided.",
            "missing_required_parameter",
            "input",
        )


def _choice(choice: Any, body: dict[str, Any], names: set[str]) -> None:
    if choice is None or choice in ("auto", "none"):
        return
    if not body.get("tools"):
        raise Refused("Tool choice is only allowed when 'tools' are specified.", "", "tool_choice")
    if isinstance(choice, str):
        if choice != "required":
            raise Refused(
                f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'.",
                "invalid_value",
                "tool_choice",
            )
        return
    if choice.get("type") in ("function", "custom") and choice.get("name") not in names:
        raise Refused(f"Tool choice '{choice.get('name')}' not found in 'tools' parameter.", "", "tool_choice")


def _fields(body: dict[str, Any], model: str) -> None:
    limit = body.get("max_output_tokens")
    if limit is not None and limit < 16:
        raise Refused(
            f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {limit} instead.",
            "integer_below_min_value",
            "max_output_tokens",
        )
    for name in ("prompt_cache_key", "safety_identifier"):
        if len(str(body.get(name) or "")) > 64:
            raise Refused(
                f"Invalid '{name}': string too long. Expected a string with maximum length 64.",
                "string_above_max_length",
                name,
            )
    if extra := unknown(body.get("text") or {}, {"format", "verbosity"}):
        raise Refused(f"Unknown parameter: 'text.{extra}'.", "unknown_parameter", f"text.{extra}")
    _reasoning_fields(body, model)


def _reasoning_fields(body: dict[str, Any], model: str) -> None:
    reasoning = body.get("reasoning") or {}
    if extra := unknown(reasoning, {"effort", "summary", "generate_summary", "context"}):
        raise Refused(f"Unknown parameter: 'reasoning.{extra}'.", "unknown_parameter", f"reasoning.{extra}")
    effort = reasoning.get("effort")
    if effort is not None and effort not in EFFORTS:
        raise Refused(
            f"Invalid value: '{effort}'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', and 'xhigh'.",
            "invalid_value",
            "reasoning.effort",
        )
    if reasoning.get("summary") not in (None, "auto", "concise", "detailed"):
        raise Refused(
            f"Invalid value: '{reasoning['summary']}'. Supported values are: 'concise', 'detailed', and 'auto'.",
            "invalid_value",
            "reasoning.summary",
        )
    if body.get("service_tier", "auto") not in (None, "auto", "default", "flex", "priority", "scale"):
        raise Refused(f"Invalid value: '{body['service_tier']}'.", "invalid_value", "service_tier")
    if REASONING_MODELS.search(model):
        for name in ("temperature", "top_p"):
            if body.get(name, 1) not in (None, 1) and effort != "none":
                raise Refused(
                    f"Unsupported parameter: '{name}' is not supported with this model.", "unsupported_parameter", name
                )
    elif effort is not None and re.search(r"(?:^|/)gpt-[34]", model):
        raise Refused(
            "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
            "unsupported_parameter",
            "reasoning.effort",
        )


def _format(body: dict[str, Any]) -> None:
    form = (body.get("text") or {}).get("format")
    if form is None:
        return
    kind = form.get("type")
    if kind not in ("text", "json_object", "json_schema"):
        raise Refused(
            f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            "invalid_value",
            "text.format.type",
        )
    if kind == "json_object" and "json" not in json.dumps(body.get("input")).lower():
        raise Refused(
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.",
            "",
            "input",
        )
    if kind == "json_schema":
        if not SAFE_NAME.fullmatch(str(form.get("name", ""))) or len(form["name"]) > 64:
            raise Refused(
                "Missing required parameter: 'text.format.name'.", "missing_required_parameter", "text.format.name"
            )
        openai_schema(form.get("schema"), f"response_format '{form['name']}'", form.get("strict") is True)


# ---- items -----------------------------------------------------------------------------------------------------------
def _items(items: Any, unstored: bool, continued: bool) -> None:
    if not isinstance(items, list) or not items:
        raise Refused("Invalid 'input': empty array.", "empty_array", "input")
    called: dict[str, str] = {}
    answered: set[str] = set()
    for n, item in enumerate(items):
        if not isinstance(item, dict):
            raise Refused(f"Invalid type for 'input[{n}]': expected an object.", "invalid_type", f"input[{n}]")
        kind = item.get("type") or ("message" if "role" in item else None)
        _item(item, kind, n)
        id_ = str(item.get("call_id"))
        continued = continued or kind == "item_reference"
        if kind == "reasoning":
            _reasoning(item, items[n + 1 :], unstored, n)
        elif kind in ("function_call", "custom_tool_call"):
            if id_ in called:
                raise Refused(
                    f"Duplicate item found with call_id {id_}. Remove duplicate items from your input and try again.",
                    "",
                    "input",
                )
            called[id_] = kind
        elif kind in ("function_call_output", "custom_tool_call_output"):
            words = "function" if kind.startswith("function") else "custom tool"
            if not continued and called.get(id_) != kind.removesuffix("_output"):
                raise Refused(f"No tool call found for {words} call output with call_id {id_}.", "", "input")
            if id_ in answered:
                raise Refused(f"Duplicate output for call_id {id_}.", "", "input")
            answered.add(id_)
    for id_, kind in called.items():
        if id_ not in answered:
            words = "function call" if kind == "function_call" else "custom tool call"
            raise Refused(f"No tool output found for {words} {id_}.", "", "input")


def _item(item: dict[str, Any], kind: Any, n: int) -> None:
    at = f"input[{n}]"
    if kind is None:
        raise Refused(f"Missing required parameter: '{at}.type'.", "missing_required_parameter", f"{at}.type")
    known = ITEMS.get(str(kind))
    if known is None:
        return
    if extra := unknown(item, known | {"type", "id", CODEX_FIELD}):
        raise Refused(f"Unknown parameter: '{at}.{extra}'.", "unknown_parameter", f"{at}.{extra}")
    prefix = PREFIXES.get(str(kind))
    if prefix and item.get("id") is not None and not str(item["id"]).startswith(prefix):
        raise Refused(
            f"Invalid '{at}.id': '{item['id']}'. Expected an ID that begins with '{prefix}'.",
            "invalid_value",
            f"{at}.id",
        )
    if kind == "message":
        _message(item, at)
    elif kind == "function_call":
        if not isinstance(item.get("arguments"), str):
            raise Refused(f"Invalid type for '{at}.arguments': expected a string.", "invalid_type", f"{at}.arguments")
        if not SAFE_NAME.fullmatch(str(item.get("name"))):
            raise Refused(f"Invalid '{at}.name': string does not match pattern.", "invalid_value", f"{at}.name")
    elif kind in ("function_call_output", "custom_tool_call_output"):
        _output(item.get("output"), at)
    if "call_id" in known and not 0 < len(str(item.get("call_id") or "")) <= 64:
        raise Refused(
            f"Invalid '{at}.call_id': string too long. Expected a string with maximum length 64.",
            "string_above_max_length",
            f"{at}.call_id",
        )


def _output(output: Any, at: str) -> None:
    for p, part in enumerate(objects(output)):
        _part(part, "user", f"{at}.output[{p}]")
    if not isinstance(output, str | list):
        raise Refused(f"Invalid type for '{at}.output': expected a string or an array.", "invalid_type", f"{at}.output")


def _message(item: dict[str, Any], at: str) -> None:
    role = item.get("role")
    if role not in ("user", "assistant", "system", "developer"):
        raise Refused(
            f"Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'.",
            "invalid_value",
            f"{at}.role",
        )
    content = item.get("content")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise Refused(
            f"Invalid type for '{at}.content': expected a string or an array.", "invalid_type", f"{at}.content"
        )
    for p, part in enumerate(content):
        _part(part, "assistant" if role == "assistant" else "user", f"{at}.content[{p}]")


def _part(part: Any, role: str, at: str) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in PARTS[role]:
        known = ", ".join(repr(name) for name in PARTS[role])
        raise Refused(f"Invalid value: '{kind}'. Supported values are: {known}.", "invalid_value", f"{at}.type")
    if extra := unknown(part, PARTS[role][kind] | {"type"}):
        raise Refused(f"Unknown parameter: '{at}.{extra}'.", "unknown_parameter", f"{at}.{extra}")
    if kind == "input_image" and not part.get("file_id"):
        data, url = data_url(part.get("image_url")), str(part.get("image_url"))
        if not (data and data[0].startswith("image/")) and not url.startswith(("http://", "https://")):
            raise Refused(
                f"Invalid '{at}.image_url'. Expected a valid URL, but got a value with an invalid format.",
                "invalid_value",
                f"{at}.image_url",
            )
    if kind == "input_file" and not part.get("file_id") and not part.get("file_url"):
        if not data_url(part.get("file_data")):
            raise Refused(
                f"Invalid '{at}.file_data': expected a base64-encoded data URL.", "invalid_value", f"{at}.file_data"
            )
        if not part.get("filename"):
            raise Refused(
                f"Missing required parameter: '{at}.filename'.", "missing_required_parameter", f"{at}.filename"
            )


def _reasoning(item: dict[str, Any], following: list[Any], unstored: bool, n: int) -> None:
    if not isinstance(item.get("summary"), list):
        raise Refused(
            f"Missing required parameter: 'input[{n}].summary'.", "missing_required_parameter", f"input[{n}].summary"
        )
    sealed = item.get("encrypted_content")
    if sealed is not None and not str(sealed).startswith("enc_"):
        raise Refused(
            f"The encrypted content for item {item.get('id')} could not be verified.", "invalid_encrypted_content"
        )
    if unstored and sealed is None:
        raise Refused(
            f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false.",
            "",
            "input",
            404,
        )
    after = following[0] if following and isinstance(following[0], dict) else {}
    if (after.get("type") or "message") not in FOLLOWS_REASONING or after.get("role") in (
        "user",
        "system",
        "developer",
    ):
        raise Refused(
            f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following item.",
            "",
            "input",
        )
