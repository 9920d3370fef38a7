"""What a request asks for, where the gateway itself goes by it: said once, in one way, in the type the API gives it.

An upstream may read what the gateway did not: a member in capitals (Go's JSON), a second model further in, a parameter
of the query. Whatever names a model is found here, so that the model which was judged is the one that is sent; and what
belongs to an upstream's account, so that a client names none of it in whatever letters.

Sources: docs.litellm.ai/docs/proxy/client_side_fallbacks and assemblyai.com/docs/llm-gateway/fallback (``fallbacks``),
openrouter.ai/docs/guides/features/server-tools (a vendor's tools have a colon in their type, and ``parameters`` that
are settings).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from ccx_addons.core import read
from ccx_addons.core.config import Kind
from ccx_addons.core.endpoints import Endpoint
from ccx_addons.core.errors import BadRequest
from ccx_addons.core.references import account_of, files_of, may_name_files
from ccx_addons.core.urls import climbs
from ccx_addons.core.wire_json import BadJson, JsonBody, loads_unique

type Json = Any

MAX_MODEL: Final = 256
OURS: Final[Mapping[str, str]] = {
    name.casefold(): name
    for name in (
        "model", "models", "fallbacks", "stream", "store", "background", "previous_response_id", "conversation",
        "prompt", "input", "tools", "plugins", "container", "data_sources", "requests", "cachedContent",
        "generateContentRequest",
    )
}  # fmt: skip
"""Members that the gateway goes by, as they are written, by their small letters."""
FLAG: Final = (bool, "true or false")
ANYWHERE: Final[Mapping[str, tuple[type, str]]] = {"stream": FLAG}
TYPES: Final[Mapping[Kind, Mapping[str, tuple[type, str]]]] = {
    "chat": {**ANYWHERE, "store": FLAG},
    "responses": {**ANYWHERE, "store": FLAG, "background": FLAG, "previous_response_id": (str, "text")},
}
"""What members are called elsewhere is something else: a picture's ``background`` is ``transparent``."""
FALLBACKS: Final = ("models", "fallbacks", "fallback_model")
"""How the names of members end that list models which may answer instead (OpenRouter's, LiteLLM's, relays')."""
WITH_MODELS: Final = ("tools", "plugins")
"""Lists whose entries may name a model of their own: OpenAI's and Anthropic's tools, OpenRouter's plugins."""
MODELS: Final = ("model", "models")
"""How the names of members end that name models in those entries."""
CLIENTS: Final = frozenset({
    "function", "functionDeclarations", "function_declarations", "parameters", "input_schema", "schema",
    "output_schema", "input_examples", "format", "headers",
})  # fmt: skip
"""Members of a tool that are the client's own: in schemas, examples and headers any name may stand."""
USUAL: Final = CLIENTS | {"type", "name", "description", "strict", "cache_control", "defer_loading", "allowed_callers"}
TELLING: Final = ('"model', '"container', "\\u")
"""What stands in the text of tools where a member that matters may stand twice."""
TOOL_MEMBERS: Final = frozenset({"model", "models", "container", "container_id", "environment", "id", "retrieval"})
"""What the gateway goes by in the tools of a vendor, and in containers."""
INNER: Final = ("requests", "generateContentRequest", "generate_content_request")
"""Members with requests in them. Google takes names in either form (protobuf.dev/programming-guides/json)."""
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
        if (ours := OURS.get(name.casefold(), name)) != name:
            raise BadRequest(f"the member {name!r} is written {ours!r}", ours)
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
    for name in INNER:
        if name in members:
            inner = _unique(body, name)
            named += [
                one.get("model") for one in (read.mappings(inner) if isinstance(inner, list) else [read.mapping(inner)])
            ]
    for other in named:
        if other is not None and read.text(other).removeprefix("models/") != model.removeprefix("models/"):
            raise BadRequest("the body names another model than the path", "model")


def check_account(body: JsonBody) -> None:
    """Raises BadRequest for what belongs to the operator's account at an upstream: no client can have put it there."""
    check_tools(body)
    found = next(account_of(body.members), "") or (
        next(files_of(body.members), "") if may_name_files(body.outline) else ""
    )
    if found:
        raise BadRequest(f"{found[:100]!r} is not this client's; send its content instead")


def check_tools(body: JsonBody) -> None:
    """Raises BadRequest where a vendor's tool, or a container, could be read in two ways."""
    for list_ in WITH_MODELS:
        if odd := _unusual(body.members.get(list_)):
            _, start, end = body.spans[list_]
            if any(body.text.find(word, start, end) >= 0 for word in TELLING):
                _unique(body, list_)
            _check_within(odd, list_)
    if isinstance(container := body.members.get("container"), dict):
        _unique(body, "container")
        _check_within([container], "container")


def _unique(body: JsonBody, name: str) -> Json:
    """A member's value. Raises BadRequest where anything in it stands twice."""
    _, start, end = body.spans[name]
    try:
        return loads_unique(body.text[start:end])
    except BadJson as bad:
        raise BadRequest(str(bad), name) from None


def _check_within(entries: Sequence[Json], param: str) -> None:
    for table in _tables(entries):
        for name in table:
            if (plain := name.casefold()) != name and plain in TOOL_MEMBERS:
                raise BadRequest(f"the member {name!r} is written {plain!r}", param)


def _tables(values: Sequence[Json]) -> Iterator[dict[str, Json]]:
    """All objects in these values, but for what the client says of its own tools."""
    left = list(values)
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            yield value
            settings = _of_vendor(value)
            left += [
                inner for name, inner in value.items() if name not in CLIENTS or (settings and name == "parameters")
            ]


def _of_vendor(tool: Mapping[str, Json]) -> bool:
    return ":" in read.text(tool.get("type"))


def _unusual(tools: Json) -> list[dict[str, Json]]:
    """Those that a client does not run itself, or that say more than such a one."""
    return [tool for tool in read.mappings(tools) if _of_vendor(tool) or not tool.keys() <= USUAL]


def check_query(query: str, model: str) -> None:
    """Raises BadRequest for a query that names another model than the request."""
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name.lower() in MODEL_PARAMETERS and value != model:
            raise BadRequest("the model is named in the request itself, not in the query", "model")


def also_named(members: Mapping[str, Json]) -> Iterator[str]:
    """Further models that a request may end with: fallbacks, and those of tools and plugins."""
    for name, value in members.items():
        if name.endswith(FALLBACKS):
            for entry in read.items(value) or [value]:
                yield from _of_fallback(entry)
    for name in WITH_MODELS:
        for table in _tables(_unusual(members.get(name))):
            for inner_name, inner in table.items():
                if inner_name.casefold().endswith(MODELS):
                    yield from read.texts([inner] if isinstance(inner, str) else inner)


def _of_fallback(entry: Json) -> Iterator[str]:
    """A name, a request with one, or a model with the list of those that follow it."""
    table = read.mapping(entry)
    yield from read.texts([table["model"]] if "model" in table else [entry])
    if "model" not in table:
        for others in table.values():
            yield from read.texts(others)
