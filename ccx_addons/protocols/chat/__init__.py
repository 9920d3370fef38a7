"""OpenAI Chat Completions (platform.openai.com/docs/api-reference/chat)."""

from ccx_addons.core.openai import auth_header as auth_header
from ccx_addons.core.openai import encode_error as encode_error
from ccx_addons.core.openai import encode_stream_error as encode_stream_error
from ccx_addons.protocols.chat.answers import answer_fault as answer_fault
from ccx_addons.protocols.chat.answers import decode_response as decode_response
from ccx_addons.protocols.chat.answers import encode_response as encode_response
from ccx_addons.protocols.chat.answers import usage_of as usage_of
from ccx_addons.protocols.chat.errors import decode_error as decode_error
from ccx_addons.protocols.chat.request_encoder import READS as READS
from ccx_addons.protocols.chat.request_encoder import encode_request as encode_request
from ccx_addons.protocols.chat.requests import decode_request as decode_request
from ccx_addons.protocols.chat.stream_decoder import decoder as decoder
from ccx_addons.protocols.chat.stream_encoder import encoder as encoder
from ccx_addons.protocols.chat.thoughts import without_foreign as without_foreign
from ccx_addons.protocols.chat.wire import DEFAULT_VERSION as DEFAULT_VERSION
from ccx_addons.protocols.chat.wire import NAME as NAME
from ccx_addons.protocols.chat.wire import upstream_path as upstream_path
