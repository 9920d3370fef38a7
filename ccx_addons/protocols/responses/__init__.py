"""OpenAI Responses (platform.openai.com/docs/api-reference/responses)."""

from ccx_addons.core.openai import auth_header as auth_header
from ccx_addons.core.openai import encode_error as encode_error
from ccx_addons.protocols.responses.answers import answer_fault as answer_fault
from ccx_addons.protocols.responses.answers import decode_response as decode_response
from ccx_addons.protocols.responses.answers import usage_of as usage_of
from ccx_addons.protocols.responses.errors import decode_error as decode_error
from ccx_addons.protocols.responses.errors import encode_stream_error as encode_stream_error
from ccx_addons.protocols.responses.request_encoder import READS as READS
from ccx_addons.protocols.responses.request_encoder import encode_request as encode_request
from ccx_addons.protocols.responses.requests import decode_request as decode_request
from ccx_addons.protocols.responses.stream_decoder import decoder as decoder
from ccx_addons.protocols.responses.stream_encoder import encode_failed as encode_failed
from ccx_addons.protocols.responses.stream_encoder import encode_response as encode_response
from ccx_addons.protocols.responses.stream_encoder import encoder as encoder
from ccx_addons.protocols.responses.thoughts import without_foreign as without_foreign
from ccx_addons.protocols.responses.wire import DEFAULT_VERSION as DEFAULT_VERSION
from ccx_addons.protocols.responses.wire import NAME as NAME
from ccx_addons.protocols.responses.wire import upstream_path as upstream_path
