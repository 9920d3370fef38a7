"""How fast an answer is to come: Claude's ``speed`` beside the tiers that the others have
(platform.claude.com/docs/en/build-with-claude/fast-mode, developers.openai.com/api/docs/guides/fast-mode)."""

from typing import Final

from ccx_addons.core.neutral import Request

SPEED: Final = frozenset({"speed"})
"""Fields of Messages' side-car that say it."""
FAST: Final = "fast"


def tier(request: Request) -> str | None:
    """The tier that a request of any protocol asks for."""
    if request.extra and request.extra.get("messages", {}).get("speed") == FAST:
        return FAST
    return request.service_tier
