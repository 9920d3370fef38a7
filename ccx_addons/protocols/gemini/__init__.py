"""Google Gemini generateContent (ai.google.dev/api/generate-content)."""

from ccx_addons.protocols.gemini.answers import answer_fault as answer_fault
from ccx_addons.protocols.gemini.answers import decode_response as decode_response
from ccx_addons.protocols.gemini.answers import encode_response as encode_response
from ccx_addons.protocols.gemini.errors import decode_error as decode_error
from ccx_addons.protocols.gemini.errors import encode_array_error as encode_array_error
from ccx_addons.protocols.gemini.errors import encode_bare_error as encode_bare_error
from ccx_addons.protocols.gemini.errors import encode_error as encode_error
from ccx_addons.protocols.gemini.errors import encode_stream_error as encode_stream_error
from ccx_addons.protocols.gemini.finish import usage_of as usage_of
from ccx_addons.protocols.gemini.parts import without_foreign as without_foreign
from ccx_addons.protocols.gemini.request_encoder import READS as READS
from ccx_addons.protocols.gemini.request_encoder import encode_request as encode_request
from ccx_addons.protocols.gemini.requests import decode_request as decode_request
from ccx_addons.protocols.gemini.stream_decoder import decoder as decoder
from ccx_addons.protocols.gemini.stream_encoder import array_encoder as array_encoder
from ccx_addons.protocols.gemini.stream_encoder import encoder as encoder
from ccx_addons.protocols.gemini.stream_encoder import envelope_encoder as envelope_encoder
from ccx_addons.protocols.gemini.wire import DEFAULT_VERSION as DEFAULT_VERSION
from ccx_addons.protocols.gemini.wire import NAME as NAME
from ccx_addons.protocols.gemini.wire import auth_header as auth_header
from ccx_addons.protocols.gemini.wire import upstream_path as upstream_path
