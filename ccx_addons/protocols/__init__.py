"""Wire protocols. One module is one protocol; modules never import each other.

``TEXT_PROTOCOLS`` holds the four that convert into each other; mypy checks each module against ``TextProtocol``.
``PROTOCOLS`` adds images and embeddings, which only pass through: they are checked against ``WireProtocol``.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from ccx_addons.core.config import AuthStyle, Channel, Key, Kind
from ccx_addons.core.leftovers import Reads
from ccx_addons.core.neutral import Event, Fault, Json, Loss, Request, Response, Usage
from ccx_addons.protocols import chat, embeddings, gemini, images, messages, responses
from ccx_addons.vendors import at_host
from ccx_addons.vendors.azure import AZURE


class Decoder(Protocol):
    """Upstream stream bytes -> neutral events. Constant work per chunk; chunk borders do not matter; never raises.

    ``flush`` is called at the end of the body; a stream without its proper end gives ``Failed`` there.
    """

    @property
    def counted(self) -> Usage | None:
        """What the upstream has counted so far; None: nothing."""
        ...

    def feed(self, data: bytes) -> list[Event]: ...
    def flush(self) -> list[Event]: ...


class Encoder(Protocol):
    """Neutral events -> the client's stream bytes (never empty chunks). ``Failed`` becomes the protocol's error event.

    ``losses`` grows as events come that the protocol cannot say.
    """

    @property
    def losses(self) -> list[Loss]: ...
    def encode(self, event: Event) -> bytes: ...


class WireProtocol(Protocol):
    """What every protocol offers, also those that only pass through."""

    NAME: Kind
    DEFAULT_VERSION: str
    """Path segment put after a base URL that has no version of its own: ``v1``, ``v1beta``."""

    def upstream_path(self, operation: str, model: str, stream: bool) -> str:
        """Path and query below base URL and version, beginning with ``/``. Operations: core/endpoints.py."""
        ...

    def auth_header(self, secret: str, style: AuthStyle) -> tuple[str, str]:
        """Header name (lower case) and value that carry an upstream key. ``query`` style: name ``?key``."""
        ...

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Fault:
        """The upstream's error in neutral words. Any bytes: HTML, text, empty, other vendors' JSON. Never raises."""
        ...

    def encode_error(self, fault: Fault, request_id: str) -> tuple[int, bytes]:
        """Status and JSON body with which this protocol's clients raise their proper exception."""
        ...

    def decoder(self) -> Decoder:
        """Reads a stream of this protocol."""
        ...

    def encode_stream_error(self, fault: Fault) -> bytes:
        """What ends a stream that broke after it was committed."""
        ...

    def usage_of(self, body: Json) -> Usage | None:
        """Usage of a complete JSON answer, None when it has none."""
        ...

    def answer_fault(self, body: Json) -> Fault | None:
        """Why a 2xx JSON answer is no answer: an error body, or no content at all. None: it is one."""
        ...


class TextProtocol(WireProtocol, Protocol):
    """A protocol that converts."""

    READS: Reads
    """What the encoder of requests reads of other protocols' side-cars; all else in them is a loss."""

    def decode_request(self, body: Mapping[str, Json], model: str, stream: bool) -> Request:
        """``model`` and ``stream`` come from the endpoint: Gemini has them in the path. Raises BadRequest."""
        ...

    def without_foreign(self, members: Mapping[str, Json]) -> tuple[Mapping[str, Json], list[Loss]]:
        """A client's body without the signatures that another protocol made; the same object where there are none."""
        ...

    def encode_request(
        self, request: Request, base_url: str = "", style: str = "auto"
    ) -> tuple[dict[str, Json], list[Loss]]:
        """``base_url``: where it goes, which says who answers there; ``style``: how the channel has efforts written."""
        ...

    def decode_response(self, body: Json) -> Response | Fault:
        """A complete JSON answer. Never raises; what is no answer is a Fault."""
        ...

    def encode_response(self, response: Response, request: Request) -> tuple[dict[str, Json], list[Loss]]:
        """``request`` is the client's, decoded: tools are mapped back by name, the model name is the client's."""
        ...

    def encoder(self, request: Request) -> Encoder: ...


TEXT_PROTOCOLS: Final[Mapping[Kind, TextProtocol]] = {
    "messages": messages,
    "chat": chat,
    "responses": responses,
    "gemini": gemini,
}
"""Those that convert into each other, all sixteen pairs."""

PROTOCOLS: Final[Mapping[Kind, WireProtocol]] = {
    "messages": messages,
    "chat": chat,
    "responses": responses,
    "gemini": gemini,
    "images": images,
    "embeddings": embeddings,
}


def before_error(kind: Kind, fault: Fault) -> tuple[bytes, ...]:
    """What comes before a stream's error event, each in a chunk of its own: Gemini CLI reads nothing else."""
    return (gemini.encode_bare_error(fault),) if kind == gemini.NAME else ()


def credential(channel: Channel, key: Key, base_url: str) -> tuple[str, str]:
    """The header (or ``?key``) that carries a key, and its value; both empty where the channel has no key.

    Azure takes a key in a header of its own, and tokens of Entra as bearer
    (learn.microsoft.com/azure/ai-foundry/openai/reference#authentication).
    """
    if not key.secret:
        return "", ""
    style = channel.auth
    if style == "auto" and at_host(base_url) is AZURE and not key.secret.startswith("eyJ"):
        style = "api-key"
    return PROTOCOLS[channel.protocol].auth_header(key.secret, style)
