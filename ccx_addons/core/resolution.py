"""How closely pictures are looked at: Gemini's ``mediaResolution`` and OpenAI's ``detail``.

Sources: ai.google.dev/gemini-api/docs/media-resolution, platform.openai.com/docs/guides/images-vision.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.leftovers import UNSPECIFIED
from ccx_addons.core.neutral import Extra, Json, Loss, Media, Message, Part, Request, ToolResult, own_fields

FIELD: Final = "mediaResolution"
OF_ALL: Final = f"generationConfig.{FIELD}"
FIELDS: Final = frozenset({FIELD, OF_ALL})
"""Fields of Gemini's side-cars that ``carried`` reads, or tells as lost."""
LEVEL: Final = "MEDIA_RESOLUTION_"
DETAILS: Final[Mapping[str, str]] = {
    f"{LEVEL}LOW": "low", f"{LEVEL}HIGH": "high", f"{LEVEL}ULTRA_HIGH": "original",
}  # fmt: skip
"""The middle of Google's has no name elsewhere."""
LEVELS: Final[Mapping[str, str]] = {detail: level for level, detail in DETAILS.items()}


def carried(request: Request, losses: list[Loss]) -> Request:
    """The request with ``detail`` in its pictures, as far as a Gemini client says the same."""
    config = _said(read.mapping(_own(request.extra).get("generationConfig")).get(FIELD))
    looks = _Looks(config, losses)
    if any(_own(part.extra).get(FIELD) for part in request.system):
        losses.append(Loss(f"system.{FIELD}", "there is nothing like it here"))
    messages = tuple(looks.message(m, message) for m, message in enumerate(request.messages))
    if config and not looks.all:
        losses.append(Loss(OF_ALL, "there is nothing like it here"))
    return replace(request, messages=messages) if looks.seen else request


def _own(extra: Extra) -> Mapping[str, Json]:
    return own_fields(extra, "gemini") if extra else {}


def _said(level: Json) -> str:
    """The level; empty where it stands for none."""
    word = read.text(level).upper()
    return "" if word.endswith(UNSPECIFIED) else word


class _Looks:
    def __init__(self, config: str, losses: list[Loss]) -> None:
        self._detail = DETAILS.get(config)
        self._losses = losses
        self.seen = False
        self._missed = self._detail is None
        """Whether what is said of all media does not reach one."""

    @property
    def all(self) -> bool:
        return self.seen and not self._missed

    def message(self, m: int, message: Message) -> Message:
        if not any(part.extra or isinstance(part, Media | ToolResult) for part in message.parts):
            return message
        parts = (self._part(part, f"messages[{m}].content[{p}]") for p, part in enumerate(message.parts))
        return replace(message, parts=tuple(parts))

    def _part(self, part: Part, path: str) -> Part:
        if isinstance(part, ToolResult):
            return replace(part, parts=tuple(self._part(inner, f"{path}.result") for inner in part.parts))
        said = read.mapping(_own(part.extra).get(FIELD))
        if not isinstance(part, Media):
            if said:
                self._losses.append(Loss(f"{path}.{FIELD}", "there is nothing like it here"))
            return part
        if len(said) == 1 and "level" in said and not _said(said["level"]):
            said = {}
        detail = DETAILS.get(_said(said.get("level")))
        is_picture = part.mime.startswith("image/")
        if said and (detail is None or len(said) > 1 or not is_picture):
            self._losses.append(Loss(f"{path}.{FIELD}", "there is nothing like it here"))
        if (detail := detail or self._detail) and is_picture and part.detail is None:
            self.seen = True
            return replace(part, detail=detail)
        self._missed = self._missed or not said
        return part
