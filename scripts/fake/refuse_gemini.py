"""What generateContent refuses (ai.google.dev/api/generate-content), in its own words."""

import re
from typing import Any

from scripts.fake.refused import Refused, is_base64, objects, unknown

CONFIG = {
    "stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities", "candidateCount",
    "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty", "frequencyPenalty", "responseLogprobs",
    "logprobs", "enableEnhancedCivicAnswers", "speechConfig", "thinkingConfig", "imageConfig", "mediaResolution",
}  # fmt: skip
DATA = {
    "text", "inlineData", "functionCall", "functionResponse", "fileData", "executableCode", "codeExecutionResult",
    "toolCall", "toolResponse",
}  # fmt: skip
PART = DATA | {"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"}
SCHEMA = {
    "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
    "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering", "default",
    "items", "minimum", "maximum",
}  # fmt: skip
NUMBERED = ("", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
"""JSON may have an enum's numbers as well."""
TYPES = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL", "TYPE_UNSPECIFIED"}
TOOL = {
    "functionDeclarations", "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "computerUse",
    "fileSearch", "googleMaps", "mcpServers",
}  # fmt: skip
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
OWN_SIGNATURES = ("c2ln", "skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
FLAT_MIMES = re.compile(
    r"image/(?:png|jpeg|webp|heic|heif)|application/(?:pdf|json)|audio/[\w.-]+|video/[\w.-]+|text/[\w.-]+"
)


def check(body: dict[str, Any], model: str) -> None:
    """Raises Refused."""
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        raise Refused("* GenerateContentRequest.contents: contents is not specified")
    _system(body.get("systemInstruction"))
    names = _tools(body)
    _tool_config(body, names)
    _config(body, model, bool(names))
    _conversation(contents, model)


def no_field(name: str, at: str = "") -> Refused:
    where = f" at '{at}'" if at else ""
    return Refused(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.')


def _system(system: Any) -> None:
    if system is None:
        return
    if extra := unknown(system, {"parts", "role"}):
        raise no_field(extra, "system_instruction")
    if not objects(system.get("parts")) or any(not part.get("text") for part in system["parts"]):
        raise Refused("* GenerateContentRequest.system_instruction.parts: contents.parts must not be empty.")


# ---- tools -----------------------------------------------------------------------------------------------------------
def _tools(body: dict[str, Any]) -> set[str]:
    names: set[str] = set()
    for t, tool in enumerate(objects(body.get("tools"))):
        if extra := unknown(tool, TOOL):
            raise no_field(extra, f"tools[{t}]")
        for d, declaration in enumerate(objects(tool.get("functionDeclarations"))):
            at = f"tools[{t}].function_declarations[{d}]"
            if extra := unknown(
                declaration,
                {
                    "name",
                    "description",
                    "parameters",
                    "parametersJsonSchema",
                    "response",
                    "responseJsonSchema",
                    "behavior",
                },
            ):
                raise no_field(extra, at)
            name = str(declaration.get("name", ""))
            if not NAME.fullmatch(name):
                raise Refused(
                    f"* GenerateContentRequest.{at}.name: Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128."
                )
            if name in names:
                raise Refused(f"Duplicate function declaration found: {name}")
            if "parameters" in declaration and "parametersJsonSchema" in declaration:
                raise Refused(f"Only one of parameters and parameters_json_schema may be set at '{at}'.")
            if "parameters" in declaration:
                schema(declaration["parameters"], f"{at}.parameters")
            names.add(name)
    return names


def schema(value: Any, at: str) -> None:
    """The subset of OpenAPI that ``parameters`` and ``responseSchema`` are (ai.google.dev/api/caching#Schema)."""
    if not isinstance(value, dict):
        raise Refused(f"Invalid value at '{at}' (type.googleapis.com/google.ai.generativelanguage.v1beta.Schema)")
    if extra := unknown(value, SCHEMA):
        raise no_field(extra, at)
    kind = value.get("type")
    if isinstance(kind, list):
        raise Refused(
            f"Invalid JSON payload received. Unknown name \"type\" at '{at}': Proto field is not repeating, cannot start list."
        )
    kind = NUMBERED[kind] if isinstance(kind, int) and kind < len(NUMBERED) else str(kind or "").upper()
    if kind and kind not in TYPES:
        raise Refused(
            f"Invalid value at '{at}.type' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), \"{value['type']}\""
        )
    _leaf(value, kind, at)
    properties = value.get("properties")
    if kind == "OBJECT" and not properties and "properties" in value:
        raise Refused(f"* GenerateContentRequest.{at}.properties: should be non-empty for OBJECT type")
    for n, name in enumerate(value.get("required") or []):
        if name not in (properties or {}):
            raise Refused(f"* GenerateContentRequest.{at}.required[{n}]: property is not defined")
    for name, inner in (properties or {}).items():
        schema(inner, f"{at}.properties[{name}]")
    if "items" in value:
        schema(value["items"], f"{at}.items")
    for n, inner in enumerate(value.get("anyOf") or []):
        schema(inner, f"{at}.any_of[{n}]")


def _leaf(value: dict[str, Any], kind: str, at: str) -> None:
    if "enum" in value and (kind != "STRING" or any(not isinstance(word, str) or not word for word in value["enum"])):
        raise Refused(f"* GenerateContentRequest.{at}.enum: only allowed for STRING type")
    if kind == "STRING" and value.get("format") not in (None, "enum", "date-time"):
        raise Refused(f"* GenerateContentRequest.{at}: only 'enum' and 'date-time' are supported for STRING type")
    if kind == "ARRAY" and "items" not in value:
        raise Refused(f"* GenerateContentRequest.{at}.items: missing field.")


def _tool_config(body: dict[str, Any], names: set[str]) -> None:
    config = body.get("toolConfig")
    if config is None:
        return
    if extra := unknown(config, {"functionCallingConfig", "retrievalConfig", "includeServerSideToolInvocations"}):
        raise no_field(extra, "tool_config")
    calling = config.get("functionCallingConfig") or {}
    if extra := unknown(calling, {"mode", "allowedFunctionNames", "streamFunctionCallArguments"}):
        raise no_field(extra, "tool_config.function_calling_config")
    mode = calling.get("mode", "AUTO")
    if mode not in (0, 1, 2, 3, 4, "AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"):
        raise Refused(f"Invalid value at 'tool_config.function_calling_config.mode', \"{mode}\"")
    if not names:
        raise Refused("Function calling config is set without function_declarations.")
    allowed = calling.get("allowedFunctionNames") or []
    if allowed and mode not in ("ANY", "VALIDATED"):
        raise Refused(
            "Function calling config: allowed_function_names should be set only when function calling mode is ANY."
        )
    if odd := [name for name in allowed if name not in names]:
        raise Refused(f"Function calling config: allowed_function_names contains an undeclared function: {odd[0]}")


# ---- configuration ---------------------------------------------------------------------------------------------------
def _config(body: dict[str, Any], model: str, has_functions: bool) -> None:
    config = body.get("generationConfig") or {}
    if extra := unknown(config, CONFIG):
        raise no_field(extra, "generation_config")
    if len(config.get("stopSequences") or []) > 5:
        raise Refused("The number of stop sequences must be at most 5.")
    if config.get("maxOutputTokens", 1) < 1:
        raise Refused("max_output_tokens must be positive.")
    if not 0 <= config.get("temperature", 1) <= 2:
        raise Refused(
            "* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0]."
        )
    mime = config.get("responseMimeType", "text/plain")
    shaped = "responseSchema" in config or "responseJsonSchema" in config
    if shaped and mime not in ("application/json", "text/x.enum"):
        raise Refused(
            "* GenerateContentRequest.generation_config.response_schema: response_schema is only supported with response_mime_type application/json"
        )
    if "responseSchema" in config:
        schema(config["responseSchema"], "generation_config.response_schema")
    if "responseSchema" in config and "responseJsonSchema" in config:
        raise Refused("Only one of response_schema and response_json_schema may be set.")
    if mime == "application/json" and has_functions and not model.startswith("gemini-3"):
        raise Refused("Function calling with a response mime type: 'application/json' is unsupported")
    _thinking(config.get("thinkingConfig"), model)


def _thinking(thinking: Any, model: str) -> None:
    if thinking is None:
        return
    if extra := unknown(thinking, {"includeThoughts", "thinkingBudget", "thinkingLevel"}):
        raise no_field(extra, "generation_config.thinking_config")
    if re.match(r"gemini-[12]\.[05]-", model) and "2.5" not in model:
        raise Refused("Thinking is not enabled for this model.")
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    if budget is not None and level is not None:
        raise Refused("You can only set only one of thinking budget and thinking level.")
    if level == "THINKING_LEVEL_UNSPECIFIED":
        level = None  # as not said at all
    if level is not None and not model.startswith("gemini-3"):
        raise Refused("Thinking level is not supported for this model.")
    if level is not None and str(level).upper() not in ("MINIMAL", "LOW", "MEDIUM", "HIGH"):
        raise Refused(f"Invalid value at 'generation_config.thinking_config.thinking_level', \"{level}\"")
    if budget == 0 and "pro" in model:
        raise Refused("Budget 0 is invalid. This model only works in thinking mode.")
    if budget is not None and not (budget == -1 or budget == 0 or 128 <= budget <= 32_768):
        raise Refused("The thinking budget is out of range. Please choose a value between 128 and 32768.")


# ---- the conversation ------------------------------------------------------------------------------------------------
def _conversation(contents: list[Any], model: str) -> None:
    called: list[str] = []
    turn = _current_turn(contents)
    for c, content in enumerate(contents):
        at = f"contents[{c}]"
        if not isinstance(content, dict):
            raise Refused(f"Invalid value at '{at}'")
        if extra := unknown(content, {"role", "parts"}):
            raise no_field(extra, at)
        role = content.get("role", "user")
        if role not in ("user", "model", "function"):
            raise Refused("Please use a valid role: user, model.")
        parts = content.get("parts")
        if not isinstance(parts, list) or not parts:
            raise Refused(f"* GenerateContentRequest.{at}.parts: contents.parts must not be empty.")
        for p, part in enumerate(parts):
            _part(part, f"{at}.parts[{p}]", model)
        answered = [part["functionResponse"].get("name", "") for part in parts if "functionResponse" in part]
        calls = [part for part in parts if "functionCall" in part]
        if len(answered) != len(called):
            raise Refused(
                "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn."
            )
        if sorted(answered) != sorted(called):
            raise Refused("Please ensure that function response names match the function calls of the preceding turn.")
        if calls and (role != "model" or c == 0):
            raise Refused(
                "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
            )
        if calls and model.startswith("gemini-3") and c > turn and not calls[0].get("thoughtSignature"):
            raise Refused(
                f"Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly. Additional data, function call `default_api:{calls[0]['functionCall'].get('name')}`, position {c}."
            )
        called = [call["functionCall"].get("name", "") for call in calls]
    if contents[0].get("role", "user") == "model" and "functionCall" in contents[0]["parts"][0]:
        raise Refused("Please ensure that multiturn requests begin with a user turn.")


def _current_turn(contents: list[Any]) -> int:
    """Where the last text of the user stands: signatures are checked from there on."""
    last = 0
    for c, content in enumerate(contents):
        if content.get("role", "user") == "user" and any("text" in part for part in objects(content.get("parts"))):
            last = c
    return last


def _part(part: Any, at: str, model: str) -> None:
    if not isinstance(part, dict):
        raise Refused(f"Invalid value at '{at}'")
    if extra := unknown(part, PART):
        raise no_field(extra, at)
    data = [name for name in part if name in DATA]
    if len(data) > 1:
        raise Refused(f"Invalid value at '{at}' (oneof), oneof field 'data' is already set. Cannot set '{data[1]}'")
    signature = part.get("thoughtSignature")
    if signature is not None and re.match(r"gemini-(?:1|2\.0)", model):
        raise no_field("thoughtSignature", at)
    if signature is not None and not str(signature).startswith(OWN_SIGNATURES):
        raise Refused("Thought signature is not valid.")
    if not data or (part.get("text") == "" and signature is None):
        raise Refused(f"Unable to submit request because it must have a text parameter. ({at})")
    _data(data[0], part[data[0]], at)


def _data(kind: str, inner: Any, at: str) -> None:
    match kind:
        case "inlineData":
            if unknown(inner, {"mimeType", "data", "displayName"}) or not is_base64(inner.get("data"), url_safe=True):
                raise Refused(f"Invalid value at '{at}.inline_data.data' (TYPE_BYTES), Base64 decoding failed")
            if not FLAT_MIMES.fullmatch(str(inner.get("mimeType"))):
                raise Refused(f"Unsupported MIME type: {inner.get('mimeType')}")
        case "fileData":
            if unknown(inner, {"mimeType", "fileUri", "displayName"}) or not inner.get("fileUri"):
                raise Refused(f"Invalid value at '{at}.file_data'")
        case "functionCall":
            if extra := unknown(inner, {"id", "name", "args"}):
                raise no_field(extra, f"{at}.function_call")
            if not isinstance(inner.get("args", {}), dict):
                raise Refused(
                    f"Invalid value at '{at}.function_call.args' (type.googleapis.com/google.protobuf.Struct)"
                )
        case "functionResponse":
            if extra := unknown(inner, {"id", "name", "response", "parts", "willContinue", "scheduling"}):
                raise no_field(extra, f"{at}.function_response")
            if not isinstance(inner.get("response"), dict):
                raise Refused(
                    f"Invalid value at '{at}.function_response.response' (type.googleapis.com/google.protobuf.Struct)"
                )
