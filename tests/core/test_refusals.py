"""What upstreams refuse, in their words, and what is left out or changed for it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.faults import read_fault
from ccx_addons.core.neutral import Fault
from ccx_addons.core.refusals import (
    LOOSE_TOOLS,
    NO_PICTURES,
    NO_STREAMS,
    NUMBERS,
    dropped_betas,
    loss_of,
    named_fields,
    refused,
    refused_value,
    speaks_of_fields,
)
from ccx_addons.core.wire_json import dumps

CHAT = frozenset({
    "model", "messages", "tools", "temperature", "top_p", "top_k", "stop", "stream", "stream_options", "logit_bias",
    "reasoning_effort", "parallel_tool_calls", "verbosity", "max_completion_tokens", "labels", "n", "service_tier",
})  # fmt: skip
RESPONSES = frozenset({"model", "input", "reasoning", "text", "tools"})
MESSAGES = frozenset({"model", "messages", "tools", "system", "thinking", "max_tokens", "context_management"})
GEMINI = frozenset({"contents", "generationConfig", "tools"})
VECTORS = frozenset({"model", "input", "encoding_format", "dimensions"})


@pytest.mark.parametrize(
    ("message", "sent", "names"),
    [
        ("Unsupported parameter: 'top_k' is not supported with this model.", CHAT, {"top_k"}),
        ("thinking: Extra inputs are not permitted", MESSAGES, {"thinking"}),
        ("`temperature` is deprecated for this model.", CHAT, {"temperature"}),
        ("`temperature` and `top_p` cannot both be specified for this model. Please use only one.", CHAT,
         {"temperature_alone"}),
        ("top_p is no longer supported", CHAT, {"top_p"}),
        ("Unrecognized request argument supplied: encoding_format", VECTORS, {NUMBERS}),
        ("encoding_format: Input should be 'float'", VECTORS, {NUMBERS}),
        ("Setting {'encoding_format': 'base64'} is not supported by ollama", VECTORS, {NUMBERS}),
        ("This model does not support the encoding_format parameter.", VECTORS, {NUMBERS}),
        ("Unrecognized request argument supplied: dimensions", VECTORS, set()),
        ("Unterminated string starting at: line 1 column 73 (char 72)", CHAT, {"whole_arguments"}),
        ("Expecting ',' delimiter: line 1 column 54 (char 53)", CHAT, {"whole_arguments"}),
        ("Expecting property name enclosed in double quotes: line 1 column 3 (char 2)", CHAT, {"whole_arguments"}),
        ("Expecting value: line 1 column 1 (char 0)", CHAT, set()),
        ("Failed to parse tool call arguments as JSON: [json.exception.parse_error.101]", RESPONSES, {"whole_arguments"}),
        ('<400> InternalError.Algo.InvalidParameter: The "function.arguments" parameter of the code model must be in JSON '
         "format.", CHAT, {"whole_arguments"}),
        ("invalid params, invalid function arguments json string, tool_call_id: call_function_9awue8x7z3tu_1 (2013)", CHAT,
         {"whole_arguments"}),
        ("The request body is not valid JSON: no low surrogate in string: line 1 column 28642 (char 28641)", MESSAGES,
         {"whole_characters"}),
        ("messages[1].content: lone leading surrogate in hex escape at line 1 column 74", CHAT, {"whole_characters"}),
        ("We could not parse the JSON body of your request.", RESPONSES, {"whole_characters"}),
        ("Invalid 'tools[2].function.description': string too long. Expected a string with maximum length 1024, but got a "
         "string with length 4394 instead.", CHAT, {"descriptions_at_most=1024"}),
        ("tools.0.custom.description: String should have at most 512 characters", MESSAGES, {"descriptions_at_most=512"}),
        ("Invalid schema for function 'up': schema must have type 'object' and not have "
         "'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level.", CHAT, {"flat_schemas"}),
        ("tools.70.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level", MESSAGES,
         {"flat_schemas"}),
        ("Invalid schema for function 'f': schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'.",
         RESPONSES, {"flat_schemas"}),
        ("Unrecognized request argument supplied: logit_bias", CHAT, {"logit_bias"}),
        ("Unrecognized request arguments supplied: logit_bias, top_k", CHAT, {"logit_bias", "top_k"}),
        ('Invalid JSON payload received. Unknown name "labels": Cannot find field.', CHAT, {"labels"}),
        (
            "Unknown name \"thinkingLevel\" at 'generation_config.thinking_config': Cannot find field.", GEMINI,
            {"generationConfig.thinking_config.thinkingLevel"},
        ),
        ("Model grok-4-0709 does not support parameter reasoningEffort.", CHAT, {"reasoning_effort"}),
        ("Model grok-build-0.1 does not support parameter reasoningEffort.", RESPONSES, {"reasoning.effort"}),
        ("Argument not supported on this model: stop", CHAT, {"stop"}),
        ("Extra inputs are not permitted, field: 'verbosity', value: 'low'", CHAT, {"verbosity"}),
        ("property 'reasoning' is unsupported", RESPONSES, {"reasoning"}),
        ("Validation: Unsupported parameter(s): `parallel_tool_calls`", CHAT, {"parallel_tool_calls"}),
        ("Unsupported parameter(s): `top_k`, `logit_bias`", CHAT, {"top_k", "logit_bias"}),
        ("invalid temperature: only 1 is allowed for this model", CHAT, {"temperature"}),
        ("`reasoning_effort` must be one of `none` or `default`", CHAT,
         {"reasoning_effort!=none|default"}),
        ("Unsupported value: 'reasoning_effort' does not support 'none' with this model. Supported values are: 'minimal', "
         "'low', 'medium', and 'high'.", CHAT, {"reasoning_effort!=minimal|low|medium|high"}),
        ("json: unknown field \"verbosity\"", CHAT, {"verbosity"}),
        ("unknown field `stream_options`, expected one of `model`, `messages`", CHAT, {"stream_options"}),
        ("Unrecognized key(s) in object: 'top_k'", CHAT, {"top_k"}),
        ("Additional properties are not allowed ('top_k' was unexpected)", CHAT, {"top_k"}),
        ("create() got an unexpected keyword argument 'top_k'", CHAT, {"top_k"}),
        ("Unsupported parameter: 'reasoning.summary' is not supported with this model.", RESPONSES, {"reasoning.summary"}),
        ("tools.0.custom.eager_input_streaming: Extra inputs are not permitted", MESSAGES,
         {"tools.*.custom.eager_input_streaming"}),
        ("Unknown name \"id\" at 'contents[1].parts[0].function_call': Cannot find field.", GEMINI,
         {"contents.*.parts.*.function_call.id"}),
        ("Unknown name \"mediaResolution\" at 'contents[0].parts[1]': Cannot find field.", GEMINI,
         {"contents.*.parts.*.mediaResolution"}),
        ("Unknown name \"role\" at 'contents[0].parts[1]': Cannot find field.", GEMINI, set()),
        ("Unknown name \"embedContentConfig\": Cannot find field.", frozenset({"content", "embedContentConfig"}),
         {"older_vector_settings"}),
        ("Unknown name \"embedContentConfig\" at 'requests[0]': Cannot find field.", frozenset({"requests"}),
         {"older_vector_settings"}),
        ("Unknown name \"outputDimensionality\" at 'embed_content_config'", frozenset({"content", "embedContentConfig"}), set()),
        ("Unsupported service_tier: fast", CHAT, {"service_tier"}),
        ("Unknown parameter: 'input[2].status'.", RESPONSES, {"input.*.status"}),
        ("Thinking level is not supported for this model.", GEMINI, {"generationConfig.thinkingConfig.thinkingLevel"}),
        ("Unable to submit request because thinking_budget is not supported by this model.", GEMINI,
         {"generationConfig.thinkingConfig.thinkingBudget"}),
        ("Penalty is not enabled for models/gemini-2.5-pro", GEMINI,
         {"generationConfig.presencePenalty", "generationConfig.frequencyPenalty"}),
        ("Logprobs is not enabled for models/gemini-2.5-pro", GEMINI,
         {"generationConfig.responseLogprobs", "generationConfig.logprobs"}),
        ("Your organization must be verified to generate reasoning summaries.", RESPONSES, {"reasoning.summary"}),
        ("Tool 'image_generation' is not supported with gpt-5.3-codex-spark.", RESPONSES, {"tool=image_generation"}),
        ("Hosted tool 'web_search_preview' is not supported with gpt-5-nano.", RESPONSES, {"tool=web_search_preview"}),
        ("Tool 'apply_patch' is not supported with gpt-5-nano.", RESPONSES, set()),
        ("Unknown parameter: 'messages[1].parsed'.", CHAT, {"messages.*.parsed"}),
        ("Unknown parameter: 'input[2].parsed_arguments'.", RESPONSES, {"input.*.parsed_arguments"}),
        ("Unknown parameter: 'messages[1].tool_calls[0].function.parsed_arguments'.", CHAT,
         {"messages.*.tool_calls.*.function.parsed_arguments"}),
        ("messages.0.foo: Extra inputs are not permitted", MESSAGES, set()),
        ("tools.0.function.parameters: Extra inputs are not permitted", CHAT, set()),
        ("Unknown parameter: 'audio'.", CHAT, set()),
        ("something is wrong", CHAT, set()),
        ("the model is overloaded", CHAT, set()),
    ],
)  # fmt: skip
def test_refused_fields(message: str, sent: frozenset[str], names: set[str]) -> None:
    assert refused(Fault("invalid_request", message, 400), sent) == names


@pytest.mark.parametrize(
    ("message", "cure"),
    [
        ("System message must be at the beginning.", "system_role_to_top"),
        ("Unexpected role 'system' after role 'user'", "system_role_to_top"),
        ("invalid params, chat content has invalid message role: system (2013)", "system_role_to_top"),
        ("messages[1].role: unknown variant `system`, expected `user` or `assistant`", "system_role_to_top"),
        ("Conversation roles must alternate user/assistant/user/assistant/...", "system_role_to_top"),
        ("messages[0].role: unknown variant `developer`, expected one of `system`, `user`", "developer_to_system"),
        ("'developer' is not one of ['system', 'assistant', 'user', 'tool']", "developer_to_system"),
        ("[('messages.1' : property 'reasoning' is unsupported, did you mean 'role'?)]", "strip_thinking"),
        ("messages.1.assistant.reasoning_content: property 'messages.1.assistant.reasoning_content' is unsupported",
         "strip_thinking"),
        ("messages.2.reasoning_details: Extra inputs are not permitted", "strip_thinking"),
        ("messages.1.content.0: Invalid `signature` in `thinking` block", "foreign_thoughts"),
        ("The encrypted content gAAAAABo== could not be verified. Reason: Encrypted content could not be decrypted or parsed.",
         "foreign_thoughts"),
        ("Thought signature is not valid", "foreign_thoughts"),
        ("Corrupted thought signature.", "foreign_thoughts"),
        ("The reasoning_content in the thinking mode must be passed back to the API.", "passback_reasoning"),
        ("thinking is enabled but reasoning_content is missing in assistant tool call message", "passback_reasoning"),
        ("Function call is missing a thought_signature in functionCall parts", "dummy_thought_signature"),
        ("This response_format type is unavailable now", "schema_in_words"),
        ("Thinking mode does not support this tool_choice", "calls_without_thinking"),
        ("tool_choice 'required' is incompatible with thinking enabled", "calls_without_thinking"),
        ("This model does not support assistant message prefill. The conversation must end with a user message.", "users_turn"),
        ("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
         "max_completion_tokens"),
        ("max_completion_tokens: Extra inputs are not permitted", "max_tokens_field"),
        ("Unknown parameter: 'max_completion_tokens'.", "max_tokens_field"),
        ("Item 'rs_1' of type 'reasoning' was provided without its required following item.", "foreign_thoughts"),
        ("Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.", "foreign_thoughts"),
        ("Item with id 'msg_1' not found.", "item_ids"),
        ("Item 'msg_1' of type 'message' was provided without its required 'reasoning' item: 'rs_1'.", "item_ids"),
        ("Invalid 'input[7].id': 'item_3b'. Expected an ID that begins with 'msg'.", "item_ids"),
        ("Duplicate item found with id rs_1. Remove duplicate items from your input and try again.", "item_ids"),
        ("Unknown parameter: 'input[0].id'.", "item_ids"),
        ("Missing required parameter: 'input[1].summary'.", "whole_items"),
        ("Input[3] missing required field `summary`", "whole_items"),
        ("Invalid type for 'input[2].content': expected an array of objects, but got null instead.", "whole_items"),
        ("Store must be set to false", "as_chatgpt_wants"),
        ("Instructions are required", "as_chatgpt_wants"),
        ("System messages are not allowed", "as_chatgpt_wants"),
        ("Unsupported parameter: previous_response_id", "continued"),
        ("Previous response with id 'resp_1' not found.", "continued"),
        ("Previous response cannot be used for this organization due to Zero Data Retention.", "continued"),
        ("Encrypted content is not supported with this model.", "not_encrypted"),
        ("Budget 0 is invalid. This model only works in thinking mode.", "own_thinking"),
        ("The thinking budget 64000 is invalid. Please choose a value between 128 and 32768.", "own_thinking"),
        ("The model does not support setting thinking_budget to 0", "own_thinking"),
        ("Thinking level MINIMAL is not supported for this model. Please retry with other thinking level.", "own_thinking"),
        ("You can only set only one of thinking budget and thinking level.", "own_thinking"),
        ("Expected one of either `reasoning_effort` or custom `thinking_config`; found both.", "own_thinking"),
        ("Developer instruction is not enabled for models/gemma-3-27b-it", "system_in_turns"),
        ("System role not supported", "system_in_turns"),
        ("Unsupported value: 'messages[0].role' does not support 'system' with this model.", "system_in_turns"),
        ("The following tools cannot be used with reasoning.effort 'minimal': web_search.", "low_effort"),
        ("JSON mode is not enabled for models/gemma-3-27b-it", "schema_in_words"),
        ("Function calling with a response mime type: 'application/json' is unsupported", "schema_in_words"),
        ("Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with Function calling.",
         "server_calls"),
    ],
)  # fmt: skip
def test_refusals_that_a_change_cures(message: str, cure: str) -> None:
    assert cure in refused(Fault("invalid_request", message, 400), CHAT | {"max_tokens"})


@pytest.mark.parametrize(
    ("message", "most"),
    [
        ("max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens for this model", 8192),
        ("max_tokens is too large: 64000. This model supports at most 16384 completion tokens.", 16384),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192),
        ("<400> InvalidParameter: Range of max_tokens should be [1, 32768]", 32768),
        ("`max_completion_tokens` must be less than or equal to `32768`", 32768),
        ("it has a maxOutputTokens value of 100000 but the supported range is from 1 (inclusive) to 8193 (exclusive).", 8192),
        ("max_tokens must be an integer", 0),
    ],
)  # fmt: skip
def test_limits_that_are_too_large(message: str, most: int) -> None:
    assert refused(Fault("invalid_request", message, 400), CHAT) == ({f"at_most={most}"} if most else set())


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("stop", "stop"),
        ("reasoning.summary", "reasoning.summary"),
        ("at_most=5", "max_tokens"),
        ("users_turn", "messages"),
        ("pictures_in_words", "pictures"),
        ("own_thinking", "reasoning"),
        ("low_effort", "reasoning.effort"),
        ("continued", "reasoning"),
        ("tool=image_generation", "tools.image_generation"),
    ],
)
def test_what_the_client_is_told(name: str, path: str) -> None:
    loss = loss_of(name)
    assert loss and loss.path == path


@pytest.mark.parametrize(
    "name", ["system_role_to_top", "messages.*.parsed", "whole_answers", "item_ids", "older_vector_settings"]
)
def test_a_cure_loses_nothing_by_itself(name: str) -> None:
    assert loss_of(name) is None


def test_a_limit_is_renamed_and_lost_only_where_it_has_no_other_name() -> None:
    fault = Fault("invalid_request", "Unknown parameter: 'max_completion_tokens'.", 400)
    assert refused(fault, CHAT) == {"max_tokens_field"}
    unknown = Fault("invalid_request", "Unsupported parameter: max_output_tokens", 400)
    assert refused(unknown, RESPONSES | {"max_output_tokens"}) == {"max_output_tokens"}


@pytest.mark.parametrize(
    "message",
    [
        "Your organization must be verified to stream this model.",
        "Unsupported value: 'stream' does not support true with this model. Only the default (false) value is supported.",
    ],
)
def test_streams_that_there_are_none_of(message: str) -> None:
    assert NO_STREAMS.search(message)


def test_codes_name_a_field() -> None:
    fault = Fault("invalid_request", "no", 400, "unknown_parameter", param="text.verbosity")
    assert refused(fault, RESPONSES) == {"text.verbosity"} and named_fields(fault) == ["text.verbosity"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"message": {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}},
         {"stream_options"}),
        ({"detail": [{"loc": ["body", "top_k"], "msg": "Extra inputs are not permitted"},
                     {"loc": ["body", "n"], "msg": "Extra inputs are not permitted"}]}, {"top_k", "n"}),
        ({"type": "about:blank", "detail": "Validation: Unsupported parameter(s): `verbosity`"}, {"verbosity"}),
        ({"error": "Argument not supported on this model: stop", "code": "Client specified an invalid argument"}, {"stop"}),
    ],
)  # fmt: skip
def test_whole_bodies(body: dict[str, Any], names: set[str]) -> None:
    assert refused(read_fault(422, {}, dumps(body), 0), CHAT) == names


@pytest.mark.parametrize(
    "message",
    [
        "Too many strict tools (27). The maximum number of strict tools is 20.",
        "Schemas contains too many optional parameters (87), which would make grammar compilation inefficient.",
        "The compiled grammar is too large, which would cause performance issues.",
        "Schema is too complex for compilation. Try reducing the number of tools.",
    ],
)
def test_strict_tools_that_are_not_compiled_are_sent_without_their_guarantee(message: str) -> None:
    assert refused(Fault("invalid_request", message, 400), MESSAGES) == {LOOSE_TOOLS}
    loss = loss_of(LOOSE_TOOLS)
    assert loss and loss.path == "tools.strict"


def test_a_value_with_another_in_its_place() -> None:
    message = '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".'
    assert refused_value(message) == "thinking.type.enabled"
    assert refused(Fault("invalid_request", message, 400), MESSAGES) == {"thinking.type.enabled"}


SENT = frozenset({"context-1m-2025-08-07", "computer-use-2025-01-24", "temperature"})


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header.", {"context-1m-2025-08-07"}),
        ("anthropic-beta: 'computer-use-2025-01-24' is not available", {"computer-use-2025-01-24"}),
        ("Unexpected value(s) `other-2025-01-01` for the `anthropic-beta` header.", set()),
        ("invalid beta flag", {"context-1m-2025-08-07", "computer-use-2025-01-24"}),
        ("the model context-1m-2025-08-07 is unknown", set()),
    ],
)
def test_refused_betas(message: str, names: set[str]) -> None:
    assert dropped_betas(message, SENT) == names


@given(st.text(max_size=300), st.sampled_from([CHAT, RESPONSES, MESSAGES, GEMINI]))
def test_any_words_are_read(message: str, sent: frozenset[str]) -> None:
    fault = Fault("invalid_request", message, 400)
    assert not refused(fault, sent) or speaks_of_fields(fault)


@pytest.mark.parametrize(
    ("message", "blind"),
    [
        ("messages[62]: unknown variant `image_url`, expected `text` at line 1 column 242537", True),
        ("this model does not support image input (ref: b8bd630e)", True),
        ("DeepSeek native does not support 'image' blocks (messages[693].content).", True),
        ("some-model is not a multimodal model None", True),
        ("At most 0 image(s) may be provided in one prompt.", True),
        ("image input is not supported - hint: you may need to provide the mmproj", True),
        ("No endpoints found that support image input", True),
        ("该模型不支持图片输入", True),
        ("this model does not support image generation", False),
        ("image format is not supported", False),
        ("messages.3.content.1.image.source.base64: image exceeds 5 MB maximum", False),
    ],
)
def test_who_sees_no_pictures(message: str, blind: bool) -> None:
    assert bool(NO_PICTURES.search(message)) == blind
