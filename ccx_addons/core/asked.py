"""What a request asks for, where the gateway itself goes by it: said once, in one way, in the type the API gives it.

An upstream may read what the gateway did not: a member in capitals (Go's JSON), a second model further in, a parameter
of the query. Whatever names a model is found here, so that the model which was judged is the one that is sent.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from ccx_addons.core import read
from ccx_addons.core.config import Kind
from ccx_addons.core.endpoints import Endpoint
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.references import files_of, may_name_files
from ccx_addons.core.urls import climbs
from ccx_addons.core.wire_json import BadJson, JsonBody, loads_unique

type Json = Any

MAX_MODEL: Final = 256
OURS: Final = frozenset({"model", "stream"})
LENGTHS: Final = frozenset(map(len, OURS))
FLAG: Final = (bool, "true or false")
ANYWHERE: Final[Mapping[str, tuple[type, str]]] = {"stream": FLAG}
TYPES: Final[Mapping[Kind, Mapping[str, tuple[type, str]]]] = {
    "chat": {**ANYWHERE, "store": FLAG},
    "responses": {**ANYWHERE, "store": FLAG, "background": FLAG, "previous_response_id": (str, "text")},
}
"""What members are called elsewhere is something else: a picture's ``background`` is ``transparent``."""
WITH_MODELS: Final = ("tools", "plugins")
"""Lists whose entries may name a model of their own: OpenAI's and Anthropic's tools, OpenRouter's plugins."""
MODEL_PARAMETERS: Final = frozenset({"model", "models", "engine", "deployment"})


def check_name(model: Json) -> None:
    """Raises BadRequest for what is no name of a model, or would be another path at an upstream."""
    if not isinstance(model, str) or not model:
        raise BadRequest("the request names no model", "model")
    if len(model) > MAX_MODEL or not model.isprintable() or model != model.strip() or climbs(model):
        raise BadRequest("the model's name is not a name", "model")


def check_members(members: Mapping[str, Json], endpoint: Endpoint) -> None:
    """Raises BadRequest for members that the gateway goes by and an upstream could read otherwise."""
    for name in members:
        if len(name) in LENGTHS and name not in OURS and name.casefold() in OURS:
            raise BadRequest(f"the member {name!r} is written {name.casefold()!r}", name.casefold())
    if endpoint.model_in not in ("body", "none"):
        return
    types = TYPES.get(endpoint.kind, ANYWHERE)
    for name in types.keys() & members.keys():
        type_, words = types[name]
        if members[name] is not None and not isinstance(members[name], type_):
            raise BadRequest(f"{name} must be {words}", name)


def check_inner(body: JsonBody, operation: str, model: str) -> None:
    """Gemini's bodies may name the model of the path again. Raises BadRequest where one names another."""
    members = body.members
    if operation not in ("generate", "embed", "embed_batch", "count_tokens"):
        return
    named = [members.get("model")]
    for name in ("requests", "generateContentRequest"):
        if name in members:
            _, start, end = body.spans[name]
            try:
                inner = loads_unique(body.text[start:end])
            except BadJson as bad:
                raise BadRequest(str(bad), name) from None
            named += [
                one.get("model") for one in (read.mappings(inner) if isinstance(inner, list) else [read.mapping(inner)])
            ]
    for other in named:
        if other is not None and read.text(other).removeprefix("models/") != model.removeprefix("models/"):
            raise BadRequest("the body names another model than the path", "model")


def check_files(body: JsonBody) -> None:
    """Raises BadRequest for a file of the operator's account at an upstream: no client can have put it there."""
    if may_name_files(body.outline) and (found := next(files_of(body.members), "")):
        raise BadRequest(f"the file {found[:100]!r} is not this client's; send its content instead")


def check_query(query: str, model: str) -> None:
    """Raises BadRequest for a query that names another model than the request."""
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name.lower() in MODEL_PARAMETERS and value != model:
            raise BadRequest("the model is named in the request itself, not in the query", "model")


def also_named(members: Mapping[str, Json]) -> Iterator[str]:
    """Further models that a request may end with: OpenRouter's fallbacks, and those of tools and plugins."""
    yield from read.texts(members.get("models"))
    for name in WITH_MODELS:
        for entry in read.mappings(members.get(name)):
            if model := read.text(entry.get("model")):
                yield model
            yield from read.texts(entry.get("models"))
