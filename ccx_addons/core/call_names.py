"""Names of functions as models say them back.

Some put a namespace of their training before the name (Gemini ``default_api``, Kimi and gpt-oss ``functions``), or
leave tokens of their template behind it (gpt-oss: ``bash<|channel|>commentary``). Where such a name is no function of
the client and the bare one is, that one is meant.
"""

import re
from collections.abc import Mapping
from typing import Final

AROUND: Final = re.compile(
    r"\A\s{0,8}(?:(?:default_api|functions?|tools?)[.:/])?([^\s<|:]{1,128})(?:(?:<\||:\d|\s).*)?\Z", re.DOTALL
)


def client_name(names: Mapping[str, str], name: str) -> str:
    """The client's name for what the upstream calls ``name``. ``names``: name on the wire -> the client's."""
    found = names.get(name)
    if found is None and names and (bare := AROUND.match(name[:512])):
        found = names.get(bare[1])
    return name if found is None else found
