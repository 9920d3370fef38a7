"""What Chat Completions refuse (platform.openai.com/docs/api-reference/chat), and some other vendors' servers."""

import json
import re
from typing import Any

from scripts.fake.refused import (
    OPENAI_MODELS,
    REASONING_MODELS,
    SAFE_NAME,
    Refused,
    data_url,
    objects,
    openai_schema,
    unknown,
)

MISTRAL = re.compile(r"mistral|codestral|magistral")
DEEPSEEK = re.compile(r"deepseek")
QWEN = re.compile(r"qwen")
GLM = re.compile(r"glm")
GOOGLE = re.compile(r"gemini-3")

MESSAGE = {
    "system": {"content", "name"}, "developer": {"content", "name"}, "user": {"content", "name"},
    "assistant": {"content", "name", "refusal", "audio", "tool_calls", "function_call", "annotations"},
    "tool": {"content", "tool_call_id", "name"}, "function": {"content", "name"},
}  # fmt: skip
PARTS = {
    "system": ("text",), "developer": ("text",), "tool": ("text",), "assistant": ("text", "refusal"),
    "user": ("text", "image_url", "input_audio", "file"), "function": (),
}  # fmt: skip
PART = {
    "text": {"text"}, "refusal": {"refusal"}, "image_url": {"image_url"}, "input_audio": {"input_audio"}, "file": {"file"},
}  # fmt: skip
REASONING_REFUSES = ("top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias", "stop")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def check(body: dict[str, Any], model: str) -> None:
    """Raises Refused."""
    _vendors(body, model)
    names = tools(body, lambda tool: tool.get("function") or {}, "tools[{}].function")
    _choice(body, names)
    _fields(body, model)
    _format(body)
    _conversation(body, model)


def _vendors(body: dict[str, Any], model: str) -> None:
    """Servers of other vendors."""
    messages = objects(body["messages"])
    if MISTRAL.search(model):
        for name in ("max_completion_tokens", "stream_options", "seed", "user"):
            if name in body:
                raise Refused(f"Extra inputs are not permitted: body.{name}", "extra_forbidden", name, 422)
    if not OPENAI_MODELS.search(model) and any(message.get("role") == "developer" for message in messages):
        raise Refused(
            "Failed to deserialize the JSON body into the target type: messages[0].role: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool`",
            "invalid_request_error",
        )
    if QWEN.search(model) and any(message.get("role") == "system" for message in messages[1:]):
        raise Refused("System message must be at the beginning.", "BadRequestError")
    calls = [message for message in messages if message.get("tool_calls")]
    if DEEPSEEK.search(model) and any(not message.get("reasoning_content") for message in calls):
        raise Refused(
            "The `reasoning_content` in the thinking mode must be passed back to the API.", "invalid_request_error"
        )
    if GOOGLE.search(model) and any(not _google_signature(message) for message in calls):
        raise Refused("Function call is missing a thought_signature in functionCall parts.")
    if "tool_stream" in body and not GLM.search(model):
        raise Refused("Unrecognized request argument supplied: tool_stream")


def _google_signature(message: dict[str, Any]) -> Any:
    return ((message["tool_calls"][0].get("extra_content") or {}).get("google") or {}).get("thought_signature")


def tools(body: dict[str, Any], function: Any, at: str) -> set[str]:
    """The tools' names. Shared with Responses, where functions are flat."""
    names: set[str] = set()
    for n, tool in enumerate(objects(body.get("tools"))):
        kind = tool.get("type")
        if kind == "custom":
            names.add((tool.get("custom") or tool).get("name", ""))
            continue
        if kind != "function":
            if function(tool) is not tool:
                raise Refused(
                    f"Invalid value: '{kind}'. Supported values are: 'function' and 'custom'.",
                    "invalid_value",
                    f"tools[{n}].type",
                )
            continue
        inner = function(tool)
        where = at.format(n)
        name = inner.get("name")
        if not name:
            raise Refused(f"Missing required parameter: '{where}.name'.", "missing_required_parameter", f"{where}.name")
        if len(name) > 64 or not SAFE_NAME.fullmatch(name):
            raise Refused(
                f"Invalid '{where}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
                "invalid_value", f"{where}.name",
            )  # fmt: skip
        if extra := unknown(
            inner, {"type", "name", "description", "parameters", "strict", "defer_loading", "output_schema"}
        ):
            raise Refused(f"Unknown parameter: '{where}.{extra}'.", "unknown_parameter", f"{where}.{extra}")
        if inner.get("parameters") is not None:
            openai_schema(inner["parameters"], f"function '{name}'", inner.get("strict") is True)
        names.add(name)
    return names


