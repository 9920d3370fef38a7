"""Tools whose input is plain text: between protocols it stands in JSON arguments, ``{"input": text}``."""

from ccx_addons.core.neutral import Json
from ccx_addons.core.wire_json import BadJson, loads


def text_in(arguments: str) -> str:
    """The text of a whole call.

    Models also write it as a bare string, or under a name of their own. What is no JSON is the text itself, and so are
    arguments that do not say which of their texts it is.
    """
    try:
        value: Json = loads(arguments)
    except BadJson:
        return arguments
    while isinstance(value, dict) and value:
        if "input" not in value and len(value) > 1:
            return arguments
        value = value.get("input", next(iter(value.values())))
    return "" if value == {} else value if isinstance(value, str) else arguments
