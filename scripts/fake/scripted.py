"""Answers that a test wrote itself, for keys with ``scripted=NAME``: ``PUT /__scripts`` with {NAME: fields of Script}."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Script:
    """``when``, ``unless``: words a body must have, and must not have, to get it. ``status`` 0: only ``spec`` holds."""

    status: int = 0
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    when: str = ""
    unless: str = ""
    spec: str = ""

    def fits(self, body: bytes) -> bool:
        return self.when.encode() in body and not (self.unless and self.unless.encode() in body)

    @property
    def bytes(self) -> bytes:
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()
