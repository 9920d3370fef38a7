"""A wish for pictures in the answer, as Chat (of OpenRouter) and Gemini say it.

Sources: openrouter.ai/docs/guides/overview/multimodal/image-generation, ai.google.dev/gemini-api/docs/image-generation.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Extra, Json, Loss, own_fields
from ccx_addons.core.value import value

CONFIG: Final[Mapping[str, str]] = {"aspect_ratio": "aspectRatio", "image_size": "imageSize"}
"""What both say of a picture, in Chat's words and in Gemini's."""
OF_CHAT: Final = frozenset({"modalities", "image_config"})
OF_GEMINI: Final = frozenset({"generationConfig.responseModalities", "generationConfig.imageConfig"})
IMAGE: Final = "image"


@value(frozen=True, slots=True)
class Wish:
    """``kinds``: ``image`` and what else, in small letters; ``config``: by Chat's names; ``unsaid``: what only the
    client's own protocol has."""

    kinds: tuple[str, ...]
    config: Mapping[str, Json]
    unsaid: tuple[str, ...] = ()

    def losses(self, protocol: str) -> list[Loss]:
        return [Loss(path, f"only {protocol} upstreams have it") for path in self.unsaid]

    @property
    def as_chat(self) -> dict[str, Json]:
        wire: dict[str, Json] = {"modalities": list(self.kinds)}
        return {**wire, "image_config": dict(self.config)} if self.config else wire

    @property
    def as_gemini(self) -> dict[str, Json]:
        """Members of ``generationConfig``."""
        wire: dict[str, Json] = {"responseModalities": [kind.upper() for kind in self.kinds]}
        config = {CONFIG[name]: said for name, said in self.config.items()}
        return {**wire, "imageConfig": config} if config else wire


def of_chat(extra: Extra) -> Wish | None:
    """None: nothing is said of it."""
    fields = own_fields(extra, "chat")
    config = read.mapping(fields.get("image_config"))
    return _wish(fields, "modalities", config, CONFIG, "image_config")


def of_gemini(extra: Extra) -> Wish | None:
    fields = read.mapping(own_fields(extra, "gemini").get("generationConfig"))
    names = {gemini: chat for chat, gemini in CONFIG.items()}
    inside = "generationConfig."
    found = _wish(fields, "responseModalities", read.mapping(fields.get("imageConfig")), names, f"{inside}imageConfig")
    if found is None:
        return None
    config = {names.get(name, name): said for name, said in found.config.items()}
    return Wish(found.kinds, config, tuple(path if inside in path else f"{inside}{path}" for path in found.unsaid))


def _wish(
    fields: Mapping[str, Json], name: str, config: Mapping[str, Json], known: Mapping[str, str], path: str
) -> Wish | None:
    if name not in fields and not config:
        return None
    kinds = tuple(dict.fromkeys(_kinds(fields.get(name))))
    if IMAGE not in kinds:
        told = ([name] if set(kinds) - {"text"} else []) + ([path] if config else [])
        return Wish((), {}, tuple(told)) if told else None
    said = {one: text for one, text in config.items() if one in known and isinstance(text, str)}
    return Wish(kinds, said, tuple(f"{path}.{one}" for one in config if one not in said))


def _kinds(given: Json) -> Iterator[str]:
    return map(str.lower, read.texts(given))
