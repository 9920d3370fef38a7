"""What an operator's own rules (``HOOKS_FILE``) see and give. A file has any of these functions:

    def request(asked: Asked) -> Json | None        before routing: another body, in the client's protocol
    def upstream(asked: Asked) -> Json | None       before each attempt: another body, in the upstream's protocol
    def answer(asked: Asked, body: Json) -> Json | None     a complete JSON answer, in the client's protocol
    def finished(row: Json) -> None                 a finished request, as in the log; nobody waits for it

None: as it is. ``asked.body`` and ``body`` are copies and may be changed. They run in threads of their own, several at
once. Each has a time, and whatever it does wrong, or takes too long for, changes nothing for the client.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

type Json = dict[str, Any]

NAMES: Final = ("request", "upstream", "answer", "finished")


@dataclass(frozen=True, slots=True)
class Asked:
    """``kind``: the protocol of ``body``. ``headers``: lower-case names, no credentials. ``channel``: of an attempt."""

    id: str
    client: str
    kind: str
    operation: str
    model: str
    stream: bool
    headers: Mapping[str, str]
    body: Json
    channel: str = ""
