"""Reads the client's body once: inflated with a bound, parsed once, with the place of what may be edited."""

from collections.abc import Awaitable, Mapping
from typing import Any, Final

from mitmproxy import http

from ccx_addons.core import asked, code_assist, multipart, read
from ccx_addons.core.config import DEFAULT_CLIENT
from ccx_addons.core.endpoints import ACCOUNT, unknown
from ccx_addons.core.errors import BadRequest, TooLarge
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.multipart import BadForm
from ccx_addons.core.neutral import Fault, Loss
from ccx_addons.core.patient_json import BIG
from ccx_addons.core.wire_json import BadJson, JsonBody
from ccx_addons.io.aside import aside
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.encoding import BadEncoding, inflate
from ccx_addons.proxy.guard import guarded, refuse, refuse_bad

FORM_FIELDS: Final = frozenset({
    "model", "stream", "response_format", "background", "input_fidelity", "moderation", "output_compression",
    "output_format", "quality", "style", "user",
})  # fmt: skip
"""Those that the gateway goes by, and those that an upstream may refuse and do without."""
FORMS: Final = frozenset({"image_edit", "image_variation"})
"""Operations whose bodies may be forms."""
INNER: Final = frozenset({"path", "envelope"})
"""Where a request names its model, if the body may name it once more."""


class Body:
    def __init__(self, runtime: Runtime) -> None:
        self.limit = int(runtime.settings.max_request_body_mb * (1 << 20))

    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> Awaitable[None] | None:
        """Waits only for what may be large: nobody knows how long packed bytes are."""
        request = flow.request.data
        if len(request.content or b"") >= BIG or "content-encoding" in request.headers:
            return aside(self.read, flow, x)
        self.read(flow, x)
        return None

    def read(self, flow: http.HTTPFlow, x: Exchange) -> None:
        try:
            read_body(flow.request, x, self.limit)
        except TooLarge as large:
            flow.response = refuse(flow, Fault("too_large", str(large), status=413))
        except BadRequest as bad:
            refuse_bad(flow, bad)


def read_body(request: http.Request, x: Exchange, limit: int) -> None:
    """Fills raw, body or form, model and stream. Raises BadRequest."""
    assert x.match
    endpoint, headers = x.match.endpoint, request.data.headers
    x.raw = request.data.content or b""
    if encoding := headers.get("content-encoding"):
        x.raw = inflated(x.raw, encoding, limit)
    if endpoint.method != "POST":
        x.model = x.match.subject if endpoint.model_in == "path" else ""
        asked.check_query(x.query, x.model)
        return
    kinds = headers.get_all("content-type")
    if len(kinds) > 1:
        raise BadRequest("the request has two content-type headers")
    kind = kinds[0] if kinds else ""
    if kind.lower().startswith("multipart/"):
        values, stream = read_form(x, kind)
    else:
        try:
            x.body = JsonBody.parse(x.raw)
        except BadJson as bad:
            raise BadRequest(str(bad)) from None
        values = x.body.members
        asked.check_members(values, endpoint)
        stream = values.get("stream") is True
    x.stream = stream if endpoint.stream is None else endpoint.stream
    if x.operation == ACCOUNT:
        return
    x.model = x.match.subject if endpoint.model_in == "path" else read.text(values.get("model"))
    if x.body and endpoint.model_in == "envelope":
        open_envelope(x, x.body)
    asked.check_name(x.model)
    if x.body and endpoint.model_in in INNER:
        asked.check_inner(x.body, x.operation, x.model)
    if x.body and x.client and x.client.name != DEFAULT_CLIENT:
        asked.check_account(x.body)
    if x.query:
        asked.check_query(x.query, x.model)
        x.ignored = tuple(Loss(f"?{name}", "it is no parameter of this path") for name in unknown(x.kind, x.query))


def inflated(raw: bytes, encoding: str, limit: int) -> bytes:
    """The body itself. Raises BadRequest."""
    try:
        return inflate(raw, encoding, limit)
    except BadEncoding as bad:
        if bad.too_large:
            raise TooLarge(f"the request body is {bad} (MAX_REQUEST_BODY_MB)") from None
        raise BadRequest(f"the request body has {bad}") from None


def open_envelope(x: Exchange, envelope: JsonBody) -> None:
    """From here on the request is what stands in the envelope. Raises BadRequest."""
    x.asked, x.envelope = x.raw, envelope
    x.body, x.model = code_assist.opened(envelope)
    x.raw = x.body.text.encode()


def read_form(x: Exchange, kind: str) -> tuple[Mapping[str, Any], bool]:
    """The fields of a form, and whether it asks for a stream. Raises BadRequest."""
    if x.operation not in FORMS or not kind.lower().startswith("multipart/form-data"):
        raise BadRequest("this path takes a JSON body")
    try:
        x.form = multipart.fields(x.raw, kind, FORM_FIELDS)
    except BadForm as bad:
        raise BadRequest(str(bad)) from None
    values = {name: field.value for name, field in x.form.items()}
    stream = values.get("stream", "false").lower()
    if stream not in ("true", "false"):
        raise BadRequest("stream must be true or false", "stream")
    return values, stream == "true"