def _choice(body: dict[str, Any], names: set[str]) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        if "parallel_tool_calls" in body and not names:
            raise Refused(
                "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified."
            )
        return
    if not names and choice != "none":
        raise Refused("Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.")
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            raise Refused(
                f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'.",
                "invalid_value",
                "tool_choice",
            )
        return
    kind = choice.get("type")
    if kind == "allowed_tools":
        return
    if kind not in ("function", "custom") or not isinstance(choice.get(kind), dict):
        raise Refused(
            "Missing required parameter: 'tool_choice.function'.", "missing_required_parameter", "tool_choice.function"
        )
    if choice[kind].get("name") not in names:
        raise Refused(f"Invalid value for 'tool_choice': function '{choice[kind].get('name')}' not found in 'tools'.")


def _fields(body: dict[str, Any], model: str) -> None:
    if "max_tokens" in body and "max_completion_tokens" in body:
        raise Refused("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    if "stream_options" in body and body.get("stream") is not True:
        raise Refused("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "", "stream_options")
    if isinstance(body.get("stop"), list) and len(body["stop"]) > 4:
        raise Refused(
            "Invalid 'stop': array too long. Expected an array with maximum length 4.", "array_above_max_length", "stop"
        )
    for name in ("prompt_cache_key", "safety_identifier"):
        if len(str(body.get(name) or "")) > 64:
            raise Refused(
                f"Invalid '{name}': string too long. Expected a string with maximum length 64.",
                "string_above_max_length",
                name,
            )
    if not 0 <= (body.get("temperature") or 0) <= 2:
        raise Refused(
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2.",
            "decimal_above_max_value",
            "temperature",
        )
    if "metadata" in body and not body.get("store"):
        raise Refused("The 'metadata' parameter is only allowed when 'store' is enabled.", "", "metadata")
    if OPENAI_MODELS.search(model):
        _openai_fields(body, model)


def _openai_fields(body: dict[str, Any], model: str) -> None:
    if "top_k" in body:
        raise Refused("Unrecognized request argument supplied: top_k")
    if body.get("reasoning_effort", "low") not in EFFORTS:
        raise Refused(
            f"Invalid value: '{body['reasoning_effort']}'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', and 'xhigh'.",
            "invalid_value",
            "reasoning_effort",
        )
    if body.get("service_tier", "auto") not in ("auto", "default", "flex", "priority", "scale"):
        raise Refused(f"Invalid value: '{body['service_tier']}'.", "invalid_value", "service_tier")
    if not REASONING_MODELS.search(model):
        if "reasoning_effort" in body:
            raise Refused("Unrecognized request argument supplied: reasoning_effort")
        return
    if "max_tokens" in body:
        raise Refused(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "unsupported_parameter", "max_tokens",
        )  # fmt: skip
    free = body.get("reasoning_effort") == "none"
    if body.get("temperature", 1) != 1 and not free:
        raise Refused(
            "Unsupported value: 'temperature' does not support this value with this model. Only the default (1) value is supported.",
            "unsupported_value", "temperature",
        )  # fmt: skip
    for name in REASONING_REFUSES:
        if name in body and not (free and name != "stop"):
            raise Refused(
                f"Unsupported parameter: '{name}' is not supported with this model.", "unsupported_parameter", name
            )
    if "parallel_tool_calls" in body and re.search(r"(?:^|/)o[1-9]", model):
        raise Refused(
            "Unsupported parameter: 'parallel_tool_calls' is not supported with this model.",
            "unsupported_parameter",
            "parallel_tool_calls",
        )


def _format(body: dict[str, Any]) -> None:
    form = body.get("response_format")
    if form is None:
        return
    kind = form.get("type")
    if kind not in ("text", "json_object", "json_schema"):
        raise Refused(
            f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            "invalid_value",
            "response_format.type",
        )
    if kind == "json_object" and "json" not in json.dumps(body["messages"]).lower():
        raise Refused(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "",
            "messages",
        )
    if kind == "json_schema":
        inner = form.get("json_schema") or {}
        if not SAFE_NAME.fullmatch(str(inner.get("name", ""))) or len(inner["name"]) > 64:
            raise Refused(
                "Missing required parameter: 'response_format.json_schema.name'.",
                "missing_required_parameter",
                "response_format.json_schema.name",
            )
        openai_schema(inner.get("schema"), f"response_format '{inner['name']}'", inner.get("strict") is True)


# ---- the conversation ------------------------------------------------------------------------------------------------
def _conversation(body: dict[str, Any], model: str) -> None:
    messages = body["messages"]
    if not isinstance(messages, list) or not messages:
        raise Refused(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            "empty_array",
            "messages",
        )
    waiting: list[str] = []
    for n, message in enumerate(messages):
        role = message.get("role")
        if role not in MESSAGE:
            raise Refused(
                f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
                "invalid_value", f"messages[{n}].role",
            )  # fmt: skip
        extra = unknown(message, MESSAGE[role] | {"role"})
        if extra and OPENAI_MODELS.search(model):
            raise Refused(f"Unknown parameter: 'messages[{n}].{extra}'.", "unknown_parameter", f"messages[{n}].{extra}")
        _content(message, role, n, model)
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                raise Refused(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
                    "",
                    f"messages[{n}].role",
                )
            waiting.remove(message["tool_call_id"])
        elif waiting:
            _unanswered(waiting)
        waiting += [_call(call, n, c) for c, call in enumerate(message.get("tool_calls") or [])]
        if message.get("tool_calls") == []:
            raise Refused(
                f"Invalid 'messages[{n}].tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead.",
                "empty_array",
            )
    if waiting:
        _unanswered(waiting)


def _unanswered(waiting: list[str]) -> None:
    raise Refused(
        f"An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(waiting)}",
        "", "messages",
    )  # fmt: skip


def _call(call: dict[str, Any], n: int, c: int) -> str:
    at = f"messages[{n}].tool_calls[{c}]"
    inner = call.get(str(call.get("type"))) or {}
    text = inner.get("arguments") if call.get("type") == "function" else inner.get("input")
    if not isinstance(call.get("id"), str) or not 0 < len(call["id"]) <= 40:
        raise Refused(
            f"Invalid '{at}.id': string too long. Expected a string with maximum length 40.",
            "string_above_max_length",
            f"{at}.id",
        )
    if not isinstance(text, str):
        raise Refused(
            f"Invalid type for '{at}.function.arguments': expected a string.",
            "invalid_type",
            f"{at}.function.arguments",
        )
    if not SAFE_NAME.fullmatch(str(inner.get("name"))) or len(inner["name"]) > 64:
        raise Refused(
            f"Invalid '{at}.function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
            "invalid_value",
            f"{at}.function.name",
        )
    return str(call["id"])


def _content(message: dict[str, Any], role: str, n: int, model: str) -> None:
    content = message.get("content")
    at = f"messages[{n}].content"
    if content is None:
        if role == "assistant" and (message.get("tool_calls") or message.get("refusal") or message.get("audio")):
            return
        raise Refused("Invalid value for 'content': expected a string, got null.", "", at)
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not content:
        raise Refused(f"Invalid type for '{at}': expected one of a string or array of objects.", "invalid_type", at)
    for p, part in enumerate(content):
        _part(part, role, f"{at}[{p}]", model)


def _part(part: dict[str, Any], role: str, at: str, model: str) -> None:
    kind = part.get("type")
    if kind not in PARTS[role]:
        known = ", ".join(repr(name) for name in PARTS[role])
        raise Refused(f"Invalid value: '{kind}'. Supported values are: {known}.", "invalid_value", f"{at}.type")
    extra = unknown(part, PART[kind] | {"type"})
    if extra and OPENAI_MODELS.search(model):
        raise Refused(f"Unknown parameter: '{at}.{extra}'.", "unknown_parameter", f"{at}.{extra}")
    inner: Any = part.get(str(kind))
    match kind:
        case "image_url":
            url = inner.get("url") if isinstance(inner, dict) else None
            data = data_url(url)
            if not (data and data[0].startswith("image/")) and not str(url).startswith(("http://", "https://")):
                raise Refused(
                    "Invalid 'image_url'. Expected a valid URL or a data URL with a base64-encoded image.",
                    "invalid_image_url",
                    at,
                )
            if "local-vision" in model and not data:
                raise Refused("Failed to fetch image from URL: this server has no way out", "invalid_image_url", at)
        case "file":
            if not inner.get("file_id") and not (data_url(inner.get("file_data")) and inner.get("filename")):
                raise Refused(
                    f"Invalid '{at}.file.file_data': expected a base64-encoded data URL with a filename.",
                    "invalid_value",
                    at,
                )
        case "input_audio":
            if inner.get("format") not in ("wav", "mp3"):
                raise Refused(
                    f"Invalid value: '{inner.get('format')}'. Supported values are: 'wav' and 'mp3'.",
                    "invalid_value",
                    at,
                )
        case _:
            if not isinstance(inner, str):
                raise Refused(f"Invalid type for '{at}.{kind}': expected a string.", "invalid_type", at)
